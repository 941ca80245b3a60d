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

*What it does not claim.* That a value has not moved is only believed 30 s after the chargers settled: a
late meter is not a frozen one. A wrong sign is only believed of a phase that has told export at some
time: a meter without a sign tells the load the wrong way round while the sun feeds in, rightly so. As
soon as a phase with its transformer the wrong way round carries import, it tells export.
Chargers whose phases are not all measured are no signal: while their assumed draw moves, nothing counts;
so it is when one can be reached no more, or again.

*What can deceive it.* A battery that holds the line at zero faster than the meter looks, or a load that
is switched against a charger each time, to the ampere and between two looks of a slow meter: both look
like a frozen meter, and everybody charges at the minimum. A transformer with the wrong ratio fits no
answer. Single-phase vehicles test their phase only.

Source: load management specification, section 13.5. Currents are mA, times monotonic seconds.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from statistics import median
from typing import NamedTuple

from knxgw.dlm.member import Member, last_read_s, range_about, steady_about
from knxgw.frozen import replace

STEP_MA = 3000
STEPS = 5
BUILDING_MA = 1000  # a building that moves no more than this stands still
STILL_MA = 3 * STEP_MA // 10
SETTLED_MA = 500  # readings of a settled charger differ by no more than this
LATE_S = 5.0  # by how much a telegram may be late: at most, and nobody is told how much
SETTLED_S = 4.0  # for so long telegrams must have told a level
STILL_S = 30.0  # that the meter does not move is believed so long after the chargers
LONGEST_S = 120.0  # from one level to the next
MOST_WAITING = 30  # telegrams


class Answer(Enum):
    """What the meter made of a step of the chargers."""

    FOLLOWS = "follows"
    STILL = "still"
    WRONG_WAY = "wrong way"


EVERY_ANSWER = tuple(Answer)


class Sample(NamedTuple):
    """A telegram of one phase, and what the chargers drew when it may have been measured."""

    at_s: float  # when it came
    current_ma: int
    low_ma: int  # all chargers together, at least
    high_ma: int
    others_ma: int = 0  # those whose draw is assumed
    measured: int = 0  # whose draw is known: a bit for each number


class Level(NamedTuple):
    """Chargers that had settled, and the meter then."""

    drawn_ma: int
    current_ma: int  # the median of the meter's values
    at_s: float


@dataclass(frozen=True, kw_only=True)  # no slots: see knxgw.frozen
class Trail:
    """What is remembered of a phase to tell whether its meter follows."""

    waiting: tuple[tuple[float, int], ...] = ()  # telegrams that readings have not reached
    last: Sample | None = None
    since_s: float = 0.0  # when the chargers' present level was told first
    drawn_ma: int | None = None  # that level; None: they move
    values: tuple[tuple[float, int], ...] = ()  # of the meter at that level, the last ones
    before: Level | None = None  # the last settled level
    possible: tuple[Answer, ...] = EVERY_ANSWER  # since then
    answers: tuple[Answer, ...] = ()  # to the last steps
    has_sign: bool = False  # it has told export at some time
    finding: Answer | None = None  # what is wrong with it


NEW = Trail()


def hear(
    trail: Trail,
    phase: int,
    current_ma: int,
    members: Sequence[Member],
    spacing_s: float,
    now_s: float,
) -> Trail:
    """Take a value of the meter, and look at those that readings of the chargers have reached."""
    waiting = trail.waiting
    while waiting:
        sample = _sample(phase, waiting[0], members)
        if sample is None:
            break
        waiting = waiting[1:]
        trail = look(trail, sample, spacing_s)
    return replace(trail, waiting=(*waiting[1 - MOST_WAITING :], (now_s, current_ma)))


def look(trail: Trail, sample: Sample, spacing_s: float) -> Trail:
    """Look at a telegram; `spacing_s`: how often the meter tells."""
    if _is_cut(trail, sample):
        trail = replace(trail, before=None, drawn_ma=None, values=())
    possible = trail.possible
    if trail.before is not None and possible:
        possible = _possible(possible, trail.before, sample)
    drawn_ma, since_s = _drawn_ma(trail.drawn_ma, sample), trail.since_s
    values: tuple[tuple[float, int], ...] = ()
    if drawn_ma is not None:
        if drawn_ma == trail.drawn_ma:
            from_s = sample.at_s - max(spacing_s, SETTLED_S) - 2.0
            values = tuple(one for one in trail.values if one[0] >= from_s)
        else:
            since_s = sample.at_s
        values = (*values, (sample.at_s, sample.current_ma))
    trail = replace(
        trail,
        last=sample,
        since_s=since_s,
        drawn_ma=drawn_ma,
        values=values,
        possible=possible,
    )
    if sample.current_ma <= -SETTLED_MA and not trail.has_sign:
        trail = _concluded(replace(trail, has_sign=True))
    if drawn_ma is not None and len(values) > 1 and sample.at_s >= since_s + SETTLED_S:
        trail = _settled(trail, drawn_ma, sample.at_s)
    return trail


def _is_cut(trail: Trail, sample: Sample) -> bool:
    """Tell whether nothing can be said about what came before, because somebody unseen moved."""
    last, before = trail.last, trail.before
    if last is None:
        return False
    return (
        sample.measured != last.measured
        or abs(sample.others_ma - last.others_ma) > SETTLED_MA
        or (before is not None and sample.at_s > before.at_s + LONGEST_S)
    )


def _possible(answers: Iterable[Answer], before: Level, sample: Sample) -> tuple[Answer, ...]:
    """Return which answers a telegram still allows: those that leave the building standing still."""
    least_ma, most_ma = sample.low_ma - before.drawn_ma, sample.high_ma - before.drawn_ma
    moved_ma = sample.current_ma - before.current_ma
    slack_ma = BUILDING_MA + max(abs(least_ma), abs(most_ma)) // 10
    allowed = {
        Answer.FOLLOWS: least_ma - slack_ma <= moved_ma <= most_ma + slack_ma,
        Answer.STILL: abs(moved_ma) <= STILL_MA,
        Answer.WRONG_WAY: least_ma - slack_ma <= -moved_ma <= most_ma + slack_ma,
    }
    return tuple(answer for answer in answers if allowed[answer])


def _drawn_ma(before_ma: int | None, sample: Sample) -> int | None:
    """Return the level that the chargers are at: the one of before while they stay there."""
    if sample.high_ma - sample.low_ma > SETTLED_MA:
        return None
    now_ma = (sample.low_ma + sample.high_ma) // 2
    if before_ma is not None and abs(now_ma - before_ma) <= SETTLED_MA:
        return before_ma
    return now_ma


def _settled(trail: Trail, drawn_ma: int, now_s: float) -> Trail:
    """Note the answer to a step when the chargers have settled, and begin the next one here."""
    told = [current_ma for _, current_ma in trail.values]
    if max(told) - min(told) > BUILDING_MA:
        return trail  # the building moves: from here nothing could be told
    level = Level(drawn_ma, round(median(told)), now_s)
    before, possible = trail.before, trail.possible
    if before is not None and abs(drawn_ma - before.drawn_ma) >= STEP_MA and possible:
        if possible == (Answer.STILL,) and now_s < trail.since_s + STILL_S:
            return trail
        trail = _answered(trail, possible[0])
    return replace(trail, before=level, possible=EVERY_ANSWER)


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


def _sample(phase: int, told: tuple[float, int], members: Iterable[Member]) -> Sample | None:
    """Return a telegram with what the chargers drew about then; None: a reading is missing yet."""
    at_s, current_ma = told
    low_ma = high_ma = others_ma = measured = 0
    for member in members:
        if not (member.valid and member.reachable):
            continue
        if not member.settings.measures_each:
            others_ma += range_about(member, at_s, at_s, phase)[1]
            continue
        if member.connected and ((read_s := last_read_s(member)) is None or read_s < at_s):
            return None
        measured |= 1 << member.settings.number
        steady = steady_about(member, at_s - LATE_S)
        if steady is not None:
            low_ma, high_ma = low_ma + steady[phase], high_ma + steady[phase]
            continue
        least_ma, most_ma = range_about(member, at_s - LATE_S, at_s, phase)
        low_ma, high_ma = low_ma + least_ma, high_ma + most_ma
    return Sample(at_s, current_ma, low_ma, high_ma, others_ma, measured)
