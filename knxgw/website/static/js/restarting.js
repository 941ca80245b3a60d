// Waits for a device that restarts, alone or with its machine, then opens the next page.

const { next, staysS } = document.getElementById("restarting").dataset;
const ELSEWHERE_MS = 15000; // another address cannot be asked from here
const ASKED_MS = 5000; // a machine that is off answers nothing at all
let wasAway = false;

async function look() {
  let status = 0;
  const signal = AbortSignal.timeout(ASKED_MS);
  try { status = (await fetch("/health", { cache: "no-store", signal })).status; } catch { /* it is away */ }
  if (status === 0) wasAway = true;
  else if (wasAway || performance.now() > Number(staysS) * 1000) { location.assign(next); return; }
  setTimeout(look, 500);
}

if (next.startsWith("/")) look();
else setTimeout(() => location.assign(next), ELSEWHERE_MS);
