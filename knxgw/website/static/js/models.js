// Beside the picker of a model: what the chosen one supplies, and a search by manufacturer and name.
// A word fits where one of the names begins with it, in any spelling (`goe`, `go-e`), as in `knxgw models`.

const SHOWN = 8; // lines of the list while somebody searches
const asked = new Map(); // the last question of each picker

// --- what a model supplies

function element(name, text, children = []) {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  made.append(...children);
  return made;
}

function fact({ label, texts, is_english }) {
  const value = texts.length === 1 ? element("dd", texts[0]) : element("dd", "", [element("ul", "", texts.map((one) => element("li", one)))]);
  if (is_english) value.lang = "en";
  const pair = element("div", "", [element("dt", label), value]);
  pair.className = "pair";
  return pair;
}

function facts(place, found) {
  const link = Object.assign(element("a", place.dataset.page), { href: found.path });
  const all = element("details", "", [
    element("summary", place.dataset.more),
    element("dl", "", found.facts.filter((one) => !one.is_first).map(fact)),
    element("p", "", [link]),
  ]);
  all.open = place.querySelector("details")?.open ?? false;
  place.replaceChildren(element("dl", "", found.facts.filter((one) => one.is_first).map(fact)), all);
}

async function show(select) {
  const place = document.getElementById(`model:${select.id}`);
  asked.get(select)?.abort();
  const mine = new AbortController();
  asked.set(select, mine);
  try {
    if (!select.selectedOptions[0]?.dataset.names) { place.replaceChildren(); return; }
    const answer = await fetch(`${select.dataset.models}/${encodeURIComponent(select.value)}.json`, { signal: mine.signal });
    if (!answer.ok) throw new Error(answer.statusText);
    facts(place, await answer.json());
  } catch {
    if (!mine.signal.aborted) place.replaceChildren(); // nothing is better than what another model supplies
  }
}

// --- search

function words(text) {
  return text.toLowerCase().match(/[a-z0-9]+/g) ?? [];
}

function has(names, word) {
  return names.some((_, at) => names.slice(at).join("").startsWith(word));
}

function search(select) {
  const field = document.getElementById(`search:${select.id}`), told = field.parentElement.querySelector("[role=status]");
  const groups = [...select.querySelectorAll("optgroup")].map((group) => ({
    group, options: [...group.children].map((option) => ({ option, names: words(option.dataset.names ?? "") })),
  }));
  field.parentElement.hidden = false;
  field.addEventListener("input", (event) => {
    event.stopPropagation(); // nothing of the configuration has changed
    const wanted = field.value.split(/\s+/).map((one) => words(one).join("")).filter(Boolean);
    let count = 0;
    for (const { group, options } of groups) {
      const fitting = options.filter(({ names }) => wanted.every((word) => has(names, word)));
      count += fitting.length;
      const kept = options.filter((one) => fitting.includes(one) || one.option.selected);
      group.replaceChildren(...kept.map(({ option }) => option));
      group.hidden = kept.length === 0;
    }
    select.size = wanted.length ? SHOWN : 0;
    const text = [told.dataset.none, told.dataset.one][count] ?? told.dataset.fits.replace("{n}", count);
    told.textContent = wanted.length ? text : "";
  });
  field.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") { event.preventDefault(); select.focus(); }
    if (event.key === "Enter") { // the one that fits is taken; nothing is sent
      event.preventDefault();
      const fitting = [...select.querySelectorAll("optgroup option")].filter((one) => !one.selected);
      if (fitting.length !== 1) { select.focus(); return; }
      select.value = fitting[0].value;
      select.dispatchEvent(new Event("change", { bubbles: true }));
    }
  });
}

for (const select of document.querySelectorAll("select[data-models]")) {
  search(select);
  select.addEventListener("change", () => show(select));
  select.addEventListener("input", () => { if (select.size) show(select); });
}
