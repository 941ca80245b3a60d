"""The picker of a model: search by keyboard, and what the chosen one supplies."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.test_configuration import opened, picture
from tests.browser.test_everybody import MATRIX, Look
from tests.browser.test_typing import FORM, field

MODEL = "charging_points[0].model"


@pytest.mark.proves("W63")
def test_a_model_is_found_by_the_keyboard_and_says_what_it_supplies(
    browser: Browser, tmp_path: Path
) -> None:
    with opened(browser, tmp_path, Look(360, "light", "en")) as (page, _):
        page.goto(page.url.split("/config")[0] + FORM)
        search, picker = page.locator(f'[id="search:{MODEL}"]'), page.locator(field(MODEL))
        beside = page.locator(f'[id="model:{MODEL}"]')
        expect(beside).to_contain_text("DIP switch")
        search.focus()
        page.keyboard.type("go e charger")
        expect(page.locator(".search [role=status]").first).to_have_text("One model fits.")
        page.keyboard.press("Enter")
        expect(picker).to_have_value("goe_charger")
        expect(beside).not_to_contain_text("DIP switch")
        expect(page.locator(".checked [role=status]").first).to_be_visible()
        beside.locator("summary").click()
        expect(beside).to_contain_text("It can be told")
        search.fill("no such thing")
        expect(page.locator(".search [role=status]").first).to_have_text("No model fits.")
        search.fill("alfen")
        search.press("ArrowDown")
        expect(picker).to_be_focused()
        with page.expect_response("**/check"):
            page.keyboard.press("ArrowUp")
        expect(picker).to_have_value("alfen_eve")
        expect(beside).to_contain_text("Alfen")
        search.fill("")
        assert picker.locator("option").count() > 30
        page.reload()
        expect(picker).to_have_value("alfen_eve")  # it is in the draft
        beside.get_by_text("Everything about this model").click()
        beside.get_by_role("link", name="As a page").click()
        expect(page.locator("h1")).to_contain_text("Alfen")


@pytest.mark.proves("W52", "W63")
@pytest.mark.parametrize("look", MATRIX[0:2] + MATRIX[-2:], ids=lambda one: "-".join(map(str, one)))
def test_the_facts_of_a_model_keep_nobody_out(browser: Browser, tmp_path: Path, look: Look) -> None:
    with opened(browser, tmp_path, look) as (page, _):
        base = page.url.split("/config")[0]
        page.goto(base + FORM)
        page.locator(f'[id="search:{MODEL}"]').fill("a")
        page.locator(f'[id="model:{MODEL}"] summary').click()
        wrong = picture(page, "picker", look)
        page.goto(f"{base}/config/models/charger/keba_p30")
        wrong += picture(page, "model", look)
        page.goto(f"{base}/config/models/meter/eastron_sdm630")
        wrong += picture(page, "meter", look)
    assert wrong == []
