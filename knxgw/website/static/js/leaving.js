// Where a page goes on. A form that was sent decides that by its answer. Whoever asks the device for a script and
// is refused or led to another page loads the page again: there the device says where to go on, or why not. A page
// goes on once, however many parts of it hear that it must: a second departure would break off the first.

const ANSWERED_MS = 10_000; // that the answer to a form may take
const NOT_NOW = new Set([408, 425, 429]); // refused, but for a moment only
let isSent = false, hasLeft = false;

document.addEventListener("submit", (event) => {
  if (event.defaultPrevented) return;
  isSent = true;
  setTimeout(() => { isSent = false; }, ANSWERED_MS);
});

export function isLeaving() { // also if what is asked for has ended meanwhile
  return isSent;
}

export function isJson(answer) {
  return answer.ok && !answer.redirected && Boolean(answer.headers.get("Content-Type")?.startsWith("application/json"));
}

export function isRefused(answer) { // asking again gains nothing; 5xx: the device, or a proxy, is not ready
  if (answer.ok || answer.type === "opaqueredirect") return !isJson(answer);
  return answer.status >= 400 && answer.status < 500 && !NOT_NOW.has(answer.status);
}

function go(page) {
  if (hasLeft) return;
  hasLeft = true;
  document.dispatchEvent(new CustomEvent("knxgw:leaves")); // keeps what was typed
  location.assign(page);
}

export function loadAgain(page = location.pathname) {
  go(page);
}

export function loggedOff() {
  go(`/login?next=${encodeURIComponent(location.pathname)}`);
}

addEventListener("pageshow", (event) => { if (event.persisted) hasLeft = false; }); // back again
