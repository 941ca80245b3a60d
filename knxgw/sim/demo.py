"""The site of the demo, and the cars that come and go."""

import asyncio
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from knxgw.charging.scope import PointNumber
from knxgw.sim.charger import SimulatedCharger
from knxgw.sim.house import House
from knxgw.sim.loopback import free_port
from knxgw.sim.misbehaviour import Misbehaviour
from knxgw.sim.vehicle import Vehicle

SITE = Path(__file__).with_name("demo_site.yaml")
FIRST_WEB_PORT = 8080
DEVICES, FIRST_DEVICE_PORT = 4, 5021
USUAL_GROUP = "224.0.23.12"
OWN_GROUPS = 50  # demos at once
METER_S = 2.0  # the smart meter sends this often
FAULT_S = 20.0  # until the device that is to have a fault has one
SHORT_GAP_S, LONG_GAP_S = 5.0, 40.0


def demo_site(web: int, group: str, ports: Sequence[int]) -> str:
    """Return the demo's configuration: port of its website, multicast group, ports of its devices."""
    named = {f"port_{number}": port for number, port in enumerate(ports, start=1)}
    return SITE.read_text(encoding="utf-8").format(web=web, group=group, **named)


# in the place of the demo's meter on KNX, for somebody who has no bus
KNX_METER = '{source: knx, phases: 3, measurement: current, dpt: "14.019"}'
MODBUS_METER = (
    "{{source: modbus, model: eastron_sdm630, "
    "connection: {{type: tcp, host: 127.0.0.1, port: {port}, unit: 1}}}}"
)


def with_meter_on_modbus(site: str, port: int) -> str:
    """Return the demo's configuration with its smart meter on Modbus."""
    return site.replace(KNX_METER, MODBUS_METER.format(port=port))


def device_ports() -> list[int]:
    """Return ports for the demo's devices, and for a meter on Modbus, that nobody uses."""
    return [free_port(0) for _ in range(DEVICES + 1)]


def groups() -> Iterator[str]:
    """Yield the multicast groups a demo may use: that of every installation, else one of its own."""
    yield USUAL_GROUP
    for number in range(OWN_GROUPS):
        yield f"239.255.24.{number + 1}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Visits:
    """How vehicles come and go."""

    shortest_s: float = 40.0  # that one stays
    longest_s: float = 120.0
    fullest: float = 0.999  # share of its battery that is full when it comes


async def come_and_go(
    number: PointNumber, charger: SimulatedCharger, seed: int, visits: Visits = Visits()
) -> NoReturn:
    """Plug vehicles in and out for ever; the same seed gives the same day."""
    dice = random.Random(seed + number)  # noqa: S311 - a simulation, no secret
    await asyncio.sleep(1.0 + 2.0 * number)
    while True:
        charger.plug(_some_vehicle(dice, visits.fullest))
        await asyncio.sleep(dice.uniform(visits.shortest_s, visits.longest_s))
        charger.unplug()
        await asyncio.sleep(dice.uniform(SHORT_GAP_S, LONG_GAP_S))


async def break_down(endpoint: Misbehaviour) -> None:
    """Let the device of an endpoint stop answering after a while, for ever."""
    await asyncio.sleep(FAULT_S)
    endpoint.away = True


def _some_vehicle(dice: random.Random, fullest: float) -> Vehicle:
    capacity_wh = dice.choice((38_000, 58_000, 77_000))
    return Vehicle(
        capacity_wh=capacity_wh,
        charge_wh=capacity_wh * dice.uniform(0.2, fullest),
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
