// Pages without live values ask every few seconds whether the device still answers: a stream for each of
// them would cost it memory.

import { AWAY_MS, POLL_MS, heard } from "./connection.js";
import { loggedOff } from "./leaving.js";

const ADDRESS = document.body.dataset.beat;
let timer = 0;

async function ask() {
  clearTimeout(timer);
  if (document.hidden) return;
  let pause = AWAY_MS;
  try {
    const { status } = await fetch(ADDRESS, { method: "HEAD", cache: "no-store", signal: AbortSignal.timeout(POLL_MS) });
    if (status === 401) { loggedOff(); return; }
    if (status < 500 || status === 503) { heard(); pause = POLL_MS; } // 503: it starts; others are of a proxy
  } catch { /* the device is away: said by the age of its last answer */ }
  clearTimeout(timer); // of another question, which was asked meanwhile
  timer = setTimeout(ask, pause);
}

document.addEventListener("visibilitychange", () => { if (document.hidden) clearTimeout(timer); else ask(); });
addEventListener("pageshow", (event) => { if (event.persisted) ask(); });
timer = setTimeout(ask, POLL_MS);
