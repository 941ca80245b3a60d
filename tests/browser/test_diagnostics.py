"""Diagnostics in a browser: monitors fill by themselves, a self-test ends with a verdict, files arrive."""

import signal
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.device import Device
from tests.browser.site import Visit, keep_screenshot, visit
from tests.browser.test_everybody import cut_off, findings
from tests.support.waiting import wait_until

LONG_MS = 70_000  # a self-test takes a minute at most


@pytest.mark.proves("W33")
def test_requests_appear_by_themselves_and_a_read_shows_its_registers(owner: Visit) -> None:
    page = owner.open("/diagnostics/modbus?device=cp1%2Fcharger")
    rows = page.locator("#monitor tbody tr")
    first = rows.first.text_content()
    expect(rows.first).not_to_have_text(first or "", timeout=10_000)
    page.get_by_label("Table").select_option("holding")
    page.get_by_label("Register", exact=True).fill("1000")
    page.get_by_label("Number").fill("2")
    page.get_by_role("button", name="Read", exact=True).click()
    expect(
        page.locator("section", has=page.locator("#read")).locator("td code").first
    ).to_be_visible(timeout=20_000)


@pytest.mark.proves("W34")
def test_an_object_sends_its_value_and_the_group_monitor_shows_it(owner: Visit) -> None:
    page = owner.open("/diagnostics/objects?text=1%2F0%2F2")
    row = page.locator("tbody tr").first
    row.get_by_text("Actions").click()
    row.get_by_role("button", name="Send own value").click()
    expect(page.get_by_text("Done.")).to_be_visible()
    page = owner.open("/diagnostics/group-monitor?filter=1%2F0%2F2+direction:out+service:write")
    expect(page.locator("#monitor tbody tr").first).to_contain_text("1/0/2")


@pytest.mark.proves("W50")
def test_a_self_test_shows_its_rows_as_they_come_and_a_verdict(owner: Visit) -> None:
    page = owner.open("/diagnostics/self-test")
    page.get_by_role("button", name="Start the self-test").click()
    rows = page.locator("#monitor tbody tr")
    expect(rows.filter(has_text="Reaction of the program")).to_be_visible(timeout=LONG_MS)
    assert rows.filter(has_text="Charger:").count() == 5
    expect(page.locator(".rate")).not_to_contain_text("looked at", timeout=5_000)
    page.set_viewport_size({"width": 320, "height": 640})
    assert cut_off(page) == [], "also with rows"


def test_the_page_of_the_knx_device_follows_a_download(browser: Browser, tmp_path: Path) -> None:
    with Device.running_in(tmp_path) as device:
        text = device.text.replace("Own garage", "Yard") + "group_objects: {50: [1/1/50]}\n"
        with visit(browser, device.site, device.session, width=1280) as seen:
            page = seen.open("/diagnostics/knx-device")
            main = page.locator("main")
            expect(main).to_contain_text("The device does what its own configuration says")
            with device.loading(text) as tool:
                tool.wait_to_say("written 4")
                tool.process.send_signal(signal.SIGSTOP)  # as a tool whose computer is busy
                page.get_by_role("link", name="Look again").click()
                expect(main).to_contain_text("ETS is loading the device")
                expect(main).to_contain_text("being loaded")
                keep_screenshot(page, "knx-device-loading")
                tool.process.send_signal(signal.SIGCONT)
                tool.wait_to_say("restarted")
            front = (
                f"{device.site.base}/"  # asked beside the page, which loads itself again just now
            )
            wait_until(
                lambda: "Yard" in page.request.get(front).text(), 10.0, "the download to hold"
            )
            seen.open("/diagnostics/knx-device")
            expect(main).to_contain_text("The device does what ETS has loaded.")
            expect(main).to_contain_text("through the tunnel 1.1.241 of this device")
            keep_screenshot(page, "knx-device-loaded")
            # the configuration is shown, and can be changed in ETS only
            seen.open("/config")
            expect(main).to_contain_text("Programmed by ETS")
            expect(main.locator("pre")).to_contain_text("name: Yard")
            expect(main.locator("textarea")).to_have_count(0)
            assert findings(page) == []
            page.set_viewport_size({"width": 360, "height": 740})
            assert cut_off(page) == []
            keep_screenshot(page, "configuration-by-ets")
            seen.open("/wizard")
            expect(main).to_contain_text("Programmed by ETS")


@pytest.mark.proves("W37")
def test_the_support_text_is_copied_by_a_button_over_http(owner: Visit) -> None:
    page = owner.open("/support")
    text = page.get_by_role("textbox").input_value()
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_text("Copied.")).to_be_visible()
    page = owner.open("/diagnostics/group-monitor")
    field = page.get_by_role("searchbox").or_(page.locator("input[name=filter]")).first
    field.focus()
    page.keyboard.press("Control+V")
    pasted = "".join(field.input_value().split())  # cut off where the field is full
    assert len(pasted) > 200
    assert "".join(text.split()).startswith(pasted)


@pytest.mark.proves("W36", "W37")
def test_the_log_file_arrives_and_the_support_text_can_be_read(
    owner: Visit, tmp_path: Path
) -> None:
    page = owner.open("/support")
    expect(page.get_by_role("textbox")).to_contain_text("Individual address: 1.1.20")
    with page.expect_download() as arriving:
        page.get_by_role("button", name="Download log file").click()
    with zipfile.ZipFile(arriving.value.path()) as archive:
        assert archive.testzip() is None
        assert {"knxgw.log", "status.html", "telegrams.csv"} <= set(archive.namelist())
        archive.extract("status.html", tmp_path)
    # support opens it on another computer: it looks like the page, and needs nothing
    assert page.context.browser is not None
    with page.context.browser.new_context() as elsewhere:
        opened = elsewhere.new_page()
        asked: list[str] = []
        opened.on("request", lambda request: asked.append(request.url))
        opened.goto((tmp_path / "status.html").as_uri())
        card = opened.locator(".card").first
        assert card.evaluate("one => getComputedStyle(one).borderRadius") != "0px"
        assert [one for one in asked if not one.startswith("file:")] == []
        keep_screenshot(opened, "status-for-support")
