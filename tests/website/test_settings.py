"""Settings, and what pages may do to the device."""

from dataclasses import replace
from pathlib import Path

import pytest

from knxgw.charging.scope import DEVICE
from knxgw.device.panel import Led
from knxgw.store.database import FILE_NAME, Database, FaultRow, SessionRow
from knxgw.website.access.roles import Role
from knxgw.website.access.sessions import PROVED_S
from knxgw.website.bridge import DeviceControl
from knxgw.website.device_facts import PanelFacts
from tests.support.website import FACTS, PASSWORD, Website, website
from tests.website.test_pages import SITE, text_of


@pytest.mark.proves("W04")
def test_other_sessions_can_be_ended() -> None:
    with website(lambda _language: SITE) as found:
        other = found.another()
        found.clock.now_s += 100
        other.log_in(PASSWORD)
        assert other.browser.get("/").status_code == 200
        found.post("/settings/sessions/end")
        assert other.browser.get("/").status_code == 303
        assert found.browser.get("/").status_code == 200


def test_a_password_is_asked_again_before_accounts_are_changed() -> None:
    with website(lambda _language: SITE) as found:
        found.clock.now_s += 700
        answer = found.browser.get("/settings/accounts")
        assert answer.headers["Location"].startswith("/password/again")
        done = found.post("/password/again", password=PASSWORD, next="/settings/accounts")
        assert done.headers["Location"] == "/settings/accounts"
        assert found.browser.get("/settings/accounts").status_code == 200


def test_after_the_password_one_is_back_where_the_form_stands() -> None:
    with website(lambda _language: SITE) as found:
        found.clock.now_s += 700
        asked = found.post("/settings/accounts", name="anna", role="user")
        assert asked.headers["Location"] == "/password/again?next=/settings"
        here = {"Referer": "http://localhost/settings/accounts"}
        form = {"csrf": found.csrf, "name": "anna", "role": "user"}
        asked = found.browser.post("/settings/accounts", data=form, headers=here)
        assert asked.headers["Location"] == "/password/again?next=/settings/accounts"
        elsewhere = {"Referer": "http://evil.example/settings/accounts"}
        asked = found.browser.post("/settings/accounts", data=form, headers=elsewhere)
        assert asked.headers["Location"] == "/password/again?next=/settings"


def test_what_answers_without_a_log_in_keeps_no_session_alive() -> None:
    with website(lambda _language: SITE) as found:
        for _ in range(10):
            found.clock.now_s += 200
            assert found.browser.get("/health").status_code == 200
        assert found.browser.get("/settings").headers["Location"] == "/login?next=/settings"


class Device:
    """Notes what pages do to the device."""

    def __init__(self) -> None:
        self.did: list[str] = []

    def control(self, *, can_restart: bool = True) -> DeviceControl:
        return DeviceControl(
            can_restart=can_restart,
            restart=lambda: self.did.append("restart"),
            reset=lambda: self.did.append("reset"),
            set_programming=lambda is_on: self.did.append(f"programming {is_on}"),
        )


@pytest.mark.proves("W38")
def test_a_restart_asks_once_and_says_what_happens() -> None:
    device = Device()
    with website(lambda _language: SITE, device=device.control()) as found:
        assert "Restart the device?" in found.post("/settings/restart").get_data(as_text=True)
        assert device.did == []
        page = found.post("/settings/restart", confirmed="1").get_data(as_text=True)
        assert "The device restarts" in page
        assert device.did == ["restart"]


def test_without_a_service_manager_nothing_is_restarted_or_reset() -> None:
    device = Device()
    with website(lambda _language: SITE, device=device.control(can_restart=False)) as found:
        assert "nothing would start the program again" in found.get("/settings")
        assert found.post("/settings/restart", confirmed="1").status_code == 409
        assert found.post("/settings/reset", confirmed="reset").status_code == 409
        assert device.did == []


@pytest.mark.proves("W39", "8.32", "8.33")
def test_a_reset_says_what_is_lost_and_asks(caplog: pytest.LogCaptureFixture) -> None:
    device = Device()
    with website(lambda _language: SITE, device=device.control()) as found:
        page = text_of(found.get("/settings/reset"))
        assert "energy history" in page
        assert "the initial password" in page
        assert found.post("/settings/reset").status_code == 409
        assert device.did == []
        found.post("/settings/reset", confirmed="reset")
        assert device.did == ["reset"]
    assert "owner resets the device, from 127.0.0.1" in caplog.text, "the audit goes with the reset"


@pytest.mark.proves("W30", "8.1")
def test_programming_mode_is_switched_by_the_page() -> None:
    device = Device()
    with website(lambda _language: SITE, device=device.control()) as found:
        found.post("/settings/programming", on="1")
        found.post("/settings/programming", on="0")
    assert device.did == ["programming True", "programming False"]


@pytest.mark.proves("W30")
@pytest.mark.parametrize(("led", "pressed", "asks"), [(Led.OFF, "false", 1), (Led.ON, "true", 0)])
def test_the_front_panel_has_the_programming_button(led: Led, pressed: str, asks: int) -> None:
    facts = replace(FACTS, panel=PanelFacts(programming=led))
    with website(lambda _language: SITE, facts=lambda: facts) as found:
        page = found.get("/")
    button = page[page.index('<button name="on"') :].partition("</button>")[0]
    assert f'aria-pressed="{pressed}" value="{asks}"' in button
    assert "Programming mode" in button


@pytest.mark.proves("W30")
def test_one_press_is_enough_and_leads_back_to_the_panel() -> None:
    device = Device()
    with website(lambda _language: SITE, device=device.control()) as found:
        found.clock.now_s += PROVED_S + 1
        answer = found.post("/settings/programming", on="1", next="/")
        assert answer.headers["Location"] == "/?said=programming_on", "no password is asked again"
        assert device.did == ["programming True"]
        assert "The programming mode is on." in text_of(found.get("/?said=programming_on"))


@pytest.mark.proves("W12")
@pytest.mark.parametrize("role", [Role.ADMINISTRATOR, Role.USER, Role.VIEWER])
def test_who_may_press_the_programming_button(role: Role) -> None:
    device = Device()
    with website(lambda _language: SITE, device=device.control()) as found:
        guest = found.guest(role)
        may = role is Role.ADMINISTRATOR
        assert ("/settings/programming" in guest.get("/")) is may
        assert guest.post("/settings/programming", on="1").status_code == (303 if may else 403)
        assert bool(device.did) is may


@pytest.mark.proves("W39", "8.32")
def test_a_reset_erases_the_history_and_what_was_put_aside_and_keeps_the_numbers_of_knx_secure(
    tmp_path: Path,
) -> None:
    database = Database(tmp_path)
    session = SessionRow(point=1, started_at=None, ended_at=None, duration_s=1, energy_mwh=1)
    fault = FaultRow(at=None, scope=DEVICE, code="Comm", present=True)
    database.save({DEVICE: {"a": "planted"}}, [session], [fault], {"own": 5})
    aside = tmp_path / f"{FILE_NAME}.damaged-20260701T120000Z"
    aside.write_bytes(b"planted")
    database.erase()
    assert (database.load_records(), database.sessions(), database.faults()) == ({}, [], [])
    assert database.load_numbers() == {"own": 5}
    database.close()
    assert b"planted" not in b"".join(file.read_bytes() for file in tmp_path.iterdir())


@pytest.mark.proves("8.29")
def test_after_a_reset_the_initial_password_of_the_first_start_holds(tmp_path: Path) -> None:
    first = Website(tmp_path, view=lambda _language: SITE)
    first.become_owner()
    first.close()
    database = Database(tmp_path)
    database.erase()
    database.close()
    again = Website(tmp_path, view=lambda _language: SITE)
    assert again.initial == first.initial
    assert again.log_in().headers["Location"] == "/password"
    again.close()


@pytest.mark.parametrize("path", ["/settings", "/more"])
def test_theme_and_language_are_a_button_each(path: str) -> None:
    with website(lambda _language: SITE) as found:
        assert 'name="theme" value="dark" aria-pressed="false"' in found.get(path)
        assert found.post("/theme", theme="dark", next=path).headers["Location"] == path
        page = found.get(path)
        assert 'name="theme" value="dark" aria-pressed="true"' in page
        assert 'data-theme="dark"' in page
        found.post("/language", language="de", next=path)
        page = found.get(path)
        assert 'name="language" value="de" lang="de" aria-pressed="true"' in page


def test_what_is_not_built_yet_is_named() -> None:
    with website(lambda _language: SITE) as found:
        assert "metrics and MQTT: not built yet" in text_of(found.get("/settings"))
        assert "MQTT" not in found.guest(Role.VIEWER).get("/settings")


def test_the_reset_offers_what_it_would_take() -> None:
    with website(lambda _language: SITE) as found:
        page = found.get("/settings/reset")
        for link in ("/history/sessions.csv", "/history/months.csv", "/support"):
            assert f'href="{link}"' in page
