// What a page says of its connection to the device, in the words of the page: live, old, disconnected.
// Whoever hears from the device says so here.

const WORDS = JSON.parse(document.getElementById("words").textContent);
const LOST_MS = 15000;
const NEEDS_DEVICE = 'main form[method="post"] button:not([type="button"])';
const line = document.getElementById("connection");
export const OLD_MS = 7000, POLL_MS = 5000, AWAY_MS = 2000; // AWAY_MS: between two tries while it is away

export let mode = "live", heardAt = performance.now(); // mode: live, polling, restarting

export function become(next) {
  mode = next;
  tell();
}

export function heard() {
  heardAt = performance.now();
  tell();
}

function tell() {
  const age = performance.now() - heardAt;
  const seconds = Math.round(age / 1000);
  let tone = "good", text = mode === "polling" ? WORDS.polling : WORDS.live, now = "live";
  if (mode === "restarting") [tone, text, now] = ["warning", WORDS.restarting, "disconnected"];
  else if (age > LOST_MS) [tone, text, now] = ["bad", WORDS.disconnected.replace("{s}", seconds), "disconnected"];
  else if (age > OLD_MS) [tone, text, now] = ["warning", WORDS.old.replace("{s}", seconds), "old"];
  document.documentElement.dataset.connection = now;
  line.dataset.tone = tone;
  const label = line.querySelector(".words");
  if (label.textContent !== text) label.textContent = text;
  for (const control of document.querySelectorAll(NEEDS_DEVICE)) control.disabled = now === "disconnected";
}

line.hidden = false; // without a script nobody would change what it says
tell();
setInterval(tell, 1000);
