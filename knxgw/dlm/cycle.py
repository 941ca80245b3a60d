"""One cycle of load management: what everybody may draw now, and why. Pure: a state in, one out.

Source: load-management 6 to 14.
"""

from collections.abc import Mapping, Sequence

from knxgw.charging.faults import FaultCode
from knxgw.charging.words import Reason
from knxgw.dlm import meter as meters
from knxgw.dlm import overcurrent as overcurrents
from knxgw.dlm import queue as queues
from knxgw.dlm.base_load import AT_REST_S, add_draw, look_again, look_at_rest, remember
from knxgw.dlm.follows import Answer
from knxgw.dlm.member import DRAWS_MA, Member, Phases, Seen, is_quiet, observe
from knxgw.dlm.overcurrent import Load
from knxgw.dlm.settings import Settings
from knxgw.dlm.share import share
from knxgw.dlm.state import LONG_AGO_S, LoadManagement
from knxgw.dlm.use import follow_use
from knxgw.dlm.work import Work
from knxgw.frozen import replace


def cycle(
    state: LoadManagement,
    settings: Settings,
    seen: Mapping[int, Seen],
    now_s: float,
    *,
    new_phases: Sequence[int] = (),
) -> LoadManagement:
    """Return the state with the offers that hold now; `new_phases` have a new meter value."""
    work = Work(state, settings, now_s)
    _observe(work, seen)
    _look_again(work)
    _supervise_meter(work)
    _follow_chargers(work)
    work.find_room()
    _distrust(work)
    _supervise_overcurrent(work, new_phases)
    _stop(work)
    if work.at_minimum_only:
        _hold_at_minimum(work)
    else:
        share(work)
    _stand_by(work)
    return work.finish()


# --- what is seen --------------------------------------------------------------------------------


def _observe(work: Work, seen: Mapping[int, Seen]) -> None:
    """Take what is seen of every charging point."""
    invalid = False
    for number, member in work.members.items():
        if is_quiet(member, seen[number], work.now_s):
            continue  # one that is invalid never is
        was_member, was_counted = member.is_member, member.valid and member.reachable
        moved = observe(member, seen[number], work.settings, work.now_s)
        if not was_member and member.is_member:  # what it had while it stood by is its start
            member.raised_s, member.raised_set = work.now_s, work.state.meter.sets
        if moved is not None:
            _add_to_base(work, moved)
        elif not was_counted and member.valid and member.reachable:
            _take_from_base(work, member.actual_ma)
        follow_use(member, work.settings, work.now_s)
        invalid = invalid or (member.reachable and not member.valid)
    work.set_fault(FaultCode.DLM_INVALID_CURRENT, invalid)


def _look_again(work: Work) -> None:
    """Look again at values of the meter that readings of the chargers had not reached, or are in force."""
    members, window_s = work.members.values(), meters.window_s(work.state.meter)
    for index, phase in enumerate(work.phases):
        before_ma = phase.base_ma
        if phase.samples:
            look_again(phase, index, members, work.settings, work.now_s)
        elif work.is_on_change and not work.emergency:
            since_s = work.now_s - work.settings.meter_delay_s - AT_REST_S
            long_since_s = work.now_s - window_s
            look_at_rest(phase, index, members, since_s=since_s, long_since_s=long_since_s)
        if phase.base_ma != before_ma:
            remember(phase, work.now_s, meters.window_s(work.state.meter))


def _add_to_base(work: Work, moved: Phases) -> None:
    """A draw that is not known any more counts as the building's, now and in the past."""
    if work.is_static:  # there is no building in it; the reserve stands for all of it
        return
    add_draw(work.phases, moved)


def _take_from_base(work: Work, known: Phases) -> None:
    """A draw that is known again was the building's so far; its peaks stay for raising."""
    if work.is_static:
        return
    for index, phase in enumerate(work.phases):
        if phase.base_ma is not None:
            phase.base_ma -= known[index]
            phase.open_ma = phase.open_ma[0] - known[index], phase.open_ma[1] - known[index]
            value = work.state.meter.values[index]
            if value is not None:  # what is in force since then is known now
                remember(phase, value.at_s, meters.window_s(work.state.meter))


def _supervise_meter(work: Work) -> None:
    """Begin the emergency when the meter has been silent for too long."""
    if work.is_static:
        return
    alive_s = meters.alive_s(work.state.meter, work.settings)
    last_s = work.state.meter.since_s if alive_s is None else alive_s
    silent = work.now_s - last_s >= work.settings.timeout_s
    if silent:
        work.emergency = True
    elif work.emergency and meters.holds_again(work.meter, work.settings, work.now_s):
        work.emergency = False
    work.meter = meters.asked(
        work.meter, meters.missing(work.meter, work.settings, work.now_s), work.now_s
    )
    lasts = work.emergency and FaultCode.SMART_METER_TIMEOUT in work.faults  # until a full set
    work.set_fault(FaultCode.SMART_METER_TIMEOUT, silent or lasts)


def _follow_chargers(work: Work) -> None:
    """Begin the emergency when the meter does not follow the chargers; a complete set is none then.

    Source: load-management 13.5.
    """
    found = {phase.trail.finding for phase in work.phases}
    work.set_fault(FaultCode.CT_DIRECTION, Answer.WRONG_WAY in found)
    work.set_fault(FaultCode.METER_FROZEN, Answer.STILL in found)
    if found != _NOTHING_WRONG:
        work.emergency = True


_NOTHING_WRONG = {None}


def _distrust(work: Work) -> None:
    """Take all that a wrong meter tells of a phase, whatever its sign, as the building's.

    That is never less than the building draws if only the sign is wrong, and somebody must be able to
    start: without steps of the chargers nobody would ever see that the meter is right again.
    """
    for index, phase in enumerate(work.phases):
        value = work.state.meter.values[index]
        if phase.trail.finding is not None and value is not None:
            room_ma = work.settings.limit_ma - abs(value.current_ma)
            work.up_ma[index] = min(work.up_ma[index], room_ma)


def _supervise_overcurrent(work: Work, new_phases: Sequence[int]) -> None:
    """Watch whether the minima alone are too much, and whether some fit again.

    While a phase is silent, the others are watched all the same; restarts wait for all of them.
    """
    if work.is_static:
        return
    if work.emergency:
        silent = [index for index in range(len(work.phases)) if not _is_known(work, index)]
        work.overcurrent = overcurrents.suspended(work.overcurrent, silent)
    else:
        silent = []
    if work.overcurrent.is_counting or _may_be_too_much(work):
        loads = [
            _load(work, index, is_new=index in new_phases)
            for index in range(len(work.phases))
            if index not in silent
        ]
        good = not work.emergency and _may_restart(work)
        _note_release(work)
        before = work.overcurrent
        work.overcurrent = overcurrents.supervise(
            before, work.settings, loads, work.now_s, may_restart=good
        )
        if work.overcurrent.locked and not before.locked:
            _interrupt(work)
    work.set_fault(FaultCode.OVER_CURRENT, work.overcurrent.locked)


def _is_known(work: Work, index: int) -> bool:
    """Tell whether the value of a phase is not older than the meter may be silent, nor wrong."""
    value = work.state.meter.values[index]
    if value is None or work.phases[index].trail.finding is not None:
        return False
    return work.now_s - value.at_s < work.settings.timeout_s


def _interrupt(work: Work) -> None:
    """Remember whom an overcurrent interrupts; with the queue only those go who do not fit."""
    running = [m for m in work.members.values() if m.is_member and m.offer_ma > 0]
    if work.settings.queue:
        _shed(work, running)
    if work.overcurrent.locked:
        numbers = frozenset(member.settings.number for member in running)
        work.overcurrent = replace(
            work.overcurrent,
            interrupted=numbers,
            good_s=min((_fits_since_s(work, member) for member in running), default=None),
        )


def _fits_since_s(work: Work, member: Member) -> float:
    """Return since when its minimum would have fitted alone, with what is needed for a restart.

    That there was room for one of them all the time is as good as a time in which nobody draws; if
    there was as long as is remembered, it was for ever.
    """
    since_s = LONG_AGO_S
    for index in member.phases:
        spare_ma = work.now_ma[index] + (work.phases[index].base_ma or 0)
        most_ma = spare_ma - member.settings.minimum_ma - overcurrents.RESTART_ROOM_MA
        for until_s, base_ma in work.phases[index].history:
            if base_ma > most_ma:
                since_s = max(since_s, min(until_s, work.now_s))
    return since_s


def _note_release(work: Work) -> None:
    """Note whether the meter has looked since nobody who was interrupted draws any more.

    One that does not stop is waited for no longer than a restart takes anyhow.
    """
    known = work.overcurrent
    if not known.locked:
        return
    still_draw = any(
        number in known.interrupted and member.is_member and member.draws_ma >= DRAWS_MA
        for number, member in work.members.items()
    )
    stopped_s = None if still_draw else known.stopped_s
    if not still_draw and stopped_s is None:
        stopped_s = work.now_s
    if stopped_s is None:
        is_released = work.now_s - known.locked_s >= known.restart_after_s
    else:
        looked_s = min((value.at_s for value in work.meter.values if value), default=work.now_s)
        if work.is_on_change:  # one that has nothing new to tell says so by its silence
            looked_s = work.now_s - AT_REST_S
        is_released = looked_s - work.settings.meter_delay_s >= stopped_s
    if (stopped_s, is_released) != (known.stopped_s, known.is_released):
        work.overcurrent = replace(known, stopped_s=stopped_s, is_released=is_released)


def _may_restart(work: Work) -> bool:
    """Tell whether one of those that were interrupted, or of those that want, would fit again.

    Who only waited before holds up nobody. Source: load-management 12.4.
    """
    wanting = [member for member in work.members.values() if member.is_member]
    interrupted = work.overcurrent.interrupted
    candidates = [m for m in wanting if m.settings.number in interrupted] or wanting
    room_ma = [ma - overcurrents.RESTART_ROOM_MA for ma in work.now_ma]
    if not candidates:
        return min(room_ma) >= 0
    return any(
        all(member.settings.minimum_ma <= room_ma[index] for index in member.phases)
        for member in candidates
    )


def _may_be_too_much(work: Work) -> bool:
    """Tell whether there is anything to watch: mostly the line carries less than it may."""
    settings, values = work.settings, work.state.meter.values
    spare_ma = settings.severe_factor * settings.fuse_ma
    for member in work.members.values():
        spare_ma -= member.settings.minimum_ma
    for index, phase in enumerate(work.phases):
        value = values[index]
        if value is not None and value.current_ma > settings.limit_ma:
            return True
        if (phase.base_ma or 0) > spare_ma:
            return True
    return False


def _load(work: Work, index: int, *, is_new: bool) -> Load:
    members = work.members.values()
    running = [m for m in members if m.is_member and m.offer_ma and index in m.phases]
    at_minimum = all(m.offer_ma <= m.settings.minimum_ma for m in running)
    minimums_ma = sum(member.settings.minimum_ma for member in running)
    return Load(
        phase=index,
        measured_ma=_measured_ma(work, index, minimums_ma),
        base_ma=work.phases[index].base_ma or 0,
        minimums_ma=minimums_ma,
        at_minimum=bool(running) and at_minimum,
        is_new=is_new,
    )


def _measured_ma(work: Work, index: int, minimums_ma: int) -> int:
    """Return what the line carries; while vehicles still obey, no more than it will when they have.

    A value from before that shows what was already acted on.
    """
    value = work.state.meter.values[index]
    if value is None:
        return 0
    obeyed_s = max(member.settled_s for member in work.members.values())
    if value.at_s - work.settings.meter_delay_s >= obeyed_s:
        return value.current_ma
    return min(value.current_ma, (work.phases[index].base_ma or 0) + minimums_ma)


def _shed(work: Work, running: list[Member]) -> None:
    """Send away those who do not fit instead of interrupting everybody."""
    leaving = queues.shed(running, work.now_ma, work.settings, work.now_s)
    for member in leaving:
        work.set_offer(member, 0)
        queues.note_shed(member, work.now_s)
    staying = [member for member in running if member not in leaving]
    if queues.fit(staying, work.now_ma):  # if not, the prioritised one alone is too much
        work.overcurrent = overcurrents.Overcurrent()


# --- zero, minimum -------------------------------------------------------------------------------


def _stop(work: Work) -> None:
    """Give 0 A at once to everybody who may not charge."""
    locked = work.overcurrent.locked
    for number, member in work.members.items():
        if not member.reachable:
            work.reasons[number] = Reason.NOT_REACHABLE
        too_low = member.limit_ma < member.settings.minimum_ma
        if locked or not member.allowed or not member.valid or too_low:
            work.set_offer(member, 0)
            if not member.valid:
                work.reasons[number] = Reason.INVALID_CURRENT
            elif locked:
                work.reasons[number] = Reason.LOCK_OUT


def _hold_at_minimum(work: Work) -> None:
    """Give everybody the minimum: nobody knows, or soon will not know, what there is."""
    reason = Reason.METER_LOST if work.emergency else Reason.HIGH_POWER
    room_ma = work.up_ma if work.emergency else work.now_ma
    for member in work.active:
        number = member.settings.number
        if member.offer_ma > member.settings.minimum_ma:
            work.set_offer(member, member.settings.minimum_ma)
        elif member.offer_ma == 0:
            if not _may_start(work, has_room=work.may_start(room_ma, member)):
                work.reasons[number] = reason if work.emergency else Reason.WAITING_FOR_CURRENT
                continue
            work.start(member)
        work.reasons[number] = reason


def _may_start(work: Work, *, has_room: bool) -> bool:
    """Tell whether one that has 0 A may have its minimum.

    An emergency adds no current to a line that nobody sees: what the last complete set left, its
    peaks included, decides. Before the first set everybody has the minimum, but nobody is started
    any more once the meter should have spoken. Source: load-management 11.
    """
    if work.emergency and not work.is_base_known:
        return FaultCode.SMART_METER_TIMEOUT not in work.faults
    return has_room


def _stand_by(work: Work) -> None:
    """Offer those without a vehicle what a newcomer would get at once.

    What the first of them would get is not there for the next: two may plug in at the same moment.
    """
    available_ma = work.now_ma if work.in_window and not work.emergency else work.up_ma
    room_ma = [ma - claimed for ma, claimed in zip(available_ma, work.claimed_ma, strict=True)]
    for number, member in work.members.items():
        if member.is_member or not (member.allowed and member.valid and member.reachable):
            continue
        if work.overcurrent.locked or member.limit_ma < member.settings.minimum_ma:
            continue
        if member.leaves and not work.at_minimum_only and work.fits(member):
            work.set_offer(member, min(member.offer_ma, member.limit_ma))
            work.reasons[number] = Reason.MINIMUM
            continue
        fits = _may_start(work, has_room=work.has_room(room_ma, member))
        if fits:
            for index in member.phases:
                room_ma[index] -= member.settings.minimum_ma
        work.set_offer(member, member.settings.minimum_ma if fits else 0)
        work.reasons[number] = Reason.MINIMUM if fits else Reason.WAITING_FOR_CURRENT
