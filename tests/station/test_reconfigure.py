"""A station goes on with another configuration: no current is added, and nothing is lost."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from knxgw.catalogue.codes import ChargingState, FaultCode
from knxgw.catalogue.object_keys import GRID_CONTROL
from knxgw.charging.events import (
    ChargerConditionChanged,
    ChargerSeen,
    GridMeterReading,
    LinkCondition,
    OfferAcknowledged,
)
from knxgw.charging.quantities import Quantity
from knxgw.charging.scope import DEVICE, PointNumber, Scope, point_scope
from knxgw.config.devices import charger_id
from knxgw.config.model import Configuration, KnxLinkKind
from knxgw.dlm.overcurrent import LockOut, Overcurrent
from knxgw.station.initial import BUS_ANSWER_S, initial
from knxgw.station.model import (
    Ask,
    ConfigurationChanged,
    Effect,
    FaultChanged,
    GridControlCommanded,
    InterruptionCommanded,
    LeaveBehind,
    Offer,
    Publish,
    SessionClosed,
    Started,
    Station,
    Stopping,
    Tick,
)
from knxgw.station.step import step
from tests.charging.points import NOON
from tests.config.sites import configuration, points
from tests.station.snapshots import snapshot

NUMBERS = (1, 2, 3)
PHASES = (Quantity.CURRENT_L1, Quantity.CURRENT_L2, Quantity.CURRENT_L3)
MANAGED = (
    "{mode: 'off'}",
    "{mode: static, static_limit_a: 16, reserve_a: 0}",
    "{mode: static, static_limit_a: 40, reserve_a: 0}",
    "{mode: dynamic, fuse_a: 35}",
    "{mode: dynamic, fuse_a: 63, queue: 'on'}",
    "{mode: dynamic, fuse_a: 50, smart_meter: {monitoring: values_and_in_operation}}",
)
LINKS = (
    "10: [1/0/10], 11: [1/0/11], 12: [1/0/12], 13: [1/0/13]",
    "10: [2/0/10], 11: [2/0/11], 12: [2/0/12], 13: [2/0/13]",  # another smart meter
)


@cache
def site(
    numbers: tuple[int, ...], managed: int, meter: int, minimum_a: int, wiring: str, *, linked: bool
) -> Configuration:
    """Return a site; each charging point has a charger of its own."""
    entries = [
        f"number: {number}, model: alfen_eve, minimum_a: {minimum_a}, maximum_a: 16, {wiring}"
        f"connection: {{host: 192.168.1.3{number}}}"
        for number in numbers
    ]
    holds = ", ".join(f"{50 * number + 5}: [1/{number}/55]" for number in numbers)
    more = LINKS[meter] + (f", 1: [1/0/1], {holds}" if linked else "")
    return configuration(
        points(*entries) + f"load_management: {MANAGED[managed]}\ngroup_objects: {{{more}}}\n"
    )


class Drawn(NamedTuple):
    """What `site` makes a site of."""

    numbers: tuple[int, ...]
    managed: int
    meter: int
    minimum_a: int
    wiring: str
    linked: bool

    def site(self) -> Configuration:
        return site(*self[:-1], linked=self.linked)


DRAWN = st.builds(
    Drawn,
    st.sampled_from([(1,), (1, 2), (2, 3), NUMBERS]),
    st.integers(0, len(MANAGED) - 1),
    st.integers(0, 1),
    st.sampled_from([6, 10]),
    st.sampled_from(["", "phases: 1, "]),
    st.booleans(),
)


class Life:
    """A site whose cars take all they are offered."""

    def __init__(self, begun: Configuration) -> None:
        self.now_s = 0.0
        self.base_ma = 4000
        self.offers_ma: dict[PointNumber, int] = {}
        self.energy_mwh = 0
        self.faults: dict[tuple[Scope, str], bool] = {}
        self.station: Station = initial(begun, {}, 0.0, NOON)
        self.take(Started())

    def take(self, event: object) -> tuple[Effect, ...]:
        changes = isinstance(event, ConfigurationChanged)
        handed_in = snapshot(self.station) if changes else None
        after, effects = step(self.station, event, self.now_s)  # type: ignore[arg-type]
        assert not changes or snapshot(self.station) == handed_in
        self.station = after
        for effect in effects:
            if isinstance(effect, FaultChanged):
                key = effect.scope, str(effect.code)
                assert self.faults.get(key, False) != effect.is_present, effect
                self.faults[key] = effect.is_present
            if isinstance(effect, Offer):
                self.offers_ma[effect.point] = effect.offer_ma
        for effect in effects:
            if isinstance(effect, Offer) and not isinstance(event, ConfigurationChanged):
                self.acknowledge(effect.point)
        return effects

    def acknowledge(self, point: PointNumber) -> None:
        if self.offers_ma[point] == self.allowed_ma(point):
            self.take(OfferAcknowledged(device=charger_id(point), offer_ma=self.offers_ma[point]))

    def allowed_ma(self, number: PointNumber) -> int:
        decision = self.station.points[number].control.decision
        return 0 if decision is None else decision.offer_ma

    def live(self, seconds: int) -> None:
        for second in range(seconds):
            self.now_s += 1.0
            if second % 2:
                drawn_ma = sum(self.allowed_ma(number) for number in self.station.points)
                for phase in range(3):
                    self.take(GridMeterReading(phase=phase, value=self.base_ma + drawn_ma))
            else:
                for number in self.station.points:
                    self.read(number)
            self.take(Tick())

    def read(self, number: PointNumber) -> None:
        good = LinkCondition.GOOD
        self.take(ChargerConditionChanged(device=charger_id(number), condition=good))
        drawn_ma = self.allowed_ma(number)
        self.energy_mwh += drawn_ma
        values = {
            Quantity.STATE: ChargingState.CHARGE if drawn_ma else ChargingState.CONNECTED,
            Quantity.CONNECTED: 1,
            Quantity.ENERGY: self.energy_mwh,
            Quantity.SETPOINT: drawn_ma,
            **dict.fromkeys(PHASES, drawn_ma),
        }
        self.take(ChargerSeen(device=charger_id(number), values=values))

    def change(self, following: Configuration) -> tuple[Effect, ...]:
        before = self.station
        had_ma = {number: self.allowed_ma(number) for number in before.points}
        effects = self.take(ConfigurationChanged(configuration=following, records={}))
        self.check_currents(before, had_ma)
        self.check_sessions(before, effects)
        self.check_holds(before)
        self.check_faults()
        if following == before.configuration:
            said = [one for one in effects if not isinstance(one, Publish)]
            assert not [one for one in said if isinstance(one, (LeaveBehind, SessionClosed))]
            assert had_ma == {number: self.allowed_ma(number) for number in before.points}
        for number in self.station.points:
            if number in self.offers_ma:
                self.acknowledge(number)
        return effects

    def check_currents(self, before: Station, had_ma: dict[PointNumber, int]) -> None:
        """With load management before and after, newcomers have nothing, and in an emergency none rises.

        Where the line is measured, or needs no measurement, what rises fits.
        """
        managed, settings = self.station.load_management, self.station.load_management_settings
        if before.load_management is None or managed is None or settings is None:
            return
        assert not any(self.allowed_ma(one) for one in self.station.points.keys() - had_ma.keys())
        if all(self.allowed_ma(number) <= had_ma.get(number, 0) for number in self.station.points):
            return
        assert not managed.is_emergency
        base_ma = self.base_ma if settings.static_limit_ma is None else 0
        for phase in range(settings.phases):
            wired = [
                number
                for number, one in managed.participants.items()
                if phase in one.settings.wired_phases
            ]
            offers_ma = sum(self.allowed_ma(PointNumber(number)) for number in wired)
            assert base_ma + offers_ma <= settings.limit_ma, phase

    def check_sessions(self, before: Station, effects: Sequence[Effect]) -> None:
        closed = {one.point: one.session for one in effects if isinstance(one, SessionClosed)}
        for number, point in before.points.items():
            was = point.session.latest
            if was is None or not was.is_open:
                continue
            if number not in self.station.points:
                assert closed[number].energy_mwh == was.energy_mwh
                continue
            now = self.station.points[number].session.latest
            assert now is not None
            assert (now.is_open, now.started_at) == (True, was.started_at)
            assert now.energy_mwh == was.energy_mwh

    def check_holds(self, before: Station) -> None:
        new = self.station.configuration
        for number, point in self.station.points.items():
            old = before.points.get(number)
            held = old is not None and old.control.is_interrupted
            assert point.control.is_interrupted == (held and new.is_linked("interruption", number))
        held = before.operation.is_grid_control_active and new.is_linked(GRID_CONTROL)
        assert self.station.operation.is_grid_control_active == held

    def check_faults(self) -> None:
        """What was reported of faults is what there is."""
        registers = {point_scope(n): point.faults for n, point in self.station.points.items()}
        registers[DEVICE] = self.station.faults
        there = {(scope, str(code)) for scope, one in registers.items() for code in one.present}
        assert {key for key, present in self.faults.items() if present} == there


@pytest.mark.proves("D16.72")
def test_a_charger_that_leaves_while_the_bus_is_asked_keeps_what_the_end_would_leave_it() -> None:
    drawn = Drawn((1, 2), 0, 0, 6, "", linked=True)
    life, one_less = Life(drawn.site()), drawn._replace(numbers=(1,))
    assert life.station.operation.waits_for_bus_until is not None
    left = [one for one in life.change(one_less.site()) if isinstance(one, LeaveBehind)]
    at_the_end = [one for one in Life(drawn.site()).take(Stopping()) if isinstance(one, Offer)]
    assert [(one.point, one.offer_ma) for one in left] == [
        (one.point, one.offer_ma) for one in at_the_end if one.point == 2
    ]


LOCKED = 70_000  # mA: the mains connection is far too full


@settings(max_examples=15, deadline=None)
@example([Drawn((1, 2), 3, 0, 6, "", True), Drawn((1, 2), 3, 1, 10, "", True)], [LOCKED])
@example([Drawn((1,), 3, 0, 6, "", True), Drawn((1,), 3, 1, 10, "", True)], [4000])
@example([Drawn((1, 2), 1, 0, 6, "", False), Drawn((1, 2), 3, 0, 10, "", False)], [4000])
@given(
    st.lists(DRAWN, min_size=2, max_size=4),
    st.lists(st.sampled_from([0, 4000, 30_000, LOCKED]), min_size=1, max_size=4),
)
@pytest.mark.proves("D11.7")
def test_a_change_adds_no_current_and_loses_nothing(
    drawn: list[Drawn], loads_ma: list[int]
) -> None:
    sites = [one.site() for one in drawn]
    life = Life(sites[0])
    life.live(24)
    for turn, following in enumerate((*sites[1:], sites[-1])):
        life.base_ma = loads_ma[turn % len(loads_ma)]
        one = PointNumber(1)
        if one in life.station.points and life.station.configuration.is_linked("interruption", 1):
            life.take(InterruptionCommanded(point=one, is_active=turn % 2 == 0))
        if life.station.configuration.is_linked(GRID_CONTROL):
            life.take(GridControlCommanded(is_active=turn % 2 == 0))
        life.live(12)
        life.change(following)
        life.live(3)


@pytest.mark.proves("D11.7")
@pytest.mark.parametrize(
    ("changed", "offers_ma"),
    [
        (Drawn((1, 2, 3), 3, 0, 6, "", False), {1: 6000, 2: 6000}),  # one more
        (Drawn((1, 2, 3), 4, 0, 6, "", False), {1: 6000, 2: 6000}),  # another fuse as well
        (Drawn((1, 2), 3, 0, 10, "", False), {}),  # other settings of charging points
        (Drawn((1, 2), 3, 0, 6, "", False), {1: 6000, 2: 6000}),  # nothing has changed
    ],
)
def test_no_vehicle_starts_after_a_change_until_the_meter_has_measured(
    changed: Drawn, offers_ma: dict[int, int]
) -> None:
    life = Life(site((1, 2), 3, 0, 6, "", linked=False))
    life.change(changed.site())
    for _ in range(5):
        life.now_s += 1.0
        for number in life.station.points:
            life.read(number)
        life.take(Tick())
    allowed_ma = {number: life.allowed_ma(number) for number in life.station.points}
    assert {number: ma for number, ma in allowed_ma.items() if ma} == offers_ma
    life.live(60)
    assert all(life.allowed_ma(number) for number in life.station.points)


def test_another_meter_is_not_asked_for_what_was_wanted_of_the_previous_one() -> None:
    life = Life(site((1, 2), 3, 0, 6, "", linked=False))
    life.live(24)
    managed = life.station.load_management
    assert managed is not None
    meter = replace(managed.meter, requested_at=(life.now_s, None, None))
    life.station = replace(life.station, load_management=replace(managed, meter=meter))
    effects = life.change(site((1, 2), 3, 1, 6, "", linked=False))
    assert not [one for one in effects if isinstance(one, Ask)]


def test_an_overcurrent_is_not_over_because_the_meter_is_another_one() -> None:
    life = Life(site((1, 2), 3, 0, 6, "", linked=True))
    life.live(24)
    managed = life.station.load_management
    assert managed is not None
    lock_out = LockOut(locked_at=life.now_s, interrupted=frozenset({1, 2}))
    over = Overcurrent(lock_out=lock_out, restart_after_s=60.0)
    life.station = replace(
        life.station, load_management=replace(managed, overcurrent=over, due_at=life.now_s)
    )
    life.live(1)
    assert life.station.is_locked_out
    life.change(site((1, 2), 3, 1, 6, "", linked=True))
    assert life.station.is_locked_out
    life.base_ma = 4000
    life.live(2)
    assert [life.allowed_ma(number) for number in life.station.points] == [0, 0]
    life.live(1500)
    assert life.allowed_ma(PointNumber(1)) > 0


def test_a_link_that_takes_the_place_of_none_is_asked_whether_the_site_is_limited() -> None:
    linked = site((1,), 0, 0, 6, "", linked=True)
    life = Life(replace(linked, knx=replace(linked.knx, link=KnxLinkKind.NONE)))
    assert life.station.operation.waits_for_bus_until is None
    life.now_s = 10.0
    life.change(linked)
    assert life.station.operation.waits_for_bus_until == 10.0 + BUS_ANSWER_S


def test_a_record_that_cannot_be_read_is_a_fault_also_of_a_point_that_comes_later() -> None:
    life = Life(site((1,), 0, 0, 6, "", linked=True))
    both = site((1, 2), 0, 0, 6, "", linked=True)
    life.take(ConfigurationChanged(configuration=both, records={point_scope(PointNumber(2)): {}}))
    assert FaultCode.STATE_LOST in life.station.faults.present
