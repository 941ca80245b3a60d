"""Most seconds nothing happens, and then little is computed; but all that time changes is noticed."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knxgw.catalogue.codes import ChargingState
from knxgw.charging.events import (
    ChargerConditionChanged,
    GridMeterReading,
    LinkCondition,
    OfferAcknowledged,
)
from knxgw.charging.publication import point_values
from knxgw.charging.quantities import Quantity, Value
from knxgw.charging.scope import PointNumber, point_scope
from knxgw.config.devices import charger_id
from knxgw.dlm.state import LoadManagement
from knxgw.station import load_management
from knxgw.station.control_inputs import is_site_paused
from knxgw.station.model import (
    Event,
    GridControlCommanded,
    InterruptionCommanded,
    Offer,
    Started,
    Station,
    Tick,
)
from knxgw.station.step import step
from tests.station.sites import charger, new_station

SHARED = new_station(
    "number: 1, model: alfen_eve, connection: {host: 192.168.1.31}",
    "number: 2, model: alfen_eve, connection: {host: 192.168.1.32}, "
    "complete: {threshold_a: 1, time_s: 20}",
    more="load_management: {mode: dynamic, fuse_a: 35}\n"
    "group_objects: {1: [1/0/1], 10: [1/0/10], 11: [1/0/11], 12: [1/0/12]}\n",
)
numbers = st.sampled_from((PointNumber(1), PointNumber(2)))
things = st.one_of(
    st.tuples(st.just("state"), numbers, st.sampled_from((5, 6, 7, 8, 8, 8))),
    st.tuples(st.just("current"), numbers, st.sampled_from((0, 500, 6000, 9000, 16_000, 99_000))),
    st.tuples(st.just("polled"), numbers, st.booleans()),
    st.tuples(st.just("base"), st.integers(0, 2), st.sampled_from((-2000, 0, 4000, 4100, 30_000))),
    st.tuples(st.just("metered"), st.just(0), st.booleans()),
    st.tuples(st.just("grid"), st.just(0), st.booleans()),
    st.tuples(st.just("interruption"), numbers, st.booleans()),
)
Life = list[tuple[tuple[str, int, int], int]]  # what happens, and how many seconds follow
lives = st.lists(st.tuples(things, st.integers(1, 25)), min_size=1, max_size=12)


class Site:
    """A site whose chargers take what they are offered, polled and metered every second or not."""

    def __init__(self) -> None:
        self.station: Station = SHARED
        self.now_s = 0.0
        self.base_ma = [4000, 4000, 4000]
        self.seen: dict[int, dict[Quantity, Value]] = {
            number: {
                Quantity.STATE: ChargingState.CONNECTED,
                Quantity.CONNECTED: 1,
                Quantity.CURRENT_L1: 0,
                Quantity.CURRENT_L2: 0,
                Quantity.CURRENT_L3: 0,
                Quantity.SETPOINT: 6000,
            }
            for number in (1, 2)
        }
        self.polled = {1: True, 2: True}
        self.metered = True
        self.tell(Started())
        for number in (1, 2):
            good = LinkCondition.GOOD
            self.tell(
                ChargerConditionChanged(device=charger_id(PointNumber(number)), condition=good)
            )

    def tell(self, event: Event) -> None:
        """Let the station take an event; offers are taken at once."""
        self.station, effects = step(self.station, event, self.now_s)
        for effect in effects:
            if isinstance(effect, Offer):
                taken = OfferAcknowledged(device=charger_id(effect.point), offer_ma=effect.offer_ma)
                self.station, _ = step(self.station, taken, self.now_s)

    def happen(self, what: str, where: int, value: int) -> None:
        """Change something of the site."""
        match what:
            case "state":
                self.seen[where][Quantity.STATE] = ChargingState(value)
                self.seen[where][Quantity.CONNECTED] = int(value != ChargingState.AVAILABLE)
            case "current":
                for quantity in (Quantity.CURRENT_L1, Quantity.CURRENT_L2, Quantity.CURRENT_L3):
                    self.seen[where][quantity] = value
            case "polled":
                self.polled[where] = bool(value)
            case "base":
                self.base_ma[where] = value
            case "metered":
                self.metered = bool(value)
            case "grid":
                self.tell(GridControlCommanded(is_active=bool(value)))
            case _:
                self.tell(InterruptionCommanded(point=PointNumber(where), is_active=bool(value)))

    def second(self) -> None:
        """Let a second pass: polls, telegrams, the tick."""
        self.now_s += 0.25
        for number, values in self.seen.items():
            if self.polled[number]:
                self.tell(charger(dict(values), PointNumber(number)))
        self.now_s += 0.25
        if self.metered and int(self.now_s) % 2:
            for phase, base_ma in enumerate(self.base_ma):
                drawn = sum(int(values[Quantity.CURRENT_L1]) for values in self.seen.values())
                self.tell(GridMeterReading(phase=phase, value=base_ma + drawn))
        self.now_s += 0.5
        self.tell(Tick())


def reported_and_true(station: Station, now_s: float) -> list[tuple[object, ...]]:
    """Return where what was told differs from what holds now, but for what moves slowly."""
    wrong: list[tuple[object, ...]] = []
    for number, point in station.points.items():
        values = point_values(point, now_s, is_site_paused=is_site_paused(station))
        for key, value in values.items():
            if (
                key != "session_duration"
                and station.last_published(point_scope(number), key) != value
            ):
                wrong.append((number, key, station.last_published(point_scope(number), key), value))
    return wrong


def seconds_of(life: Life) -> Iterator[Site]:
    """Give a site after each second of what happens to it."""
    site = Site()
    for thing, lasts_s in life:
        site.happen(*thing)
        for _ in range(lasts_s):
            site.second()
            yield site


@settings(max_examples=30, deadline=None)
@given(lives)
def test_after_every_second_the_bus_knows_what_is_true(life: Life) -> None:
    for site in seconds_of(life):
        assert reported_and_true(site.station, site.now_s) == []


@pytest.mark.proves("D9.1b")
@settings(max_examples=30, deadline=None)
@given(lives)
def test_a_cycle_that_was_left_out_would_have_changed_nothing(life: Life) -> None:
    for site in seconds_of(life):
        before = site.station.load_management
        if before is None or before.due_at <= site.now_s:
            continue
        after = load_management.run_cycle(site.station, site.now_s).load_management
        assert after is not None
        offers = {number: member.offer_ma for number, member in before.participants.items()}
        assert {number: one.offer_ma for number, one in after.participants.items()} == offers
        assert after.outcome.reasons == before.outcome.reasons
        assert after.outcome.faults == before.outcome.faults
        assert after.outcome.available_ma == before.outcome.available_ma


def looked_at(state: LoadManagement) -> list[dict[str, object]]:
    """Return all that is known of the members, but for how long that holds."""
    kept = [dict(vars(member)) for member in state.participants.values()]
    for known in kept:
        del known["unchanged_until"], known["observation"]
    return kept


@pytest.mark.long
@pytest.mark.proves("D9.1b")
@settings(max_examples=30, deadline=None)
@given(lives)
def test_looking_again_at_a_member_that_is_quiet_would_have_shown_nothing_new(life: Life) -> None:
    for site in seconds_of(life):
        before = site.station.load_management
        assert before is not None
        restless = {number: member.clone() for number, member in before.participants.items()}
        for member in restless.values():
            member.unchanged_until = -1e9
        anew = replace(site.station, load_management=replace(before, participants=restless))
        quick = load_management.run_cycle(
            site.station, site.now_s + 0.5, changed_points=()
        ).load_management
        whole = load_management.run_cycle(anew, site.now_s + 0.5, changed_points=()).load_management
        assert quick is not None
        assert whole is not None
        assert looked_at(quick) == looked_at(whole)
        assert (quick.phases, quick.outcome.reasons) == (whole.phases, whole.outcome.reasons)
