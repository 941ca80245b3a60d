"""Settings, General: the restart of the machine, asked for once and carried out by the root side."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from knxgw.host.answer import Failure
from knxgw.website.access.roles import Role
from knxgw.website.host_settings import RebootState
from tests.support.pages_of_host import Host
from tests.support.website import Website, website
from tests.website.test_pages import SITE, text_of

PATH = "/settings/restart-machine"
NOTED = "machine_restarted"


@contextmanager
def opened(host: Host) -> Iterator[Website]:
    with website(lambda _language: SITE, host=host.settings()) as found:
        yield found


def noted(found: Website) -> list[str]:
    """Return what the audit has, the newest first."""
    return [row.action for row in found.accounts.audit_rows() or ()]


@pytest.mark.proves("W67")
def test_a_restart_of_the_machine_asks_once_says_what_happens_and_is_noted() -> None:
    host = Host()
    with opened(host) as found:
        general = found.get("/settings")
        assert 'data-confirm="Restart the machine?"' in general
        assert "Charging goes on with what the chargers hold" in text_of(general)
        asked = found.post(PATH)
        assert asked.status_code == 200
        assert "Restart the machine?" in text_of(asked.get_data(as_text=True))
        assert host.reboots == 0
        page = found.post(PATH, confirmed="1").get_data(as_text=True)
        assert host.reboots == 1
        assert "The machine restarts" in text_of(page)
        assert 'data-next="/settings"' in page
        assert "restarting.js" in page
        assert noted(found)[0] == NOTED


@pytest.mark.proves("W67")
def test_where_it_is_not_offered_nothing_can_ask_for_it() -> None:
    host = Host(reboot=RebootState(is_offered=False))
    with opened(host) as found:
        assert PATH not in found.get("/settings")
        assert found.post(PATH, confirmed="1").status_code == 409
    assert host.reboots == 0


@pytest.mark.proves("W67")
@pytest.mark.parametrize("role", [Role.ADMINISTRATOR, Role.USER, Role.VIEWER])
def test_who_may_restart_the_device_may_restart_the_machine(role: Role) -> None:
    host = Host()
    with opened(host) as found:
        guest = found.guest(role)
        may = role is Role.ADMINISTRATOR
        assert (PATH in guest.get("/settings")) is may
        assert guest.post(PATH, confirmed="1").status_code == (200 if may else 403)
    assert host.reboots == may


@pytest.mark.proves("W67")
def test_what_keeps_it_from_restarting_is_said_and_not_noted_as_done() -> None:
    host = Host(failure=Failure.CHANGE_WAITS)
    with opened(host) as found:
        answer = found.post(PATH, confirmed="1")
        assert answer.status_code == 409
        assert "a restart would return it" in text_of(answer.get_data(as_text=True))
        host.answers = False
        answer = found.post(PATH, confirmed="1")
        assert answer.status_code == 503
        assert "knxgw-host-time.path" in text_of(answer.get_data(as_text=True))
        assert NOTED not in noted(found)


def test_a_system_that_did_not_restart_is_said_where_it_was_asked_for() -> None:
    host = Host(reboot=RebootState(is_offered=True, failure=Failure.NOT_TAKEN))
    with opened(host) as found:
        assert "journalctl -u &#39;knxgw-host*&#39;" in text_of(found.get("/settings"))
    with opened(Host()) as found:
        assert "journalctl -u &#39;knxgw-host*&#39;" not in text_of(found.get("/settings"))
