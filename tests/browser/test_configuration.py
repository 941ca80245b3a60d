"""The configuration pages: nobody is kept out, at any width; a check shows what is wrong and what changes."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from knxgw.store.configurations import Configurations, Origin
from tests.browser.served_site import served_to
from tests.browser.site import keep_screenshot
from tests.browser.test_everybody import MATRIX, Look, cut_off, findings
from tests.support.own_configuration import Own
from tests.support.plotted import site
from tests.website.test_pages import POINT

EXAMPLE = Path(__file__).parents[2] / "examples" / "mixed-operation.yaml"
LIST = (  # of a house in which nobody knew our names
    b'"Main";"Middle";"Sub";"Address";"Central";"Unfiltered";"Description";"DatapointType";"Security"\r\n'
    b'"Garage";"";"";"4/-/-";"";"";"";"";"Auto"\r\n'
    b'"";"Wallbox";"";"4/1/-";"";"";"";"";"Auto"\r\n'
    b'"";"";"Charging point 1: Interruption";"4/1/5";"";"";"";"DPST-1-1";"Auto"\r\n'
    b'"";"";"Charging point 1: Actual power";"4/1/6";"";"";"";"DPST-9-24";"Auto"\r\n'
    b'"";"";"Ladepunkt 2 Sollstrom";"4/1/7";"";"";"";"DPST-14-19";"Auto"\r\n'
)
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


def versions(folder: Path, text: str) -> Configurations:
    """Return three versions of a text, the second by somebody at the website."""
    kept = Configurations(folder)
    for number, note in enumerate(("", "the fuse was too high", "")):
        kept.keep(
            text.replace("maximum_a: 16", f"maximum_a: {12 + number}"),
            at=NOON + timedelta(days=number),
            origin=Origin.WEBSITE if note else Origin.FILE,
            account="owner" if note else None,
            note=note,
        )
    return kept


@contextmanager
def opened(browser: Browser, folder: Path, look: Look) -> Iterator[tuple[Page, Own]]:
    """Give the first page of the configuration."""
    text = EXAMPLE.read_text(encoding="utf-8")
    own = Own(text, versions(folder, text))
    with served_to(browser, folder, site(POINT), look, device=own.control()) as seen:
        yield seen.open("/config"), own


def picture(page: Page, name: str, look: Look) -> list[str]:
    """Keep a picture of a page, and return what keeps somebody out of it."""
    keep_screenshot(page, f"configuration-{name}-{look.width}-{look.theme}-{look.language}")
    return [f"{name}: {one}" for one in (*findings(page), *cut_off(page))]


@pytest.mark.proves("W44", "W46", "W52")
@pytest.mark.parametrize(
    "look",
    MATRIX[0:2] + MATRIX[-2:],  # many pages each: light on a phone, dark on a desk, both languages
    ids=lambda one: "-".join(map(str, one)),
)
def test_the_configuration_pages_keep_nobody_out(
    browser: Browser, tmp_path: Path, look: Look
) -> None:
    with opened(browser, tmp_path, look) as (page, own):
        wrong = picture(page, "text", look)
        page.locator("#text").fill(own.text.replace("maximum_a: 16", "maximum_a: 99"))
        page.locator("form[action='/config/check'] button.primary").first.click()
        expect(page.locator("tr[data-tone=bad]").first).to_be_visible()
        expect(page.locator("button[formaction='/config/apply']")).to_have_count(0)
        wrong += picture(page, "errors", look)
        page.locator("#text").fill(own.text.replace("maximum_a: 16", "maximum_a: 10"))
        page.locator("form[action='/config/check'] button").last.click()
        expect(page.locator(".diff ins").first).to_be_visible()
        wrong += picture(page, "change", look)
        page.goto(page.url.split("/config")[0] + "/config/form/charging_points/1")
        wrong += picture(page, "form", look)
        page.goto(page.url.split("/config")[0] + "/config/form/load_management")
        wrong += picture(page, "load-management", look)
        page.goto(page.url.split("/config")[0] + "/config/objects")
        page.locator("details summary").click()
        wrong += picture(page, "objects", look)
        page.locator("input[type=file]").set_input_files(
            {"name": "house.csv", "mimeType": "text/csv", "buffer": LIST}
        )
        page.locator("form[action='/config/objects/import'] button.sends").click()
        expect(page.locator("input[name=take]").first).to_be_visible()
        wrong += picture(page, "import", look)
        page.goto(page.url.split("/config")[0] + "/config")
        wrong += picture(page, "draft", look)
        page.goto(page.url.split("/config")[0] + "/config/versions")
        wrong += picture(page, "versions", look)
        page.get_by_role("link", name="2", exact=True).click()
        expect(page.locator(".diff").first).to_be_visible()
        wrong += picture(page, "version", look)
    assert wrong == []


@pytest.mark.proves("W44")
def test_a_text_is_checked_and_applied_by_the_keyboard_alone(
    browser: Browser, tmp_path: Path
) -> None:
    with opened(browser, tmp_path, Look(360, "light", "en")) as (page, own):
        page.locator("#text").focus()
        page.keyboard.press("Control+End")
        page.keyboard.type("# by the keyboard\n")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.locator(".diff ins")).to_have_text("+ # by the keyboard")
        page.locator("#note").focus()
        page.keyboard.type("a remark")
        page.keyboard.press("Tab")
        expect(page.locator("summary")).to_be_focused()
        page.keyboard.press("Tab")
        expect(page.locator("button[formaction='/config/apply']")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("main")).to_contain_text("The new configuration is in force.")
    (proposal,) = own.proposed
    assert (proposal.note, proposal.account) == ("a remark", "owner")
    assert proposal.text.endswith("# by the keyboard\n")
