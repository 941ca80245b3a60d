"""Charging sessions: energy, start, end and duration, measured by the gateway where needed.

A session starts when charging first begins after plug-in and ends at unplug, or when its charging point is
removed from the configuration; a pause and a resume belong to the same one. Its end time is the last moment at
which the current was at or above the *threshold* below which charging counts as complete.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum

from knxgw.catalogue.codes import Reason

SHOWN_OF_A_CARD = 4  # so many of its last characters: more of an RFID card's number is never kept


class SessionEnding(StrEnum):
    """How charging was when the vehicle was unplugged."""

    COMPLETE = "complete"  # the vehicle drew nothing more
    HELD_BACK = "held back"  # the charging point was offered 0 A, for a reason that is noted
    UNPLUGGED = "unplugged"  # the vehicle could still charge
    REMOVED = "removed"  # the charging point was taken out of the configuration


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionDetails:
    """What the history says of a session beside its energy and times."""

    highest_power_w: int | None = None  # None: nobody measures it
    card: str = ""  # the last characters of the card that enabled the session; empty: none did
    ending: SessionEnding | None = None  # None: the session runs, or nobody knows
    held_by: Reason | None = None  # why the offer was 0 A, if `ending` is HELD_BACK


NO_DETAILS = SessionDetails()


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """The current or last session of a charging point."""

    started_at: datetime | None  # UTC; None: the time was not valid
    ended_at: datetime | None  # UTC; last moment above the threshold; None: not known
    duration_s: int  # from the start to the last moment above the threshold
    energy_mwh: int
    is_open: bool
    details: SessionDetails = NO_DETAILS


def begin(now: datetime | None) -> Session:
    """Return an open session that starts now, without any energy yet.

    `now`: the wall-clock time [aware UTC]; None: not valid, so the start time is not known yet.
    """
    return Session(started_at=now, ended_at=None, duration_s=0, energy_mwh=0, is_open=True)


def extended(
    session: Session, now: datetime | None, duration_s: float, details: SessionDetails | None = None
) -> Session:
    """Return the session of a vehicle that draws now: its end moves to `now`, its duration to `duration_s`.

    To be called only while it draws. `duration_s`: from the start of the session until now, or as the charger
    counts it; the duration never becomes shorter. `now`: the wall-clock time; None: not valid, so the end is not
    known. `details`: None: they stay as they are.
    """
    return Session(  # built directly: much faster than `replace`
        started_at=session.started_at,
        ended_at=now,
        duration_s=max(session.duration_s, round(duration_s)),
        energy_mwh=session.energy_mwh,
        is_open=session.is_open,
        details=session.details if details is None else details,
    )


def details_while_drawing(
    details: SessionDetails, *, power_w: int | None, card: str | None
) -> SessionDetails:
    """Return the details of a session while its vehicle draws: the highest power so far, and the card.

    Of the card only the last 4 characters are kept (`SHOWN_OF_A_CARD`). If power or card is not known (None,
    or an empty card), what was noted before stays.
    """
    is_higher = power_w is not None and power_w > (details.highest_power_w or 0)
    kept_card = (card or "")[-SHOWN_OF_A_CARD:] or details.card
    if not is_higher and kept_card == details.card:
        return details
    highest_power_w = power_w if is_higher else details.highest_power_w
    return replace(details, highest_power_w=highest_power_w, card=kept_card)


def close(
    session: Session, ending: SessionEnding | None = None, held_by: Reason | None = None
) -> Session:
    """Return the session closed: how it ended is noted, and it gets an end time if it has none.

    That time is the start plus the duration; without a start time it stays unknown. `ending`: None: nobody
    knows. `held_by`: why the offer was 0 A, if that ended it (`HELD_BACK`); else None.
    """
    ended_at = session.ended_at
    if ended_at is None and session.started_at is not None:
        ended_at = session.started_at + timedelta(seconds=session.duration_s)
    details = replace(session.details, ending=ending, held_by=held_by)
    return replace(session, is_open=False, ended_at=ended_at, details=details)


def moment_near(near: datetime, second_of_day: int, zone: tzinfo) -> datetime:
    """Return the moment [aware UTC] nearest to `near` at which a clock in `zone` shows a time of day.

    Chargers tell the time of day only (`second_of_day`: s since midnight), not the date. So the moment may lie
    on the day before or after `near`. Of an hour that the clock shows twice in autumn it may be in either.
    """
    midnight = near.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    wall_times = [
        midnight.replace(tzinfo=None) + timedelta(days=day, seconds=second_of_day)
        for day in (-1, 0, 1)
    ]
    moments = [
        wall_time.replace(tzinfo=zone, fold=fold).astimezone(UTC)
        for wall_time in wall_times
        for fold in (0, 1)  # 1: the second time that the clock shows it in autumn
    ]
    return min(moments, key=lambda moment: abs(moment - near))
