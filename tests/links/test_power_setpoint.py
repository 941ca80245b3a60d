"""Chargers that are told a power: no phase ever gets more than its offer, and in the end all of it."""

import asyncio

import pytest

from knxgw.catalogue.load import catalogue
from knxgw.charging.events import OfferAcknowledged
from knxgw.charging.quantities import Quantity
from knxgw.config.devices import charger_id
from knxgw.modbus.phases import STOPS_S
from knxgw.sim.charger import SimulatedCharger
from knxgw.sim.vehicle import Vehicle
from tests.support.devices import driver as make_driver
from tests.support.modbus_rig import CP1, ModbusRig, rig_of
from tests.support.one_of_each import in_turn, one_of_each

BY_POWER = [
    str(model.id)
    for model in catalogue().chargers.values()
    if model.control is not None and model.control.is_power
]
COARSE = ["compleo_solo", "goodwe_hca"]  # 100 W
ONE_OF_EACH = one_of_each(BY_POWER, lambda model_id: model_id in COARSE)  # of what takes long
LEARNT_S = 150.0
STEADY_S = 8


def rig_by_power(model_id: str, *, phases: int = 3) -> ModbusRig:
    model = catalogue().chargers[model_id]
    rig = rig_of(model, (model.unit_id,))
    rig.drivers[:] = [make_driver(CP1, model, unit_id=model.unit_id, phases=phases)]
    rig.bus.drivers = tuple(rig.drivers)
    return rig


async def watch(rig: ModbusRig, offer_ma: int, seconds: float) -> float:
    """Let time pass; no phase may ever have more than the offer. Return what flowed at most [mA]."""
    charger, most_ma = rig.chargers[0], 0.0
    loop = asyncio.get_running_loop()
    for _ in range(round(seconds * 10)):
        charger.advance(loop.time())
        most_ma = max(most_ma, *charger.phases_ma)
        assert most_ma <= offer_ma, f"after {loop.time():.1f} s"
        await asyncio.sleep(0.1)
    return most_ma


def full_ma(charger: SimulatedCharger, offer_ma: int) -> tuple[float, float]:
    """Return between what and what the vehicle draws [mA] when it has its whole offer."""
    vehicle = charger.vehicle
    assert vehicle is not None
    wanted_ma = min(offer_ma, vehicle.maximum_ma)
    step_ma = 100_000 / 230 if str(charger.model.id) in COARSE else 10.0
    return wanted_ma - step_ma, wanted_ma


async def learn(rig: ModbusRig, offer_ma: int) -> None:
    """Let time pass as `watch` does until the vehicle has had its whole offer for a while."""
    charger, vehicle = rig.chargers[0], rig.chargers[0].vehicle
    assert vehicle is not None
    steady = 0
    for _ in range(round(LEARNT_S)):
        await watch(rig, offer_ma, 1.0)
        lowest_ma, highest_ma = full_ma(charger, offer_ma)
        drawn = charger.phases_ma[: vehicle.phases]
        steady = steady + 1 if all(lowest_ma <= ma <= highest_ma for ma in drawn) else 0
        if steady >= STEADY_S:
            return
    raise AssertionError(f"after {LEARNT_S} s it draws {charger.phases_ma} mA")


@pytest.mark.proves("4.8")
@pytest.mark.parametrize(
    ("model_id", "phases", "offer_ma"), in_turn(BY_POWER, [1, 2, 3], [6090, 8265, 32_000])
)
async def test_each_vehicle_gets_its_offer_and_never_more_on_any_phase(
    model_id: str, phases: int, offer_ma: int
) -> None:
    async with rig_by_power(model_id).running() as rig:
        rig.offer(offer_ma)
        await asyncio.sleep(5.0)
        rig.chargers[0].plug(Vehicle(phases=phases, maximum_ma=32_000, capacity_wh=1e9))
        await learn(rig, offer_ma)
        if offer_ma == 6090:
            await watch(rig, offer_ma, 60.0)
        lowest_ma, highest_ma = full_ma(rig.chargers[0], offer_ma)
        drawn = rig.chargers[0].phases_ma
        assert all(lowest_ma <= ma <= highest_ma for ma in drawn[:phases]), drawn
        assert not any(drawn[phases:])
        shown_ma = rig.last(Quantity.SETPOINT)
        assert isinstance(shown_ma, int)
        assert lowest_ma - 1 <= shown_ma <= highest_ma, "object 61 is the current, not the power"
        assert OfferAcknowledged(device=charger_id(CP1), offer_ma=offer_ma) in rig.events


@pytest.mark.parametrize("model_id", BY_POWER)
async def test_a_one_phase_vehicle_starts_by_itself_and_has_its_offer_within_seconds(
    model_id: str,
) -> None:
    async with rig_by_power(model_id).running() as rig:
        rig.offer(16_095)
        await asyncio.sleep(5.0)
        rig.chargers[0].plug(Vehicle(phases=1, maximum_ma=32_000))
        await watch(rig, 16_095, 25.0)
        assert rig.chargers[0].phases_ma[0] >= 15_600


@pytest.mark.parametrize("model_id", BY_POWER)
async def test_the_next_vehicle_is_met_as_if_nothing_were_known(model_id: str) -> None:
    async with rig_by_power(model_id).running() as rig:
        rig.offer(16_095)
        rig.chargers[0].plug(Vehicle(phases=3, maximum_ma=32_000, capacity_wh=1e9))
        await learn(rig, 16_095)
        assert min(rig.chargers[0].phases_ma) > 15_000
        rig.chargers[0].unplug()
        await asyncio.sleep(3.0)
        rig.chargers[0].plug(Vehicle(phases=1, maximum_ma=32_000, capacity_wh=1e9))
        await watch(rig, 16_095, 25.0)
        assert rig.chargers[0].phases_ma[0] > 15_000


@pytest.mark.parametrize("model_id", BY_POWER)
async def test_a_pause_of_ours_forgets_nothing(model_id: str) -> None:
    async with rig_by_power(model_id).running() as rig:
        rig.chargers[0].plug(Vehicle(phases=3, maximum_ma=32_000, capacity_wh=1e9))
        rig.offer(16_095)
        await learn(rig, 16_095)
        rig.offer(0)
        await asyncio.sleep(120.0)
        assert rig.chargers[0].phases_ma == (0.0, 0.0, 0.0)
        rig.offer(10_005)
        await watch(rig, 10_005, 15.0)
        assert min(rig.chargers[0].phases_ma) > 9_500


@pytest.mark.parametrize("model_id", BY_POWER)
async def test_at_a_one_phase_charging_point_nothing_has_to_be_learnt(model_id: str) -> None:
    async with rig_by_power(model_id, phases=1).running() as rig:
        rig.offer(16_095)
        await asyncio.sleep(3.0)
        setpoint = rig.chargers[0].model.points["setpoint_read"]
        assert rig.chargers[0].raw_value(setpoint) == (
            37 if str(rig.chargers[0].model.id) in COARSE else 3701
        )
        rig.chargers[0].plug(Vehicle(phases=1, maximum_ma=32_000))
        await watch(rig, 16_095, 12.0)
        assert rig.chargers[0].phases_ma[0] > 15_600


@pytest.mark.parametrize("model_id", BY_POWER)
async def test_after_a_restart_of_the_charger_one_phase_comes_first_again(model_id: str) -> None:
    async with rig_by_power(model_id).running() as rig:
        rig.offer(16_095)
        rig.chargers[0].plug(Vehicle(phases=3, capacity_wh=1e9))
        await learn(rig, 16_095)
        await rig.simulator.stop()
        await asyncio.sleep(5.0)
        before = len(rig.simulator.writes)
        rig.chargers[0].restart()
        await rig.simulator.start()
        await asyncio.sleep(20.0)
        setpoint = rig.chargers[0].model.points["setpoint_write"]
        reported = [w[3][-1] for w in rig.simulator.writes[before:] if w[2] == setpoint.address]
        assert reported[0] * setpoint.scale <= 1400


@pytest.mark.parametrize("model_id", COARSE)
async def test_a_vehicle_that_goes_on_with_one_phase_is_held_to_its_offer_there(
    model_id: str,
) -> None:
    async with rig_by_power(model_id).running() as rig:
        car = Vehicle(phases=3, maximum_ma=32_000, capacity_wh=1e9)
        rig.chargers[0].plug(car)
        rig.offer(16_095)
        await learn(rig, 16_095)
        car.phases = 1
        await asyncio.sleep(6.0)
        await watch(rig, 16_095, 60.0)
        assert rig.chargers[0].phases_ma[0] > 15_000


@pytest.mark.parametrize("model_id", ONE_OF_EACH)
async def test_a_full_vehicle_that_wakes_up_later_charges_again(model_id: str) -> None:
    async with rig_by_power(model_id).running() as rig:
        car = Vehicle(phases=3, maximum_ma=16_000, capacity_wh=1e9)
        rig.chargers[0].plug(car)
        rig.offer(16_095)
        await learn(rig, 16_095)
        car.charge_wh = car.capacity_wh
        await watch(rig, 16_095, 330.0)
        assert rig.chargers[0].phases_ma == (0.0, 0.0, 0.0)
        car.charge_wh = 0.0
        await learn(rig, 16_095)
        assert min(rig.chargers[0].phases_ma) > 15_000


@pytest.mark.parametrize("model_id", COARSE)
async def test_a_limit_the_charger_forgot_is_told_again_in_watts(model_id: str) -> None:
    async with rig_by_power(model_id).running() as rig:
        rig.chargers[0].plug(Vehicle(phases=3, capacity_wh=1e9))
        rig.offer(10_005)
        await learn(rig, 10_005)
        writes = len(rig.simulator.writes)
        await asyncio.sleep(60.0)
        assert len(rig.simulator.writes) == writes, "what is read back is what was written"
        rig.chargers[0].restart()
        await asyncio.sleep(8.0)
        assert rig.simulator.writes[writes][3] == (69,), "10.005 A on three phases in 100 W"


@pytest.mark.proves("4.8")
@pytest.mark.parametrize("model_id", ONE_OF_EACH)
async def test_a_one_phase_vehicle_that_starts_late_is_soon_held_to_its_offer(
    model_id: str,
) -> None:
    """It starts when the minimum of three phases is told already; its currents tell it at once."""
    by_current = model_id in COARSE
    async with rig_by_power(model_id).running() as rig:
        car = Vehicle(phases=1, maximum_ma=32_000, capacity_wh=1e9, charge_wh=1e9)
        rig.chargers[0].plug(car)
        rig.offer(10_005)
        await watch(rig, 10_005, 200.0)
        car.charge_wh = 0.0
        await watch(rig, 10_005 if by_current else 18_000, STOPS_S + 8.0)
        await watch(rig, 10_005, 60.0)
        assert rig.chargers[0].phases_ma[0] > 9_500


@pytest.mark.parametrize("model_id", ONE_OF_EACH)
async def test_a_gateway_that_starts_anew_meets_a_vehicle_that_charges_with_three_phases(
    model_id: str,
) -> None:
    async with rig_by_power(model_id).running() as rig:
        charger = rig.chargers[0]
        charger.plug(Vehicle(phases=3, capacity_wh=1e9))
        charger._written[charger._offer_point] = 110 if model_id in COARSE else 11_000
        charger.advance(10.0)
        assert min(charger.phases_ma) > 15_000
        rig.offer(16_095)
        await watch(rig, 16_095, 2 * LEARNT_S)
        assert min(charger.phases_ma) > 15_000
