"""Whether the smart meter follows the chargers: transformers the wrong way round, a frozen meter. Pure.

*Theory.* What the building draws of a phase is not known, but it mostly stands still while a charger
moves. So the chargers are the signal that the installation gives for nothing: when their measured
currents S go from one steady level to another, the meter's value M must have gone the same way,
M = B + S. With the current transformer of the phase the wrong way round it is M = -(B + S); a meter
that repeats its last value, or that measures another cable, stays where it is.

*Steps.* A level is steady when no reading has moved for as long as a telegram may be late, and
some telegrams have reported it since. Between two such levels that are 3 A or more apart, each telegram is
held against the three answers there can be: the median of M before, and +1, 0 or -1 times what S has
moved since. An answer counts when every telegram from one level to the other lies within 1 A (and a
tenth of the step, the errors of both devices) of it. If no answer counts, the building has stepped as well,
and the step says nothing. This is how a step of the building is told apart from a meter that is wrong. The
load of the building is never computed from M - S here, because with transformers the wrong way round that
jumps by twice the current of every charger. A staircase of raises is one step: every stair is examined.

*Five in a row*, because one or two may be chance: a load that is switched at the very moment, a lost
telegram of a meter that sends changes only. Steps that say nothing are left out, one other answer begins
a new row. Within 1 A and a tenth of steps of at least 3 A, five wrong answers have a correlation
below -0.9.

*What it does not claim.* A meter that repeats its value to the milliampere, from 20 s before the chargers
moved to 15 s after, is frozen. All else is believed only of vehicles that begin or stop charging: they do
so by themselves, while steps in between may be answers to what the building does, and keep the line where
it is (this gateway holds it at the limit, another one at zero). It is not believed while the phases add up
to zero before and after, where a battery holds them there; nor that a value stands still when it moved
shortly before, because a meter may be quicker or later than the readings of a charger. A wrong sign is
believed only of a phase that has reported export at some time: a meter without a sign reports the load the
wrong way round while the sun feeds in, rightly so. As soon as a phase with its transformer the wrong way
round carries import, it reports export. Chargers whose phases are not all measured are no signal: while their
assumed draw moves, nothing counts. The same holds when a charger is no longer reached, or is reached again.

*What can deceive it.* A load that is switched against a charger each time, to the ampere and between two
looks of a slow meter: it looks like a frozen meter, and all charge at the minimum. A charging point whose
phases are not the configured ones looks like that too, and rightly so. A transformer with the wrong ratio
fits no answer. Single-phase vehicles test their phase only.

Source: load-management 13.5. Currents are mA, times monotonic seconds.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import NamedTuple

from knxgw.dlm.paired_report import LATE_S, PairedReport, Report, with_draws
from knxgw.dlm.participant import Participant

STEP_MA = 3000  # levels of the chargers that are so far apart are a step (13.5)
STEPS = 5  # equal answers in a row make a finding: one or two may be chance
BUILDING_MA = 1000  # a building that moves no more than this stands still
# a meter that moves no more than this has not moved: well below any step
STILL_MA = 3 * STEP_MA // 10
STEADY_MA = 500  # readings of a steady charger differ by no more than this
STEADY_S = 4.0  # for so long telegrams must have reported a level
KEPT_LONGER_S = 2.0  # than `STEADY_S` values are kept: to be steady they must span that time
ZERO_MA = 1500  # phases that add up to less than this may be held at zero
STILL_S = 15.0  # that the meter does not move is believed so long after the chargers
LONGEST_S = 180.0  # a step that takes longer from one level to the next is not judged
MOST_WAITING = 30  # telegrams that wait for readings; the oldest is dropped
# telegrams of a slow and of a fast meter that are kept while the chargers rest: what is steady must be seen
# in them once a charger moves
FEW_KEPT, MANY_KEPT = 3, 12


class Answer(Enum):
    """What the meter made of a step of the chargers; the most harmless first (`Step.answer`)."""

    FOLLOWS = "follows"
    STILL = "still"
    WRONG_WAY = "wrong way"


EVERY_ANSWER = tuple(Answer)


class Level(NamedTuple):
    """A steady level of the chargers, and the meter's value then."""

    drawn_ma: int  # by all chargers that measure every phase, on one phase
    # of that phase, by the meter: its value after an answer to a step, else a median
    current_ma: int
    total_ma: int  # of all phases, by the meter
    drawing_bits: int  # as in `PairedReport`
    reached_at: float  # when the telegram came that began the step [monotonic s]


class RestingChargers(NamedTuple):
    """Chargers whose draw on a phase has not moved since the last step was judged."""

    drawn_ma: int  # all together, measured or assumed
    known_count: int  # how many chargers that is: those whose draw is known

    def are_still_resting(self, phase: int, participants: Iterable[Participant]) -> bool:
        """Tell whether as many chargers as before still draw the same together on a phase, within 0.5 A.

        Only chargers whose draw is known count. `phase`: 0 to 2.
        """
        drawn_ma = known_count = 0
        for participant in participants:
            if participant.has_valid_currents and participant.is_reachable:
                drawn_ma += participant.draw_ma[phase]
                known_count += 1
        return known_count == self.known_count and abs(drawn_ma - self.drawn_ma) <= STEADY_MA


class Trail(NamedTuple):
    """The last telegrams of a phase, and since when its meter has hardly moved."""

    pending: tuple[Report, ...] = ()  # telegrams that readings have not reached
    # since this one the meter has reported about the same
    nearly_constant_since: Report | None = None
    # since this one it has reported the same to the milliampere
    constant_since: Report | None = None


class MeterValue(NamedTuple):
    """What the meter has shown while the chargers stayed at a level."""

    arrived_at: float  # [monotonic s]
    current_ma: int


class PresentLevel(NamedTuple):
    """Where the chargers are now, and what the meter has shown since they are there."""

    drawn_ma: int | None = None  # all chargers together; None: they move
    values: tuple[MeterValue, ...] = ()  # the last ones; one at least while they are at a level

    def with_value(self, drawn_ma: int | None, value: MeterValue, kept_s: float) -> "PresentLevel":
        """Return the level of the chargers after a value of the meter, with the values that belong to it.

        `drawn_ma`: what they draw together when the value arrives, which is the same number while small
        changes begin no new level (`_level_drawn_ma`); None: they move, so there is no level. Of the earlier
        values those of the last `kept_s` seconds are kept, or the last one, however old.
        """
        if drawn_ma is None:
            return NOWHERE
        if drawn_ma != self.drawn_ma:
            return PresentLevel(drawn_ma, (value,))
        begin_at = value.arrived_at - kept_s
        kept = tuple(one for one in self.values if one.arrived_at >= begin_at)
        return PresentLevel(drawn_ma, (*(kept or self.values[-1:]), value))

    def steady_current_ma(self, now_s: float) -> int | None:
        """Return the median of the meter's values at this level [mA]; None: the meter is not steady.

        That is while the values do not span `STEADY_S` (4 s) yet, or differ by more than `BUILDING_MA` (1 A)
        because the building moves. To be asked only while the chargers are at a level: then there is a value.
        """
        if now_s < self.values[0].arrived_at + STEADY_S:
            return None
        values_ma = sorted([value.current_ma for value in self.values])
        if values_ma[-1] - values_ma[0] > BUILDING_MA:
            return None
        return values_ma[len(values_ma) // 2]


class Step(NamedTuple):
    """A step of the chargers: the steady level it began at, and which answers it still allows."""

    from_level: Level | None = None  # None: no steady level to compare with
    possible_answers: tuple[Answer, ...] = EVERY_ANSWER  # empty: the building has stepped as well
    # since when the chargers are a step away from that level [monotonic s]; None: they are not
    away_since: float | None = None

    @property
    def answer(self) -> Answer | None:
        """Return how the meter has answered to the step, once the chargers are 3 A or more away.

        None: they are not, or no answer fits because the building has stepped as well. Of several answers
        that fit, the most harmless one is returned: it comes first in `Answer`.
        """
        if self.from_level is None or self.away_since is None or not self.possible_answers:
            return None
        return self.possible_answers[0]


EMPTY, NOWHERE, NO_STEP = Trail(), PresentLevel(), Step()


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowCheck:
    """What is remembered of a phase to tell whether its meter follows the chargers."""

    trail: Trail = EMPTY
    # None: the chargers move; else values are kept, none is examined
    rest: RestingChargers | None = None
    last_sample: PairedReport | None = None  # the value that was examined last
    present: PresentLevel = NOWHERE
    step: Step = NO_STEP
    answers: tuple[Answer, ...] = ()  # to the last steps
    has_reported_export: bool = False  # so it has a sign, and a wrong one can be seen
    finding: Answer | None = None  # what is wrong with it

    def with_trail(self, trail: Trail) -> "FollowCheck":
        """Return the check with another trail, as `replace` does but faster: this is for each meter value."""
        return FollowCheck(
            trail=trail,
            rest=self.rest,
            last_sample=self.last_sample,
            present=self.present,
            step=self.step,
            answers=self.answers,
            has_reported_export=self.has_reported_export,
            finding=self.finding,
        )


NEW = FollowCheck()


def add_report(
    check: FollowCheck,
    phase: int,
    report: Report,
    participants: Sequence[Participant],
    spacing_s: float,
) -> FollowCheck:
    """Return the check after a value of a phase's meter: keep the value, and examine those that are due.

    A value is due once all chargers that measure and have a vehicle were read after it. While the chargers rest
    none is examined, since only a step of theirs tells anything: the last few are kept, enough to see a steady
    level in them, until a charger moves, or the meter shows export for the first time. `phase`: 0 to 2;
    `spacing_s`: how far apart the values come.
    """
    nearly_constant_since, constant_since = unchanged_since(check.trail, report)
    if check.rest is not None:
        # the first export shows that the meter has a sign; below 0.5 A it may be an error of the meter
        is_first_export = not check.has_reported_export and report.current_ma <= -STEADY_MA
        if check.rest.are_still_resting(phase, participants) and not is_first_export:
            kept = FEW_KEPT if spacing_s > STEADY_S else MANY_KEPT
            pending = (*check.trail.pending[-kept:], report)
            return check.with_trail(Trail(pending, nearly_constant_since, constant_since))
        # a charger moves: the kept values are examined from scratch, and the steady ones among them become the
        # level at which the step begins
        check = replace(
            check, rest=None, step=check.step._replace(from_level=None), present=NOWHERE
        )
    pending = check.trail.pending
    while pending:
        paired = with_draws(phase, pending[0], participants)
        if paired is None:
            break  # some charger was not read after it: this value and the later ones wait
        pending = pending[1:]
        check = examine(check, paired, spacing_s)
    # None: the chargers move; else the next values are only kept
    rest = _resting_chargers(check, phase, participants)
    pending = (*pending[-MOST_WAITING:], report)
    return replace(check, trail=Trail(pending, nearly_constant_since, constant_since), rest=rest)


def unchanged_since(trail: Trail, report: Report) -> tuple[Report, Report]:
    """Return two reports: since which the meter has hardly moved, and since which it has not moved at all.

    Hardly: no later value differs from that one by more than `STILL_MA` (0.9 A). Where the meter has just
    moved, that is `report` itself, the newest one.
    """
    nearly_since, exactly_since = trail.nearly_constant_since, trail.constant_since
    if (
        exactly_since is None
        or nearly_since is None
        or report.current_ma != exactly_since.current_ma
    ):
        exactly_since = report
        if (
            nearly_since is None
            or not -STILL_MA <= report.current_ma - nearly_since.current_ma <= STILL_MA
        ):
            nearly_since = report
    return nearly_since, exactly_since


def _resting_chargers(
    check: FollowCheck, phase: int, participants: Sequence[Participant]
) -> "RestingChargers | None":
    """Return the chargers at rest on a phase; None: they move, or a step is not judged yet.

    A step is judged once the value that was examined last has begun the next one, at the level where the
    chargers were. They rest if they are still there; draws that are assumed count, too.
    """
    from_level, last = check.step.from_level, check.last_sample
    if from_level is None or last is None or from_level.reached_at != last.arrived_at:
        return None  # a step is not judged yet
    known_count = sum(
        participant.has_valid_currents and participant.is_reachable for participant in participants
    )
    rest = RestingChargers(from_level.drawn_ma + last.assumed_ma, known_count)
    return rest if rest.are_still_resting(phase, participants) else None


def examine(check: FollowCheck, paired: PairedReport, spacing_s: float) -> FollowCheck:
    """Return the check after a value of the meter was compared with what the chargers drew (`paired`).

    The value may rule out some of the answers to the present step (the meter follows, stands still, goes the
    wrong way), conclude the step, and begin the next one. A step that cannot be judged, because something
    moved unmeasured or it took too long, is dropped without an answer. `spacing_s`: how far apart the
    values come.
    """
    from_level, possible_answers, away_since = check.step
    if from_level is not None and _is_step_unusable(check, from_level, paired):
        from_level = None
    if from_level is not None:
        possible_answers = _answers_still_possible(possible_answers, from_level, paired)
        away_since = _away_since(away_since, from_level, paired)
    drawn_ma = _level_drawn_ma(check.present.drawn_ma, paired)
    value = MeterValue(paired.arrived_at, paired.current_ma)
    check = replace(
        check,
        last_sample=paired,
        present=check.present.with_value(drawn_ma, value, max(spacing_s, STEADY_S) + KEPT_LONGER_S),
        step=Step(from_level, possible_answers, away_since),
    )
    if paired.current_ma <= -STEADY_MA and not check.has_reported_export:
        # export: the meter has a sign, so earlier answers "wrong way" may make a finding now
        check = _with_finding(replace(check, has_reported_export=True))
    return check if drawn_ma is None else _with_step_concluded(check, drawn_ma, paired)


def _is_step_unusable(check: FollowCheck, from_level: Level, paired: PairedReport) -> bool:
    """Tell whether a step that began at `from_level` cannot be judged any more.

    The assumed draw of a charger has moved since the last value, a charger's draw became known or unknown, or
    the step has taken longer than `LONGEST_S` (3 min).
    """
    last = check.last_sample
    return last is not None and (
        paired.measured_bits != last.measured_bits
        or abs(paired.assumed_ma - last.assumed_ma) > STEADY_MA
        or paired.arrived_at > from_level.reached_at + LONGEST_S
    )


def _away_since(known_since: float | None, from_level: Level, paired: PairedReport) -> float | None:
    """Return since when the chargers are 3 A or more from `from_level` [monotonic s]; None: not surely.

    What they draw now is a range (`paired`): all of it must be 3 A away. `known_since`: the result for the
    value of the meter before this one.
    """
    is_away = (
        paired.low_ma >= from_level.drawn_ma + STEP_MA
        or paired.high_ma <= from_level.drawn_ma - STEP_MA
    )
    if not is_away:
        return None
    return paired.arrived_at if known_since is None else known_since


def _answers_still_possible(
    answers: Iterable[Answer], from_level: Level, paired: PairedReport
) -> tuple[Answer, ...]:
    """Return which of `answers` (follows, stands still, wrong way) a value of the meter still allows.

    Since `from_level` the meter must have moved as the chargers did, or by as much in the other direction,
    within 1 A for the building and a tenth of the step for the errors of both devices. For standing still it
    must have moved by 0.9 A (`STILL_MA`) at most.
    """
    least_ma, most_ma = paired.low_ma - from_level.drawn_ma, paired.high_ma - from_level.drawn_ma
    moved_ma = paired.current_ma - from_level.current_ma
    slack_ma = BUILDING_MA + max(abs(least_ma), abs(most_ma)) // 10
    lowest_ma, highest_ma = least_ma - slack_ma, most_ma + slack_ma
    kept = []
    for answer in answers:
        if answer is Answer.STILL:
            is_possible = -STILL_MA <= moved_ma <= STILL_MA
        else:
            shown_ma = moved_ma if answer is Answer.FOLLOWS else -moved_ma
            is_possible = lowest_ma <= shown_ma <= highest_ma
        if is_possible:
            kept.append(answer)
    return tuple(kept)


def _level_drawn_ma(before_ma: int | None, paired: PairedReport) -> int | None:
    """Return the level at which the chargers are: what they draw together [mA]; None: they move.

    The level of the value before (`before_ma`) is kept while the chargers stay within 0.5 A of it, so that
    small changes begin no new level.
    """
    if paired.high_ma - paired.low_ma > STEADY_MA:
        return None  # what they draw is a wide range: they move
    now_ma = (paired.low_ma + paired.high_ma) // 2
    if before_ma is not None and abs(now_ma - before_ma) <= STEADY_MA:
        return before_ma
    return now_ma


def _with_step_concluded(check: FollowCheck, drawn_ma: int, paired: PairedReport) -> FollowCheck:
    """Return the check with the present step of the chargers ended, if that is possible now.

    An answer of the meter that can be believed is added to the check. Without one the step ends once the
    meter is steady, too. Then a new step begins at `drawn_ma`, where the chargers are. Otherwise the check is
    returned as it is.
    """
    from_level, answer = check.step.from_level, check.step.answer
    if from_level is not None and answer is not None:
        if answer is Answer.STILL and not _has_stood_still(check.step, paired):
            return check  # the meter may only be late
        if not _may_have_other_cause(check, from_level, paired, answer):
            answered = _with_answer(check, answer)
            return _with_step_from(answered, drawn_ma, paired, meter_ma=paired.current_ma)
    steady_ma = check.present.steady_current_ma(paired.arrived_at)
    if steady_ma is None:
        return check
    return _with_step_from(check, drawn_ma, paired, meter_ma=steady_ma)


def _has_stood_still(step: Step, paired: PairedReport) -> bool:
    """Tell whether the meter has had `STILL_S` (15 s) to show the step since the chargers were 3 A away."""
    return step.away_since is not None and paired.arrived_at >= step.away_since + STILL_S


def _may_have_other_cause(
    check: FollowCheck, from_level: Level, paired: PairedReport, answer: Answer
) -> bool:
    """Tell whether an answer that speaks against the meter may have another cause than a wrong meter.

    Where the line is held at a value (by this gateway at its limit, by a battery at zero), chargers or
    battery move against the building, and the meter stands still. Vehicles begin and stop charging by
    themselves, though: then only a battery can deceive, or a charger that is read later than the meter.
    `from_level`: where the step began. Source: load-management 13.5.
    """
    if answer is Answer.FOLLOWS:
        return False  # it does not speak against the meter
    away_since = paired.arrived_at if check.step.away_since is None else check.step.away_since
    # 20 s before the chargers were a step away: nothing that was late reaches back so far
    before_step_at = away_since - LATE_S - STILL_S
    constant_since = check.trail.constant_since
    if (
        answer is Answer.STILL
        and constant_since is not None
        and constant_since.arrived_at <= before_step_at
    ):
        return False  # nothing that is alive repeats itself to the milliampere
    if paired.drawing_bits == from_level.drawing_bits:
        return True  # no vehicle came or went: the step may be an answer to the building
    if max(abs(from_level.total_ma), abs(paired.total_ma)) <= ZERO_MA:
        return True  # a battery may hold the line at zero
    nearly_since = check.trail.nearly_constant_since
    # a value that moved shortly before may have shown the step before the charger was read
    return answer is Answer.STILL and (
        nearly_since is None or nearly_since.arrived_at > before_step_at
    )


def _with_step_from(
    check: FollowCheck, drawn_ma: int, paired: PairedReport, *, meter_ma: int
) -> FollowCheck:
    """Return the check with a new step, which begins with the telegram `paired`; any answer may come.

    What the chargers will draw and the meter will show is compared with `drawn_ma` and `meter_ma`, the levels
    of both at the begin.
    """
    level = Level(
        drawn_ma=drawn_ma,
        current_ma=meter_ma,
        total_ma=paired.total_ma,
        drawing_bits=paired.drawing_bits,
        reached_at=paired.arrived_at,
    )
    return replace(check, step=Step(from_level=level))


def _with_answer(check: FollowCheck, answer: Answer) -> FollowCheck:
    """Return the check with one more answer of the meter to a step, of which the last `STEPS` are kept."""
    return _with_finding(replace(check, answers=(*check.answers, answer)[-STEPS:]))


def _with_finding(check: FollowCheck) -> FollowCheck:
    """Return the check with the finding that its last five answers make, if they are equal.

    Five times `FOLLOWS` clears the finding (None); five times `STILL` becomes it, and so does `WRONG_WAY` if
    the meter has ever reported export. Otherwise it stays as it is. Source: load-management 13.5.
    """
    answers = check.answers
    if len(answers) < STEPS or len(set(answers)) > 1:
        return check  # fewer than five, or different ones
    answer = answers[-1]
    if answer is Answer.WRONG_WAY and not check.has_reported_export:
        return check  # the meter may have no sign at all, and report export as import
    return replace(check, finding=None if answer is Answer.FOLLOWS else answer)
