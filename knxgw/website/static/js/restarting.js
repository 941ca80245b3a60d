// Waits for a device that restarts, then opens the next page.

const next = document.getElementById("restarting").dataset.next;
const ELSEWHERE_MS = 15000; // another address cannot be asked from here
let wasAway = false;

async function look() {
  let status = 0;
  try { status = (await fetch("/health", { cache: "no-store" })).status; } catch { /* it is away */ }
  if (status === 0) wasAway = true;
  else if (wasAway || performance.now() > 20000) { location.assign(next); return; }
  setTimeout(look, 500);
}

if (next.startsWith("/")) look();
else setTimeout(() => location.assign(next), ELSEWHERE_MS);
