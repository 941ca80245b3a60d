"""Interruption telegram in, Modbus write on the wire: one clock for both ends, a real gateway between.

The simulated chargers live in this process and note when a write arrives; the telegram goes out
of this process by routing on loopback.
"""

import asyncio
import statistics
import threading
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, sleep

from bench.figures import Figures
from bench.group_writes import write_bit
from bench.loops import end_loop
from bench.process import Cost, gateway_process
from bench.site import site_text
from knxgw.catalogue.load import catalogue
from knxgw.charging.scope import PointNumber
from knxgw.config.load import parse_configuration
from knxgw.sim.site import SimulatedSite
from knxgw.sim.vehicle import Vehicle

MODBUS_PORT, WEBSITE_PORT = 15021, 18080
KNX = "link: routing, local_ip: 127.0.0.1, individual_address: 1.1.20"
POINTS = (2, 3, 4, 5)  # KEBA takes one write in 5 s, so it is measured apart
SILENT = 5
GRID_WRITES = {2: 2, 4: 1}  # charging point -> writes at its connection, KEBA left out
SPACING_S = 0.11
WRITE_TIMEOUT_S = 8.0  # a raise at a KEBA may wait 5 s behind a watchdog refresh


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessFigures:
    """What one gateway process with five chargers and five meters shows."""

    ready_s: float
    idle: Cost
    charging: Cost
    interruption: Figures
    grid_control: Figures  # to everyone, while one charger does not answer
    keba_ms: tuple[float, ...]


class SiteThread:
    """Simulated chargers and meters on their own loop in a thread."""

    def __init__(self, text: str) -> None:
        loaded = parse_configuration(text, catalogue(), name="bench")
        assert loaded.configuration is not None, loaded.findings
        self.site = SimulatedSite(loaded.configuration, perf_counter)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.site.start(), self._loop).result(10)

    def stop(self) -> None:
        """Close the simulators."""
        asyncio.run_coroutine_threadsafe(self.site.stop(), self._loop).result(10)
        end_loop(self._loop, self._thread)

    def plug_everywhere(self) -> None:
        """Let a vehicle charge at every point."""
        for charger in self.site.chargers.values():
            charger.plug(Vehicle(capacity_wh=1e9))

    def wait_for_write(self, number: int, seen: int) -> float:
        """Return when the next write arrived at a charging point [perf_counter s]."""
        writes = self.site.endpoint_of(PointNumber(number)).writes
        end_s = perf_counter() + WRITE_TIMEOUT_S
        while len(writes) <= seen:
            if perf_counter() > end_s:
                raise TimeoutError(f"no write at charging point {number}")
            sleep(0.0002)
        return writes[seen][0]

    def writes(self, number: int) -> int:
        """Return how many writes arrived at the endpoint of a charging point."""
        return len(self.site.endpoint_of(PointNumber(number)).writes)


def measure(directory: Path, *, count: int = 300) -> ProcessFigures:
    """Run the site, the gateway and the telegrams; needs loopback only."""
    text = site_text(knx=KNX, modbus_port=MODBUS_PORT, website_port=WEBSITE_PORT, with_meters=True)
    path = directory / "site.yaml"
    path.write_text(text, encoding="utf-8")
    site = SiteThread(text)
    try:
        ready = []
        for run in range(4):
            with gateway_process(path, directory / f"state{run}", WEBSITE_PORT) as process:
                ready.append(process.ready_s)
        with gateway_process(path, directory / "state", WEBSITE_PORT) as process:
            ready.append(process.ready_s)
            sleep(3.0)
            idle = process.cost(20.0)
            site.plug_everywhere()
            sleep(12.0)
            charging = process.cost(20.0)
            figures = _interruptions(site, count)
            keba = _keba(site, 2)
            grid = _grid_control(site, count // 3)
    finally:
        site.stop()
    return ProcessFigures(
        ready_s=round(statistics.median(ready), 2),
        idle=idle,
        charging=charging,
        interruption=figures,
        grid_control=grid,
        keba_ms=tuple(round(delay_s * 1000, 1) for delay_s in keba),
    )


def _interruptions(site: SiteThread, count: int) -> Figures:
    delays_s = []
    started_s = perf_counter()
    for turn in range(count):
        number = POINTS[turn % len(POINTS)]
        for active in (True, False):
            try:
                delay_s = toggle(site, number, active=active)
            except TimeoutError:
                continue  # counted as lost
            if active:
                delays_s.append(delay_s)
            sleep(SPACING_S)
    return Figures.of(delays_s, count=count, duration_s=perf_counter() - started_s)


def _grid_control(site: SiteThread, count: int) -> Figures:
    """Limit everyone while one charger is silent: until the last of the others was written to.

    One charger has two points behind one connection: it needs two writes, one after the other.
    """
    site.site.endpoint_of(PointNumber(SILENT)).misbehaviour.silent = True
    sleep(10.0)  # it counts as not reachable by now
    delays_s = []
    started_s = perf_counter()
    for _ in range(count):
        for active in (True, False):
            seen = {number: site.writes(number) for number in GRID_WRITES}
            sent_s = perf_counter()
            write_bit("1/0/1", int(active))
            try:
                last_s = max(
                    site.wait_for_write(number, seen[number] + writes - 1)
                    for number, writes in GRID_WRITES.items()
                )
            except TimeoutError:
                continue  # counted as lost
            if active:
                delays_s.append(last_s - sent_s)
            sleep(SPACING_S)
    return Figures.of(delays_s, count=count, duration_s=perf_counter() - started_s)


def _keba(site: SiteThread, count: int) -> list[float]:
    """Interrupt a charger that takes one write in 5 s, always just after another write."""
    delays_s = []
    for _ in range(count):
        sleep(11.0)
        delays_s.append(toggle(site, 1, active=True))
        sleep(11.0)
        toggle(site, 1, active=False)
    return delays_s


def toggle(site: SiteThread, number: int, *, active: bool) -> float:
    """Interrupt a charging point by KNX or let it go on; return the delay to the write [s]. Raises: TimeoutError."""
    seen = site.writes(number)
    sent_s = perf_counter()
    write_bit(f"1/{number}/55", int(active))
    return site.wait_for_write(number, seen) - sent_s
