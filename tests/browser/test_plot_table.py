"""The plot of a page and its table: by keyboard, in both languages, and the same as the download."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from knxgw.monitoring.plot_sample import BASE, MEASURED, Sample, Trace, of_point
from tests.browser.site import COOKIE, DemoSite, Visit, cookie_of, keep_screenshot, visit
from tests.browser.test_everybody import MATRIX, Look, cut_off, findings
from tests.support.plotted import FIRST_POINT, STEPS, Plotted, sample, site
from tests.support.website import PASSWORD, served
from tests.website.test_pages import POINT

ROWS_AT_ONCE = 60
BOTH = {"en": "mean / highest", "de": "Mittelwert / Höchstwert"}
LOCALES = {"en": "en-GB", "de": "de-DE"}
COLUMNS = {  # of the table, by those of the download
    "en": {"Measured [A]": "measured", "Building [A]": "building", "Limit [A]": "limit",
           "Charging point 1 [A]": "1 Left"},
    "de": {"Gemessen [A]": "gemessen", "Gebäude [A]": "Gebäude", "Grenze [A]": "Grenze",
           "Ladepunkt 1 [A]": "1 Left"},
}  # fmt: skip


@contextmanager
def plotted(
    folder: Path, *, is_managed: bool = True, known: Callable[[int], Sample] = sample
) -> Iterator[tuple[Plotted, DemoSite, str]]:
    """Give what was recorded, the website that shows it, and the cookie of its owner."""
    recorded = Plotted(known)
    view = site(POINT, is_managed=is_managed)
    read = recorded.recorder.read_plot
    with served(folder, lambda _language: view, plot=read) as (website, port):
        cookie = website.browser.get_cookie(COOKIE)
        assert cookie is not None
        yield recorded, DemoSite(f"http://127.0.0.1:{port}", PASSWORD, None), cookie.value


@contextmanager
def opened(
    browser: Browser,
    folder: Path,
    path: str,
    *,
    look: Look = MATRIX[-2],
    is_managed: bool = True,
    known: Callable[[int], Sample] = sample,
) -> Iterator[tuple[Page, Plotted]]:
    """Give a page with a plot, once it is drawn."""
    with (
        plotted(folder, is_managed=is_managed, known=known) as (recorded, at, session),
        visit(
            browser, at, session, width=look.width, theme=look.theme,
            language=LOCALES[look.language],
        ) as seen,
    ):  # fmt: skip
        seen.page.clock.install()
        yield drawn(seen, path), recorded


def drawn(seen: Visit, path: str) -> Page:
    """Open a page and wait for its plot."""
    page = seen.open(path)
    expect(page.locator("svg.plot path.measured, svg.plot path.p3").first).to_be_attached()
    return page


def choose(page: Page, button: str) -> None:
    """Press a button of the plot and wait for what it asks for."""
    with page.expect_response("**/api/v1/plot?*"):
        page.get_by_role("button", name=button, exact=True).click()
    expect(page.get_by_role("button", name=button, exact=True)).to_have_attribute(
        "aria-pressed", "true"
    )


def cells(page: Page) -> list[list[str]]:
    """Return the table, its headings first."""
    script = "rows => rows.map(row => [...row.cells].map(cell => cell.textContent))"
    found: list[list[str]] = page.locator("#plot-table tr").evaluate_all(script)
    return found


def download(page: Page, language: str) -> list[dict[str, str]]:
    """Return the rows of the download by their headings, the newest first."""
    path = page.locator("#plot a.csv").get_attribute("href")
    text: str = page.evaluate("async (path) => (await fetch(path)).text()", path)
    separator = ";" if language == "de" else ","
    head, *rows = (line.split(separator) for line in text.lstrip("\ufeff").splitlines())
    return [dict(zip(head, row, strict=True)) for row in reversed(rows)]


def open_table(page: Page) -> None:
    """Go from the plot to its table and open it, by the keyboard alone."""
    page.locator("svg.plot").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#plot-table table")).to_be_visible()


@pytest.mark.proves("W28")
@pytest.mark.parametrize("language", LOCALES)
@pytest.mark.parametrize("span", ["1 h", "24 h"])
def test_cursor_table_and_download_say_the_same_in_each_step(
    browser: Browser, tmp_path: Path, span: str, language: str
) -> None:
    with opened(browser, tmp_path, "/", look=Look(1280, "light", language)) as (page, _):
        if span == "24 h":
            choose(page, span)
        open_table(page)
        head, *rows = cells(page)
        written = download(page, language)
        names = COLUMNS[language]
        known = [row for row in rows if len(row) == len(head)]  # not the gap, which is one cell
        assert len(known) == (ROWS_AT_ONCE if span == "1 h" else 3)
        page.locator("svg.plot").focus()
        page.keyboard.press("End")
        for row, line in zip(known, written, strict=False):
            said = dict(zip(head, row, strict=True))
            # the download
            assert row[0].split()[-1] in next(iter(line.values()))
            for column, name in names.items():
                mean, *highest = said[name].split(" / ")
                assert same(mean, line[column], language), (column, row, line)
                of_minute = [value for key, value in line.items() if key.startswith(f"{column} (")]
                assert len(highest) == len(of_minute)
                assert all(map(lambda one, other: same(one, other, language), highest, of_minute))
            # the cursor
            both = f" ({BOTH[language]})" if span == "24 h" else ""
            figures = [f"{name} {value} A" for name, value in zip(head[1:], row[1:], strict=True)]
            expect(page.locator(".readout")).to_have_text(f"{row[0]}{both}: {' · '.join(figures)}")
            page.keyboard.press("ArrowLeft")


def same(shown: str, written: str, language: str) -> bool:
    """Tell whether a figure is the rounded one of the download, in the marks of a language."""
    mark = "," if language == "de" else "."
    whole, tenth = shown.split(mark)
    return (
        len(tenth) == 1
        and abs(float(f"{whole}.{tenth}") - float(written.replace(mark, "."))) < 0.051
    )


@pytest.mark.proves("W28")
def test_older_rows_come_by_the_keyboard_until_the_gap_before_the_start(
    browser: Browser, tmp_path: Path
) -> None:
    with opened(browser, tmp_path, "/") as (page, _):
        open_table(page)
        older = page.locator("#plot-table").get_by_role("button", name="Older")
        assert len(cells(page)) == 1 + ROWS_AT_ONCE
        older.focus()
        page.keyboard.press("Enter")
        rows = cells(page)[1:]
        assert len(rows) == STEPS + 1
        assert rows[-1] == [rows[-1][0], "nothing recorded"]
        assert re.fullmatch(r"\d\d:\d\d:\d\d – 11:59:58", rows[-1][0])
        expect(older).to_be_hidden()
        assert page.evaluate("document.activeElement.closest('#plot-table') !== null")


def test_the_table_stands_still_until_newer_values_are_asked_for(
    browser: Browser, tmp_path: Path
) -> None:
    with opened(browser, tmp_path, "/") as (page, recorded):
        open_table(page)
        before = cells(page)
        recorded.record()
        with page.expect_response("**/api/v1/plot?*after=*"):
            page.clock.fast_forward(2000)
        page.locator("svg.plot").focus()
        page.keyboard.press("End")
        expect(page.locator(".readout")).to_contain_text("12:03:10: ")
        assert cells(page) == before
        page.get_by_role("button", name="Newest values").click()
        assert cells(page)[1][0] == "12:03:10"
        assert cells(page)[2] == before[1]


def test_the_table_stays_readable_while_another_range_is_on_its_way(
    browser: Browser, tmp_path: Path
) -> None:
    held: list[Route] = []
    with opened(browser, tmp_path, "/") as (page, _):
        open_table(page)
        hour = cells(page)

        def hold(route: Route) -> None:
            held.append(route)

        page.route("**/api/v1/plot?range=24h*", hold)
        with page.expect_request("**/api/v1/plot?range=24h*"):
            page.get_by_role("button", name="24 h", exact=True).click()
        page.get_by_role("button", name="Newest values").click()
        assert cells(page) == hour
        page.locator("#plot-table").get_by_role("button", name="Older").click()
        assert len(cells(page)) == 1 + STEPS + 1
        held[0].continue_()
        expect(page.locator("#plot-table")).to_contain_text(BOTH["en"])
        expect(page.locator("#plot-table .both")).to_be_visible()


def test_the_day_shows_the_peak_that_its_means_hide(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, tmp_path, "/") as (page, _):
        peaks = page.locator("svg.plot path.highest")
        legend = page.get_by_text("highest of each minute", exact=True)
        expect(peaks).to_have_count(0)
        expect(legend).to_be_hidden()
        choose(page, "24 h")
        expect(peaks).to_have_count(1)
        expect(legend).to_be_visible()
        page.locator("svg.plot").focus()
        page.keyboard.press("End")
        page.keyboard.press("ArrowLeft")
        expect(page.locator(".readout")).to_contain_text("measured 30.6 / 41.2 A")
        expect(page.locator(".readout")).to_contain_text("Wed 12:01 (mean / highest):")


def test_peaks_of_several_steps_do_not_add_up_in_one_column(
    browser: Browser, tmp_path: Path
) -> None:
    """Building and charging point take turns: a column of the drawing has several steps."""

    def taking_turns(step: int) -> Sample:
        base_ma = (10_000, 20_000)[step % 2]
        own_ma = 30_000 - base_ma
        return {Trace(MEASURED, 0): 30_000, Trace(BASE, 0): base_ma,
                Trace(of_point(FIRST_POINT), 0): own_ma}  # fmt: skip

    heights = "(path) => [...path.getAttribute('d').matchAll(/[ML]\\S+ (\\S+?)(?=[MLZ]|$)/g)].map(one => Number(one[1]))"
    with opened(browser, tmp_path, "/", look=MATRIX[0], known=taking_turns) as (page, _):
        stack, measured = (
            page.locator(f"svg.plot path.{name}").evaluate(heights) for name in ("p1", "measured")
        )
        assert len(stack) > len(measured) > 0
        assert min(stack) == pytest.approx(min(measured))


def test_the_legend_names_each_trace_in_its_colour_on_a_phone(
    browser: Browser, tmp_path: Path
) -> None:
    with opened(browser, tmp_path, "/", look=MATRIX[0]) as (page, _):
        legend = page.locator("#plot .legend")
        expect(legend.locator("span[data-trace]:visible")).to_have_text(
            ["measured", "building", "1 Left", "limit"]
        )
        choose(page, "L2")
        own = legend.locator('[data-trace="point3"]')
        expect(own).to_be_visible()
        colour = "(one) => getComputedStyle(one).fill"
        drawn_in = page.locator("svg.plot path.p3").evaluate(colour)
        assert own.locator("rect").evaluate(colour) == drawn_in
        assert page.locator(".mains svg.bar rect.p3").first.evaluate(colour) == drawn_in


def test_the_page_of_a_point_plots_its_current_against_its_offer(
    browser: Browser, tmp_path: Path
) -> None:
    with opened(browser, tmp_path, "/points/3") as (page, _):
        expect(page.locator("svg.plot path.p3")).to_have_attribute("d", re.compile("^M"))
        expect(page.locator("svg.plot path.limit")).to_have_attribute("d", re.compile("^M"))
        expect(page.locator("svg.plot text.label", has_text="offered 16.0 A")).to_be_visible()
        expect(page.locator("#plot button[data-phase]")).to_have_text(["L2"])
        open_table(page)
        assert cells(page)[:2] == [
            ["Time", "charging current", "offered"],
            ["12:03:08", "6.1", "16.0"],
        ]
        (newest, *_) = download(page, "en")
        assert float(newest["Charging point 3 [A]"]) == pytest.approx(6.1, abs=0.051)
        assert float(newest["Offered [A]"]) == 16.0


def test_without_load_management_the_points_are_plotted(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, tmp_path, "/points/3", is_managed=False) as (page, _):
        page.get_by_role("link", name="Back to Status").click()
        choose(page, "L2")
        expect(page.locator("svg.plot path.p3")).to_have_attribute("d", re.compile("^M"))


@pytest.mark.proves("W27")
@pytest.mark.parametrize("path", ["/", "/points/3"])
def test_without_scripts_the_download_is_there_and_no_dead_button(
    browser: Browser, tmp_path: Path, path: str
) -> None:
    with plotted(tmp_path) as (_, at, session):
        context = browser.new_context(java_script_enabled=False, locale="en-GB")
        context.add_cookies([{"name": cookie_of(at.base), "value": session, "url": at.base}])
        page = context.new_page()
        page.goto(f"{at.base}{path}")
        plot = page.locator("#plot")
        expect(plot.get_by_role("link", name="As a table (CSV)")).to_be_visible()
        expect(plot.locator("button:visible, svg:visible, summary:visible")).to_have_count(0)
        context.close()


@pytest.mark.proves("W52")
@pytest.mark.parametrize("look", MATRIX, ids=lambda one: "-".join(map(str, one)))
def test_plot_and_table_keep_nobody_out(browser: Browser, tmp_path: Path, look: Look) -> None:
    wrong = []
    with opened(browser, tmp_path, "/", look=look) as (page, _):
        for span in ("1 h", "24 h"):
            choose(page, span)
            if span == "1 h":
                open_table(page)
            page.locator("svg.plot").focus()
            page.keyboard.press("End")
            wrong += [f"{span}: {one}" for one in (*findings(page), *cut_off(page))]
            name = f"plot-{span.replace(' ', '')}-{look.width}-{look.theme}-{look.language}"
            keep_screenshot(page.locator("#plot"), name)
    assert wrong == []


@pytest.mark.proves("W54")
def test_nothing_of_the_table_is_cut_off_at_320_pixels(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, tmp_path, "/", look=Look(320, "light", "de")) as (page, _):
        choose(page, "24 h")
        open_table(page)
        assert cut_off(page) == []
