// Waits for a device that restarts, then opens the next page.

let wasAway = false;

async function look() {
  let status = 0;
  try { status = (await fetch("/health", { cache: "no-store" })).status; } catch { /* it is away */ }
  if (status === 0) wasAway = true;
  else if (wasAway || performance.now() > 20000) { location.assign(document.getElementById("restarting").dataset.next); return; }
  setTimeout(look, 500);
}

look();
