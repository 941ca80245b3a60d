"""What a vehicle at a charger without measurement takes at most: how the line responds to its offers. Pure.

*The problem.* Such a vehicle is taken to draw what it is offered. One that takes less, because its on-board
charger is small or its battery nearly full, is offered more and more: each raise that it does not use seems to
make the building smaller by as much. It drives up its offer without end, others seem to have something to give
way with, and lowering them frees nothing.

*The answer.* Two *lines at rest* (`used_phases`) are compared between which its assumed draw has changed by 3 A
or more. If the line has not moved, by 1 A at most, the vehicle takes no more than the lower of both draws. That and
the headroom is its cap by use, for a quarter of an hour: then it is offered more again, and shows again what it
takes. A line that moved by a part of the change proves nothing: the building may have taken less meanwhile.

*Why it cannot mislead much.* Some vehicles begin late: nothing is concluded within T_wait (5 min). Where the
building may have moved too, nothing is concluded: a phase that went the other way, or that dipped or peaked in
between. What other vehicles may have done counts for this one. A wrong cap costs a vehicle some current for a
quarter of an hour, which others get; no offer is ever raised by it.

Source: load-management 14.1d.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from knxgw.dlm.participant import Participant
from knxgw.dlm.participant_values import UseCap
from knxgw.dlm.settings import Settings
from knxgw.dlm.used_phases import (
    ANSWER_FROM_MA,
    UNCHANGED_MA,
    LineAtRest,
    change_of_phase,
    has_stayed_between,
)

References = Mapping[int, LineAtRest]  # by number: the line with which the next one is compared


def widened(references: References, values_ma: Sequence[int]) -> References:
    """Return the reference lines with the range that the meter has shown since then, widened to `values_ma`."""
    return {number: line.with_later_values(values_ma) for number, line in references.items()}


def examine_response(
    references: References,
    line: LineAtRest,
    participants: Mapping[int, Participant],
    settings: Settings,
    now_s: float,
) -> tuple[References, dict[int, Participant]]:
    """Return the next reference lines, and changed copies of participants that are shown to take less.

    Both by number. `line`: the present line at rest; it becomes the reference of each vehicle that has just
    been judged, that has started or stopped or may still begin, or beside which the building has moved. Source:
    load-management 14.1d.
    """
    next_references, changed = {}, {}
    for number in line.assumed_ma:
        reference = references.get(number)
        may_begin_late = now_s - participants[number].served_since(now_s) < settings.wait_s
        if reference is None or may_begin_late or not _are_comparable(reference, line, number):
            next_references[number] = line
            continue
        change_ma = line.assumed_ma[number] - reference.assumed_ma[number]
        if abs(change_ma) < ANSWER_FROM_MA:
            has_moved = _has_building_moved(reference, line)
            next_references[number] = line if has_moved else reference
            continue
        next_references[number] = line
        most_ma = _most_drawn_ma(reference, line, participants, number)
        known = participants[number].use.cap  # what it was lowered to by that shows nothing better
        if most_ma is not None and (known is None or most_ma < known.draw_ma):
            changed[number] = _capped(participants[number], most_ma, settings, now_s)
    return next_references, changed


def _are_comparable(reference: LineAtRest, line: LineAtRest, number: int) -> bool:
    """Tell whether two lines are about the same chargers, and the vehicle at `number` drew at both."""
    return (
        reference.assumed_ma.keys() == line.assumed_ma.keys()
        and reference.measured == line.measured
        and reference.assumed_ma[number] > 0
        and line.assumed_ma[number] > 0
    )


def _has_building_moved(reference: LineAtRest, line: LineAtRest) -> bool:
    """Tell whether some phase has changed by more than the vehicles can explain, by over 1 A."""
    changes_ma = [line.assumed_ma[number] - ma for number, ma in reference.assumed_ma.items()]
    most_ma = sum(max(0, change_ma) for change_ma in changes_ma) + UNCHANGED_MA
    least_ma = sum(min(0, change_ma) for change_ma in changes_ma) - UNCHANGED_MA
    return any(
        not least_ma <= after_ma - before_ma <= most_ma
        for before_ma, after_ma in zip(reference.rest_ma, line.rest_ma, strict=True)
    )


def _most_drawn_ma(
    reference: LineAtRest, line: LineAtRest, participants: Mapping[int, Participant], number: int
) -> int | None:
    """Return the most that a vehicle takes [mA per phase]; None: all that it is offered, or it is not clear.

    It is not clear if one of its phases may have moved by more than 1 A, or carried more or less in between
    than at both lines.
    """
    for phase in participants[number].phases:
        least_ma, most_ma = change_of_phase(phase, number, reference, line, participants)
        has_moved = least_ma < -UNCHANGED_MA or most_ma > UNCHANGED_MA
        if has_moved or not has_stayed_between(phase, reference, line):
            return None
    return min(reference.assumed_ma[number], line.assumed_ma[number])


def _capped(
    participant: Participant, most_drawn_ma: int, settings: Settings, now_s: float
) -> Participant:
    """Return a copy with the cap by use of a vehicle that takes no more than `most_drawn_ma`."""
    cap_ma = max(participant.settings.minimum_ma, most_drawn_ma + settings.headroom_ma)
    copy = participant.clone()
    copy.use = replace(
        participant.use, cap=UseCap(ma=cap_ma, draw_ma=most_drawn_ma, headroom_changed_at=now_s)
    )
    copy.unchanged_until = now_s
    return copy
