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


@pytest.mark.proves("W46")
def test_a_version_is_restored_by_the_keyboard_alone(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, tmp_path, Look(360, "light", "en")) as (page, own):
        tab_to(page, "Versions")
        page.keyboard.press("Enter")
        page.wait_for_url("**/config/versions")
        tab_to(page, "1")
        page.keyboard.press("Enter")
        page.wait_for_url("**/config/versions/1")
        tab_to(page, "Check it, to restore it")
        page.keyboard.press("Enter")
        expect(page.locator(".diff ins").first).to_have_text("+     maximum_a: 12")
        tab_to(page, "Apply")
        page.keyboard.press("Enter")
        expect(page.locator("main")).to_contain_text("The new configuration is in force.")
        assert own.kept is not None
        first = own.kept.version(1)
    (proposal,) = own.proposed
    assert first is not None
    assert (proposal.text, proposal.origin) == (first.text, Origin.RESTORED)


@pytest.mark.proves("W43", "W62")
def test_what_is_chosen_opens_the_fields_that_it_gives_an_effect(
    browser: Browser, tmp_path: Path
) -> None:
    with opened(browser, tmp_path, Look(360, "light", "en")) as (page, own):
        own.text = own.text.replace("mode: dynamic", "mode: off")
        page.goto(page.url + "/form/load_management")
        why = page.locator(".folded > .why").first
        expect(why).to_have_text("Without effect: load management is off. Load management")
        limit = page.get_by_label("Static limit [A]")
        expect(limit).to_be_hidden()
        page.get_by_role("radio", name="Off", exact=True).focus()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowDown")
        expect(page.get_by_role("radio", name="Static: a fixed limit")).to_be_checked()
        expect(limit).to_be_visible()
        expect(why).to_be_hidden()
        smart_meter = page.get_by_role("region", name="Smart meter", exact=True)
        expect(smart_meter).to_contain_text("Without effect: load management is not dynamic.")
        smart_meter.get_by_role("link", name="Load management").last.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("radio", name="Static: a fixed limit")).to_be_focused()


@pytest.mark.proves("W43")
@pytest.mark.parametrize("has_scripts", [True, False])
def test_a_field_goes_back_to_its_default_by_the_keyboard(
    browser: Browser,
    tmp_path: Path,
    has_scripts: bool,  # noqa: FBT001 - a case
) -> None:
    with opened(browser, tmp_path, Look(360, "light", "en")) as (page, _own):
        if not has_scripts:
            page.route("**/*.js", lambda route: route.fulfill(content_type="text/javascript"))
        page.goto(page.url + "/form/charging_points/1")
        field = page.get_by_label("Maximum charging current [A]")
        button = page.get_by_role("button", name="Reset to default: Maximum charging current")
        expect(button).to_be_hidden()
        field.fill("13")
        if not has_scripts:
            page.get_by_role("button", name="Take into the draft").click()
            expect(page.get_by_role("heading", name="Check of the configuration")).to_be_visible()
            page.go_back()
        expect(button).to_be_visible()
        button.focus()
        page.keyboard.press("Enter")
        expect(field).to_have_value("")
        expect(button).to_be_hidden()
        if has_scripts:
            expect(field).to_be_focused()


def tab_to(page: Page, text: str) -> None:
    """Press the tabulator until something with a text has the focus."""
    for _ in range(200):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == text:
            return
    raise AssertionError(f"the tabulator never reaches {text}")
