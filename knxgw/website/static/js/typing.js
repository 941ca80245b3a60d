// Has the device check what is typed, shortly after the last change, and puts what it finds beside the fields.
// The texts are those of the server; focus, scroll position and what is typed stay as they are.

import { isLeaving, loadAgain, loggedOff } from "./leaving.js";

const CALM_MS = 400, PATIENCE_MS = 10000, AGAIN_MS = 3000;
const form = document.querySelector("form[data-check]");
const box = form.querySelector(".checked"), list = box.querySelector("ul");
const [said, notice] = box.querySelectorAll("[role=status]");
let turn = 0, timer = 0, asking = null, changes = 0, checked = 0; // checked: how many of the changes

// --- asking

function later(pause) {
  clearTimeout(timer);
  timer = setTimeout(ask, pause);
}

function changed() {
  changes++;
  asking?.abort(); // its answer would be about something else
  later(CALM_MS);
}

function typed() {
  const data = new FormData(form);
  data.set("turn", String(++turn));
  return data;
}

async function ask() {
  clearTimeout(timer);
  const mine = new AbortController(), limit = setTimeout(() => mine.abort(), PATIENCE_MS);
  const about = changes;
  asking = mine;
  try {
    const answer = await fetch(form.dataset.check, { method: "POST", body: typed(), signal: mine.signal, redirect: "error" });
    if (answer.status === 401) { loggedOff(); return; }
    const found = answer.headers.get("Content-Type")?.startsWith("application/json") ? await answer.json() : null;
    if (asking !== mine) return;
    if (answer.status === 409 && !found) { if (!isLeaving()) loadAgain(); return; } // ETS has loaded the device
    if (answer.ok) { checked = about; show(found); } else {
      put(notice, found?.notice ?? form.dataset.away);
      if (answer.status === 429 || answer.status >= 500) again(about);
    }
  } catch {
    if (asking === mine && about === changes) { put(notice, form.dataset.away); again(about); }
  } finally {
    clearTimeout(limit);
    if (asking === mine) asking = null;
  }
}

function again(about) {
  if (about === changes) later(AGAIN_MS); // else it is asked again anyway
}

// --- showing

function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function text(tone, words) {
  const element = document.createElement("span");
  element.className = "said";
  element.dataset.tone = tone;
  element.textContent = words;
  return element;
}

function show(found) {
  const active = document.activeElement, before = active.getBoundingClientRect().top;
  fill(found);
  if (form.contains(active)) scrollBy(0, active.getBoundingClientRect().top - before); // it stays where it was
}

function fill(found) {
  form.elements.seen.value = found.seen;
  if (form.elements.was) form.elements.was.value = found.was;
  for (const place of form.querySelectorAll(".found")) {
    const name = place.id.slice("said:".length);
    const field = document.getElementById(name);
    const here = found.fields[name] ?? [];
    replace(place, here.map((one) => text(one.tone, one.text)));
    if (here.some((one) => one.tone === "bad")) field.setAttribute("aria-invalid", "true");
    else field.removeAttribute("aria-invalid");
  }
  for (const place of form.querySelectorAll(".why")) explain(place, found.idle);
  for (const button of form.querySelectorAll(".reset")) button.hidden = !found.differing.includes(button.value);
  replace(list, found.lines.map(line));
  said.dataset.tone = found.tone;
  put(said, found.text);
  put(notice, found.notice);
  box.hidden = false;
}

function explain(place, idle) { // why something has no effect; nothing is folded under somebody's hands
  const isOfField = place.parentElement.matches(".field"), box = place.closest(".folded, .group");
  const outer = isOfField ? box?.querySelector(".why") : null;
  let one = idle[place.dataset.of];
  if (one && outer && idle[outer.dataset.of]?.text === one.text) one = null; // it is said already
  if (!isOfField && !one && place.hasChildNodes()) box?.querySelector("details[data-opens]")?.setAttribute("open", "");
  if (!one) place.replaceChildren();
  else if (place.textContent !== `${one.text} ${one.words}`) {
    const link = Object.assign(document.createElement("a"), { href: one.path, textContent: one.words });
    place.replaceChildren(`${one.text} `, link);
  }
}

function replace(place, children) { // only what is new: whoever reads it or points at it is not disturbed
  const now = [...place.children];
  if (now.length === children.length && now.every((one, at) => one.isEqualNode(children[at]))) return;
  place.replaceChildren(...children);
}

function line(one) {
  const element = document.createElement("li");
  const head = document.createElement(one.path || one.name || one.line ? "a" : "span");
  element.dataset.tone = one.tone;
  head.textContent = one.words;
  if (one.path) head.href = one.path;
  else if (one.name) head.href = `#${encodeURIComponent(one.name)}`;
  else if (one.line) { head.href = "#text"; head.dataset.line = one.line; }
  element.append(head);
  if (one.text) element.append(" ", Object.assign(document.createElement("span"), { textContent: one.text }));
  return element;
}

// --- jumping

function jump(event) {
  const link = event.target.closest("a[href^='#']");
  if (!link) return;
  const field = document.getElementById(decodeURIComponent(link.hash.slice(1)));
  if (!field) return;
  event.preventDefault();
  for (let folded = field.closest("details"); folded; folded = folded.parentElement.closest("details")) folded.open = true;
  const control = field.matches("fieldset") ? field.querySelector("input:checked") ?? field.querySelector("input") : field;
  if (link.dataset.line) select(control, Number(link.dataset.line));
  control.focus();
  if (!link.dataset.line) control.scrollIntoView({ block: "center" });
}

function select(area, number) {
  const lines = area.value.split("\n"), start = lines.slice(0, number - 1).join("\n").length + (number > 1 ? 1 : 0);
  area.setSelectionRange(start, start + (lines[number - 1] ?? "").length);
  const height = parseFloat(getComputedStyle(area).lineHeight);
  area.scrollTop = Math.max(0, (number - 5) * height);
}

function reset(event) { // without a script the button sends the form
  const button = event.target.closest(".reset");
  if (!button) return;
  event.preventDefault();
  const field = document.getElementById(button.value);
  const control = field.querySelector("input[value='']") ?? field;
  if (control === field) field.value = "";
  else control.checked = true;
  button.hidden = true;
  control.focus();
  control.dispatchEvent(new Event("input", { bubbles: true }));
}

form.addEventListener("click", jump);
form.addEventListener("click", reset);
form.addEventListener("input", changed);
form.addEventListener("change", (event) => { if (event.target.matches("select")) changed(); });
form.addEventListener("submit", () => { clearTimeout(timer); checked = changes; asking?.abort(); asking = null; });
addEventListener("pagehide", () => { // the tab is closed: what was typed last is kept as well
  if (checked === changes) return;
  clearTimeout(timer);
  checked = changes;
  fetch(form.dataset.check, { method: "POST", body: typed(), keepalive: true }).catch(() => { /* too long, or away */ });
});
