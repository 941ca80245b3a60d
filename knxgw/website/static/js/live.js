// Keeps a page as fresh as the device: one event stream while the page is visible. It puts the values
// of the server into the elements that name them; it knows no words and no formats of its own.

import { AWAY_MS, OLD_MS, POLL_MS, become, heard, heardAt, mode } from "./connection.js";
import { loggedOff } from "./leaving.js";

const STREAM = document.body.dataset.stream; // of a live list; live pages have their own
const HIDDEN_MS = 10000, RETRY_STREAM_MS = 60000;
const WAITS_S = [1, 2, 4, 8, 15, 30];
const ATTRIBUTES = new Set(["x", "width", "x1", "x2", "aria-pressed", "value"]);

let state = null, lastId = document.body.dataset.after ?? "", source = null, failures = 0;
let hiddenTimer = 0, retryTimer = 0, pollTimer = 0, etag = "";
let silences = 0, isAsking = false; // of a stream that is open, and yet nothing comes

function lookUp(path) {
  return path.split(".").reduce((node, key) => (node == null ? undefined : node[key]), state);
}

function merge(target, patch) {
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete target[key];
    else if (typeof value === "object") target[key] = merge(target[key] && typeof target[key] === "object" ? target[key] : {}, value);
    else target[key] = value;
  }
  return target;
}

function bind(element) {
  for (const part of element.dataset.bind.split(";")) {
    const [what, path] = part.split(":");
    const value = lookUp(path);
    if (what === "text") {
      const text = value === undefined ? "" : String(value);
      if (element.textContent !== text) element.textContent = text;
    } else if (what === "show") {
      element.hidden = !value;
    } else if (what === "icon") {
      element.setAttribute("href", `#i-${value}`);
    } else if (what === "link") {
      element.setAttribute("href", /^\/[\w/-]*$/.test(value ?? "") ? value : "#");
    } else if (ATTRIBUTES.has(what)) {
      element.setAttribute(what, value ?? 0);
    } else if (String(element.dataset[what]) !== String(value)) {
      element.dataset[what] = value ?? "";
    }
  }
}

function fill(list) {
  const entries = lookUp(list.dataset.each) ?? {};
  const template = list.querySelector(":scope > template");
  const present = new Map([...list.children].filter((one) => one.dataset.key).map((one) => [one.dataset.key, one]));
  for (const [key, element] of present) if (!(key in entries)) element.remove();
  for (const key of Object.keys(entries).sort()) {
    let element = present.get(key);
    if (!element) {
      element = template.content.firstElementChild.cloneNode(true);
      element.dataset.key = key;
      for (const one of [element, ...element.querySelectorAll("[data-bind]")])
        if (one.dataset.bind) one.dataset.bind = one.dataset.bind.replaceAll(".*", `.${key}`);
    }
    if (element !== list.lastElementChild) list.append(element);
  }
}

function show() {
  for (const list of document.querySelectorAll("[data-each]")) fill(list);
  for (const element of document.querySelectorAll("[data-bind]")) bind(element);
  document.dispatchEvent(new CustomEvent("knxgw:state", { detail: state }));
}

function take(next) {
  const layout = document.body.dataset.layout;
  if (layout !== undefined && next.layout !== layout) { location.reload(); return; }
  state = next;
  show();
}

function watch() {
  if (mode === "live" && source && performance.now() - heardAt > OLD_MS) askBeside();
}

// --- the stream

function open() {
  close();
  if (document.hidden) return;
  source = new EventSource(withQuery(STREAM ?? "/api/v1/events?topics=page", "after", lastId));
  source.addEventListener("snapshot", (event) => { note(event); take(JSON.parse(event.data)); });
  source.addEventListener("delta", (event) => {
    note(event);
    if (state === null) { lastId = ""; open(); return; }
    take(merge(structuredClone(state), JSON.parse(event.data)));
  });
  source.addEventListener("beat", note);
  source.addEventListener("rows", (event) => { note(event); tellRows(JSON.parse(event.data)); });
  source.addEventListener("bye", (event) => ended(JSON.parse(event.data).why));
  source.onerror = () => { if (source?.readyState === EventSource.CLOSED) refused(); };
}

function withQuery(address, name, value) {
  return `${address}${address.includes("?") ? "&" : "?"}${name}=${encodeURIComponent(value)}`;
}

function tellRows(detail) {
  document.dispatchEvent(new CustomEvent("knxgw:rows", { detail }));
}

function note(event) {
  if (event.lastEventId) lastId = event.lastEventId;
  become("live");
  silences = failures = 0;
  heard();
}

function close() {
  source?.close();
  source = null;
  clearTimeout(retryTimer);
  clearTimeout(pollTimer);
}

function ended(why) {
  close();
  if (why === "logged_off") loggedOff();
  else if (why === "too_many") poll(Infinity); // until it is shown again: another page of this browser has the stream
  else { become("restarting"); waitForDevice(); }
}

function ask() {
  const signal = AbortSignal.timeout(POLL_MS);
  if (STREAM) return fetch(withQuery(withQuery(STREAM, "once", 1), "after", lastId), { signal });
  return fetch("/api/v1/page", { headers: { "If-None-Match": etag }, signal });
}

async function took(answer, asked) {
  if (answer.ok && STREAM) {
    const news = await answer.json();
    if (lastId === asked) { lastId = news.id; tellRows(news); } // else they came by the stream meanwhile
  } else if (answer.ok) {
    etag = answer.headers.get("ETag") ?? "";
    lastId = ""; // the next stream begins with a snapshot: its differences belong to what it sent itself
    take(await answer.json());
  }
  if (!answer.ok && answer.status !== 304) return;
  failures = 0;
  heard();
}

async function refused() {
  close();
  const wait = WAITS_S[Math.min(failures++, WAITS_S.length - 1)] * (0.8 + 0.4 * Math.random());
  let status = 0;
  try { status = (await ask()).status; } catch { /* the device is away */ }
  if (status === 401) ended("logged_off");
  else if (status === 200 || status === 304) poll();
  else retryTimer = setTimeout(open, wait * 1000);
}

// A stream is silent. If the device answers beside it, the stream is dead (the computer slept) and is opened
// again; if the next one is silent too, something on the way holds streams back, and the page polls.
async function askBeside() {
  if (isAsking) return;
  isAsking = true;
  const silentSince = heardAt, asked = lastId;
  let pause = 1000;
  try {
    const answer = await ask();
    if (heardAt !== silentSince) return; // it came back meanwhile
    if (answer.status === 401) { ended("logged_off"); return; }
    await took(answer, asked);
    if (answer.ok || answer.status === 304) { if (++silences < 2) open(); else { close(); poll(); } }
  } catch { pause = POLL_MS; /* the device is away */ } finally {
    setTimeout(() => { isAsking = false; }, pause);
  }
}

async function poll(since = performance.now()) {
  become("polling");
  const asked = lastId;
  try {
    const answer = await ask();
    if (source) return; // the page was hidden and is shown again: its stream tells the same
    if (answer.status === 401) { ended("logged_off"); return; }
    await took(answer, asked);
  } catch { /* said by its age */ }
  if (source) return;
  if (performance.now() - since > RETRY_STREAM_MS) { become("live"); silences = 1; open(); }
  else pollTimer = setTimeout(poll, POLL_MS, since);
}

async function waitForDevice() {
  try {
    if ((await fetch("/health", { cache: "no-store" })).status < 500) { location.reload(); return; }
  } catch { /* not yet */ }
  retryTimer = setTimeout(waitForDevice, AWAY_MS);
}

document.addEventListener("visibilitychange", () => {
  clearTimeout(hiddenTimer);
  if (document.hidden) hiddenTimer = setTimeout(close, HIDDEN_MS);
  else if (!source) open();
});
addEventListener("pageshow", (event) => { if (event.persisted) open(); });
addEventListener("pagehide", close);

setInterval(watch, 1000);
open();
