"""Write-behind to the state file: collects changes and stores them in the executor's thread.

Records are states: the newest of a scope wins, and many changes make one write. Sessions and faults
are messages: none is lost. Secure numbers only grow. What belongs together is stored in one
transaction, for instance a decision and the secure number of the telegram that caused it. A file
that turns out to be damaged is put aside, and everything in memory goes into a new file.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Executor
from contextlib import suppress
from functools import partial
from typing import Any, NoReturn

from knxgw.catalogue.messages import message_texts
from knxgw.charging.scope import Scope
from knxgw.store.database import Database, FaultRow, SessionRow, Unsaved
from knxgw.store.trouble import cause, in_english, is_damage

log = logging.getLogger(__name__)
RETRY_S = 10.0
TOGETHER_S = 0.05  # far longer than a decision takes


class StoreWriter:
    """Collects what must survive a restart and has `executor` write it to the database."""

    def __init__(
        self,
        database: Database,
        executor: Executor,
        on_loss: Callable[[], None] = lambda: None,
    ) -> None:
        """Write to `database`; `on_loss` is called when a damaged file was replaced."""
        message_texts()  # while they can still be read: a disk that fails may hold them, too
        self._database = database
        self._executor = executor
        self._on_loss = on_loss
        self._newest: dict[Scope, Mapping[str, Any]] = dict(database.load_records())
        self._newest_numbers = dict(database.load_numbers())  # stored or not yet
        unsaved = database.unsaved
        self._records = dict(unsaved.records)
        self._sessions = list(unsaved.sessions)
        self._faults = list(unsaved.faults)
        self._numbers = dict(unsaved.numbers)
        self._wake = asyncio.Event()
        if unsaved != Unsaved():
            self._wake.set()
        self._is_failing = False
        self._damage: tuple[Exception, int] | None = None  # that another part has met

    @property
    def records(self) -> dict[Scope, Mapping[str, Any]]:
        """Return the newest record of each scope, stored or not yet."""
        return dict(self._newest)

    def save(self, scope: Scope, record: Mapping[str, Any]) -> None:
        """Store the newest record of a scope soon."""
        self._records[scope] = self._newest[scope] = record
        self._wake.set()

    def add_session(self, row: SessionRow) -> None:
        """Store a closed session."""
        self._sessions.append(row)
        self._wake.set()

    def add_fault(self, row: FaultRow) -> None:
        """Store a fault that came or went."""
        self._faults.append(row)
        self._wake.set()

    def note_number(self, name: str, number: int, *, at_once: bool) -> None:
        """Store a secure number at once, or together with the next write."""
        self._numbers[name] = max(number, self._numbers.get(name, 0))
        self._note_newest(name, number)
        if at_once:
            self._wake.set()

    async def store_number(self, name: str, number: int) -> bool:
        """Store a secure number; return True when it is safe on the disk."""
        self._note_newest(name, number)
        save = partial(self._database.save, {}, numbers={name: number})
        return await self._store(save)

    def _note_newest(self, name: str, number: int) -> None:
        self._newest_numbers[name] = max(number, self._newest_numbers.get(name, 0))

    def note_damage(self, why: Exception, generation: int) -> None:
        """Replace the file soon: another part of the store has found `generation` of it damaged."""
        self._damage = (why, generation)
        self._wake.set()

    async def run(self) -> NoReturn:
        """Write changes as they come; retry after `RETRY_S` when writing fails."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            if not await self._write(patiently=True):
                self._wake.set()
                await asyncio.sleep(RETRY_S)

    async def _await_decision(self) -> None:
        """Hold a secure number back for the decision that its telegram may cause.

        If the number were stored alone, a power cut before the decision is stored would leave a
        telegram that had no effect and cannot be repeated.
        """
        self._wake.clear()  # the number has set it
        with suppress(TimeoutError):
            async with asyncio.timeout(TOGETHER_S):
                await self._wake.wait()
        self._wake.clear()

    async def flush(self) -> bool:
        """Write everything that is pending; return True when it is safe on the disk."""
        return await self._write(patiently=False)

    async def _write(self, *, patiently: bool) -> bool:
        if self._damage is not None and not await self._mend(*self._damage):
            return False
        while self._records or self._sessions or self._faults or self._numbers:
            if patiently and not (self._records or self._sessions or self._faults):
                await self._await_decision()
            pending = (self._records, self._sessions, self._faults, self._numbers)
            self._records, self._sessions, self._faults, self._numbers = {}, [], [], {}
            is_stored = False
            try:
                is_stored = await self._store(partial(self._database.save, *pending))
            finally:  # also when the caller was cancelled
                if not is_stored:
                    self._put_back(*pending)
            if not is_stored:
                return False
        return True

    async def _mend(self, why: Exception, generation: int) -> bool:
        if generation == self._database.generation and not await self._try(
            self._replace_damaged(why)
        ):
            return False
        self._damage = None
        return True

    async def _store(self, save: Callable[[], None]) -> bool:
        """Have the executor write; return whether it is stored."""
        return await self._try(self._save_or_replace(save))

    async def _save_or_replace(self, save: Callable[[], None]) -> None:
        """Have the executor write. Raises: OSError, sqlite3.Error.

        A damaged file is replaced once per write. If the new file is damaged as well, the disk is
        at fault, and another new file would not help.
        """
        try:
            await self._in_thread(save)
        except sqlite3.Error as err:
            if not is_damage(err):
                raise
            await self._replace_damaged(err)
            await self._in_thread(save)

    async def _try(self, storing: Awaitable[None]) -> bool:
        """Wait for what is being stored; log once when that fails and once when it works again."""
        try:
            await storing
        except (OSError, sqlite3.Error) as err:
            if not self._is_failing:
                what = in_english(cause(err, self._database.directory))
                log.error("the state cannot be stored: %s", what)  # noqa: TRY400 - it says it all
            self._is_failing = True
            return False
        if self._is_failing:
            log.warning("the state is stored again")
        self._is_failing = False
        return True

    async def _in_thread(self, do: Callable[[], None]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._executor, do)

    async def _replace_damaged(self, why: Exception) -> None:
        """Put a damaged file aside and fill a new one with everything in memory.

        Raises: OSError, sqlite3.Error.
        """
        await self._in_thread(self._database.replace_damaged)
        aside, self._database.put_aside = self._database.put_aside, None
        log.warning(
            "the state file was damaged (%s) and was renamed to %s; a new one was created",
            why,
            aside,
        )
        records, numbers = dict(self._newest), dict(self._newest_numbers)
        await self._in_thread(partial(self._database.save, records, numbers=numbers))
        self._on_loss()

    def hand_over(self) -> None:
        """Hand what could not be stored to the next writer of the same database."""
        self._database.unsaved = Unsaved(
            records=self._records,
            sessions=self._sessions,
            faults=self._faults,
            numbers=self._numbers,
        )

    def _put_back(
        self,
        records: dict[Scope, Mapping[str, Any]],
        sessions: list[SessionRow],
        faults: list[FaultRow],
        numbers: dict[str, int],
    ) -> None:
        """Keep what could not be written; newer changes win."""
        self._records = {**records, **self._records}
        self._sessions[:0] = sessions
        self._faults[:0] = faults
        for name, number in numbers.items():
            self.note_number(name, number, at_once=False)
