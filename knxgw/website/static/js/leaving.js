// Goes to the log-in once, however many parts of a page hear that the session has ended: a second
// departure would break off the first.

let isLeaving = false;

export function loggedOff() {
  if (isLeaving) return;
  isLeaving = true;
  document.dispatchEvent(new CustomEvent("knxgw:logged-off")); // keeps what was typed
  location.assign(`/login?next=${encodeURIComponent(location.pathname)}`);
}

addEventListener("pageshow", (event) => { if (event.persisted) isLeaving = false; }); // back again
