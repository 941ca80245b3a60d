"""ABL eMH1 on a pseudo terminal: answers with ">", whole blocks, a box that sleeps."""

import asyncio
from dataclasses import replace

import pytest

from knxgw.catalogue.load import catalogue
from knxgw.charging.events import LinkCondition, OfferAcknowledged
from knxgw.charging.quantities import Quantity
from knxgw.config.devices import charger_id
from knxgw.links.modbus_endpoint import SerialEndpoint, framing_of
from knxgw.sim.charger import SimulatedCharger
from knxgw.sim.modbus_server import SerialSimulator
from knxgw.sim.serial_wire import SerialWire
from knxgw.sim.vehicle import Vehicle
from tests.support.devices import driver as make_driver
from tests.support.modbus_rig import CP1, CP2, NULL_MODEM, ModbusRig, line_of, since_now

MODEL = catalogue().chargers["abl_emh1"]
BAUD = 38_400


def boxes(wire: SerialWire | None = None) -> ModbusRig:
    """Return two boxes on a line: on pseudo terminals or, in virtual time, on a null modem."""
    line = replace(line_of("ascii", wire.gateway_end if wire else NULL_MODEM), baud=BAUD)
    chargers = [SimulatedCharger(MODEL, unit) for unit in (1, 2)]
    return ModbusRig(
        SerialEndpoint(line=line, framing=framing_of([MODEL])),
        SerialSimulator(chargers, wire, line, now_s=since_now()),
        [make_driver(CP1, MODEL, unit_id=1), make_driver(CP2, MODEL, unit_id=2)],
        chargers,
    )


@pytest.mark.long
@pytest.mark.real
async def test_two_boxes_are_told_a_duty_cycle_and_read_in_whole_blocks() -> None:
    wire = SerialWire(character_s=10 / BAUD)
    async with boxes(wire).running() as rig:
        rig.chargers[0].plug(Vehicle())
        rig.offer(16_000)
        await rig.until(lambda: rig.last(Quantity.CURRENT_L1) == 16_000)
        await rig.until(lambda: rig.last(Quantity.SETPOINT) == 15_960)
        assert rig.last(Quantity.STATE) == 8
        assert rig.last(Quantity.CURRENT) == 48_000
        assert rig.last(Quantity.SERIAL) == "2W22405561234"
        assert {write[1:] for write in rig.simulator.writes} == {
            (1, 20, (266,)),
            (2, 20, (266,)),
        }, "266 thousandths of duty are 15.96 A: never more than was offered"
        frames = [one.request for one in wire.exchanges]
        assert all(frame[:1] == b":" for frame in frames)
        reads = {frame[5:13] for frame in frames if frame[3:5] == b"03"}
        assert {b"000F0005", b"002E0005", b"00040001", b"00500008"} <= reads


@pytest.mark.real
async def test_a_pause_is_the_raw_value_for_no_charging() -> None:
    wire = SerialWire(character_s=10 / BAUD)
    async with boxes(wire).running() as rig:
        rig.chargers[0].plug(Vehicle())
        rig.offer(10_000, CP1)
        await rig.until(lambda: rig.last(Quantity.STATE) == 8)
        rig.offer(0, CP1)
        await rig.until(lambda: rig.last(Quantity.STATE) == 11)
        await rig.until(lambda: rig.last(Quantity.CURRENT) == 0)
        assert rig.simulator.writes[-1][2:] == (20, (1000,))
        assert rig.last(Quantity.SETPOINT) == 0


async def test_a_request_that_a_sleeping_box_lost_is_repeated_and_no_error() -> None:
    async with boxes().running() as rig:
        rig.offer(12_000, CP1)
        await asyncio.sleep(2.0)
        assert rig.events.count(OfferAcknowledged(device=charger_id(CP1), offer_ma=12_000)) == 1, (
            "it heard the second one"
        )
        await asyncio.sleep(10.0)
        assert rig.conditions() == [LinkCondition.GOOD]
        rig.simulator._heard_at.clear()  # as if it had been left alone for long
        await asyncio.sleep(10.0)
        assert rig.conditions() == [LinkCondition.GOOD]
        assert rig.last(Quantity.SETPOINT) == 12_000


async def test_a_box_that_is_dead_is_not_reachable_and_comes_back() -> None:
    async with boxes().running() as rig:
        await asyncio.sleep(5.0)
        rig.simulator.misbehaviour.silent = True
        await asyncio.sleep(15.0)
        assert rig.conditions()[-1] is LinkCondition.NOT_REACHABLE
        rig.simulator.misbehaviour.silent = False
        await asyncio.sleep(30.0)
        assert rig.conditions()[-1] is LinkCondition.GOOD


async def test_currents_are_missing_without_the_sensor() -> None:
    rig = boxes()
    rig.chargers[0].show("sensor", 0)
    async with rig.running():
        rig.chargers[0].plug(Vehicle())
        rig.offer(16_000, CP1)
        await asyncio.sleep(20.0)
        assert rig.last(Quantity.STATE) == 8
        assert rig.last(Quantity.CURRENT_L1) is None
        assert rig.last(Quantity.CURRENT) is None
