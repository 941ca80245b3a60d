"""What can be expected of a run, when it is broken, and what does not go together."""

import pytest

from knxgw.errors import ConfigError
from knxgw.sim.bench.judge import failures
from knxgw.sim.bench.read_scenario import parse_scenario
from knxgw.sim.bench.report import run_scenario
from knxgw.sim.bench.runner import Run

# 14/14 A from 21 s on, 9/9 A from 123 s on, 14/14 A again from 268 s on
SITE = "duration_s: 300\npoints: 2\nevents: [{at: 120.1, until: 240.1, base_added_a: 10}]\n"


def broken(expectation: str, site: str = SITE) -> list[str]:
    """Return what is wrong with one line of what is expected."""
    found = run_scenario(parse_scenario(f"{site}expect:\n  - {{{expectation}}}\n")).failures
    return [words.partition(": ")[2] for words in found]


def mistakes(expectation: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse_scenario(f"points: 2\nexpect:\n  - {{{expectation}}}\n", "s.yaml")
    return [str(finding).removeprefix("s.yaml:3: error: ") for finding in caught.value.findings]


# --- becomes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "expectation",
    [
        "becomes: [122, 124], to: 240, offers_a: 9",
        "becomes: 124, to: 240, offers_a: [9, '-']",
        "becomes: [262, 270], offers_a: 14",
        "becomes: [120, 125], to: 240, offers_at_most_a: 10",
        "becomes: [0.2, 1], states: 8",
        "becomes: [0.1, 0.5], to: 20, reasons: raising",
        "becomes: [120.2, 126], to: 240, load_a: 32",
    ],
)
def test_what_becomes_so_in_time_and_stays_so_is_as_expected(expectation: str) -> None:
    assert not broken(expectation)


@pytest.mark.parametrize(
    ("expectation", "problem"),
    [
        ("becomes: [110, 122], to: 240, offers_a: 9", "offers are 14/14 A at 122.0 s"),
        ("becomes: [124, 130], to: 240, offers_a: 9", "held before 124 s"),
        ("becomes: [122, 124], offers_a: 9", "offers are "),
        ("becomes: [122, 124], to: 280, offers_a: 9", "offers are "),
        ("becomes: [120.2, 120.3], to: 240, load_a: 32", "the line carries 42/42/42 A at 120.3 s"),
        ("becomes: [0.2, 1], to: 50, reasons: raising", "reasons are fuse_l1/fuse_l1 at 23.0 s"),
    ],
)
def test_what_comes_too_early_too_late_or_does_not_stay_is_not(
    expectation: str, problem: str
) -> None:
    (found,) = broken(expectation)
    assert problem in found


def test_a_fault_becomes_present_and_stays() -> None:
    site = (
        "duration_s: 60\npoints: 2\nevents: [{at: 30, until: 50, point: 2, charger: unreachable}]\n"
    )
    assert not broken("becomes: [30, 31], to: 49, point: 2, fault: NotReachable", site)
    assert not broken("becomes: [50, 51], point: 2, fault: NotReachable, present: no", site)
    assert broken("becomes: [30, 31], point: 2, fault: NotReachable", site)


def test_what_becomes_so_is_told_in_words() -> None:
    text = SITE + "expect:\n  - {becomes: [122, 124], offers_a: 9}\n  - {becomes: 3, offers_a: 9}\n"
    scenario = parse_scenario(text)
    one, two = failures(scenario, Run(scenario).run())
    assert one.startswith("line 5: becomes between 122 and 124 s, until 300 s: offers_a 9: offers")
    assert two.startswith("line 6: becomes by 3 s, until 300 s: offers_a 9: offers are 6/6 A")


def test_a_load_that_is_elsewhere_before_it_jumps_is_seen() -> None:
    site = "duration_s: 9\nidle_s: 0\npoints: [{car: none}]\nevents: [{at: 5, until: 6, base_added_a: 2}]\n"
    assert not broken("to: 4.9, load_a: 4", site)
    assert broken("from: 4, load_a: 4", site)


# --- rise_a --------------------------------------------------------------------------------------

RISE = "rise_a: [[240.1, 9], [252, 11], [257, 13], [262, 14]]"


def test_a_rise_is_looked_at_between_from_and_to() -> None:
    fast = "rise_a: [[60, 7], [200, 9], [252, 11], [257, 13], [262, 14]]"  # 14 A at first
    assert broken(fast)[0].endswith("CP1 has 14 A at 60.0 s already")
    assert not broken(f"from: 130, {fast}")
    assert not broken(f"from: 130, to: 290, {fast}")


def test_with_an_end_what_a_rise_reached_stays_so() -> None:
    assert not broken(f"{RISE}, to: 300")
    site = SITE.replace("[{at: 120.1", "[{at: 290, base_added_a: 10}, {at: 120.1")
    assert not broken(RISE, site)
    assert "offers are " in broken(f"{RISE}, to: 300", site)[0]


def test_a_rise_that_is_cut_off_is_a_mistake() -> None:
    rise = "rise_a: [[1, 6], [6, 8]]"
    assert mistakes(f"to: 15, {rise}") == [
        "expect[0].to: the last step may be reached at 16 s only; give 16 or more, or leave it out"
    ]
    assert mistakes(f"from: 7, {rise}") == [
        "expect[0].from: the rise is over by then; give 6 or less, or leave it out"
    ]


# --- what does not go together -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expectation", "message"),
    [
        (
            "at: 30, rise_a: [[1, 6]]",
            "expect[0].at: `rise_a` does not go with `at`; write `from` or `to`",
        ),
        (
            "becomes: [3, 5], load_at_most_a: 32",
            "expect[0].becomes: `load_at_most_a` does not go with `becomes`; "
            "write `at`, `by`, `between`, `from` or `to`",
        ),
        (
            "from: 20, energy_equal_within: 0.1",
            "expect[0].from: `energy_equal_within` does not go with `from`; "
            "write `at`, `by` or `to`",
        ),
        (
            "between: [5, 9], measured_a: 4",
            "expect[0].between: `measured_a` does not go with `between`; write `at` or `by`",
        ),
        (
            "measured_a: 4",
            "expect[0]: `measured_a` is checked at one moment; write `at` or `by`",
        ),
        (
            "by: 5, to: 9, offers_a: 6",
            "expect[0].to: `to` does not go with `by`; it belongs to `from` and `becomes`",
        ),
        (
            "between: [9, 5], offers_a: 6",
            "expect[0].between: the second moment is before the first; write `[earliest, latest]`",
        ),
        (
            "from: 9, to: 5, offers_a: 6",
            "expect[0].to: it would end before it begins; give 9 or more",
        ),
        (
            "becomes: [5, 9], to: 8, offers_a: 6",
            "expect[0].to: it would end before it begins; give 9 or more",
        ),
        (
            "at: 5, offers_a: 6, point: 1",
            "expect[0].point: `offers_a` has no `point`; known are: tolerance_a",
        ),
        (
            "at: 5, states: 8, tolerance_a: 1",
            "expect[0].tolerance_a: `states` has no `tolerance_a`; leave it out",
        ),
        (
            "by: 5, fault_seen: OverCurrent, present: no",
            "expect[0].present: `fault_seen` has no `present`; known are: point",
        ),
        (
            "at: 5, fault: NotFollowing, present: no",
            "expect[0]: NotFollowing is a fault of a charging point; add `point: …`",
        ),
        (
            "at: 5, point: 1, fault: OverCurrent",
            "expect[0]: OverCurrent is a fault of the whole device; leave `point` out",
        ),
        (
            "at: 5, object: state, value: 8",
            "expect[0]: state is an object of a charging point; add `point: …`",
        ),
        (
            "at: 5, object: colour, value: 8",
            "expect[0].object: expected one of fault, grid_supporting_control_state, ",
        ),
        (
            "rise_a: []",
            "expect[0].rise_a: expected at least one step; write `[[1, [6, 6]], [6, [8, 8]]]`",
        ),
        (
            "rise_a: [[6, 8], [1, 6]]",
            "expect[0].rise_a: the steps are not in the order of their times; sort them",
        ),
    ],
)
def test_what_would_be_left_out_of_account_is_a_mistake(expectation: str, message: str) -> None:
    assert mistakes(expectation)[0].startswith(message)
