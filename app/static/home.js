// Shows that a form was sent, as the response may take a minute.
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

  // The browser says nothing of a field that is folded away.
  form.addEventListener("invalid", ({ target }) => target.closest("details")?.setAttribute("open", ""), true);

  // The browser restored this page from its back/forward cache: ready for another form.
  addEventListener("pageshow", () => {
    button.disabled = false;
    button.textContent = label;
  });
}
