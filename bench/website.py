"""What visitors of the website cost the charging: one gateway process with and without them, in turns.

Live browsers, slow connections and many log-ins come from a process of their own (`bench.browsers`).
Meanwhile KNX interrupts charging points again and again: from the telegram to the Modbus write.
"""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

from bench.browsers import BROWSERS
from bench.figures import Figures
from bench.interruption import KNX, MODBUS_PORT, POINTS, SPACING_S, WEBSITE_PORT, SiteThread, toggle
from bench.process import GatewayProcess, gateway_process
from bench.site import site_text
from tests.support.visitor import Visitor

STREAMS_OF_SESSION = 4
ROUNDS = 5
SETTLE_S = 5.0  # after a load came or went
SAMPLE_S = 0.25


@dataclass(slots=True)
class Delays:
    """Delays of interruptions, over all turns."""

    seconds: list[float] = field(default_factory=list)
    count: int = 0
    duration_s: float = 0.0

    def add(self, site: SiteThread, duration_s: float) -> None:
        """Interrupt charging points and let them go on for so long."""
        started_s = perf_counter()
        turn = 0
        while perf_counter() < started_s + duration_s:
            number = POINTS[turn % len(POINTS)]
            turn += 1
            for active in (True, False):
                self.count += active
                try:
                    delay_s = toggle(site, number, active=active)
                except TimeoutError:
                    continue  # counted as lost
                if active:
                    self.seconds.append(delay_s)
                sleep(SPACING_S)
        self.duration_s += perf_counter() - started_s

    @property
    def figures(self) -> Figures:
        """Return what they say."""
        return Figures.of(self.seconds, count=self.count, duration_s=self.duration_s)


@contextmanager
def memory_of(process: GatewayProcess) -> Iterator[list[float]]:
    """Sample the memory of a process [MiB] in a thread for the length of a block."""
    found: list[float] = []
    end = threading.Event()

    def run() -> None:
        while not end.wait(SAMPLE_S):
            found.append(process.rss_mib())

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        end.set()
        thread.join()


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What one kind of visitors saw, and what they cost."""

    without: Figures  # interruptions
    with_them: Figures
    before_mib: float
    most_mib: float
    growth_mib: float  # of the most, from the second turn with them (the first of two) to the last
    visitors: int = BROWSERS
    seen: dict[str, Any]  # by the visitors, of the last round
    page_max_ms: float  # of one more visitor beside them
    page_p50_ms: float
    lost: int  # pages and streams that did not come, all rounds

    @property
    def more_ms(self) -> float:
        """Return what they add to the p99 of an interruption."""
        return round(self.with_them.p99_ms - self.without.p99_ms, 1)

    @property
    def more_mib(self) -> float:
        """Return how much memory they take."""
        return round(self.most_mib - self.before_mib, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebsiteFigures:
    """All three kinds."""

    live: Load
    slow: Load
    log_ins: Load


class _Bench:
    def __init__(self, site: SiteThread, process: GatewayProcess, state: Path) -> None:
        self._site, self._process = site, process
        self._visitor = Visitor(WEBSITE_PORT)
        self._visitor.first_log_in(state)

    def sessions(self, count: int) -> list[str]:
        """Return the cookies of new sessions."""
        found = []
        for _ in range(count):
            one = Visitor(WEBSITE_PORT)
            one.log_in()
            found.append("=".join(one.session))
        return found

    def measure(self, what: str, *, with_s: float, rounds: int, sessions: list[str]) -> Load:
        """Measure without and with visitors, in turns; `with_s`: all rounds together."""
        for _ in range(10):  # whatever is made once is made
            self._visitor.page("/")
        without, with_them, pages_s = Delays(), Delays(), []
        before: list[float] = []
        most: list[list[float]] = []
        lost, seen = 0, {}
        part_s = with_s / rounds
        for _ in range(rounds):
            with memory_of(self._process) as quiet:
                without.add(self._site, part_s / 2)
            before += quiet
            load = _visitors(what, part_s + 2 * SETTLE_S, sessions)
            with memory_of(self._process) as busy:
                sleep(SETTLE_S / 2)
                with _one_more(self._visitor) as found:
                    with_them.add(self._site, part_s)
                pages_s += found
                seen = _what_they_saw(load)
            most.append(busy)
            lost += seen["pages"]["lost"]
            sleep(SETTLE_S)
        ordered = sorted(pages_s) or [0.0]
        return Load(
            without=without.figures,
            with_them=with_them.figures,
            before_mib=round(max(before[: len(before) // rounds or 1]), 1),
            most_mib=round(max(map(max, most)), 1),
            growth_mib=round(max(most[-1]) - max(most[min(1, rounds - 2)]), 1),
            seen=seen,
            page_max_ms=round(ordered[-1] * 1000, 1),
            page_p50_ms=round(ordered[len(ordered) // 2] * 1000, 1),
            lost=lost,
        )


def measure(directory: Path, *, minutes: float = 10.0, rounds: int = ROUNDS) -> WebsiteFigures:
    """Run the site, the gateway and its visitors; `minutes`: of live browsers. Needs loopback only."""
    text = site_text(knx=KNX, modbus_port=MODBUS_PORT, website_port=WEBSITE_PORT, with_meters=True)
    path = directory / "website.yaml"
    path.write_text(text, encoding="utf-8")
    site = SiteThread(text)
    found: dict[str, Load] = {}
    plan = {"slow": min(minutes, 2.0), "log-in": min(minutes, 2.0), "live": minutes}
    try:
        site.plug_everywhere()
        for what, its_minutes in plan.items():
            state = directory / f"website-{what}"
            with gateway_process(path, state, WEBSITE_PORT) as process:
                sleep(10.0)  # charging
                bench = _Bench(site, process, state)
                count = -(-BROWSERS // STREAMS_OF_SESSION) if what == "live" else 0
                sessions = bench.sessions(count)
                found[what] = bench.measure(
                    what, with_s=its_minutes * 60, rounds=rounds, sessions=sessions
                )
    finally:
        site.stop()
    return WebsiteFigures(live=found["live"], slow=found["slow"], log_ins=found["log-in"])


def _visitors(what: str, seconds: float, sessions: list[str]) -> subprocess.Popen[str]:
    """Start visitors, and wait until all of them are at work."""
    process = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "bench.browsers", what, str(WEBSITE_PORT), str(seconds)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(" ".join(sessions) + "\n")
    process.stdin.flush()
    process.stdout.readline()
    return process


def _what_they_saw(process: subprocess.Popen[str]) -> dict[str, Any]:
    said, _ = process.communicate(timeout=120)
    seen: dict[str, Any] = json.loads(said)
    return seen


@contextmanager
def _one_more(visitor: Visitor) -> Iterator[list[float]]:
    """Load a page each second beside the others; gives how long each took [s]."""
    found: list[float] = []
    end = threading.Event()

    def run() -> None:
        while not end.wait(1.0):
            started_s = perf_counter()
            visitor.page("/")
            found.append(perf_counter() - started_s)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        end.set()
        thread.join()
