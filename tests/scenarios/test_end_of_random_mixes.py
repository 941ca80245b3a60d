"""Random mixes with a quiet end: nobody is held at its minimum or at 0 A when nothing is the matter.

Wider than the mixes of `test_random_mixes`: chargers without measurement, without 0 A, read seldom
and late, whole amperes, one phase, the queue, restarts, chargers that are silent, lost telegrams,
every datapoint type. Source: load-management 9.5, 22.
"""

from dataclasses import replace

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from knxgw.charging.scope import PointNumber
from knxgw.sim.bench.read_scenario import parse_scenario
from knxgw.sim.bench.runner import Run
from knxgw.sim.bench.scenario import (
    BaseChanged,
    CarModel,
    ChargerTroubled,
    ConnectionModel,
    Happening,
    LostTelegrams,
    MeterModel,
    PointModel,
    Restarted,
    Scenario,
    Told,
    Trouble,
)
from knxgw.station.model import (
    GridControlCommanded,
    HighPowerStarted,
    InterruptionCommanded,
)
from tests.scenarios.end_state import end_state
from tests.scenarios.test_random_mixes import COUNTS, FUZZ, amperes, tenths

EXAMPLES = (settings().max_examples if FUZZ else 16) // len(COUNTS)
BUSY_S = 90.0  # until then something happens
QUIET_S = 430.0  # the longest hold (15 s, three times doubled), a lock-out, and all steps up


@st.composite
def cars(draw: st.DrawFn) -> CarModel:
    return CarModel(
        plug_s=draw(st.just(0.0) | tenths(0, 40)),
        phases=draw(st.sampled_from([1, 2, 3, 3, 3])),
        maximum_ma=draw(st.sampled_from([6000, 8000, 10_000, 16_000, 16_000, 32_000])),
        delay_s=draw(st.sampled_from([0.5, 1.0, 1.5])),
        rise_ma_per_s=draw(amperes(1, 4)),
        fall_ma_per_s=draw(amperes(5, 10)),
        overdraw_ma=draw(st.sampled_from([0, 0, 0, 0, 300])),
    )


@st.composite
def points(draw: st.DrawFn, *, is_single: bool) -> PointModel:
    minimum_ma = draw(st.sampled_from([6000, 6000, 6000, 8000, 10_000]))
    return PointModel(
        minimum_ma=minimum_ma,
        maximum_ma=draw(st.sampled_from([13_000, 16_000, 16_000, 32_000])),
        resolution_ma=draw(st.sampled_from([100, 100, 1000])),
        phases=1 if is_single else draw(st.sampled_from([1, 3, 3])),
        rotation="123" if is_single else draw(st.sampled_from(["123", "231", "312"])),
        is_measured=draw(st.sampled_from([True, True, True, False])),
        zero_pauses=draw(st.booleans()),
        poll_s=draw(st.sampled_from([1.0, 1.0, 2.0, 3.0, 5.0])),
        latency_s=draw(st.sampled_from([0.2, 0.5, 0.5, 1.0])),
        car=draw(cars()),
    )


@st.composite
def troubles(draw: st.DrawFn, count: int) -> list[Happening]:
    """Draw something that happens, and its end."""
    at_s, end_s = draw(tenths(1, 60)), draw(tenths(62, 90))  # no restart misses the end
    number = PointNumber(draw(st.integers(1, count)))
    load_ma = tuple(draw(amperes(0, 30)) for _ in range(3))
    base = BaseChanged(happens_at=at_s, load_ma=(load_ma[0], load_ma[1], load_ma[2]))
    reported = [
        (InterruptionCommanded(point=number, is_active=on), GridControlCommanded(is_active=on))
        for on in (True, False)
    ]
    commands: list[list[Happening]] = [
        [Told(happens_at=at_s, event=on), Told(happens_at=end_s, event=off)]
        for on, off in zip(*reported, strict=True)
    ]
    silent: list[Happening] = [
        ChargerTroubled(happens_at=at_s, point=number, trouble=Trouble.UNREACHABLE),
        ChargerTroubled(happens_at=end_s, point=number, trouble=Trouble.GOOD),
    ]
    single: list[list[Happening]] = [
        [base],
        [base],
        [Told(happens_at=at_s, event=HighPowerStarted())],
        [Restarted(happens_at=at_s, off_s=1.0)],
    ]
    return draw(st.sampled_from([*single, *commands, silent]))


@st.composite
def meters(draw: st.DrawFn) -> MeterModel:
    sample_s, delay_s, monitoring_s = draw(
        st.sampled_from([(1.0, 0.3, 10.0), (2.0, 1.0, 10.0), (2.0, 0.1, 10.0), (10.0, 2.0, 30.0)])
    )
    from_s = draw(tenths(1, 60))
    lost = LostTelegrams(
        begins_at=from_s,
        ends_at=from_s + draw(st.sampled_from([1.0, 5.0, 20.0])),
        phase=draw(st.none() | st.integers(0, 2)),
    )
    return MeterModel(
        sample_s=sample_s,
        first_s=draw(tenths(0, int(sample_s) - 1)),
        delay_s=(delay_s,) * 3,
        monitoring_s=monitoring_s,
        dpt=draw(st.sampled_from(["14.019", "14.019", "7.012", "9.021", "9.024", "14.056"])),
        lost=(lost,) if draw(st.booleans()) else (),
    )


@st.composite
def mixes(draw: st.DrawFn, count: int) -> Scenario:
    is_single = draw(st.sampled_from([False] * 7 + [True]))
    chosen = [draw(points(is_single=is_single)) for _ in range(count)]
    events = [one for some in draw(st.lists(troubles(count), max_size=4)) for one in some]
    last_ma = tuple(draw(amperes(0, 20)) for _ in range(3))
    last = BaseChanged(happens_at=BUSY_S, load_ma=(last_ma[0], last_ma[1], last_ma[2]))
    return Scenario(
        name="mix",
        about="random, with a quiet end",
        duration_s=BUSY_S + QUIET_S,
        idle_s=20.0,
        connection=ConnectionModel(
            fuse_ma=draw(amperes(32, 63)),
            phases=1 if is_single else 3,
            priority=draw(st.none() | st.integers(1, count)),
        ),
        settings={"queue": True} if draw(st.sampled_from([False, False, True])) else {},
        meter=draw(meters()),
        base_ma=(draw(amperes(0, 15)), draw(amperes(0, 15)), draw(amperes(0, 15))),
        points=tuple(chosen),
        happenings=tuple(sorted([*events, last], key=lambda one: one.happens_at)),
        expectations=(),
    )


# More for one whose lock-out was doubled. Every quarter of an hour a vehicle that is not measured and takes less
# than it may is offered more again: for two minutes others give way, so one later moment is not enough.
LATER_S = (1900.0, 2200.0)


def ended(scenario: Scenario) -> list[str]:
    """Return what is not as it should be after a quiet time; a lock-out may last."""
    recording = Run(scenario).run()
    found = [
        f"{one.invariant} at {one.found_at:.1f} s: {one.words}"
        for one in recording.violations
        if one.invariant != "I1" or _is_known_at_once(scenario)
    ]
    held = end_state(scenario, recording)
    for later_s in LATER_S:
        if held:
            longer = replace(scenario, duration_s=scenario.duration_s + later_s)
            held = end_state(longer, Run(longer).run())
    return found + held


def _is_known_at_once(scenario: Scenario) -> bool:
    """Tell whether one cycle after a meter value the base load can be known (load-management 7.2)."""
    return all(one.is_measured and one.poll_s <= 1.0 for one in scenario.points)


@pytest.mark.proves("D9.5a", "D9.5b", "D9.5c", "D9.5d", "D9.5e")
@pytest.mark.long
@pytest.mark.parametrize("count", COUNTS)
@settings(max_examples=EXAMPLES, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(data=st.data())
def test_nobody_is_held_down_when_nothing_is_the_matter(count: int, data: st.DataObject) -> None:
    scenario = data.draw(mixes(count))
    found = ended(scenario)
    assert not found, [*found, scenario]


def test_who_has_less_than_is_left_is_found() -> None:
    text = "about: Two cars.\npoints: 2\nduration_s: {duration_s}\n"
    early = parse_scenario(text.format(duration_s=8))
    found = end_state(early, Run(early).run())
    assert found[0] == "CP1 has 8.00 A, and 12.00 A are left"
    late = parse_scenario(text.format(duration_s=60))
    assert not end_state(late, Run(late).run())
    waits = parse_scenario(text.format(duration_s=60) + "base_a: 18\n")
    assert not end_state(waits, Run(waits).run()), "12 A are there, and two minima fit"


def test_who_is_locked_out_although_a_minimum_fits_is_found() -> None:
    scenario = parse_scenario(
        "about: A short overload.\npoints: 2\nduration_s: 180\n"
        "events: [{at: 100, base_a: 40}, {at: 130, base_a: 4}]\n"
    )
    found = end_state(scenario, Run(scenario).run())
    assert "fault OverCurrent of the gateway" in found
    assert "CP1 has 0 A, and 28.00 A are left" in found


def test_a_part_below_the_smallest_raise_may_stay_unused() -> None:
    text = "about: Five cars.\npoints: 5\nduration_s: 120\nconnection: {fuse_a: 35}\nbase_a: 1.3\n"
    scenario = parse_scenario(text)
    recording = Run(scenario).run()
    assert [log.offers.last for log in recording.points] == [6000] * 5
    assert not end_state(scenario, recording), "0.7 A for five are 0.14 A each"


def test_what_is_left_of_an_offer_without_measurement_is_not_missed_by_others() -> None:
    scenario = parse_scenario(
        "about: What one of 13 A leaves on L3.\nduration_s: 200\nconnection: {fuse_a: 33}\n"
        "base_a: [2, 0, 8]\npoints: 3\n"
    )
    first, second, _ = scenario.points
    car = replace(first.car, maximum_ma=8000, phases=1)
    one_phase = replace(first, phases=1, maximum_ma=13_000)
    blind = replace(one_phase, rotation="312", is_measured=False, car=car)
    alone = replace(one_phase, maximum_ma=32_000)
    connection = replace(scenario.connection, priority=1)
    points = (blind, replace(second, minimum_ma=10_000), alone)
    scenario = replace(scenario, connection=connection, points=points)
    recording = Run(scenario).run()
    assert not end_state(scenario, recording)
