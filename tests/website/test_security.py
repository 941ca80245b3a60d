"""Nothing answers without a log-in, and nothing is changed from elsewhere."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import pytest
from markupsafe import escape

from knxgw.station.actions import Action
from knxgw.website import assets
from knxgw.website.access.roles import Right, Role
from knxgw.website.access.sessions import PROVED_S
from knxgw.website.security import HEADERS, needs
from tests.support.website import PASSWORD, Website, website
from tests.website.test_pages import POINT, SITE

OPEN = {
    *("/login", "/health", "/language", "/description.xml", "/static/<digest>/<path:name>"),
    "/settings/network/keep/<token>",  # the link itself is the secret, see `keep_links`
    "/too-large",  # what the server says of a request that it has not read
}


@pytest.fixture(scope="module")
def shared() -> Iterator[Website]:
    with website(lambda _language: SITE) as found:
        yield found


def filled(rule: str) -> str:
    return re.sub(r"<[^>]+>", "1", rule)


def routes(found: Website) -> list[tuple[str, str]]:
    """Return (method, path) of every route."""
    return [
        (method, rule.rule)
        for rule in found.app.url_map.iter_rules()
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    ]


@pytest.mark.proves("W01")
def test_without_a_log_in_only_what_is_named_here_answers(shared: Website) -> None:
    stranger = shared.app.test_client()
    for method, rule in routes(shared):
        answer = stranger.open(filled(rule), method=method)
        if rule in OPEN:
            assert answer.status_code not in (401, 421), rule
        elif method == "GET" and not rule.startswith("/api/"):
            assert answer.status_code == 303, rule
            assert answer.headers["Location"].startswith("/login"), rule
        else:
            assert answer.status_code == 401, (method, rule)
            assert b"Garage" not in answer.data


def test_what_is_not_there_cannot_be_told_from_what_is(shared: Website) -> None:
    stranger = shared.app.test_client()
    assert stranger.get("/no/such/page").status_code == 303
    assert shared.browser.get("/no/such/page").status_code == 404


@pytest.mark.parametrize(
    ("page", "target"),
    [
        ("http://localhost/wizard/knx", "/login?next=/wizard/knx"),
        ("http://elsewhere.example/wizard/knx", "/login"),
        (None, "/login"),
    ],
)
def test_a_form_that_is_sent_without_a_session_leads_to_the_log_in_and_back_to_its_page(
    shared: Website, page: str | None, target: str
) -> None:
    headers = {} if page is None else {"Referer": page}
    answer = shared.app.test_client().post("/wizard/knx", headers=headers)
    assert answer.status_code == 401
    assert f'<a class="button" href="{target}">Log in</a>' in answer.get_data(as_text=True)


@pytest.mark.proves("W02")
def test_the_initial_password_leads_to_a_change_and_is_refused_afterwards() -> None:
    with website(lambda _language: SITE) as found:
        found.clock.now_s += 100
        other = found.app.test_client()
        answer = other.post("/login", data={"password": found.initial})
        assert answer.status_code == 403
        assert other.post("/login", data={"password": PASSWORD}).headers["Location"] == "/?failed=1"


def test_before_the_password_is_changed_nothing_else_opens(tmp_path: object) -> None:
    with website(lambda _language: SITE) as found:
        found.accounts.restore_by_button()
        other = found.app.test_client()
        other.post("/login", data={"password": found.initial})
        for _, rule in (one for one in routes(found) if one[0] == "GET"):
            if rule in OPEN or rule.startswith("/password"):
                continue
            answer = other.get(filled(rule))
            assert answer.status_code in (303, 403), rule
            assert answer.headers.get("Location", "/password") == "/password", rule


@pytest.mark.proves("W06")
@pytest.mark.parametrize("token", ["", "0" * 64, None])
def test_a_change_without_the_token_of_the_session_changes_nothing(
    shared: Website, token: str | None
) -> None:
    data = {} if token is None else {"csrf": token}
    for method, rule in routes(shared):
        if method == "GET" or rule in OPEN:
            continue
        answer = shared.browser.open(filled(rule), method=method, data=data)
        assert answer.status_code == 403, rule
    assert shared.acted == []


@pytest.mark.proves("W06")
@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://localhost:1"])
def test_a_change_from_a_foreign_page_is_refused(shared: Website, origin: str) -> None:
    for method, rule in routes(shared):
        if method == "GET":
            continue
        answer = shared.browser.open(
            filled(rule), method=method, data={"csrf": shared.csrf}, headers={"Origin": origin}
        )
        assert answer.status_code == 403, rule
    assert shared.acted == []


@pytest.mark.proves("W07")
@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("192.168.1.5:8080", 200),
        ("[fe80::1]:8080", 200),
        ("localhost", 200),
        ("garage.local", 200),
        ("GARAGE.LOCAL.", 200),
        ("evil.example", 421),
        ("192.168.1.5.evil.example", 421),
        ("", 421),
    ],
)
def test_the_device_answers_to_its_own_names_only(host: str, status: int) -> None:
    names = frozenset({"garage.local"})
    with website(lambda _language: SITE, host_names=lambda: names) as found:
        answer = found.browser.get("/health", headers={"Host": host})
        assert answer.status_code == status
        assert found.browser.get("/login", headers={"Host": host}).status_code == status


@pytest.mark.proves("W08")
def test_every_answer_has_the_headers_that_protect_it(shared: Website) -> None:
    paths = [filled(rule) for method, rule in routes(shared) if method == "GET"]
    for client in (shared.browser, shared.app.test_client()):
        for path in [*paths, "/none", assets.address_of("js/live.js")]:
            if path == "/api/v1/events":
                continue
            answer = client.get(path)
            for name, value in HEADERS.items():
                assert answer.headers[name] == value, (path, name)
            wanted = "immutable" if path.startswith(f"/static/{assets.digest()}") else "no-store"
            assert wanted in answer.headers["Cache-Control"], path


@pytest.mark.proves("W10")
def test_a_body_that_is_too_large_is_refused(shared: Website) -> None:
    answer = shared.browser.post("/login", data={"password": "x" * (1 << 20)})
    assert answer.status_code == 413


@pytest.mark.proves("W12", "W31")
@pytest.mark.parametrize("role", [Role.VIEWER, Role.USER, Role.ADMINISTRATOR])
def test_who_may_act_at_a_charging_point(role: Role) -> None:
    with website(lambda _language: SITE) as found:
        guest = found.guest(role)
        answer = guest.post("/points/1/interrupt")
        may = role is not Role.VIEWER
        assert answer.status_code == (303 if may else 403)
        assert found.acted == ([(1, Action.INTERRUPT, None)] if may else [])
        assert ("/points/1/interrupt" in guest.get("/points/1")) is may
        sets = role is Role.ADMINISTRATOR  # a setpoint is a limit
        assert guest.post("/points/1/setpoint", setpoint_a="6").status_code == (
            303 if sets else 403
        )
        assert ("/points/1/setpoint" in guest.get("/points/1")) is sets


def test_what_is_not_possible_now_is_refused_with_words(shared: Website) -> None:
    answer = shared.post("/points/1/unlock")
    assert answer.headers["Location"] == "/points/1?said=too_late"
    assert "in another state" in shared.get("/points/1?said=too_late")
    assert shared.acted == []


def test_an_action_on_a_card_of_status_comes_back_to_that_card(shared: Website) -> None:
    assert 'name="from" value="status"' in shared.get("/")
    assert 'name="from"' not in shared.get("/points/1")
    answer = shared.post("/points/1/interrupt", **{"from": "status"})
    assert answer.headers["Location"] == "/?said=sent&point=1#point-1"
    assert shared.acted.pop() == (1, Action.INTERRUPT, None)
    page = shared.get("/?said=sent&point=1")
    card = page[page.index('id="point-1"') :]
    assert page.count("The command was given") == 1, "it is not said at the head, too"
    assert "The command was given" in card
    late = shared.post("/points/1/unlock", **{"from": "status"})
    assert late.headers["Location"] == "/?said=too_late&point=1#point-1"


def test_a_question_without_a_script_comes_back_to_the_card(shared: Website) -> None:
    page = shared.post("/points/1/stop", **{"from": "status"}).get_data(as_text=True)
    assert 'href="/#point-1"' in page, "Cancel"
    assert 'name="from" value="status"' in page
    assert shared.browser.get("/points/1/stop").headers["Location"] == "/points/1"
    assert shared.acted == []


@pytest.mark.parametrize("typed", ["much", "81", "-1", '"><script>'])
def test_a_refused_setpoint_is_kept_and_says_why_beside_it(typed: str) -> None:
    point = replace(POINT, actions=(Action.SETPOINT,))
    with website(lambda _language: replace(SITE, points=(point,))) as found:
        answer = found.post("/points/1/setpoint", setpoint_a=typed)
        assert answer.status_code == 400
        page = answer.get_data(as_text=True)
        assert f'name="setpoint_a" value="{escape(typed)}"' in page
        assert "Not saved: enter a current from 0 to 80 A." in page
        assert found.acted == []


def test_a_stop_asks_once(shared: Website) -> None:
    assert "Are you sure" in shared.post("/points/1/stop").get_data(as_text=True)
    assert shared.acted == []
    assert shared.post("/points/1/stop", confirmed="1").status_code == 303
    assert shared.acted.pop() == (1, Action.STOP, None)


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example", "https://evil.example", "/\\evil", "javascript:1", "/x\r\nSet-Cookie: a=b",
        "/\t/evil.example", "/\x00/evil.example", "/\u202e/evil.example", "\t//evil.example", "/\\/evil.example",
    ],
)  # fmt: skip
def test_a_log_in_leads_to_pages_of_this_device_only(target: str) -> None:
    with website(lambda _language: SITE) as found:
        found.clock.now_s += 100
        answer = found.app.test_client().post("/login", data={"password": PASSWORD, "next": target})
        location = answer.headers["Location"]
        assert location.startswith("/")
        assert not location.startswith("//")
        assert urlsplit(location).netloc == ""
        assert "a=b" not in str(answer.headers.getlist("Set-Cookie"))


def test_the_cookie_cannot_be_read_by_scripts_and_stays_on_this_site(shared: Website) -> None:
    shared.clock.now_s += 100
    answer = shared.app.test_client().post("/login", data={"password": PASSWORD})
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Path=/" in cookie
    assert "Max-Age" not in cookie, "owners do not stay signed in"


def test_two_devices_behind_one_host_do_not_share_a_cookie(shared: Website) -> None:
    names = set()
    for host in ("192.168.1.5", "192.168.1.5:8080", "[fe80::1]", "[fe80::1]:8081"):
        shared.clock.now_s += 100
        browser, headers = shared.app.test_client(use_cookies=False), {"Host": host}
        answer = browser.post("/login", data={"password": PASSWORD}, headers=headers)
        name, _, value = answer.headers["Set-Cookie"].partition(";")[0].partition("=")
        again = browser.get("/", headers={**headers, "Cookie": f"{name}={value}"})
        assert again.status_code == 200
        names.add(name)
    assert names == {"knxgw", "knxgw_8080", "knxgw_8081"}


@pytest.mark.proves("W04", "W12")
def test_a_monitor_ends_when_its_reader_has_lost_the_right() -> None:
    with website(lambda _language: SITE) as found:
        token = found.browser.get_cookie(found.bridge.reach.cookie)
        assert token is not None
        manage, guest = found.accounts.manage, found.guest(Role.ADMINISTRATOR)
        rows = cast("Iterator[bytes]", iter(guest.browser.get("/api/v1/monitor/log").response))
        assert next(rows) == b"retry: 2000\n\n"
        manage.change(token.value, "guest", Role.VIEWER, address="192.168.1.9")
        found.clock.now_s += 5
        last = next(rows)
        assert b"event: bye" in last, last
        assert json.loads(last.split(b"data: ")[1]) == {"why": "logged_off"}
        page = guest.browser.get("/api/v1/events")
        assert next(iter(page.response)) == b"retry: 2000\n\n", "what a viewer may see goes on"
        page.close()


@pytest.mark.proves("W03")
@pytest.mark.parametrize("path", ["/password", "/password/again"])
def test_whoever_is_logged_in_guesses_no_faster(path: str) -> None:
    with website(lambda _language: SITE) as found:
        form = {
            "password": "wrong",
            "old": "wrong",
            "new": PASSWORD + "!",
            "repeated": PASSWORD + "!",
        }
        codes = [found.post(path, **form).status_code for _ in range(4)]
        assert codes[-1] == 429
        right = found.post(path, **form | {"password": PASSWORD, "old": PASSWORD})
        assert right.status_code == 429, "the right one waits, too"
        assert int(right.headers["Retry-After"]) >= 1
        found.clock.now_s += 60
        assert found.post(path, **form | {"password": PASSWORD, "old": PASSWORD}).status_code == 303


@pytest.mark.proves("W12")
def test_a_program_is_asked_for_the_password_once_more_as_a_page_is(tmp_path: Path) -> None:
    found = Website(tmp_path, view=lambda _language: SITE)
    found.app.add_url_rule("/api/v1/firmware", view_func=needs(Right.FIRMWARE)(lambda: "done"))
    found.become_owner()
    assert found.browser.get("/api/v1/firmware").status_code == 200
    found.clock.now_s += PROVED_S + 1
    assert found.browser.get("/api/v1/firmware").status_code == 403
    found.close()
