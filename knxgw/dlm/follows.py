"""Whether the smart meter follows the chargers: transformers the wrong way round, a frozen meter. Pure.

*Theory.* What the building draws of a phase is not known, but it mostly stands still while a charger
moves. So the chargers are the signal that the installation gives for nothing: when their measured
currents S go from one settled level to another, the meter's value M must have gone the same way,
M = B + S. With the current transformer of the phase the wrong way round it is M = -(B + S); a meter
that repeats its last value, or that measures another cable, stays where it is.

*Steps.* A level is settled when nobody's reading has moved for as long as a telegram may be late, and
some telegrams have told it since. Between two such levels that are 3 A or more apart, each telegram is
held against the three answers there can be: the median of M before, and +1, 0 or -1 times what S has
moved since. An answer counts when every telegram from one level to the other lies within 1 A (and a
tenth of the step, the errors of both devices) of it. If none does, the building has stepped as well,
and the step says nothing. This is how a step of the building is told from a meter that is wrong: its
load is never computed from M - S, because with transformers the wrong way round that jumps by twice the
current of every charger. A staircase of raises is one step: every stair is looked at.

*Five in a row*, because one or two may be chance: a load that is switched at the very moment, a lost
telegram of a meter that tells changes only. Steps that say nothing are left out, one other answer begins
the row anew. Within 1 A and a tenth of steps of at least 3 A, five wrong answers have a correlation
below -0.9.

*What it does not claim.* A meter that repeats its value to the milliampere, from 20 s before the chargers
moved to 15 s after, is frozen. All else is believed only of vehicles that begin or stop charging: they do
so by themselves, while steps in between may be answers to what the building does, and keep the line where
it is (this gateway holds it at the limit, another one at zero). It is not believed while the phases add up
to zero before and after, where a battery holds them there; nor that a value stands still when it moved
shortly before, because a meter may be quicker or later than the readings of a charger. A wrong sign is
believed only of a phase that has told export at some time: a meter without a sign tells the load the wrong
way round while the sun feeds in, rightly so. As soon as a phase with its transformer the wrong way round
carries import, it tells export. Chargers whose phases are not all measured are no signal: while their
assumed draw moves, nothing counts; so it is when one can be reached no more, or again.

*What can deceive it.* A load that is switched against a charger each time, to the ampere and between two
looks of a slow meter: it looks like a frozen meter, and everybody charges at the minimum. So does a
charging point whose phases are not the ones that were configured, rightly. A transformer with the wrong
ratio fits no answer. Single-phase vehicles test their phase only.

Source: load-management 13.5. Currents are mA, times monotonic seconds.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from knxgw.dlm.member import DRAWS_MA, Member, last_read_s, range_about, steady_about
from knxgw.frozen import replace

STEP_MA = 3000
STEPS = 5
BUILDING_MA = 1000  # a building that moves no more than this stands still
STILL_MA = 3 * STEP_MA // 10
SETTLED_MA = 500  # readings of a settled charger differ by no more than this
LATE_S = 5.0  # by how much a telegram may be late: at most, and nobody is told how much
SETTLED_S = 4.0  # for so long telegrams must have told a level
ZERO_MA = 1500  # phases that add up to less than this may be held at zero
STILL_S = 15.0  # that the meter does not move is believed so long after the chargers
LONGEST_S = 180.0  # from one level to the next
MOST_WAITING = 30  # telegrams
FEW_KEPT, MANY_KEPT = 3, 12  # telegrams of a slow and of a fast meter while the chargers rest


class Answer(Enum):
    """What the meter made of a step of the chargers."""

    FOLLOWS = "follows"
    STILL = "still"
    WRONG_WAY = "wrong way"


EVERY_ANSWER = tuple(Answer)


class Told(NamedTuple):
    """A telegram of one phase, or that its last one is in force."""

    at_s: float
    current_ma: int
    total_ma: int  # of all phases, as they are known then


class Sample(NamedTuple):
    """A telegram of one phase, and what the chargers drew when it may have been measured."""

    at_s: float  # when it came
    current_ma: int
    total_ma: int
    low_ma: int  # all chargers together, at least
    high_ma: int
    others_ma: int = 0  # those whose draw is assumed
    measured: int = 0  # whose draw is known: a bit for each number
    drawing: int = 0  # who draws


class Level(NamedTuple):
    """Chargers that had settled, and the meter then."""

    drawn_ma: int
    current_ma: int  # the median of the meter's values
    total_ma: int
    drawing: int
    at_s: float


class Rest(NamedTuple):
    """Chargers that do not move."""

    drawn_ma: int  # all together, what is assumed as well
    known: int  # of how many that is known

    def lasts(self, phase: int, members: Iterable[Member]) -> bool:
        """Tell whether they still do not."""
        drawn_ma = known = 0
        for member in members:
            if member.valid and member.reachable:
                drawn_ma += member.actual_ma[phase]
                known += 1
        return known == self.known and -SETTLED_MA <= drawn_ma - self.drawn_ma <= SETTLED_MA


@dataclass(frozen=True, kw_only=True)  # no slots: see knxgw.frozen
class Trail:
    """What is remembered of a phase to tell whether its meter follows."""

    waiting: tuple[Told, ...] = ()  # telegrams that readings have not reached
    still: Told | None = None  # since when the meter has told about the same
    same: Told | None = None  # since when it has told the very same
    rest: Rest | None = None  # given: the chargers rest, nothing is looked at
    last: Sample | None = None
    drawn_ma: int | None = None  # the chargers' present level; None: they move
    values: tuple[tuple[float, int], ...] = ()  # of the meter at that level, the last ones
    before: Level | None = None  # the last settled level
    possible: tuple[Answer, ...] = EVERY_ANSWER  # since then
    away_s: float | None = None  # since when the chargers are a step away from it
    answers: tuple[Answer, ...] = ()  # to the last steps
    has_sign: bool = False  # it has told export at some time
    finding: Answer | None = None  # what is wrong with it


NEW = Trail()


def hear(
    trail: Trail, phase: int, told: Told, members: Sequence[Member], spacing_s: float
) -> Trail:
    """Take a value of the meter, and look at those that readings of the chargers have reached.

    While the chargers rest there is nothing to look at: the last values are kept, and looked at when
    somebody moves. `spacing_s`: how often the meter tells.
    """
    still, same = repeated(trail, told)
    if trail.rest is not None:
        if trail.rest.lasts(phase, members) and (trail.has_sign or told.current_ma > -SETTLED_MA):
            kept = FEW_KEPT if spacing_s > SETTLED_S else MANY_KEPT
            kept_on = (*trail.waiting[-kept:], told)
            return replace(trail, waiting=kept_on, still=still, same=same)
        trail = replace(trail, rest=None, before=None, drawn_ma=None, values=())
    waiting = trail.waiting
    while waiting:
        sample = _sample(phase, waiting[0], members)
        if sample is None:
            break
        waiting = waiting[1:]
        trail = look(trail, sample, spacing_s)
    rest = _rest(trail, phase, members)
    waiting = (*waiting[-MOST_WAITING:], told)
    return replace(trail, waiting=waiting, still=still, same=same, rest=rest)


def repeated(trail: Trail, told: Told) -> tuple[Told, Told]:
    """Return since when the meter has told about the same, and the very same."""
    still, same = trail.still, trail.same
    if same is None or still is None or told.current_ma != same.current_ma:
        same = told
        if still is None or not -STILL_MA <= told.current_ma - still.current_ma <= STILL_MA:
            still = told
    return still, same


def _rest(trail: Trail, phase: int, members: Sequence[Member]) -> "Rest | None":
    """Return the chargers as they are, if the next step can only begin from where they are."""
    before, last = trail.before, trail.last
    if before is None or last is None or before.at_s != last.at_s:
        return None
    known = sum(member.valid and member.reachable for member in members)
    rest = Rest(before.drawn_ma + last.others_ma, known)
    return rest if rest.lasts(phase, members) else None


def look(trail: Trail, sample: Sample, spacing_s: float) -> Trail:
    """Look at a telegram; `spacing_s`: how often the meter tells."""
    before, possible, away_s = trail.before, trail.possible, trail.away_s
    if before is not None and _is_cut(trail, before, sample):
        before = None
    if before is not None:
        possible = _possible(possible, before, sample)
        away_s = _away_s(away_s, before, sample)
    drawn_ma = _drawn_ma(trail.drawn_ma, sample)
    values: tuple[tuple[float, int], ...] = ()
    if drawn_ma is not None:
        if drawn_ma == trail.drawn_ma:
            from_s = sample.at_s - max(spacing_s, SETTLED_S) - 2.0
            values = tuple(one for one in trail.values if one[0] >= from_s) or trail.values[-1:]
        values = (*values, (sample.at_s, sample.current_ma))
    trail = replace(
        trail,
        last=sample,
        drawn_ma=drawn_ma,
        values=values,
        before=before,
        possible=possible,
        away_s=away_s,
    )
    if sample.current_ma <= -SETTLED_MA and not trail.has_sign:
        trail = _concluded(replace(trail, has_sign=True))
    return trail if drawn_ma is None else _settled(trail, drawn_ma, sample)


def _is_cut(trail: Trail, before: Level, sample: Sample) -> bool:
    """Tell whether nothing can be said about what came before, because somebody unseen moved."""
    last = trail.last
    return last is not None and (
        sample.measured != last.measured
        or abs(sample.others_ma - last.others_ma) > SETTLED_MA
        or sample.at_s > before.at_s + LONGEST_S
    )


def _away_s(since_s: float | None, before: Level, sample: Sample) -> float | None:
    """Return since when the chargers have been a step away from the last level."""
    is_away = (
        sample.low_ma >= before.drawn_ma + STEP_MA or sample.high_ma <= before.drawn_ma - STEP_MA
    )
    return (sample.at_s if since_s is None else since_s) if is_away else None


def _possible(answers: Iterable[Answer], before: Level, sample: Sample) -> tuple[Answer, ...]:
    """Return which answers a telegram still allows: those that leave the building standing still."""
    least_ma, most_ma = sample.low_ma - before.drawn_ma, sample.high_ma - before.drawn_ma
    moved_ma = sample.current_ma - before.current_ma
    slack_ma = BUILDING_MA + max(abs(least_ma), abs(most_ma)) // 10
    lowest_ma, highest_ma = least_ma - slack_ma, most_ma + slack_ma
    kept = []
    for answer in answers:
        if answer is Answer.STILL:
            is_possible = -STILL_MA <= moved_ma <= STILL_MA
        else:
            seen_ma = moved_ma if answer is Answer.FOLLOWS else -moved_ma
            is_possible = lowest_ma <= seen_ma <= highest_ma
        if is_possible:
            kept.append(answer)
    return tuple(kept)


def _drawn_ma(before_ma: int | None, sample: Sample) -> int | None:
    """Return the level that the chargers are at: the one of before while they stay there."""
    if sample.high_ma - sample.low_ma > SETTLED_MA:
        return None
    now_ma = (sample.low_ma + sample.high_ma) // 2
    if before_ma is not None and abs(now_ma - before_ma) <= SETTLED_MA:
        return before_ma
    return now_ma


def _settled(trail: Trail, drawn_ma: int, sample: Sample) -> Trail:
    """Note the answer to a step where the chargers have settled; the next one begins there."""
    now_s = sample.at_s
    if trail.before is not None and trail.away_s is not None and trail.possible:
        answer = trail.possible[0]
        if answer is Answer.STILL and now_s < trail.away_s + STILL_S:
            return trail
        if not _is_doubtful(trail, trail.before, sample, answer):
            return _from_here(_answered(trail, answer), drawn_ma, sample, sample.current_ma)
    if now_s < trail.values[0][0] + SETTLED_S:
        return trail
    told = sorted([current_ma for _, current_ma in trail.values])
    if told[-1] - told[0] > BUILDING_MA:
        return trail  # nothing could be told from here
    return _from_here(trail, drawn_ma, sample, told[len(told) // 2])


def _is_doubtful(trail: Trail, before: Level, sample: Sample, answer: Answer) -> bool:
    """Tell whether an answer may have another cause than a meter that is wrong.

    Whoever holds the line at some value, this gateway at its limit or a battery at zero, moves when the
    building does, and the meter does not. Vehicles come and go by themselves; only then somebody who
    holds the line at zero is left, and a reading of a charger that is later than the meter.
    """
    if answer is Answer.FOLLOWS:
        return False
    calm_s = (sample.at_s if trail.away_s is None else trail.away_s) - LATE_S - STILL_S
    if answer is Answer.STILL and trail.same is not None and trail.same.at_s <= calm_s:
        return False  # nothing that is alive repeats itself to the milliampere
    if sample.drawing == before.drawing:
        return True
    if max(abs(before.total_ma), abs(sample.total_ma)) <= ZERO_MA:
        return True
    return answer is Answer.STILL and (trail.still is None or trail.still.at_s > calm_s)


def _from_here(trail: Trail, drawn_ma: int, sample: Sample, current_ma: int) -> Trail:
    level = Level(drawn_ma, current_ma, sample.total_ma, sample.drawing, sample.at_s)
    return replace(trail, before=level, possible=EVERY_ANSWER, away_s=None)


def _answered(trail: Trail, answer: Answer) -> Trail:
    return _concluded(replace(trail, answers=(*trail.answers, answer)[-STEPS:]))


def _concluded(trail: Trail) -> Trail:
    """Find what is wrong with the meter; that lasts until five steps in a row say something else."""
    answers = trail.answers
    if len(answers) < STEPS or len(set(answers)) > 1:
        return trail
    answer = answers[-1]
    if answer is Answer.WRONG_WAY and not trail.has_sign:
        return trail
    return replace(trail, finding=None if answer is Answer.FOLLOWS else answer)


def _sample(phase: int, told: Told, members: Iterable[Member]) -> Sample | None:
    """Return a telegram with what the chargers drew about then; None: a reading is missing yet."""
    at_s, current_ma, total_ma = told
    low_ma = high_ma = others_ma = measured = drawing = 0
    for member in members:
        if not (member.valid and member.reachable):
            continue
        if not (member.settings.measures and member.settings.measures_each):
            others_ma += range_about(member, at_s, at_s, phase)[1]
            continue
        if member.connected and ((read_s := last_read_s(member)) is None or read_s < at_s):
            return None
        one = 1 << member.settings.number
        measured |= one
        steady = steady_about(member, at_s - LATE_S)
        if steady is not None:
            least_ma = most_ma = steady[phase]
        else:
            least_ma, most_ma = range_about(member, at_s - LATE_S, at_s, phase)
        low_ma, high_ma = low_ma + least_ma, high_ma + most_ma
        if most_ma >= DRAWS_MA:
            drawing |= one
    return Sample(at_s, current_ma, total_ma, low_ma, high_ma, others_ma, measured, drawing)
