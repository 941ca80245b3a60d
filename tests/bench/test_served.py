"""How long somebody waits, who is served worst, and what the oracle takes for possible: by hand.

A line of 32 A and vehicles of three phases, unless said otherwise; offers by a script.
"""

import pytest

from bench.days.day_figures import shares_of_fair, worst_served
from bench.days.waiting import locked_out_s, waits
from knxgw.catalogue.codes import Reason
from knxgw.sim.bench.curve import Steps
from knxgw.sim.bench.metrics import energies_as
from knxgw.sim.bench.oracle import Ideal, ideal
from tests.bench.scripted import Script, run

ALL_S = 3000.0
THREE = "points: 3"


def site(base_a: float, *events: str, more: str = THREE) -> str:
    return f"duration_s: {ALL_S:g}\nbase_a: {base_a}\n{more}\nevents: [{', '.join(events)}]"


def longest(text: str, script: Script) -> list[float]:
    """Return length and overrun of the longest wait [s]."""
    wait = max(waits(*run(text, script)), key=lambda one: one.length_s)
    return [wait.length_s, wait.overrun_s]


# --- waiting ---------------------------------------------------------------------------------------

SERVED: Script = {0: {1: 6, 2: 6, 3: 6}}


def test_who_has_current_or_wants_none_does_not_wait() -> None:
    assert not waits(*run(site(4), SERVED))
    assert not waits(*run(site(4, more="points: [{car: none}]"), {}))
    assert not waits(*run(site(4, more="points: [{car: {maximum_a: 0}}]"), {}))


def test_where_two_of_three_fit_a_wait_of_one_turn_and_a_minute_is_allowed() -> None:
    # 32 - 16 A: two minima of 6 A, so three in two turns
    in_turn: Script = {0: {1: 6, 2: 6}, 960: {1: 0, 3: 6}, 1920: {2: 0, 1: 6}, 2880: {3: 0, 2: 6}}
    assert longest(site(16), in_turn) == pytest.approx([960, 0])
    late: Script = {0: {1: 6, 2: 6}, 1000: {1: 0, 3: 6}, 1900: {2: 0, 1: 6}, 2800: {3: 0, 2: 6}}
    assert longest(site(16), late) == pytest.approx([1000, 40])


def test_where_one_of_three_fits_two_turns_are_allowed() -> None:
    first_only: Script = {0: {1: 6}, 1900: {1: 0, 2: 6}}
    text = site(22)
    waited = {one.point: one for one in waits(*run(text, first_only))}
    assert waited[1].length_s == 1900
    assert {one.allowed_s for one in waited.values() if one.length_s > 1860} == {1860}


def test_the_length_of_a_turn_is_that_of_the_settings() -> None:
    text = site(16) + "\nsettings: {queue: true, rotation_s: 300}"
    assert longest(text, {0: {1: 6, 2: 6}, 1000: {3: 6}}) == pytest.approx([1000, 1000 - 360])


def test_where_all_have_room_nobody_waits_longer_than_a_minute() -> None:
    # no turns are needed: only the minute of slack
    assert longest(site(4), {0: {1: 6, 2: 6}, 500: {3: 6}}) == pytest.approx([500, 440])


def test_a_building_that_is_too_much_for_a_while_makes_it_a_matter_of_turns() -> None:
    # all fit but for 100 s, in which two of three do: two turns
    text = site(4, "{at: 200, base_a: 16}", "{at: 300, base_a: 4}")
    assert longest(text, {0: {1: 6, 2: 6}, 1000: {3: 6}}) == pytest.approx([1000, 40])


def test_how_many_can_be_served_is_a_mean_over_the_time_in_which_not_all_can() -> None:
    # one of three for 600 s, two of three for 300 s: 4/3 of 3, so three turns
    text = site(22, "{at: 600, base_a: 16}", "{at: 900, base_a: 4}")
    assert longest(text, {0: {1: 6}, 500: {2: 6}, 2000: {3: 6}}) == pytest.approx([2000, 140])


def test_where_no_minimum_fits_nobody_can_be_served() -> None:
    assert longest(site(30), {}) == pytest.approx([ALL_S, 0])


def test_a_charger_that_cannot_be_reached_does_not_wait() -> None:
    text = site(
        4, "{at: 100, point: 3, charger: unreachable}", "{at: 900, point: 3, charger: good}"
    )
    lengths = {one.length_s for one in waits(*run(text, {0: {1: 6, 2: 6}, 930: {3: 6}}))}
    assert lengths == {100, 30}


def test_locked_out_is_who_wants_and_has_nothing_for_an_overcurrent() -> None:
    text = site(4, "{at: 900, point: 2, car: unplug}", more="points: 2")
    _, recording = run(text, {0: {1: 6, 2: 6}, 600: {1: 0}, 700: {2: 0}, 1000: {1: 6}})
    for number in (1, 2):
        reasons = Steps[object](0.0, Reason.MAXIMUM)
        reasons.add(650.0, Reason.LOCK_OUT)
        recording.objects[number, "reason"] = reasons  # type: ignore[assignment]
    # CP1 from 650 to 1000 s, CP2 from 700 to 900 s, when its vehicle leaves: together 350 s
    assert locked_out_s(recording) == pytest.approx(350)
    assert waits(*run(text, {0: {1: 6, 2: 6}, 600: {1: 0}}))


# --- what is possible ------------------------------------------------------------------------------


def test_the_worst_served_is_measured_by_the_mean_of_what_was_fairly_possible() -> None:
    fair = Ideal(possible_as=[], fair_as=[100.0, 200.0, 0.0, 50.0])
    shares = shares_of_fair([90.0, 160.0, 0.0, 50.0], fair)
    assert shares == [0.9, 0.8, 1.0]  # nothing was possible for the third
    assert worst_served(shares) == pytest.approx(0.8 / 0.9)
    assert worst_served([]) == worst_served([0.0, 0.0]) == 1.0


def test_one_who_is_never_served_while_not_all_fit_is_found_by_the_fair_oracle_only() -> None:
    scenario, recording = run(site(20), {0: {1: 6, 2: 6}})  # 12 A for three
    found = ideal(scenario, recording, 0.0, ALL_S)
    whole_as = 2 * 6 * 3 * ALL_S
    assert sum(found.possible_as) == pytest.approx(whole_as)
    assert found.possible_as[2] == 0
    assert found.fair_as == pytest.approx([whole_as / 3] * 3, rel=1e-3)
    assert worst_served(shares_of_fair(energies_as(recording, ALL_S), found)) == 0


def test_turns_that_take_all_the_time_there_is_are_fair() -> None:
    third = ALL_S / 3
    turns: Script = {0: {1: 6, 2: 6}, third: {1: 0, 3: 6}, 2 * third: {2: 0, 1: 6}}
    scenario, recording = run(site(20), turns)
    shares = shares_of_fair(energies_as(recording, ALL_S), ideal(scenario, recording, 0.0, ALL_S))
    assert worst_served(shares) > 0.99


def test_nobody_can_tell_a_charger_anything_that_cannot_be_reached() -> None:
    # CP2 keeps 6 A; CP1 could have 32 - 4 - 6 A, but takes no more than 16
    text = site(4, "{at: 0, point: 2, charger: unreachable}", more="points: 2")
    scenario, recording = run(text, {-30: {1: 6, 2: 6}})
    found = ideal(scenario, recording, 100.0, 200.0)
    assert found.possible_as == found.fair_as == pytest.approx([16 * 3 * 100, 6 * 3 * 100])
    crowded = text.replace("base_a: 4", "base_a: 14")
    scenario, recording = run(crowded, {-30: {1: 6, 2: 6}})
    found = ideal(scenario, recording, 100.0, 200.0)
    assert found.possible_as == pytest.approx([12 * 3 * 100, 6 * 3 * 100])


def test_chargers_of_whole_amperes_are_told_whole_amperes() -> None:
    # 25 A for two: 13 and 12, not 12.5 each
    text = site(7, more="points: 2\nevery_point: {resolution_a: 1}")
    scenario, recording = run(text, SERVED_TWO)
    assert sorted(ideal(scenario, recording, 0.0, 100.0).possible_as) == [12 * 300, 13 * 300]
    # 29 A for three of 16, 16 and 9.5 A: 10, 10 and 9
    text = site(3, more="points: [{}, {}, {car: {maximum_a: 9.5}}]\nevery_point: {resolution_a: 1}")
    scenario, recording = run(text, SERVED)
    given = ideal(scenario, recording, 0.0, 100.0).possible_as
    assert sum(given) == pytest.approx(29 * 300)


SERVED_TWO: Script = {0: {1: 6, 2: 6}}


def test_a_meter_that_ends_at_65_a_leaves_60_a_to_be_shared() -> None:
    text = site(
        30,
        more='points: 3\nconnection: {fuse_a: 80}\nmeter: {dpt: "7.012"}',
    )
    scenario, recording = run(text, SERVED)
    assert sum(ideal(scenario, recording, 0.0, 100.0).possible_as) == pytest.approx(30 * 300)
