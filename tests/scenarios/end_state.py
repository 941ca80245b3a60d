"""What must be so when nothing has happened for a while: nobody is held down when nothing is the matter.

The offers are compared with what `solve()` gives on what the line really carries.
Currents are mA per phase.

Source: load-management 8, 9.2 to 9.4, 14, 22.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from knxgw.catalogue.codes import FaultCode
from knxgw.dlm.allocation import (
    FINE_MA,
    AllocationRequest,
    mains_constraints,
    room_by_mains_phase,
    solve,
)
from knxgw.sim.bench.recording import PointLog, Recording
from knxgw.sim.bench.scenario import PointModel, Scenario, Told
from knxgw.station.model import GridControlCommanded, InterruptionCommanded

LEAST_HEADROOM_MA, HEADROOM_MA = 500, 2000  # left to an under-using vehicle (load-management 14.1)
LOWER_FROM_MA = 500  # delta_dn
WORTH_MA = 200  # a smaller raise is never given
READ_MA = 150  # rounding of setpoints, readings and coarse datapoint types
SHED_MA = 1000  # beyond the minimum of one that the queue or overcurrent stopped (load-management 12.4, 18.1)
DRAWS_MA = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Point:
    """One charging point at the end."""

    number: int
    model: PointModel
    offer_ma: int
    draw_ma: float
    used: tuple[int, ...]  # grid phases of the vehicle; none without one
    can_use_ma: int
    cap_ma: int
    whole_ma: int  # the cap with all of its headroom, which a measured vehicle may have or not
    counts_for: tuple[int, ...]  # grid phases that are kept for it


def end_state(scenario: Scenario, recording: Recording) -> list[str]:
    """Return in words what is not as it should be at the end of a quiet time."""
    points = _points(scenario, recording)
    wanting = [
        one
        for one in points
        if one.used and one.can_use_ma > DRAWS_MA and one.cap_ma >= one.model.minimum_ma
    ]
    running = [one for one in wanting if one.offer_ma]
    room_ma = _room_ma(scenario, recording, points, running)
    found = _present(recording, is_hopeless=_is_hopeless(wanting, room_ma))
    reported_ma = READ_MA + (scenario.meter.min_change_ma or 0)
    needs_spare = bool(scenario.settings.get("queue")) or _is_locked_out(recording)
    spare_ma = SHED_MA if needs_spare else 0
    found += _waits_for_nothing(wanting, running, room_ma, spare_ma + reported_ma)
    known_ma = _room_ma(scenario, recording, points, running, is_by_offer=True)
    found += _held_down(scenario, running, room_ma, known_ma, reported_ma)
    paused = [one for one in points if one.cap_ma < one.model.minimum_ma and one.offer_ma]
    return found + [f"CP{one.number} has {_a(one.offer_ma)}, 0 A was ordered" for one in paused]


def _present(recording: Recording, *, is_hopeless: bool) -> list[str]:
    """Return the faults that are present; an overcurrent only if somebody would fit."""
    return [
        f"fault {code} of {f'CP{point}' if point else 'the gateway'}"
        for point, code in _faults(recording)
        if not (code is FaultCode.OVER_CURRENT and is_hopeless)
    ]


def _faults(recording: Recording) -> list[tuple[int, FaultCode]]:
    """Return the charging points (0: the gateway) and codes of the faults at the end."""
    present = {(fault.point, fault.code): fault.present for fault in recording.faults}
    return [key for key, is_so in present.items() if is_so]


def _is_locked_out(recording: Recording) -> bool:
    return any(code is FaultCode.OVER_CURRENT for _, code in _faults(recording))


def _is_hopeless(wanting: Sequence[_Point], room_ma: list[float]) -> bool:
    """Tell whether nobody would fit if all others had 0 A."""
    return not any(
        all(
            room_ma[phase] >= one.model.minimum_ma + SHED_MA + READ_MA
            for phase in one.model.wired
            if phase < len(room_ma)
        )
        for one in wanting
    )


def _points(scenario: Scenario, recording: Recording) -> list[_Point]:
    grid, interrupted = _commands(scenario)
    grid_ma = scenario.connection.grid_setpoint_ma
    found = []
    for number, (model, log) in enumerate(
        zip(scenario.points, recording.points, strict=True), start=1
    ):
        used, can_use_ma = log.used.last, log.can_use.last
        cap_ma = whole_ma = model.maximum_ma
        is_satisfied = log.offers.last >= can_use_ma + LEAST_HEADROOM_MA
        if not model.is_measured and is_satisfied:
            # a test of its phases may have lowered it a moment ago (load-management 4.7d)
            cap_ma = whole_ma = min(cap_ma, max(model.minimum_ma, log.offers.last))
        elif model.is_measured:  # nobody knows what one without measurement leaves
            least_ma, most_ma = can_use_ma + LEAST_HEADROOM_MA, can_use_ma + HEADROOM_MA
            left_ma = min(max(log.offers.last, least_ma), most_ma)
            cap_ma = min(cap_ma, max(model.minimum_ma, left_ma))
            whole_ma = min(whole_ma, max(model.minimum_ma, most_ma))
        if grid:
            cap_ma, whole_ma = min(cap_ma, grid_ma), min(whole_ma, grid_ma)
        found.append(
            _Point(
                number=number,
                model=model,
                offer_ma=log.offers.last,
                draw_ma=_draw_ma(recording, log),
                used=used,
                can_use_ma=can_use_ma,
                cap_ma=0 if number in interrupted else cap_ma,
                whole_ma=0 if number in interrupted else whole_ma,
                counts_for=_kept(scenario, model, used, offer_ma=log.offers.last),
            )
        )
    return found


def _draw_ma(recording: Recording, log: PointLog) -> float:
    return log.draw.at(recording.ended_at)


def _kept(
    scenario: Scenario, model: PointModel, used: tuple[int, ...], *, offer_ma: int
) -> tuple[int, ...]:
    """Return the phases a charging point counts for: the used ones, as far as that is known."""
    phases = range(scenario.connection.phases)
    known = used if model.is_measured and offer_ma else model.wired
    return tuple(phase for phase in known if phase in phases)


def _commands(scenario: Scenario) -> tuple[bool, set[int]]:
    """Return whether grid-supporting control is on, and who is interrupted."""
    grid, interrupted = False, set[int]()
    for happening in sorted(scenario.happenings, key=lambda one: one.happens_at):
        event = happening.event if isinstance(happening, Told) else None
        if isinstance(event, GridControlCommanded):
            grid = event.is_active
        elif isinstance(event, InterruptionCommanded):
            change = interrupted.add if event.is_active else interrupted.discard
            change(event.point)
    return grid, interrupted


def _room_ma(
    scenario: Scenario,
    recording: Recording,
    points: Sequence[_Point],
    running: Sequence[_Point],
    *,
    is_by_offer: bool = False,
) -> list[float]:
    """Return what those who charge have to share.

    Of a vehicle that takes less than a charger without measurement offers nobody knows; what it
    leaves is not counted on. By offer: it is taken to be drawn, so the base load seems lower.
    """
    connection, end_s = scenario.connection, recording.ended_at
    feeder_ma = connection.limit_ma if connection.feeder_ma is None else connection.feeder_ma
    limit_ma = connection.limit_ma
    if scenario.meter.dpt == "7.012":
        limit_ma = min(limit_ma, 60_000)
    room = []
    for phase in range(connection.phases):
        base_ma, others_ma, over_ma = recording.load[phase].at(end_s), 0.0, 0.0
        base_ma -= _unseen_ma(running, phase) if is_by_offer else 0.0
        for one in points:
            drawn_ma = one.draw_ma if phase in one.used else 0.0
            base_ma -= drawn_ma
            if one in running:
                over_ma += max(0.0, drawn_ma - one.offer_ma)
            else:
                others_ma += drawn_ma
        room.append(min(limit_ma - base_ma, feeder_ma) - others_ma - over_ma)
    return room


def _waits_for_nothing(
    wanting: Sequence[_Point], running: Sequence[_Point], room_ma: list[float], spare_ma: int
) -> list[str]:
    """Return who has no current although its minimum fits with so much to spare."""
    left = [
        ma - sum(one.model.minimum_ma for one in running if phase in one.counts_for)
        for phase, ma in enumerate(room_ma)
    ]
    return [
        f"CP{one.number} has 0 A, and {_a(min(left[p] for p in one.counts_for))} are left"
        for one in wanting
        if not one.offer_ma
        and all(
            left[phase] >= one.model.minimum_ma + spare_ma + WORTH_MA for phase in one.counts_for
        )
    ]


def _held_down(
    scenario: Scenario,
    running: Sequence[_Point],
    room_ma: list[float],
    known_ma: list[float],
    reported_ma: int,
) -> list[str]:
    """Return who has less than its fair share, or less than is left for it; and what is too much."""
    found = []
    shares = [
        AllocationRequest(
            minimum_ma=one.model.minimum_ma,
            cap_ma=max(one.model.minimum_ma, one.cap_ma),
            constraints=mains_constraints(tuple(one.counts_for)),
            is_prioritised=one.number == scenario.connection.priority,
        )
        for one in running
    ]
    fair = [
        min(by_draw_ma, by_offer_ma)
        for by_draw_ma, by_offer_ma in zip(
            solve(room_by_mains_phase([round(ma) for ma in room_ma]), shares),
            solve(room_by_mains_phase([round(ma) for ma in known_ma]), shares),
            strict=True,
        )
    ]
    left = [
        ma - sum(one.offer_ma for one in running if phase in one.counts_for)
        for phase, ma in enumerate(room_ma)
    ]
    coarsest_ma = max((one.model.resolution_ma for one in running), default=FINE_MA)
    for one, fair_ma in zip(running, fair, strict=True):
        step_ma = one.model.resolution_ma if one.model.resolution_ma > FINE_MA else WORTH_MA
        unused_ma = min((left[phase] for phase in one.counts_for), default=0.0)
        worth_ma = coarsest_ma + reported_ma + WORTH_MA * _sharers(running, one)
        if one.offer_ma + step_ma <= one.cap_ma and unused_ma >= worth_ma:
            found.append(f"CP{one.number} has {_a(one.offer_ma)}, and {_a(unused_ma)} are left")
        tolerance_ma = max(LOWER_FROM_MA, coarsest_ma) + reported_ma
        if one.offer_ma < fair_ma - tolerance_ma:
            found.append(f"CP{one.number} has {_a(one.offer_ma)}, its share is {_a(fair_ma)}")
        if one.offer_ma > max(one.cap_ma, one.model.minimum_ma):
            found.append(f"CP{one.number} has {_a(one.offer_ma)}, it may use {_a(one.cap_ma)}")
    for phase, ma in enumerate(left):
        users = [one for one in running if phase in one.counts_for]
        above = any(one.offer_ma > one.model.minimum_ma for one in users)
        above = above and all(one.model.is_measured for one in running)
        if above and ma < -LOWER_FROM_MA - reported_ma:
            found.append(f"the offers on L{phase + 1} are {_a(-ma)} above what there is")
    return found


def _unseen_ma(running: Sequence[_Point], phase: int) -> float:
    """Return what vehicles leave of offers of chargers without measurement: taken to be drawn.

    It lowers the base load that the gateway knows, so others have more by that. Where they use it, a
    share by what is really drawn is not theirs to give. Source: load-management 9.2c, 9.3j.
    """
    return sum(
        max(0.0, one.offer_ma - (one.draw_ma if phase in one.used else 0.0))
        for one in running
        if not one.model.is_measured and phase in one.counts_for
    )


def _sharers(running: Sequence[_Point], point: _Point) -> int:
    """Return how many divide a raise: it, and who could also have more on one of its phases.

    Each gets an equal part, and a part below the smallest raise is not given. Source:
    load-management 9.4g.
    """
    phases = set(point.counts_for)
    others = [one for one in running if one is not point and one.offer_ma < one.whole_ma]
    return 1 + sum(not phases.isdisjoint(one.counts_for) for one in others)


def _a(current_ma: float) -> str:
    return f"{current_ma / 1000:.2f} A"
