"""The plant of the bench: vehicles on straight lines, chargers, the building, the smart meter."""

import pytest

from knxgw.catalogue.codes import ChargingState
from knxgw.charging.quantities import Quantity
from knxgw.sim.bench.curve import Curve, Steps
from knxgw.sim.bench.plant import MWH_PER_AS, Plant
from knxgw.sim.bench.read_scenario import parse_scenario
from knxgw.sim.bench.runner import Run
from knxgw.sim.bench.scenario import BaseChanged, CarModel, Trouble
from knxgw.sim.bench.telegrams import on_the_bus, two_byte_float
from knxgw.sim.bench.vehicle import Vehicle


def charging(model: CarModel, limit_ma: int = 16_000) -> Vehicle:
    """Return a vehicle that has been charging for a minute at 100 s."""
    vehicle = Vehicle(model=model)
    vehicle.plug(40.0, limit_ma)
    vehicle.advance(100.0)
    return vehicle


def draw_ma(vehicle: Vehicle, at_s: float) -> float:
    vehicle.advance(at_s)
    return vehicle.draw_ma(at_s)


def test_a_vehicle_starts_at_plug_in_and_rises_3_a_per_second() -> None:
    vehicle = Vehicle(model=CarModel())
    vehicle.plug(0.0, 6000)
    assert draw_ma(vehicle, 1.0) == 3000
    assert draw_ma(vehicle, 2.0) == 6000
    assert draw_ma(vehicle, 9.0) == 6000


def test_a_vehicle_reacts_after_1_second_and_falls_10_a_per_second() -> None:
    vehicle = charging(CarModel())
    vehicle.offer(100.0, 6000)
    assert draw_ma(vehicle, 101.0) == 16_000
    assert draw_ma(vehicle, 101.5) == pytest.approx(11_000)
    assert draw_ma(vehicle, 102.0) == 6000


def test_a_slow_vehicle_is_exactly_there_5_seconds_after_the_change() -> None:
    vehicle = charging(CarModel(settle_s=5.0))
    vehicle.offer(100.0, 8000)
    assert draw_ma(vehicle, 103.0) == pytest.approx(12_000)
    assert draw_ma(vehicle, 104.999) > 8000
    assert draw_ma(vehicle, 105.0) == pytest.approx(8000)


def test_a_vehicle_stops_below_6_a() -> None:
    vehicle = charging(CarModel())
    vehicle.offer(100.0, 5900)
    assert draw_ma(vehicle, 103.0) == 0


def test_a_deaf_vehicle_keeps_what_it_has_until_the_contactor_opens() -> None:
    vehicle = charging(CarModel(deaf_from_s=50.0, contactor_s=6.0))
    vehicle.offer(100.0, 0)
    assert draw_ma(vehicle, 105.9) == 16_000
    assert draw_ma(vehicle, 106.0) == 0


def test_an_overdrawing_vehicle_takes_more_than_its_limit() -> None:
    assert charging(CarModel(overdraw_ma=700, maximum_ma=32_000)).draw_ma(100.0) == 16_700


def test_a_limit_that_changes_again_during_the_delay_is_followed_in_order() -> None:
    vehicle = charging(CarModel())
    vehicle.offer(100.0, 6000)
    vehicle.offer(100.5, 16_000)
    assert draw_ma(vehicle, 101.4) == pytest.approx(12_000)  # falls from 101.0 until 101.5
    assert draw_ma(vehicle, 102.5) == pytest.approx(14_000)


def test_the_charge_of_a_vehicle_is_the_exact_area() -> None:
    vehicle = Vehicle(model=CarModel(phases=2))
    vehicle.plug(0.0, 6000)
    vehicle.advance(10.0)
    assert vehicle.charge_as(10.0) == pytest.approx(2 * (6 * 2 / 2 + 6 * 8))


def plant_of(text: str) -> Plant:
    return Plant(parse_scenario(text), 0.0)


def test_the_line_carries_the_building_and_every_vehicle_on_its_phases() -> None:
    plant = plant_of("base_a: [1, 2, 3]\npoints: [{rotation: '231', car: {phases: 2}}]")
    charger = plant.chargers[0]
    charger.vehicle.plug(0.0, 6000)
    plant.vehicle_changed(0.0, charger)
    assert [curve.at(1.0) for curve in plant.load] == [1000, 5000, 6000]


def test_at_a_connection_with_one_phase_everybody_is_on_l1() -> None:
    text = "duration_s: 40\nconnection: {phases: 1}\npoints: 2\nbase_a: [4, 0, 0]"
    recording = Run(parse_scenario(text)).run()
    assert [curve.at(35.0) for curve in recording.load] == [32_000, 0, 0]


def test_a_car_uses_no_more_phases_than_its_charging_point_has() -> None:
    recording = Run(parse_scenario("duration_s: 40\npoints: [{phases: 1, car: {phases: 3}}]")).run()
    log = recording.points[0]
    assert log.charge_as.last == pytest.approx(log.draw.integral(0.0, 40.0) / 1000)


def test_a_step_of_the_building_is_a_jump_of_the_line() -> None:
    plant = plant_of("base_a: 4")
    plant.change_base(
        10.0, BaseChanged(happens_at=10.0, load_ma=(9000, None, -2000), is_added=False)
    )
    assert [curve.at(9.9) for curve in plant.load] == [4000, 4000, 4000]
    assert [curve.at(10.0) for curve in plant.load] == [9000, 4000, -2000]


def test_a_poll_reads_state_limit_and_currents_at_the_terminals() -> None:
    plant = plant_of("points: [{rotation: '312', car: {phases: 1}}]")
    charger = plant.chargers[0]
    charger.limit_ma = 10_000
    charger.vehicle.plug(0.0, 10_000)
    values = charger.seen(1.0).values
    assert values[Quantity.STATE] == ChargingState.CHARGE
    assert values[Quantity.SETPOINT] == 10_000
    assert (values[Quantity.CURRENT_L1], values[Quantity.CURRENT_L2]) == (3000, 0)


def test_a_charger_in_trouble_reports_currents_that_cannot_be() -> None:
    charger = plant_of("points: 1").chargers[0]
    charger.troubles.begin(Trouble.INVALID, is_timed=False)
    assert charger.seen(1.0).values[Quantity.CURRENT_L1] == 99_900


def test_an_unmeasured_charger_reports_no_current() -> None:
    charger = plant_of("points: [{measured: no}]").chargers[0]
    assert Quantity.CURRENT_L1 not in charger.seen(1.0).values


# --- the smart meter -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dpt", "current_ma", "value"),
    [
        ("14.019", 31_234.5, 31_234.5),
        ("7.012", 31_234.5, 31_234),
        ("7.012", 70_000, 65_535),
        ("7.012", -5000, 5000),  # unsigned: export looks like import
        ("14.056", -10_000, -2300),
        ("9.024", 63_000, 14_490),
    ],
)
def test_a_current_becomes_a_value_of_the_datapoint_type(
    dpt: str, current_ma: float, value: float
) -> None:
    reported = on_the_bus(dpt, current_ma, voltage_v=230.0, power_factor=1.0)
    assert reported == pytest.approx(value)


def test_a_two_byte_current_has_coarse_steps() -> None:
    assert two_byte_float(30_003.0) == pytest.approx(29_997, abs=11)  # steps of 20.48 mA
    assert on_the_bus("9.021", 30_003.0, voltage_v=230.0, power_factor=1.0) != 30_003.0


def test_a_power_factor_makes_less_power_of_a_current() -> None:
    assert on_the_bus("14.056", 10_000, voltage_v=230.0, power_factor=0.95) == pytest.approx(2185)


def test_the_meter_looks_at_even_seconds_from_the_first_moment_on() -> None:
    recording = Run(parse_scenario("duration_s: 5\nidle_s: 3\npoints: [{car: none}]")).run()
    assert recording.samples == [-2, 0, 2, 4]


def test_lost_telegrams_never_arrive() -> None:
    text = "duration_s: 9.5\nidle_s: 0\npoints: [{car: none}]\nmeter: {lost: [{from: 3, to: 5}]}"
    assert Run(parse_scenario(text)).run().telegrams == 3 * 3  # of 1, 7 and 9 s


def test_on_change_the_meter_is_silent_while_nothing_changes() -> None:
    text = (
        "duration_s: 30\nidle_s: 0\npoints: [{car: none}]\n"
        "meter: {min_change_a: 0.5, in_operation_s: 20}\n"
        "events: [{at: 11, base_a: 5, phase: 2}]"
    )
    assert Run(parse_scenario(text)).run().telegrams == 3 + 1


# --- a whole run -----------------------------------------------------------------------------------


def test_a_command_reaches_the_charger_after_its_latency() -> None:
    text = "duration_s: 10\nconnection: {load_management: off}\nevents: [{at: 2, point: 1, setpoint_a: 7}]"
    log = Run(parse_scenario(text)).run().points[0]
    assert (2.0, 7000) in log.offers.changes(0.0, 10.0)
    assert (2.5, 7000) in log.limits.changes(0.0, 10.0)


def test_an_unreachable_charger_keeps_its_limit_and_gets_the_newest_command_later() -> None:
    text = (
        "duration_s: 20\nconnection: {load_management: off}\nevents:\n"
        "  - {at: 2, point: 1, charger: unreachable}\n"
        "  - {at: 4, point: 1, setpoint_a: 7}\n"
        "  - {at: 5, point: 1, setpoint_a: 9}\n"
        "  - {at: 12, point: 1, charger: good}\n"
    )
    log = Run(parse_scenario(text)).run().points[0]
    assert log.limits.changes(0.0, 20.0) == [(12.5, 9000)]


def test_the_energy_of_a_run_is_what_the_vehicle_drew() -> None:
    text = "duration_s: 100\nconnection: {load_management: off}"
    run = Run(parse_scenario(text))
    log = run.run().points[0]
    area_as = 3 * log.draw.integral(0.0, 100.0) / 1000
    assert log.charge_as.last == pytest.approx(area_as)
    assert run.plant.energies_mwh(100.0)[1] == pytest.approx(area_as * MWH_PER_AS)


# --- curves ----------------------------------------------------------------------------------------


def ramp() -> Curve:
    """Return 0 until 10 s, then 2 a second until 20 s, then 5."""
    curve = Curve(0.0, 0.0)
    curve.add(10.0, 0.0, 2.0)
    curve.add(20.0, 5.0, 0.0)
    return curve


def test_a_curve_knows_its_value_at_any_moment() -> None:
    assert [ramp().at(at_s) for at_s in (5.0, 15.0, 19.5, 20.0, 99.0)] == [0, 10, 19, 5, 5]


def test_a_curve_has_exact_areas() -> None:
    assert ramp().integral(0.0, 30.0) == pytest.approx(100 + 50)
    assert ramp().integral_above(10.0, 0.0, 30.0) == pytest.approx(25)


def test_a_curve_knows_when_it_is_above_a_limit() -> None:
    assert ramp().above(4.0, 0.0, 30.0) == [(12.0, 30.0)]
    assert ramp().highest(0.0, 20.0) == pytest.approx(20)


def test_steps_tell_before_and_after() -> None:
    steps = Steps(0.0, 1)
    steps.add(5.0, 2)
    steps.add(5.0, 3)
    assert (steps.before(5.0), steps.at(5.0), steps.at(4.9)) == (1, 3, 1)
    assert steps.changes(4.0, 6.0) == [(5.0, 2), (5.0, 3)]
