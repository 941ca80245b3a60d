"""The file that survives a restart: schema, records, histories."""

import sqlite3
from pathlib import Path

import pytest

from knxgw.charging.scope import DEVICE, Scope, point_scope
from knxgw.errors import GatewayError
from knxgw.store.database import FILE_NAME, MIGRATIONS, Database, FaultRow, SessionRow

CP1, CP2, CP3 = point_scope(1), point_scope(2), point_scope(3)


def session(point: int, energy_mwh: int = 1) -> SessionRow:
    return SessionRow(
        point=point,
        started_at="2026-07-01T12:00:00+00:00",
        ended_at=None,
        duration_s=60,
        energy_mwh=energy_mwh,
    )


def version(directory: Path) -> int:
    connection = sqlite3.connect(directory / FILE_NAME)
    try:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])
    finally:
        connection.close()


def reopened(database: Database, directory: Path) -> Database:
    database.close()
    return Database(directory)


def test_a_new_file_has_the_newest_schema_and_nothing_in_it(tmp_path: Path) -> None:
    database = Database(tmp_path / "new" / "place")
    assert database.load_records() == {}
    assert database.sessions() == []
    assert database.faults() == []
    database.close()
    assert version(tmp_path / "new" / "place") == len(MIGRATIONS)


@pytest.mark.parametrize("old", range(len(MIGRATIONS) + 1))
def test_every_older_schema_is_migrated(old: int, tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / FILE_NAME)
    for script in MIGRATIONS[:old]:
        connection.executescript(script)
    connection.execute(f"PRAGMA user_version = {old}")
    connection.close()
    Database(tmp_path).close()
    assert version(tmp_path) == len(MIGRATIONS)


def test_a_newer_schema_is_refused_and_left_alone(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / FILE_NAME)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(GatewayError, match=r"written by a newer version \(schema 99\)"):
        Database(tmp_path)
    assert version(tmp_path) == 99


def test_records_survive_and_the_newest_wins(tmp_path: Path) -> None:
    database = Database(tmp_path)
    database.save({DEVICE: {"grid_control": True}, CP1: {"setpoint_ma": 6000}})
    database.save({CP1: {"setpoint_ma": 8000}})
    database = reopened(database, tmp_path)
    assert database.load_records() == {DEVICE: {"grid_control": True}, CP1: {"setpoint_ma": 8000}}
    database.close()


def test_records_are_stored_all_or_none(tmp_path: Path) -> None:
    database = Database(tmp_path)
    database.save({CP1: {"a": 1}, CP2: {"a": 1}})
    with pytest.raises(OverflowError):
        database.save({CP1: {"a": 2}}, [session(1, 2**70)])  # too large
    database = reopened(database, tmp_path)
    assert database.load_records() == {CP1: {"a": 1}, CP2: {"a": 1}}
    database.close()


@pytest.mark.proves("H.22")
def test_a_power_cut_in_the_middle_of_a_write_leaves_the_old_state(tmp_path: Path) -> None:
    database = Database(tmp_path)
    database.save({CP1: {"a": 1}})
    cut = sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)
    cut.execute("BEGIN")
    cut.execute("UPDATE records SET record = '{\"a\": 2}'")
    copy = tmp_path / "after the cut"
    copy.mkdir()
    for file in tmp_path.glob(f"{FILE_NAME}*"):
        (copy / file.name).write_bytes(file.read_bytes())
    cut.close()
    database.close()
    again = Database(copy)
    assert again.load_records() == {CP1: {"a": 1}}
    again.close()


def test_sessions_are_listed_newest_first_and_by_point(tmp_path: Path) -> None:
    database = Database(tmp_path)
    for number in range(1, 5):
        database.save({}, [session(1 + number % 2, number)])
    database = reopened(database, tmp_path)
    assert [row.energy_mwh for row in database.sessions()] == [4, 3, 2, 1]
    assert [row.energy_mwh for row in database.sessions(1)] == [4, 2]
    assert [row.energy_mwh for row in database.sessions(limit=1)] == [4]
    assert database.sessions(2)[0] == session(2, 3)
    database.close()


def test_the_history_of_faults_says_what_came_and_went(tmp_path: Path) -> None:
    database = Database(tmp_path)
    rows = [
        FaultRow(at="2026-07-01T12:00:00+00:00", scope=CP1, code="Comm", present=True),
        FaultRow(at=None, scope=CP1, code="Comm", present=False),
    ]
    for row in rows:
        database.save({}, faults=[row])
    database = reopened(database, tmp_path)
    assert database.faults() == rows[::-1]
    database.close()


def test_faults_that_never_went_are_known_as_open(tmp_path: Path) -> None:
    database = Database(tmp_path)

    def change(scope: Scope, code: str, *, present: bool) -> FaultRow:
        return FaultRow(at=None, scope=scope, code=code, present=present)

    came = [change(CP1, "Comm", present=True), change(CP2, "Comm", present=True)]
    database.save({}, [], [*came, change(DEVICE, "OverCurrent", present=True)])
    database.save({}, [], [change(CP1, "Comm", present=False), change(CP3, "Comm", present=False)])
    assert database.open_faults() == [(CP2, "Comm"), (DEVICE, "OverCurrent")]
    database.close()


@pytest.mark.parametrize("damaged", ["x", 1.5, -1, 0, 1 << 48, b"\x01\x02"])
def test_a_damaged_secure_number_is_left_out(tmp_path: Path, damaged: object) -> None:
    database = Database(tmp_path)
    database.save({}, numbers={"good": 7})
    database._connection.execute("INSERT INTO secure_numbers VALUES ('bad', ?)", (damaged,))
    assert database.load_numbers() == {"good": 7}
    database.save({}, numbers={"good": (1 << 48) - 1, "bad": 8})
    database.save({}, numbers={"good": 9, "bad": 7})
    assert database.load_numbers() == {"good": (1 << 48) - 1, "bad": 8}
    database.close()


def test_only_its_own_user_can_read_the_file_and_its_logs(tmp_path: Path) -> None:
    Database(tmp_path).close()
    file = tmp_path / FILE_NAME
    file.chmod(0o644)  # as version 0.1 made it
    database = Database(tmp_path)
    database.save({DEVICE: {"a": 1}}, [], [])
    modes = {one.name: one.stat().st_mode & 0o077 for one in tmp_path.glob(f"{FILE_NAME}*")}
    assert len(modes) > 1
    assert set(modes.values()) == {0}, modes
    database.close()


def test_a_reset_that_the_disk_refuses_says_why_and_deletes_nothing(tmp_path: Path) -> None:
    database = Database(tmp_path, patience_s=0.0)
    database.save({DEVICE: {"a": 1}}, [], [])
    other = sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(GatewayError, match=r"locked|another"):
        database.erase()
    other.close()
    assert database.load_records() == {DEVICE: {"a": 1}}
    database.close()
