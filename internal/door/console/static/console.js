// The console's own script: the dialog, running times, copy buttons, the connection's state.
// Pages work without it; nothing here knows a rule.
"use strict";

(() => {
  const dialog = document.getElementById("dialog");
  const body = document.getElementById("dialog-body");
  let opener = null;

  // The dialog is open as long as it has content. The server closes it by sending none. Only what
  // has settled is shown: before that htmx does not hear a form's submit.
  document.addEventListener("htmx:afterSettle", (e) => {
    if (e.target === body) {
      if (!body.firstElementChild) return dialog.close();
      if (!dialog.open) {
        opener = document.activeElement;
        dialog.showModal();
      }
      const first = body.querySelector("[aria-invalid=true], [autofocus]") || body.querySelector("button, a");
      if (first) first.focus();
    } else if (e.target.id === "on-air") {
      greet(e.target);
    }
    tick();
  });

  // A secret must not stay in the page behind a closed dialog. The event comes with the next frame: by then the
  // dialog may be open again, with what is to be kept.
  dialog.addEventListener("close", () => {
    if (dialog.open) return;
    body.replaceChildren();
    const back = opener && (opener.isConnected ? opener : opener.id && document.getElementById(opener.id));
    if (back) back.focus();
  });

  // In the capture phase: htmx must not follow the link.
  document.addEventListener("click", (e) => {
    if (dialog.open && (e.target.closest("[data-close]") || e.target === dialog)) {
      // A click beside the dialog closes it, but never takes a secret away by accident.
      if (e.target === dialog && body.querySelector(".secret")) return;
      e.preventDefault();
      e.stopPropagation();
      dialog.close();
      return;
    }
    const button = e.target.closest("[data-copy]");
    if (button) copy(button);
  }, true);

  dialog.addEventListener("cancel", (e) => {
    if (body.querySelector(".secret")) e.preventDefault();
  });

  // A picker needs no button of its own.
  document.addEventListener("change", (e) => {
    const form = e.target.closest("form[data-auto]");
    if (form) form.requestSubmit();
  });

  async function copy(button) {
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
    } catch {
      // Without permission, or over plain http from afar: select it, for the person to copy.
      getSelection().selectAllChildren(button.parentElement.querySelector("code"));
      return;
    }
    button.classList.add("copied");
    button.setAttribute("aria-label", "Copied");
    setTimeout(() => {
      button.classList.remove("copied");
      button.setAttribute("aria-label", "Copy");
    }, 1600);
  }

  // Running times: the server sends when it began, so that a part does not change every second.
  function tick() {
    for (const el of document.querySelectorAll("time[data-since]")) {
      const s = Math.max(0, Math.floor((Date.now() - Date.parse(el.dateTime)) / 1000));
      const two = (n) => String(n).padStart(2, "0");
      const h = Math.floor(s / 3600);
      const text = (h ? h + ":" + two(Math.floor(s / 60) % 60) : Math.floor(s / 60)) + ":" + two(s % 60);
      if (el.textContent !== text) el.textContent = text;
    }
  }
  setInterval(tick, 1000);
  tick();

  // Cards that were not there before come in gently; all others stay where they are.
  const cards = () => new Set([...document.querySelectorAll(".card")].map((c) => c.dataset.room));
  let known = cards();
  function greet(board) {
    for (const card of board.querySelectorAll(".card")) {
      if (!known.has(card.dataset.room)) card.classList.add("arrived");
    }
    known = cards();
  }

  // A cover that cannot be loaded makes way for the placeholder below it. "error" does not bubble.
  document.addEventListener("error", (e) => {
    if (e.target instanceof HTMLImageElement) e.target.remove();
  }, true);

  // A page that no longer hears from the server says so. One that leaves closes its streams, too.
  const fresh = document.getElementById("freshness");
  let leaving = false;
  addEventListener("pagehide", () => { leaving = true; });
  addEventListener("pageshow", () => { leaving = false; });
  document.addEventListener("htmx:sseError", () => {
    if (!leaving) fresh.classList.add("lost");
  });
  document.addEventListener("htmx:sseOpen", () => fresh.classList.remove("lost"));
})();
