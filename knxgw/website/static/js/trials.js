// Reads the device of a form once: begins it with what is typed, shows how far it is, and can cancel it.

import { isJson, isLeaving, isRefused, loadAgain, loggedOff } from "./leaving.js";

const ASK_MS = 400, WAITS_MS = 1000;

function element(name, text, tone) {
  const made = document.createElement(name);
  made.textContent = text;
  if (tone !== undefined) { made.className = "said"; made.dataset.tone = tone; }
  return made;
}

function pair([name, value]) {
  const made = document.createElement("div");
  made.className = "pair";
  made.append(element("dt", name), element("dd", value));
  return made;
}

function serve(box) {
  const [begin, cancel] = box.querySelectorAll("button"), said = box.querySelector("[role=status]");
  const found = box.querySelector("ul"), values = box.querySelector("dl");
  let number = 0;

  function show(trial) {
    said.dataset.tone = trial.tone;
    if (said.textContent !== trial.text) said.textContent = trial.text;
    found.replaceChildren(...trial.findings.map((one) => element("li", one.text, one.tone)));
    values.replaceChildren(...trial.values.map(pair));
    number = trial.number;
    begin.setAttribute("aria-disabled", String(trial.is_running));
    cancel.hidden = !trial.is_running;
    if (cancel.hidden && document.activeElement === document.body) begin.focus(); // it had the focus, and is gone
  }

  function fail() {
    show({ tone: "bad", text: box.dataset.away, findings: [], values: [], number: 0, is_running: false });
  }

  async function ask(address, options) {
    try {
      const answer = await fetch(address, { ...options, headers: { Accept: "application/json" }, redirect: "manual" });
      if (answer.status === 401) { loggedOff(); return; }
      if (isRefused(answer)) { leave(); return; }
      if (!isJson(answer)) { fail(); return; }
      const trial = await answer.json();
      show(trial);
      if (trial.is_running) setTimeout(ask, ASK_MS, `/config/trials/${trial.number}`);
    } catch { fail(); }
  }

  function leave() { // a form that was sent leads on by itself, unless it is not answered
    if (isLeaving()) setTimeout(leave, WAITS_MS);
    else loadAgain();
  }

  begin.addEventListener("click", (event) => {
    event.preventDefault();
    if (begin.getAttribute("aria-disabled") === "true") return;
    begin.setAttribute("aria-disabled", "true");
    ask(begin.formAction, { method: "POST", body: new FormData(begin.form) });
  });
  cancel.addEventListener("click", () => {
    const data = new FormData();
    data.set("csrf", begin.form.elements.csrf.value);
    fetch(`/config/trials/${number}/cancel`, { method: "POST", body: data }).catch(fail);
  });
}

for (const box of document.querySelectorAll(".trial")) serve(box);
