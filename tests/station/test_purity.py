"""A step changes nothing that it was handed, nor what it handed out before, however deep down."""

from collections.abc import Sequence
from functools import cache
from typing import cast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from knxgw.catalogue.codes import ChargingState
from knxgw.charging.events import (
    ChargerConditionChanged,
    GridMeterReading,
    LinkCondition,
    OfferAcknowledged,
)
from knxgw.charging.quantities import Quantity, Value
from knxgw.charging.scope import PointNumber
from knxgw.config.devices import charger_id
from knxgw.station.model import (
    BusAsked,
    Effect,
    Event,
    HighPowerStarted,
    InOperationSeen,
    InternalErrorFound,
    Offer,
    Started,
    StateLost,
    Station,
    Stopping,
    Tick,
    UpdateFailed,
)
from knxgw.station.step import step
from tests.station.sites import CP1, CP2, charger, new_station
from tests.station.snapshots import Snapshot, snapshot
from tests.station.test_step import without_meters


def managed(monitoring: str) -> Station:
    """Return a station with dynamic load management and the queue."""
    return new_station(
        "number: 1, model: alfen_eve, connection: {host: 192.168.1.31}",
        "number: 2, model: alfen_eve, connection: {host: 192.168.1.32}, "
        "complete: {threshold_a: 1, time_s: 10}",
        more="load_management: {mode: dynamic, fuse_a: 35, queue: 'on', high_power_wait_s: 10, "
        f"smart_meter: {{monitoring: {monitoring}, interval_s: 2}}}}\n"
        "group_objects: {1: [1/0/1], 10: [1/0/10], 11: [1/0/11], 12: [1/0/12], 13: [1/0/13], "
        "20: [1/0/20]}\n",
    )


PHASES = (Quantity.CURRENT_L1, Quantity.CURRENT_L2, Quantity.CURRENT_L3)
NUMBERS = (CP1, CP2)
MONITORINGS = ("values", "values_and_in_operation")


class Watched:
    """A site whose cars follow their offers; every step is watched."""

    def __init__(self, station: Station, now_s: float = 0.0) -> None:
        self.station = station
        self.now_s = now_s
        self.base_ma = [4000, 4000, 4000]
        self.offers_ma = dict.fromkeys(NUMBERS, 0)
        self.cars_ma = dict.fromkeys(NUMBERS, 16_000)  # what each would draw; 0: it is full
        self.energies_mwh = dict.fromkeys(NUMBERS, 0)
        self.is_metered = True
        self.handed_out: list[tuple[Sequence[Effect], Snapshot]] = []

    def tell(self, event: Event) -> None:
        """Let the station take an event, and its chargers the offers that come of it."""
        handed_in = snapshot(self.station), snapshot(event)
        after, effects = step(self.station, event, self.now_s)
        assert (snapshot(self.station), snapshot(event)) == handed_in, event
        self.station = after
        if effects:
            self.handed_out.append((effects, snapshot(effects)))
        for effect in effects:
            if isinstance(effect, Offer):
                self.offers_ma[effect.point] = effect.offer_ma
                self.tell(
                    OfferAcknowledged(device=charger_id(effect.point), offer_ma=effect.offer_ma)
                )

    def drawn_ma(self, number: PointNumber) -> int:
        """Return what a car draws on each phase."""
        return min(self.offers_ma[number], self.cars_ma[number])

    def live(self, seconds: int) -> None:
        """Let time pass: each second a tick, every other one the meter's three telegrams and the polls."""
        for _ in range(seconds):
            self.now_s += 0.5
            if int(self.now_s) % 2 and self.is_metered:
                for phase, base_ma in enumerate(self.base_ma):
                    drawn_ma = sum(map(self.drawn_ma, NUMBERS))
                    self.tell(GridMeterReading(phase=phase, value=base_ma + drawn_ma))
            elif not int(self.now_s) % 2:
                for number in NUMBERS:
                    self.tell(charger(self._values(number), number))
            self.now_s += 0.5
            self.tell(Tick())

    def _values(self, number: PointNumber) -> dict[Quantity, Value]:
        drawn_ma = self.drawn_ma(number)
        self.energies_mwh[number] += drawn_ma * 3 * 230 * 2 // 3600  # in two seconds
        state = ChargingState.CHARGE if drawn_ma else ChargingState.CONNECTED
        return {
            Quantity.STATE: state,
            Quantity.CONNECTED: 1,
            Quantity.ENERGY: self.energies_mwh[number],
            Quantity.SETPOINT: self.offers_ma[number],
            **dict.fromkeys(PHASES, drawn_ma),
        }

    def happen(self, what: str | Event, where: int = 0, value: int = 0) -> None:
        """Change something of the site, or let something come over a wire."""
        match what:
            case "base":
                self.base_ma[where] = value
            case "car":
                self.cars_ma[PointNumber(where)] = value
            case "meter":
                self.is_metered = bool(value)
            case str():
                raise ValueError(what)
            case _:
                self.tell(what)


@cache
def charging(monitoring: str) -> Watched:
    """Return a site on which two cars have been raised as far as the mains connection allows."""
    site = Watched(managed(monitoring))
    site.tell(Started())
    for number in NUMBERS:
        site.tell(ChargerConditionChanged(device=charger_id(number), condition=LinkCondition.GOOD))
    site.live(60)
    assert list(site.offers_ma.values()) == [14_000, 14_000]
    return site


rare: st.SearchStrategy[Event] = st.sampled_from(
    (
        BusAsked(),
        InternalErrorFound(),
        StateLost(),
        UpdateFailed(),
        Stopping(),
        GridMeterReading(phase=0, value=float("nan")),
        GridMeterReading(phase=1, value=65_535.0, may_saturate=True),
        GridMeterReading(phase=2, value=-12_000.0),
    )
)
things = st.one_of(
    st.tuples(st.just("base"), st.integers(0, 2), st.sampled_from((0, 12_000, 22_000, 45_000))),
    st.tuples(st.just("car"), st.sampled_from(NUMBERS), st.sampled_from((0, 500, 7000, 16_000))),
    st.tuples(st.just("meter"), st.just(0), st.booleans()),
    st.tuples(st.just(HighPowerStarted())),
    st.tuples(st.just(InOperationSeen())),
    st.tuples(without_meters),
    st.tuples(rare),
)


ALIVE: tuple[Event] = (InOperationSeen(),)
FULL_1, FULL_2 = ("car", CP1, 0), ("car", CP2, 0)


@pytest.mark.long
@settings(max_examples=6)
@example("values", [(("meter", 0, 0), 25), (("meter", 0, 1), 8)])
@example("values_and_in_operation", [(FULL_1, 0), (FULL_2, 14), (ALIVE, 3), (ALIVE, 3)])
@given(st.sampled_from(MONITORINGS), st.lists(st.tuples(things, st.integers(0, 8)), max_size=8))
def test_with_load_management_a_step_changes_nothing_that_it_was_handed(
    monitoring: str, life: list[tuple[tuple[str | Event, ...], int]]
) -> None:
    begun = charging(monitoring)
    site = Watched(begun.station, begun.now_s)
    site.offers_ma, site.energies_mwh = dict(begun.offers_ma), dict(begun.energies_mwh)
    for thing, lasts_s in life:
        site.happen(*thing)  # type: ignore[arg-type]
        site.live(lasts_s)
    for effects, as_they_were in site.handed_out:
        assert snapshot(effects) == as_they_were


@pytest.mark.long
def test_a_snapshot_shows_what_was_changed_deep_down() -> None:
    station = charging("values").station
    assert station.load_management is not None
    member, phase = station.load_management.participants[1], station.load_management.phases[0]
    before, kept_ma = snapshot(station), member.held_back_ma
    unused_since = cast(dict[int, float], member.phase_evidence.unused_since)
    unused_since[1] = 5.0
    assert snapshot(station) != before
    del unused_since[1]
    assert snapshot(station) == before
    member.held_back_ma = (1, 0, 0)
    assert snapshot(station) != before
    member.held_back_ma = kept_ma
    phase.back_off += 1
    assert snapshot(station) != before
    phase.back_off -= 1
    assert snapshot(station) == before
