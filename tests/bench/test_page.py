"""The page of the days: a story that is what happened, and what is said of the days."""

import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from bench.days import kept as days_kept
from bench.days.command import main, say_missed
from bench.days.day_plots import utilisation_plot
from bench.days.day_run import GATEWAY, DayResult, Job, run_day
from bench.days.day_story import clock, tell, without_current
from bench.days.kept import load_kept, save_kept
from bench.days.report import Page, page_lines, plots
from bench.days.series import BY_NAME, EVERY_SERIES
from bench.days.tables import missed_lines, overview_lines, summary_lines
from bench.days.worst_day import tell_worst, worst_lines, worst_of
from knxgw.sim.bench.read_scenario import parse_scenario
from knxgw.sim.bench.runner import Run

HOURS = 0.1


@cache
def result(seed: int = 1001, name: str = "2s") -> DayResult:
    """Return a very short day nobody else ran."""
    return run_day(Job(seed=seed, series=BY_NAME[name], hours=HOURS, compares=False))


def with_figures(one: DayResult, **changed: object) -> DayResult:
    own = replace(one.figures[GATEWAY], **changed)  # type: ignore[arg-type] # fields of the test
    return replace(one, figures={**one.figures, GATEWAY: own})


def text_of(*results: DayResult, tuned_until: str | None = None) -> str:
    return "\n".join(page_lines(Page(results=results, tuned_until=tuned_until)))


# --- what is said of the days ----------------------------------------------------------------------


def test_every_series_stands_in_one_table() -> None:
    results = [result(), result(name="outages")]
    rows = list(overview_lines(results))
    assert [row.split("|")[1].strip() for row in rows[2:]] == [
        "2 s meter",
        "meter silent for 2 min each hour",
    ]
    assert len({row.count("|") for row in rows}) == 1
    assert any("meter silent for 2 min each hour" in line for line in summary_lines(results))


def test_a_further_series_is_explained_but_has_no_details() -> None:
    text = text_of(result(), result(name="outages"))
    assert "- *meter silent for 2 min each hour*: for two minutes" in text
    assert "### 2 s meter" in text
    assert "### Meter silent" not in text
    assert set(plots(Page(results=[result(name="outages")]))) == set()


def test_what_is_missed_is_said_with_its_seed() -> None:
    poor = with_figures(result(), utilisation=0.9, caused_as=1.5)
    lines = list(missed_lines(BY_NAME["2s"], [poor]))
    assert "utilisation, each day: 0.900, accepted ≥ 0.96 (seeds 1001)" in lines
    assert "excess the gateway caused: 1.50 A·s, accepted ≤ 0 A·s (seeds 1001)" in lines
    assert "- **2 s meter**: excess the gateway caused" in text_of(poor)


def test_the_page_names_the_commit_that_ended_the_tuning_and_the_range_that_is_published() -> None:
    text = text_of(result(1001), result(1002), tuned_until="abc1234")
    assert "tuned on seeds 1 to 20" in text
    assert "seeds 1001 to 1002" in text
    assert "`abc1234`" in text


def test_days_the_rules_were_tuned_on_are_not_sold_as_fresh_ones() -> None:
    assert "**which the rules were tuned on**" in text_of(result(1), tuned_until="abc1234")


def test_the_plot_of_utilisation_leaves_out_what_is_far_below() -> None:
    well, badly = (with_figures(result(), utilisation=share) for share in (0.97, 0.5))
    assert utilisation_plot([well], "of each day").count("<circle") == 1
    assert utilisation_plot([badly], "of each day").count("<circle") == 0


# --- the worst day -----------------------------------------------------------------------------------


def test_a_violated_invariant_is_worse_than_an_excess_and_that_than_energy_left_lying() -> None:
    lazy = with_figures(result(), utilisation=0.5, violations=(), caused_as=0.0)
    eager = with_figures(result(1002), utilisation=0.99, violations=(), caused_as=2.0)
    wrong = with_figures(result(1003), utilisation=0.99, violations=("I3",), caused_as=0.0)
    assert worst_of([eager, wrong, lazy]) is wrong
    assert worst_of([lazy, eager]) is eager
    well = with_figures(result(1002), utilisation=0.99, violations=(), caused_as=0.0)
    assert worst_of([well, lazy]) is lazy


def test_the_worst_day_is_told_with_its_seed_its_hour_and_its_picture() -> None:
    worst = tell_worst(result())
    text = "\n".join(worst_lines(worst, "plots/worst-hour.svg"))
    assert "**seed 1001, 2 s meter**" in text
    assert "![Currents of the worst hour](plots/worst-hour.svg)" in text
    assert "- **00:00** " in text
    assert 0 < worst.given_kwh < worst.possible_kwh
    drawn = plots(Page(results=[result()], worst=worst))
    assert "seed 1001" in drawn["worst-hour.svg"]


def test_a_story_tells_who_was_lowered_for_what_and_when_nothing_happened() -> None:
    text = """\
duration_s: 300
base_a: 4
points: 2
events: [{at: 130, base_a: 14}, {at: 250, base_a: 4}]
expect: [{load_at_most_a: 50}]
"""
    scenario = parse_scenario(text, name="one.yaml")
    lines = list(tell(scenario, Run(scenario).run(), 60.0, 300.0))
    assert lines[0].startswith("- **00:01** Nothing changed: building 4/4/4 A, line 32/32/32 A")
    assert lines[1].startswith(
        "- **00:02** The building took 10 A on all phases; lowered: CP1 and CP2 14 → 9 A; "
        "L1 above the limit for "
    )
    assert lines[2].startswith("- **00:03** Nothing changed")
    assert lines[3].startswith("- **00:04** The building let go of 10 A on all phases")


def test_a_story_tells_of_a_meter_that_is_silent_and_of_vehicles_that_come_and_go() -> None:
    text = """\
duration_s: 180
base_a: 4
points: [{car: {plug_s: 65, unplug_s: 130}}]
meter: {lost: [{from: 70, to: 100}]}
expect: [{load_at_most_a: 50}]
"""
    scenario = parse_scenario(text, name="one.yaml")
    reported = "\n".join(tell(scenario, Run(scenario).run(), 0.0, 180.0))
    assert "a vehicle came to CP1 (up to 16 A on L1, L2, L3)" in reported.replace(
        "A vehicle", "a vehicle"
    )
    assert "the meter fell silent for 30 s; the fault SmartMeterTOut was raised" in reported
    assert "he vehicle at CP1 left" in reported


def test_who_had_no_current_is_said_with_the_time() -> None:
    text = """\
duration_s: 240
points: 2
events: [{at: 60, interruption: true, point: 2}, {at: 120, interruption: false, point: 2}]
expect: [{load_at_most_a: 50}]
"""
    scenario = parse_scenario(text, name="one.yaml")
    recording = Run(scenario).run()
    reported = without_current(recording, 30.0, 240.0)
    assert reported == "A vehicle was there and had 0 A at CP2 for 1.0 min."
    assert without_current(recording, 130.0, 240.0) == ""
    lines = "\n".join(tell(scenario, recording, 60.0, 180.0))
    assert "stopped: CP2 14 → 0 A" in lines


def test_the_time_of_a_day_begins_at_midnight() -> None:
    assert clock(0) == "00:00"
    assert clock(13.5 * 3600 + 59) == "13:30"


# --- the command ---------------------------------------------------------------------------------


def test_the_list_names_every_series(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    out = capsys.readouterr().out
    assert [line.split()[0] for line in out.splitlines()] == [one.name for one in EVERY_SERIES]


def test_a_finished_day_is_kept_for_the_same_sources_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_kept(tmp_path, result())
    assert load_kept(tmp_path, [result().job, result(1002).job]) == [result()]
    monkeypatch.setattr(days_kept, "_own_sum", lambda: "other")
    assert load_kept(tmp_path, [result().job]) == []


def test_a_rule_that_changes_is_another_program_and_a_page_that_changes_is_not(
    tmp_path: Path,
) -> None:
    program, study = tmp_path / "program", tmp_path / "study"
    rules = [program / "rule.py", program / "report.py", study / "day.py"]
    page = study / "report.py"
    for path in (*rules, page):
        path.parent.mkdir(exist_ok=True)
        path.write_text("a = 1\n", encoding="utf-8")
    before = days_kept.sum_of(program, study)
    page.write_text("a = 2\n", encoding="utf-8")
    assert days_kept.sum_of(program, study) == before
    for rule in rules:
        rule.write_text("a = 2\n", encoding="utf-8")
        changed = days_kept.sum_of(program, study)
        assert changed != before
        before = changed


@pytest.mark.long
def test_one_command_runs_what_is_missing_and_writes_the_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--series", "1s", "--series", "2s", "--first", "1001", "--hours", "0.05"]
    arguments += ["--compared", "0", "--jobs", "1", "--keep", str(tmp_path / "kept")]
    main([*arguments, "--seeds", "1"])
    assert "2 of 2" in capsys.readouterr().err
    page = tmp_path / "docs" / "page.md"
    page.parent.mkdir()
    main([*arguments, "--seeds", "2", "--report", str(page), "--tuned-until", "abc1234"])
    said = capsys.readouterr()
    assert "2 of 2" in said.err, "the other two are kept"
    assert "1 s meter" in said.out
    text = page.read_text(encoding="utf-8")
    assert "seeds 1001 to 1002" in text
    assert all(
        (page.parent / place).is_file() for place in re.findall(r"\]\((plots/[^)]*)\)", text)
    )


def test_each_missed_figure_names_the_command_that_runs_its_day_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert say_missed([with_figures(result(name="outages"), utilisation=0.5)])
    missed = capsys.readouterr().out.splitlines()
    command = "python -m bench.days --series outages --seeds 1 --first 1001 --compared 0"
    assert any("utilisation, each day" in line and command in line for line in missed)
