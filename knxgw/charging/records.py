"""What of a charging point survives a restart, as plain data with a schema version.

A record is read field by field. A field that is missing, or has no valid value, is not known; of a
record of a newer version no field is known. A field that is not known, and may have held the charging
point back, counts as holding it back until the bus or a person says otherwise: no vehicle gets more
current than before the restart.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

from knxgw.catalogue.codes import Reason
from knxgw.catalogue.object_keys import INTERRUPTION, SETPOINT, START_STOP
from knxgw.charging.counter import EnergyCounter, Reading, new_counter
from knxgw.charging.counting import COUNTED
from knxgw.charging.point import ChargingPoint, ChargingProcess, Control, EnergyState
from knxgw.charging.quantities import Quantity
from knxgw.charging.record_reader import SCHEMA, RecordReader
from knxgw.charging.session import SHOWN_OF_A_CARD, Session, SessionDetails, SessionEnding
from knxgw.charging.states import Process

HOLDING_KEYS = frozenset({START_STOP, INTERRUPTION, SETPOINT})  # they hold a charging point back
LONGEST_S = 10 * 366 * 86_400  # ten years: a session that claims to be longer is none
MOST_MA, MOST_MWH = 1_000_000, 2**53  # a stored number above its bound is not valid
MOST_STORED = 2**31  # of any other number
UNKNOWN_OFF_S = 30 * 86_400.0  # how long the gateway may have been off where no clock tells


def to_record(point: ChargingPoint) -> dict[str, Any]:
    """Return the plain data to be stored for a charging point; `restored` reads it after a restart.

    The keys are those of schema 1, and must stay: some are older than the words that the program uses now.
    """
    return {
        "schema": SCHEMA,
        "interruption": point.control.is_interrupted,
        "cancelled": point.process.stage is Process.CANCELLED,
        "started": point.process.stage is Process.FREE,
        # None: KNX has given none, and the maximum holds
        "setpoint_ma": point.control.setpoint_ma if point.control.is_setpoint_given else None,
        "paused": point.link.acknowledged_ma == 0,  # the last offer acknowledged was 0 A
        "connected": point.process.is_connected,
        "has_charged": point.process.has_charged,
        "complete": point.process.is_complete,
        "lifetime_mwh": point.energy.lifetime_mwh,
        "reading_mwh": point.energy.lifetime_counter.reading_mwh,
        "dropped_mwh": point.energy.lifetime_counter.previous_meter_mwh,  # of a replaced meter
        "session_untold": point.session.is_unreported,  # its end is not in the history yet
        "counters": _counters_record(point),
        "session": _session_record(point.session.latest),
    }


def without_commands(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a record without what KNX has commanded: no interruption, and no setpoint but the maximum.

    So it is after a full download by ETS that follows an unloading. Source: load-management 16.50, 16.52.
    """
    commands = {"interruption": False, "setpoint_ma": None}
    return {**record, **{name: value for name, value in commands.items() if name in record}}


def urgent_values(point: ChargingPoint) -> tuple[object, ...]:
    """Return the values of which a change must be stored at once, because a power cut must not lose it.

    They are only compared with those before, so they need no names. Energies, counters and the duration of a
    session are not among them: they change all the time, and may be stored later.
    """
    session = point.session.latest
    return (
        point.control.is_interrupted,
        point.process.stage,
        point.control.setpoint_ma if point.control.is_setpoint_given else None,
        point.link.acknowledged_ma == 0,  # paused; other offers are not stored
        point.process.is_connected,
        point.process.has_charged,
        point.process.is_complete,
        None if session is None else (session.started_at, session.is_open),
        point.session.is_unreported,
    )


def restored(
    point: ChargingPoint,
    record: Mapping[str, Any],
    now: datetime | None,
    now_s: float,
    linked_keys: Collection[str] = HOLDING_KEYS,
) -> ChargingPoint:
    """Return a new charging point with what was stored of it before the gateway's restart.

    Where the record does not say whether a KNX command (stop, interruption, setpoint) holds the point back, it
    counts as holding it back. But only if the command's group object has a group address: else it can neither
    have come nor be taken back. `linked_keys`: of those objects, the ones with an address. `now`: the
    wall-clock time; None: not valid. `now_s`: monotonic.
    """
    stored = read_record(record)
    return replace(
        point,
        # a charger that was paused may still report that pause as its own state (`shown_state`)
        link=replace(point.link, acknowledged_ma=0 if stored.is_paused else None),
        process=_restored_process(point, stored, has_start_object=START_STOP in linked_keys),
        session=replace(
            point.session,
            latest=stored.session,
            began_at=_restored_began_at(stored.session, now, now_s),
            is_restored=True,
            is_unreported=stored.is_session_unreported,
        ),
        energy=_restored_energy(point, stored, now, now_s),
        control=_restored_control(point, stored, linked_keys),
    )


def _restored_began_at(session: Session | None, now: datetime | None, now_s: float) -> float | None:
    """Return when the open session of a record began [monotonic s]; None: none is open.

    The time for which the gateway was off is included if `now` (wall-clock time; None: not valid) and the
    session's start tell it. Else the session is taken to have lasted for as long as when it was stored.
    `now_s`: monotonic.
    """
    if session is None or not session.is_open:
        return None
    if now is None or session.started_at is None:
        return now_s - session.duration_s
    return now_s - max(0.0, (now - session.started_at).total_seconds())


def _restored_control(
    point: ChargingPoint, stored: "Stored", linked_keys: Collection[str]
) -> Control:
    """Return what KNX had commanded: interruption and setpoint.

    What the store has, but cannot be read, counts as holding the point back, if its group object is in
    `linked_keys`: those that have a group address. For the setpoint that is the lowest one that can have been
    given. A setpoint that was never given (None) leaves the maximum. A stored one is clamped, because limits
    may have changed.
    """
    is_interrupted = stored.is_interrupted
    if is_interrupted is None:  # not known
        is_interrupted = INTERRUPTION in linked_keys
    given_ma = stored.setpoint_ma
    if "setpoint_ma" in stored.unknown_fields and SETPOINT in linked_keys:
        given_ma = 0  # which `clamp_setpoint` makes the lowest allowed
    setpoint_ma = point.control.setpoint_ma  # of a new point: the maximum
    if given_ma is not None:
        setpoint_ma = point.limits.clamp_setpoint(given_ma)
    return replace(
        point.control,
        is_interrupted=is_interrupted,
        setpoint_ma=setpoint_ma,
        is_setpoint_given=given_ma is not None,
    )


def _restored_energy(
    point: ChargingPoint, stored: "Stored", now: datetime | None, now_s: float
) -> EnergyState:
    """Return the energy state with the counter of each register at its stored reading.

    So what flowed while the gateway was off is counted by the next reading. How much that may be follows
    from the time since a register last moved. If that is not known, because the record lacks it or the wall
    clock is not valid (`now` is None), 30 days are assumed (`UNKNOWN_OFF_S`). `now_s`: monotonic.
    """
    last_moved = stored.counters.last_moved
    unmoved_s, read_at = UNKNOWN_OFF_S, None  # `read_at` of the counters; None: not known
    if now is not None and last_moved is not None:
        unmoved_s = max(0.0, (now - last_moved).total_seconds())
        read_at = now_s - unmoved_s

    def at_stored(counter: EnergyCounter, reading_mwh: int | None) -> EnergyCounter:
        """Return the counter at its stored reading; None: none is stored, so its next reading is its first."""
        reading = None if reading_mwh is None else Reading(reading_mwh, since=now_s - unmoved_s)
        return replace(counter, reading=reading, read_at=read_at)

    lifetime = at_stored(point.energy.lifetime_counter, stored.reading_mwh)
    return replace(
        point.energy,
        lifetime_mwh=stored.lifetime_mwh,
        lifetime_counter=replace(lifetime, previous_meter_mwh=stored.dropped_mwh),
        counters={
            quantity: at_stored(new_counter(point.settings, quantity), reading_mwh)
            for quantity, reading_mwh in stored.counters.readings_mwh.items()
        },
        last_moved=last_moved,
        register_before_mwh=stored.counters.register_before_mwh,
        is_register_adopted=stored.counters.is_register_adopted,
    )


def _restored_process(
    point: ChargingPoint, stored: "Stored", *, has_start_object: bool
) -> ChargingProcess:
    """Return the charging process (plug, stage, "charging complete") as far as the record tells.

    `has_start_object`: object 54 (start, stop) has a group address: so a stop command can have come, and can
    be taken back.
    """
    restored_plug = _restored_plug(point, stored, has_start_object=has_start_object)
    return replace(
        point.process,
        is_connected=restored_plug.is_connected,
        stage=restored_plug.stage,
        has_charged=stored.has_charged,
        # if complete, the current has been below the threshold for the whole time that this takes
        below_s=point.settings.complete_time_s if stored.is_complete else 0.0,
        is_complete=stored.is_complete,
    )


class RestoredPlug(NamedTuple):
    """At which stage the process was, and whether a vehicle was there."""

    stage: Process
    is_connected: bool | None  # None: not known


def _restored_plug(
    point: ChargingPoint, stored: "Stored", *, has_start_object: bool
) -> RestoredPlug:
    """Return the stage of the charging process after a restart, and whether a vehicle is there.

    If the record does not tell whether charging was cancelled, but a stop command can have come
    (`has_start_object`, and the charger's model has that command), charging waits for a start command. Else
    the stored plug and stage hold. But whether a vehicle that has not been started waits depends on the start
    (manual or automatic) that is configured now.
    """
    # a stored null can be read: it says that the plug was not known when it was stored
    is_plug_read = stored.is_connected is not None or "connected" not in stored.unknown_fields
    is_cancelling_known = is_plug_read and stored.is_cancelled is not None
    can_be_stopped = has_start_object and "start_stop" in point.settings.capabilities
    if not is_cancelling_known and can_be_stopped:
        # a vehicle is assumed: if there is none, the first reading shows it
        return RestoredPlug(Process.WAITING, is_connected=True)
    if not stored.is_connected:
        # None stays None: the first reading shows whether there is a vehicle
        return RestoredPlug(Process.NO_VEHICLE, is_connected=stored.is_connected)
    if stored.is_cancelled:
        return RestoredPlug(Process.CANCELLED, is_connected=True)
    if point.is_started_manually and not stored.is_started:
        return RestoredPlug(Process.WAITING, is_connected=True)
    return RestoredPlug(Process.FREE, is_connected=True)


# --- reading -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What a record says; `unknown_fields` names what cannot be read of it.

    What is not known is None, or False where the field has no None.
    """

    is_interrupted: bool | None
    is_cancelled: bool | None
    is_started: bool  # its stage was "free to charge"
    setpoint_ma: int | None  # None: never given, or not known
    is_paused: bool  # the last offer that the charger acknowledged was 0 A
    is_connected: bool | None  # None: not known now, or not known when it was stored
    has_charged: bool
    is_complete: bool
    lifetime_mwh: int | None
    reading_mwh: int | None
    dropped_mwh: int | None  # last reading of the meter before this one
    session: Session | None
    is_session_unreported: bool
    counters: "StoredCounters"
    unknown_fields: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCounters:
    """What a record says of the counters beside the one of the total; see `EnergyState`."""

    readings_mwh: Mapping[Quantity, int] = field(default_factory=dict)
    last_moved: datetime | None = None
    register_before_mwh: int | None = None
    is_register_adopted: bool = False


def read_record(record: object) -> Stored:
    """Return what was stored for a charging point; `record` may be anything, and nothing is raised.

    A field that is missing or not valid is None (or False), and `unknown_fields` names it. A field that is
    optional here was not stored by earlier builds: if it is missing, it is not named there.
    """
    reader = RecordReader(record)
    return Stored(
        is_interrupted=reader.flag("interruption"),
        is_cancelled=reader.flag("cancelled"),
        is_started=bool(reader.flag("started")),
        setpoint_ma=reader.number("setpoint_ma", 0, MOST_MA),
        is_paused=bool(reader.flag("paused", is_optional=True)),
        is_connected=reader.flag("connected", is_null_allowed=True),
        has_charged=bool(reader.flag("has_charged")),
        is_complete=bool(reader.flag("complete")),
        lifetime_mwh=reader.number("lifetime_mwh", 0, MOST_MWH),
        reading_mwh=reader.number("reading_mwh", -MOST_MWH, MOST_MWH),
        dropped_mwh=reader.number("dropped_mwh", -MOST_MWH, MOST_MWH, is_optional=True),
        session=_stored_session(reader),
        is_session_unreported=bool(reader.flag("session_untold", is_optional=True)),
        counters=_stored_counters(reader),
        unknown_fields=tuple(reader.unknown_fields),
    )


def _stored_session(reader: RecordReader) -> Session | None:
    """Return the session of a record; None: there was none yet, or it cannot be read.

    It cannot be read if one of its fields is not known: then "session" is noted in `reader.unknown_fields`.
    Only its details (highest power, card, ending) may be missing.
    """
    part = reader.part("session")
    if part is None:
        return None
    # None: not known (noted in `part.unknown_fields`); a time may also have been stored as null
    started_at, ended_at = part.moment("started_at"), part.moment("ended_at")
    duration_s = part.number("duration_s", 0, LONGEST_S)
    energy_mwh = part.number("energy_mwh", 0, MOST_MWH)
    is_open = part.flag("is_open")
    if part.unknown_fields or duration_s is None or energy_mwh is None or is_open is None:
        reader.unknown_fields.append("session")
        return None
    return Session(
        started_at=started_at,
        ended_at=ended_at,
        duration_s=duration_s,
        energy_mwh=energy_mwh,
        is_open=is_open,
        details=_stored_details(part),
    )


def _stored_details(part: RecordReader) -> SessionDetails:
    """Return the details of a stored session; one that cannot be read is left out.

    A session is not given up for a detail: the caller has looked at `part.unknown_fields` before, so what is
    noted there now is ignored. `part`: the reader of the session.
    """
    ending = part.text("ending")
    held_by = part.number("held_by", 0, MOST_STORED, is_optional=True)
    return SessionDetails(
        highest_power_w=part.number("highest_power_w", 0, MOST_STORED, is_optional=True),
        card=(part.text("card") or "")[-SHOWN_OF_A_CARD:],
        ending=SessionEnding(ending) if ending in set(SessionEnding) else None,
        held_by=Reason(held_by) if held_by in set(Reason) else None,
    )


def _stored_counters(reader: RecordReader) -> StoredCounters:
    """Return what a record says of the counters beside the one of the total.

    Earlier builds did not store them: then nothing is known of them. If one of their fields cannot be read,
    "counters" is noted in `reader.unknown_fields`, and the other fields are kept.
    """
    part = reader.part("counters", is_optional=True)
    if part is None:
        return StoredCounters()
    found_mwh = {
        quantity: part.number(quantity.value, -MOST_MWH, MOST_MWH, is_optional=True)
        for quantity in COUNTED
    }
    counters = StoredCounters(
        readings_mwh={quantity: mwh for quantity, mwh in found_mwh.items() if mwh is not None},
        last_moved=part.moment("moved_at"),
        register_before_mwh=part.number("register_before_mwh", -MOST_MWH, MOST_MWH),
        is_register_adopted=bool(part.flag("session_adopted")),
    )
    if part.unknown_fields:
        reader.unknown_fields.append("counters")
    return counters


def _counters_record(point: ChargingPoint) -> dict[str, Any]:
    """Return the plain data of all counters except that of the total: their readings [mWh], by quantity.

    With them: when a register last moved, what the charger's register of the session showed when the vehicle was
    plugged in, and whether the energy of the session follows that register (stored as `session_adopted`).
    """
    energy = point.energy
    return {
        **{quantity.value: counter.reading_mwh for quantity, counter in energy.counters.items()},
        "moved_at": energy.last_moved.isoformat() if energy.last_moved else None,
        "register_before_mwh": energy.register_before_mwh,
        "session_adopted": energy.is_register_adopted,
    }


def _session_record(session: Session | None) -> dict[str, Any] | None:
    """Return the plain data of a session, to be stored; None: there was none yet. Times are in ISO format."""
    if session is None:
        return None
    return {
        "started_at": session.started_at.isoformat() if session.started_at else None,
        "ended_at": session.ended_at.isoformat() if session.ended_at else None,
        "duration_s": session.duration_s,
        "energy_mwh": session.energy_mwh,
        "is_open": session.is_open,
        "highest_power_w": session.details.highest_power_w,
        "card": session.details.card,
        "ending": session.details.ending,
        "held_by": session.details.held_by,
    }
