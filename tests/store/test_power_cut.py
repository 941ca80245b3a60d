"""A power cut at any instant: whatever part of the writes has reached the disk, one state is read.

What SQLite writes and synchronises, seen with `strace` (3.40.1): a save appends frames to the log
and synchronises it once; a checkpoint synchronises the log, writes pages into the database and
synchronises that; the next save begins the log anew, its header synchronised before its frames.
Between two synchronisations a disk may write sectors in any order, and not all of them.
"""

import random
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations, count, takewhile
from pathlib import Path
from typing import Any

import pytest

from knxgw.charging.scope import DEVICE, Scope, point_scope
from knxgw.store.database import FILE_NAME, Database, FaultRow, SessionRow

LOG_NAME, JOURNAL_NAME = f"{FILE_NAME}-wal", f"{FILE_NAME}-journal"
SAVES = 12
LOG_HEADER, FRAME_HEADER, PAGE, SECTOR = 32, 24, 4096, 512  # bytes
FRAME = FRAME_HEADER + PAGE
EVERYTHING = 1_000_000  # rows

Contents = tuple[dict[Scope, dict[str, Any]], list[SessionRow], list[FaultRow]]
Recover = Callable[[bytes, bytes], Contents]
NOTHING: Contents = ({}, [], [])


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """The files of a state directory, and what was in them after each save."""

    database: bytes  # as it was before the log began
    log: bytes
    lengths: tuple[int, ...]  # of the log, when creation and then each save had returned
    contents: tuple[Contents, ...]  # what is read then; the last one is of the log begun again
    checkpointed: bytes  # the database with all of the log
    log_again: bytes  # the log with one more save, over the old one

    def complete(self, length: int) -> int | None:
        """Return the last save that lies within the first bytes of the log; 0 is the creation."""
        done = [number for number, end in enumerate(self.lengths) if end <= length]
        return done[-1] if done else None

    def expected(self, length: int) -> Contents:
        number = self.complete(length)
        return NOTHING if number is None else self.contents[number]


SCOPES = (DEVICE, *(point_scope(number) for number in range(1, 6)))


def save(database: Database, number: int) -> None:
    """Store records, sessions and faults that all carry the number of the save."""
    rows = 40 if number % 4 == 3 else number % 2  # now and then more than a page of them
    sessions = [
        SessionRow(
            point=1 + row % 5,
            started_at=f"2026-07-01T12:{number:02}:00+00:00",
            ended_at=None,
            duration_s=row,
            energy_mwh=number,
        )
        for row in range(rows)
    ]
    faults = [
        FaultRow(at=None, scope=SCOPES[row % 6], code=f"Save {number}", present=bool(row % 2))
        for row in range(rows * 3)
    ]
    records = {scope: {"save": number, "text": "x" * number * 30} for scope in SCOPES}
    database.save(records, sessions, faults)


def read(database: Database) -> Contents:
    faults = database.faults(limit=EVERYTHING)
    return database.load_records(), database.sessions(limit=EVERYTHING), faults


def files(directory: Path) -> tuple[bytes, bytes]:
    """Return database and log as they are now."""
    return (directory / FILE_NAME).read_bytes(), (directory / LOG_NAME).read_bytes()


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    directory = tmp_path_factory.mktemp("recording")
    database = Database(directory)
    lengths, contents = [], []
    for number in range(SAVES + 1):
        if number:
            save(database, number)
        lengths.append(len(files(directory)[1]))
        contents.append(read(database))
    main, log = files(directory)
    _, in_log, brought_in = database._connection.execute("PRAGMA wal_checkpoint").fetchone()
    assert brought_in == in_log == (len(log) - LOG_HEADER) / FRAME
    checkpointed, _ = files(directory)
    save(database, SAVES + 1)
    after, log_again = files(directory)
    assert after == checkpointed
    contents.append(read(database))
    database.close()
    assert contents[0] == NOTHING
    assert all(one != another for one, another in combinations(contents, 2))
    return Recording(
        database=main,
        log=log,
        lengths=tuple(lengths),
        contents=tuple(contents),
        checkpointed=checkpointed,
        log_again=log_again,
    )


@pytest.fixture
def recover(tmp_path: Path) -> Recover:
    """Return what a start finds in database and log; it must be whole, and take another save."""
    numbers = count()

    def recovered(database: bytes, log: bytes) -> Contents:
        directory = tmp_path / str(next(numbers))
        directory.mkdir()
        (directory / FILE_NAME).write_bytes(database)
        (directory / LOG_NAME).write_bytes(log)
        return opened(directory)

    return recovered


def opened(directory: Path) -> Contents:
    database = Database(directory)
    assert database.put_aside is None, "a power cut damages nothing"
    contents = read(database)
    database.save({DEVICE: {"save": "after the cut"}})
    assert database.load_records()[DEVICE] == {"save": "after the cut"}
    database.close()
    connection = sqlite3.connect(directory / FILE_NAME)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
    return contents


def some_sectors(old: bytes, new: bytes, dice: random.Random) -> bytes:
    """Return a file on its way from `old` to `new`: each sector is the one or the other."""
    length = max(len(old), len(new)) if dice.random() < 0.8 else len(old)
    mixed = bytearray(old.ljust(length, b"\0"))
    share = dice.choice((0.1, 0.5, 0.9))
    for start in range(0, length, SECTOR):
        if dice.random() < share and start < len(new):
            mixed[start : start + SECTOR] = new[start : start + SECTOR].ljust(
                len(mixed[start : start + SECTOR]), b"\0"
            )
    return bytes(mixed)


def test_each_save_is_synchronised_before_it_returns(tmp_path: Path) -> None:
    """What all tests below take for granted."""
    database = Database(tmp_path)
    settings = [
        database._connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous")
    ]
    database.close()
    full = 2  # with NORMAL, 1, a save could be lost after it had been acknowledged
    assert settings == ["wal", full]


@pytest.mark.long
def test_a_log_cut_at_any_page_gives_the_last_complete_save(
    recording: Recording, recover: Recover
) -> None:
    log = recording.log
    starts = range(LOG_HEADER, len(log) + 1, FRAME)
    cuts = {start + off for start in starts for off in (-1, 0, 1, FRAME_HEADER, FRAME_HEADER + 1)}
    for cut in sorted({0, 1, *cuts, *recording.lengths}):
        if cut <= len(log):
            assert recover(recording.database, log[:cut]) == recording.expected(cut), f"at {cut}"


def test_whatever_stands_behind_the_cut_is_not_believed(
    recording: Recording, recover: Recover
) -> None:
    dice = random.Random(1)  # noqa: S311 - no secret
    log = recording.log
    for _ in range(150):
        cut = dice.randrange(len(log))
        rest = dice.choice((SECTOR, FRAME, len(log) - cut))
        garbage = dice.choice((bytes(rest), dice.randbytes(rest), log[LOG_HEADER:][:rest]))
        pairs = zip(garbage, log[cut:], strict=False)
        to_come = takewhile(lambda pair: pair[0] == pair[1], pairs)  # by chance
        length = cut + len(list(to_come))
        assert recover(recording.database, log[:cut] + garbage) == recording.expected(length), cut


def test_sectors_of_a_save_in_any_order_give_the_save_before_or_all_of_it(
    recording: Recording, recover: Recover
) -> None:
    dice = random.Random(2)  # noqa: S311 - no secret
    for number in range(1, SAVES + 1):
        before, after = recording.lengths[number - 1], recording.lengths[number]
        old, new = recording.log[:before], recording.log[:after]
        for _ in range(12):
            torn = some_sectors(old, new, dice)
            expected = number if torn == new else number - 1
            assert recover(recording.database, torn) == recording.contents[expected]


def test_a_checkpoint_that_wrote_any_of_its_pages_loses_nothing(
    recording: Recording, recover: Recover
) -> None:
    dice = random.Random(3)  # noqa: S311 - no secret
    for _ in range(60):
        torn = some_sectors(recording.database, recording.checkpointed, dice)
        assert recover(torn, recording.log) == recording.contents[SAVES]


def test_a_restarted_log_gives_the_state_before_or_after(
    recording: Recording, recover: Recover
) -> None:
    dice = random.Random(4)  # noqa: S311 - no secret
    database, old, new = recording.checkpointed, recording.log, recording.log_again
    changed = [index for index in range(len(new)) if new[index] != old[index]]
    assert changed[0] < LOG_HEADER, "it begins with another header"
    for cut in sorted({0, 7, LOG_HEADER, *dice.sample(range(changed[-1]), 60), changed[-1]}):
        begun = new[:cut] + old[cut:]
        assert recover(database, begun) == recording.contents[SAVES], f"at {cut}"
    for _ in range(30):
        torn = old[: changed[0]] + some_sectors(old, new, dice)[changed[0] :]
        expected = SAVES + 1 if torn == new else SAVES
        assert recover(database, torn) == recording.contents[expected]
    assert recover(database, new) == recording.contents[SAVES + 1]


def test_a_cut_while_the_file_is_created_leaves_an_empty_state(
    recording: Recording, tmp_path: Path
) -> None:
    dice = random.Random(5)  # noqa: S311 - no secret
    magic = bytes.fromhex("d9d505f920a163d7")  # of a journal that says: the file was empty
    numbers = (0, dice.getrandbits(32), 0, SECTOR, PAGE)
    journal = (magic + b"".join(number.to_bytes(4, "big") for number in numbers)).ljust(
        SECTOR, b"\0"
    )
    for length in (0, 1, 99, 100, SECTOR, PAGE - 1, PAGE):
        directory = tmp_path / str(length)
        directory.mkdir()
        (directory / FILE_NAME).write_bytes(recording.database[:length])
        (directory / JOURNAL_NAME).write_bytes(journal)
        assert opened(directory) == NOTHING, f"{length} bytes of the first page"
