"""Five questions of a technician are answered on the first screen of a phone, while a fault is present."""

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.browser.conftest import FAULTY, log_in
from tests.browser.site import DemoSite, keep_screenshot, visit


def is_seen(one: Locator, bottom: float) -> bool:
    """Tell whether an element is on the screen as it opens, above the bar at its end."""
    expect(one).to_be_visible()
    box = one.bounding_box()
    return box is not None and box["y"] >= 0 and box["y"] + box["height"] <= bottom


ANSWERS = {  # what to do, is the smart meter there, what do the LEDs mean
    "en-GB": ("check the IP address", "Smart meter", "Temporary fault"),
    "de-DE": ("IP-Adresse der Ladestation", "Smart Meter vor", "Vorübergehende Störung"),
}


@pytest.mark.parametrize("language", ANSWERS)
def test_the_first_screen_of_a_phone_answers_five_questions(
    browser: Browser, faulty_demo: DemoSite, language: str
) -> None:
    remedy, meter, leds = ANSWERS[language]
    session = log_in(browser, faulty_demo)
    with visit(browser, faulty_demo, session, width=360, language=language) as seen:
        page = seen.open("/")
        banner = page.get_by_role("alert").filter(has_text="NotReachable")
        bar = page.locator("nav.bottom").bounding_box()
        assert bar is not None
        answers = [
            banner.locator("strong"),  # which fault
            banner.locator(".remedy").filter(has_text=remedy),  # what to do
            page.locator(".mains .foot").get_by_text(meter),  # is the smart meter there
            page.locator(".panel").get_by_text(leds),  # what do the LEDs mean
            *page.locator(".why-list li").all(),  # why x A, of each charging point
        ]
        assert len(answers) == 4 + 5
        assert [one for one in answers if not is_seen(one, bar["y"])] == []
        expect(page.locator(".why-list li").nth(FAULTY - 1)).to_contain_text(f"{FAULTY} Right")
        keep_screenshot(page, f"first-screen-{language}")


def test_the_line_of_a_charging_point_leads_to_its_card(
    browser: Browser, demo: DemoSite, signed_in: str
) -> None:
    with visit(browser, demo, signed_in, width=360) as seen:
        page = seen.open("/")
        page.locator(".why-list").get_by_role("link").nth(2).click()
        expect(page.get_by_role("region", name="3 Middle right")).to_be_in_viewport()
