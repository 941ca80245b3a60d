"""A table of days: a run goes on with what it holds, and with no day of other rules."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bench.days.command import main
from bench.days.day_run import Job, run_day
from bench.days.day_table import OtherRulesError, read_table, write_table
from bench.days.series import BY_NAME

JOB = Job(seed=2, series=BY_NAME["1a-chargers"], hours=0.02, compares=False)
ASKED = [
    "--series",
    "1a-chargers",
    "--hours",
    "0.02",
    "--seeds",
    "2",
    "--first",
    "1",
    "--jobs",
    "1",
]


def test_a_day_is_read_again_as_it_was(tmp_path: Path) -> None:
    result = replace(run_day(JOB), run_s=1.5)
    write_table(tmp_path / "days", "abc", [result])
    assert read_table(tmp_path / "days", "abc") == [result]
    assert read_table(tmp_path / "none", "abc") == []


def test_days_of_other_rules_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_table(tmp_path / "days", "abc", [])
    with pytest.raises(OtherRulesError, match="other rules than def"):
        read_table(tmp_path / "days", "def")
    assert main([*ASKED, "--table", str(tmp_path / "days"), "--rules", "def"]) == 2
    assert "other rules than def" in capsys.readouterr().err


def test_a_run_that_was_ended_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "days"
    asked = [*ASKED, "--table", str(table), "--rules", "abc"]
    seeds = []
    for most in ("1", "1", "5"):
        main([*asked, "--most", most])
        seeds.append([json.loads(line)["seed"] for line in table.read_text().splitlines()[1:]])
    capsys.readouterr()
    assert seeds == [[2], [1, 2], [1, 2]], "the day that is drawn comes last, and is there once"
