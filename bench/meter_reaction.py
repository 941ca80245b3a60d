"""Smart meter telegram in, lowered setpoint on the wire: how fast load management gives way.

A building takes a little more each second, so that everybody is lowered again and again; what the
meter tells includes what the simulated vehicles draw. Every round begins with a new process, because
raising after a reduction takes its time.
"""

from pathlib import Path
from time import perf_counter, sleep

from bench.figures import Figures
from bench.group_writes import write_current
from bench.interruption import KNX, MODBUS_PORT, WEBSITE_PORT, SiteThread
from bench.process import gateway_process
from bench.site import FUSE_A, RESERVE_A, SMART_METER, site_text
from knxgw.sim.house import House

WRITES = {2: 2, 4: 1}  # charging point -> writes at its connection; others take whole amperes only
LIMIT_MA = (FUSE_A - RESERVE_A) * 1000
POINTS = 5
CLIMB_S = 40.0  # from the start until everybody has all it can take
STEP_MA = 1000  # of every charging point: more than the smallest excess that is lowered at once
STEPS = 9
SPACING_S = 4.0  # the vehicles have obeyed by then


def measure(directory: Path, *, rounds: int = 3) -> Figures:
    """Run the site and the gateway; needs loopback only."""
    text = site_text(
        knx=KNX,
        modbus_port=MODBUS_PORT,
        website_port=WEBSITE_PORT,
        with_meters=False,
        shared=True,
    )
    path = directory / "shared.yaml"
    path.write_text(text, encoding="utf-8")
    site = SiteThread(text)
    delays_s: list[float] = []
    started_s = perf_counter()
    try:
        site.plug_everywhere()
        for one in range(rounds):
            with gateway_process(path, directory / f"shared{one}", WEBSITE_PORT):
                delays_s += _round(site)
    finally:
        site.stop()
    return Figures.of(delays_s, count=rounds * STEPS, duration_s=perf_counter() - started_s)


def _round(site: SiteThread) -> list[float]:
    house = House(site.site.chargers)
    house.base_ma = [10_000.0] * 3
    end_s = perf_counter() + CLIMB_S
    while perf_counter() < end_s:
        _tell(house)
        sleep(1.0)
    room_ma = [LIMIT_MA - ma for ma in house.phases_ma()]
    house.base_ma = [base + room for base, room in zip(house.base_ma, room_ma, strict=True)]
    _tell(house)
    sleep(3.0)
    delays_s = []
    for _ in range(STEPS):
        house.base_ma = [ma + STEP_MA * POINTS for ma in house.base_ma]
        seen = {number: site.writes(number) for number in WRITES}
        sent_s = perf_counter()
        _tell(house)
        try:
            last_s = max(
                site.wait_for_write(number, seen[number] + writes - 1)
                for number, writes in WRITES.items()
            )
        except TimeoutError:
            continue  # counted as lost
        delays_s.append(last_s - sent_s)
        sleep(SPACING_S)
    return delays_s


def _tell(house: House) -> None:
    """Send what the meter sees, phase by phase."""
    for address, current_ma in zip(SMART_METER, house.phases_ma(), strict=True):
        write_current(address, current_ma)
