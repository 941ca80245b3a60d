"""A Modbus bus against simulated devices on null modems: order, trouble, and healing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from pymodbus.transport import NULLMODEM_HOST

from knxgw.catalogue.load import catalogue
from knxgw.charging.events import (
    ChargerConditionChanged,
    ChargerSeen,
    DeviceEvent,
    OfferTaken,
)
from knxgw.charging.words import LinkCondition, PointNumber, Quantity
from knxgw.links.keep_alive import keep_alive
from knxgw.links.modbus import ModbusBus, quiet_pymodbus
from knxgw.links.modbus_endpoint import TcpEndpoint
from knxgw.modbus.driver import Driver
from knxgw.sim.charger import SimulatedCharger
from knxgw.sim.modbus_server import ModbusSimulator
from knxgw.sim.vehicle import Vehicle

CP1, CP2 = PointNumber(1), PointNumber(2)


class Rig:
    """One endpoint with simulated sockets, and a bus that asks it."""

    def __init__(self, model_id: str, units: tuple[int, ...] = (1,)) -> None:
        quiet_pymodbus()
        model = catalogue().chargers[model_id]
        self.events: list[DeviceEvent] = []
        self.chargers = [SimulatedCharger(model, unit) for unit in units]
        self.drivers = [
            Driver(PointNumber(n), model, unit_id=unit) for n, unit in enumerate(units, start=1)
        ]
        time_s = asyncio.get_running_loop().time
        self.server = ModbusSimulator(self.chargers, host=NULLMODEM_HOST, port=502, time_s=time_s)
        self.bus = ModbusBus(
            TcpEndpoint(host=NULLMODEM_HOST, port=502),
            drivers=self.drivers,
            on_event=self.events.append,
        )

    def seen(self) -> list[ChargerSeen]:
        return [event for event in self.events if isinstance(event, ChargerSeen)]

    def last(self, quantity: Quantity, point: PointNumber = CP1) -> object:
        values = [
            e.values[quantity] for e in self.seen() if e.point == point and quantity in e.values
        ]
        return values[-1] if values else None

    def conditions(self, point: PointNumber = CP1) -> list[LinkCondition]:
        changed = [e for e in self.events if isinstance(e, ChargerConditionChanged)]
        return [event.condition for event in changed if event.point == point]


@asynccontextmanager
async def running(rig: Rig) -> AsyncIterator[Rig]:
    await rig.server.start()
    try:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(keep_alive("bus", rig.bus.run, last_delay_s=15.0))
            yield rig
            task.cancel()
    finally:
        await rig.server.stop()


async def test_both_sockets_of_one_charger_share_one_connection() -> None:
    async with running(Rig("alfen_eve", (1, 2))) as rig:
        rig.chargers[1].plug(Vehicle())
        rig.drivers[0].want(16_000)
        rig.drivers[1].want(10_000)
        rig.bus.wake()
        await asyncio.sleep(12.0)
        assert rig.last(Quantity.STATE, CP1) == 5
        assert rig.last(Quantity.STATE, CP2) == 8
        assert rig.last(Quantity.CURRENT_L1, CP2) == 10_000
        assert rig.last(Quantity.SERIAL, CP1) == rig.last(Quantity.SERIAL, CP2) == "ACE0123456"
        assert rig.last(Quantity.TEMPERATURE, CP2) == 3150


async def test_a_command_overtakes_the_polls_that_wait() -> None:
    async with running(Rig("keba_p30", (255,))) as rig:
        await asyncio.sleep(1.2)
        before_s = asyncio.get_running_loop().time()
        rig.drivers[0].want(0)
        rig.bus.wake()
        await asyncio.sleep(0.05)
        assert rig.server.writes[0][0] - before_s < 0.01
        assert rig.server.writes[0][2:] == (5014, (0,))


@pytest.mark.proves("H.14")
async def test_only_changes_and_watchdog_refreshes_are_written() -> None:
    async with running(Rig("alfen_eve")) as rig:
        rig.drivers[0].want(16_000)
        rig.bus.wake()
        await asyncio.sleep(101.0)
        assert len(rig.server.writes) == 1 + 4, "once, and every 25 s for the validity time"
        assert rig.chargers[0].offer_ma == 16_000
        assert rig.events.count(OfferTaken(point=CP1, offer_ma=16_000)) == 1


@pytest.mark.proves("7.64")
async def test_a_silent_charger_is_not_reachable_and_heals_by_itself() -> None:
    async with running(Rig("abb_terra_ac")) as rig:
        await asyncio.sleep(5.0)
        rig.server.misbehaviour.silent = True
        await asyncio.sleep(30.0)
        assert rig.conditions() == [LinkCondition.GOOD, LinkCondition.NOT_REACHABLE]
        asked = rig.bus.requests
        await asyncio.sleep(60.0)
        assert rig.bus.requests - asked <= 6, "asked ever more rarely"
        rig.server.misbehaviour.silent = False
        await asyncio.sleep(20.0)
        assert rig.conditions()[-1] is LinkCondition.GOOD


@pytest.mark.proves("H.17", "7.68")
async def test_answers_of_the_wrong_length_are_comm_and_never_published() -> None:
    async with running(Rig("abb_terra_ac")) as rig:
        await asyncio.sleep(5.0)
        rig.server.misbehaviour.short_answers = True
        await asyncio.sleep(3.0)
        before = len(rig.seen())
        await asyncio.sleep(10.0)
        assert rig.conditions()[-1] is LinkCondition.COMM
        assert len(rig.seen()) == before
        rig.server.misbehaviour.short_answers = False
        await asyncio.sleep(5.0)
        assert rig.conditions()[-1] is LinkCondition.GOOD


@pytest.mark.proves("H.16")
async def test_exception_answers_are_comm_a_silent_target_behind_a_gateway_is_not_reachable() -> (
    None
):
    async with running(Rig("abb_terra_ac")) as rig:
        await asyncio.sleep(5.0)
        rig.server.misbehaviour.exception = 4  # device failure
        await asyncio.sleep(10.0)
        assert rig.conditions()[-1] is LinkCondition.COMM
        rig.server.misbehaviour.exception = 11  # the target does not answer
        await asyncio.sleep(10.0)
        assert rig.conditions()[-1] is LinkCondition.NOT_REACHABLE
        rig.server.misbehaviour.exception = None
        await asyncio.sleep(20.0)
        assert rig.conditions()[-1] is LinkCondition.GOOD


@pytest.mark.proves("5.20")
async def test_a_charger_that_lost_power_is_told_again_when_it_is_back() -> None:
    async with running(Rig("goe_charger")) as rig:
        rig.drivers[0].want(10_000)
        rig.bus.wake()
        await asyncio.sleep(5.0)
        await rig.server.stop()
        await asyncio.sleep(5.0)
        assert rig.conditions()[-1] is LinkCondition.NOT_REACHABLE
        rig.chargers[0].restart()
        await rig.server.start()
        await asyncio.sleep(20.0)
        assert rig.conditions()[-1] is LinkCondition.GOOD
        assert rig.chargers[0].offer_ma == 10_000


@pytest.mark.proves("5.20")
async def test_a_charger_that_forgot_without_losing_its_connection_is_corrected() -> None:
    async with running(Rig("abb_terra_ac")) as rig:
        rig.chargers[0].plug(Vehicle())
        rig.drivers[0].want(8000)
        rig.bus.wake()
        await asyncio.sleep(10.0)
        assert rig.chargers[0].offer_ma == 8000
        rig.chargers[0].restart()
        assert rig.chargers[0].offer_ma > 8000
        await asyncio.sleep(4.0)
        assert rig.chargers[0].offer_ma == 8000


async def test_one_silent_unit_does_not_stop_the_other() -> None:
    rig = Rig("alfen_eve", (1, 2))
    rig.server = ModbusSimulator(
        rig.chargers[:1], host=NULLMODEM_HOST, port=502, time_s=asyncio.get_running_loop().time
    )  # the single model: unit 2 answers with an exception
    async with running(rig):
        await asyncio.sleep(30.0)
        assert rig.conditions(CP1) == [LinkCondition.GOOD]
        assert rig.conditions(CP2)[-1] is not LinkCondition.GOOD
        recent = [e for e in rig.seen()[-10:] if e.point == CP1]
        assert len(recent) >= 8


@pytest.mark.parametrize("model_id", ["keba_p30", "alfen_eve", "abb_terra_ac", "goe_charger"])
async def test_simulator_and_driver_of_every_model_agree(model_id: str) -> None:
    model = catalogue().chargers[model_id]
    async with running(Rig(model_id, (model.unit_id,))) as rig:
        charger = rig.chargers[0]
        rig.drivers[0].want(12_000)
        rig.bus.wake()
        await asyncio.sleep(20.0)
        assert rig.last(Quantity.STATE) == 5
        assert rig.last(Quantity.CONNECTED) == 0
        charger.plug(Vehicle(phases=3))
        await asyncio.sleep(40.0)
        assert rig.last(Quantity.STATE) == 8
        assert rig.last(Quantity.CONNECTED) == 1
        assert rig.last(Quantity.CURRENT) == 36_000
        assert rig.last(Quantity.POWER) == pytest.approx(8280, abs=1)
        assert rig.last(Quantity.SETPOINT) == 12_000
        charger.vehicle.charge_wh = charger.vehicle.capacity_wh  # type: ignore[union-attr]
        await asyncio.sleep(20.0)
        assert rig.last(Quantity.STATE) == 6
        charger.has_error = True
        await asyncio.sleep(20.0)
        assert rig.last(Quantity.STATE) == 2
        charger.has_error = False
        charger.unplug()
        await asyncio.sleep(20.0)
        assert rig.last(Quantity.STATE) == 5
        assert rig.last(Quantity.CURRENT) == 0
