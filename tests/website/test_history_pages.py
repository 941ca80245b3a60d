"""History pages show what is stored, by the rights of whoever asks."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from knxgw.catalogue.codes import Reason
from knxgw.charging.scope import DEVICE
from knxgw.charging.session import SessionEnding
from knxgw.monitoring.log_ring import LogRecorder
from knxgw.store.database import Database, FaultRow, SessionRow
from knxgw.store.history import History
from knxgw.website.access.roles import Role
from knxgw.website.bridge import DeviceControl
from tests.support.website import NOON, Website, website
from tests.website.test_pages import SITE, text_of

SESSIONS = (
    SessionRow(
        point=1, started_at="2026-06-30T21:30:00+00:00", ended_at="2026-06-30T23:30:00+00:00",
        duration_s=7200, energy_mwh=14_400_400, highest_power_w=11_000, card="C3D4",
        ending=SessionEnding.COMPLETE.value,
    ),
    SessionRow(
        point=2, started_at=NOON.isoformat(), ended_at=None, duration_s=0, energy_mwh=500,
        ending=SessionEnding.HELD_BACK.value, held_by=int(Reason.INTERRUPTION),
    ),
    SessionRow(point=2, started_at=None, ended_at=None, duration_s=60, energy_mwh=1_000_000),
)  # fmt: skip


@pytest.fixture
def shown(tmp_path: Path) -> Iterator[Website]:
    database = Database(tmp_path)
    faults = [FaultRow(at=NOON.isoformat(), scope=DEVICE, code="OverCurrent", present=True)]
    database.save({}, SESSIONS, faults)
    with website(lambda _language: SITE, history=History(tmp_path)) as found:
        yield found
    database.close()


@pytest.mark.proves("W35")
def test_sessions_and_months_are_shown_in_words(shown: Website) -> None:
    page = text_of(shown.get("/history"))
    assert "14.40 kWh 2:00 h 7.2 kW 11.0 kW …C3D4 the vehicle was full" in page
    assert "held back: interruption" in page
    assert "June 2026" in page
    assert "Not in a month, because the time was not known: 1 session, 1.00 kWh." in page
    assert "nicht bekannt war: 1 Ladevorgang, 1,00 kWh." in text_of(shown.get("/history", "de"))


def test_a_session_that_ends_on_another_day_says_so(tmp_path: Path) -> None:
    database = Database(tmp_path)
    night = SessionRow(
        point=1, started_at="2026-06-29T22:30:00+00:00", ended_at="2026-06-30T05:30:00+00:00",
        duration_s=25_200, energy_mwh=7_000_000,
    )  # fmt: skip
    day = replace(night, started_at="2026-06-30T04:30:00+00:00", duration_s=3600)
    database.save({}, (night, day))
    with website(lambda _language: SITE, history=History(tmp_path)) as found:
        page = text_of(found.get("/history"))
    database.close()
    assert "29 Jun 2026, 22:30 30 Jun 2026, 05:30" in page
    assert "30 Jun 2026, 04:30 05:30" in page


@pytest.mark.proves("W35")
def test_tables_agree_to_the_watt_hour(shown: Website) -> None:
    sessions = shown.get("/history/sessions.csv", "de").splitlines()
    energies = [line.split(";")[3] for line in sessions[1:]]
    assert sorted(energies) == ["0,001", "1", "14,4"]
    months = shown.get("/history/months.csv").splitlines()[1:]
    assert sorted(line.split(",")[3] for line in months) == ["0.001", "14.4"]


@pytest.mark.parametrize("before", ["9" * 25, "-" + "9" * 25, "9" * 5000, "x", ""])
@pytest.mark.parametrize("path", ["/history", "/history/faults", "/history/starts"])
def test_a_place_that_cannot_be_is_no_error(shown: Website, path: str, before: str) -> None:
    shown.get(f"{path}?before={before}")


def test_a_user_of_one_point_sees_the_sessions_of_that_point(shown: Website) -> None:
    token = shown.browser.get_cookie(shown.bridge.reach.cookie)
    assert token is not None
    made = shown.accounts.manage.create(
        token.value, "anna", Role.USER, address="192.168.1.9", points=frozenset({1})
    )
    guest = Website.__new__(Website)
    guest.__dict__.update(shown.__dict__, browser=shown.app.test_client())
    guest.log_in(made.password, name="anna")
    guest.post("/password", new="another sentence", repeated="another sentence")
    assert "…C3D4" in guest.get("/history")
    assert "held back" not in guest.get("/history")
    assert guest.get("/history/sessions.csv").count("\n") == 2
    assert "Who did what" not in guest.get("/history/starts"), "names and addresses of the others"


def test_faults_and_changes_have_a_page(shown: Website) -> None:
    assert "Device came OverCurrent" in text_of(shown.get("/history/faults"))
    assert "password changed" in text_of(shown.get("/history/starts"))


@pytest.mark.proves("W36")
def test_the_log_is_shown_by_area_and_level() -> None:
    recorder, modes = LogRecorder(), list[bool]()
    recorder.begin()
    device = DeviceControl(set_logging=modes.append)
    try:
        with website(lambda _language: SITE, logs=recorder, device=device) as found:
            logging.getLogger("knxgw.links.modbus").warning("a charger is silent")
            assert "a charger is silent" in text_of(found.get("/diagnostics/logs?area=modbus"))
            assert "a charger is silent" not in text_of(found.get("/diagnostics/logs?area=knx"))
            assert "a charger is silent" not in text_of(found.get("/diagnostics/logs?level=error"))
            assert "Extended costs performance" in text_of(found.get("/diagnostics/logs"))
            found.post("/diagnostics/logs/mode", mode="extended")
            found.post("/diagnostics/logs/mode", mode="simple")
    finally:
        recorder.end()
    assert modes == [True, False]
