"""Settings, Time: which servers set the clock, and how it is set where none does."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from knxgw.host.answer import Failure
from knxgw.host.time_plan import EARLIEST, TimeService
from knxgw.website.host_settings import TimeState
from tests.support.pages_of_host import Host
from tests.support.website import website
from tests.website.test_pages import SITE, text_of

CHRISTMAS = datetime(2026, 12, 24, 12, tzinfo=UTC)
UNSET = TimeState(can_set_clock=True, has_service=True, wanted=("ptbtime1.ptb.de",))


@pytest.mark.proves("W41")
def test_the_page_says_which_server_answers_and_how_far_off_the_clock_was() -> None:
    service = TimeService(
        servers=("ptbtime1.ptb.de", "ptbtime2.ptb.de"),
        answering="ptbtime1.ptb.de",
        answered_at=CHRISTMAS,
        offset_s=-0.0123,
    )
    times = TimeState(
        is_synchronised=True, has_service=True, wanted=("ptbtime1.ptb.de",), service=service
    )
    with website(lambda _language: SITE, host=Host(times=times).settings()) as found:
        page = text_of(found.get("/settings/time"))
    for one in ("set by a time server", "ptbtime2.ptb.de", "-12.3 ms", "24", SITE.time_zone):
        assert one in page
    assert "Set the clock" not in page


@pytest.mark.proves("W41")
def test_the_time_of_the_browser_is_taken() -> None:
    host = Host(times=UNSET)
    with website(lambda _language: SITE, host=host.settings()) as found:
        milliseconds = str(int(CHRISTMAS.timestamp() * 1000) + 250)
        answer = found.post("/settings/time/clock", browser_ms=milliseconds)
        assert answer.headers["Location"] == "/settings/time?said=clock"
        (row, *_) = found.accounts.audit_rows() or ()
        assert (row.action, row.after) == ("clock_set", "2026-12-24T12:00:00+00:00")
    assert host.clock == CHRISTMAS.replace(microsecond=250_000)


@pytest.mark.proves("W41")
def test_without_a_script_the_time_is_typed_in_the_zone_of_the_device() -> None:
    host = Host(times=UNSET)
    berlin = replace(SITE, time_zone="Europe/Berlin")
    with website(lambda _language: berlin, host=host.settings()) as found:
        found.post("/settings/time/clock", typed="2026-12-24T13:00")
    assert host.clock == CHRISTMAS


@pytest.mark.proves("W41")
@pytest.mark.parametrize(
    "form",
    [
        {"browser_ms": "0"},
        {"browser_ms": str(int(EARLIEST.timestamp() * 1000) - 1)},
        {"browser_ms": "9" * 15},
        {"browser_ms": "x", "typed": "noon"},
        {"typed": "1970-01-01T00:00"},
        {"typed": "2026-12-24T13:00+05:00"},
        {},
    ],
)
def test_what_cannot_be_the_time_is_refused(form: dict[str, str]) -> None:
    host = Host(times=UNSET)
    with website(lambda _language: SITE, host=host.settings()) as found:
        answer = found.post("/settings/time/clock", **form)
        assert answer.status_code == 400
        assert "This cannot be the time" in answer.get_data(as_text=True)
    assert host.clock is None


@pytest.mark.proves("W41")
def test_a_clock_that_a_server_sets_cannot_be_set() -> None:
    host = Host(times=TimeState(is_synchronised=True))
    with website(lambda _language: SITE, host=host.settings()) as found:
        assert found.post("/settings/time/clock", typed="2026-12-24T13:00").status_code == 409
    assert host.clock is None
    host = Host(times=UNSET, failure=Failure.SYNCHRONISED)  # it was set a moment ago
    with website(lambda _language: SITE, host=host.settings()) as found:
        answer = found.post("/settings/time/clock", typed="2026-12-24T13:00")
        assert answer.status_code == 409
        assert "A time server sets the clock." in answer.get_data(as_text=True)


@pytest.mark.proves("W41")
def test_a_host_that_keeps_its_own_time_is_shown_only() -> None:
    with website(lambda _language: SITE, host=Host(times=TimeState()).settings()) as found:
        page = found.get("/settings/time")
    assert page.count("Managed by the host") == 2
    assert '<form method="post" action="/settings/time' not in page
