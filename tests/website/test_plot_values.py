"""The values and the download of the plots, of the mains connection and of a charging point."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.plotted import OFFER_MA, PEAK_MA, PEAK_STEPS, STEPS, Plotted, sample, site
from tests.support.website import Website, website
from tests.website.test_pages import POINT

MAINS = {"limit", "measured", "base", "point1"}


@pytest.fixture
def plotted() -> Iterator[Website]:
    """Give a website with a plot."""
    recorded = Plotted()
    with website(lambda _language: site(POINT), plot=recorded.recorder.read_plot) as found:
        yield found


def values(found: Website, query: str) -> dict[str, Any]:
    """Return what a page gets."""
    answer: dict[str, Any] = found.browser.get(f"/api/v1/plot?{query}").get_json()
    return answer


def rows(found: Website, query: str, language: str = "en") -> list[list[str]]:
    """Return the download."""
    text = found.get(f"/api/v1/plot.csv?{query}", language).removeprefix("\ufeff")
    return [line.split(";" if language == "de" else ",") for line in text.splitlines()]


def test_the_plot_of_the_mains_connection_has_no_offers(plotted: Website) -> None:
    assert set(values(plotted, "range=1h&phase=1")["values"]) == MAINS
    assert not any("Offered" in name for name in rows(plotted, "range=1h&phase=1")[0])


def test_the_plot_of_a_point_has_its_current_and_its_offer_only(plotted: Website) -> None:
    found = values(plotted, "range=1h&phase=2&point=3")
    assert set(found["values"]) == {"point3", "offer3"}
    assert found["values"]["offer3"][-STEPS:] == [OFFER_MA] * STEPS
    assert found["values"]["point3"][-1] == 6_000 + STEPS - 1
    assert set(values(plotted, "range=1h&phase=1&point=3")["values"]) == {"offer3"}
    assert rows(plotted, "range=1h&phase=2&point=3")[0][1:] == [
        "Offered [A]",
        "Charging point 3 [A]",
    ]


def test_a_day_has_the_highest_value_of_each_minute_of_what_was_measured(plotted: Website) -> None:
    found = values(plotted, "range=24h&phase=1")
    assert set(found["highest"]) == MAINS - {"limit"}
    highest = found["highest"]["measured"]
    assert highest[-3:] == [20_000, PEAK_MA, 20_000]
    minute = [measured(step) for step in range(30, 60)]
    assert found["values"]["measured"][-2] == round(sum(minute) / 30)
    assert PEAK_STEPS.start in range(30, 60)


@pytest.mark.proves("W28")
@pytest.mark.parametrize(
    ("language", "heading", "peak"),
    [("en", "Measured [A] (highest)", "41.2"), ("de", "Gemessen [A] (Höchstwert)", "41,2")],
)
def test_the_download_of_a_day_has_the_peaks(
    plotted: Website, language: str, heading: str, peak: str
) -> None:
    head, *steps = rows(plotted, "range=24h&phase=1", language)
    assert steps[-2][head.index(heading)] == peak
    assert not any("highest" in name for name in rows(plotted, "range=1h&phase=1")[0])


def measured(step: int) -> int:
    """Return what the meter measured on L1 in a step [mA]."""
    return next(ma for trace, ma in sample(step).items() if trace.what == "measured")


def test_a_point_has_one_colour_on_status_whatever_numbers_there_are(plotted: Website) -> None:
    html = plotted.get("/")
    assert html.count('class="p3"') >= 5  # three bars, and the legends of bars and plot
    assert 'class="p2"' not in html


def test_the_page_of_a_point_offers_the_phases_that_it_is_wired_to(plotted: Website) -> None:
    html = plotted.get("/points/3")
    assert 'data-phase="2"' in html
    assert 'data-phase="1"' not in html
    assert "/api/v1/plot.csv?range=1h&amp;phase=2&amp;point=3" in html


def test_without_load_management_there_is_a_plot_too() -> None:
    with website(lambda _language: site(POINT, is_managed=False)) as found:
        html = found.get("/")
    assert 'id="plot"' in html
    assert "js/plot.js" in html
