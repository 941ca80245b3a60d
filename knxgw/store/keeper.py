"""The store's own thread: writes in order, acknowledges, and never stops the loop.

Records are wanted state (the newest per scope wins, many changes make one write); sessions and
faults are messages and none is lost; secure numbers only grow. What belongs together is one
transaction: a decision and the secure number of the telegram that caused it, for instance. A file
that turns out to be damaged is put aside; everything that is known goes into a new one.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from contextlib import suppress
from functools import partial
from typing import Any, NoReturn

from knxgw.charging.words import Scope
from knxgw.store.database import Database, FaultRow, SessionRow, Unsaved
from knxgw.store.trouble import is_damage, remedy

log = logging.getLogger(__name__)
RETRY_S = 10.0
TOGETHER_S = 0.05  # far longer than a decision takes


class Keeper:
    """Takes what must survive and hands it to the database in `executor`."""

    def __init__(
        self,
        database: Database,
        executor: Executor,
        on_loss: Callable[[], None] = lambda: None,
    ) -> None:
        """Write to `database`; `on_loss` is told when it had to begin anew."""
        self._database = database
        self._executor = executor
        self._on_loss = on_loss
        self._newest: dict[Scope, Mapping[str, Any]] = dict(database.load_records())
        self._newest_numbers = dict(database.load_numbers())  # what is known, stored or not
        before = database.unsaved
        self._records = dict(before.records)
        self._sessions = list(before.sessions)
        self._faults = list(before.faults)
        self._numbers = dict(before.numbers)
        self._wake = asyncio.Event()
        if before != Unsaved():
            self._wake.set()
        self._failing = False

    def remember(self, scope: Scope, record: Mapping[str, Any]) -> None:
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
        """Store a secure number at once, or with whatever is written next."""
        self._numbers[name] = max(number, self._numbers.get(name, 0))
        self._note_newest(name, number)
        if at_once:
            self._wake.set()

    async def store_number(self, name: str, number: int) -> bool:
        """Store a secure number; return True when it is safe on the disk."""
        self._note_newest(name, number)
        save = partial(self._database.save, {}, numbers={name: number})
        return await self._carried_out(save)

    def _note_newest(self, name: str, number: int) -> None:
        self._newest_numbers[name] = max(number, self._newest_numbers.get(name, 0))

    async def run(self) -> NoReturn:
        """Write what waits, as it comes; what cannot be written is tried again."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            if not await self._write(patiently=True):
                self._wake.set()
                await asyncio.sleep(RETRY_S)

    async def _decision(self) -> None:
        """Let a number wait for the decision that its telegram causes, if it causes one.

        Stored alone, a power cut in between would leave a telegram that cannot be repeated and has
        not done anything.
        """
        self._wake.clear()  # the number has set it
        with suppress(TimeoutError):
            async with asyncio.timeout(TOGETHER_S):
                await self._wake.wait()
        self._wake.clear()

    async def flush(self) -> bool:
        """Write everything that waits; return True when it is safe on the disk."""
        return await self._write(patiently=False)

    async def _write(self, *, patiently: bool) -> bool:
        while self._records or self._sessions or self._faults or self._numbers:
            if patiently and not (self._records or self._sessions or self._faults):
                await self._decision()
            taken = (self._records, self._sessions, self._faults, self._numbers)
            self._records, self._sessions, self._faults, self._numbers = {}, [], [], {}
            is_stored = False
            try:
                is_stored = await self._carried_out(partial(self._database.save, *taken))
            finally:  # also where nobody waits any longer
                if not is_stored:
                    self._put_back(*taken)
            if not is_stored:
                return False
        return True

    async def _carried_out(self, save: Callable[[], None]) -> bool:
        """Let the store's thread write; failing and working again are logged once each.

        Damage is answered once with a new file: a disk that damages that as well is not helped by
        a third one at once.
        """
        try:
            try:
                await self._in_thread(save)
            except sqlite3.Error as err:
                if not is_damage(err):
                    raise
                await self._begin_anew(err)
                await self._in_thread(save)
        except (OSError, sqlite3.Error) as err:
            if not self._failing:
                what = remedy(err, self._database.directory)
                log.error("the state cannot be stored: %s", what)  # noqa: TRY400 - it says it all
            self._failing = True
            return False
        if self._failing:
            log.warning("the state is stored again")
        self._failing = False
        return True

    async def _in_thread(self, do: Callable[[], None]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._executor, do)

    async def _begin_anew(self, why: sqlite3.Error) -> None:
        """Put a damaged file aside and fill a new one with everything that is known.

        Raises: OSError, sqlite3.Error.
        """
        await self._in_thread(self._database.begin_anew)
        aside, self._database.put_aside = self._database.put_aside, None
        log.warning(
            "the state file was damaged (%s) and was put aside as %s; a new one was begun",
            why,
            aside,
        )
        records, numbers = dict(self._newest), dict(self._newest_numbers)
        known = partial(self._database.save, records, numbers=numbers)
        await self._in_thread(known)
        self._on_loss()

    def leave(self) -> None:
        """Leave what could not be stored to the next keeper: a configuration read anew."""
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
        """Keep what could not be written, behind nothing newer."""
        self._records = {**records, **self._records}
        self._sessions[:0] = sessions
        self._faults[:0] = faults
        for name, number in numbers.items():
            self.note_number(name, number, at_once=False)
