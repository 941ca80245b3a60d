"""Scenario files: what they may say, and what is said about mistakes; the command; the page."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from knxgw.cli import main
from knxgw.errors import ConfigError
from knxgw.sim.bench import (
    read_configuration,
    read_expectations,
    read_happenings,
    read_meter,
    read_scenario,
)
from knxgw.sim.bench.expectation import OffersAre, When
from knxgw.sim.bench.read_scenario import parse_scenario
from knxgw.sim.bench.scenario import BaseChanged, CarModel, PointModel

PAGE = Path(__file__).parents[2] / "docs/bench.md"


def mistakes(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse_scenario(text, "s.yaml")
    return [str(finding) for finding in caught.value.findings]


def test_a_file_that_says_nothing_is_bench_b0_with_one_car() -> None:
    scenario = parse_scenario("about: nothing")
    assert scenario.points == (PointModel(),)
    assert scenario.connection.limit_ma == 32_000
    assert scenario.base_ma == (4000, 4000, 4000)
    assert scenario.meter.sample_s == 2.0


def test_defaults_for_every_charging_point_and_car_hold_unless_one_says_otherwise() -> None:
    text = (
        "every_car: {phases: 1}\nevery_point: {maximum_a: 20}\n"
        "points: [{}, {maximum_a: 10, car: {maximum_a: 8}}, {car: none}]"
    )
    one, two, three = parse_scenario(text).points
    assert (one.maximum_ma, one.car) == (20_000, CarModel(phases=1))
    assert (two.maximum_ma, two.car) == (10_000, CarModel(phases=1, maximum_ma=8000))
    assert three.car.plug_s is None


def test_a_periodic_load_is_a_row_of_steps() -> None:
    text = "duration_s: 99\nperiodic: [{from: 10, to: 55, on_s: 10, off_s: 20, add_a: 7, phase: 2}]"
    steps = [
        (one.happens_at, one.load_ma)
        for one in parse_scenario(text).happenings
        if isinstance(one, BaseChanged)
    ]
    on, off = (None, 7000, None), (None, -7000, None)
    assert steps == [(10, on), (20, off), (40, on), (50, off)]


def test_an_expectation_keeps_its_line_and_its_words() -> None:
    (one,) = parse_scenario("points: 2\nexpect:\n  - {by: 30, offers_a: [16, '-']}").expectations
    assert (one.line, one.when, one.ends_at) == (3, When.BY, 30.0)
    assert one.subject == OffersAre(offers_ma=(16_000, None), tolerance_ma=200)
    assert one.words == "by 30 s: offers_a [16, -]"


def test_chargers_that_count_whole_amperes_are_judged_exactly() -> None:
    text = "every_point: {resolution_a: 1}\nexpect: [{at: 1, offers_a: 6}]"
    (one,) = parse_scenario(text).expectations
    assert one.subject == OffersAre(offers_ma=(6000,), tolerance_ma=0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bse_a: 4", "s.yaml:1: error: bse_a: unknown key; did you mean 'base_a'?"),
        ("base_a: four", "s.yaml:1: error: base_a: expected a number, got 'four'"),
        (
            "base_a: [1, 2]",
            "s.yaml:1: error: base_a: expected 3 values, got 2; write L1, L2 and L3",
        ),
        ("points: 6", "s.yaml:1: error: points: 6 is out of range; allowed: 1 to 5"),
        (
            "points:\n  - {minimum_a: 20}",
            "s.yaml:2: error: points[0].minimum_a: the minimum is above the maximum; "
            "lower minimum_a or raise maximum_a",
        ),
        (
            "points: [{rotation: 124}]",
            "s.yaml:1: error: points[0].rotation: expected one of 123, 231, 312, 132, 213, 321, "
            "got '124'; did you mean '312'?",
        ),
        (
            "meter: {dpt: 9.20}",
            "s.yaml:1: error: meter.dpt: expected one of 7.012, 9.021, 14.019, 9.024, 14.056, "
            "got '9.20'; did you mean '9.024'?",
        ),
        (
            "connection: {phases: 1}\npoints: [{phases: 3}]",
            "s.yaml:2: error: points[0].phases: 3 phases are wired, the connection has one; "
            "leave it out, or give `connection` 3 phases",
        ),
        (
            "connection: {phases: 1}\nevery_point: {rotation: 231}",
            "s.yaml:2: error: every_point.rotation: terminal 1 is on L2, the connection has L1 "
            "only; leave it out, or give `connection` 3 phases",
        ),
        (
            "settings: {restrt_s: 5}",
            "s.yaml:1: error: settings.restrt_s: unknown key; did you mean 'restart_s'?",
        ),
        (
            "connection: {load_management: static}",
            "s.yaml:1: error: connection: static load management needs a limit; "
            "add `static_limit_a: …`",
        ),
        (
            "events:\n  - {at: 5, point: 3, interruption: on}",
            "s.yaml:2: error: events[0].point: 3 is out of range; allowed: 1 to 1",
        ),
        (
            "events:\n  - {at: 5, interruption: on}",
            "s.yaml:2: error: events[0]: key 'point' is missing; add `point: …`",
        ),
        (
            "events:\n  - {at: 5, until: 9, base_a: 6}",
            "s.yaml:2: error: events[0].until: `base_a` has no end; write a second event; "
            "these have an end: base_added_a, grid_control, ",
        ),
        (
            "events:\n  - {at: 5, point: 1, base_a: 6}",
            "s.yaml:2: error: events[0].point: `base_a` has no `point`; known are: phase",
        ),
        (
            "events:\n  - {at: 5, phase: 2, high_power: on}",
            "s.yaml:2: error: events[0].phase: `high_power` has no `phase`; leave it out",
        ),
        (
            "events:\n  - {at: 5, phase: 2, base_a: [1, 2, 3]}",
            "s.yaml:2: error: events[0].phase: a list has all phases; leave `phase` out",
        ),
        (
            "events:\n  - {at: 5, until: 5, point: 1, charger: ignores}",
            "s.yaml:2: error: events[0].until: it would end before it begins; give more than 5",
        ),
        (
            "events:\n  - {at: 5, until: 9, point: 1, charger: reboots}",
            "s.yaml:2: error: events[0].until: `reboots` has no end; "
            "say how long it takes: `off_s: …`",
        ),
        (
            "events:\n  - {at: 5, until: 9, point: 1, charger: good}",
            "s.yaml:2: error: events[0].until: `good` has no end; write when the trouble ends",
        ),
        (
            "events:\n  - {at: 5, point: 1, charger: ignores, to_a: 16}",
            "s.yaml:2: error: events[0].to_a: `ignores` has none; it belongs to `reboots`",
        ),
        (
            "events:\n  - {at: 5, point: 1, charger: sulks}",
            "s.yaml:2: error: events[0].charger: expected one of good, unreachable, invalid, "
            "ignores, refuses, reboots, got 'sulks'",
        ),
        (
            "events:\n  - {at: 5, point: 1, reports: 12}",
            "s.yaml:2: error: events[0].reports: 12 is out of range; allowed: 0 to 11",
        ),
        (
            "events:\n  - {base_a: 5}",
            "s.yaml:2: error: events[0]: key 'at' is missing; add `at: …`",
        ),
        (
            "expect:\n  - {by: 5, between: [1, 2], offers_a: 6}",
            "s.yaml:2: error: expect[0]: expected one time, got by and between; keep one of them",
        ),
        (
            "expect:\n  - {at: 5, fault: OverCurent}",
            "s.yaml:2: error: expect[0].fault: expected one of ",
        ),
        (
            "expect:\n  - {at: 500, offers_a: 6}",
            "s.yaml:2: error: expect[0].at: 500 is out of range; allowed: up to 60",
        ),
        ("expect: [{at: 5}]", "s.yaml:1: error: expect[0]: expected one condition, got 0; "),
        ("- a", "s.yaml:1: error: expected keys and values here"),
        ("", "s.yaml:1: error: the file is empty"),
    ],
)
def test_a_mistake_names_line_key_problem_and_remedy(text: str, message: str) -> None:
    assert mistakes(text)[0].startswith(message)


def test_all_mistakes_are_told_at_once() -> None:
    assert len(mistakes("bse_a: 4\nduration_s: x\nevents: [{at: 1}]")) == 3


# --- the command -----------------------------------------------------------------------------------


def bench(tmp_path: Path, text: str, *options: str) -> tuple[int, str]:
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    result = CliRunner().invoke(main, ["bench", str(path), *options])
    return result.exit_code, result.output


OFF = "connection: {load_management: off}\n"


def test_a_scenario_that_goes_as_expected_is_status_0(tmp_path: Path) -> None:
    status, output = bench(tmp_path, "duration_s: 4\nexpect: [{at: 3, offers_a: 6}]")
    assert status == 0
    assert output.startswith("mine: passed, 1 expectations")


def test_a_scenario_that_does_not_is_status_1_and_says_what_was(tmp_path: Path) -> None:
    status, output = bench(tmp_path, OFF + "expect: [{at: 5, offers_a: 6}]")
    assert status == 1
    assert "failed: line 2: at 5 s: offers_a 6: offers are 16 A" in output


def test_a_faulty_or_missing_file_is_status_2(tmp_path: Path) -> None:
    status, output = bench(tmp_path, "bse_a: 4")
    assert status == 2
    assert "mine.yaml:1: error: bse_a: unknown key; did you mean 'base_a'?" in output
    result = CliRunner().invoke(main, ["bench", str(tmp_path / "none.yaml")])
    assert (result.exit_code, result.output.count("cannot be read")) == (2, 1)


def test_json_is_a_list_of_results(tmp_path: Path) -> None:
    status, output = bench(
        tmp_path, OFF + "duration_s: 3\nexpect: [{at: 1, offers_a: 16}]", "--json"
    )
    (one,) = json.loads(output)
    assert status == 0
    assert set(one) == {"scenario", "passed", "failures", "metrics", "timeline"}
    assert (one["scenario"], one["passed"], one["failures"]) == ("mine", True, [])
    assert one["timeline"][0]["offers_a"] == [16.0]


# --- the page --------------------------------------------------------------------------------------


def test_the_page_explains_every_key() -> None:
    page = PAGE.read_text(encoding="utf-8")
    words = set(re.findall(r"`([a-z_0-9]+)[`:]", page))
    keys: set[str] = set()
    for name in ("_KEYS", "_CONNECTION", "_POINT", "_CAR"):
        keys |= set(getattr(read_scenario, name))
    keys |= set(read_meter.KEYS) | set(read_configuration.KEYS)
    keys |= set(read_happenings._READERS) | set(read_happenings._OPTIONS)
    keys |= set(read_expectations._READERS) | set(read_expectations._OPTIONS)
    keys |= set(read_expectations._TIMES)
    assert keys - words == set()
