// Says that a form is under way, as the answer may take a minute.
"use strict";

for (const form of document.querySelectorAll("form")) {
  const button = form.querySelector("button");
  const label = button.textContent;

  form.addEventListener("submit", () => {
    button.disabled = true;
    button.textContent = form.elements.background.checked
      ? "Submitting…"
      : "Waiting for the result…";
  });

  // Back on this page from the browser's memory: ready for another.
  addEventListener("pageshow", () => {
    button.disabled = false;
    button.textContent = label;
  });
}
