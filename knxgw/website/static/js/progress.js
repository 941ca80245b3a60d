// Shows how far something is that takes a while: asks every second, and loads the page again at its end.

const EVERY_MS = 1000;
const part = document.querySelector("[data-progress][data-running]");

function put(table, rows) {
  const body = table.tBodies[0], template = part.querySelector("template");
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

async function look() {
  let shown = null;
  try {
    const answer = await fetch(part.dataset.progress, { cache: "no-store" });
    if (answer.ok && !answer.redirected) shown = await answer.json();
  } catch { /* the device is away: the line at the head of the page says so */ }
  if (shown) {
    if (!shown.is_running) { location.assign(location.pathname); return; }
    const said = part.querySelector(".said-so-far"), bar = part.querySelector("progress");
    if (said.textContent !== shown.said) said.textContent = shown.said;
    if (bar) { bar.max = shown.total || 1; bar.value = shown.done; }
    put(part.querySelector("table"), shown.rows);
  }
  setTimeout(look, EVERY_MS);
}

if (part) setTimeout(look, EVERY_MS);
