// Shows how far something is that takes a while: asks every second, and loads the page again at its end,
// unless it is to be kept because somebody types there. A page that is open no more, because ETS has loaded the
// device or the session has ended, is loaded again in any case.

import { isJson, isLeaving, isRefused, loadAgain } from "./leaving.js";

const EVERY_MS = 1000;

function put(part, rows) {
  const table = part.querySelector("table"), body = table.tBodies[0], template = part.querySelector("template");
  rows.forEach((cells, place) => {
    const row = body.rows[place] ?? body.appendChild(template.content.firstElementChild.cloneNode(true));
    row.dataset.tone = cells.tone ?? "";
    for (const cell of row.querySelectorAll("[data-cell]")) {
      const text = cells[cell.dataset.cell] ?? "";
      if (cell.textContent !== text) cell.textContent = text;
    }
  });
  while (body.rows.length > rows.length) body.lastElementChild.remove();
}

async function look(part) {
  let shown = null, isOver = false;
  try {
    const answer = await fetch(part.dataset.progress, { cache: "no-store", redirect: "manual" });
    isOver = isRefused(answer);
    if (isJson(answer)) shown = await answer.json();
  } catch { /* the device is away: the line at the head of the page says so */ }
  const { page } = part.dataset;
  if (isLeaving()) { setTimeout(look, EVERY_MS, part); return; }
  if (isOver) { loadAgain(page); return; }
  if (shown) {
    if (!shown.is_running && !("keep" in part.dataset)) { loadAgain(page); return; }
    const said = part.querySelector(".said-so-far"), bar = part.querySelector("progress");
    if (said.textContent !== shown.said) said.textContent = shown.said;
    if (bar) { bar.max = shown.total || 1; bar.value = shown.done; bar.hidden = !(shown.is_running && shown.total); }
    put(part, shown.rows);
    if (!shown.is_running) { delete part.dataset.running; return; }
  }
  setTimeout(look, EVERY_MS, part);
}

for (const part of document.querySelectorAll("[data-progress][data-running]")) setTimeout(look, EVERY_MS, part);
