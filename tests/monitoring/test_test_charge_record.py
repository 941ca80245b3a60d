"""First charges in a file: what it holds is read again, and what cannot be understood is left out."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from knxgw.monitoring.test_charge import Problem, Progress, Result, Row, Step
from knxgw.monitoring.test_charge_record import recalled, record

PASSED = Progress(
    number=3,
    point=2,
    rows=(
        Row(step=Step.VEHICLE, result=Result.GOOD, took_s=4.5, phases_ma=(6000, None, 0)),
        Row(
            step=Step.CHARGE,
            result=Result.BAD,
            problem=Problem.NOT_CHARGING,
            state=3,
            ends_in_s=7.0,
        ),
    ),
    steps=(Step.VEHICLE, Step.CHARGE),
    began_at=datetime(2026, 11, 30, 12, tzinfo=UTC),
    text_sum="a sum",
)


def through_a_file(charges: dict[int, Progress]) -> Any:
    return json.loads(json.dumps(record(charges)))


def test_a_test_is_read_again_as_it_was() -> None:
    assert recalled(through_a_file({2: PASSED})) == {2: PASSED}


def test_one_that_runs_is_not_kept() -> None:
    assert record({1: Progress(point=1, is_running=True)}) == {}


@pytest.mark.parametrize(
    "change",
    [{"rows": 1}, {"steps": ["dance"]}, {"began_at": "noon"}, {"rows": [{}]}, {"number": None}],
)
def test_one_that_cannot_be_understood_is_left_out(change: dict[str, object]) -> None:
    kept = through_a_file({1: PASSED, 2: PASSED})
    kept["1"] |= change
    assert list(recalled(kept | {"x": kept["2"], "3": None})) == [2]
