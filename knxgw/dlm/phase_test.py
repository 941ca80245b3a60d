"""When a vehicle is lowered for some seconds, to see on which phases the line answers. Pure.

Most vehicles at chargers without measurement show by their start which phases they use (`used_phases`). If
several start at once, or charge when the gateway starts, nothing shows. That matters only where what they are
taken to draw fills the chargers' own line, while the meter shows that less is drawn. Once that has lasted for
five minutes, one vehicle after the other is lowered to its minimum until the meter has answered. Lowering is
always safe, and it takes about ten seconds. What stays unclear is tested again after a minute, then after
twice as long each time.

Source: load-management 4.7.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from knxgw.dlm.participant import Participant
from knxgw.dlm.settings import Settings
from knxgw.dlm.use import NEVER
from knxgw.dlm.used_phases import ANSWER_FROM_MA, LineAtRest, are_used_phases_certain, rests_since

TEST_AFTER_S = 300.0  # for so long there must have been a reason
FIRST_WAIT_S, LONGEST_WAIT_S = 60.0, 900.0  # until a vehicle is tested again
LATE_REST_S = 5.0  # the line may come to rest by so much later than it could at best


def is_phase_test_open(
    line: LineAtRest | None,
    participants: Iterable[Participant],
    settings: Settings,
    spacing_s: float,
    now_s: float,
) -> bool:
    """Tell whether a phase test is open: a vehicle was lowered, and the meter has not shown the result yet.

    The result is on which phases the vehicle draws. It shows in the next line at rest: values of all phases
    while no vehicle moves. The test is given up some seconds after that should have come, or once the vehicle
    takes no part any more. `line`: the last line at rest, in which the vehicle still drew what it had before
    the test; None: there was none, so nothing is tested. `spacing_s`: how far apart complete sets of the
    meter come.
    """
    if line is None:
        return False
    longest_s = settings.obey_s + settings.meter_delay_s + spacing_s + LATE_REST_S
    return any(
        participant.takes_part
        and now_s - participant.phase_evidence.tested_at < longest_s
        # in the last line at rest it still drew what it had before the test
        and line.assumed_ma.get(participant.settings.number, 0) > participant.offer_ma
        for participant in participants
    )


def next_to_test(
    line: LineAtRest | None,
    participants: Mapping[int, Participant],
    settings: Settings,
    now_s: float,
) -> Participant | None:
    """Return the participant that is to be lowered to its minimum now, to see which phases it uses.

    None: there is no need to know, or not for `TEST_AFTER_S` (5 min) yet; a vehicle at a charger without
    measurement has moved or gone since `line`, the last line at rest; or none can be tested now. Source: load-management 4.7d.
    """
    if line is None or line.reason_since is None or now_s < line.reason_since + TEST_AFTER_S:
        return None
    if not _is_still_at_rest(line, participants, settings, now_s):
        return None
    for participant in participants.values():
        is_unmeasured = participant.settings.number in line.assumed_ma
        has_waited = now_s >= _next_test_allowed_at(participant)
        if is_unmeasured and has_waited and _can_be_tested(participant):
            return participant
    return None


def note_test(participant: Participant, now_s: float) -> None:
    """Note that a vehicle is tested now, and how long its next test has to wait (in place).

    That is 1 min after its first test, then twice as long each time, at most `LONGEST_WAIT_S` (15 min).
    Another vehicle begins with 1 min again (`observe._forget_vehicle`).
    """
    evidence = participant.phase_evidence
    wait_s = min(max(FIRST_WAIT_S, 2 * evidence.test_wait_s), LONGEST_WAIT_S)
    participant.phase_evidence = replace(evidence, tested_at=now_s, test_wait_s=wait_s)


def _next_test_allowed_at(participant: Participant) -> float:
    """Return from when on a vehicle may be tested again, as far as its last test is concerned [monotonic s].

    Past for one that was never tested. A test of the vehicle before it at the charging point does not make it
    wait, because what stayed unclear then was about that vehicle. Source: load-management 4.7d.
    """
    return participant.phase_evidence.tested_at + participant.phase_evidence.test_wait_s


def _is_still_at_rest(
    line: LineAtRest, participants: Mapping[int, Participant], settings: Settings, now_s: float
) -> bool:
    """Tell whether no vehicle at a charger without measurement has moved since `line`, the last line at rest.

    If one has, a test could not be told from its movement. False also where one of these charging points is
    no longer there.
    """
    for number, assumed_ma in line.assumed_ma.items():
        participant = participants.get(number)
        if participant is None or participant.highest_draw_ma != assumed_ma:
            return False
        resting_since = rests_since(participant, settings)
        if resting_since is None or now_s < resting_since:
            return False
    return True


def with_reason_to_test(
    line: LineAtRest,
    before: LineAtRest | None,
    participants: Mapping[int, Participant],
    settings: Settings,
    now_s: float,
) -> LineAtRest:
    """Return a new line at rest that says since when there has been a reason for a phase test.

    There is one if, on some phase, assumed draws seem to fill the chargers' own line although the meter
    shows less. `reason_since` is None if there is none. `before`: the previous line at rest, whose reason
    keeps its instant; None: there was none. Source: load-management 4.7d.
    """
    has_reason = any(
        _is_assumed_draw_too_high(line, participants, settings, phase)
        for phase in range(len(line.rest_ma))
    )
    if not has_reason:
        return line  # a line is made with `reason_since` None
    known_since = None if before is None else before.reason_since
    return line._replace(reason_since=now_s if known_since is None else known_since)


def _is_assumed_draw_too_high(
    line: LineAtRest, participants: Mapping[int, Participant], settings: Settings, phase: int
) -> bool:
    """Tell whether a phase (0 to 2) of the chargers' own line seems full only because of what is assumed.

    Then others are kept from charging without need. The meter shows at least 3 A less than the unmeasured
    vehicles are taken to draw, so that lowering one can show on which phases it draws.
    """
    assumed_ma = sum(
        drawn_ma
        for number, drawn_ma in line.assumed_ma.items()
        if phase in participants[number].phases
    )
    other_ma = sum(
        participant.draw_ma[phase]
        for number, participant in participants.items()
        if number not in line.assumed_ma
    )
    seems_full = assumed_ma + other_ma > settings.chargers_ma - ANSWER_FROM_MA
    # `rest_ma` is the building and the unmeasured chargers; where it is lower, they draw less than assumed
    return seems_full and assumed_ma - line.rest_ma[phase] >= ANSWER_FROM_MA


def next_test_at(line: LineAtRest | None, participants: Iterable[Participant]) -> float:
    """Return from when on a vehicle may be lowered to see which phases it uses [monotonic s].

    NEVER (infinite): there is no reason for such a test, or no vehicle that can be tested. `line`: the last
    line at rest; None: there was none.
    """
    if line is None or line.reason_since is None:
        return NEVER
    waits_until = [
        _next_test_allowed_at(participant)
        for participant in participants
        if participant.settings.number in line.assumed_ma and _can_be_tested(participant)
    ]
    return max(line.reason_since + TEST_AFTER_S, min(waits_until, default=NEVER))


def _can_be_tested(participant: Participant) -> bool:
    """Tell whether lowering a participant can show which phases it uses, and that is not certain yet.

    It must take part. The line shows a change clearly from 3 A (`ANSWER_FROM_MA`), so its offer must be that
    much above the minimum.
    """
    change_ma = participant.offer_ma - participant.settings.minimum_ma
    return (
        participant.takes_part
        and not are_used_phases_certain(participant)
        and change_ma >= ANSWER_FROM_MA
    )
