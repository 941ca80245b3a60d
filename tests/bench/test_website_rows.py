"""Each budget of the website's visitors can be missed, and its row says so."""

from dataclasses import replace

import pytest

from bench.figures import Figures
from bench.first_page import FirstPage
from bench.website import Load, WebsiteFigures
from bench.website_rows import first_page_row, visitor_rows

QUICK = Figures(count=100, lost=0, p50_ms=2.0, p95_ms=5.0, p99_ms=8.0, max_ms=9.0, rate_per_s=4.0)
SEEN = {
    "pages": {"count": 500, "p99_ms": 40.0, "max_ms": 90.0},
    "streams": 50,
    "answers": {"429": 490, "403": 10},
    "slow": 200,
}
GOOD = Load(
    without=QUICK, with_them=replace(QUICK, p99_ms=13.0), before_mib=90.0, most_mib=115.0,
    growth_mib=0.5, seen=SEEN, page_max_ms=300.0, page_p50_ms=20.0, lost=0,
)  # fmt: skip


def verdicts(load: Load) -> list[bool]:
    return [row.good for row in visitor_rows(WebsiteFigures(live=load, slow=load, log_ins=load))]


def test_within_every_budget_every_row_is_good() -> None:
    assert verdicts(GOOD) == [True, True, True, True]
    assert first_page_row(FirstPage(paint_s=0.9, best_s=0.8, bytes=150 * 1024)).good


@pytest.mark.parametrize(
    ("load", "expected"),
    [
        (replace(GOOD, with_them=replace(QUICK, p99_ms=13.2)), [False, True, False, False]),
        (replace(GOOD, with_them=replace(QUICK, lost=1)), [False, True, False, False]),
        (replace(GOOD, lost=1), [False, True, False, True]),
        (replace(GOOD, seen={**SEEN, "streams": 49}), [False, True, True, True]),
        (replace(GOOD, most_mib=116.0), [True, True, True, False]),
        (replace(GOOD, most_mib=121.0), [True, False, True, False]),
        (replace(GOOD, growth_mib=3.5), [True, False, True, True]),
        (replace(GOOD, page_max_ms=1001.0), [True, True, False, True]),
    ],
)
def test_a_budget_that_is_missed_makes_its_rows_bad(load: Load, expected: list[bool]) -> None:
    assert verdicts(load) == expected


@pytest.mark.parametrize(
    "figures",
    [
        FirstPage(paint_s=1.1, best_s=0.8, bytes=100_000),
        FirstPage(paint_s=0.9, best_s=0.8, bytes=150 * 1024 + 1),
    ],
)
def test_a_first_page_that_is_late_or_large_is_bad(figures: FirstPage) -> None:
    assert not first_page_row(figures).good
