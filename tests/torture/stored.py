"""What a state directory holds, read from a copy: by the product, and row by row."""

import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from knxgw.charging.scope import DEVICE, Scope, point_scope
from knxgw.errors import GatewayError
from knxgw.store.database import FILE_NAME, Database
from tests.torture.journal import GENERAL, BrokenStateError, Key, What, nothing_commanded

EVERYTHING = 1_000_000  # rows


class SessionLine(NamedTuple):
    """A row of closed sessions, as it stands in the file."""

    id: int
    point: int
    started_at: str | None
    ended_at: str | None
    duration_s: int
    energy_mwh: int
    highest_power_w: int | None = None
    card: str = ""
    ending: str | None = None
    held_by: int | None = None


class FaultLine(NamedTuple):
    """A row of the history of faults, as it stands in the file."""

    id: int
    at: str | None
    scope: str
    code: str
    present: int


class Running(NamedTuple):
    """The session in the record of a charging point: the current or the last one.

    Up to `held_by` it is what a row of closed sessions says from `started_at` on.
    """

    started_at: str | None
    ended_at: str | None
    duration_s: int
    energy_mwh: int
    highest_power_w: int | None = None
    card: str = ""
    ending: str | None = None
    held_by: int | None = None
    is_open: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """Everything a look found."""

    wishes: Mapping[Key, int | None]
    sessions: tuple[SessionLine, ...]
    faults: tuple[FaultLine, ...]
    running: Mapping[int, Running | None]
    connected: Mapping[int, bool | None]


def look(state: Path, copy: Path, points: tuple[int, ...]) -> Stored:
    """Return what is stored; the directory itself is left as it is. Raises: BrokenStateError."""
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(state, copy) if state.exists() else copy.mkdir()
    try:
        with closing(Database(copy)) as database:
            if database.put_aside is not None:
                raise BrokenStateError("the file is damaged")
            records = database.load_records()
            read = (database.sessions(limit=EVERYTHING), database.faults(limit=EVERYTHING))
        with closing(sqlite3.connect(copy / FILE_NAME)) as connection:
            verdict = connection.execute("PRAGMA integrity_check").fetchall()
            sessions = connection.execute("SELECT * FROM sessions ORDER BY id").fetchall()
            faults = connection.execute("SELECT * FROM faults ORDER BY id").fetchall()
    except (GatewayError, sqlite3.Error, ValueError) as err:
        raise BrokenStateError(f"the state cannot be read: {err}") from err
    if verdict != [("ok",)] or [len(rows) for rows in read] != [len(sessions), len(faults)]:
        raise BrokenStateError(f"the file is damaged: {verdict}")
    return _understood(records, points, sessions, faults)


def _understood(
    records: Mapping[Scope, Mapping[str, Any]],
    points: tuple[int, ...],
    sessions: list[tuple[Any, ...]],
    faults: list[tuple[Any, ...]],
) -> Stored:
    wishes = nothing_commanded(points)
    running: dict[int, Running | None] = dict.fromkeys(points)
    connected: dict[int, bool | None] = dict.fromkeys(points)
    numbers = {point_scope(point): point for point in points}
    try:
        for scope, record in records.items():
            if scope == DEVICE:
                wishes[What.GRID_CONTROL, GENERAL] = _flag(record["grid_control"])
                continue
            point = numbers[scope]
            wishes[What.INTERRUPTION, point] = _flag(record["interruption"])
            setpoint_ma = record["setpoint_ma"]
            wishes[What.SETPOINT, point] = None if setpoint_ma is None else _whole(setpoint_ma)
            running[point] = _running(record["session"])
            connected[point] = record["connected"]
        return Stored(
            wishes=wishes,
            sessions=tuple(SessionLine(*row) for row in sessions),
            faults=tuple(FaultLine(*row) for row in faults),
            running=running,
            connected=connected,
        )
    except (KeyError, TypeError) as err:
        raise BrokenStateError(f"a record is torn ({err!r}): {records}") from err


def _running(session: Mapping[str, Any] | None) -> Running | None:
    if session is None:
        return None
    return Running(
        started_at=session["started_at"],
        ended_at=session["ended_at"],
        duration_s=_whole(session["duration_s"]),
        energy_mwh=_whole(session["energy_mwh"]),
        highest_power_w=_whole_or_none(session["highest_power_w"]),
        card=_text(session["card"]),
        ending=None if session["ending"] is None else _text(session["ending"]),
        held_by=_whole_or_none(session["held_by"]),
        is_open=bool(_flag(session["is_open"])),
    )


def _flag(value: object) -> int:
    if not isinstance(value, bool):
        raise TypeError(f"{value!r} is not true or false")
    return int(value)


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{value!r} is not a whole number")
    return value


def _whole_or_none(value: object) -> int | None:
    return None if value is None else _whole(value)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a text")
    return value
