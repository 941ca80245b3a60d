// Appends new rows to a monitor's table. The rows come as texts; a template says which cell takes which.

const root = document.getElementById("monitor");
const body = root.querySelector("tbody"), template = root.querySelector("template");
const MOST_ROWS = Math.max(500, body.rows.length);
const pause = root.querySelector("button.pause"), told = root.querySelector(".told");
let waiting = [], missed = 0, isPaused = false;

function row(cells) {
  const element = template.content.firstElementChild.cloneNode(true);
  for (const cell of element.querySelectorAll("[data-cell]")) cell.textContent = cells[cell.dataset.cell] ?? "";
  if (cells.tone) element.dataset.tone = cells.tone;
  return element;
}

function put(rows) {
  for (const cells of rows) body.prepend(row(cells));
  while (body.rows.length > MOST_ROWS) body.lastElementChild.remove();
  const empty = root.querySelector(".empty");
  if (empty) empty.hidden = body.rows.length > 0;
}

document.addEventListener("knxgw:rows", ({ detail }) => {
  missed += detail.dropped ?? 0;
  if (detail.rate !== undefined) root.querySelector(".rate").textContent = detail.rate;
  if (isPaused) {
    waiting.push(...detail.rows);
    missed += waiting.splice(0, Math.max(0, waiting.length - MOST_ROWS)).length;
  } else put(detail.rows);
  tell();
});

function tell() {
  const parts = [];
  if (isPaused && waiting.length) parts.push(root.dataset.waiting.replace("{n}", waiting.length));
  if (missed) parts.push(root.dataset.missed.replace("{n}", missed));
  told.textContent = parts.join(" · ");
}

pause.hidden = false;
pause.addEventListener("click", () => {
  isPaused = !isPaused;
  pause.setAttribute("aria-pressed", String(isPaused));
  if (!isPaused) { put(waiting); waiting = []; }
  tell();
});
