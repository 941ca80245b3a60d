"""Sessions and faults: what the world knows of them, against what a power cut left in the store."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TypeVar

from knxgw.catalogue.codes import FaultCode
from knxgw.charging.scope import DEVICE, point_scope
from tests.torture.journal import BrokenStateError
from tests.torture.stored import FaultLine, Running, SessionLine, Stored

AnyLine = TypeVar("AnyLine", SessionLine, FaultLine)

CLOCK_SLACK = timedelta(seconds=1)  # the wall clock may be set a little while we run


@dataclass(slots=True, kw_only=True)
class Visit:
    """One vehicle at one charging point, from plugging in until the store knows that it left."""

    plugged: bool = True
    listed: bool = False  # its session is in the list of closed ones
    seen: Running | None = None  # its open session as the last look found it


class SessionBook:
    """Each vehicle has at most one session, which grows, is closed once, and stays in the list."""

    def __init__(self, reading_mwh: Mapping[int, int]) -> None:
        self.lines: tuple[SessionLine, ...] = ()
        self._reading_mwh = reading_mwh  # what one step of each charger's counter is worth
        self._visits: dict[int, Visit] = {}

    def is_free(self, point: int) -> bool:
        """Tell whether the store knows that the last vehicle has left.

        Before that, nobody but us could tell the next vehicle from the last one.
        """
        return point not in self._visits

    def is_plugged(self, point: int) -> bool:
        """Tell whether a vehicle stands there."""
        visit = self._visits.get(point)
        return visit is not None and visit.plugged

    def plugged(self, point: int) -> None:
        """Note that a vehicle has come."""
        self._visits[point] = Visit()

    def unplugged(self, point: int) -> None:
        """Note that the vehicle has left."""
        self._visits[point].plugged = False

    def found(self, stored: Stored, delivered_mwh: Mapping[int, int]) -> None:
        """Take what a look found. Raises: BrokenStateError."""
        new = _appended("closed sessions", self.lines, stored.sessions)
        for line in new:
            self._closed(line, delivered_mwh)
        self.lines = stored.sessions
        for point, running in stored.running.items():
            if running is not None and running.is_open:
                self._open(point, running, delivered_mwh[point])
            else:
                self._over(point, running)
            visit = self._visits.get(point)
            if visit and not visit.plugged and stored.connected[point] is False:
                del self._visits[point]

    def _closed(self, line: SessionLine, delivered_mwh: Mapping[int, int]) -> None:
        """Check a session that was closed since the last look."""
        visit = self._visits.get(line.point)
        if visit is None or visit.plugged or visit.listed:
            raise BrokenStateError(f"no vehicle has left, but a session was closed: {line}")
        self._plausible(line, line.point, visit.seen, delivered_mwh[line.point])
        if line.ended_at is None or line.started_at is None or line.ended_at < line.started_at:
            raise BrokenStateError(f"a closed session has no start or ends before it: {line}")
        visit.listed, visit.seen = True, None

    def _open(self, point: int, running: Running, delivered_mwh: int) -> None:
        visit = self._visits.get(point)
        if visit is None or visit.listed:
            raise BrokenStateError(f"charging point {point} has a session of nobody: {running}")
        self._plausible(running, point, visit.seen, delivered_mwh)
        visit.seen = running

    def _over(self, point: int, running: Running | None) -> None:
        """Check that the last session, if any, stands at the end of the list, the very same."""
        lines = [line for line in self.lines if line.point == point]
        reported = (*running[:-1],) if running else None
        listed = (*lines[-1][2:],) if lines else None
        if reported != listed:
            raise BrokenStateError(
                f"the last session of charging point {point} is {reported}, the list says {listed}"
            )
        visit = self._visits.get(point)
        if visit and visit.seen:
            raise BrokenStateError(f"an open session of charging point {point} is gone: {visit}")

    def _plausible(
        self, now: Running | SessionLine, point: int, seen: Running | None, delivered_mwh: int
    ) -> None:
        """Check a session against what was delivered and what it was at the last look."""
        _moment(now.started_at)
        _moment(now.ended_at)
        if not 0 <= now.energy_mwh <= delivered_mwh + self._reading_mwh[point]:
            raise BrokenStateError(
                f"charging point {point}: {delivered_mwh} mWh delivered, but stored is {now}"
            )
        if seen is None:
            return
        older = (
            now.energy_mwh < seen.energy_mwh
            or now.duration_s < seen.duration_s
            or (now.highest_power_w or 0) < (seen.highest_power_w or 0)
        )
        if now.started_at != seen.started_at or older:
            raise BrokenStateError(f"a session went back from {seen} to {now}")


class FaultBook:
    """The history of faults grows by complete rows, and none is lost."""

    def __init__(self, points: Collection[int]) -> None:
        self.lines: tuple[FaultLine, ...] = ()
        self._scopes = {DEVICE, *map(point_scope, points)}

    def found(self, stored: Stored) -> None:
        """Take what a look found, after one life of the process. Raises: BrokenStateError."""
        new = _appended("history of faults", self.lines, stored.faults)
        present = {(line.scope, line.code): line.present for line in self.lines}
        raised: set[tuple[str, str]] = set()  # in this life, and not cleared yet
        for line in new:
            key = (line.scope, line.code)
            if line.scope not in self._scopes or line.code not in set(FaultCode):
                raise BrokenStateError(f"nobody knows this fault: {line}")
            if line.present not in (0, 1):
                raise BrokenStateError(f"a fault comes or goes: {line}")
            if line.present and key in raised:
                raise BrokenStateError(f"a fault came that was there: {line}")
            if not line.present and not present.get(key):
                raise BrokenStateError(f"a fault went that was not there: {line}")
            present[key] = line.present
            raised = raised | {key} if line.present else raised - {key}
        _in_order([moment for line in stored.faults if (moment := _moment(line.at))])
        self.lines = stored.faults


def _appended(what: str, before: Sequence[AnyLine], now: Sequence[AnyLine]) -> Sequence[AnyLine]:
    """Return the rows that are new; those before must be there as they were."""
    kept = tuple(now[: len(before)])
    if kept != tuple(before):
        lost = [line for line in before if line not in kept]
        raise BrokenStateError(f"{what}: rows are lost or changed: {lost}")
    ids = [line[0] for line in now]
    if ids != list(range(1, len(ids) + 1)):
        raise BrokenStateError(f"{what}: rows are not numbered one by one: {ids}")
    return now[len(before) :]


def _moment(text: str | None) -> datetime | None:
    """Return a stored time, None for none. Raises: BrokenStateError."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError) as err:
        raise BrokenStateError(f"{text!r} is no time") from err
    if moment.tzinfo is None:
        raise BrokenStateError(f"{text!r} has no zone")
    return moment


def _in_order(moments: Sequence[datetime]) -> None:
    for earlier, later in pairwise(moments):
        if later < earlier - CLOCK_SLACK:
            raise BrokenStateError(f"the history of faults goes back from {earlier} to {later}")
