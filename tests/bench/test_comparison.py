"""The gateway beside what people run: what must hold, and the sentences that follow from the figures."""

from dataclasses import fields, replace

import pytest

from bench.days.command import say_missed
from bench.days.comparison import (
    MEASURES,
    comparison_lines,
    demands,
    standing_lines,
    standings,
)
from bench.days.day_figures import DayFigures
from bench.days.day_run import EVCC, GATEWAY, OPENWB, WARP, DayResult, Job
from bench.days.series import BY_NAME, Series

FAST, SLOW = BY_NAME["2s"], BY_NAME["10s"]
NOTHING = DayFigures(
    **{one.name: () if one.name == "violations" else 0 for one in fields(DayFigures)}  # type: ignore[arg-type]
)
OWN = replace(
    NOTHING, utilisation=0.98, stress_b=0.10, overcurrent_fuse_as=400.0, writes_per_h=16.0
)
OTHERS = {
    OPENWB: replace(
        OWN, utilisation=0.97, stress_b=0.28, overcurrent_fuse_as=700, writes_per_h=110
    ),
    WARP: replace(OWN, utilisation=0.95, stress_b=0.20, overcurrent_fuse_as=600, writes_per_h=40),
    EVCC: replace(OWN, utilisation=0.96, stress_b=1.60, overcurrent_fuse_as=3000, writes_per_h=8),
}


def results(own: DayFigures, *, days: int = 2, series: Series = FAST) -> list[DayResult]:
    return [
        DayResult(
            job=Job(seed=seed, series=series, hours=24.0),
            figures={GATEWAY: own, **OTHERS},
            run_s=1.0,
        )
        for seed in range(1, days + 1)
    ]


def test_who_is_best_in_everything_asked_for_keeps_all_of_it() -> None:
    found = standings(FAST, results(OWN))
    assert [one.kept for one in found] == [True] * 4
    assert [one.best_name for one in found] == [OPENWB, WARP, WARP, OPENWB]
    assert [round(one.ratio or 0, 3) for one in found] == [1.01, 0.5, 0.667, 0.145]


@pytest.mark.parametrize(
    ("worse", "missed"),
    [
        (replace(OWN, utilisation=0.9699), "utilisation: at least the best of"),
        (replace(OWN, stress_b=0.101), "breaker stress (B), mean: at most 0.5 times"),
        (replace(OWN, overcurrent_fuse_as=601), "above the fuse [A·s/day]: at most the best of"),
        (replace(OWN, writes_per_h=33.1), "writes [1/h]: at most 0.3 times openWB"),
    ],
)
def test_each_demand_can_be_missed(worse: DayFigures, missed: str) -> None:
    lines = [line for line in standing_lines(FAST, results(worse)) if line.startswith(" ! ")]
    assert len(lines) == 1
    assert missed in lines[0]


def test_the_means_count_and_a_slow_meter_asks_for_less_stress() -> None:
    bad, good = results(replace(OWN, stress_b=0.18)), results(replace(OWN, stress_b=0.01))
    assert all(one.kept for one in standings(FAST, [bad[0], good[1]]))
    assert not all(one.kept for one in standings(FAST, bad))
    assert all(one.kept for one in standings(SLOW, bad))
    assert demands(SLOW)[1].factor == 0.9


def test_only_days_that_everybody_ran_are_compared() -> None:
    alone = replace(results(replace(OWN, utilisation=0.5))[0], figures={GATEWAY: OWN})
    assert standings(FAST, [alone]) == []
    assert list(comparison_lines(FAST, [alone])) == []
    (first, *_) = standings(FAST, [alone, *results(OWN)])
    assert first.days == 2


def test_a_port_is_beaten_only_in_what_it_is_beaten_in() -> None:
    lines = list(comparison_lines(FAST, results(replace(OWN, utilisation=0.965))))
    openwb = next(line for line in lines if line.startswith("- **openWB**"))
    better, worse, equal = (
        openwb.partition("worse in")[0],
        openwb,
        openwb.partition("No difference")[2],
    )
    assert "breaker stress in the mean (0.100, not 0.280)" in better
    assert "worse in utilisation (0.965, openWB 0.970)." in worse
    assert "stops an hour" in equal
    evcc = next(line for line in lines if line.startswith("- **evcc**"))
    assert "writes an hour (16.0, evcc 8.0)" in evcc.partition("worse in")[2]
    rows = [line for line in lines if line.startswith("| gateway | ")]
    assert rows[0].count("|") == len(MEASURES) + 2


def test_who_is_beaten_in_nothing_is_said_to_be() -> None:
    lines = "\n".join(comparison_lines(FAST, results(replace(OWN, stress_b=9, writes_per_h=200,
                                                   utilisation=0.5, overcurrent_fuse_as=9e9))))  # fmt: skip
    assert "**openWB** is beaten in nothing." in lines
    assert "| **no** |" in lines


def test_a_missed_demand_ends_the_program_with_a_failure(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert say_missed(results(replace(OWN, utilisation=0.96)))
    assert "missed: utilisation: at least the best of" in capsys.readouterr().out
