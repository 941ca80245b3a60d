"""Why the device has started, by how the run before ended."""

import sqlite3
from pathlib import Path

import pytest

from knxgw.store.database import Database
from knxgw.store.history import History
from knxgw.store.runs import MOST_RUNS, RunEnding, RunHistory, RunRow, StartCause, start_cause
from tests.support.virtual_time import InlineExecutor

AT, LATER = "2026-11-29T12:00:00+00:00", "2026-11-29T13:00:00+00:00"


def run(boot: str = "one", ending: str | None = None) -> RunRow:
    return RunRow(started_at=AT, version="0.2", boot=boot, ended_at=None, ending=ending)


@pytest.mark.parametrize(
    ("before", "boot", "cause"),
    [
        (None, "one", StartCause.FIRST),
        (run(ending="stopped"), "two", StartCause.STOPPED),
        (run(ending="restarted"), "one", StartCause.RESTARTED),
        (run(ending="reset"), "one", StartCause.RESET),
        (run(ending="rebooted"), "two", StartCause.REBOOTED),
        (run(ending="rebooted"), "one", StartCause.STOPPED),  # the machine did not do it
        (run(ending="failed"), "one", StartCause.FAILED),
        (run(ending="of a newer version"), "one", StartCause.UNKNOWN),
        (run(), "two", StartCause.POWER),
        (run(), "one", StartCause.KILLED),
        (run(), "", StartCause.UNKNOWN),
        (run(boot=""), "one", StartCause.UNKNOWN),
    ],
)
def test_the_cause_of_a_start(before: RunRow | None, boot: str, cause: StartCause) -> None:
    assert start_cause(before, boot) is cause


@pytest.mark.parametrize("ending", list(RunEnding))
def test_each_ending_is_the_cause_of_the_next_start(tmp_path: Path, ending: RunEnding) -> None:
    database = Database(tmp_path)
    runs = RunHistory(database, InlineExecutor())
    assert runs.begin(AT, "0.2", "one") is StartCause.FIRST
    runs.ending = ending
    runs.end(AT, LATER)
    boot = "two" if ending is RunEnding.REBOOTED else "one"
    assert RunHistory(database, InlineExecutor()).begin(LATER, "0.2", boot) == ending.value
    newest, first = (entry.row for entry in History(tmp_path).runs().entries)
    assert (first.ended_at, first.ending) == (LATER, ending)
    assert (newest.started_at, newest.ended_at, newest.ending) == (LATER, None, None)
    database.close()


def test_a_start_without_a_clock_is_dated_at_the_end(tmp_path: Path) -> None:
    database = Database(tmp_path)
    runs = RunHistory(database, InlineExecutor())
    runs.begin(None, "0.2", "one")
    runs.end(AT, LATER)
    (entry,) = History(tmp_path).runs().entries
    assert (entry.row.started_at, entry.row.ended_at) == (AT, LATER)
    database.close()


def test_the_oldest_runs_give_way(tmp_path: Path) -> None:
    database = Database(tmp_path)

    def fill(connection: sqlite3.Connection) -> None:
        rows = [("0.1", "old")] * (MOST_RUNS + 5)
        connection.executemany("INSERT INTO runs (version, boot) VALUES (?, ?)", rows)

    database.change(fill)
    RunHistory(database, InlineExecutor()).begin(AT, "0.2", "one")
    assert database.rows("SELECT count(*) FROM runs") == [(MOST_RUNS,)]
    database.close()


def test_a_disk_that_fails_costs_the_entry_and_nothing_else(tmp_path: Path) -> None:
    database = Database(tmp_path)
    connection = database._connection
    connection.execute("PRAGMA query_only = 1")
    runs = RunHistory(database, InlineExecutor())
    assert runs.begin(AT, "0.2", "one") is StartCause.FIRST
    runs.end(AT, LATER)
    with pytest.raises(sqlite3.OperationalError):
        connection.execute("DELETE FROM runs")
    database.close()
