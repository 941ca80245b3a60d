// The plot as a table: the newest step first, as many rows as somebody asks for. It stands still while
// somebody reads it, and steps of which nothing was recorded are one row.

const ROWS_AT_ONCE = 60;

export class PlotTable {
  #root;
  #gap;
  #view = null;
  #next = null; // step of the next row, which is older

  constructor(root, gap) {
    this.#root = root;
    this.#gap = gap;
    root.addEventListener("toggle", () => this.#refill());
    root.querySelector("[data-newest]").addEventListener("click", () => this.#refill());
    root.querySelector("[data-older]").addEventListener("click", () => this.#extend());
  }

  // Takes newer values, and leaves the rows as they are.
  know(view) {
    this.#view = view;
  }

  // Shows another range or phase.
  show(view) {
    this.know(view);
    this.#refill();
  }

  #refill() {
    if (!this.#root.open || !this.#view) return;
    const time = this.#root.querySelector("thead th");
    time.parentElement.replaceChildren(time, ...this.#view.columns.map((one) => cell("th", "columnheader", one.name, { scope: "col", class: "number" })));
    this.#root.querySelector(".both").hidden = !this.#view.isDay;
    this.#root.querySelector("tbody").replaceChildren();
    this.#next = this.#view.last;
    this.#extend();
  }

  #extend() {
    const rows = [];
    while (rows.length < ROWS_AT_ONCE && this.#next >= this.#view.first) rows.push(this.#row());
    this.#root.querySelector("tbody").append(...rows);
    const older = this.#root.querySelector("[data-older]"), isEnd = this.#next < this.#view.first;
    if (isEnd && document.activeElement === older) this.#root.querySelector("[data-newest]").focus({ preventScroll: true });
    older.hidden = isEnd;
  }

  #row() {
    const view = this.#view, newest = this.#next--;
    if (!view.isGap(newest)) return row(view.clock(newest), view.columns.map((one) => cell("td", "cell", view.figure(one.key, newest), { class: "number", "data-label": one.name })));
    while (this.#next >= view.first && view.isGap(this.#next)) this.#next--;
    const oldest = this.#next + 1, when = oldest === newest ? view.clock(newest) : `${view.clock(oldest)} – ${view.clock(newest)}`;
    return row(when, [cell("td", "cell", this.#gap, { colspan: view.columns.length, class: "muted" })]);
  }
}

function row(when, cells) {
  const element = document.createElement("tr");
  element.setAttribute("role", "row");
  element.append(cell("th", "rowheader", when, { scope: "row" }), ...cells);
  return element;
}

function cell(name, role, text, attributes) {
  const element = document.createElement(name);
  element.setAttribute("role", role);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.textContent = text;
  return element;
}
