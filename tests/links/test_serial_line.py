"""Devices on one serial line, over real pseudo terminals at the pace of the baud rate."""

import asyncio
import shutil
from collections.abc import Callable
from functools import partial

import pytest

from knxgw.catalogue.load import catalogue
from knxgw.charging.events import ChargerConditionChanged, ChargerSeen, LinkCondition, MeterSeen
from knxgw.charging.quantities import Quantity
from knxgw.charging.scope import PointNumber
from knxgw.config.devices import charger_id
from knxgw.links.modbus_endpoint import SerialEndpoint
from knxgw.sim.charger import SimulatedCharger
from knxgw.sim.meter import SimulatedMeter
from knxgw.sim.modbus_server import SerialSimulator
from knxgw.sim.serial_wire import SerialWire
from knxgw.sim.vehicle import Vehicle
from tests.links.raw_peer import framed, unframed
from tests.support.devices import driver as make_driver
from tests.support.modbus_rig import BAUD, ModbusRig, line_of, since_now
from tests.support.peers import require_peers

pytestmark = pytest.mark.real
UNITS, METER_UNIT, MISSING_UNIT = range(1, 6), 9, 8
MISSING = PointNumber(7)


class SerialRig(ModbusRig):
    """Five ABB chargers and a meter on a real line; a sixth charger may be configured and missing."""

    def __init__(self, protocol: str = "rtu", *, with_missing: bool = False) -> None:
        model, meter = catalogue().chargers["abb_terra_ac"], catalogue().meters["eastron_sdm630"]
        pace = SerialEndpoint(line=line_of(protocol))
        self.wire = SerialWire(character_s=pace.character_s)
        line = line_of(protocol, self.wire.gateway_end)
        chargers = [SimulatedCharger(model, unit) for unit in UNITS]
        images = [*chargers, SimulatedMeter(meter, METER_UNIT, chargers[0])]
        drivers = [make_driver(PointNumber(unit), model, unit_id=unit) for unit in UNITS]
        if with_missing:
            drivers.append(make_driver(MISSING, model, unit_id=MISSING_UNIT))
        drivers.append(make_driver(PointNumber(1), meter, unit_id=METER_UNIT))
        simulator = SerialSimulator(images, self.wire, line, now_s=since_now())
        super().__init__(SerialEndpoint(line=line), simulator, drivers, chargers)

    def was_written(self, *, more_than: int) -> bool:
        """Tell whether a write arrived."""
        return len(self.simulator.writes) > more_than

    def is_good(self) -> bool:
        """Tell whether every device that exists answers well."""
        there = [driver for driver in self.drivers if driver.device != charger_id(MISSING)]
        return all(driver.condition is LinkCondition.GOOD for driver in there)


@pytest.mark.long
@pytest.mark.proves("4.10")
@pytest.mark.parametrize("protocol", ["rtu", "ascii"])
async def test_five_chargers_and_a_meter_share_a_line(protocol: str) -> None:
    rig = SerialRig(protocol)
    async with rig.running():
        rig.chargers[2].plug(Vehicle())
        rig.offer(10_000)
        await rig.until(lambda: rig.last(Quantity.CURRENT_L1, 3) == 10_000)
        await rig.until(lambda: any(isinstance(e, MeterSeen) for e in rig.events))
        assert [one.offer_ma for one in rig.chargers] == [10_000] * len(UNITS)
        assert rig.is_good()


@pytest.mark.proves("4.11")
async def test_a_command_waits_for_one_transaction_at_most() -> None:
    rig = SerialRig()
    async with rig.running():
        await rig.until(rig.is_good)
        for turn in range(4):
            before, writes = len(rig.wire.exchanges), len(rig.simulator.writes)
            rig.offer(0, PointNumber(turn + 1))
            await rig.until(partial(rig.was_written, more_than=writes))
            frames = [one.request[1] for one in rig.wire.exchanges[before:]]
            assert any(function in (6, 16) for function in frames[:2]), frames


@pytest.mark.long
@pytest.mark.proves("4.12")
async def test_a_unit_that_does_not_answer_costs_the_others_little() -> None:
    rig = SerialRig(with_missing=True)
    async with rig.running():
        lost = ChargerConditionChanged(
            device=charger_id(MISSING), condition=LinkCondition.NOT_REACHABLE
        )
        await rig.until(lambda: lost in rig.events)
        assert rig.is_good()
        count = len(rig.wire.exchanges)
        await rig.until(lambda: len(rig.wire.exchanges) >= count + 15)
        asked = [one.request[0] for one in rig.wire.exchanges[count:]]
        assert asked.count(MISSING_UNIT) <= 2, "its back-off grows"


def damaged(_protocol: str, data: bytes) -> bytes:
    """One byte of the checksum is wrong."""
    return data[:-3] + bytes([data[-3] ^ 0x01]) + data[-2:]


def short(protocol: str, data: bytes) -> bytes:
    """It is one register short, and says so; its checksum is right."""
    _, unit, pdu = unframed(protocol, data)
    return framed(protocol, unit, bytes((pdu[0], pdu[1] - 2)) + pdu[2:-2])


def foreign(protocol: str, data: bytes) -> bytes:
    """The next unit says it."""
    _, unit, pdu = unframed(protocol, data)
    return framed(protocol, unit % len(UNITS) + 1, pdu)


@pytest.mark.long
@pytest.mark.proves("H.17", "4.13")
@pytest.mark.parametrize("spoil", [damaged, short, foreign], ids=lambda one: str(one.__name__))
@pytest.mark.parametrize("protocol", ["rtu", "ascii"])
async def test_a_wrong_answer_is_never_published_and_the_line_heals(
    protocol: str, spoil: Callable[[str, bytes], bytes]
) -> None:
    rig = SerialRig(protocol)
    async with rig.running():
        await rig.until(rig.is_good)
        rig.wire.spoil = partial(spoil, protocol)
        await asyncio.sleep(0.5)  # what was on its way has arrived
        rig.events.clear()
        await rig.until(lambda: any(isinstance(e, ChargerConditionChanged) for e in rig.events))
        assert not any(isinstance(event, ChargerSeen) for event in rig.events)
        rig.wire.spoil = None
        await rig.until(rig.is_good, 40.0)


@pytest.mark.long
@pytest.mark.proves("H.17", "4.13")
@pytest.mark.parametrize("protocol", ["rtu", "ascii"])
async def test_late_answers_are_never_published_and_the_line_heals(protocol: str) -> None:
    rig = SerialRig(protocol)
    async with rig.running():
        for unit, charger in enumerate(rig.chargers, start=1):
            charger.show("current_l1", unit)
        await rig.until(rig.is_good)
        rig.simulator.misbehaviour.delay_s = 2.3
        await asyncio.sleep(8.0)
        rig.simulator.misbehaviour.delay_s = 0.0
        await rig.until(rig.is_good, 40.0)
        for unit in UNITS:
            assert set(rig.seen(Quantity.CURRENT_L1, unit)) <= {0, unit * 1000}


@pytest.mark.peers
async def test_mbpoll_reads_the_simulated_line() -> None:
    require_peers("mbpoll")
    mbpoll = shutil.which("mbpoll")
    rig = SerialRig()
    await rig.simulator.start()
    state = rig.chargers[1].model.points["state"]
    command = ["-m", "rtu", "-b", str(BAUD), "-P", "none", "-a", "2", "-t", "4", "-0", "-1"]
    process = await asyncio.create_subprocess_exec(
        str(mbpoll),
        *command,
        "-r",
        str(state.address),
        "-c",
        "1",
        rig.wire.gateway_end,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), 20)
        assert process.returncode == 0, output.decode()
        assert f"[{state.address}]" in output.decode()
    finally:
        await rig.simulator.stop()
