"""What of a charging point survives a restart, as plain data with a schema version."""

from datetime import datetime
from typing import Any

from knxgw.charging.point import ChargingPoint
from knxgw.charging.session import EnergyCounter, Session
from knxgw.charging.states import Process
from knxgw.frozen import replace

SCHEMA = 1


def to_record(point: ChargingPoint) -> dict[str, Any]:
    """Return the plain data to be stored for a charging point."""
    return {
        "schema": SCHEMA,
        "interruption": point.interruption,
        "cancelled": point.process is Process.CANCELLED,
        "started": point.process is Process.FREE,
        "setpoint_ma": point.setpoint_ma if point.setpoint_given else None,
        "paused": point.taken_ma == 0,
        "connected": point.connected,
        "has_charged": point.has_charged,
        "complete": point.complete,
        "lifetime_mwh": point.lifetime_mwh,
        "reading_mwh": point.lifetime_counter.reading_mwh,
        "dropped_mwh": point.lifetime_counter.dropped_mwh,
        "session": _session_record(point.session),
    }


def decisions(point: ChargingPoint) -> tuple[object, ...]:
    """Return what of the record must be stored as soon as it changes: all but what counts up."""
    session = point.session
    return (
        point.interruption,
        point.process,
        point.setpoint_ma if point.setpoint_given else None,
        point.taken_ma == 0,
        point.connected,
        point.has_charged,
        point.complete,
        None if session is None else (session.started_at, session.is_open),
    )


def from_record(
    point: ChargingPoint, record: dict[str, Any], now: datetime | None, now_s: float
) -> ChargingPoint:
    """Return the charging point with what was stored; `now` is None while the time is not valid.

    A given setpoint is clamped anew, because limits may have changed meanwhile; one that was never
    given stays the maximum.
    """
    session = _session(record.get("session"))
    started_s = None
    if session is not None and session.is_open:
        started_s = now_s - session.duration_s
        if now is not None and session.started_at is not None:
            started_s = now_s - max(0.0, (now - session.started_at).total_seconds())
    setpoint_ma = record["setpoint_ma"]
    given = setpoint_ma is not None
    return replace(
        point,
        interruption=bool(record["interruption"]),
        process=_process(point, record),
        setpoint_ma=point.limits.clamp_setpoint(setpoint_ma) if given else point.setpoint_ma,
        setpoint_given=given,
        taken_ma=0 if record.get("paused") else None,
        connected=record["connected"],
        has_charged=bool(record["has_charged"]),
        complete=bool(record["complete"]),
        below_s=point.settings.complete_time_s if record["complete"] else 0.0,
        lifetime_mwh=record["lifetime_mwh"],
        lifetime_counter=EnergyCounter(
            reading_mwh=record["reading_mwh"], dropped_mwh=record.get("dropped_mwh")
        ),
        session=session,
        session_started_s=started_s,
        session_restored=True,
    )


def _process(point: ChargingPoint, record: dict[str, Any]) -> Process:
    """Return how far the process was; the way it starts may have been configured anew."""
    if not record["connected"]:
        return Process.NO_VEHICLE
    if record["cancelled"]:
        return Process.CANCELLED
    waits = point.starts_manually and not record["started"]
    return Process.WAITING if waits else Process.FREE


def _session_record(session: Session | None) -> dict[str, Any] | None:
    if session is None:
        return None
    return {
        "started_at": session.started_at.isoformat() if session.started_at else None,
        "ended_at": session.ended_at.isoformat() if session.ended_at else None,
        "duration_s": session.duration_s,
        "energy_mwh": session.energy_mwh,
        "is_open": session.is_open,
    }


def _session(record: dict[str, Any] | None) -> Session | None:
    if record is None:
        return None
    return Session(
        started_at=_moment(record["started_at"]),
        ended_at=_moment(record["ended_at"]),
        duration_s=int(record["duration_s"]),
        energy_mwh=int(record["energy_mwh"]),
        is_open=bool(record["is_open"]),
    )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
