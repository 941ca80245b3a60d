"""State directories of before open: every schema there ever was is kept as a file in `old/`.

`schema_2.sql` was written by a gateway of version 0.1 before scopes became text: two charging points,
one of them interrupted over KNX and then unreachable, a closed session and an open one, a setpoint,
grid-supporting control, and secure numbers.

`schema_3.sql` is the same a day later, written by a gateway whose website had no log-in yet, and
`schema_4.sql` by one with an account, which did not store cards and powers of sessions yet.
"""

import json
import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from knxgw.charging.scope import DEVICE, Scope, point_scope
from knxgw.errors import GatewayError
from knxgw.store.accounts import AccountRow, AccountStore, WebsiteRows
from knxgw.store.database import FILE_NAME, MIGRATIONS, Database, FaultRow, SessionRow
from knxgw.store.history import History
from tests.support.virtual_time import InlineExecutor

OLD = Path(__file__).parent / "old"
SCHEMA_2 = (OLD / "schema_2.sql").read_text(encoding="utf-8")
SCHEMA_3 = (OLD / "schema_3.sql").read_text(encoding="utf-8")
SCHEMA_4 = (OLD / "schema_4.sql").read_text(encoding="utf-8")
CP1, CP3 = point_scope(1), point_scope(3)
OWNER = AccountRow(
    name="owner", role="owner", points=None, password_hash="", must_change=True, failed=2,
    logged_in_at=None,
)  # fmt: skip
NUMBERS = {"1.1.20 sends": 1_234_567, "1/1/55 from 1.1.9": 42}
SESSIONS = [
    SessionRow(
        point=1,
        started_at="2026-03-02T06:00:03.300000+00:00",
        ended_at="2026-03-02T06:10:02.300000+00:00",
        duration_s=599,
        energy_mwh=1_828_755,
    )
]
FAULTS = [
    FaultRow(at="2026-03-02T06:15:36.300000+00:00", scope=CP3, code="NotReachable", present=True)
]


def old_file(directory: Path, text: str = SCHEMA_2) -> Path:
    """Put an old state file into a directory."""
    connection = sqlite3.connect(directory / FILE_NAME)
    connection.executescript(text)
    connection.close()
    return directory / FILE_NAME


def stored_records() -> dict[Scope, dict[str, Any]]:
    """Return the records of the old file as its own text has them."""
    rows = re.findall(r'INSERT INTO "state" VALUES\((\d),\'(.*)\'\);', SCHEMA_2)
    scopes = {"0": DEVICE, "1": CP1, "3": CP3}
    return {scopes[number]: json.loads(text) for number, text in rows}


def test_a_file_of_version_0_1_opens_and_nothing_of_it_is_lost(tmp_path: Path) -> None:
    old_file(tmp_path)
    database = Database(tmp_path)
    assert database.put_aside is None
    records = database.load_records()
    assert records == stored_records()
    assert records[DEVICE]["grid_control"] is True
    assert (records[CP1]["setpoint_ma"], records[CP3]["interruption"]) == (9000, True)
    assert database.sessions() == SESSIONS
    assert database.faults() == FAULTS
    assert database.open_faults() == [(CP3, "NotReachable")]
    assert database.load_numbers() == NUMBERS
    database.close()


def test_a_file_of_before_the_log_in_opens_and_takes_accounts(tmp_path: Path) -> None:
    old_file(tmp_path, SCHEMA_3)
    database = Database(tmp_path)
    assert database.put_aside is None
    assert database.load_records() == stored_records()
    assert [row.point for row in database.sessions()] == [3, 1]
    assert database.faults()[2:] == FAULTS
    assert database.open_faults() == [(DEVICE, "SmartMeterTOut")]
    assert database.load_numbers() == NUMBERS | {"1.1.20 sends": 1_240_000}
    store = AccountStore(database, InlineExecutor(), lambda *_: None)
    assert (store.newest, store.audit()) == (WebsiteRows(), [])
    store.save(WebsiteRows(accounts=(OWNER,)))
    database.close()
    again = Database(tmp_path)
    assert AccountStore(again, InlineExecutor(), lambda *_: None).newest.accounts == (OWNER,)
    assert again.load_records() == stored_records()
    again.close()


def test_a_file_of_before_the_history_opens_and_its_sessions_have_no_details(
    tmp_path: Path,
) -> None:
    old_file(tmp_path, SCHEMA_4)
    database = Database(tmp_path)
    assert database.put_aside is None
    assert database.load_records() == stored_records()
    assert database.sessions(1) == SESSIONS
    (session, *_) = SESSIONS
    assert (session.highest_power_w, session.card, session.ending, session.held_by) == (
        None, "", None, None,
    )  # fmt: skip
    store = AccountStore(database, InlineExecutor(), lambda *_: None)
    assert [row.name for row in store.newest.accounts] == ["owner"]
    assert [row.action for row in store.audit()] == ["log in"]
    assert History(tmp_path).sessions().entries[-1].row == session
    assert History(tmp_path).runs().entries == ()
    database.close()


def test_a_file_of_before_the_secure_numbers_opens(tmp_path: Path) -> None:
    lines = [line for line in SCHEMA_2.splitlines() if "secure_numbers" not in line]
    text = "\n".join(lines).replace("user_version = 2", "user_version = 1")
    old_file(tmp_path, text)
    database = Database(tmp_path)
    assert (database.put_aside, database.load_numbers()) == (None, {})
    assert (database.load_records(), database.faults()) == (stored_records(), FAULTS)
    database.close()


def test_a_migrated_file_is_written_to_and_read_like_a_new_one(tmp_path: Path) -> None:
    old_file(tmp_path)
    Database(tmp_path).close()
    database = Database(tmp_path)
    gone = FaultRow(at=None, scope=CP3, code="NotReachable", present=False)
    database.save({CP1: {"setpoint_ma": 6000}}, SESSIONS, [gone])
    database.close()
    again = Database(tmp_path)
    assert again.load_records() == stored_records() | {CP1: {"setpoint_ma": 6000}}
    assert again.sessions(1) == SESSIONS * 2
    assert (again.faults(), again.open_faults()) == ([gone, *FAULTS], [])
    again.close()


def test_the_whole_device_and_charging_points_keep_their_faults_apart(tmp_path: Path) -> None:
    file = old_file(tmp_path)
    with sqlite3.connect(file) as connection:
        connection.execute("DELETE FROM faults")
        rows = [(number, "Comm") for number in range(6)]
        connection.executemany("INSERT INTO faults VALUES (NULL, NULL, ?, ?, 1)", rows)
    connection.close()
    database = Database(tmp_path)
    expected = [DEVICE, *(point_scope(number) for number in range(1, 6))]
    assert [scope for scope, _ in database.open_faults()] == expected
    database.close()


def test_what_can_be_read_of_a_damaged_old_file_is_kept(tmp_path: Path) -> None:
    """Its tables are those of its own schema; only the page of its sessions is torn."""
    file = old_file(tmp_path)
    connection = sqlite3.connect(file)
    query = "SELECT rootpage FROM sqlite_schema WHERE name = 'sessions'"
    page = int(connection.execute(query).fetchone()[0]) - 1
    connection.close()
    data = bytearray(file.read_bytes())
    data[page * 4096 : (page + 1) * 4096] = b"\xa5" * 4096
    file.write_bytes(data)
    database = Database(tmp_path)
    assert database.put_aside is not None
    assert database.put_aside.read_bytes()[4096:] == bytes(data)[4096:]
    assert database.load_records() == stored_records()
    assert (database.faults(), database.sessions()) == (FAULTS, [])
    assert database.load_numbers() == NUMBERS
    database.close()
    again = Database(tmp_path)
    assert again.put_aside is None, "the new one is whole"
    again.close()


def test_a_file_of_the_next_schema_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = old_file(tmp_path, f"PRAGMA user_version = {len(MIGRATIONS) + 1};")
    before = file.read_bytes()
    with pytest.raises(GatewayError, match="written by a newer version"):
        Database(tmp_path)
    assert file.read_bytes() == before


def test_a_migration_that_is_cut_short_leaves_the_old_file(tmp_path: Path) -> None:
    """A table that stands in its way ends it after the records were moved."""
    file = old_file(tmp_path)
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE faults_by_number (a)")
    connection.close()
    database = Database(tmp_path)
    assert database.put_aside is not None
    with sqlite3.connect(database.put_aside) as aside:
        assert aside.execute("SELECT count(*) FROM state").fetchone() == (3,)
    aside.close()
    assert database.load_records() == stored_records()
    database.close()
