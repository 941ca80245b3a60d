// Shows how far something is that takes a while: asks every second, and loads the page again at its end,
// unless it is to be kept because somebody types there.

const EVERY_MS = 1000;
const ANSWERED_MS = 10_000;
let leaves = false; // a form was sent: its answer says where to go on, also if all has ended meanwhile

document.addEventListener("submit", (event) => {
  if (event.defaultPrevented) return;
  leaves = true;
  setTimeout(() => { leaves = false; }, ANSWERED_MS);
});

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
  let shown = null;
  try {
    const answer = await fetch(part.dataset.progress, { cache: "no-store" });
    if (answer.ok && !answer.redirected) shown = await answer.json();
  } catch { /* the device is away: the line at the head of the page says so */ }
  const keeps = "keep" in part.dataset;
  if (shown) {
    if (leaves) { setTimeout(look, EVERY_MS, part); return; }
    if (!shown.is_running && !keeps) { location.assign(location.pathname); return; }
    const said = part.querySelector(".said-so-far"), bar = part.querySelector("progress");
    if (said.textContent !== shown.said) said.textContent = shown.said;
    if (bar) { bar.max = shown.total || 1; bar.value = shown.done; bar.hidden = !(shown.is_running && shown.total); }
    put(part, shown.rows);
    if (!shown.is_running) { delete part.dataset.running; return; }
  }
  setTimeout(look, EVERY_MS, part);
}

for (const part of document.querySelectorAll("[data-progress][data-running]")) setTimeout(look, EVERY_MS, part);
