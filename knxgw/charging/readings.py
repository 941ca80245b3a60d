"""What readings of charger and meter make of a charging point. Pure.

Most readings repeat the values of the one before. They only renew the age of the values
(`observe_repeated`); what time alone moves is brought up to date later (`catch_up`), at the latest by the
next reading that shows something new.
Source: load-management 14.3; [reference-manual] tables 36-61.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from knxgw.catalogue.codes import ChargingState, FaultCode, Reason
from knxgw.charging import compliance as limit_compliance
from knxgw.charging import counting
from knxgw.charging import session as sessions
from knxgw.charging.freshness import USUAL_PERIOD_S, spacings_with
from knxgw.charging.point import CardState, ChargingPoint, ChargingProcess
from knxgw.charging.quantities import FAULT_INFOS, METERED, Quantity, Value
from knxgw.charging.session import SessionEnding
from knxgw.charging.session_progress import (
    _OF_SESSION,
    adopt_session_times,
    follow_session,
    with_start_time,
)
from knxgw.charging.states import ProcessInput, advance

HYSTERESIS_CENTI_C = 200  # 2 °C: the temperature warning ends only below its threshold less this
RECENT_S = 8.0  # less than any value stays fresh: an older one may have gone stale meanwhile


def observe_charger(
    point: ChargingPoint,
    values: Mapping[Quantity, Value],
    now_s: float,
    now: datetime | None,
    *,
    unavailable: frozenset[Quantity] = frozenset(),
) -> ChargingPoint:
    """Return the point after its charger was read, with all that follows.

    Quantities that the electricity meter supplies are left out: the meter's figures stand for them.
    `unavailable`: quantities for which the charger said that it has no value. `now_s`: monotonic;
    `now`: the wall-clock time, None: not valid.
    """
    metered = point.metered_quantities
    values = {q: v for q, v in values.items() if q not in metered}
    point = _without_unavailable(point, unavailable - metered, now_s)
    return _update_charger_error(_apply_readings(point, values, now_s, now))


def observe_meter(
    point: ChargingPoint,
    values: Mapping[Quantity, Value],
    now_s: float,
    now: datetime | None,
    *,
    unavailable: frozenset[Quantity] = frozenset(),
) -> ChargingPoint:
    """Return the point after its electricity meter was read, with all that follows.

    Only currents, powers, energies and the meter's own error flag count. Arguments as for
    `observe_charger`.
    """
    if Quantity.FAULT_INFO_1 in values:
        has_error = bool(values[Quantity.FAULT_INFO_1])
        point = replace(
            point, faults=point.faults.set(FaultCode.E_METER_ERROR, is_present=has_error)
        )
    point = _without_unavailable(point, unavailable & point.metered_quantities, now_s)
    return _apply_readings(point, {q: v for q, v in values.items() if q in METERED}, now_s, now)


def _without_unavailable(
    point: ChargingPoint, unavailable: frozenset[Quantity], now_s: float
) -> ChargingPoint:
    """Return the point without the values for which its device has just said that it has none.

    `read_at` notes that they were read now: so they are known to be unavailable, not just unread.
    """
    if not unavailable:
        return point
    readings = point.readings
    values = {q: v for q, v in readings.values.items() if q not in unavailable}
    read_at = {**readings.read_at, **dict.fromkeys(unavailable, now_s)}
    return point.with_readings(replace(readings, values=values, read_at=read_at))


def observe_repeated(
    point: ChargingPoint,
    values: Mapping[Quantity, Value],
    now_s: float,
    *,
    unavailable: frozenset[Quantity] = frozenset(),
) -> ChargingPoint | None:
    """Return the point after a reading of its charger that shows nothing new.

    None: the reading may change more than the age of the values, so it must be taken in fully
    (`observe_charger`). Else only that age, and how far apart readings come, are noted. Most readings are
    like that, so this path must be quick.
    """
    readings = point.readings
    if not values or not values.items() <= readings.values.items():
        return None  # a value is another one than before
    metered = point.installation.metered_quantities
    if not metered.isdisjoint(values):
        return None  # the meter's figures stand for these: they have to be left out first
    read_quantities: Collection[Quantity] = values
    if unavailable:
        unavailable -= metered  # a new set: the caller's stays as it is
        if not point.is_reported_unavailable(unavailable):
            return None  # the charger says for the first time that it has no value
        read_quantities = [*values, *unavailable]
    oldest_at = min(map(readings.read_at.__getitem__, values))
    if oldest_at < now_s - RECENT_S:
        return None  # the value may have been stale meanwhile: what followed from that ends
    if _counts_when_repeated(point, values):
        return None
    spacings_s = readings.spacings_s
    if spacings_s or now_s - oldest_at > USUAL_PERIOD_S:
        spacings_s = spacings_with(readings, values, now_s)
    read_at = {**readings.read_at, **dict.fromkeys(read_quantities, now_s)}
    return point.with_readings(readings.with_times(read_at, spacings_s, now_s))


def _counts_when_repeated(point: ChargingPoint, values: Mapping[Quantity, Value]) -> bool:
    """Tell whether the same values again may change more of a point than their age.

    Where energy follows from power, each reading of the power adds energy. Where a fault is present, the
    same values may end it. Where an energy is doubted, they may confirm it.
    """
    counts_power = Quantity.POWER in values and "energy" not in point.settings.capabilities
    return counts_power or bool(point.faults.present) or point.has_doubted_counter


def catch_up(point: ChargingPoint, now_s: float, now: datetime | None) -> ChargingPoint:
    """Return the point with its session brought up to the last reading that showed nothing new.

    `observe_repeated` leaves the session alone, so its duration and "charging complete" lag behind. Here
    the session follows the last such reading as if it had been taken in fully when it came, also with the
    charger's own times of the session, unless they were read too early to belong to this one.
    """
    readings, session = point.readings, point.session
    repeated_at = readings.repeated_at
    if repeated_at is None:
        return point  # every reading has been taken in fully
    if now is not None:
        now -= timedelta(seconds=now_s - repeated_at)  # what the wall clock showed at that reading
    point = point.with_readings(readings.with_times(readings.read_at, readings.spacings_s, None))
    if session.latest is None or session.began_at is None:
        return follow_session(point, repeated_at, now)  # no session that times could belong to
    of_this_session_from = session.began_at + counting.SESSION_VALUES_AFTER_S
    reported = {
        quantity: readings.values[quantity]
        for quantity, read_at in readings.read_at.items()
        if quantity in _OF_SESSION
        and quantity in readings.values
        and read_at >= of_this_session_from
    }
    return follow_session(adopt_session_times(point, reported, repeated_at, now), repeated_at, now)


def _apply_readings(
    point: ChargingPoint, values: Mapping[Quantity, Value], now_s: float, now: datetime | None
) -> ChargingPoint:
    """Return the point with new values and all that follows: energy, plug, session, heat, card.

    First the point is brought up to the last reading that showed nothing new (`catch_up`). Energy comes before
    the plug: what this reading adds belongs to the session that it may end.
    """
    before = catch_up(point, now_s, now)
    believed = counting.filter_energies(before, values, now_s, now)
    values = believed.values
    point = counting.add_to_totals(_with_values(before, values, now_s), believed, now_s)
    point = adopt_session_times(point, values, now_s, now)
    was_connected, is_connected = before.process.is_connected, point.process.is_connected
    # None: the plug was not known. If no vehicle is there then, a session from before the start is over
    if was_connected is not False and is_connected is False:
        point = _unplugged(point, now_s, now)
    elif not was_connected and is_connected:
        point = _plugged_in(point, before)
    point = follow_session(point, now_s, now)
    return _update_temperature_warning(_update_card(point))


def _with_values(
    point: ChargingPoint, values: Mapping[Quantity, Value], now_s: float
) -> ChargingPoint:
    """Return the point with what was read now: values, their age, and the plug.

    With a state among them the charger counts as heard. What follows from a changed plug is left to the
    caller.
    """
    readings, process, link = point.readings, point.process, point.link
    if Quantity.STATE in values and not link.was_heard:
        link = replace(link, was_heard=True)
    plug = values.get(Quantity.CONNECTED)
    if plug is not None and bool(plug) is not process.is_connected:
        process = replace(process, is_connected=bool(plug))
    readings = replace(
        readings,
        values={**readings.values, **values},
        read_at={**readings.read_at, **dict.fromkeys(values, now_s)},
        spacings_s=spacings_with(readings, values, now_s),
    )
    return replace(point, readings=readings, process=process, link=link)


def _plugged_in(point: ChargingPoint, before: ChargingPoint) -> ChargingPoint:
    """Return the point after a vehicle was plugged in.

    Its session counts from the charger's session register as it was read before, if it is known that no
    vehicle was there then.
    """
    process_input = (
        ProcessInput.PLUGGED_IN_TO_WAIT if point.is_started_manually else ProcessInput.PLUGGED_IN
    )
    # not known (None): the vehicle may have been there for a while, and the register may count for it
    was_unplugged = before.process.is_connected is False
    register_mwh = before.number(Quantity.SESSION_ENERGY) if was_unplugged else None
    return replace(
        point,
        process=_advanced(point.process, process_input),
        energy=replace(point.energy, register_before_mwh=register_mwh),
    )


def _advanced(process: ChargingProcess, process_input: ProcessInput) -> ChargingProcess:
    """Return the process after an input; unchanged where its stage does not allow that input."""
    return replace(process, stage=advance(process.stage, process_input) or process.stage)


def _update_card(point: ChargingPoint) -> ChargingPoint:
    """Return the point with the card that enabled charging, and whether the charger asked for one.

    Chargers may go on showing the card of the last session, so a card that was shown before plug-in does
    not count here. If the charger asked for a card and shows the same one, that counts when charging
    begins (`follow_session`). What the charger shows first after a restart counts as shown before.
    """
    shown = point.value(Quantity.RFID)
    if not isinstance(shown, str):
        return point  # no card is read from this charger
    process, state = point.process, point.value(Quantity.STATE)
    card = process.card
    if process.is_connected and state == ChargingState.MANUAL_START and not card.was_requested:
        card = replace(card, was_requested=True)
    # without a vehicle the charger shows no card any more: the next one counts, even if it is the same
    has_removed_card = not process.is_connected and not shown and bool(card.shown_before)
    if card.shown_before is None or has_removed_card:
        card = replace(card, shown_before=shown)
    elif process.is_connected and shown and shown not in (card.enabled_by, card.shown_before):
        card = replace(card, enabled_by=shown) if state in _ENABLED else card
    return point if card is process.card else replace(point, process=replace(process, card=card))


# states in which charging is enabled: a card that is shown then has enabled it
_ENABLED = (
    ChargingState.CONNECTED,
    ChargingState.CHARGE,
    ChargingState.CHARGE_REDUCED,
    ChargingState.CHARGE_VENTILATION,
)


def _unplugged(point: ChargingPoint, now_s: float, now: datetime | None) -> ChargingPoint:
    """Return the point after the vehicle was unplugged: an open session is closed.

    What was noted of this vehicle is forgotten. The card that the charger still shows is remembered, so
    that it does not count for the next session.
    """
    session, shown = point.session, str(point.value(Quantity.RFID) or "")
    if session.latest is not None and session.latest.is_open:
        timed = with_start_time(session.latest, session.began_at, now_s, now)
        ending, held_by = _ending(point)
        session = replace(session, latest=sessions.close(timed, ending, held_by))
    process = replace(
        _advanced(point.process, ProcessInput.UNPLUGGED),
        card=CardState(shown_before=shown),
        has_charged=False,
        below_s=0.0,
        counted_until=None,
        is_complete=False,
    )
    control = replace(point.control, compliance=limit_compliance.NEW)
    return replace(point, session=session, process=process, control=control)


def _ending(point: ChargingPoint) -> "Ending":
    """Return how charging was when the vehicle was unplugged, and what held the vehicle back then."""
    decision = point.control.decision
    if point.process.is_complete:
        return Ending(SessionEnding.COMPLETE)
    if decision is not None and decision.offer_ma == 0:
        return Ending(SessionEnding.HELD_BACK, decision.reason)
    return Ending(SessionEnding.UNPLUGGED)


class Ending(NamedTuple):
    """How a session ended, and what held the vehicle back then."""

    ending: SessionEnding
    held_by: Reason | None = None  # None: nothing did, or charging was complete


def _update_charger_error(point: ChargingPoint) -> ChargingPoint:
    """Return the point with `ChargerError` raised or cleared by the charger's state and fault registers.

    `in_error`, by which the point gets 0 A, follows the state alone, whatever the registers hold.
    """
    state = point.value(Quantity.STATE)
    if state is None:  # not read since the charger came back: a fault from before stays
        return point
    in_error = state == ChargingState.ERROR
    has_error = in_error or any(point.value(quantity) for quantity in FAULT_INFOS)
    faults = point.faults.set(FaultCode.CHARGER_ERROR, is_present=has_error)
    readings = point.readings
    if in_error == readings.in_error and faults is point.faults:
        return point
    return replace(point, readings=replace(readings, in_error=in_error), faults=faults)


def _update_temperature_warning(point: ChargingPoint) -> ChargingPoint:
    """Return the point with its temperature warning: on at the threshold, off a little below.

    Without a temperature the warning stays as it is.
    """
    centi_c = point.number(Quantity.TEMPERATURE)
    if centi_c is None:
        return point
    warning_centi_c = point.settings.temperature.warning_c * 100
    readings = point.readings
    is_hot = centi_c >= (
        warning_centi_c - HYSTERESIS_CENTI_C if readings.is_hot else warning_centi_c
    )
    if is_hot == readings.is_hot:
        return point
    return point.with_readings(replace(readings, is_hot=is_hot))
