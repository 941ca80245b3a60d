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
tenth of the step, the errors of both devices) of it; for a meter that stands still, within 0.9 A. If no
answer counts, the building has stepped as well, and the step says nothing. This is how a step of the building
is told apart from a meter that is wrong. The load of the building is never computed from M - S here, because
with transformers the wrong way round that jumps by twice the current of every charger. A staircase of raises
is one step: every stair is examined.

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
STEADY_S = 4.0  # a level is steady once telegrams have reported it for so long
# values are kept for so long beyond `STEADY_S`, so that they can span that time
KEPT_LONGER_S = 2.0
ZERO_MA = 1500  # phases that add up to less than this may be held at zero
STILL_S = 15.0  # a meter stands still only if it does not move for so long after the chargers have
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
        """Tell whether the same number of chargers still draw the same together on a phase (0 to 2), within 0.5 A.

        Then values of the meter are only kept. Only chargers whose draw is known are counted.
        """
        drawn_ma = known_count = 0
        for participant in participants:
            if participant.is_draw_known:
                drawn_ma += participant.draw_ma[phase]
                known_count += 1
        return known_count == self.known_count and abs(drawn_ma - self.drawn_ma) <= STEADY_MA


class Trail(NamedTuple):
    """The last telegrams of a phase, and since when its meter has hardly moved."""

    pending: tuple[Report, ...] = ()  # telegrams that were not examined yet, the oldest first
    # the oldest telegram since which the meter has reported about the same
    nearly_constant_since: Report | None = None
    # the oldest one since which it has reported the same to the milliampere
    constant_since: Report | None = None


class MeterValue(NamedTuple):
    """A value that the meter has shown while the chargers stayed at a level."""

    arrived_at: float  # [monotonic s]
    current_ma: int


class PresentLevel(NamedTuple):
    """The level at which the chargers are now, and what the meter has shown since they reached it."""

    drawn_ma: int | None = None  # all chargers that measure every phase together; None: they move
    values: tuple[MeterValue, ...] = ()  # the last ones; one at least while they are at a level

    def with_value(self, drawn_ma: int | None, value: MeterValue, kept_s: float) -> "PresentLevel":
        """Return the level after one more value of the meter, with the meter's values that belong to it.

        `drawn_ma`: what the chargers draw together now; None: they move, so there is no level. Another number
        than before means a new level, with this value as its first. At the same level the values of the last
        `kept_s` seconds are kept, or at least the one before this.
        """
        if drawn_ma is None:
            return NOWHERE
        if drawn_ma != self.drawn_ma:
            return PresentLevel(drawn_ma, (value,))
        begin_at = value.arrived_at - kept_s
        kept = tuple(one for one in self.values if one.arrived_at >= begin_at)
        return PresentLevel(drawn_ma, (*(kept or self.values[-1:]), value))

    def steady_current_ma(self, now_s: float) -> int | None:
        """Return the median of the meter's values at this level [mA]; None: the meter is not steady there.

        It is steady once its values span `STEADY_S` (4 s), and differ by no more than `BUILDING_MA` (1 A):
        otherwise the building moves. To be asked only while the chargers are at a level: then there is a
        value.
        """
        if now_s < self.values[0].arrived_at + STEADY_S:
            return None
        values_ma = sorted([value.current_ma for value in self.values])
        if values_ma[-1] - values_ma[0] > BUILDING_MA:
            return None
        return values_ma[len(values_ma) // 2]


class Step(NamedTuple):
    """A step of the chargers: the steady level where it began, and which answers of the meter it still allows."""

    from_level: Level | None = None  # None: no steady level to compare with
    possible_answers: tuple[Answer, ...] = EVERY_ANSWER  # empty: the building has stepped as well
    # since when the chargers are 3 A or more from that level [monotonic s]; None: they are not
    away_since: float | None = None

    @property
    def answer(self) -> Answer | None:
        """Return how the meter has answered this step, once the chargers are 3 A or more from where it began.

        None: they are not that far, or no answer fits because the building has stepped as well. If several
        answers fit, the most harmless one counts (the first in `Answer`).
        """
        if self.from_level is None or self.away_since is None or not self.possible_answers:
            return None
        return self.possible_answers[0]


EMPTY, NOWHERE, NO_STEP = Trail(), PresentLevel(), Step()


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowCheck:
    """What is remembered of a phase to tell whether its meter follows the chargers."""

    trail: Trail = EMPTY
    # None: the chargers move, or a step of theirs is still being judged; else values are kept, none is examined
    rest: RestingChargers | None = None
    last_sample: PairedReport | None = None  # the value that was examined last
    present: PresentLevel = NOWHERE
    step: Step = NO_STEP
    answers: tuple[Answer, ...] = ()  # to the last steps
    has_reported_export: bool = False  # so it has a sign, and a wrong one can be seen
    finding: Answer | None = None  # what is wrong with its meter; None: nothing was found

    def with_trail(self, trail: Trail) -> "FollowCheck":
        """Return the check with another trail (the last telegrams of the meter).

        Faster than `replace`: while the chargers rest, this is done for each meter value.
        """
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
    """Return the check of a phase (0 to 2) after a value of its meter: keep it, and examine those that are due.

    `report` itself always waits: at the earliest it is examined when the next value comes. While the chargers
    rest none is examined, because only a step of theirs says anything. With it the last few values (3 of a slow
    meter, 12 of a fast one) are kept: once a charger moves they show whether the meter was steady. They are
    examined then, or when the meter shows export for the first time. `spacing_s`: how far apart complete sets
    of the meter come (T_mon_eff).
    """
    nearly_constant_since, constant_since = unchanged_since(check.trail, report)
    if check.rest is not None:
        # the first export shows that the meter has a sign; below 0.5 A it may be an error of the meter
        is_first_export = not check.has_reported_export and report.current_ma <= -STEADY_MA
        if check.rest.are_still_resting(phase, participants) and not is_first_export:
            kept = FEW_KEPT if spacing_s > STEADY_S else MANY_KEPT
            pending = (*check.trail.pending[-kept:], report)
            return check.with_trail(Trail(pending, nearly_constant_since, constant_since))
        # the kept values are examined now: the steady ones become the level at which the next step begins
        step = check.step._replace(from_level=None)
        check = replace(check, rest=None, step=step, present=NOWHERE)
    check, waiting = _examine_due(check, phase, participants, spacing_s)
    rest = _resting_chargers(check, phase, participants)
    pending = (*waiting[-MOST_WAITING:], report)
    return replace(check, trail=Trail(pending, nearly_constant_since, constant_since), rest=rest)


def _examine_due(
    check: FollowCheck, phase: int, participants: Sequence[Participant], spacing_s: float
) -> tuple[FollowCheck, tuple[Report, ...]]:
    """Return the check after the pending values that are due were examined, and the values that still wait.

    A value is due once every measuring charger with a vehicle has been read since it came: only then is it
    known what they drew. The first one that is not due, and all after it, wait. The trail of the check still
    holds all of them: the caller replaces it. `phase`: 0 to 2; `spacing_s`: how far apart the values come.
    """
    waiting = check.trail.pending
    while waiting:
        paired = with_draws(phase, waiting[0], participants)
        if paired is None:
            break
        waiting = waiting[1:]
        check = examine(check, paired, spacing_s)
    return check, waiting


def unchanged_since(trail: Trail, report: Report) -> tuple[Report, Report]:
    """Return the telegram since which the meter has hardly moved, and the one since which it has not moved at all.

    Hardly: by no more than `STILL_MA` (0.9 A) from that first telegram. If the meter has just moved, it is
    `report` itself, the newest one.
    """
    nearly_since, exactly_since = trail.nearly_constant_since, trail.constant_since
    if nearly_since is None or exactly_since is None:
        return report, report
    if report.current_ma == exactly_since.current_ma:
        return nearly_since, exactly_since
    has_hardly_moved = abs(report.current_ma - nearly_since.current_ma) <= STILL_MA
    return (nearly_since if has_hardly_moved else report), report


def _resting_chargers(
    check: FollowCheck, phase: int, participants: Sequence[Participant]
) -> RestingChargers | None:
    """Return the chargers at rest on a phase (0 to 2); None: they move, or a step of theirs is still being judged.

    They rest if they still draw what they drew when the last step ended, counting assumed draws, too. While
    they rest, values of the meter are only kept.
    """
    from_level, last = check.step.from_level, check.last_sample
    if from_level is None or last is None or from_level.reached_at != last.arrived_at:
        # the value that was examined last has not ended a step: one is still being judged
        return None
    known_count = sum(participant.is_draw_known for participant in participants)
    rest = RestingChargers(from_level.drawn_ma + last.assumed_ma, known_count)
    return rest if rest.are_still_resting(phase, participants) else None


def examine(check: FollowCheck, paired: PairedReport, spacing_s: float) -> FollowCheck:
    """Return the check after comparing a value of the meter with what the chargers drew at that time (`paired`).

    The value may rule out some answers to the present step (the meter follows, stands still, goes the wrong
    way), end the step, and begin the next one. A step that cannot be judged is dropped without an answer.
    Also noted is an export, which shows that the meter has a sign. `spacing_s`: how far apart the values
    come.
    """
    from_level, possible_answers, away_since = check.step
    if from_level is not None and _is_step_unusable(check, from_level, paired):
        from_level = None
    if from_level is not None:
        possible_answers = _answers_still_possible(possible_answers, from_level, paired)
        away_since = _away_since(away_since, from_level, paired)
    drawn_ma = _level_drawn_ma(check.present.drawn_ma, paired)
    value = MeterValue(paired.arrived_at, paired.current_ma)
    kept_s = (
        max(spacing_s, STEADY_S) + KEPT_LONGER_S
    )  # long enough to show that the meter is steady
    check = replace(
        check,
        last_sample=paired,
        present=check.present.with_value(drawn_ma, value, kept_s),
        step=Step(from_level, possible_answers, away_since),
    )
    if paired.current_ma <= -STEADY_MA and not check.has_reported_export:
        # export: the meter has a sign, so earlier answers "wrong way" may make a finding now
        check = _with_finding(replace(check, has_reported_export=True))
    return check if drawn_ma is None else _with_step_concluded(check, drawn_ma, paired)


def _is_step_unusable(check: FollowCheck, from_level: Level, paired: PairedReport) -> bool:
    """Tell whether the step that began at `from_level` cannot be judged any more.

    That is so if an unmeasured draw has moved since the last value, if other chargers' draws are known than
    then, or if the step has taken longer than `LONGEST_S` (3 min), in which the building may have changed as
    well.
    """
    last = check.last_sample
    return last is not None and (
        paired.measured_bits != last.measured_bits
        or abs(paired.assumed_ma - last.assumed_ma) > STEADY_MA
        or paired.arrived_at > from_level.reached_at + LONGEST_S
    )


def _away_since(known_since: float | None, from_level: Level, paired: PairedReport) -> float | None:
    """Return since when the chargers are 3 A or more from `from_level` [monotonic s]; None: they may be closer.

    What they draw now is a range (`paired`): all of it must be that far away. `known_since`: the result for
    the previous value of the meter.
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

    Since `from_level` the meter must have moved as the chargers did, or in the other direction (wrong way),
    within 1 A for the building and a tenth of the step for the errors of both devices. To stand still it must
    have moved by no more than 0.9 A (`STILL_MA`), three tenths of the smallest step: a meter that does not
    show the step has no error of it, so its tenth is not added.
    """
    # how far the chargers have moved, at least and at most, and how far the meter has
    least_ma, most_ma = paired.low_ma - from_level.drawn_ma, paired.high_ma - from_level.drawn_ma
    moved_ma = paired.current_ma - from_level.current_ma
    slack_ma = BUILDING_MA + max(abs(least_ma), abs(most_ma)) // 10
    lowest_ma, highest_ma = least_ma - slack_ma, most_ma + slack_ma
    kept = []
    for answer in answers:
        if answer is Answer.STILL:
            is_possible = -STILL_MA <= moved_ma <= STILL_MA
        else:
            with_sign_ma = moved_ma if answer is Answer.FOLLOWS else -moved_ma
            is_possible = lowest_ma <= with_sign_ma <= highest_ma
        if is_possible:
            kept.append(answer)
    return tuple(kept)


def _level_drawn_ma(before_ma: int | None, paired: PairedReport) -> int | None:
    """Return the level of the chargers: what they draw together [mA]; None: they move.

    They move while what they may have drawn spans more than 0.5 A. The previous level (`before_ma`) stays as
    long as they are within 0.5 A of it, so that small changes begin no new level.
    """
    if paired.high_ma - paired.low_ma > STEADY_MA:
        return None
    now_ma = (paired.low_ma + paired.high_ma) // 2
    if before_ma is not None and abs(now_ma - before_ma) <= STEADY_MA:
        return before_ma
    return now_ma


def _with_step_concluded(check: FollowCheck, drawn_ma: int, paired: PairedReport) -> FollowCheck:
    """Return the check with the present step ended and the next one begun, if the step can be ended now.

    It ends with an answer of the meter that can be believed, which is added to the check. An answer "stands
    still" that comes so early that the meter may only be late does not end it. Without an answer it ends once
    the meter is steady at the chargers' present level (`drawn_ma`). The next step begins at that level. If none
    of this ends it, the check is returned unchanged.
    """
    from_level, answer = check.step.from_level, check.step.answer
    if from_level is not None and answer is not None:
        if answer is Answer.STILL and not _has_had_time_to_show(check.step, paired):
            return check  # the meter may only be late: wait for its next value
        if not _may_have_other_cause(check, from_level, paired, answer):
            answered = _with_answer(check, answer)
            return _with_new_step(answered, drawn_ma, paired, meter_ma=paired.current_ma)
    steady_ma = check.present.steady_current_ma(paired.arrived_at)
    if steady_ma is None:
        return check
    return _with_new_step(check, drawn_ma, paired, meter_ma=steady_ma)


def _has_had_time_to_show(step: Step, paired: PairedReport) -> bool:
    """Tell whether the meter has had 15 s (`STILL_S`) to show a step, since the chargers were 3 A away.

    Asked before it is found to stand still.
    """
    return step.away_since is not None and paired.arrived_at >= step.away_since + STILL_S


def _may_have_other_cause(
    check: FollowCheck, from_level: Level, paired: PairedReport, answer: Answer
) -> bool:
    """Tell whether an answer that speaks against the meter may come about although the meter is right.

    Where the line is held at a value (by this gateway at its limit, by a battery at zero), chargers or
    battery move against the building, and the meter rightly stands still. If a vehicle begins or stops
    charging by itself, only a battery can have that effect, or a charger that is read later than the meter.
    False in any case for a meter that has repeated its value to the milliampere for so long that it is frozen.
    `from_level`: where the step began. Source: load-management 13.5.
    """
    if answer is Answer.FOLLOWS:
        return False  # it does not speak against the meter
    away_since = paired.arrived_at if check.step.away_since is None else check.step.away_since
    # 20 s before the chargers were 3 A away: no late telegram reaches back so far
    before_step_at = away_since - LATE_S - STILL_S
    constant_since = check.trail.constant_since
    if (
        answer is Answer.STILL
        and constant_since is not None
        and constant_since.arrived_at <= before_step_at
    ):
        return False  # a meter that works does not repeat a value to the milliampere for so long: it is frozen
    if paired.drawing_bits == from_level.drawing_bits:
        return True  # no vehicle came or went: the step may be an answer to the building
    if max(abs(from_level.total_ma), abs(paired.total_ma)) <= ZERO_MA:
        return True  # a battery may hold the line at zero
    nearly_since = check.trail.nearly_constant_since
    # a value that moved shortly before may have shown the step before the charger was read
    return answer is Answer.STILL and (
        nearly_since is None or nearly_since.arrived_at > before_step_at
    )


def _with_new_step(
    check: FollowCheck, drawn_ma: int, paired: PairedReport, *, meter_ma: int
) -> FollowCheck:
    """Return the check with a new step that begins with the value `paired`, and to which every answer is possible.

    The step begins at the levels `drawn_ma` of the chargers and `meter_ma` of the meter: with these are
    compared what the chargers draw and the meter shows from now on.
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
    """Return the check with one more answer of the meter to a step, and with the finding that follows.

    The last `STEPS` (5) answers are kept.
    """
    return _with_finding(replace(check, answers=(*check.answers, answer)[-STEPS:]))


def _with_finding(check: FollowCheck) -> FollowCheck:
    """Return the check with the finding that its last five answers make, if they are all the same.

    Five times `FOLLOWS` clears the finding (None). Five times `STILL` makes that the finding, and so does
    five times `WRONG_WAY` if the meter has ever reported export. Otherwise the finding stays. Source:
    load-management 13.5.
    """
    answers = check.answers
    if len(answers) < STEPS or len(set(answers)) > 1:
        return check  # fewer than five, or different ones
    answer = answers[-1]
    if answer is Answer.WRONG_WAY and not check.has_reported_export:
        return check  # it may have no sign at all: then it reports export as import, rightly so
    return replace(check, finding=None if answer is Answer.FOLLOWS else answer)
