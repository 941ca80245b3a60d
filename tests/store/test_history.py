"""The history for people: pages, months and exports agree with a plain list of sessions."""

import sqlite3
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from knxgw.charging.scope import DEVICE
from knxgw.store.database import FILE_NAME, Database, FaultRow, SessionRow
from knxgw.store.history import MOST_ROWS, Entry, History, HistoryError, Page, whole_wh

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)


def session(
    point: int, started_at: datetime | None, energy_mwh: int = 1_000_000, **more: object
) -> SessionRow:
    ended_at = None if started_at is None else started_at + timedelta(hours=1)
    return SessionRow(
        point=point,
        started_at=started_at.isoformat() if started_at else None,
        ended_at=ended_at.isoformat() if ended_at else None,
        duration_s=3600,
        energy_mwh=energy_mwh,
        **more,  # type: ignore[arg-type]  # what a test says beside it
    )


def stored(directory: Path, *sessions: SessionRow, faults: tuple[FaultRow, ...] = ()) -> History:
    database = Database(directory)
    database.save({}, sessions, faults)
    database.close()
    return History(directory)


def all_pages(history: History, limit: int, points: set[int] | None) -> list[Entry[SessionRow]]:
    found: list[Entry[SessionRow]] = []
    before: int | None = None
    while True:
        page: Page[SessionRow] = history.sessions(points=points, before=before, limit=limit)
        assert len(page.entries) <= limit
        found += page.entries
        if page.before is None:
            return found
        before = page.before


MOMENTS = st.one_of(
    st.none(),
    st.datetimes(
        min_value=datetime(2025, 10, 1),  # noqa: DTZ001 - of UTC
        max_value=datetime(2026, 11, 28),  # noqa: DTZ001 - of UTC
    ).map(lambda at: at.replace(tzinfo=UTC)),
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(1, 5), MOMENTS, st.integers(0, 90_000_000)), max_size=25),
    st.integers(1, 7),
    st.none() | st.sets(st.integers(1, 6)),
)
def test_pages_and_months_agree_with_all_sessions(
    tmp_path_factory: pytest.TempPathFactory,
    made: list[tuple[int, datetime | None, int]],
    limit: int,
    points: set[int] | None,
) -> None:
    rows = [session(point, at, energy_mwh) for point, at, energy_mwh in made]
    history = stored(tmp_path_factory.mktemp("state"), *rows)
    mine = [row for row in rows if points is None or row.point in points]
    assert [entry.row for entry in all_pages(history, limit, points)] == mine[::-1]

    sums: dict[tuple[int, int, int], list[int]] = defaultdict(list)
    for row in mine:
        if row.started_at is not None:
            local = datetime.fromisoformat(row.started_at).astimezone(BERLIN)
            sums[local.year, local.month, row.point].append(whole_wh(row.energy_mwh))
    months = history.months(BERLIN, NOW, points=points, count=24)
    assert {(m.year, m.month, m.point): (m.sessions, m.energy_wh) for m in months} == {
        key: (len(energies), sum(energies)) for key, energies in sums.items()
    }
    undated = [whole_wh(row.energy_mwh) for row in mine if row.started_at is None]
    assert history.undated(points=points) == (len(undated), sum(undated))


@pytest.mark.parametrize(
    ("began_at", "month"),
    [
        ("2026-03-31T21:59:59.900000+00:00", 3),  # summer time: an hour earlier in UTC
        ("2026-03-31T22:00:00+00:00", 4),
        ("2026-03-31T22:00:00.000001+00:00", 4),
        ("2026-10-31T22:59:59+00:00", 10),  # winter time again
        ("2026-10-31T23:00:00+00:00", 11),
        ("2026-03-29T00:59:59+00:00", 3),
        ("2026-10-25T00:30:00+00:00", 10),
    ],
)
def test_a_month_begins_at_local_midnight_in_summer_and_winter(
    tmp_path: Path, began_at: str, month: int
) -> None:
    history = stored(tmp_path, session(1, datetime.fromisoformat(began_at)))
    assert [(one.month, one.sessions) for one in history.months(BERLIN, NOW)] == [(month, 1)]


def test_a_session_keeps_what_the_history_says_of_it(tmp_path: Path) -> None:
    row = session(2, NOW, highest_power_w=11_000, card="BEEF", ending="held back", held_by=5)
    assert stored(tmp_path, row).sessions().entries == (Entry(1, row),)


def test_a_page_is_bounded_whatever_is_asked(tmp_path: Path) -> None:
    history = stored(tmp_path, *(session(1, NOW) for _ in range(MOST_ROWS + 10)))
    page = history.sessions(limit=10**9)
    assert len(page.entries) == MOST_ROWS
    assert page.before == 11
    assert len(history.sessions(limit=-5).entries) == 1
    assert len(history.sessions(limit=10**9, most=10**6).entries) == MOST_ROWS + 10
    assert len(history.months(BERLIN, NOW, count=10**9)) == 1


def test_faults_come_page_by_page(tmp_path: Path) -> None:
    rows = tuple(
        FaultRow(at=NOW.isoformat(), scope=DEVICE, code=f"Fault {n}", present=bool(n % 2))
        for n in range(5)
    )
    history = stored(tmp_path, faults=rows)
    first = history.faults(limit=3)
    assert [entry.row for entry in first.entries] == [*rows[:1:-1]]
    assert [entry.row for entry in history.faults(before=first.before).entries] == [*rows[1::-1]]


def test_a_page_is_read_while_the_store_writes(tmp_path: Path) -> None:
    database = Database(tmp_path)
    database.save({}, [session(1, NOW)])
    writing = database._connection
    writing.execute("BEGIN IMMEDIATE")
    writing.execute("DELETE FROM sessions")
    history = History(tmp_path)
    assert len(history.sessions().entries) == 1
    writing.execute("COMMIT")
    assert len(history.sessions().entries) == 0
    database.close()


def test_the_reader_cannot_write(tmp_path: Path) -> None:
    history = stored(tmp_path, session(1, NOW))
    connection = history._opened()
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        connection.execute("DELETE FROM sessions")
    connection.close()


def test_a_file_that_is_missing_or_damaged_is_an_error_of_the_history(tmp_path: Path) -> None:
    with pytest.raises(HistoryError):
        History(tmp_path / "nowhere").sessions()
    (tmp_path / FILE_NAME).write_bytes(b"no database at all" * 100)
    for read in (History(tmp_path).sessions, History(tmp_path).faults, History(tmp_path).runs):
        with pytest.raises(HistoryError):
            read()


def test_months_of_ten_years_are_read_in_a_moment(tmp_path: Path) -> None:
    begin = datetime(2017, 1, 1, tzinfo=UTC)
    rows = [session(1 + n % 5, begin + timedelta(hours=5 * n)) for n in range(17_000)]
    history = stored(tmp_path, *rows)
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    connection = history._opened()
    connection.set_progress_handler(count, 1000)
    history._opened = lambda: connection  # type: ignore[method-assign]  # of this one only
    first = datetime(2025, 12, 1, tzinfo=BERLIN)
    recent = [n for n in range(17_000) if begin + timedelta(hours=5 * n) >= first]
    assert sum(one.sessions for one in history.months(BERLIN, NOW, count=12)) == len(recent)
    assert steps < 1000  # thousands of SQLite's instructions: only the months asked for are read
