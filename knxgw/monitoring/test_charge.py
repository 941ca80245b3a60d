"""The guided first charge at a charging point: what is tried in which order, and what came of it. Pure.

A person plugs a vehicle in, and the rest goes by itself: the vehicle charges, gets 6 A, then 10 A, is paused and
charges again. Everything is asked of the station as a person asks on a page, so every limit stays in force. While
load management is on it decides the current: then the current only has to stay within what it offers. It may also
offer nothing for a while, such as after an overcurrent. The test waits as long as that may take, and says why. What
a person or a command ends, such as an interruption or a missing card, is not waited for so long.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from knxgw.catalogue.codes import Reason
from knxgw.dlm.overcurrent import LONGEST_RESTART_S, OTHERS_AFTER_S
from knxgw.station.actions import Action
from knxgw.station.view import PointView

LOW_MA, HIGH_MA = 6000, 10_000
TOLERANCE_MA = 1000  # of vehicles and meters
DRAWS_MA = 1000  # from here on a vehicle charges
RESTS_MA = 500  # below that it does not
SETTLE_S = 3.0  # a current must stay as expected for so long
VEHICLE_S = 600.0
CHARGE_S = 180.0
STEP_S = 90.0
# that load management may offer nothing: the longest wait for a restart, and for one that has not charged before
NO_OFFER_S = LONGEST_RESTART_S + OTHERS_AFTER_S
Command = tuple[Action, int | None]  # with a setpoint [mA]


class Step(StrEnum):
    """What is tried."""

    VEHICLE = "vehicle"  # it is plugged in
    CHARGE = "charge"  # it charges
    LOW = "low"  # at 6 A
    HIGH = "high"  # at 10 A
    FOLLOWS = "follows"  # within what load management offers
    PAUSE = "pause"
    AGAIN = "again"  # it charges again


class Result(StrEnum):
    """What came of a step."""

    RUNNING = "running"
    GOOD = "good"
    BAD = "bad"
    ENDED = "ended"  # by a person


class Problem(StrEnum):
    """Why a step is not good."""

    NO_VEHICLE = "no_vehicle"
    NOT_CHARGING = "not_charging"
    NOT_OFFERED = "not_offered"  # something else limits the charging point
    DRAWS_MORE = "draws_more"
    DRAWS_TOO_LITTLE = (
        "draws_too_little"  # the vehicle takes less than it may: it is full, or small
    )
    NOT_PAUSED = "not_paused"
    GONE = "gone"  # the vehicle was unplugged, or the charger cannot be reached


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One step; currents mA, None where they are not known."""

    step: Step
    result: Result = Result.RUNNING
    problem: Problem | None = None
    took_s: float = 0.0
    offer_ma: int | None = None
    phases_ma: tuple[int | None, ...] = ()
    state_words: str = ""
    state: int | None = None  # its code; `state_words` are in the language of the device
    reason: str = ""  # what limits the charging point, in that language
    reason_code: int | None = None
    ends_in_s: float | None = None  # that limit; None: not by time, or not known
    held_s: float = 0.0  # of `took_s`, that load management offered nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A test that runs or has run."""

    number: int = 0  # counts the tests of this start; 0: none yet
    point: int = 0
    rows: tuple[Row, ...] = ()
    steps: tuple[Step, ...] = ()
    is_running: bool = False
    began_at: datetime | None = None  # aware UTC
    text_sum: str = ""  # of the configuration that was in force

    @property
    def is_good(self) -> bool:
        """Tell whether every step was passed."""
        passed = [one for one in self.rows if one.result is Result.GOOD]
        return bool(self.steps) and len(passed) == len(self.steps)


class TestCharge:
    """One test; `look` is called every half second with what the charging point is now."""

    __test__ = False  # the name is the field's word for it, this is no class of tests

    def __init__(
        self,
        first: PointView,
        *,
        number: int,
        now_s: float,
        began_at: datetime | None = None,
        text_sum: str = "",
    ) -> None:
        """Begin at a charging point that looks like `first`; `text_sum`: of the configuration in force."""
        self._sets_current = Action.SETPOINT in first.actions
        self._before_ma = first.wanted_ma
        self._limits_ma = (first.installed.minimum_ma, first.installed.maximum_ma)
        middle = (Step.LOW, Step.HIGH) if self._sets_current else (Step.FOLLOWS,)
        steps = (Step.VEHICLE, Step.CHARGE, *middle, Step.PAUSE, Step.AGAIN)
        self.progress = Progress(
            number=number,
            point=first.number,
            steps=steps,
            is_running=True,
            began_at=began_at,
            text_sum=text_sum,
        )
        self._began_at = now_s
        self._since_at: float | None = None  # when what is expected began
        self._looked_at = now_s
        self._begin(Step.VEHICLE, now_s)

    @property
    def is_done(self) -> bool:
        """Tell whether nothing more is tried."""
        return not self.progress.is_running

    def look(self, view: PointView | None, now_s: float) -> Sequence[Command]:
        """Take what the charging point is now [monotonic s]; return what the station is to be asked."""
        row = self.progress.rows[-1]
        if view is None or (row.step is not Step.VEHICLE and view.connected is False):
            return self._end(replace(row, problem=Problem.GONE), Result.BAD)
        held_s = row.held_s + (now_s - self._looked_at if self._is_held(row.step, view) else 0.0)
        self._looked_at = now_s
        row = replace(_seen(row, view, now_s - self._began_at), held_s=held_s)
        self._replace(row)
        problem = self._problem(row.step, view)
        if problem is not None:
            self._since_at = None
            longest_s = _LONGEST_S.get(row.step, STEP_S)
            if held_s < NO_OFFER_S and row.took_s - held_s < longest_s:
                return ()
            return self._end(replace(row, problem=problem), Result.BAD)
        if self._since_at is None:
            self._since_at = now_s
        if now_s - self._since_at < SETTLE_S and row.step is not Step.VEHICLE:
            return ()
        return self._next(row, now_s)

    def end(self) -> Sequence[Command]:
        """End the test for a person; return what the station is to be asked."""
        return () if self.is_done else self._end(self.progress.rows[-1], Result.ENDED)

    # --- inside

    def _is_held(self, step: Step, view: PointView) -> bool:
        """Tell whether load management offers nothing for a while though the vehicle is to charge."""
        is_offered_nothing = not self._sets_current and step in _CHARGES and not view.offer_ma
        return is_offered_nothing and view.reason_code in _END_BY_THEMSELVES

    def _problem(self, step: Step, view: PointView) -> Problem | None:
        """Return what is not yet as the step expects it."""
        drawn_ma = _drawn_ma(view)
        if step in _CHARGES and not view.offer_ma:
            return Problem.NOT_OFFERED
        match step:
            case Step.VEHICLE:
                return None if view.connected else Problem.NO_VEHICLE
            case Step.CHARGE | Step.AGAIN:
                charges = view.is_charging and (drawn_ma is None or drawn_ma >= DRAWS_MA)
                return None if charges else Problem.NOT_CHARGING
            case Step.LOW | Step.HIGH:
                return self._problem_at(self._current_ma(step), view)
            case Step.FOLLOWS:
                return self._problem_at(view.offer_ma or 0, view)  # it is offered something
            case Step.PAUSE:
                rests = view.offer_ma == 0 and (drawn_ma is None or drawn_ma < RESTS_MA)
                return None if rests else Problem.NOT_PAUSED

    def _problem_at(self, wanted_ma: int, view: PointView) -> Problem | None:
        drawn_ma = _drawn_ma(view)
        if view.offer_ma != wanted_ma:
            return Problem.NOT_OFFERED
        if drawn_ma is None:
            return None
        if drawn_ma > wanted_ma + TOLERANCE_MA:
            return Problem.DRAWS_MORE
        return None if drawn_ma >= DRAWS_MA else Problem.DRAWS_TOO_LITTLE

    def _current_ma(self, step: Step) -> int:
        """Return the current of a step, within the limits of the charging point [mA]."""
        least_ma, most_ma = self._limits_ma
        return min(max(LOW_MA if step is Step.LOW else HIGH_MA, least_ma), most_ma)

    def _next(self, row: Row, now_s: float) -> Sequence[Command]:
        """Go on with the next step."""
        self._replace(replace(row, result=Result.GOOD))
        steps = self.progress.steps
        place = steps.index(row.step) + 1
        if place == len(steps):
            return self._end(None, Result.GOOD)
        following = steps[place]
        self._begin(following, now_s)
        match following:
            case Step.LOW | Step.HIGH:
                return ((Action.SETPOINT, self._current_ma(following)),)
            case Step.PAUSE:
                return ((Action.INTERRUPT, None),)
            case Step.AGAIN:
                return ((Action.RESUME, None), *self._setpoint_of_before())
            case _:
                return ()

    def _begin(self, step: Step, now_s: float) -> None:
        self._began_at, self._since_at, self._looked_at = now_s, None, now_s
        self.progress = replace(self.progress, rows=(*self.progress.rows, Row(step=step)))

    def _replace(self, row: Row) -> None:
        self.progress = replace(self.progress, rows=(*self.progress.rows[:-1], row))

    def _end(self, row: Row | None, result: Result) -> Sequence[Command]:
        """End here; return what lets the charging point go on as before."""
        last = self.progress.rows[-1].step if row is None else row.step
        if row is not None:
            self._replace(replace(row, result=result))
        self.progress = replace(self.progress, is_running=False)
        resume = ((Action.RESUME, None),) if last is Step.PAUSE else ()
        has_set = last in {Step.LOW, Step.HIGH, Step.PAUSE}
        return (*resume, *(self._setpoint_of_before() if has_set else ()))

    def _setpoint_of_before(self) -> Sequence[Command]:
        return ((Action.SETPOINT, self._before_ma),) if self._sets_current else ()


_CHARGES = frozenset({Step.CHARGE, Step.FOLLOWS, Step.AGAIN})  # where something must be offered
# why load management offers nothing for a while; every other reason stays until somebody does something
_END_BY_THEMSELVES = frozenset(
    {
        Reason.LOCK_OUT,
        Reason.RESTORING,
        Reason.METER_LOST,
        Reason.HIGH_POWER,
        Reason.WAITING_FOR_CURRENT,
        Reason.INVALID_CURRENT,
        Reason.PRIORITY,
        Reason.FUSE_L1,
        Reason.FUSE_L2,
        Reason.FUSE_L3,
        Reason.RAISING,
        Reason.NOT_READ_YET,
    }
)
_LONGEST_S = {Step.VEHICLE: VEHICLE_S, Step.CHARGE: CHARGE_S, Step.AGAIN: CHARGE_S}


def _drawn_ma(view: PointView) -> int | None:
    """Return the highest current of a phase [mA], None: the charger does not measure."""
    known = [one for one in view.phases_ma if one is not None]
    return max(known) if known else view.current_ma


def _seen(row: Row, view: PointView, took_s: float) -> Row:
    return replace(
        row,
        took_s=took_s,
        offer_ma=view.offer_ma,
        phases_ma=view.phases_ma,
        state_words=view.state_words,
        state=view.state,
        reason=view.reason,
        reason_code=view.reason_code,
        ends_in_s=next((one.ends_in_s for one in view.limits if one.is_effective), None),
    )


class TestRun:
    """Holds the newest test; written in the event loop, read from any thread."""

    __test__ = False

    def __init__(self, recalled: Mapping[int, Progress] | None = None) -> None:
        """`recalled`: tests of earlier starts, by number of the charging point."""
        self.progress = Progress()
        # the last test of each charging point
        self.protocol: dict[int, Progress] = dict(recalled or {})

    def show(self, progress: Progress) -> None:
        """Note how far the newest test is."""
        self.progress = progress
        self.protocol[progress.point] = progress
