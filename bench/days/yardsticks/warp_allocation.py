"""Who gets what of a WARP charge manager's current; see warp.py for the sources and what is left out.

Each run decides everything, in this order. (1) Each quarter of an hour, when somebody waits, all that could
make room lose their places. (2) Who has just come has a place, whatever the limits. (3) Where the
minima of all places are more than a phase has, places are lost: first by who was switched on first,
last by who has just come. (4) Who has a place has the minimum. (5) Others get places, the least served
first, when 210 s have gone since the last place was given, when 1.5 minima (1, when nobody charges)
were left over on each of its phases for four minutes, and when that is more than those with places
could use, or were left over for an hour. (6) The rest is shared: fairly by phase, then to who can use
more. Who has not begun to draw gets no more than 1.5 minima; who draws for a minute is expected to
want no more than 3 A above what it draws, unless it was not given what it wanted within the last minute.
Currents are mA per phase, times s.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from bench.days.yardsticks.watching import EARLY_S, PHASES, Plug
from knxgw.charging.scope import PointNumber

HYSTERESIS_S = 210.0
WELCOME_S = 210.0
ROTATION_S = 900.0
RUN_S = 10.0
STARTING = 1.5  # minima that a start takes
SETTLED_S = 60.0  # who draws for so long shows what it wants
MARGIN_MA = 3000
LEAST_WANTED_MA = 6000
NEVER_S = float("-inf")


@dataclass(slots=True)
class Limits:
    """What may be given away on each phase; it shrinks while it is given."""

    raw: list[float]  # now
    short: list[float]  # at least, for four minutes
    long: list[float]  # at least, for an hour

    def take(self, phases: Iterable[int], current_ma: float) -> None:
        """Take what somebody was given."""
        for phase in phases:
            self.raw[phase] -= current_ma
            self.short[phase] -= current_ma
            self.long[phase] -= current_ma


@dataclass(slots=True)
class Place:
    """A charging point in the allocation."""

    plug: Plug
    came: int | None = None  # the vehicle it is kept for
    has_place: bool = False
    given_ma: float = 0.0
    had_place: bool = False
    on_s: float = NEVER_S  # when it got its place
    new_since_s: float | None = None  # a vehicle that has just come
    draws_since_s: float | None = None
    unmet_s: float = NEVER_S  # when it was given less than it wanted
    served_as: float = 0.0

    @property
    def phases(self) -> tuple[int, ...]:
        """Return its grid phases: those it is wired to."""
        return self.plug.model.wired

    @property
    def minimum_ma(self) -> float:
        """Return the minimum."""
        return float(self.plug.model.minimum_ma)

    @property
    def charges(self) -> bool:
        """Tell whether it draws current."""
        return self.draws_since_s is not None

    def mean_ma(self, now_s: float) -> float:
        """Return what it was given in the mean since its vehicle came."""
        return self.served_as / max(1.0, now_s - self.plug.came_s)

    def requested_ma(self, now_s: float) -> float:
        """Return what its vehicle seems to want."""
        maximum_ma = float(self.plug.model.maximum_ma)
        since_s = self.draws_since_s
        if since_s is None or now_s - since_s < SETTLED_S - EARLY_S:
            return maximum_ma
        return min(maximum_ma, max(LEAST_WANTED_MA, self.plug.highest_ma + MARGIN_MA))

    def wanted_ma(self, now_s: float) -> float:
        """Return what it is given if there is enough."""
        if now_s - self.unmet_s < SETTLED_S - EARLY_S:
            return float(self.plug.model.maximum_ma)
        return self.requested_ma(now_s)


class Allocator:
    """Gives places and currents."""

    def __init__(self, plugs: Sequence[Plug]) -> None:
        self.places = [Place(plug) for plug in plugs]
        self._place_given_s = NEVER_S
        self._rotation_s = NEVER_S  # the next one
        self._given = [0.0 for _ in PHASES]

    def follow(self, now_s: float) -> None:
        """Note who came, left, began to draw or ended."""
        for one in self.places:
            if one.plug.came != one.came:
                one.came, is_new = one.plug.came, one.plug.is_there
                one.has_place, one.given_ma, one.served_as = False, 0.0, 0.0
                one.new_since_s, one.unmet_s = (now_s if is_new else None), NEVER_S
            draws = one.plug.highest_ma > 0
            if draws != one.charges:
                one.draws_since_s = now_s if draws else None

    def given_ma(self) -> list[float]:
        """Return what the newest run gave away on each phase."""
        return list(self._given)

    def allocate(self, now_s: float, limits: Limits) -> dict[PointNumber, float]:
        """Return what everybody gets."""
        before = list(limits.raw)
        for one in self.places:
            one.had_place, one.given_ma = one.has_place, 0.0
        may_start = now_s - self._place_given_s >= HYSTERESIS_S - EARLY_S
        self._rotate(now_s, may_start=may_start)
        for one in self.places:
            one.has_place = one.has_place or one.new_since_s is not None
        self._make_fit(limits)
        self._give_minima(limits)
        if may_start:
            self._start_others(now_s, limits)
        self._give_minima(limits)
        self._share(now_s, limits)
        self._note(now_s)
        self._given = [was - left for was, left in zip(before, limits.raw, strict=True)]
        return {one.plug.number: one.given_ma for one in self.places if one.has_place}

    def _rotate(self, now_s: float, *, may_start: bool) -> None:
        """Take the places of those that could make room for somebody who waits."""
        waiting = [
            one
            for one in self.places
            if one.plug.is_there and not one.has_place and now_s - one.plug.came_s >= RUN_S
        ]
        if now_s < self._rotation_s - EARLY_S:
            return
        self._rotation_s = now_s + ROTATION_S
        wanted = {phase for one in waiting for phase in one.phases}
        if may_start:
            for one in self.places:
                one.has_place = one.has_place and not wanted.intersection(one.phases)

    def _make_fit(self, limits: Limits) -> None:
        """Take places until the minima fit each phase."""
        order = sorted(
            (one for one in self.places if one.has_place),
            key=lambda one: (
                one.new_since_s is not None,
                one.on_s if one.new_since_s is None else one.new_since_s,
            ),
        )
        for phase in PHASES:
            for one in order:
                on_phase = [other for other in order if other.has_place and phase in other.phases]
                if sum(other.minimum_ma for other in on_phase) <= limits.raw[phase]:
                    break
                one.has_place = one.has_place and phase not in one.phases

    def _give_minima(self, limits: Limits) -> None:
        for one in self.places:
            if one.has_place and not one.given_ma:
                one.given_ma = one.minimum_ma
                limits.take(one.phases, one.minimum_ma)

    def _start_others(self, now_s: float, limits: Limits) -> None:
        """Give places to those without, the least served first, where there is enough."""
        waiting = [one for one in self.places if one.plug.is_there and not one.has_place]
        for one in sorted(waiting, key=lambda one: one.mean_ma(now_s)):
            others = [other for other in self.places if other.has_place]
            starting = [other for other in others if not other.given_ma]
            needed_ma = one.minimum_ma * (STARTING if others else 1.0)
            useful_ma = self._useful_ma(now_s, limits, others)
            fits, is_left, is_left_long = True, False, True
            for phase in one.phases:
                claimed_ma = sum(other.minimum_ma for other in starting if phase in other.phases)
                required_ma = claimed_ma * STARTING + needed_ma
                fits = fits and limits.short[phase] >= required_ma
                is_left_long = is_left_long and limits.long[phase] >= required_ma
                is_left = is_left or useful_ma[phase] < limits.short[phase]
            one.has_place = fits and (is_left or is_left_long)

    @staticmethod
    def _useful_ma(now_s: float, limits: Limits, others: Sequence[Place]) -> list[float]:
        """Return what those with places could still use on each phase, three-phase ones first."""
        useful = [0.0 for _ in PHASES]
        for one in sorted(others, key=lambda one: -len(one.phases)):
            more_ma = max(0.0, one.wanted_ma(now_s) - one.given_ma)
            free_ma = min(limits.raw[phase] - useful[phase] for phase in one.phases)
            for phase in one.phases:
                useful[phase] += min(more_ma, max(0.0, free_ma))
        return useful

    def _share(self, now_s: float, limits: Limits) -> None:
        """Share the rest: fairly by phase, then to who can use more."""

        def capacity_ma(one: Place) -> float:
            more_ma = max(0.0, one.wanted_ma(now_s) - one.given_ma)
            return min(more_ma, *(limits.raw[phase] for phase in one.phases))

        def fair_ma(one: Place) -> float:
            most_ma = capacity_ma(one)
            if not one.charges:
                most_ma = min(most_ma, max(0.0, STARTING * one.minimum_ma - one.given_ma))
            for phase in one.phases:
                sharing = sum(phase in other.phases for other in order[order.index(one) :])
                most_ma = min(most_ma, limits.raw[phase] / sharing)
            return most_ma

        def in_order(found: Iterable[Place]) -> list[Place]:
            return sorted(found, key=lambda one: (-len(one.phases), capacity_ma(one)))

        order = in_order(one for one in self.places if one.has_place)
        self._give(order, limits, fair_ma)
        charging = in_order(one for one in self.places if one.has_place and one.charges)
        self._give(charging, limits, capacity_ma)

    @staticmethod
    def _give(order: list[Place], limits: Limits, more: Callable[[Place], float]) -> None:
        for one in order:
            more_ma = max(0.0, more(one))
            one.given_ma += more_ma
            limits.take(one.phases, more_ma)

    def _note(self, now_s: float) -> None:
        """Keep what the next runs go by."""
        for one in self.places:
            if one.has_place and not one.had_place:
                one.on_s = self._place_given_s = now_s
            if one.plug.is_there and one.given_ma < one.requested_ma(now_s):
                one.unmet_s = now_s
            is_over = one.has_place and now_s - one.on_s >= WELCOME_S - EARLY_S
            if is_over or (one.had_place and not one.has_place):
                one.new_since_s = None
            if one.has_place:
                one.served_as += one.given_ma * len(one.phases) * RUN_S / 1000
