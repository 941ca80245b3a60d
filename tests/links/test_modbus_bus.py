"""A Modbus bus against simulated devices on null modems: order, trouble, and healing."""

import asyncio

import pytest

from knxgw.catalogue.load import catalogue
from knxgw.charging.events import LinkCondition, OfferAcknowledged
from knxgw.charging.quantities import Quantity
from knxgw.config.devices import charger_id
from knxgw.sim.vehicle import Vehicle
from tests.support.modbus_rig import CP1, CP2, rig_of, simulator_of

MODELS = catalogue().chargers


async def test_both_sockets_of_one_charger_share_one_connection() -> None:
    async with rig_of(MODELS["alfen_eve"], (1, 2)).running() as rig:
        rig.chargers[1].plug(Vehicle())
        rig.offer(16_000, CP1)
        rig.offer(10_000, CP2)
        await asyncio.sleep(12.0)
        assert rig.last(Quantity.STATE, CP1) == 5
        assert rig.last(Quantity.STATE, CP2) == 8
        assert rig.last(Quantity.CURRENT_L1, CP2) == 10_000
        assert rig.last(Quantity.SERIAL, CP1) == rig.last(Quantity.SERIAL, CP2) == "ACE0123456"
        assert rig.last(Quantity.TEMPERATURE, CP2) == 3150


async def test_a_command_overtakes_the_polls_that_wait() -> None:
    async with rig_of(MODELS["keba_p30"], (255,)).running() as rig:
        await asyncio.sleep(1.2)
        before_s = asyncio.get_running_loop().time()
        rig.offer(0)
        await asyncio.sleep(0.05)
        assert rig.simulator.writes[0][0] - before_s < 0.01
        assert rig.simulator.writes[0][2:] == (5014, (0,))


@pytest.mark.proves("H.14")
async def test_only_changes_and_watchdog_refreshes_are_written() -> None:
    async with rig_of(MODELS["alfen_eve"]).running() as rig:
        rig.offer(16_000)
        await asyncio.sleep(101.0)
        assert len(rig.simulator.writes) == 1 + 4, "once, and every 25 s for the validity time"
        assert rig.chargers[0].offer_ma == 16_000
        assert rig.events.count(OfferAcknowledged(device=charger_id(CP1), offer_ma=16_000)) == 1


@pytest.mark.proves("7.64")
async def test_a_silent_charger_is_not_reachable_and_heals_by_itself() -> None:
    async with rig_of(MODELS["abb_terra_ac"]).running() as rig:
        await asyncio.sleep(5.0)
        rig.simulator.misbehaviour.silent = True
        await asyncio.sleep(30.0)
        assert rig.conditions() == [LinkCondition.GOOD, LinkCondition.NOT_REACHABLE]
        asked = rig.bus.requests
        await asyncio.sleep(60.0)
        assert rig.bus.requests - asked <= 6, "asked ever more rarely"
        rig.simulator.misbehaviour.silent = False
        await asyncio.sleep(20.0)
        assert rig.conditions()[-1] is LinkCondition.GOOD


@pytest.mark.proves("H.17", "7.68")
async def test_answers_of_the_wrong_length_are_comm_and_never_published() -> None:
    async with rig_of(MODELS["abb_terra_ac"]).running() as rig:
        await asyncio.sleep(5.0)
        rig.simulator.misbehaviour.short_answers = True
        await asyncio.sleep(3.0)
        before = len(rig.readings())
        await asyncio.sleep(10.0)
        assert rig.conditions()[-1] is LinkCondition.COMM
        assert len(rig.readings()) == before
        rig.simulator.misbehaviour.short_answers = False
        await asyncio.sleep(5.0)
        assert rig.conditions()[-1] is LinkCondition.GOOD


@pytest.mark.proves("H.16")
async def test_exception_answers_are_comm_a_silent_target_behind_a_gateway_is_not_reachable() -> (
    None
):
    async with rig_of(MODELS["abb_terra_ac"]).running() as rig:
        await asyncio.sleep(5.0)
        rig.simulator.misbehaviour.exception = 4  # device failure
        await asyncio.sleep(10.0)
        assert rig.conditions()[-1] is LinkCondition.COMM
        rig.simulator.misbehaviour.exception = 11  # the target does not answer
        await asyncio.sleep(10.0)
        assert rig.conditions()[-1] is LinkCondition.NOT_REACHABLE
        rig.simulator.misbehaviour.exception = None
        await asyncio.sleep(20.0)
        assert rig.conditions()[-1] is LinkCondition.GOOD


async def test_a_refused_write_is_comm_only_as_long_as_it_is_wanted() -> None:
    async with rig_of(MODELS["abb_terra_ac"]).running() as rig:
        rig.offer(16_000)
        await asyncio.sleep(5.0)
        rig.simulator.misbehaviour.refuses_writes = True
        rig.offer(8000)
        await asyncio.sleep(15.0)
        assert rig.conditions()[-1] is LinkCondition.COMM
        rig.offer(16_000)
        await asyncio.sleep(5.0)
        assert rig.conditions()[-1] is LinkCondition.GOOD, "it knows that already"


@pytest.mark.proves("5.20")
async def test_everything_is_written_again_to_a_charger_that_lost_power() -> None:
    async with rig_of(MODELS["goe_charger"]).running() as rig:
        rig.offer(10_000)
        await asyncio.sleep(5.0)
        await rig.simulator.stop()
        await asyncio.sleep(5.0)
        assert rig.conditions()[-1] is LinkCondition.NOT_REACHABLE
        rig.chargers[0].restart()
        await rig.simulator.start()
        await asyncio.sleep(20.0)
        assert rig.conditions()[-1] is LinkCondition.GOOD
        assert rig.chargers[0].offer_ma == 10_000


@pytest.mark.proves("5.20")
async def test_a_charger_that_forgot_without_losing_its_connection_is_corrected() -> None:
    async with rig_of(MODELS["abb_terra_ac"]).running() as rig:
        rig.chargers[0].plug(Vehicle())
        rig.offer(8000)
        await asyncio.sleep(10.0)
        assert rig.chargers[0].offer_ma == 8000
        rig.chargers[0].restart()
        assert rig.chargers[0].offer_ma > 8000
        await asyncio.sleep(4.0)
        assert rig.chargers[0].offer_ma == 8000


async def test_one_silent_unit_does_not_stop_the_other() -> None:
    rig = rig_of(MODELS["alfen_eve"], (1, 2))
    rig.simulator = simulator_of(
        "tcp", rig.chargers[:1]
    )  # the single model: unit 2 answers with an exception
    async with rig.running():
        await asyncio.sleep(30.0)
        assert rig.conditions(CP1) == [LinkCondition.GOOD]
        assert rig.conditions(CP2)[-1] is not LinkCondition.GOOD
        before = len(rig.readings(CP1))
        await asyncio.sleep(10.0)
        assert len(rig.readings(CP1)) - before >= 9


@pytest.mark.parametrize("model_id", ["keba_p30", "alfen_eve", "abb_terra_ac", "goe_charger"])
async def test_simulator_and_driver_of_every_model_agree(model_id: str) -> None:
    model = MODELS[model_id]
    async with rig_of(model, (model.unit_id,)).running() as rig:
        charger = rig.chargers[0]
        rig.offer(12_000)
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
