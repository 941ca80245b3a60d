"""How soon a phone on a weak link shows the Status page: Chromium with a slow network and a slow processor."""

import statistics
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from bench.interruption import KNX, MODBUS_PORT, WEBSITE_PORT, SiteThread
from bench.process import gateway_process
from bench.site import site_text
from tests.browser.site import ARGUMENTS, CHROMIUM
from tests.support.visitor import Visitor

DOWN_BYTES_PER_S, UP_BYTES_PER_S = 1.6e6 / 8, 0.75e6 / 8
LATENCY_MS = 150
SLOWER = 4  # than this processor
RUNS = 7
PAINTED = """() => new Promise((resolve) => {
    const found = performance.getEntriesByName("first-contentful-paint")[0];
    if (found) { resolve(found.startTime); return; }
    new PerformanceObserver((list) => {
        for (const one of list.getEntries())
            if (one.name === "first-contentful-paint") resolve(one.startTime);
    }).observe({ type: "paint", buffered: true });
})"""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstPage:
    """What the first visit costs, with nothing in the browser's cache."""

    paint_s: float  # median of all visits
    best_s: float
    bytes: int  # over the network, until the page has loaded


def is_possible() -> bool:
    """Tell whether this machine has the browser."""
    return CHROMIUM.exists()


def measure(directory: Path) -> FirstPage:
    """Run the site and the gateway, and visit it; needs loopback and Debian's Chromium."""
    text = site_text(
        knx=KNX, modbus_port=MODBUS_PORT, website_port=WEBSITE_PORT, with_meters=False, shared=True
    )
    path, state = directory / "page.yaml", directory / "page"
    path.write_text(text, encoding="utf-8")
    site = SiteThread(text)
    try:
        site.plug_everywhere()
        with gateway_process(path, state, WEBSITE_PORT), sync_playwright() as playwright:
            visitor = Visitor(WEBSITE_PORT)
            visitor.first_log_in(state)
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
            visits = [_visit(browser, visitor.session) for _ in range(RUNS)]
            browser.close()
    finally:
        site.stop()
    paints_s = [paint_s for paint_s, _ in visits]
    return FirstPage(
        paint_s=round(statistics.median(paints_s), 2),
        best_s=round(min(paints_s), 2),
        bytes=max(size for _, size in visits),
    )


def _visit(browser: Browser, session: tuple[str, str]) -> tuple[float, int]:
    """Return the first contentful paint [s] and the bytes of a first visit."""
    base = f"http://127.0.0.1:{WEBSITE_PORT}"
    context = browser.new_context(viewport={"width": 360, "height": 740}, locale="en-GB")
    context.add_cookies([{"name": session[0], "value": session[1], "url": base}])
    page = context.new_page()
    tools = context.new_cdp_session(page)
    tools.send("Network.enable")
    tools.send(
        "Network.emulateNetworkConditions",
        {
            "offline": False,
            "latency": LATENCY_MS,
            "downloadThroughput": DOWN_BYTES_PER_S,
            "uploadThroughput": UP_BYTES_PER_S,
        },
    )
    tools.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    sizes: list[float] = []
    tools.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    page.goto(base, wait_until="load")
    paint_ms: float = page.evaluate(PAINTED)
    context.close()
    return paint_ms / 1000, round(sum(sizes))
