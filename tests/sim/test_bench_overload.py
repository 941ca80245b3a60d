"""I3 in an emergency and in a lock-out: what the gateway may not do, and what is not its fault."""

from dataclasses import replace

import pytest

from knxgw.catalogue.codes import FaultCode
from knxgw.charging.scope import PointNumber
from knxgw.dlm import cycle as cycles
from knxgw.sim.bench.controller import Gateway
from knxgw.sim.bench.read_scenario import parse_scenario
from knxgw.sim.bench.recording import Recording, Violation
from knxgw.sim.bench.runner import Run
from knxgw.sim.bench.scenario import BaseChanged, Scenario
from knxgw.station.model import Effect, Event, Offer

OUTAGE = "duration_s: 400\nbase_a: 18\npoints: 3\nmeter: {lost: [{from: 120, to: 300}]}\n"
UNSEEN = "events: [{at: 150.1, base_a: 25}, {at: 200.1, base_a: 12}, {at: 250.1, base_a: 22}]\n"
OVERLOAD = "duration_s: 400\nbase_a: 4\npoints: 3\n"
OVERLOAD += "events: [{at: 120.1, base_a: 28}, {at: 200.1, base_a: 18}]\n"


class Generous(Gateway):
    """A controller that once gives the minimum to somebody who has 0 A."""

    def __init__(self, scenario: Scenario, *, at_s: float) -> None:
        super().__init__(scenario)
        self._at_s = at_s

    def tell(self, event: Event, now_s: float) -> tuple[Effect, ...]:
        """Let the gateway decide, and give more than it says."""
        effects = super().tell(event, now_s)
        if now_s < self._at_s or self.station is None or self.station.load_management is None:
            return effects
        self._at_s = float("inf")
        members = self.station.load_management.participants.items()
        number = next(number for number, member in members if member.offer_ma == 0)
        return (*effects, Offer(point=PointNumber(number), offer_ma=6000))


def i3(recording: Recording) -> list[Violation]:
    return [one for one in recording.violations if one.invariant == "I3"]


@pytest.mark.parametrize("events", ["", UNSEEN])
def test_the_gateway_begins_no_overload_in_an_emergency_whatever_the_building_does(
    events: str,
) -> None:
    scenario = parse_scenario(OUTAGE + events)
    recording = Run(scenario).run()
    assert recording.is_present(FaultCode.SMART_METER_TIMEOUT, 0, 200.0)
    assert not recording.violations


@pytest.mark.proves("D9.5c")
@pytest.mark.parametrize("events", ["", UNSEEN])
def test_a_controller_that_starts_somebody_in_an_emergency_is_reported(events: str) -> None:
    scenario = parse_scenario(OUTAGE + events)
    (found,) = i3(Run(scenario, controller=Generous(scenario, at_s=135.0)).run())
    assert 135.0 <= found.found_at <= 140.0
    assert found.words.startswith("L1 carries ")


def test_a_rule_that_lets_anybody_start_in_an_emergency_is_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The rule of load-management 11 without its condition, in the gateway itself."""
    monkeypatch.setattr(cycles, "_may_start_at_minimum", lambda *_, **__: True)
    assert i3(Run(parse_scenario(OUTAGE + UNSEEN)).run())


def test_one_that_fits_by_the_last_complete_set_may_start_though_the_building_has_grown() -> None:
    """Allowed by load-management 11; nobody could know."""
    text = "duration_s: 300\nbase_a: 10\npoints: [{}, {car: {plug_s: 200}}]\n"
    text += "meter: {lost: [{from: 120, to: 260}]}\nevents: [{at: 150.1, base_a: 24}]\n"
    recording = Run(parse_scenario(text)).run()
    assert recording.points[1].draw.at(250.0) == 6000  # it was started: the line carries 36 A
    assert recording.load[0].at(250.0) == 36_000
    assert not recording.violations


def test_the_gateway_restarts_no_more_than_fit_after_an_overcurrent() -> None:
    recording = Run(parse_scenario(OVERLOAD)).run()
    assert recording.is_present(FaultCode.OVER_CURRENT, 0, 150.0)
    assert not recording.is_present(FaultCode.OVER_CURRENT, 0, 300.0)
    assert sorted(log.offers.at(300.0) for log in recording.points) == [0, 7000, 7000]
    assert not recording.violations


@pytest.mark.proves("D9.5c")
@pytest.mark.parametrize("at_s", [160.0, 280.0])
def test_a_controller_that_starts_one_too_many_in_a_lock_out_or_after_it_is_reported(
    at_s: float,
) -> None:
    scenario = parse_scenario(OVERLOAD)
    (found,) = i3(Run(scenario, controller=Generous(scenario, at_s=at_s)).run())
    assert at_s <= found.found_at <= at_s + 5.0


def test_what_the_building_does_while_the_minima_do_not_fit_is_not_the_gateways_fault() -> None:
    text = "duration_s: 120\nbase_a: 4\npoints: 3\nsettings: {overcurrent_fuse_s: never, "
    text += "overcurrent_limit_s: never, severe_factor: 9}\n"
    text += "events: [{at: 60.1, base_a: 20}, {at: 80.1, base_a: 24}, {at: 100.1, base_a: 28}]\n"
    recording = Run(parse_scenario(text)).run()
    assert recording.load[0].at(110.0) == 46_000
    assert not recording.violations


def test_a_gateway_that_restarts_while_the_meter_is_silent_is_not_blamed_for_what_it_cannot_know() -> (
    None
):
    text = OUTAGE + "events: [{at: 180, gateway: restart, off_s: 3}]\n"
    assert not Run(parse_scenario(text)).run().violations


def test_a_slow_vehicle_that_takes_the_minimum_of_a_restart_is_not_the_gateways_fault() -> None:
    text = "duration_s: 150\nbase_a: 17\npoints: 3\nconnection: {fuse_a: 36}\n"
    text += "events: [{at: 60.1, gateway: restart, off_s: 1}]\n"
    scenario = parse_scenario(text)
    slow = tuple(replace(one, car=replace(one.car, rise_ma_per_s=500.0)) for one in scenario.points)
    recording = Run(replace(scenario, points=slow)).run()
    assert max(recording.load[0].at(float(at_s)) for at_s in range(60, 90)) > 34_000
    assert not recording.violations


def test_a_vehicle_that_plugs_in_at_an_unreachable_charger_is_not_the_gateways_fault() -> None:
    text = "duration_s: 160\nbase_a: 4\npoints: [{}, {car: {plug_s: 120}}]\n"
    text += "events: [{at: 60, point: 2, charger: unreachable}, {at: 80, base_a: 25}]\n"
    recording = Run(parse_scenario(text)).run()
    assert recording.load[0].at(119.0) == 31_000
    assert recording.load[0].highest(120.0, 140.0) == 37_000
    assert not recording.violations


@pytest.mark.parametrize(
    "begins",
    [
        "car: {plug_s: 100, %s}}]\n",
        "car: {%s}}]\nevents: [{at: 0, until: 99, point: 2, interruption: on}]\n",
    ],
    ids=["plugged in", "started"],
)
def test_a_vehicle_that_has_just_begun_may_rise_to_its_minimum_though_the_building_grows(
    begins: str,
) -> None:
    """It needs 12.5 s for its 10 A; the others have obeyed long before, and it must not be stopped."""
    text = "duration_s: 150\nmeter: {sample_s: 1, delay_s: 0.3}\n"
    text += "points: [{minimum_a: 10}, {minimum_a: 10, latency_s: 1, "
    text += begins % "rise_a_per_s: 0.8, delay_s: 1.5"
    scenario = parse_scenario(text)
    step = BaseChanged(happens_at=102.5, load_ma=(13_000, 13_000, 13_000))
    recording = Run(replace(scenario, happenings=(*scenario.happenings, step))).run()
    assert recording.load[0].at(120.0) == 33_000, (
        "1 A more than it may carry: the minima do not fit"
    )
    assert not recording.violations
