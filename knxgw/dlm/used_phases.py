"""Which phases a vehicle uses at a charger without measurement: found by what the meter shows. Pure.

*The problem.* Such a charger is taken to draw its offer on every phase that it is wired to. If its vehicle
uses one phase, two of these currents do not exist. They do no harm to the mains, which are measured, but they
take up the chargers' own line, and lowering them frees nothing.

*The answer.* When one vehicle draws more or less, the line changes on the phases that this vehicle uses, and
on no other. So two lines *at rest* are compared. At rest every vehicle has had the time to obey its last
offer, and the meter has sampled each phase since. What other vehicles may have changed meanwhile is a range,
because they may use fewer phases than are known, or take less than they are offered; the answer must be clear
for all of that range.

*Why it cannot mislead much.* A phase is left out only if another one answered. So neither a vehicle that took
no notice nor a load of the building on all phases decides anything. A phase whose load has dipped or peaked
between the two lines is unclear: there the building may have let go of what the vehicle took. A start that
shows on one phase of three is enough: to be mistaken, the building would have to let go of the vehicle's
current on two phases, ampere by ampere as the vehicle takes it, and not on the third. All else must be found
twice. And whatever was found, the mains are supervised by what is measured.

*Vehicles that add phases later.* A finding counts after a minute. If by then, or ever after, the phases that
were left out rise together by 4 A more than the others, they count again. A load of the building on all
phases does not do that.

When nothing changes by itself, a vehicle is lowered for some seconds: see `phase_test`.

Source: load-management 4.7.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from knxgw.dlm.draw_history import (
    EARLY_S,
    draw_range_about,
    last_read_at,
    must_be_obeyed_at,
)
from knxgw.dlm.participant import Participant, PastDraw, Phases
from knxgw.dlm.participant_values import FoundPhases
from knxgw.dlm.settings import Settings

CERTAIN_TIMES = 2  # so often the same must be found to count; a clear start counts as so many
ANSWER_FROM_MA = 3000  # a change of the draw by less does not show clearly
FOUND_FOR_S = 60.0  # a finding counts after that: some vehicles add phases a little later
UNCHANGED_MA = 1000  # a phase that changed by less carries no more than before
STARTED_FROM_MA = 4000  # a start shows at least so much: 6 A, less what a meter may be wrong by
STEADY_MA = 500  # a draw whose readings differ by less has not moved


class LineAtRest(NamedTuple):
    """What the line carried while every vehicle drew what it was offered, or what it takes of that."""

    # per phase, without what measuring chargers drew: the building and the unmeasured chargers
    rest_ma: tuple[int, ...]
    # what each charger without measurement is taken to draw on each of its phases, by its number; one that
    # cannot be reached is not in it
    assumed_ma: Mapping[int, int]
    carried_ma: tuple[int, ...]  # per phase, all of it
    # numbers of the measuring chargers that are left out of it
    measured: frozenset[int] = frozenset()
    # since when there has been a reason for a test [monotonic s] (`phase_test`)
    reason_since: float | None = None
    # the least and the most that the meter has shown per phase since; empty: it has shown nothing
    least_since_ma: tuple[int, ...] = ()
    most_since_ma: tuple[int, ...] = ()

    def with_later_values(self, values_ma: Sequence[int]) -> "LineAtRest":
        """Return the line with the range that the meter has shown since then, widened to `values_ma`.

        `values_ma`: of each phase [mA]. By the range it is judged whether a phase dipped or peaked before the
        next line at rest: then the building may have hidden what a vehicle did (`has_stayed_between`).
        """
        return self._replace(
            least_since_ma=tuple(map(min, self.least_since_ma or values_ma, values_ma)),
            most_since_ma=tuple(map(max, self.most_since_ma or values_ma, values_ma)),
        )


class Change(NamedTuple):
    """By how much the line changed on a phase [mA], for the building and one vehicle together.

    It is a range, because it is not known how much the other vehicles have changed of that.
    """

    least_ma: int
    most_ma: int


def line_at_rest(
    values_ma: Sequence[int],
    sampled_at: float,
    arrived_at: float,
    participants: Iterable[Participant],
    settings: Settings,
) -> LineAtRest | None:
    """Return what building and unmeasured chargers draw while no vehicle moves; None: one may move.

    That is the meter's values less what measuring chargers drew. No vehicle moves if each unmeasured one
    must have obeyed its offer before the samples, and each measuring charger was read since, with the same
    draw as before (within 0.5 A). `sampled_at`: when the oldest value was sampled; `arrived_at`: when the
    newest one came [monotonic s]. Source: load-management 4.7a.
    """
    rest_ma, assumed_ma, measured = list(values_ma), {}, set()
    for participant in participants:
        if not participant.is_draw_known:
            continue  # its draw counts as the building's
        if not participant.settings.measures_current:
            resting_since = rests_since(participant, settings)
            # the meter may have sampled earlier than its configured delay says (`EARLY_S`)
            if resting_since is None or sampled_at - EARLY_S < resting_since:
                return None  # it may have been moving still
            assumed_ma[participant.settings.number] = participant.highest_draw_ma
            continue
        read_at = last_read_at(participant)
        if participant.is_connected and (read_at is None or read_at < sampled_at):
            return None  # what it drew then is not known yet
        for phase in range(len(rest_ma)):
            drawn = draw_range_about(participant, sampled_at, arrived_at, phase)
            if drawn.most_ma - drawn.least_ma > STEADY_MA:
                return None  # it was moving
            rest_ma[phase] -= (drawn.least_ma + drawn.most_ma) // 2
        measured.add(participant.settings.number)
    return LineAtRest(tuple(rest_ma), assumed_ma, tuple(values_ma), frozenset(measured))


def rests_since(participant: Participant, settings: Settings) -> float | None:
    """Return since when an unmeasured vehicle has had the time to draw what is assumed [monotonic s].

    To be called only without measurement. That is 6 s (`obey_s`) after its last offer, and after its assumed
    draw reached 3 A; and not before the assumed draw became what it is. None: it still moves, or was noted
    only once.
    """
    history = participant.history
    if len(history) < 2 or history[-1].draw_ma != history[-2].draw_ma:
        return None
    # of equal entries in a row only the first and the last are kept: [-2] is when the draw became this
    since = max(must_be_obeyed_at(participant, settings), history[-2].read_at)
    # since when its assumed draw has been 3 A or more
    began_at = participant.phase_evidence.charges_clearly_since
    return since if began_at is None else max(since, began_at + settings.obey_s)


def are_used_phases_certain(participant: Participant) -> bool:
    """Tell whether it is certain which phases a participant's vehicle uses, so that no test is needed.

    Only one phase is wired, or the same phases were found twice in a row (`CERTAIN_TIMES`); a clear start
    counts as twice.
    """
    found = participant.phase_evidence.found
    return len(participant.settings.wired_phases) == 1 or (
        found is not None and found.times >= CERTAIN_TIMES
    )


def find_used_phases(
    before: LineAtRest,
    after: LineAtRest,
    participants: Mapping[int, Participant],
    now_s: float,
) -> dict[int, Participant]:
    """Return changed copies, by number, of participants about whose phases two lines at rest say something.

    No vehicle moved while the lines `before` and `after` were measured, so what differs is a start, another
    offer, or the building. What shows is noted in `PhaseEvidence.found`. Once that is certain and a minute
    old it becomes `phases`, which count for load management. Source: load-management 4.7.
    """
    if before.assumed_ma.keys() != after.assumed_ma.keys() or before.measured != after.measured:
        return {}  # a charger was known in one of them only: in the other its draw is the building's
    changed = {}
    for number in after.assumed_ma:
        participant = participants[number]
        found = _found_phases(before, after, participants, participant, now_s)
        phases = _counted_phases(participant, found, now_s)
        if found is not participant.phase_evidence.found or phases != participant.phases:
            changed[number] = participant.clone()
            changed[number].phases = phases
            changed[number].phase_evidence = replace(participant.phase_evidence, found=found)
    return changed


def _found_phases(
    before: LineAtRest,
    after: LineAtRest,
    participants: Mapping[int, Participant],
    participant: Participant,
    now_s: float,
) -> FoundPhases | None:
    """Return which phases a vehicle uses: those on which the line changed as its assumed draw did.

    What was known before stays while nothing clear shows; it is forgotten once a phase that was known as
    unused turns out used. None: nothing is known. Source: load-management 4.7.
    """
    number, known = participant.settings.number, participant.phase_evidence.found
    wired = participant.settings.wired_phases
    drawn_before_ma, drawn_after_ma = before.assumed_ma[number], after.assumed_ma[number]
    if not drawn_after_ma:
        return known  # the vehicle has stopped: what was found of it holds
    changes = {
        phase: change_of_phase(phase, number, before, after, participants) for phase in wired
    }
    if known is not None and drawn_before_ma:
        unused = [changes[phase] for phase in wired if phase not in known.phases]
        if unused and _may_have_joined(unused, [changes[phase] for phase in known.phases]):
            return None  # the vehicle has begun to use them, too
    if abs(drawn_after_ma - drawn_before_ma) < ANSWER_FROM_MA:
        return known  # too small a change to show on the line
    has_followed = _which_have_followed(changes, number, before, after)
    used = tuple(phase for phase in wired if has_followed[phase])
    if known is not None and not set(used) <= set(known.phases):
        known = None  # a phase has followed that was known as unused
    if None in has_followed.values() or not used:
        return known  # some phase is unclear, or none has followed
    return _found_once_more(used, known, len(wired), now_s, is_start=not drawn_before_ma)


def _which_have_followed(
    changes: Mapping[int, Change], number: int, before: LineAtRest, after: LineAtRest
) -> dict[int, bool | None]:
    """Return by phase whether it changed as the vehicle at charging point `number` did; None: not clear.

    A phase that seems unchanged is unclear if it has carried more or less in between: there the building may
    have hidden the vehicle. `changes`: by phase (0 to 2).
    """
    drawn_before_ma, drawn_after_ma = before.assumed_ma[number], after.assumed_ma[number]
    has_followed = {
        phase: _has_followed_vehicle(change, drawn_before_ma, drawn_after_ma)
        for phase, change in changes.items()
    }
    for phase, answer in has_followed.items():
        if answer is False and not has_stayed_between(phase, before, after):
            has_followed[phase] = None
    return has_followed


def _found_once_more(
    used: tuple[int, ...],
    known: FoundPhases | None,
    wired_count: int,
    now_s: float,
    *,
    is_start: bool,
) -> FoundPhases:
    """Return the finding that a vehicle uses the phases `used`, with how often in a row that was found.

    After a start of the vehicle (`is_start`) it is certain at once where all wired phases followed, or only
    one of three: the building could look like the latter only by a change on two phases at the same moment.
    All else must be found twice (`CERTAIN_TIMES`, more is not counted). `known`: what was found before, if
    anything. Source: load-management 4.7b.
    """
    left_out_count = wired_count - len(used)
    is_clear_start = is_start and left_out_count != 1  # none is left out, or two are
    times = CERTAIN_TIMES if is_clear_start else 1
    if known is not None and known.phases == used:
        times += known.times
    return FoundPhases(phases=used, at=now_s, times=min(times, CERTAIN_TIMES))


def _counted_phases(
    participant: Participant, found: FoundPhases | None, now_s: float
) -> tuple[int, ...]:
    """Return the phases on which a participant counts from now on, by what was found of its vehicle's phases.

    What was found counts once it is certain and a minute has passed: some vehicles add phases a little
    later. Until then nothing changes. All wired phases count where nothing is found, or where the vehicle
    uses one that does not count at present.
    """
    if found is None or not set(found.phases) <= set(participant.phases):
        return participant.settings.wired_phases
    is_certain_for_long = found.times >= CERTAIN_TIMES and now_s >= found.at + FOUND_FOR_S
    return found.phases if is_certain_for_long else participant.phases


def change_of_phase(
    phase: int,
    number: int,
    before: LineAtRest,
    after: LineAtRest,
    participants: Mapping[int, Participant],
) -> Change:
    """Return by how much a phase (0 to 2) has changed for the building and one vehicle together.

    The vehicle is the one at charging point `number`. That is the change of the line less that of all other
    vehicles: a range, because each of these has changed its draw by anything from nothing to its whole
    assumed change.
    """
    least_ma = most_ma = after.rest_ma[phase] - before.rest_ma[phase]
    for other, drawn_ma in after.assumed_ma.items():
        if other != number and phase in participants[other].phases:
            assumed_change_ma = drawn_ma - before.assumed_ma[other]
            least_ma -= max(0, assumed_change_ma)
            most_ma -= min(0, assumed_change_ma)
    return Change(least_ma, most_ma)


def _has_followed_vehicle(change: Change, drawn_before_ma: int, drawn_after_ma: int) -> bool | None:
    """Tell whether a phase changed as a vehicle on it would have; None: that is not clear.

    True: it surely changed in the same direction as the vehicle's assumed draw, by 3 A or more (4 A at a
    start), and by no more than that draw and 1 A: a vehicle may take less than its offer. False: it surely
    changed by 1 A at most (`UNCHANGED_MA`). `change`: the range within which the change of the phase lies.
    """
    least_ma, most_ma = change
    expected_ma = drawn_after_ma - drawn_before_ma
    if expected_ma < 0:
        # the vehicle draws less: all signs are turned, so that a rise is looked for in either case
        least_ma, most_ma, expected_ma = -most_ma, -least_ma, -expected_ma
    if least_ma >= -UNCHANGED_MA and most_ma <= UNCHANGED_MA:
        return False
    has_just_started = not drawn_before_ma
    lowest_ma = STARTED_FROM_MA if has_just_started else ANSWER_FROM_MA
    if least_ma >= lowest_ma and most_ma <= expected_ma + UNCHANGED_MA:
        return True
    return None


def has_stayed_between(phase: int, before: LineAtRest, after: LineAtRest) -> bool:
    """Tell whether a phase has never carried 1 A less or more in between than at the two lines at rest.

    Where it has, the building has switched something off and something else on, which may have hidden the
    vehicle. What the meter has shown in between is in `before`. Source: load-management 4.7e.
    """
    if not before.least_since_ma:
        return True  # the meter has shown nothing in between
    ends_ma = before.carried_ma[phase], after.carried_ma[phase]
    return (
        before.least_since_ma[phase] >= min(ends_ma) - UNCHANGED_MA
        and before.most_since_ma[phase] <= max(ends_ma) + UNCHANGED_MA
    )


def _may_have_joined(left_out: Sequence[Change], others: Sequence[Change]) -> bool:
    """Tell whether a vehicle may have begun to use the phases that were left out, all of them at once.

    If so what was found of it is forgotten. Each must have risen by 4 A, and by 4 A more than each phase that
    the vehicle uses (`others`): a load of the building on all phases does not do that. The upper ends of the
    ranges count, so that in doubt the phases count again. Neither argument may be empty. Source:
    load-management 4.7c.
    """
    joined_ma = min(change.most_ma for change in left_out)
    more_ma = joined_ma - max(change.most_ma for change in others)
    return joined_ma >= STARTED_FROM_MA and more_ma >= STARTED_FROM_MA


def leave_out_unused(participant: Participant) -> Phases:
    """Remove a participant's assumed draw from phases that do not count (in place), and return it.

    To be called only without measurement. In mA per grid phase. That current was only assumed and never
    drawn, so it leaves the history too.
    """
    before_ma = participant.draw_ma
    participant.draw_ma = _on_counted_phases(participant, before_ma)
    participant.history = tuple(
        PastDraw(past.read_at, _on_counted_phases(participant, past.draw_ma))
        for past in participant.history
    )
    after_ma = participant.draw_ma
    return before_ma[0] - after_ma[0], before_ma[1] - after_ma[1], before_ma[2] - after_ma[2]


def _on_counted_phases(participant: Participant, draw_ma: Phases) -> Phases:
    """Return a draw [mA per grid phase] with 0 on each phase that does not count for a participant."""
    first, second, third = (
        draw_ma[phase] if phase in participant.phases else 0 for phase in range(3)
    )
    return first, second, third
