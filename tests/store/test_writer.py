"""The store writer: changes reach the disk in order, without blocking the event loop."""

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from knxgw.charging.scope import Scope, point_scope
from knxgw.store.database import Database, FaultRow, SessionRow
from knxgw.store.writer import StoreWriter
from tests.support.virtual_time import InlineExecutor

CP1, CP2 = point_scope(1), point_scope(2)


def fault(code: str) -> FaultRow:
    return FaultRow(at=None, scope=CP1, code=code, present=True)


async def test_the_newest_record_of_a_scope_wins(tmp_path: Path) -> None:
    database = Database(tmp_path)
    writer = StoreWriter(database, InlineExecutor())
    for value in range(100):
        writer.save(CP1, {"value": value})
    writer.save(CP2, {"value": 7})
    await writer.flush()
    assert database.load_records() == {CP1: {"value": 99}, CP2: {"value": 7}}
    database.close()


async def test_messages_are_all_kept_in_their_order(tmp_path: Path) -> None:
    database = Database(tmp_path)
    writer = StoreWriter(database, InlineExecutor())
    for code in ("a", "b", "c"):
        writer.add_fault(fault(code))
    writer.add_session(
        SessionRow(point=1, started_at=None, ended_at=None, duration_s=1, energy_mwh=2)
    )
    await writer.flush()
    assert [row.code for row in database.faults()] == ["c", "b", "a"]
    assert len(database.sessions()) == 1
    database.close()


async def test_what_comes_is_written_without_being_asked(tmp_path: Path) -> None:
    database = Database(tmp_path)
    writer = StoreWriter(database, InlineExecutor())
    async with asyncio.TaskGroup() as group:
        task = group.create_task(writer.run())
        for value in (1, 2):
            writer.save(CP1, {"value": value})
            await asyncio.sleep(1)
            assert database.load_records() == {CP1: {"value": value}}
        task.cancel()
    database.close()


async def test_what_cannot_be_written_is_kept_and_written_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    database = Database(tmp_path)
    writer = StoreWriter(database, InlineExecutor())
    database._connection.execute("PRAGMA query_only = ON")  # like a full or worn-out card
    writer.save(CP1, {"setpoint_ma": 6000})
    assert not await writer.flush()
    writer.save(CP1, {"setpoint_ma": 8000})
    writer.save(CP2, {"setpoint_ma": 9000})
    assert not await writer.flush()
    assert len([r for r in caplog.records if "cannot be stored" in r.getMessage()]) == 1
    caplog.clear()  # the one ERROR was meant
    database._connection.execute("PRAGMA query_only = OFF")
    assert await writer.flush()
    assert database.load_records() == {CP1: {"setpoint_ma": 8000}, CP2: {"setpoint_ma": 9000}}
    database.close()


async def test_a_secure_number_that_may_wait_goes_with_the_next_write(tmp_path: Path) -> None:
    database = Database(tmp_path)
    writer = StoreWriter(database, InlineExecutor())
    async with asyncio.TaskGroup() as group:
        task = group.create_task(writer.run())
        writer.note_number("sender", 5, at_once=False)
        await asyncio.sleep(60)
        assert database.load_numbers() == {}
        writer.save(CP1, {"interrupted": True})
        await asyncio.sleep(1)
        assert database.load_numbers() == {"sender": 5}
        writer.note_number("sender", 6, at_once=True)
        await asyncio.sleep(1)
        assert database.load_numbers() == {"sender": 6}
        task.cancel()
    database.close()


async def test_a_number_and_the_decision_of_its_telegram_are_one_write(tmp_path: Path) -> None:
    database = Recording(tmp_path)
    writer = StoreWriter(database, InlineExecutor())
    async with asyncio.TaskGroup() as group:
        task = group.create_task(writer.run())
        await asyncio.sleep(1)
        writer.note_number("sender", 5, at_once=True)
        await asyncio.sleep(0.01)  # the station decides
        writer.save(CP1, {"interrupted": False})
        await asyncio.sleep(0.001)
        assert database.saved == [({CP1: {"interrupted": False}}, {"sender": 5})]
        writer.save(CP1, {"interrupted": True})
        await asyncio.sleep(0.001)
        assert database.saved[1:] == [({CP1: {"interrupted": True}}, {})], "no decision waits"
        task.cancel()
    database.close()


async def test_a_number_that_comes_during_a_write_waits_for_its_decision_too(
    tmp_path: Path,
) -> None:
    database = Recording(tmp_path)
    writer = StoreWriter(database, SlowExecutor())
    async with asyncio.TaskGroup() as group:
        task = group.create_task(writer.run())
        writer.save(CP1, {"interrupted": True})
        await asyncio.sleep(WRITE_S - 0.001)
        writer.note_number("sender", 5, at_once=True)
        await asyncio.sleep(0.002)  # meanwhile the write is done
        writer.save(CP1, {"interrupted": False})
        await asyncio.sleep(2 * WRITE_S)
        assert database.saved == [
            ({CP1: {"interrupted": True}}, {}),
            ({CP1: {"interrupted": False}}, {"sender": 5}),
        ]
        task.cancel()
    database.close()


WRITE_S = 0.5


class SlowExecutor(InlineExecutor):
    """A disk that takes its time, in virtual time."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run `fn` now; its result is known later."""
        done = super().submit(fn, *args, **kwargs)
        later: Future[Any] = Future()
        asyncio.get_running_loop().call_later(WRITE_S, lambda: later.set_result(done.result()))
        return later


class Recording(Database):
    """Notes what is written together."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.saved: list[tuple[Mapping[Scope, Mapping[str, Any]], Mapping[str, int]]] = []

    def save(
        self,
        records: Mapping[Scope, Mapping[str, Any]],
        sessions: Sequence[SessionRow] = (),
        faults: Sequence[FaultRow] = (),
        numbers: Mapping[str, int] | None = None,
    ) -> None:
        super().save(records, sessions, faults, numbers)
        self.saved.append((records, numbers or {}))


async def test_secure_numbers_survive_an_orderly_end_and_never_fall(tmp_path: Path) -> None:
    database = Database(tmp_path)
    writer = StoreWriter(database, InlineExecutor())
    writer.note_number("sender", 7, at_once=False)
    writer.note_number("sender", 3, at_once=False)
    await writer.flush()
    assert await writer.store_number("sender", 6)
    assert await writer.store_number("own", 1 << 47)
    database.close()
    database = Database(tmp_path)
    assert database.load_numbers() == {"sender": 7, "own": 1 << 47}
    database.close()


async def test_a_secure_number_that_cannot_be_written_is_kept_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    database = Database(tmp_path)
    writer = StoreWriter(database, InlineExecutor())
    database._connection.execute("PRAGMA query_only = ON")
    writer.note_number("sender", 7, at_once=True)
    assert not await writer.flush()
    assert not await writer.store_number("own", 1)
    writer.note_number("sender", 8, at_once=True)
    database._connection.execute("PRAGMA query_only = OFF")
    assert await writer.flush()
    assert database.load_numbers() == {"sender": 8}
    assert len([r for r in caplog.records if "cannot be stored" in r.getMessage()]) == 1
    caplog.clear()  # the one ERROR was meant
    database.close()


async def test_what_one_writer_could_not_store_is_known_to_the_next_and_stored_by_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    database = Database(tmp_path)
    first = StoreWriter(database, InlineExecutor())
    first.save(CP1, {"interruption": False})
    first.note_number("ours", 7, at_once=True)
    assert await first.flush()
    database._connection.execute("PRAGMA query_only = ON")  # like a full card
    first.save(CP1, {"interruption": True})
    first.note_number("ours", 9, at_once=True)
    first.add_fault(fault("Comm"))
    assert not await first.flush()
    first.hand_over()
    assert database.load_records() == {CP1: {"interruption": True}}
    assert database.load_numbers() == {"ours": 9}
    caplog.clear()  # the one ERROR was meant
    database._connection.execute("PRAGMA query_only = OFF")
    second = StoreWriter(database, InlineExecutor())
    second.save(CP2, {"interruption": False})
    assert await second.flush()
    second.hand_over()
    database.close()
    database = Database(tmp_path)
    assert database.load_records() == {CP1: {"interruption": True}, CP2: {"interruption": False}}
    assert database.load_numbers() == {"ours": 9}
    assert [row.code for row in database.faults()] == ["Comm"]
    database.close()
