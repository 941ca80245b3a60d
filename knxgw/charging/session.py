"""Charging sessions: energy, start, end and duration, measured by the gateway where needed.

A session starts when charging first begins after plug-in and ends at unplug; a pause and a resume
belong to the same one. Its end time is the last moment above the "complete" threshold.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from knxgw.frozen import replace

MWH_PER_WS = 1000 / 3600  # mWh in one watt second


@dataclass(frozen=True, kw_only=True)  # no slots: see knxgw.frozen
class Session:
    """The current or last session of a charging point."""

    started_at: datetime | None  # UTC; None: the time was not valid
    ended_at: datetime | None  # UTC; last moment above the threshold
    duration_s: int  # from the start to the last moment above the threshold
    energy_mwh: int
    is_open: bool


@dataclass(frozen=True, kw_only=True)  # no slots: see knxgw.frozen
class EnergyCounter:
    """Adds up energy from meter readings, or from power where there is no meter reading.

    A reading below the last one (meter replaced, counter reset) adds nothing; one that jumps back
    over the reading before it (a meter that said 0 for a moment) adds what came since then.
    """

    reading_mwh: int | None = None
    reading_s: float | None = None  # when it was read [monotonic s]; None: before the last start
    dropped_mwh: int | None = None  # highest reading before it fell
    power_w: int = 0
    power_s: float | None = None  # when the power was measured [monotonic s]

    def by_reading(self, reading_mwh: int, now_s: float) -> tuple["EnergyCounter", int]:
        """Take a meter reading; return the counter and the energy since the last one [mWh].

        A rise that no charging point can draw in the time is another meter, or a bad reading.
        """
        if self._is_another_meter(reading_mwh, now_s):
            return replace(self, reading_mwh=reading_mwh, reading_s=now_s, dropped_mwh=None), 0
        last_mwh = self.reading_mwh if self.reading_mwh is not None else reading_mwh
        dropped_mwh = self.dropped_mwh
        if reading_mwh < last_mwh:
            dropped_mwh = max(last_mwh, dropped_mwh or last_mwh)
            fallen = replace(self, reading_mwh=reading_mwh, dropped_mwh=dropped_mwh)
            return replace(fallen, reading_s=now_s), 0
        if dropped_mwh is not None and reading_mwh >= dropped_mwh:
            last_mwh, dropped_mwh = dropped_mwh, None
        counter = replace(self, reading_mwh=reading_mwh, reading_s=now_s, dropped_mwh=dropped_mwh)
        return counter, reading_mwh - last_mwh

    def _is_another_meter(self, reading_mwh: int, now_s: float) -> bool:
        if self.reading_mwh is None or self.reading_s is None or self.dropped_mwh is not None:
            return False
        most_mwh = MOST_W * (now_s - self.reading_s) * MWH_PER_WS + SLACK_MWH
        return reading_mwh - self.reading_mwh > most_mwh

    def by_power(self, power_w: int, now_s: float) -> tuple["EnergyCounter", int]:
        """Take a power; return the counter and the energy since the last one [mWh].

        A gap of more than `MAX_GAP_S` counts nothing: nobody knows what flowed.
        """
        added_mwh = 0
        if self.power_s is not None and 0 < now_s - self.power_s <= MAX_GAP_S:
            mean_w = (self.power_w + power_w) / 2
            added_mwh = round(mean_w * (now_s - self.power_s) * MWH_PER_WS)
        return replace(self, power_w=power_w, power_s=now_s), max(0, added_mwh)


MAX_GAP_S = 60.0
MOST_W = 90_000  # three phases of 80 A at 250 V, and half as much again
SLACK_MWH = 2_000_000  # meters that count in whole kWh jump


def begin(now: datetime | None, energy_mwh: int = 0) -> Session:
    """Return a session that starts now."""
    return Session(started_at=now, ended_at=None, duration_s=0, energy_mwh=energy_mwh, is_open=True)


def drew(session: Session, now: datetime | None, duration_s: float) -> Session:
    """Return the session after current flowed: the end moves to this moment."""
    return replace(session, ended_at=now, duration_s=max(session.duration_s, round(duration_s)))


def close(session: Session) -> Session:
    """Return the session closed by unplugging; its end is where its duration ends."""
    ended_at = session.ended_at
    if ended_at is None and session.started_at is not None:
        ended_at = session.started_at + timedelta(seconds=session.duration_s)
    return replace(session, is_open=False, ended_at=ended_at)


def moment_near(near: datetime, second_of_day: int, zone: tzinfo) -> datetime:
    """Return the moment [aware UTC] nearest to another at which a clock of the zone shows a time.

    Chargers tell the time of day only [s since midnight].
    """
    midnight = near.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    wall = [
        midnight.replace(tzinfo=None) + timedelta(days=day, seconds=second_of_day)
        for day in (-1, 0, 1)
    ]
    moments = [
        moment.replace(tzinfo=zone, fold=fold).astimezone(UTC) for moment in wall for fold in (0, 1)
    ]
    return min(moments, key=lambda moment: abs(moment - near))
