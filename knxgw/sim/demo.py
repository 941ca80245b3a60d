"""The demo: a simulated site, cars that come and go, and what a terminal shows of it."""

import asyncio
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from rich.console import Group
from rich.text import Text

from knxgw.charging.words import PointNumber
from knxgw.sim.charger import SimulatedCharger
from knxgw.sim.house import House
from knxgw.sim.loopback import free_port
from knxgw.sim.vehicle import Vehicle
from knxgw.station.view import PointView, SiteView

SITE = Path(__file__).with_name("demo_site.yaml")
FIRST_WEB_PORT = 8080
DEVICES, FIRST_DEVICE_PORT = 4, 5021
USUAL_GROUP = "224.0.23.12"
OWN_GROUPS = 50  # demos at once
METER_S = 2.0  # the smart meter sends this often
HEADINGS = ("CP", "Name", "State", "Offer", "L1/L2/L3", "Power", "Session")
COLUMNS = (("<", 2), ("<", 14), ("<", 18), (">", 6), (">", 16), (">", 8), (">", 9))
SHORT_STAY_S, LONG_STAY_S = 40.0, 120.0
SHORT_GAP_S, LONG_GAP_S = 5.0, 40.0


def demo_site(web: int, group: str, ports: Sequence[int]) -> str:
    """Return the demo's configuration: port of its website, multicast group, ports of its devices."""
    named = {f"port_{number}": port for number, port in enumerate(ports, start=1)}
    return SITE.read_text(encoding="utf-8").format(web=web, group=group, **named)


def device_ports() -> list[int]:
    """Return ports for the demo's devices that nobody uses."""
    return [free_port(0) for _ in range(DEVICES)]


def groups() -> Iterator[str]:
    """Yield the multicast groups a demo may use: that of every installation, else one of its own."""
    yield USUAL_GROUP
    for number in range(OWN_GROUPS):
        yield f"239.255.24.{number + 1}"


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


def live_view(site: SiteView, head: Sequence[str]) -> Group:
    """Return what the terminal shows: what a person must know first, each charging point below.

    A terminal of 80 columns and 24 lines has room for all of it.
    """
    lines = [f"knxgw demo: {site.name}", *head, sharing_line(site)]
    texts = [Text(line, overflow="fold") for line in lines if line]
    return Group(*texts, Text(), _line(HEADINGS, "bold"), *_two_lines_each(site))


def _two_lines_each(site: SiteView) -> Iterator[Text]:
    for point in site.points:
        number, _, state, *numbers, reason = _row(point)
        fault = f"{point.fault}: " if point.fault_present else ""
        yield _line((number, point.name, state, *numbers))
        yield Text(
            f"   {point.model} · {fault}{reason}", style="dim", no_wrap=True, overflow="ellipsis"
        )


def _line(cells: Sequence[str], style: str = "") -> Text:
    """Return cells in columns; a long one is cut."""
    shown = (
        f"{cell[:width]:{side}{width}}" for cell, (side, width) in zip(cells, COLUMNS, strict=True)
    )
    return Text(" ".join(shown).rstrip(), style=style, no_wrap=True, overflow="ellipsis")


def plain_lines(site: SiteView, head: Sequence[str]) -> str:
    """Return the same as plain lines, for an output that cannot be written over."""
    rows = ("  ".join(_row(point)) for point in site.points)
    return "\n".join([" · ".join(head), sharing_line(site), *rows])


def _row(point: PointView) -> tuple[str, ...]:
    phases = "/".join("-" if p is None else f"{p / 1000:.1f}" for p in point.phases_ma)
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
