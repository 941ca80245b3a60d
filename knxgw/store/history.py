"""The history for people: sessions, months, faults and runs, page by page.

It reads the file over a connection of its own, which can only read: the store's thread never waits for
a page, and a page waits at most `PATIENCE_S` for the store.
"""

import sqlite3
from collections.abc import Collection, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar
from urllib.parse import quote

from knxgw.charging.scope import Scope
from knxgw.errors import GatewayError
from knxgw.store.database import FILE_NAME, SESSION_COLUMNS, FaultRow, SessionRow, session_row
from knxgw.store.recovery import readable
from knxgw.store.runs import RunRow

PATIENCE_S = 2.0
MOST_ROWS = 500  # of one page
MOST_EXPORTED = 100_000
MOST_MONTHS = 120
T = TypeVar("T")


class HistoryError(GatewayError):
    """The history cannot be read now."""


class Entry(NamedTuple, Generic[T]):
    """A row of the history with the number that a page continues at."""

    id: int
    row: T


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """Rows, the newest first; `before` continues where it ends, None: nothing follows."""

    entries: tuple[Entry[T], ...]
    before: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """What one charging point has charged in a month; a session belongs to the month it began in."""

    year: int
    month: int
    point: int
    sessions: int
    energy_wh: int  # the sum of the sessions' whole Wh, as they are shown
    duration_s: int


def whole_wh(energy_mwh: int) -> int:
    """Return an energy in whole Wh, as sessions are shown and months add them up."""
    return (energy_mwh + 500) // 1000


_WHOLE_WH = "(energy_mwh + 500) / 1000"
_BEGAN = "coalesce(started_at, ended_at)"  # an index has this expression


class History:
    """Reads the history of a state directory; safe from any thread."""

    def __init__(self, directory: Path) -> None:
        """Note the directory; nothing is opened before something is read."""
        self._path = directory / FILE_NAME

    def sessions(
        self,
        *,
        points: Collection[int] | None = None,
        before: int | None = None,
        limit: int = 50,
        most: int = MOST_ROWS,
    ) -> Page[SessionRow]:
        """Return closed sessions, of some charging points or of all. Raises: HistoryError."""
        columns = ", ".join(SESSION_COLUMNS)
        where, values = _of_points(points)
        rows = self._page(f"SELECT id, {columns} FROM sessions{where}", values, before, limit, most)  # noqa: S608 - names of ours
        return _page([Entry(row[0], session_row(row[1:])) for row in rows], min(limit, most))

    def faults(self, *, before: int | None = None, limit: int = 50) -> Page[FaultRow]:
        """Return faults that came or went. Raises: HistoryError."""
        rows = self._page(
            "SELECT id, at, scope, code, present FROM faults WHERE 1", {}, before, limit, MOST_ROWS
        )
        entries = [
            Entry(
                n, FaultRow(at=at, scope=Scope(str(scope)), code=str(code), present=bool(present))
            )
            for n, at, scope, code, present in rows
        ]
        return _page(entries, min(limit, MOST_ROWS))

    def last_faults(self) -> dict[Scope, FaultRow]:
        """Return the fault that came last at each scope. Raises: HistoryError."""
        query = (
            "SELECT at, scope, code FROM faults WHERE id IN"
            " (SELECT max(id) FROM faults WHERE present = 1 GROUP BY scope)"
        )
        with closing(self._opened()) as connection:
            rows = _read(connection, query, {})
        return {
            Scope(str(scope)): FaultRow(
                at=at, scope=Scope(str(scope)), code=str(code), present=True
            )
            for at, scope, code in rows
        }

    def runs(self, *, before: int | None = None, limit: int = 50) -> Page[RunRow]:
        """Return when the device ran, the run of now first. Raises: HistoryError."""
        rows = self._page(
            "SELECT id, started_at, version, boot, ended_at, ending FROM runs WHERE 1",
            {},
            before,
            limit,
            MOST_ROWS,
        )
        entries = [
            Entry(n, RunRow(started_at=s, version=v, boot=b, ended_at=e, ending=how))
            for n, s, v, b, e, how in rows
        ]
        return _page(entries, min(limit, MOST_ROWS))

    def months(
        self,
        zone: tzinfo,
        now: datetime,
        *,
        points: Collection[int] | None = None,
        count: int = 12,
    ) -> tuple[Month, ...]:
        """Return the last months in a time zone, the newest first; one without sessions is left out.

        Raises: HistoryError.
        """
        where, values = _of_points(points)
        query = (
            f"SELECT point, count(*), sum({_WHOLE_WH}), sum(duration_s) FROM sessions{where}"  # noqa: S608 - names of ours
            f" AND {_BEGAN} >= :begin AND {_BEGAN} < :end GROUP BY point ORDER BY point"
        )
        found: list[Month] = []
        with closing(self._opened()) as connection:
            for year, month in _months_back(now.astimezone(zone), min(count, MOST_MONTHS)):
                bounds = {
                    "begin": _begin(year, month, zone),
                    "end": _begin(*_next(year, month), zone),
                }
                rows = _read(connection, query, values | bounds)
                found += [
                    Month(year=year, month=month, point=p, sessions=n, energy_wh=wh, duration_s=s)
                    for p, n, wh, s in rows
                ]
        return tuple(found)

    def undated(self, *, points: Collection[int] | None = None) -> tuple[int, int]:
        """Return how many sessions have no time, and their energy [Wh]: no clock was set then.

        Raises: HistoryError.
        """
        where, values = _of_points(points)
        query = f"SELECT count(*), coalesce(sum({_WHOLE_WH}), 0) FROM sessions{where} AND {_BEGAN} IS NULL"  # noqa: S608 - names of ours
        with closing(self._opened()) as connection:
            ((count, energy_wh),) = _read(connection, query, values)
        return int(count), int(energy_wh)

    def _page(
        self, query: str, values: dict[str, Any], before: int | None, limit: int, most: int
    ) -> list[tuple[Any, ...]]:
        """Return rows below a number, one more than wanted: so it is known whether more follow."""
        query += " AND (:before IS NULL OR id < :before) ORDER BY id DESC LIMIT :limit"
        rows = max(1, min(limit, most)) + 1
        with closing(self._opened()) as connection:
            return _read(connection, query, values | {"before": before, "limit": rows})

    def _opened(self) -> sqlite3.Connection:
        try:
            connection = sqlite3.connect(
                f"file:{quote(str(self._path))}?mode=ro", uri=True, timeout=PATIENCE_S
            )
        except sqlite3.Error as err:
            raise HistoryError(str(err)) from err
        connection.text_factory = readable
        return connection


def _read(
    connection: sqlite3.Connection, query: str, values: dict[str, Any]
) -> list[tuple[Any, ...]]:
    try:
        return connection.execute(query, values).fetchall()
    except sqlite3.Error as err:
        raise HistoryError(str(err)) from err


def _of_points(points: Collection[int] | None) -> tuple[str, dict[str, Any]]:
    """Return the condition for some charging points, and its values; None: all of them."""
    if points is None:
        return " WHERE 1", {}
    values: dict[str, Any] = {f"point{place}": point for place, point in enumerate(sorted(points))}
    return f" WHERE point IN ({', '.join(f':{name}' for name in values)})", values


def _page(entries: Sequence[Entry[T]], limit: int) -> Page[T]:
    limit = max(1, limit)
    more = len(entries) > limit
    shown = tuple(entries[:limit])
    return Page(entries=shown, before=shown[-1].id if more else None)


def _months_back(local: datetime, count: int) -> list[tuple[int, int]]:
    year, month = local.year, local.month
    found = []
    for _ in range(count):
        found.append((year, month))
        year, month = (year, month - 1) if month > 1 else (year - 1, 12)
    return found


def _next(year: int, month: int) -> tuple[int, int]:
    return (year, month + 1) if month < 12 else (year + 1, 1)


def _begin(year: int, month: int, zone: tzinfo) -> str:
    """Return when a month begins in a zone, as the store writes times."""
    return datetime(year, month, 1, tzinfo=zone).astimezone(UTC).isoformat()
