"""The serial line of a running gateway gets another speed, or another framing, under its old name.

Pseudo terminals know no parity: a change of it is none of theirs.
"""

import asyncio
import os
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from knxgw.catalogue.load import catalogue
from knxgw.charging.events import ChargerSeen, DeviceEvent
from knxgw.charging.scope import PointNumber
from knxgw.config.model import Configuration
from knxgw.links.modbus import quiet_pymodbus
from knxgw.links.modbus_buses import ModbusBuses
from knxgw.sim.charger import SimulatedCharger
from knxgw.sim.modbus_server import SerialSimulator
from knxgw.sim.serial_wire import SerialWire
from tests.support.modbus_rig import CP1, since_now
from tests.support.waiting import until
from tests.support.world import configure

CP2 = PointNumber(2)
SITE = """
knx: {{link: none}}
serial: {{port: "{port}", protocol: {protocol}, baud: {baud}, parity: N, stop_bits: {stop_bits}}}
load_management: {{mode: "off"}}
charging_points:
  - {{number: 1, model: {model}, connection: {{type: serial, unit: 1}}}}
  - {{number: 2, model: {model}, connection: {{type: serial, unit: 2}}}}
group_objects: {{50: [1/1/50]}}
"""


class Line:
    """Two chargers on a line, and the buses of a gateway."""

    def __init__(self, port: Path) -> None:
        quiet_pymodbus()
        self._port = port
        self.put_up("abb_terra_ac")
        self.wire = SerialWire(character_s=0.0005)
        self.wire.link_to(port)
        self.events: list[DeviceEvent] = []
        self.buses = ModbusBuses(self.events.append)

    def put_up(self, model_id: str) -> None:
        """Exchange both chargers."""
        self._model_id, model = model_id, catalogue().chargers[model_id]
        self.chargers = {CP1: SimulatedCharger(model, 1), CP2: SimulatedCharger(model, 2)}

    def site(
        self, protocol: str = "rtu", *, baud: int = 19_200, stop_bits: int = 1
    ) -> Configuration:
        """Return the configuration of the site with these settings of the line."""
        return configure(
            SITE.format(
                port=self._port,
                model=self._model_id,
                protocol=protocol,
                baud=baud,
                stop_bits=stop_bits,
            )
        )

    def simulator(self, site: Configuration) -> SerialSimulator:
        """Return the chargers as they answer on the line of a site."""
        assert site.serial is not None
        return SerialSimulator(
            list(self.chargers.values()), self.wire, site.serial, now_s=since_now()
        )

    def want(self, offer_ma: int) -> None:
        for number in self.chargers:
            self.buses.want(number, offer_ma)

    async def offered(self, offer_ma: int, seconds: float = 10.0) -> None:
        """Wait until both chargers have an offer."""
        await until(
            lambda: all(abs(one.offer_ma - offer_ma) <= 300 for one in self.chargers.values()),
            seconds,
            f"{offer_ma} mA at both chargers",
        )

    async def seen(self) -> None:
        """Wait until a charger was read from now on."""
        self.events.clear()
        await until(
            lambda: any(isinstance(one, ChargerSeen) for one in self.events), 10.0, "a reading"
        )

    def speed(self) -> int:
        """Return the speed that the gateway has set."""
        end = os.open(self.wire.gateway_end, os.O_RDWR | os.O_NOCTTY)
        try:
            return int(termios.tcgetattr(end)[4])
        finally:
            os.close(end)


@asynccontextmanager
async def running(line: Line, site: Configuration) -> AsyncIterator[SerialSimulator]:
    """Let the buses ask, and the chargers answer as on the line of a site until they are stopped."""
    simulator = line.simulator(site)
    await simulator.start()
    try:
        async with asyncio.TaskGroup() as group:
            asking = group.create_task(line.buses.run())
            yield simulator
            asking.cancel()
    finally:
        await simulator.stop()


@pytest.mark.real
@pytest.mark.proves("D16.70")
async def test_a_line_of_another_speed_and_stop_bit_goes_on_with_the_offers(
    tmp_path: Path,
) -> None:
    line = Line(tmp_path / "line")
    before, after = line.site(), line.site(baud=9600, stop_bits=2)
    line.buses.configure(before)
    async with running(line, before):
        line.want(10_000)
        await line.offered(10_000)
        assert line.speed() == termios.B19200
        assert line.buses.configure(after) == {CP1, CP2}, "new drivers, without an offer yet"
        line.want(8000)
        await line.buses.ended()
        await line.offered(8000)
        assert line.speed() == termios.B9600
        await line.seen()
        assert len(list(line.buses)) == 1


@pytest.mark.long
@pytest.mark.real
@pytest.mark.proves("D16.70")
async def test_chargers_that_are_exchanged_for_ones_of_another_framing_get_their_offers(
    tmp_path: Path,
) -> None:
    line = Line(tmp_path / "line")
    before = line.site()
    line.buses.configure(before)
    async with running(line, before) as simulator:
        line.want(10_000)
        await line.offered(10_000)
        await simulator.stop()
        line.put_up("abl_emh1")
        after = line.site("ascii")
        line.buses.configure(after)
        line.want(8000)
        await line.buses.ended()
        others = line.simulator(after)
        await others.start()
        try:
            await line.offered(8000, 20.0)
            await line.seen()
        finally:
            await others.stop()
