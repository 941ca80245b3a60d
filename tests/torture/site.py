"""The site: four charging points of three models, simulated in this process; they live on."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from time import perf_counter
from typing import Any, TypeVar

from bench.loops import end_loop
from knxgw.catalogue.load import catalogue
from knxgw.charging.scope import PointNumber
from knxgw.config.load import parse_configuration
from knxgw.links.modbus import quiet_pymodbus
from knxgw.sim.charger import SimulatedCharger
from knxgw.sim.site import SimulatedSite
from knxgw.sim.vehicle import Vehicle

WEBSITE_PORT, MODBUS_PORT = 8080, 5021  # nobody else lives in the namespace
GENERAL_OBJECTS, POINT_OBJECTS = (1, 2), (51, 55, 56, 60)
MINIMUM_MA, MAXIMUM_MA, GRID_MA = 6000, 16_000, 6000
DO_TIMEOUT_S = 10.0
ASKED_TIMEOUT_S, ASKED_POLL_S = 3.0, 0.0002
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlet:
    """A charging point of the site."""

    model: str
    connector: int = 1
    endpoint: int
    resolution_ma: int
    zero_pauses: bool = True  # a setpoint of 0 A
    reading_mwh: int  # what one step of the counter of its session is worth


OUTLETS = {
    1: Outlet(model="alfen_eve", endpoint=0, resolution_ma=100, reading_mwh=2),
    2: Outlet(model="alfen_eve", connector=2, endpoint=0, resolution_ma=100, reading_mwh=2),
    3: Outlet(model="abb_terra_ac", endpoint=1, resolution_ma=1, reading_mwh=1000),
    4: Outlet(
        model="goe_charger", endpoint=2, resolution_ma=1000, zero_pauses=False, reading_mwh=4
    ),
}
POINTS = tuple(OUTLETS)


def group_address(number: int, point: int = 0) -> str:
    """Return the address of a group object, by its number at the first charging point."""
    return f"1/{point}/{number}"


def site_text() -> str:
    """Return the configuration."""
    lines = [
        "device: {name: Torture, time_zone: Europe/Berlin}",
        "knx: {link: routing, local_ip: 127.0.0.1, individual_address: 1.1.20}",
        f'website: {{listen: "127.0.0.1:{WEBSITE_PORT}"}}',
        'load_management: {mode: "off"}',
        f"grid_supporting_control: {{setpoint_a: {GRID_MA // 1000}}}",
        "charging_points:",
    ]
    for number, outlet in OUTLETS.items():
        place = f"type: tcp, host: 127.0.0.1, port: {MODBUS_PORT + outlet.endpoint}, unit: 1"
        lines.append(f"  - {{number: {number}, name: Point {number}, model: {outlet.model},")
        lines.append(f"     minimum_a: {MINIMUM_MA // 1000}, maximum_a: {MAXIMUM_MA // 1000},")
        lines.append(f"     connection: {{{place}, connector: {outlet.connector}}}}}")
    lines.append("group_objects:")
    lines += [f"  {number}: [{group_address(number)}]" for number in GENERAL_OBJECTS]
    for point in POINTS:
        for number in POINT_OBJECTS:
            lines.append(f"  {number + 50 * (point - 1)}: [{group_address(number, point)}]")
    return "\n".join(lines) + "\n"


class Chargers:
    """The simulated chargers on a loop and thread of their own; may be used from any thread."""

    def __init__(self) -> None:
        quiet_pymodbus()  # each kill cuts its connections
        loaded = parse_configuration(site_text(), catalogue(), name="torture")
        assert loaded.configuration is not None, loaded.findings
        self._site = SimulatedSite(loaded.configuration, perf_counter)
        self._plugged_wh = {point: self._charger(point).energy_wh for point in POINTS}
        self.away: set[int] = set()  # endpoints that are switched off
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._wait_for(self._site.start())

    def close(self) -> None:
        """Close every endpoint."""
        self._wait_for(self._site.stop())
        end_loop(self._loop, self._thread)

    # --- what people and power cuts do

    def plug(self, point: int) -> None:
        """Let a vehicle come that charges for ever and follows at once."""
        vehicle = Vehicle(
            capacity_wh=1e9, delay_s=0.0, rise_ma_per_s=1e6, fall_ma_per_s=1e6, maximum_ma=16_000
        )

        def plugged(charger: SimulatedCharger) -> None:
            self._plugged_wh[point] = charger.energy_wh
            charger.plug(vehicle)

        self._do(point, plugged)

    def unplug(self, point: int) -> None:
        """Let the vehicle leave."""
        self._do(point, SimulatedCharger.unplug)

    def break_or_mend(self, point: int, *, broken: bool) -> None:
        """Let the charger report an error, or none."""
        self._do(point, lambda charger: setattr(charger, "has_error", broken))

    def lose_power(self, point: int) -> None:
        """Let the charger forget everything that was written."""
        self._do(point, SimulatedCharger.restart)

    def switch(self, point: int, *, away: bool) -> None:
        """Take the endpoint of a charging point off the network, or put it back."""
        endpoint = OUTLETS[point].endpoint
        server = self._site.endpoint_of(PointNumber(point))
        if away and endpoint not in self.away:
            self.away.add(endpoint)
            self._wait_for(server.stop())
        elif not away and endpoint in self.away:
            self._wait_for(server.start())
            self.away.discard(endpoint)

    def wait_asked(self, point: int) -> None:
        """Wait until somebody asks the charger; finer than `wait_until`, and not for long."""
        charger = self._charger(point)
        before_s = charger._now_s  # a question lets time pass there
        end_s = perf_counter() + ASKED_TIMEOUT_S
        while charger._now_s == before_s and perf_counter() < end_s:
            time.sleep(ASKED_POLL_S)

    # --- what is so

    def offer_ma(self, point: int) -> int:
        """Return the current a charging point offers [mA]."""
        return self._do(point, lambda charger: charger.offer_ma)

    def is_broken(self, point: int) -> bool:
        """Tell whether the charger reports an error."""
        return self._charger(point).has_error

    def is_away(self, point: int) -> bool:
        """Tell whether the charger cannot be reached."""
        return OUTLETS[point].endpoint in self.away

    def delivered_mwh(self, point: int) -> int:
        """Return what the last vehicle has got until now [mWh]."""
        wh = self._do(point, lambda charger: charger.energy_wh) - self._plugged_wh[point]
        return round(wh * 1000)

    def _charger(self, point: int) -> SimulatedCharger:
        return self._site.chargers[PointNumber(point)]

    def _do(self, point: int, action: Callable[[SimulatedCharger], T]) -> T:
        """Do something to a charger, at which time has passed until now."""

        async def done() -> T:
            charger = self._charger(point)
            charger.advance(perf_counter())
            return action(charger)

        return self._wait_for(done())

    def _wait_for(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(DO_TIMEOUT_S)
