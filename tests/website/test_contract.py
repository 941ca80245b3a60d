"""The site for programs: every value satisfies the schema that is served, and nobody sees too much."""

import json
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knxgw.catalogue.codes import ChargingState, FaultCode
from knxgw.catalogue.load import catalogue
from knxgw.charging.events import ChargerConditionChanged, LinkCondition
from knxgw.charging.quantities import Quantity
from knxgw.charging.scope import DEVICE, point_scope
from knxgw.config.devices import charger_id
from knxgw.config.model import KnxLinkKind
from knxgw.device.panel import Led, Meaning
from knxgw.errors import FileLine, Finding, Plain, Severity
from knxgw.station.actions import Action
from knxgw.station.model import GridControlCommanded, InterruptionCommanded, Started
from knxgw.station.show import view
from knxgw.station.view import (
    DetailView,
    FaultView,
    InstalledView,
    LimitView,
    LoadManagementView,
    PhaseView,
    PointView,
    SessionView,
    SiteView,
)
from knxgw.store.runs import StartCause
from knxgw.website.access.roles import Role
from knxgw.website.bridge import DeviceControl
from knxgw.website.contract import SCHEMA, past_faults, site_value
from knxgw.website.device_facts import DeviceFacts, PanelFacts
from knxgw.website.merge_patch import patched
from knxgw.website.publisher import CHECK_S
from tests.station.sites import CP1, CP2, SCOPE1, after, charger, new_station
from tests.support.json_schema import problems
from tests.support.website import FACTS, NOON, Website, website
from tests.website.test_foreign_text import FULL
from tests.website.test_pages import POINT, SITE

TWO = replace(FULL, points=(FULL.points[0], replace(POINT, number=2, name="Right")))
FAULTS = catalogue().product.faults
HEAD = {"id": "boot-1", "at": NOON.isoformat()}


def wrong(value: Any) -> list[str]:
    """Return what is wrong with a whole value."""
    return list(problems(value, SCHEMA, SCHEMA))


def value_of(site: SiteView, facts: DeviceFacts = FACTS, **given: Any) -> dict[str, Any]:
    return site_value(site, facts, NOON, is_ready=True, **given)


# --- schema and values --------------------------------------------------------------------------

seconds = st.none() | st.floats(0, 1e6)
currents = st.none() | st.integers(-(10**6), 10**6)
moments = st.none() | st.timedeltas(timedelta(), timedelta(9999)).map(lambda after: NOON + after)
GIVEN: dict[str, st.SearchStrategy[Any]] = {
    "ends_in_s": seconds,
    "meter_age_s": seconds,
    "high_power_s": seconds,
    "temperature_c": st.none() | st.floats(-40, 200),
    "since": moments,
    "started_at": moments,
    "ended_at": moments,
    "condition": st.sampled_from([one.value for one in LinkCondition]),
    "actions": st.lists(st.sampled_from(Action)).map(tuple),
    "ages_s": st.dictionaries(st.sampled_from(["state", "power"]), st.integers(0, 9)),
    "phases_ma": st.tuples(currents, currents, currents),
    "powers_w": st.lists(currents, max_size=3).map(tuple),
    "energies_wh": st.lists(currents, max_size=3).map(tuple),
    "shares_ma": st.dictionaries(st.integers(1, 9), st.integers(0, 9)),
    "fault": st.sampled_from(["No error", *FaultCode]),
    "code": st.sampled_from([one.value for one in FaultCode]),
    "number": st.integers(1, 99),
    "language": st.just("en"),
}


def every(kind: type[Any], **given: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return values of a view with any value in each of its fields."""
    known = GIVEN | given
    return st.builds(kind, **{one.name: known.get(one.name, ...) for one in fields(kind)})


def tuples(kind: st.SearchStrategy[Any], most: int) -> st.SearchStrategy[Any]:
    return st.lists(kind, max_size=most).map(tuple)


faults = tuples(every(FaultView), 2)
points = every(
    PointView,
    faults=faults,
    limits=tuples(every(LimitView), 2),
    installed=every(InstalledView),
    detail=every(DetailView),
    session=st.none() | every(SessionView),
)
shared = every(LoadManagementView, phases=tuples(every(PhaseView), 3))
sites = every(
    SiteView,
    faults=faults,
    points=tuples(points, 2),
    load_management=st.none() | shared,
)
warning = Finding(
    place=FileLine("a.yaml", 1, "knx.link"), words=Plain("w"), severity=Severity.WARNING
)
devices = st.builds(
    DeviceFacts,
    version=st.text(max_size=9),
    serial=st.none() | st.text(max_size=9),
    started_at=moments,
    start_cause=st.sampled_from([one.value for one in StartCause]),
    knx_link=st.none() | st.sampled_from([one.value for one in KnxLinkKind]),
    knx_up_s=seconds,
    addresses=st.just(("192.168.1.2",)),
    clock_source=st.sampled_from([None, "ntp", "knx", "system"]),
    panel=st.builds(
        PanelFacts, programming=st.sampled_from(Led), com=st.sampled_from(Led),
        meaning=st.sampled_from(Meaning),
    ),
    warnings=st.sampled_from([(), (warning,)]),
    stuck_s=st.floats(0, 100),
)  # fmt: skip


@given(sites, devices, st.booleans())
def test_every_value_satisfies_the_schema(site: SiteView, facts: DeviceFacts, ready: bool) -> None:  # noqa: FBT001
    past = past_faults(site, {DEVICE: ("Comm", NOON)}, FAULTS)
    value = site_value(site, facts, NOON, is_ready=ready, past=past)
    again = json.loads(json.dumps(HEAD | value, allow_nan=False))
    assert wrong(again) == []
    assert set(value["points"]) == {str(one.number) for one in site.points}


@pytest.mark.parametrize(
    ("patch", "problem"),
    [
        ({"points": {"1": {"state": True}}}, "points: 1: state: True is no integer"),
        ({"points": {"1": {"offer_ma": "6"}}}, "points: 1: offer_ma: '6' is no integer"),
        ({"points": {"1": {"condition": "gone"}}}, "points: 1: condition: 'gone' is none of"),
        ({"points": {"1": {"model": None}}}, "points: 1: model is missing"),
        ({"points": {"1": {"words": "x"}}}, "points: 1: words is in no schema"),
        ({"points": {"1": {"currents_ma": {"n": 1}}}}, "points: 1: currents_ma: 'n' is none of"),
        ({"points": {"1": {"faults": [{"code": "Comm"}]}}}, "points: 1: faults: severity is"),
        ({"points": {"one": {}}}, "points: 'one' does not match"),
        ({"at": "2026-07-01T12:00:00"}, "at: 2026-07-01T12:00:00 has no offset"),
        ({"sharing": []}, "sharing: [] is no object"),
        ({"id": None}, "id is missing"),
    ],
)
def test_the_schema_refuses_what_is_wrong(patch: dict[str, Any], problem: str) -> None:
    good = HEAD | value_of(FULL)
    assert wrong(good) == []
    assert problem in "\n".join(wrong(patched(good, patch)))


WORDS = {
    SiteView: {"messages", "fault", "fault_present", "severity", "clock_is_valid"},
    PointView: {"number", "state_words", "reason", "fault", "fault_present", "fault_infos", "is_charging"},
    LoadManagementView: {"state_words"},
    PhaseView: {"name"},
    LimitView: {"words"},
    FaultView: {"title", "cause", "remedy", "about"},
    InstalledView: {"host", "unit", "connector"},  # the parts of `address`
    DetailView: set(),
    SessionView: set(),
}  # fmt: skip


class Reader:
    """Stands for a view, and notes which of its fields are read."""

    def __init__(self, of: Any, read: set[tuple[type, str]]) -> None:
        self._of, self._read = of, read

    def __getattr__(self, name: str) -> Any:
        self._read.add((type(self._of), name))
        return watched(getattr(self._of, name), self._read)


def watched(value: Any, read: set[tuple[type, str]]) -> Any:
    if type(value) in WORDS:
        return Reader(value, read)
    return tuple(watched(one, read) for one in value) if isinstance(value, tuple) else value


def test_everything_that_people_see_is_said_to_programs_but_for_words() -> None:
    """Words, and what follows from a value that is there, are named above."""
    read: set[tuple[type, str]] = set()
    shared = replace(TWO, load_management=watched(TWO.load_management, read),
                     points=watched(TWO.points, read), faults=watched(TWO.faults, read))  # fmt: skip
    value_of(shared)
    for kind, words in WORDS.items():
        if kind is SiteView:
            continue  # `replace` reads all of it
        missing = {one.name for one in fields(kind) if (kind, one.name) not in read}
        missing -= {"ages_s"}  # by `age_s`
        assert missing - words == set(), kind
    said = value_of(TWO)
    for name in {one.name for one in fields(SiteView)} - WORDS[SiteView]:
        other = {
            "name": "x", "grid_control": True, "load_management": None, "points": (), "faults": (),
            "language": "de", "time_zone": "Europe/Berlin", "is_configured": False,
        }[name]  # fmt: skip
        assert value_of(replace(TWO, **{name: other})) != said, name  # type: ignore[arg-type]


def test_what_is_not_known_is_left_out() -> None:
    point = replace(POINT, state=None, offer_ma=None, phases_ma=(None, None, None), power_w=None)
    said = value_of(replace(SITE, points=(point,)), DeviceFacts())
    assert not {"state", "offer_ma", "currents_ma", "power_w"} & set(said["points"]["1"])
    assert "sharing" not in said
    assert "clock" not in said["device"]
    assert "null" not in json.dumps(said)


def test_what_ends_by_time_says_when_and_what_has_a_begin_since_when() -> None:
    began = NOON - timedelta(minutes=4)
    limit = LimitView(reason=9, words="w", cap_ma=0, is_effective=True, since=began, ends_in_s=89.7)
    said = value_of(replace(SITE, points=(replace(POINT, limits=(limit,)),)))
    until = (NOON + timedelta(seconds=90)).isoformat()
    times = {"since": began.isoformat(), "until": until}
    assert said["points"]["1"]["limits"] == [{"reason": 9, "ma": 0, "effective": True} | times]


# --- what it says -------------------------------------------------------------------------------


@pytest.mark.proves("5.16", "W16", "W20")
def test_it_says_why_a_point_gets_what_it_gets_as_the_bus_does() -> None:
    values = {
        Quantity.STATE: ChargingState.CHARGE,
        Quantity.CURRENT_L1: 9000,
        Quantity.CONNECTED: 1,
    }
    seen = charger(values)
    station = after(new_station(), Started(), seen, GridControlCommanded(is_active=True))[0]
    with website(lambda code: view(station, 1.0, code or "en")) as found:
        point = found.browser.get("/api/v1/site").get_json()["points"]["1"]
    bus = {
        key: station.last_published(SCOPE1, key)
        for key in ("reason", "offer", "state", "current_l1", "connected")
    }
    assert point["reason"] == bus["reason"]
    assert point["offer_ma"] == bus["offer"]
    assert point["state"] == bus["state"]
    assert point["currents_ma"] == {"l1": bus["current_l1"]}
    assert point["connected"] == bus["connected"]
    effective = [one for one in point["limits"] if one["effective"]]
    assert [(one["reason"], one["ma"]) for one in effective] == [(bus["reason"], bus["offer"])]
    assert point["limits"][0] == effective[0]
    assert len(point["limits"]) > 1


@pytest.mark.proves("5.16")
def test_it_says_every_limit_that_holds() -> None:
    stop = InterruptionCommanded(point=CP1, is_active=True)
    station = after(new_station(), Started(), GridControlCommanded(is_active=True), stop)[0]
    point = value_of(view(station, 1.0))["points"]["1"]
    shown = view(station, 1.0).points[0]
    assert [one["reason"] for one in point["limits"]] == [one.reason for one in shown.limits]
    assert point["interruption"] is True
    assert "resume" in point["actions"]


def test_a_fault_that_is_gone_is_the_last_one() -> None:
    gone = ChargerConditionChanged(device=charger_id(CP2), condition=LinkCondition.NOT_REACHABLE)
    good = ChargerConditionChanged(device=charger_id(CP2), condition=LinkCondition.GOOD)
    severity = FAULTS.charging_point[FaultCode.NOT_REACHABLE]

    def faults_of(*events: ChargerConditionChanged, stored: Any = None) -> Any:
        site = view(after(new_station(), Started(), *events)[0], 1.0)
        said = value_of(site, past=past_faults(site, stored or {}, FAULTS))
        return said["points"]["2"]["faults"]

    known = {"code": "NotReachable", "severity": severity}
    assert faults_of(gone) == [known | {"present": True}]
    assert faults_of(gone, good) == [known | {"present": False}]
    stored = {point_scope(CP2): ("NotReachable", NOON)}
    assert faults_of(good, stored=stored) == [
        known | {"present": False, "since": NOON.isoformat()}
    ], "of a run before"
    assert faults_of(good) == []


# --- who may see it -----------------------------------------------------------------------------


def guest_of(found: Website, role: Role, points: frozenset[int] | None = None) -> Website:
    """Return the same website with the browser of another account."""
    token = found.browser.get_cookie(found.bridge.reach.cookie)
    assert token is not None
    made = found.accounts.manage.create(
        token.value, "guest", role, address="192.168.1.9", points=points
    )
    guest = Website.__new__(Website)
    guest.__dict__.update(found.__dict__, browser=found.app.test_client())
    guest.log_in(made.password, name="guest")
    guest.post("/password", new="another sentence", repeated="another sentence")
    return guest


class Stream:
    """The events of a stream, as a program takes them."""

    def __init__(self, found: Website, query: str = "topics=site") -> None:
        self.answer = found.browser.get(f"/api/v1/events?{query}")
        assert self.answer.mimetype == "text/event-stream"
        self._messages = cast("Iterator[bytes]", iter(self.answer.response))
        assert next(self._messages) == b"retry: 2000\n\n"

    def close(self) -> None:
        self.answer.close()

    def next(self) -> tuple[str, str, dict[str, Any]]:
        text = next(self._messages).decode()
        found = dict(line.split(": ", 1) for line in text.strip().split("\n"))
        return found["event"], found["id"], json.loads(found["data"])


class Changing:
    """A site that tests change."""

    def __init__(self) -> None:
        self.site = TWO

    def __call__(self, _language: str | None) -> SiteView:
        return self.site

    def draw(self, power_w: int) -> None:
        self.site = replace(TWO, points=(replace(TWO.points[0], power_w=power_w), *TWO.points[1:]))


@pytest.mark.proves("W12")
@pytest.mark.parametrize("role", [Role.VIEWER, Role.USER, Role.ADMINISTRATOR])
def test_whoever_may_see_the_status_may_see_it(role: Role) -> None:
    with website(Changing()) as found:
        guest = guest_of(found, role)
        answer = guest.browser.get("/api/v1/site")
        schema = guest.browser.get("/api/v1/schema/site")
        assert schema.mimetype == "application/schema+json"
        assert answer.headers["Cache-Control"] == "no-store"
        value = answer.get_json()
        assert list(problems(value, schema.get_json(), schema.get_json())) == []
        assert set(value["points"]) == {"1", "2"}
        assert Stream(guest).next()[2] == value


@pytest.mark.proves("W01")
@pytest.mark.parametrize("path", ["site", "schema/site", "events?topics=site"])
def test_nobody_sees_it_without_a_log_in(path: str) -> None:
    with website(Changing()) as found:
        answer = found.app.test_client().get(f"/api/v1/{path}")
        assert answer.status_code == 401
        assert b"Garage" not in answer.data
        assert b"$defs" not in answer.data


@pytest.mark.proves("W12")
def test_an_account_that_is_limited_to_points_sees_those_only() -> None:
    changing = Changing()
    shares = PhaseView(
        name="L1", shares_ma={1: 5, 2: 7}, measured_ma=1, base_ma=0, available_ma=1, allocated_ma=2
    )
    shared = replace(cast("LoadManagementView", TWO.load_management), phases=(shares,))
    changing.site = replace(TWO, load_management=shared)
    with website(changing) as found:
        guest = guest_of(found, Role.USER, frozenset({2}))
        value = guest.browser.get("/api/v1/site").get_json()
        assert set(value["points"]) == {"2"}
        assert value["sharing"]["phases"]["l1"]["points_ma"] == {"2": 7}
        assert Stream(guest).next()[2] == value
        owner = found.browser.get("/api/v1/site").get_json()
        assert set(owner["points"]) == {"1", "2"}
        assert wrong(owner) == wrong(value) == []
        for query in ("topics=site.s", "topics=site.s1", "topics=", "topics=site,log"):
            assert guest.browser.get(f"/api/v1/events?{query}").status_code == 404, query


@pytest.mark.proves("W04", "W12")
def test_a_stream_ends_when_the_points_of_its_account_change() -> None:
    with website(Changing()) as found:
        guest = guest_of(found, Role.USER, frozenset({1, 2}))
        stream = Stream(guest)
        _, last, value = stream.next()
        assert set(value["points"]) == {"1", "2"}
        token = found.browser.get_cookie(found.bridge.reach.cookie)
        assert token is not None
        found.accounts.manage.change(
            token.value, "guest", Role.USER, address="192.168.1.9", points=frozenset({2})
        )
        found.clock.now_s += CHECK_S
        assert stream.next()[0::2] == ("bye", {"why": "logged_off"})
        kind, _, value = Stream(guest, f"topics=site&after={last}").next()
        assert kind == "snapshot", "an id of what one may not see any more says nothing"
        assert set(value["points"]) == {"2"}


# --- live ---------------------------------------------------------------------------------------


@pytest.mark.proves("W23")
def test_differences_make_what_is_asked_for() -> None:
    changing = Changing()
    with website(changing) as found:
        stream = Stream(found)
        kind, first, value = stream.next()
        assert (kind, value["id"]) == ("snapshot", first)
        changing.draw(11_000)
        asked = found.browser.get("/api/v1/site").get_json()
        kind, second, delta = stream.next()
        assert (kind, delta["id"]) == ("delta", second)
        assert delta["points"] == {"1": {"power_w": 11_000}}
        assert patched(value, delta) == asked
        assert second != first


@pytest.mark.proves("W23")
def test_a_program_that_comes_back_gets_what_it_missed_else_a_snapshot() -> None:
    changing = Changing()
    with website(changing) as found:
        value = found.browser.get("/api/v1/site").get_json()
        changing.draw(1)
        found.browser.get("/api/v1/site")
        changing.draw(2)
        last = found.browser.get("/api/v1/site").get_json()
        stream = Stream(found, f"topics=site&after={value['id']}")
        for power_w in (1, 2):
            kind, _, delta = stream.next()
            assert (kind, delta["points"]) == ("delta", {"1": {"power_w": power_w}})
            value = patched(value, delta)
        assert value == last
        page = Stream(found, "topics=page").next()[1]
        for after_id in (page, "boot-1", f"x{last['id']}", ""):
            stream.close()
            stream = Stream(found, f"topics=site&after={after_id}")
            assert stream.next()[0::2] == ("snapshot", last), after_id


def test_a_beat_says_when_and_after_what() -> None:
    changing = Changing()
    with website(changing) as found:
        stream = Stream(found)
        stream.next()
        found.clock.now_s += CHECK_S - 0.01
        changing.draw(3)
        found.browser.get("/api/v1/site")
        kind, last, _ = stream.next()
        assert kind == "delta"
        assert stream.next() == ("beat", last, {"id": last, "at": NOON.isoformat()})


@pytest.mark.proves("W24")
def test_whoever_asks_again_is_told_that_nothing_changed() -> None:
    changing = Changing()
    with website(changing) as found:
        answer = found.browser.get("/api/v1/site")
        tag = answer.headers["ETag"]
        same = found.browser.get("/api/v1/site", headers={"If-None-Match": tag})
        assert (same.status_code, same.data, same.headers["ETag"]) == (304, b"", tag)
        changing.draw(4)
        other = found.browser.get("/api/v1/site", headers={"If-None-Match": tag})
        assert other.status_code == 200
        assert other.headers["ETag"] != tag
        schema = found.browser.get("/api/v1/schema/site").headers["ETag"]
        same = found.browser.get("/api/v1/schema/site", headers={"If-None-Match": schema})
        assert same.status_code == 304


def test_a_reset_is_told_as_what_it_is() -> None:
    control = DeviceControl(can_restart=True)
    with website(Changing(), device=control) as found:
        stream = Stream(found)
        stream.next()
        assert found.post("/settings/reset", confirmed="reset").status_code == 200
        found.publisher.stop("restarting")  # as the server does soon after
        assert stream.next()[0::2] == ("bye", {"why": "reset"})
