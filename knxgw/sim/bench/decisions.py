"""Every decision of a run that gave a vehicle more, and what vehicles had drawn without some of them.

A vehicle lives through its inputs once more, up to each moment at which it gets more than before: a
raise of its limit, plugging in where a limit waits for it, or its own wish. From there it can go on
without that, and without whatever gives it more afterwards; what it is told less, it obeys all the
same. Currents are mA per phase, times s.
"""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field
from enum import Enum, auto

from knxgw.sim.bench.curve import Curve
from knxgw.sim.bench.recording import PointLog
from knxgw.sim.bench.scenario import CarModel, PointModel
from knxgw.sim.bench.vehicle import MINIMUM_OFFER_MA, Input, Vehicle

CYCLE_S = 1.0  # a controller decides again at least this often
NEVER_S = float("inf")
Reached = tuple[float, Input, int, float]  # see PointLog.inputs


class More(Enum):
    """Why a vehicle may draw more than before."""

    RAISE = auto()  # its limit was raised, or it was started
    STANDING = auto()  # it was plugged in where a limit was waiting
    OWN = auto()  # it, or its charger, takes more by itself


@dataclass(slots=True, kw_only=True)
class Given:
    """A moment at which a vehicle was given more, or took it."""

    kind: More
    decided_at: float  # when that could last have been decided otherwise; its own: not known before
    reached_at: float  # when it reached the vehicle
    phases: tuple[int, ...]  # of the grid, that it uses
    limit_ma: int  # that the charger announces from now on
    before: "Replay"  # the vehicle until then
    drawn_at: float = NEVER_S  # when it drew all of it, or could not any more

    def counts_since(self, at_s: float) -> bool:
        """Tell whether it was decided after a moment, or was still in flight then."""
        is_decision = self.kind is not More.OWN
        return is_decision and (self.decided_at > at_s or self.drawn_at > at_s)


@dataclass(slots=True)
class Replay:
    """A charging point in the middle of its inputs; it only goes forward in time."""

    model: PointModel
    inputs: Sequence[Reached]
    models: Sequence[CarModel]  # in the order they are plugged in
    vehicle: Vehicle
    place: int = 0  # of the next input
    cars: int = 0  # that were plugged in

    def copied(self) -> "Replay":
        """Return one that can go ahead without this one."""
        other = copy(self)
        other.vehicle = copy(self.vehicle)
        other.vehicle.pending = list(self.vehicle.pending)
        return other

    def take(self) -> None:
        """Take the next input, at its moment."""
        at_s, what, value, _ = self.inputs[self.place]
        self.place += 1
        if what is Input.PLUG:
            self.vehicle.model = self.models[self.cars] if self.models else self.vehicle.model
            self.cars += 1
        self.vehicle.take(at_s, what, value)

    def gives_more(self) -> More | None:
        """Tell whether, and why, the next input gives the vehicle more."""
        _, what, value, _ = self.inputs[self.place]
        vehicle = self.vehicle
        if what is Input.LIMIT:
            return More.RAISE if vehicle.plugged and value > vehicle.offered_ma else None
        if what is Input.PLUG:
            return More.STANDING if vehicle.offered_ma >= MINIMUM_OFFER_MA else None
        before = {
            Input.RESET: vehicle.offered_ma,  # the charger forgot what it was told
            Input.MAXIMUM: vehicle.maximum_ma,
            Input.PHASES: vehicle.phases,
            Input.OVERDRAW: vehicle.overdraw_ma,
            Input.DEAF: vehicle.is_deaf,
        }
        return More.OWN if what in before and value > before[what] else None

    def refuse(self) -> None:
        """Take the next input, but nothing more than there was."""
        if self.gives_more() is More.STANDING:
            self.vehicle.offered_ma = 0  # it is plugged in all the same
            self.take()
        else:
            self.place += 1

    def follow(self, curve: Curve, phase: int, to_s: float) -> None:
        """Let the vehicle go on by itself until a moment, and note its draw of a phase."""
        while self.vehicle.next_at <= to_s:
            at_s = self.vehicle.next_at
            self.vehicle.advance(at_s)
            self.note(curve, phase, at_s)

    def note(self, curve: Curve, phase: int, at_s: float) -> None:
        """Note the draw of a phase from now on."""
        vehicle = self.vehicle
        if vehicle.plugged and phase in self.model.wired[: vehicle.phases]:
            curve.add(at_s, vehicle.draw_ma(at_s), vehicle.slope)
        else:
            curve.add(at_s, 0.0, 0.0)


def all_given(model: PointModel, log: PointLog) -> list[Given]:
    """Return every moment at which the vehicle of a charging point got more, in order of time."""
    found: list[Given] = []
    inputs = _felt(log)
    replay = Replay(model, inputs, log.cars, Vehicle(model=model.car, wired=model.phases))
    watched = _Watched(replay)
    while replay.place < len(inputs):
        at_s, _, value, sent_at = inputs[replay.place]
        watched.advance(at_s)
        why = replay.gives_more()
        if why is None:
            watched.take(at_s, None)
            continue
        given = Given(
            kind=why,
            decided_at=_decided_at(why, model, at_s, sent_at),
            reached_at=at_s,
            phases=log.used.at(at_s),
            limit_ma=value if why is More.RAISE else replay.vehicle.offered_ma,
            before=replay.copied(),
        )
        found.append(given)
        watched.take(at_s, given if why is not More.OWN else None)
    watched.advance(NEVER_S)
    return found


def _felt(log: PointLog) -> list[Reached]:
    """Return what a vehicle felt: of limits that arrive at the same moment only the last one."""
    found: list[Reached] = []
    for one in log.inputs:
        if found and one[1] is Input.LIMIT and found[-1][:2] == one[:2]:
            found.pop()
        found.append(one)
    return found


def _decided_at(why: More, model: PointModel, at_s: float, sent_at: float) -> float:
    """Return when it was decided; what stands waiting could be taken back until just before.

    What a vehicle or its charger takes by itself is known once the vehicle has reacted and the charger was
    read: a decision before that could not know of it.
    """
    if why is More.OWN:
        return at_s + model.car.delay_s + model.poll_s + model.latency_s
    return at_s - model.latency_s - CYCLE_S if why is More.STANDING else sent_at


@dataclass(slots=True)
class _Watched:
    """A vehicle of which it is noted when it has drawn what it was given."""

    replay: Replay
    flying: list[Given] = field(default_factory=list)

    def take(self, at_s: float, given: Given | None) -> None:
        """Take the next input; `given`: it is a decision."""
        self.replay.take()
        if given is not None:
            self.flying.append(given)
        self._settle(at_s)

    def advance(self, to_s: float) -> None:
        """Go on until a moment."""
        vehicle = self.replay.vehicle
        while vehicle.next_at <= to_s and vehicle.next_at < NEVER_S:
            at_s = vehicle.next_at
            self._pass(at_s)
            vehicle.advance(at_s)
            self._settle(at_s)
        if to_s < NEVER_S:
            self._pass(to_s)
            vehicle.advance(to_s)

    def _pass(self, to_s: float) -> None:
        """Note which limits the present line passes until a moment."""
        vehicle = self.replay.vehicle
        if not self.flying or vehicle.slope <= 0:
            return
        for given in list(self.flying):
            reached_s = vehicle.line_since + (given.limit_ma - vehicle.value_ma) / vehicle.slope
            if reached_s <= to_s:
                given.drawn_at = max(given.reached_at, reached_s)
                self.flying.remove(given)

    def _settle(self, at_s: float) -> None:
        """Note that nothing is in flight when the vehicle stands still and knows its limit."""
        vehicle = self.replay.vehicle
        if self.flying and not vehicle.pending and vehicle.slope == 0:
            for given in self.flying:
                given.drawn_at = at_s
            self.flying.clear()


def without(given: Given, phase: int, until_s: float, *, wishes: bool) -> Curve:
    """Return what the vehicle had drawn of a phase without this, and without all it got later.

    `wishes`: what it takes by itself later, it takes all the same.
    """
    replay = given.before.copied()
    curve = Curve(given.reached_at, 0.0)
    replay.note(curve, phase, given.reached_at)
    inputs = replay.inputs
    while replay.place < len(inputs) and inputs[replay.place][0] <= until_s:
        at_s = inputs[replay.place][0]
        replay.follow(curve, phase, at_s)
        why = replay.gives_more()
        if why is None or (wishes and why is More.OWN):
            replay.take()
        else:
            replay.refuse()
        replay.note(curve, phase, at_s)
    replay.follow(curve, phase, until_s)
    return curve


def first_counted(given: Sequence[Given], since_s: float, until_s: float) -> Given | None:
    """Return the first decision that counts since a moment, and had reached its vehicle by another."""
    return next(
        (one for one in given if one.reached_at <= until_s and one.counts_since(since_s)), None
    )
