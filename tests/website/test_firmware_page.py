"""Settings, Firmware: what is shown before something is installed, and who may do it."""

from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from knxgw.config.model import FirmwareSettings
from knxgw.firmware.boot_state import BootState, Reason, begin_trial, given_up, proved
from knxgw.firmware.keys import ALLOWS_DEVELOPMENT
from knxgw.website.access.roles import Role
from knxgw.website.firmware import FirmwareControl, Newer, Stage, UpdateState
from tests.firmware.makers import firmware
from tests.gateway.test_updating import Device
from tests.support.website import Website, website
from tests.website.test_pages import SITE, text_of

PAGE = "/settings/firmware"
AT = "2026-11-29T12:00:00+00:00"


@pytest.fixture
def device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Device]:
    monkeypatch.setenv(ALLOWS_DEVELOPMENT, "1")
    found = Device(tmp_path)
    yield found
    found.updating.close()


@pytest.fixture
def visited(device: Device) -> Iterator[Website]:
    with website(lambda _language: SITE, firmware=device.updating.for_pages()) as found:
        yield found


def upload(visited: Website, content: bytes) -> TestResponse:
    form = {"csrf": visited.csrf, "file": (BytesIO(content), "new.knxfw")}
    return visited.browser.post(f"{PAGE}/upload", data=form)


def shown(visited: Website, language: str = "en") -> str:
    return text_of(visited.browser.get(PAGE, headers={"Accept-Language": language}).text)


@pytest.mark.proves("W42", "11.3", "11.9")
def test_an_uploaded_firmware_is_shown_first_and_installed_when_somebody_says_so(
    visited: Website, device: Device, tmp_path: Path
) -> None:
    assert upload(visited, firmware(tmp_path).read_bytes()).headers["Location"] == PAGE
    page = shown(visited)
    assert "Install version 0.2?" in page
    assert "It counts better." in page
    assert "Configuration, accounts, sessions and history stay." in page
    assert "main version" not in page
    assert "Sie zählt besser." in shown(visited, "de")
    assert device.restarts == 0
    assert visited.post(f"{PAGE}/install", version="0.3").headers["Location"] == PAGE
    assert device.stage is Stage.CHOSEN, "another one than the page has shown"
    visited.post(f"{PAGE}/install", version="0.2")
    assert device.restarts == 1
    assert "The device restarts" in shown(visited)
    actions = [row.action for row in visited.accounts.audit_rows(limit=10) or ()]
    assert actions[:2] == ["firmware_installed", "firmware_uploaded"]


@pytest.mark.proves("W42", "11.9")
def test_another_main_version_says_what_is_lost(visited: Website, tmp_path: Path) -> None:
    upload(visited, firmware(tmp_path, "1.0").read_bytes())
    assert "It has another main version (1)" in shown(visited)


@pytest.mark.proves("W42")
@pytest.mark.parametrize("language", ["en", "de"])
def test_a_refused_file_says_why_and_that_nothing_was_changed(
    visited: Website, tmp_path: Path, language: str
) -> None:
    content = firmware(tmp_path).read_bytes()
    for bad in (b"", b"no firmware", content[:-1], content.replace(b'"0.2"', b'"0.3"')):
        visited.browser.set_cookie("knxgw_language", language)
        answer = upload(visited, bad)
        assert answer.status_code == 422
        said = text_of(answer.text)
        assert {"en": "Nothing was changed.", "de": "Es wurde nichts geändert."}[language] in said
    assert upload(visited, firmware(tmp_path, "0.1").read_bytes()).status_code == 422


def test_a_form_without_a_file_says_so(visited: Website) -> None:
    answer = visited.post(f"{PAGE}/upload")
    assert answer.status_code == 422
    assert "No file was chosen." in answer.text


def test_what_was_chosen_can_be_given_up(visited: Website, device: Device, tmp_path: Path) -> None:
    upload(visited, firmware(tmp_path).read_bytes())
    visited.post(f"{PAGE}/forget")
    assert device.stage is Stage.NONE
    assert "Install version" not in shown(visited)


def test_progress_is_told_to_scripts_and_the_page_waits_for_the_restart(
    visited: Website, device: Device, tmp_path: Path
) -> None:
    upload(visited, firmware(tmp_path).read_bytes())
    device.is_held = True
    visited.post(f"{PAGE}/install", version="0.2")
    reported = visited.browser.get("/api/v1/firmware/progress").json
    assert reported is not None
    assert (reported["is_running"], reported["done"], reported["total"]) == (True, 0, 100)
    assert "Upload firmware" not in shown(visited), "one thing at a time"
    device.started.pop()()
    reported = visited.browser.get("/api/v1/firmware/progress").json
    assert reported is not None
    assert not reported["is_running"]


@pytest.mark.proves("W12", "W42")
@pytest.mark.parametrize("role", [Role.USER, Role.VIEWER])
def test_users_and_viewers_do_not_get_there(visited: Website, device: Device, role: Role) -> None:
    guest = visited.guest(role)
    for path in (PAGE, "/api/v1/firmware/progress"):
        assert guest.browser.get(path).status_code == 403
    for action in ("look", "download", "upload", "install", "forget"):
        assert guest.post(f"{PAGE}/{action}").status_code == 403
    assert device.stage is Stage.NONE


@pytest.mark.proves("W42", "11.3")
def test_a_newer_firmware_is_indicated_on_every_page() -> None:
    state = UpdateState(newer=Newer(version="1.5", changes={"en": ("Faster.",)}), looked_at=AT)
    control = FirmwareControl(is_own=True, slot="a", has_index=lambda: True, state=lambda: state)
    with website(lambda _language: SITE, firmware=control) as found:
        for path in ("/", "/settings", PAGE):
            assert "1.5 is there" in text_of(found.browser.get(path).text)
        assert "Faster." in shown(found)


def test_the_history_says_what_happened_and_why(visited: Website, device: Device) -> None:
    state = begin_trial(BootState(), "a", "0.2", AT)
    state = given_up(state, Reason.NOT_READY, "0.1", AT)
    state = proved(begin_trial(state, "b", "0.3", AT), "b", {"b": "0.3"}, AT)
    device.disk.save(state)
    page = shown(visited)
    assert "given up: it was not ready in time. Version 0.1 runs again." in page
    assert "works and is kept" in page
    assert page.index("works and is kept") < page.index("given up")


def test_a_firmware_on_trial_says_so(visited: Website, device: Device) -> None:
    assert "is on trial" not in shown(visited)
    device.disk.save(begin_trial(BootState(), "a", "0.2", AT))
    assert "is on trial" in shown(visited)


def test_a_host_that_manages_the_program_says_so() -> None:
    with website(lambda _language: SITE) as found:
        page = shown(found)
        assert "Managed by the host" in page
        assert "Upload firmware" not in page


def test_without_an_address_of_the_list_the_page_says_where_it_is_set(
    visited: Website, device: Device
) -> None:
    assert "No address of a list of firmware is configured." in shown(visited)
    device.settings = replace(FirmwareSettings(), index="https://127.0.0.1:1/firmware.json")
    visited.post(f"{PAGE}/look")
    assert "the list of firmware cannot be read" in shown(visited)
