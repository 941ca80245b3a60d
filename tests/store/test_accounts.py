"""What the website keeps: accounts, sessions and audit, stored whole by the store's one thread."""

import asyncio
import logging
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from knxgw.charging.scope import DEVICE
from knxgw.store.accounts import (
    MOST_AUDIT_ROWS,
    MOST_WAITING,
    AccountRow,
    AccountStore,
    AuditRow,
    NotStoredError,
    WebsiteRows,
    WebsiteSessionRow,
)
from knxgw.store.database import FILE_NAME, Database
from knxgw.store.writer import StoreWriter
from tests.store.test_damage import page_of, tear
from tests.support.virtual_time import InlineExecutor

HASHES = ("secret hash", "another")
OWNER = AccountRow(
    name="owner", role="owner", points=None, password_hash=HASHES[0], must_change=False,
    failed=3, logged_in_at="2026-07-01T12:00:00+00:00",
)  # fmt: skip
ANNA = AccountRow(
    name="Anna", role="user", points="1,2", password_hash=HASHES[1], must_change=True, failed=0,
    logged_in_at=None,
)  # fmt: skip
SESSION = WebsiteSessionRow(
    digest="d1", account="owner", stays=True, by_initial=False, address="10.0.0.1", browser="b",
    began_at="2026-07-01T12:00:00+00:00", stored_at=None, age_s=7.5, idle_s=0.5,
)  # fmt: skip
ROWS = WebsiteRows(accounts=(OWNER, ANNA), sessions=(SESSION,))


def audit(action: str) -> AuditRow:
    return AuditRow(at=None, account="owner", address="10.0.0.1", action=action)


def opened(database: Database) -> AccountStore:
    return AccountStore(database, InlineExecutor(), lambda *_: None)


def actions(store: AccountStore) -> list[str]:
    return [row.action for row in store.audit(limit=1000)]


def test_accounts_and_sessions_come_back_as_they_were(tmp_path: Path) -> None:
    database = Database(tmp_path)
    opened(database).save(ROWS, audit("a"))
    database.close()
    database = Database(tmp_path)
    store = opened(database)
    assert store.newest == ROWS
    store.save(WebsiteRows(accounts=(OWNER,)), audit("b"))
    assert opened(database).newest == WebsiteRows(accounts=(OWNER,)), "it is stored whole"
    assert actions(store) == ["b", "a"]
    database.close()


def test_they_do_not_touch_what_the_gateway_stores(tmp_path: Path) -> None:
    database = Database(tmp_path)
    database.save({DEVICE: {"a": 1}}, numbers={"n": 7})
    opened(database).save(ROWS)
    assert (database.load_records(), database.load_numbers()) == ({DEVICE: {"a": 1}}, {"n": 7})
    database.close()


def test_the_audit_is_bounded_and_can_be_read_in_pages(tmp_path: Path) -> None:
    database = Database(tmp_path)
    rows = [(n, None, "a", "", "old", "", "") for n in range(1, MOST_AUDIT_ROWS + 1)]

    def fill(connection: sqlite3.Connection) -> None:
        connection.executemany("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?)", rows)

    database.change(fill)
    store = opened(database)
    for n in range(5):
        store.save(ROWS, audit(str(n)))
    ((count,),) = database.rows("SELECT count(*) FROM audit")
    assert count == MOST_AUDIT_ROWS
    page = store.audit(limit=3)
    assert [row.action for row in page] == ["4", "3", "2"]
    assert [row.action for row in store.audit(limit=3, before_id=page[-1].id)] == ["1", "0", "old"]
    database.close()


def test_what_waits_is_seen_and_stored_with_the_next_write(tmp_path: Path) -> None:
    database = Database(tmp_path)
    store = opened(database)
    store.note(audit("waits"))
    assert actions(store) == ["waits"]
    assert actions(opened(database)) == []
    store.save_soon(ROWS)
    assert actions(opened(database)) == ["waits"]
    assert actions(store) == ["waits"]
    database.close()


def test_a_disk_that_takes_nothing_is_said_once_and_holds_up_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    database = Database(tmp_path)
    store = opened(database)
    store.save(ROWS, audit("before"))
    database._connection.execute("PRAGMA query_only = ON")
    for _ in range(3):
        with pytest.raises(NotStoredError):
            store.save(WebsiteRows(), audit("refused"))
    for n in range(2 * MOST_WAITING):
        store.note(audit(str(n)))
        store.save_soon()
    assert store.newest == ROWS
    failing = [store.trouble is not None]
    assert len([r for r in caplog.records if r.levelno == logging.ERROR]) == 1
    assert "secret hash" not in caplog.text
    caplog.clear()  # the one ERROR was meant
    database._connection.execute("PRAGMA query_only = OFF")
    store.save_soon()
    assert [*failing, store.trouble is not None] == [True, False]
    assert actions(store) == [
        *map(str, range(2 * MOST_WAITING - 1, MOST_WAITING - 1, -1)),
        "before",
    ]
    assert opened(database).newest == ROWS
    database.close()


@pytest.mark.real
def test_a_disk_that_does_not_answer_is_not_waited_for(tmp_path: Path) -> None:
    executor = ThreadPoolExecutor(1)
    database = Database(tmp_path)
    store = AccountStore(database, executor, lambda *_: None, wait_s=0.05)
    go = threading.Event()
    executor.submit(go.wait, 10)
    with pytest.raises(NotStoredError, match="did not answer"):
        store.save(ROWS, audit("refused"))
    with pytest.raises(NotStoredError):
        store.audit()
    go.set()
    executor.shutdown()
    assert store.newest == WebsiteRows()
    assert opened(database).newest == WebsiteRows(), "it did not happen late"
    with pytest.raises(NotStoredError, match="the gateway ends"):
        store.save(ROWS)
    store.save_soon(ROWS)
    database.close()


async def test_a_file_that_a_write_of_the_website_finds_damaged_is_replaced(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """All that is in memory goes into the new file, that of the gateway and that of the website."""
    lost: list[int] = []
    database = Database(tmp_path)

    def on_loss() -> None:
        lost.append(1)
        store.save_soon()

    writer = StoreWriter(database, InlineExecutor(), on_loss)
    store = AccountStore(database, InlineExecutor(), writer.note_damage)
    writer.save(DEVICE, {"a": 1})
    assert await writer.flush()
    store.save(ROWS, audit("before"))
    database._connection.execute("DROP TABLE website_sessions")
    with pytest.raises(NotStoredError):
        store.save(WebsiteRows(accounts=(OWNER,)))
    caplog.clear()  # the ERROR was meant
    async with asyncio.TaskGroup() as group:
        task = group.create_task(writer.run())
        await asyncio.sleep(1.0)
        task.cancel()
    assert lost == [1]
    assert "was damaged" in caplog.text
    database.close()
    again = Database(tmp_path)
    assert again.put_aside is None
    assert again.load_records() == {DEVICE: {"a": 1}}
    assert opened(again).newest == ROWS
    assert actions(opened(again)) == ["before"]
    again.close()


def test_a_torn_page_of_another_table_leaves_the_accounts(tmp_path: Path) -> None:
    database = Database(tmp_path)
    opened(database).save(ROWS, audit("a"))
    database.close()
    tear(tmp_path / FILE_NAME, page_of(tmp_path / FILE_NAME, "faults"))
    database = Database(tmp_path)
    assert database.put_aside is not None
    assert opened(database).newest == ROWS
    assert actions(opened(database)) == ["a"]
    database.close()


@pytest.mark.parametrize("value", ["x", None, b"\xff", 1.5, -1])
def test_values_that_nobody_wrote_do_not_keep_the_gateway_from_starting(
    tmp_path: Path, value: object
) -> None:
    Database(tmp_path).close()
    connection = sqlite3.connect(tmp_path / FILE_NAME)
    bad = "x" if value is None else value
    connection.execute("INSERT INTO accounts VALUES (?, ?, ?, ?, ?, ?, ?)", (bad,) * 7)
    connection.execute("INSERT INTO website_sessions VALUES (?,?,?,?,?,?,?,?,?,?)", (bad,) * 10)
    connection.execute("INSERT INTO audit VALUES (9, ?, ?, ?, ?, ?, ?)", (bad,) * 6)
    connection.commit()
    connection.close()
    database = Database(tmp_path)
    store = opened(database)
    assert len(store.newest.accounts) == len(store.newest.sessions) == len(store.audit()) == 1
    store.save(store.newest, audit("next"))
    assert store.audit()[0].id == 10
    database.close()
