"""The plot of the mains connection: drawing, cursor and download say what was recorded."""

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.site import DemoSite, Visit, visit
from tests.support.waiting import wait_until

NUMBER = r"(-?[\d.]+) A"


def recorded(page: Page) -> dict[str, Any]:
    """Return what the gateway gives of the last hour on L1."""
    found: dict[str, Any] = page.evaluate(
        "async () => (await fetch('/api/v1/plot?range=1h&phase=1')).json()"
    )
    return found


def steps_with_values(page: Page) -> int:
    """Return how many steps have a measured current."""
    return sum(one is not None for one in recorded(page)["values"].get("measured", []))


def table(page: Page) -> dict[str, list[str]]:
    """Return the rows of the download by their time of day."""
    address = page.get_by_role("link", name="As a table (CSV)").get_attribute("href")
    text: str = page.evaluate("async (path) => (await fetch(path)).text()", address)
    rows = [line.split(",") for line in text.splitlines()]
    return {"": rows[0], **{row[0][11:19]: row for row in rows[1:]}}


@pytest.mark.proves("W28")
def test_cursor_values_and_download_agree(browser: Browser, demo: DemoSite, signed_in: str) -> None:
    with visit(browser, demo, signed_in, width=1280) as seen:
        page = seen.open("/")
        wait_until(lambda: steps_with_values(page) > 6, 30.0, "a demo that has just begun")
        page.reload()
        plot = page.locator("svg.plot")
        expect(plot.locator("path.base")).to_be_visible()
        plot.focus()
        page.keyboard.press("End")
        for _ in range(3):
            page.keyboard.press("ArrowLeft")
        readout = page.locator(".readout")
        expect(readout).to_have_text(re.compile(r"^\d\d:\d\d:\d\d: .*measured"))
        said = readout.inner_text()
        clock = said[:8]
        rows = table(page)
        values = dict(zip(rows[""], rows[clock], strict=True))
        data = recorded(page)
        step = [row for row in rows if row].index(clock)
        # the table may have begun a step earlier than the values that were asked for after it
        at = next(
            n
            for n in (step, step - 1, step - 2)
            if _same(data["values"]["measured"][n], values["Measured [A]"])
        )
        for name, column, key in (
            ("measured", "Measured [A]", "measured"),
            ("building", "Building [A]", "base"),
            ("limit", "Limit [A]", "limit"),
        ):
            found = re.search(rf"{name} {NUMBER}", said)
            assert found is not None, (name, said)
            assert float(found.group(1)) == pytest.approx(float(values[column]), abs=0.051)
            assert _same(data["values"][key][at], values[column])


@pytest.mark.proves("W28")
def test_before_the_start_there_is_a_gap_everywhere(owner: Visit) -> None:
    page = owner.open("/")
    plot = page.locator("svg.plot")
    expect(plot.locator("rect.gap").first).to_be_visible()
    plot.focus()
    page.keyboard.press("Home")
    expect(page.locator(".readout")).to_contain_text("nothing recorded")
    data = recorded(page)
    assert all(row[0] is None for row in data["values"].values())
    first = list(table(page).values())[1]
    assert set(first[1:]) == {""}
    with page.expect_response("**/api/v1/plot?range=24h*"):
        page.get_by_role("button", name="24 h").click()
    expect(plot.locator("rect.gap").first).to_be_visible()


def _same(current_ma: int | None, written: str) -> bool:
    return current_ma is not None and abs(current_ma / 1000 - float(written)) < 0.001
