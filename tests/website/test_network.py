"""Settings, Network: what is refused keeps what was typed; what cuts off a browser is kept at the new place."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface

import pytest

from knxgw.host.answer import Failure, NetworkAnswer
from knxgw.host.manager import Manager
from knxgw.host.network_change import Phase
from knxgw.host.network_plan import AUTOMATIC, IPv4Settings, Mode
from knxgw.host.networkd_file import Source
from knxgw.website.access.roles import Role
from knxgw.website.access.sessions import PROVED_S
from knxgw.website.keep_links import VALID_S
from tests.support.pages_of_host import CHANGE, OURS, Host
from tests.support.website import Website, website
from tests.website.test_pages import SITE, text_of

PERMANENT = {
    "mode": "permanent",
    "address": "192.0.2.20",
    "mask": "255.255.255.0",
    "gateway": "192.0.2.1",
    "dns": "",
}
AUTOMATICALLY = {"mode": "automatic", "address": "", "mask": "", "gateway": "", "dns": ""}
LINK = re.compile(r"http://192\.0\.2\.20(/settings/network/keep/[\w-]{22})")
THERE = {"Host": "192.0.2.20"}


@contextmanager
def opened(host: Host) -> Iterator[Website]:
    with website(lambda _language: SITE, host=host.settings()) as found:
        yield found


def sent(found: Website, path: str, form: dict[str, str]) -> tuple[int, str]:
    """Send a form of the owner to the device at its present address."""
    answer = found.post(path, **form)
    return answer.status_code, answer.get_data(as_text=True)


@pytest.mark.proves("W40")
def test_the_page_shows_the_network_as_it_is_and_who_wrote_it() -> None:
    with opened(Host()) as found:
        page = text_of(found.get("/settings/network"))
        assert "192.0.2.124" in found.get("/settings")
    for one in ("eth0", "192.0.2.124/24", "192.0.2.1", "192.0.2.53", "systemd-networkd", "website"):
        assert one in page
    assert "Receive an address automatically (DHCP)" in page


@pytest.mark.proves("W40")
@pytest.mark.parametrize(
    ("typed", "field", "says"),
    [
        ({"address": "127.0.0.1"}, "address", "127.0.0.1 is only the default"),
        ({"address": "0.0.0.0"}, "address", "begin with 0"),  # noqa: S104 - as somebody types it
        ({"address": "224.0.23.12"}, "address", "belong to groups"),
        ({"address": "192.0.2.255"}, "address", "all devices of the network at once"),
        ({"gateway": "198.51.100.1"}, "gateway", "must be in the network"),
        ({"mask": "255.0.255.0"}, "mask", "not a subnet mask"),
        ({"dns": "router"}, "dns", "not an IPv4 address"),
    ],
)
def test_a_bad_value_is_refused_beside_its_field_and_what_was_typed_stays(
    typed: dict[str, str], field: str, says: str
) -> None:
    host = Host()
    with opened(host) as found:
        status, page = sent(found, "/settings/network", {**PERMANENT, **typed})
    assert status == 400
    said = page[page.index(f'id="said:{field}"') :].partition("</span></span>")[0]
    assert says in said
    assert f'value="{typed[field]}"' in page
    assert 'value="permanent" checked' in page
    assert host.asked == []


@pytest.mark.proves("W40")
def test_other_name_servers_are_saved_at_once() -> None:
    host = Host()
    with opened(host) as found:
        answer = found.post("/settings/network", **{**AUTOMATICALLY, "dns": "192.0.2.77"})
        assert answer.headers["Location"] == "/settings/network?said=network"
        assert "The settings of the network hold." in text_of(found.get(answer.headers["Location"]))
        (row, *_) = found.accounts.audit_rows() or ()
        assert (row.action, row.before, row.after) == ("network_changed", "automatic", "automatic")
    wanted = IPv4Settings(mode=Mode.AUTOMATIC, name_servers=(IPv4Address("192.0.2.77"),))
    assert host.asked == [(wanted, False)]


def changed(found: Website) -> str:
    """Change the address as somebody does; return the link to keep it."""
    status, page = sent(found, "/settings/network", PERMANENT)
    assert status == 200
    assert "http://192.0.2.20/" in page
    link = LINK.search(page)
    assert link is not None
    token = link[1].rpartition("/")[2]
    status, page = sent(found, "/settings/network/apply", {**PERMANENT, "token": token})
    assert status == 200
    assert LINK.search(page) is not None, "and once more, before the address changes"
    return link[1]


@pytest.mark.proves("W40")
def test_the_new_place_is_told_before_and_keeps_the_change_without_a_log_in() -> None:
    host = Host()
    with opened(host) as found:
        link = changed(found)
        wanted = IPv4Settings(
            mode=Mode.PERMANENT,
            interface=IPv4Interface("192.0.2.20/24"),
            gateway=IPv4Address("192.0.2.1"),
        )
        assert host.asked == [(wanted, True)]
        stranger = found.another()
        question = stranger.browser.get(link, headers=THERE)
        assert question.status_code == 200
        assert host.is_at(Phase.WAITING), "a look keeps nothing"
        answer = stranger.browser.post(link, headers={**THERE, "Origin": "http://192.0.2.20"})
        assert "The change is kept." in text_of(answer.get_data(as_text=True))
        assert host.is_at(Phase.KEPT)
        assert stranger.browser.get(link, headers=THERE).status_code == 404, "it holds once"
        assert stranger.browser.get("/", headers=THERE).status_code == 303, "nobody is logged in"


@pytest.mark.proves("W40", "W06")
def test_a_link_that_is_none_or_old_or_of_another_page_keeps_nothing() -> None:
    host = Host()
    with opened(host) as found:
        link = changed(found)
        stranger = found.another()
        assert stranger.browser.post(f"{link}x", headers=THERE).status_code == 404
        foreign = {**THERE, "Origin": "http://evil.example"}
        assert stranger.browser.post(link, headers=foreign).status_code == 403
        found.clock.now_s += VALID_S + 1
        assert stranger.browser.post(link, headers=THERE).status_code == 404
        assert host.is_at(Phase.WAITING)


def test_a_link_of_a_change_that_has_returned_says_so() -> None:
    host = Host()
    with opened(host) as found:
        link = changed(found)
        host.end(CHANGE, Phase.RETURNED)
        answer = found.another().browser.post(link, headers=THERE)
        assert answer.status_code == 404
        assert "has returned" in answer.get_data(as_text=True)


@pytest.mark.proves("W40")
@pytest.mark.parametrize(
    ("button", "phase", "says"),
    [
        ("keep", Phase.KEPT, "The change is kept."),
        ("return", Phase.RETURNED, "The previous settings hold again."),
    ],
)
def test_whoever_is_logged_in_keeps_it_or_gives_it_back(
    button: str, phase: Phase, says: str
) -> None:
    host = Host()
    with opened(host) as found:
        changed(found)
        page = text_of(found.get("/settings/network"))
        assert "Does this page still reach the device?" in page
        assert "Keep or return the last change first." in page
        assert sent(found, "/settings/network", PERMANENT)[0] == 409
        answer = found.post(f"/settings/network/{button}")
        assert host.is_at(phase)
        assert says in text_of(found.get(answer.headers["Location"]))


@pytest.mark.proves("W40")
def test_a_change_that_nobody_confirmed_is_said_afterwards() -> None:
    change = NetworkAnswer(id=CHANGE, phase=Phase.RETURNED)
    with opened(Host(state=replace(OURS, change=change))) as found:
        page = text_of(found.get("/settings/network"))
        assert "was not confirmed in time: the previous settings hold again" in page
        assert found.post("/settings/network/keep").headers["Location"] == "/settings/network"


@pytest.mark.parametrize("failure", Failure)
def test_why_the_host_did_not_do_it_is_said_and_what_was_typed_stays(failure: Failure) -> None:
    with opened(Host(failure=failure)) as found:
        status, page = sent(found, "/settings/network/apply", {**PERMANENT, "token": ""})
    assert status == 409
    assert "Not saved:" in text_of(page)
    assert 'value="192.0.2.20"' in page


def test_a_host_that_does_not_react_changes_nothing() -> None:
    with opened(Host(answers=False)) as found:
        status, page = sent(found, "/settings/network/apply", {**PERMANENT, "token": ""})
        assert status == 503
        assert "the host does not react" in text_of(page)


@pytest.mark.proves("W40")
@pytest.mark.parametrize("manager", Manager)
def test_what_the_host_manages_is_shown_and_not_changed(manager: Manager) -> None:
    host = Host(state=replace(OURS, manager=manager, is_writable=False, source=Source.HOST))
    with opened(host) as found:
        page = found.get("/settings/network")
        assert "Managed by the host" in page
        assert "192.0.2.124/24" in page
        assert 'name="address"' not in page
        assert sent(found, "/settings/network", PERMANENT)[0] == 409
        assert sent(found, "/settings/network/apply", PERMANENT)[0] == 409
    assert host.asked == []


def test_a_website_that_listens_at_one_address_is_not_moved_away_from_it() -> None:
    host = Host(state=replace(OURS, bound_to="192.0.2.124"))
    with opened(host) as found:
        status, page = sent(found, "/settings/network", PERMANENT)
        assert status == 409
        assert "The website answers at 192.0.2.124 only" in text_of(page)
        own = {**PERMANENT, "address": "192.0.2.124"}
        assert sent(found, "/settings/network", own)[0] == 200


def test_a_connection_to_knx_by_the_old_address_is_named_before() -> None:
    host = Host(state=replace(OURS, knx_address="192.0.2.124"))
    with opened(host) as found:
        _, page = sent(found, "/settings/network", PERMANENT)
        assert "uses the address 192.0.2.124 (knx.local_ip)" in text_of(page)
        own = {**PERMANENT, "address": "192.0.2.124"}
        assert "knx.local_ip" not in sent(found, "/settings/network", own)[1]


def test_settings_that_the_host_wrote_have_to_be_confirmed_whatever_they_are() -> None:
    host = Host(state=replace(OURS, source=Source.HOST, settings=AUTOMATIC))
    with opened(host) as found:
        status, page = sent(found, "/settings/network", {**AUTOMATICALLY, "dns": "192.0.2.77"})
    assert status == 200
    assert "Change the network?" in text_of(page)
    assert "comes from the DHCP server" in page


@pytest.mark.proves("W12")
@pytest.mark.parametrize("path", ["/settings/network", "/settings/time"])
@pytest.mark.parametrize("role", [Role.ADMINISTRATOR, Role.USER, Role.VIEWER])
def test_who_may_set_the_network_and_the_time(role: Role, path: str) -> None:
    with opened(Host()) as found:
        answer = found.guest(role).browser.get(path)
        assert answer.status_code == (200 if role is Role.ADMINISTRATOR else 403)


@pytest.mark.proves("W40")
def test_the_password_is_asked_again_after_a_while() -> None:
    host = Host()
    with opened(host) as found:
        found.clock.now_s += PROVED_S + 1
        answer = found.post("/settings/network", **PERMANENT)
        assert answer.headers["Location"].startswith("/password/again")
    assert host.asked == []
