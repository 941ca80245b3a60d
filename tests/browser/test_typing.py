"""What is typed into the configuration is checked a moment later: beside the fields, below them, in the text."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from knxgw.website.pages.common import LANGUAGE_COOKIE
from tests.browser.served_site import served_to
from tests.browser.site import Visit
from tests.browser.test_configuration import EXAMPLE, opened, picture
from tests.browser.test_everybody import MATRIX, Look
from tests.support.own_configuration import Own
from tests.support.plotted import site
from tests.support.waiting import wait_until
from tests.website.test_pages import POINT

MAXIMUM, NAME = "charging_points[0].maximum_a", "charging_points[0].name"
ADDRESS, ANOTHER = "group_objects.60", "group_objects.61"
FORM = "/config/form/charging_points/1"
CHECK = f"**{FORM}/check"


def beside(page: Page, name: str) -> str:
    """Return what stands beside a field."""
    return page.locator(f'[id="said:{name}"]').inner_text()


def field(name: str) -> str:
    """Return how a field is found."""
    return f'[id="{name}"]'


@pytest.fixture
def form(browser: Browser, tmp_path: Path) -> Iterator[tuple[Visit, Own]]:
    """Give the form of a charging point on a phone."""
    own = Own(EXAMPLE.read_text(encoding="utf-8"))
    with served_to(browser, tmp_path, site(POINT), device=own.control()) as seen:
        seen.open(FORM)
        yield seen, own


@pytest.mark.proves("W62")
def test_a_moment_after_the_last_change_the_field_says_what_is_wrong(
    form: tuple[Visit, Own],
) -> None:
    page = form[0].page
    control = page.locator(field(MAXIMUM))
    expect(page.locator(".checked [role=status]").first).to_contain_text("No errors here.")
    control.fill("99")
    expect(control).to_have_attribute("aria-invalid", "true")
    expect(control).to_have_accessible_description(re.compile("out of range"))
    expect(control).to_be_focused()
    expect(page.locator(".checked [role=status]").first).to_contain_text("1 error here.")
    control.fill("15")
    expect(control).not_to_have_attribute("aria-invalid", "true")
    assert beside(page, MAXIMUM) == ""
    expect(control).to_have_value("15")


@pytest.mark.proves("W62")
def test_the_list_of_errors_jumps_to_the_field_by_the_keyboard(form: tuple[Visit, Own]) -> None:
    page = form[0].page
    name = "charging_points[0].sending.power.cycle_s"
    page.locator(field(MAXIMUM)).fill("99")
    page.locator("details").evaluate_all("all => all.forEach((one) => { one.open = true })")
    page.locator(field(name)).fill("1")
    page.locator("details").evaluate_all("all => all.forEach((one) => { one.open = false })")
    links = page.locator(".checked ul a")
    expect(links).to_have_count(2)
    links.nth(1).focus()
    page.keyboard.press("Enter")
    expect(page.locator(field(name))).to_be_focused()
    expect(page.locator(field(name))).to_be_in_viewport()


@pytest.mark.proves("W62")
def test_only_the_newest_answer_is_shown(form: tuple[Visit, Own]) -> None:
    page = form[0].page
    held: list[Route] = []
    page.route(CHECK, lambda route: held.append(route) if not held else route.continue_())
    control = page.locator(field(MAXIMUM))
    control.fill("99")
    page.wait_for_timeout(600)
    control.fill("15")
    expect(page.locator(".checked [role=status]").first).to_contain_text("No errors here.")
    page.wait_for_timeout(500)
    assert len(held) == 1
    assert beside(page, MAXIMUM) == ""
    held[0].abort()  # nobody waits for it any more
    page.unroute(CHECK)


@pytest.mark.proves("W62")
def test_a_device_that_does_not_answer_is_said_and_asked_again(form: tuple[Visit, Own]) -> None:
    seen, _ = form
    page = seen.page
    seen.expected = ["Failed to load resource"]
    page.route(CHECK, lambda route: route.abort())
    control = page.locator(field(MAXIMUM))
    control.fill("99")
    expect(page.locator(".checked .notice")).to_contain_text("not checked this just now")
    expect(control).to_have_value("99")
    page.unroute(CHECK)
    expect(control).to_have_attribute("aria-invalid", "true", timeout=8000)
    expect(page.locator(".checked .notice")).to_be_hidden()


@pytest.mark.proves("W62")
def test_what_is_typed_survives_a_tab_that_is_closed_at_once(form: tuple[Visit, Own]) -> None:
    seen, _ = form
    seen.page.locator(field(NAME)).fill("At the gate")
    seen.page.goto(f"{seen.base}/help")  # the browser sends it on its own from here on

    def is_kept() -> bool:
        return "At the gate" in seen.open("/config/draft").locator("main").inner_text()

    wait_until(is_kept, 10.0, "what was typed, in the draft")
    seen.open(FORM)
    expect(seen.page.locator(field(NAME))).to_have_value("At the gate")


@pytest.mark.proves("W62")
def test_messages_that_appear_leave_the_scroll_position_of_the_field(
    form: tuple[Visit, Own],
) -> None:
    page = form[0].page
    page.locator(field("charging_points[0].minimum_a")).fill("1")
    control = page.locator(field(MAXIMUM))
    control.scroll_into_view_if_needed()
    control.focus()
    before = control.bounding_box()
    page.keyboard.press("End")
    page.keyboard.type("0")
    expect(control).to_have_attribute("aria-invalid", "true")
    after = control.bounding_box()
    assert before is not None
    assert after is not None
    assert abs(before["y"] - after["y"]) < 2
    expect(control).to_be_focused()


@pytest.mark.proves("W43", "W62")
def test_the_browser_does_not_keep_a_wrong_value_from_the_device(form: tuple[Visit, Own]) -> None:
    page = form[0].page
    control = page.locator(field(MAXIMUM))
    control.fill("99")
    assert control.evaluate("one => one.validationMessage") == "From 6 to 80."
    page.get_by_role("button", name="Take into the draft").click()
    expect(page.locator("main")).to_contain_text("Not everything can be used")


@pytest.mark.proves("W43", "W62")
def test_what_is_no_number_is_said_and_can_be_corrected_later(form: tuple[Visit, Own]) -> None:
    page = form[0].page
    control = page.locator(field(MAXIMUM))
    control.focus()
    page.keyboard.press("End")
    page.keyboard.type("e")
    assert control.evaluate("one => one.validationMessage") == "This is not a number."
    expect(page.locator(f'[id="said:{MAXIMUM}"]')).to_contain_text("expected a number")
    page.reload()
    expect(page.locator(field(MAXIMUM))).to_have_value("16e")


@pytest.mark.proves("W43", "W62")
@pytest.mark.parametrize("typed", ["12,5", "12.5"])
def test_a_german_page_takes_a_decimal_comma_in_an_english_browser(
    form: tuple[Visit, Own], typed: str
) -> None:
    seen, _ = form
    seen.page.context.add_cookies([{"name": LANGUAGE_COOKIE, "value": "de", "url": seen.base}])
    page = seen.open(FORM)
    control = page.locator(field(MAXIMUM))
    control.fill("")
    control.press_sequentially(typed)
    expect(control).to_have_value(typed)
    assert control.evaluate("one => one.validationMessage") == ""
    page.locator(field(NAME)).focus()
    page.get_by_role("button", name="In den Entwurf übernehmen").click()
    page.wait_for_url("**/config/draft")
    expect(page.locator(".diff ins")).to_have_text("+     maximum_a: 12.5")
    page = seen.open(FORM)
    expect(control).to_have_value("12,5")
    assert control.evaluate("one => one.checkValidity()")


@pytest.mark.proves("W43")
def test_the_wizard_and_the_export_say_at_once_what_no_device_has_to_check(
    form: tuple[Visit, Own],
) -> None:
    seen, _ = form
    page = seen.open("/wizard/mains")
    fuse = page.locator(field("load_management.fuse_a"))
    for typed, said in (
        ("5,9", "From 6 to 1000."),
        ("63,5 A", "This is not a number."),
        ("63,5", ""),
    ):
        fuse.fill(typed)
        expect(page.locator('[id="said:load_management.fuse_a"] [data-tone=bad]')).to_have_text(
            [said] if said else []
        )
        assert fuse.get_attribute("aria-invalid") == ("true" if said else None)
    for path in ("/wizard/knx", "/config/objects"):
        page = seen.open(path)
        main = page.get_by_label("Main group")
        for typed, said in (
            ("32", "From 0 to 31."),
            ("1,5", "This is not a whole number."),
            ("7", ""),
        ):
            main.fill(typed)
            expect(page.locator('[id="said:main-group"]')).to_have_text(said)
            assert main.evaluate("one => one.checkValidity()") is (said == "")


@pytest.mark.proves("W62")
def test_the_text_is_checked_as_it_is_typed_and_a_finding_jumps_to_its_line(
    form: tuple[Visit, Own],
) -> None:
    seen, own = form
    page = seen.open("/config")
    area = page.locator("#text")
    area.fill(own.text.replace("maximum_a: 16", "maximum_a: 99", 1))
    finding = page.locator(".checked li", has_text="maximum_a")
    finding.get_by_role("link", name="Line ").click()
    expect(area).to_be_focused()
    line = area.evaluate("one => one.value.slice(one.selectionStart, one.selectionEnd)")
    assert "maximum_a: 99" in line


@pytest.mark.proves("W52", "W62")
@pytest.mark.parametrize("look", MATRIX[0:4] + MATRIX[-4:], ids=lambda one: "-".join(map(str, one)))
def test_a_form_with_findings_keeps_nobody_out(
    browser: Browser, tmp_path: Path, look: Look
) -> None:
    with opened(browser, tmp_path, look) as (page, own):
        page.locator("#text").fill(own.text.replace("maximum_a: 16", "maximum_a: 99", 1))
        expect(page.locator(".checked ul a").first).to_be_visible()
        wrong = picture(page, "typing-text", look)
        page.goto(page.url.split("/config")[0] + FORM)
        page.locator(field("charging_points[0].connection.host")).fill("not a host")
        expect(page.locator(".checked ul a")).to_have_count(2)
        wrong += picture(page, "typing-form", look)
    assert wrong == []


# --- the table of group addresses


@pytest.fixture
def table(browser: Browser, tmp_path: Path) -> Iterator[tuple[Visit, Own]]:
    """Give the table of group addresses on a phone."""
    own = Own(EXAMPLE.read_text(encoding="utf-8"))
    with served_to(browser, tmp_path, site(POINT), device=own.control()) as seen:
        seen.open("/config/objects")
        yield seen, own


@pytest.mark.proves("W62")
def test_a_wrong_group_address_is_said_at_its_field_and_in_the_list(
    table: tuple[Visit, Own],
) -> None:
    page, look = table[0].page, MATRIX[0]
    control = page.locator(field(ADDRESS))
    control.fill("32/1/1")
    expect(control).to_have_attribute("aria-invalid", "true")
    expect(control).to_have_accessible_description(re.compile("too large"))
    expect(control).to_be_focused()
    link = page.locator(".checked ul a")
    expect(link).to_have_count(1)
    link.focus()
    page.keyboard.press("Enter")
    expect(control).to_be_focused()
    assert picture(page, "addresses", look) == []
    page.locator("form[data-check] button.primary").click()
    expect(page.locator(field(ADDRESS))).to_have_value("32/1/1")
    assert page.url.endswith("/config/objects")
    assert picture(page, "addresses-sent", look) == []


@pytest.mark.proves("W46", "W62")
def test_who_goes_on_typing_in_one_window_is_not_asked_about_what_was_typed_there(
    table: tuple[Visit, Own],
) -> None:
    page = table[0].page
    other = page.context.new_page()
    other.goto(page.url)
    for typed in ("1/2/60", "1/2/61"):
        page.locator(field(ADDRESS)).fill(typed)
        expect(page.locator('input[name="was"]')).to_have_value(re.compile(typed))
    other.locator(field(ANOTHER)).fill("1/2/62")
    expect(other.locator(".checked .notice")).to_contain_text("another window")
    other.locator("form[data-check] button.primary").click()
    other.wait_for_url("**/config/draft")
    page.locator(field(ADDRESS)).fill("1/2/63")
    page.locator("form[data-check] button.primary").click()
    page.wait_for_url("**/config/draft")
    text = page.locator("#text").input_value()
    assert "1/2/63" in text
    assert "1/2/62" in text
