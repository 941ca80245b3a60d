"""A damaged state file is put aside, what can be read of it is kept, and a new one is begun."""

import asyncio
import errno
import os
import sqlite3
import subprocess
import sys
from concurrent.futures import Future
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knxgw.charging.scope import DEVICE, Scope, point_scope
from knxgw.errors import GatewayError
from knxgw.store import lock
from knxgw.store.database import FILE_NAME, MIGRATIONS, Database, FaultRow, SessionRow, open_file
from knxgw.store.recovery import MOST_KEPT
from knxgw.store.trouble import StateError, cause, in_english, is_damage, unusable
from knxgw.store.writer import RETRY_S, StoreWriter
from tests.support.netns import REPOSITORY
from tests.support.virtual_time import InlineExecutor

PAGE = 4096
CP1, CP2 = point_scope(1), point_scope(2)
RECORDS: dict[Scope, dict[str, Any]] = {
    DEVICE: {"grid_control": True},
    CP1: {"interruption": True},
    CP2: {"lifetime_mwh": 77},
}


def session(number: int) -> SessionRow:
    return SessionRow(point=1, started_at=None, ended_at=None, duration_s=1, energy_mwh=number)


def fill(directory: Path, sessions: int = 400) -> Path:
    """Make a state with several pages of sessions; return its file."""
    database = Database(directory)
    faults = [FaultRow(at=None, scope=CP1, code="Comm", present=True)] * 200
    database.save(RECORDS, [session(number) for number in range(sessions)], faults)
    database.close()
    return directory / FILE_NAME


@cache
def whole_file() -> bytes:
    with TemporaryDirectory() as directory:
        return fill(Path(directory)).read_bytes()


def page_of(file: Path, table: str) -> int:
    """Return the root page of a table, from 0."""
    connection = sqlite3.connect(file)
    try:
        query = "SELECT rootpage FROM sqlite_schema WHERE name = ?"
        return int(connection.execute(query, (table,)).fetchone()[0]) - 1
    finally:
        connection.close()


def tear(file: Path, page: int, content: bytes | None = None) -> None:
    data = bytearray(file.read_bytes())
    data[page * PAGE : (page + 1) * PAGE] = content or os.urandom(PAGE)
    file.write_bytes(data)


def damaged_files(directory: Path) -> list[Path]:
    return sorted(directory.glob(f"{FILE_NAME}.damaged-*"))


def test_a_file_that_is_no_database_is_put_aside(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"no database at all" * 100)
    database = Database(tmp_path)
    assert database.load_records() == {}
    assert database.put_aside is not None
    assert database.put_aside.read_bytes() == b"no database at all" * 100
    assert damaged_files(tmp_path) == [database.put_aside]
    database.close()


def test_a_whole_file_is_not_put_aside(tmp_path: Path) -> None:
    fill(tmp_path)
    database = Database(tmp_path)
    assert database.put_aside is None
    assert database.load_records() == RECORDS
    database.close()
    assert sorted(one.name for one in tmp_path.iterdir()) == [FILE_NAME]


def test_a_torn_page_of_the_history_leaves_the_records(tmp_path: Path) -> None:
    file = fill(tmp_path)
    tear(file, page_of(file, "sessions"))
    database = Database(tmp_path)
    assert database.put_aside is not None
    assert database.load_records() == RECORDS
    assert len(database.faults(limit=1000)) == 200
    database.save({CP1: {"interruption": False}}, [session(1)])
    database.close()
    again = Database(tmp_path)
    assert again.put_aside is None, "the new one is whole"
    assert again.load_records() == RECORDS | {CP1: {"interruption": False}}
    again.close()


def test_a_torn_page_in_the_middle_of_a_table_leaves_what_is_before_and_behind(
    tmp_path: Path,
) -> None:
    file = fill(tmp_path, sessions=2000)
    pages = len(file.read_bytes()) // PAGE
    known = {page_of(file, name) for name in ("records", "sessions", "faults", "sessions_by_point")}
    tear(file, next(page for page in range(pages // 3, pages) if page not in known))
    database = Database(tmp_path)
    assert database.put_aside is not None
    kept = [row.energy_mwh for row in database.sessions(limit=10_000)]
    assert kept[-1] == 0
    assert kept[0] == 1999
    assert kept == sorted(kept, reverse=True)
    assert database.load_records() == RECORDS
    database.close()


def test_torn_records_are_lost_and_the_history_stays(tmp_path: Path) -> None:
    file = fill(tmp_path)
    tear(file, page_of(file, "records"))
    database = Database(tmp_path)
    assert database.put_aside is not None
    assert database.load_records() == {}
    assert len(database.sessions(limit=1000)) == 400
    database.close()


@settings(max_examples=60)
@given(page=st.integers(0, 12), content=st.sampled_from(["random", "zeros", "another", "short"]))
def test_whatever_page_is_torn_the_state_can_be_used(
    tmp_path_factory: pytest.TempPathFactory, page: int, content: str
) -> None:
    directory = tmp_path_factory.mktemp("torn")
    data, file = whole_file(), directory / FILE_NAME
    file.write_bytes(data)
    page %= len(data) // PAGE
    if content == "short":
        file.write_bytes(data[: page * PAGE + 100])
    else:
        other = data[-PAGE:] if content == "another" else bytes(PAGE)
        tear(file, page, None if content == "random" else other)
    database = Database(directory)
    found = database.load_records()
    assert {scope: found[scope] for scope in found if scope in RECORDS}.items() <= RECORDS.items()
    database.sessions()
    database.open_faults()
    database.save(
        {CP1: {"a": 1}}, [session(1)], [FaultRow(at=None, scope=CP1, code="x", present=True)]
    )
    assert database.load_records()[CP1] == {"a": 1}
    database.close()


def test_a_file_of_another_program_is_put_aside(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / FILE_NAME)
    connection.executescript("CREATE TABLE state (other TEXT); PRAGMA user_version = 1;")
    connection.close()
    database = Database(tmp_path)
    assert database.put_aside is not None
    assert database.load_records() == {}
    database.close()


def test_the_log_of_a_damaged_file_goes_with_it(tmp_path: Path) -> None:
    file = fill(tmp_path)
    (tmp_path / f"{FILE_NAME}-wal").write_bytes(b"nonsense")
    tear(file, 0)
    database = Database(tmp_path)
    assert database.put_aside is not None
    assert database.load_records() == {}
    database.close()


def test_only_a_few_damaged_files_are_kept(tmp_path: Path) -> None:
    aside = []
    for number in range(MOST_KEPT + 3):
        (tmp_path / FILE_NAME).write_bytes(b"damaged %d" % number * 100)
        os.utime(tmp_path / FILE_NAME, (1_700_000_000 + number // 2,) * 2)
        database = Database(tmp_path)
        assert database.put_aside is not None
        aside.append(database.put_aside)
        database.close()
    assert damaged_files(tmp_path) == sorted(aside[-MOST_KEPT:])


def test_a_new_file_half_begun_by_a_power_cut_is_begun_again(tmp_path: Path) -> None:
    file = fill(tmp_path)
    tear(file, page_of(file, "sessions"))
    (tmp_path / f"{FILE_NAME}.new").write_bytes(b"half")
    (tmp_path / f"{FILE_NAME}.new-wal").write_bytes(b"half")
    database = Database(tmp_path)
    assert database.load_records() == RECORDS
    database.close()
    assert not list(tmp_path.glob("*.new*"))


def test_a_record_that_is_none_is_an_empty_one(tmp_path: Path) -> None:
    database = Database(tmp_path)
    connection = open_file(tmp_path / FILE_NAME)
    texts = ["{", "[1]", "7", b"\xff\xfe", "null", "[" * 100_000]
    for scope, text in enumerate(texts):
        connection.execute("INSERT INTO records VALUES (?, CAST(? AS TEXT))", (scope, text))
    connection.close()
    assert database.load_records() == {str(scope): {} for scope in range(6)}
    database.close()


def test_a_refusal_leaves_no_connection_open(tmp_path: Path) -> None:
    open_file(tmp_path / FILE_NAME).close()
    connection = sqlite3.connect(tmp_path / FILE_NAME)
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.close()
    with pytest.raises(GatewayError, match="newer version"):
        Database(tmp_path)
    held = [one.readlink() for one in Path("/proc/self/fd").iterdir() if one.is_file()]
    assert not [one for one in held if one.is_relative_to(tmp_path)]


# --- while the gateway runs ----------------------------------------------------------------------


class Damaging(InlineExecutor):
    """Damages the file before a write, as a failing disk does under a running gateway."""

    def __init__(self, *, times: int) -> None:
        super().__init__()
        self.times = times

    def submit(self, fn: Any, /, *arguments: Any, **more: Any) -> Future[Any]:
        """Damage it, then do what was asked."""
        save = getattr(fn, "func", fn)
        if self.times and save.__name__ == "save":
            self.times -= 1
            database: Database = save.__self__
            database._connection.execute("DROP TABLE records")
        return super().submit(fn, *arguments, **more)


async def test_damage_at_run_time_is_answered_by_a_new_file_with_everything_in_memory(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    losses: list[str] = []
    database = Database(tmp_path)
    executor = Damaging(times=0)
    writer = StoreWriter(database, executor, lambda: losses.append("lost"))
    writer.save(CP1, {"a": 1})
    writer.save(CP2, {"a": 2})
    assert await writer.flush()
    executor.times = 1
    writer.save(CP2, {"a": 3})
    assert await writer.flush()
    assert database.load_records() == {CP1: {"a": 1}, CP2: {"a": 3}}
    assert losses == ["lost"]
    said = [one.getMessage() for one in caplog.records]
    assert len([one for one in said if "was renamed to" in one]) == 1
    database.close()


async def test_a_disk_that_damages_every_new_file_is_said_once_and_tried_slowly(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    database = Database(tmp_path)
    executor = Damaging(times=7)
    writer = StoreWriter(database, executor)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(writer.run())
        writer.save(CP1, {"a": 1})
        await asyncio.sleep(RETRY_S * 3 + 1)
        assert executor.times == 0, "two at once, then two each ten seconds"
        assert len(damaged_files(tmp_path)) <= MOST_KEPT
        await asyncio.sleep(RETRY_S)
        assert database.load_records() == {CP1: {"a": 1}}
        task.cancel()
    errors = [one.getMessage() for one in caplog.records if one.levelname == "ERROR"]
    assert len(errors) == 1
    assert "replace the disk" in errors[0]
    caplog.clear()  # the one ERROR was meant
    database.close()


async def test_a_full_disk_is_said_with_its_remedy_and_nothing_is_lost(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    database = Database(tmp_path)
    writer = StoreWriter(database, InlineExecutor())
    (pages,) = database._connection.execute("PRAGMA page_count").fetchone()
    database._connection.execute(f"PRAGMA max_page_count = {pages}")
    writer.save(CP1, {"text": "x" * 3 * PAGE})
    assert not await writer.flush()
    (said,) = [one.getMessage() for one in caplog.records]
    assert said == "the state cannot be stored: the disk is full; free some space on it"
    assert database.put_aside is None
    caplog.clear()  # the one ERROR was meant
    database._connection.execute("PRAGMA max_page_count = 10000")
    assert await writer.flush()
    assert database.load_records()[CP1] == {"text": "x" * 3 * PAGE}
    database.close()


# --- remedies ------------------------------------------------------------------------------------


def test_a_file_in_the_way_is_said(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    with pytest.raises(GatewayError, match="a file has the name of the directory"):
        Database(tmp_path / "state")


@pytest.mark.parametrize("name", [FILE_NAME, f"{FILE_NAME}-wal", lock.FILE_NAME])
@pytest.mark.parametrize("kind", ["directory", "link to nowhere"])
def test_what_has_the_name_of_a_file_and_is_none_is_said(
    name: str, kind: str, tmp_path: Path
) -> None:
    if kind == "directory":
        (tmp_path / name).mkdir()
    else:
        (tmp_path / name).symlink_to(tmp_path / "gone" / "file")
    words = f"{name} in it is not a file; move it away"
    opened = partial(lock.StateLock if name == lock.FILE_NAME else Database, tmp_path)
    with pytest.raises((GatewayError, OSError)) as caught:
        opened()
    if isinstance(caught.value, OSError):
        assert words in in_english(unusable(tmp_path, caught.value))
    else:
        assert words in str(caught.value)


def test_a_state_that_another_program_has_locked_is_said(tmp_path: Path) -> None:
    fill(tmp_path)
    other = sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(GatewayError, match="another program uses it"):
        Database(tmp_path, patience_s=0.01)
    other.close()
    assert not damaged_files(tmp_path)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full"),
        (
            OSError(errno.EROFS, "Read-only file system"),
            "it cannot be written: Read-only file system",
        ),
        (OSError(errno.EACCES, "Permission denied"), "it cannot be written: Permission denied"),
        (OSError(errno.EIO, "Input/output error"), "the disk reports errors"),
    ],
)
def test_each_trouble_has_its_own_remedy(error: OSError, words: str, tmp_path: Path) -> None:
    why = cause(error, tmp_path)
    assert words in in_english(why)
    assert why.remedy("de")
    unusable_state = unusable(tmp_path, error)
    assert str(tmp_path) in in_english(unusable_state)
    assert unusable_state.remedy() == why.remedy()
    assert unusable_state.remedy("de") == why.remedy("de")
    assert why.problem("de") in unusable_state.problem("de")


def test_a_state_that_cannot_be_used_is_said_in_german_too(tmp_path: Path) -> None:
    with lock.StateLock(tmp_path), pytest.raises(StateError) as caught:
        lock.StateLock(tmp_path)
    words = caught.value.words
    assert words.problem("de") == (
        f"den Zustand in {tmp_path} benutzt ein anderes Gateway, Prozess {os.getpid()}"
    )
    assert words.remedy("de").startswith("das andere Gateway beenden")
    assert str(caught.value) == f"{words.problem()}; {words.remedy()}"


def test_an_error_without_a_code_is_no_damage() -> None:
    assert not is_damage(sqlite3.ProgrammingError("Cannot operate on a closed database."))


FULL = """
import sys
from contextlib import suppress
from pathlib import Path
from knxgw.charging.scope import point_scope
from knxgw.errors import GatewayError
from knxgw.store.database import Database
from knxgw.store.lock import StateLock
from knxgw.store.trouble import cause, in_english

place = Path(sys.argv[1])
CP1 = point_scope(1)
ballast = place / "ballast"


def fill():
    with suppress(OSError), ballast.open("wb") as file:
        while True:
            file.write(bytes(100))


fill()
try:
    Database(place)
except GatewayError as err:
    print("new:", err)
ballast.unlink()
Database(place).close()
database = Database(place)
database.save({CP1: {"interruption": True}})
database.close()
fill()
with StateLock(place):
    database = Database(place)
    print("read:", database.load_records(), database.put_aside)
    try:
        database.save({CP1: {"text": "x" * 40_000}})
    except Exception as err:
        print("write:", in_english(cause(err, place)))
    ballast.unlink()
    database.save({CP1: {"interruption": False}})
    database.close()
database = Database(place)
print("later:", database.load_records(), database.put_aside)
database.close()
"""


@pytest.mark.real
@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_a_full_disk_keeps_no_gateway_from_what_was_stored(tmp_path: Path) -> None:
    (tmp_path / "full.py").write_text(FULL)
    (tmp_path / "disk").mkdir()
    script = 'mount -t tmpfs -o size=300k none "$1" && exec "$2" "$3" "$1"'
    places = (str(tmp_path / "disk"), sys.executable, str(tmp_path / "full.py"))
    ended = subprocess.run(
        ["unshare", "-m", "sh", "-c", script, "sh", *places],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
    )
    if "mount:" in ended.stderr or "unshare:" in ended.stderr:
        pytest.skip(ended.stderr)
    assert ended.stdout.splitlines() == [
        f"new: the state in {tmp_path / 'disk'} cannot be used: the disk is full; "
        "free some space on it",
        "read: {'cp1': {'interruption': True}} None",
        "write: the disk is full; free some space on it",
        "later: {'cp1': {'interruption': False}} None",
    ], ended.stderr
