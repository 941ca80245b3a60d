"""The demo: a simulated site, cars that come and go, and what a terminal shows of it."""

import asyncio
import random
import socket
from pathlib import Path
from typing import NoReturn

from rich.table import Table

from knxgw.charging.words import PointNumber
from knxgw.sim.charger import SimulatedCharger
from knxgw.sim.house import House
from knxgw.sim.vehicle import Vehicle
from knxgw.station.view import PointView, SiteView

SITE = Path(__file__).with_name("demo_site.yaml")
FIRST_WEB_PORT = 8080
METER_S = 2.0  # the smart meter sends this often
METER_ADDRESS = "1.1.30"
SHORT_STAY_S, LONG_STAY_S = 40.0, 120.0
SHORT_GAP_S, LONG_GAP_S = 5.0, 40.0


def demo_site() -> str:
    """Return the demo's configuration with free ports filled in."""
    ports = {f"port_{number}": _free_port(0) for number in range(1, 5)}
    return SITE.read_text(encoding="utf-8").format(web=_web_port(), **ports)


def _web_port() -> int:
    for port in range(FIRST_WEB_PORT, FIRST_WEB_PORT + 20):
        try:
            return _free_port(port)
        except OSError:
            continue
    return _free_port(0)


def _free_port(port: int) -> int:
    """Return a TCP port of 127.0.0.1 that nobody uses; 0 for any. Raises: OSError."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        return int(probe.getsockname()[1])


async def come_and_go(number: PointNumber, charger: SimulatedCharger, seed: int) -> NoReturn:
    """Plug vehicles in and out for ever; the same seed gives the same day."""
    dice = random.Random(seed + number)  # noqa: S311 - a simulation, no secret
    await asyncio.sleep(1.0 + 2.0 * number)
    while True:
        charger.plug(_some_vehicle(dice))
        await asyncio.sleep(dice.uniform(SHORT_STAY_S, LONG_STAY_S))
        charger.unplug()
        await asyncio.sleep(dice.uniform(SHORT_GAP_S, LONG_GAP_S))


def _some_vehicle(dice: random.Random) -> Vehicle:
    capacity_wh = dice.choice((38_000, 58_000, 77_000))
    return Vehicle(
        capacity_wh=capacity_wh,
        charge_wh=capacity_wh * dice.uniform(0.2, 0.999),
        phases=dice.choice((1, 3, 3)),
        maximum_ma=dice.choice((10_000, 16_000, 16_000)),
    )


async def live_in(house: House, seed: int) -> NoReturn:
    """Let things be switched on and off in the building for ever, each on one phase or on all."""
    dice = random.Random(seed)  # noqa: S311 - a simulation, no secret
    running: list[tuple[float, float, tuple[int, ...]]] = []  # until when, mA, phases
    loop = asyncio.get_running_loop()
    while True:
        now_s = loop.time()
        running = [one for one in running if one[0] > now_s]
        phases = dice.choice(((0,), (1,), (2,), (0, 1, 2)))
        running.append((now_s + dice.uniform(10, 60), dice.uniform(1000, 12_000), phases))
        for index in range(3):
            house.base_ma[index] = 2000.0 + sum(ma for _, ma, on in running if index in on)
        await asyncio.sleep(dice.uniform(5.0, 20.0))


def sharing_line(site: SiteView) -> str:
    """Return load management in one line."""
    sharing = site.sharing
    if sharing is None:
        return ""
    phases = ", ".join(
        f"{one.name} {_ampere(one.measured_ma)} (building {_ampere(one.base_ma)})"
        for one in sharing.phases
    )
    return f"load management {sharing.state_words}, limit {_ampere(sharing.limit_ma)}: {phases}"


def _ampere(current_ma: int | None) -> str:
    return "-" if current_ma is None else f"{current_ma / 1000:.1f} A"


def live_table(site: SiteView, footer: str) -> Table:
    """Return the table of the terminal."""
    title = f"knxgw demo: {site.name}\n{sharing_line(site)}"
    table = Table(title=title, caption=footer, expand=True)
    for heading in ("CP", "Name", "State", "Offer", "L1 / L2 / L3", "Power", "Session", "Reason"):
        table.add_column(heading, justify="left")
    for point in site.points:
        table.add_row(*_row(point))
    return table


def plain_lines(site: SiteView) -> str:
    """Return the table as plain lines, for an output that is no terminal."""
    return "\n".join([sharing_line(site), *("  ".join(_row(point)) for point in site.points)])


def _row(point: PointView) -> tuple[str, ...]:
    phases = " / ".join("-" if p is None else f"{p / 1000:.1f}" for p in point.phases_ma)
    fault = f" [{point.fault}]" if point.fault_present else ""
    return (
        str(point.number),
        f"{point.name} ({point.model})",
        f"{'-' if point.state is None else point.state} {point.state_words}{fault}",
        "-" if point.offer_ma is None else f"{point.offer_ma / 1000:.1f} A",
        f"{phases} A",
        "-" if point.power_w is None else f"{point.power_w} W",
        "-" if point.session_wh is None else f"{point.session_wh / 1000:.2f} kWh",
        point.reason,
    )
