// Follows a job: asks for its status each second, and reloads the page when it has ended.
"use strict";

const SECOND = 1000;
const MAX_WAIT = 10 * SECOND;
const STATES = { WAITING: "Waiting", PENDING: "Pending", PROGRESS: "Progress" };

const job = document.getElementById("job");
const statusUrl = `/jobs/${job.dataset.id}/status`;
const about = document.title.slice(document.title.indexOf(": "));
const part = (id) => document.getElementById(id);

function setText(id, text) {
  // Only changed text, so that screen readers do not read the same again.
  if (part(id).textContent !== String(text)) part(id).textContent = text;
}

function showTrouble(text) {
  part("trouble").hidden = !text;
  setText("trouble", text);
}

function setState(text) {
  setText("state", text);
  document.title = text + about;
}

function address(url) {
  if (!/^https?:/i.test(url)) return document.createTextNode(url);
  const link = document.createElement("a");
  link.href = url;
  link.rel = "noopener nofollow";
  link.textContent = url;
  return link;
}

function failureRow({ url, reason, detail }) {
  const row = document.createElement("li");
  const parts = [
    ["url", address(url)],
    ["badge failure", reason.replaceAll("_", " ")],
    ["", detail],
  ];
  for (const [name, content] of parts) {
    const span = document.createElement("span");
    span.className = name;
    span.append(content);
    row.append(span, " ");
  }
  return row;
}

function retryRow({ url, at }) {
  const row = document.createElement("li");
  const link = document.createElement("span");
  link.className = "url";
  link.append(address(url));
  const time = document.createElement("time");
  time.className = "quiet";
  time.dateTime = at;
  time.textContent = localTime(at); // of times.js
  row.append(link, " ", time);
  return row;
}

function show(status) {
  setState(status.cancelling ? "Cancelling" : STATES[status.state]);
  part("state").className = `badge ${status.state.toLowerCase()}`;
  if (status.total !== null) {
    setText("counted", `${status.current} of ${status.total} articles`);
    part("progress").max = status.total || 1;
    part("progress").value = status.total ? status.current : 1;
  }
  setText("processed", status.processed_count);
  setText("failed", status.failed_count);
  const hosts = [...new Set(status.waiting.map(({ host }) => host))];
  part("waiting").hidden = hosts.length === 0;
  setText("waiting", `${status.waiting_count} waiting for ${hosts.join(", ")}`);
  part("retrying").hidden = status.retrying.length === 0;
  setText("retrying-count", status.retrying_count);
  part("retries").replaceChildren(...status.retrying.map(retryRow));
  const list = part("failed-urls");
  for (const failure of status.failures.slice(list.children.length, list.dataset.shown)) {
    list.append(failureRow(failure));
  }
  part("failures").hidden = status.failures.length === 0;
  part("cancel").querySelector("button").disabled = status.cancelling;
}

async function poll(wait) {
  try {
    const response = await fetch(statusUrl, { headers: { Accept: "application/json" } });
    if (response.status === 404) {
      showTrouble("This job is no longer kept.");
      return;
    }
    if (!response.ok) throw new Error(response.statusText);
    const status = await response.json();
    showTrouble("");
    if (!(status.state in STATES)) {
      location.reload();
      return;
    }
    show(status);
    wait = SECOND;
  } catch {
    showTrouble("The service cannot be reached. Trying again.");
    wait = Math.min(wait * 2, MAX_WAIT);
  }
  setTimeout(poll, wait, wait);
}

part("cancel").addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = event.target.querySelector("button");
  button.disabled = true;
  try {
    const response = await fetch(`/jobs/${job.dataset.id}`, { method: "DELETE" });
    if (response.ok) setState("Cancelling");
    else if (response.status !== 409) throw new Error(response.statusText);
  } catch {
    button.disabled = false;
    showTrouble("The job could not be cancelled. Try again.");
  }
});

setTimeout(poll, SECOND, SECOND);
