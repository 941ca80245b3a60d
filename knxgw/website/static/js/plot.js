// The plot of a phase: building and charging points stacked, what the meter measured as a line, the
// limit dashed, gaps hatched. Drawn in real pixels, so that its words stay readable on a phone.
// The legend of the page says which traces there are, how each is drawn, and what it is called.

import { PlotTable } from "./plot_table.js";

const NS = "http://www.w3.org/2000/svg";
const HEIGHT = 220, LEFT = 44, RIGHT = 8, TOP = 10, BOTTOM = 24, MOST_COLUMNS = 600, EVERY_MS = 2000;
const root = document.getElementById("plot");
const svg = root.querySelector("svg.plot");
const readout = root.querySelector(".readout");
const peak = root.querySelector("[data-highest]");
const words = root.dataset;
const language = document.documentElement.lang;
const number = new Intl.NumberFormat(language, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const time = (more) => new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: words.zone, ...more });
const hours = time({}), clocks = { "1h": time({ second: "2-digit" }), "24h": time({ weekday: "short" }) };
const traces = [...root.querySelectorAll("[data-trace]")].map((element) => ({
  key: element.dataset.trace,
  kind: element.dataset.kind,
  style: element.querySelector("svg > *").getAttribute("class"),
  get name() { return element.textContent; },
  element,
}));
const table = new PlotTable(root.querySelector("#plot-table"), words.gap);

let data = null, range = "1h", phase = root.querySelector("[data-phase]").dataset.phase, cursor = null, timer = 0;

function make(name, attributes, text) {
  const element = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

// --- values

function query() {
  return new URLSearchParams({ range, phase, ...(words.point && { point: words.point }) }).toString();
}

async function load() {
  clearTimeout(timer);
  const asked = query();
  if (!document.hidden) {
    const after = data ? `&after=${data.last}` : "";
    try {
      const answer = await fetch(`/api/v1/plot?${asked}${after}`);
      const next = answer.ok ? await answer.json() : null;
      if (asked !== query()) return; // somebody wants to see something else by now, and has asked for it
      if (next && next.last >= next.first) take(next); // else there is nothing new, or nothing at all yet
    } catch { /* the connection line says that the device is away */ }
  }
  timer = setTimeout(load, range === "1h" ? EVERY_MS : 60000);
}

function take(next) {
  const count = { "1h": 1800, "24h": 1440 }[range], isMore = data !== null && next.first === data.last + 1;
  if (isMore) {
    for (const rows of ["values", "highest"]) append(rows, next, count);
    const shift = Math.max(0, next.last - data.first + 1 - count);
    data.first += shift;
    data.last = next.last;
    data.startMs = Date.parse(next.first_at) - (next.first - data.first) * data.step_s * 1000;
  } else {
    data = { ...next, range, startMs: Date.parse(next.first_at) };
  }
  for (const one of traces) one.element.hidden = !data.values[one.key];
  peak.hidden = !data.highest[peak.dataset.highest];
  if (isMore) table.know(view()); else table.show(view());
  draw();
}

function append(rows, next, count) {
  const fresh = next.last - next.first + 1;
  for (const key of new Set([...Object.keys(data[rows]), ...Object.keys(next[rows])])) {
    const old = data[rows][key] ?? new Array(data.last - data.first + 1).fill(null);
    data[rows][key] = old.concat(next[rows][key] ?? new Array(fresh).fill(null)).slice(-count);
  }
}

// --- words of a step, which is counted from the first that is shown; cursor and table say the same.
// They take what is shown by hand: the table still shows the old range while another one is asked for.

function known(shown) {
  return traces.filter((one) => shown.values[one.key]);
}

function isGap(shown, step) {
  return traces.every((one) => one.kind === "bound" || shown.values[one.key]?.[step] == null);
}

function clock(shown, step) {
  return clocks[shown.range].format(shown.startMs + step * shown.step_s * 1000);
}

function figure(shown, key, step) {
  const found = [shown.values[key]?.[step], shown.highest[key]?.[step]].filter((ma) => ma != null);
  return found.map((ma) => number.format(ma / 1000)).join(" / ");
}

function view() {
  const shown = data, { first, last } = data;
  return { first, last, columns: known(shown), isDay: shown.range === "24h", clock: (step) => clock(shown, step - first), figure: (key, step) => figure(shown, key, step - first), isGap: (step) => isGap(shown, step - first) };
}

// --- drawing

function columns(width) {
  const steps = data.last - data.first + 1, count = Math.min(MOST_COLUMNS, Math.floor(width), steps);
  return Array.from({ length: count }, (_, n) => [Math.floor((n * steps) / count), Math.max(1, Math.floor(((n + 1) * steps) / count) - Math.floor((n * steps) / count))]);
}

function highest(values, [start, length]) {
  let found = null;
  for (let n = start; n < start + length; n++) if (values?.[n] != null && (found === null || values[n] > found)) found = values[n];
  return found;
}

// Returns what is stacked in one step of a slot, the highest one: peaks of several steps do not add up.
function tallest(areas, [start, length]) {
  let found = [], most = -1;
  for (let n = start; n < start + length; n++) {
    const stack = areas.map((one) => Math.max(0, data.values[one.key][n] ?? 0)), sum = stack.reduce((a, b) => a + b, 0);
    if (sum > most) [found, most] = [stack, sum];
  }
  return found;
}

function draw() {
  if (!data) return;
  const width = Math.max(260, svg.clientWidth), inner = width - LEFT - RIGHT, bottom = HEIGHT - BOTTOM;
  svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
  const slots = columns(inner), areas = known(data).filter((one) => one.kind === "area");
  const lines = known(data).filter((one) => one.kind !== "area").map((one) => ({ ...one, values: slots.map((slot) => highest(data.values[one.key], slot)) }));
  if (!peak.hidden) lines.unshift({ kind: "line", style: "highest", values: slots.map((slot) => highest(data.highest[peak.dataset.highest], slot)) });
  const stacked = slots.map((slot) => tallest(areas, slot));
  const gap = slots.map(([start, length]) => Array.from({ length }, (_, n) => start + n).every((step) => isGap(data, step)));
  const top = Math.max(8000, ...lines.flatMap((one) => one.values.map((ma) => ma ?? 0)), ...stacked.map((one) => one.reduce((a, b) => a + b, 0))) * 1.08;
  const x = (n) => LEFT + (n / slots.length) * inner, y = (ma) => bottom - (ma / top) * (bottom - TOP);
  const parts = [hatch(), ...grid(top, y, width), ...times(x, slots.length, bottom)];
  gaps(gap).forEach(([from, to]) => parts.push(make("rect", { x: x(from), y: TOP, width: x(to) - x(from), height: bottom - TOP, class: "gap", fill: "url(#gap)" })));
  areas.forEach((one, layer) => parts.push(make("path", { d: area(stacked, layer, gap, x, y), class: one.style })));
  lines.forEach((one) => parts.push(make("path", { d: line(one.values, x, y), class: one.style })));
  for (const one of lines.filter((each) => each.kind === "bound")) {
    const now = one.values.findLast((ma) => ma !== null);
    if (now) parts.push(make("text", { x: width - RIGHT, y: y(now) - 4, class: "label end" }, `${one.name} ${number.format(now / 1000)} A`));
  }
  if (cursor !== null) parts.push(make("line", { x1: x(place(slots)), x2: x(place(slots)), y1: TOP, y2: bottom, class: "cursor" }));
  svg.replaceChildren(...parts);
  tell();
}

function hatch() {
  const pattern = make("pattern", { id: "gap", width: 8, height: 8, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" });
  pattern.append(make("line", { x1: 0, y1: 0, x2: 0, y2: 8, class: "hatch" }));
  return pattern;
}

function grid(top, y, width) {
  const step = [2000, 5000, 10000, 20000, 50000].find((one) => top / one <= 6) ?? 100000, found = [];
  for (let ma = 0; ma <= top; ma += step) found.push(make("line", { x1: LEFT, x2: width - RIGHT, y1: y(ma), y2: y(ma), class: "grid" }), make("text", { x: LEFT - 6, y: y(ma) + 4, class: "label end" }, `${ma / 1000} A`));
  return found;
}

function times(x, count, bottom) {
  return (x(count) - x(0) < 240 ? [0, 0.5, 1] : [0, 0.25, 0.5, 0.75, 1]).map((part) => make("text", { x: x(part * count), y: bottom + 17, class: `label ${["start", "middle", "end"][part === 0 ? 0 : part === 1 ? 2 : 1]}` }, hours.format(data.startMs + part * (data.last - data.first + 1) * data.step_s * 1000)));
}

function gaps(isGap) {
  const found = [];
  isGap.forEach((gap, n) => { if (gap) { if (found.at(-1)?.[1] === n) found.at(-1)[1] = n + 1; else found.push([n, n + 1]); } });
  return found;
}

function area(stacked, layer, isGap, x, y) {
  let path = "", open = false, lower = [];
  const end = () => { if (open) path += lower.reverse().join("") + "Z"; open = false; lower = []; };
  stacked.forEach((values, n) => {
    if (isGap[n]) { end(); return; }
    const below = values.slice(0, layer).reduce((a, b) => a + b, 0), above = below + values[layer];
    path += `${open ? "L" : "M"}${x(n)} ${y(above)}L${x(n + 1)} ${y(above)}`;
    lower.push(`L${x(n + 1)} ${y(below)}L${x(n)} ${y(below)}`);
    open = true;
  });
  end();
  return path;
}

function line(values, x, y) {
  let path = "", open = false;
  values.forEach((ma, n) => {
    if (ma !== null) path += `${open ? "L" : "M"}${x(n)} ${y(ma)}L${x(n + 1)} ${y(ma)}`;
    open = ma !== null;
  });
  return path;
}

// --- the cursor

function at() {
  return Math.min(Math.max(0, cursor - data.first), data.last - data.first);
}

function place(slots) {
  return slots.findIndex(([start, length]) => at() >= start && at() < start + length) + 0.5;
}

function tell() {
  if (cursor === null) { readout.textContent = words.hint; return; }
  const parts = known(data).filter((one) => figure(data, one.key, at())).map((one) => `${one.name} ${figure(data, one.key, at())} A`);
  const both = data.range === "24h" && parts.length ? ` (${words.both})` : "";
  readout.textContent = `${clock(data, at())}${both}: ${parts.join(" · ") || words.gap}`;
}

function move(step) {
  if (!data) return;
  cursor = Math.min(Math.max(data.first, step), data.last);
  draw();
}

svg.addEventListener("keydown", (event) => {
  if (!data) return;
  const from = cursor ?? data.last, page = Math.round((data.last - data.first) / 10);
  const to = { ArrowLeft: from - 1, ArrowRight: from + 1, PageUp: from - page, PageDown: from + page, Home: data.first, End: data.last }[event.key];
  if (event.key === "Escape") { cursor = null; draw(); }
  if (to === undefined) return;
  event.preventDefault();
  move(to);
});
svg.addEventListener("pointermove", (event) => {
  if (!data) return;
  const box = svg.getBoundingClientRect(), part = (event.clientX - box.left - LEFT) / (box.width - LEFT - RIGHT);
  move(data.first + Math.round(part * (data.last - data.first)));
});
svg.addEventListener("pointerleave", () => { cursor = null; draw(); });

for (const button of root.querySelectorAll("button[data-range], button[data-phase]")) {
  button.addEventListener("click", () => {
    if (button.dataset.range) range = button.dataset.range; else phase = button.dataset.phase;
    for (const one of root.querySelectorAll("button[aria-pressed]")) one.setAttribute("aria-pressed", String(one.dataset.range === range || one.dataset.phase === phase));
    root.querySelector("a.csv").setAttribute("href", `/api/v1/plot.csv?${query()}`);
    data = cursor = null;
    load();
  });
}
new ResizeObserver(draw).observe(svg);
document.addEventListener("visibilitychange", () => { if (!document.hidden) load(); });
for (const one of root.querySelectorAll(".scripted")) one.hidden = false;
load();
