// Warns before the session ends, and keeps what was typed beyond its end and a change of the language: in this tab
// only, and no passwords.

import { loggedOff } from "./leaving.js";

const WARNING_MS = 120000, LOOK_MS = 15000, KEY = `typed:${location.pathname}`;
const SECRET = new Set(["password", "hidden", "file", "submit", "button"]);
const box = document.getElementById("ending");
const touched = new Set();
let endsAt = Date.now() + Number(box.dataset.endsIn) * 1000, timer = 0;

// --- what was typed

function fields() {
  const found = new Map();
  for (const form of document.querySelectorAll("main form"))
    for (const one of form.elements) {
      if (!one.name || SECRET.has(one.type) || /password/.test(one.autocomplete)) continue; // a shown one, too
      const choice = ["checkbox", "radio"].includes(one.type) ? one.value : "";
      found.set(`${form.getAttribute("action")} ${one.name} ${choice}`, one);
    }
  return found;
}

function keep() {
  const typed = [...fields()].filter(([, one]) => touched.has(one));
  if (!typed.length) return;
  const kept = typed.map(([name, one]) => [name, ["checkbox", "radio"].includes(one.type) ? one.checked : one.value]);
  sessionStorage.setItem(KEY, JSON.stringify(kept));
}

function restore() {
  const kept = new Map(JSON.parse(sessionStorage.getItem(KEY) ?? "[]"));
  sessionStorage.removeItem(KEY);
  for (const [name, one] of fields()) {
    if (!kept.has(name)) continue;
    if (typeof kept.get(name) === "boolean") one.checked = kept.get(name); else one.value = kept.get(name);
    touched.add(one);
    document.getElementById("typed").hidden = false;
    one.dispatchEvent(new Event("input", { bubbles: true }));
  }
}

// --- the end

async function look(ask = () => fetch("/api/v1/session")) {
  try {
    const answer = await ask();
    if (answer.status === 401) { loggedOff(); return false; }
    if (answer.ok) endsAt = Date.now() + (await answer.json()).ends_in_s * 1000;
  } catch { /* the connection line says that the device is away */ }
  plan();
  return Date.now() < endsAt;
}

function plan() {
  clearTimeout(timer);
  const left = endsAt - Date.now();
  box.hidden = left > WARNING_MS;
  timer = setTimeout(look, left > WARNING_MS ? left - WARNING_MS : Math.max(1000, Math.min(left, LOOK_MS)));
}

function stay() {
  const csrf = document.querySelector("input[name=csrf]").value;
  return fetch("/session", { method: "POST", headers: { "X-CSRF-Token": csrf } });
}

box.querySelector("button").addEventListener("click", () => look(stay));
document.addEventListener("input", (event) => touched.add(event.target));
document.addEventListener("knxgw:leaves", keep);
document.addEventListener("submit", (event) => { // the same page comes back in another language
  if (!event.defaultPrevented && event.target.getAttribute("action") === "/language") keep();
});
document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
addEventListener("submit", async (event) => {
  if (Date.now() < endsAt) return;
  event.preventDefault(); // nothing that was typed is sent into a session that has ended
  event.stopImmediatePropagation();
  if (await look()) event.target.requestSubmit(event.submitter);
}, true);

restore();
plan();
