"""The store's own thread: writes in order, acknowledges, and never stops the loop.

Records are wanted state (the newest per scope wins, many changes make one write); sessions and
faults are messages and none is lost; secure numbers only grow. What belongs together is one
transaction: a decision and the secure number of the telegram that caused it, for instance.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from functools import partial
from typing import Any, NoReturn

from knxgw.store.database import Database, FaultRow, SessionRow

log = logging.getLogger(__name__)
RETRY_S = 10.0


class Keeper:
    """Takes what must survive and hands it to the database in `executor`."""

    def __init__(self, database: Database, executor: Executor) -> None:
        self._database = database
        self._executor = executor
        self._records: dict[int, Mapping[str, Any]] = {}
        self._sessions: list[SessionRow] = []
        self._faults: list[FaultRow] = []
        self._numbers: dict[str, int] = {}
        self._wake = asyncio.Event()
        self._failing = False

    def remember(self, scope: int, record: Mapping[str, Any]) -> None:
        """Store the newest record of a scope soon."""
        self._records[scope] = record
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
        if at_once:
            self._wake.set()

    async def store_number(self, name: str, number: int) -> bool:
        """Store a secure number; return True when it is safe on the disk."""
        save = partial(self._database.save, {}, numbers={name: number})
        return await self._carried_out(save)

    async def run(self) -> NoReturn:
        """Write what waits, as it comes; what cannot be written is tried again."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            if not await self.flush():
                self._wake.set()
                await asyncio.sleep(RETRY_S)

    async def flush(self) -> bool:
        """Write everything that waits; return True when it is safe on the disk."""
        while self._records or self._sessions or self._faults or self._numbers:
            taken = (self._records, self._sessions, self._faults, self._numbers)
            self._records, self._sessions, self._faults, self._numbers = {}, [], [], {}
            if not await self._carried_out(partial(self._database.save, *taken)):
                self._put_back(*taken)
                return False
        return True

    async def _carried_out(self, save: Callable[[], None]) -> bool:
        """Let the store's thread write; failing and working again are logged once each."""
        try:
            await asyncio.get_running_loop().run_in_executor(self._executor, save)
        except sqlite3.Error as err:
            if not self._failing:
                log.error("the state cannot be stored (%s); free some space?", err)  # noqa: TRY400 - the cause says it all
            self._failing = True
            return False
        if self._failing:
            log.warning("the state is stored again")
        self._failing = False
        return True

    def _put_back(
        self,
        records: dict[int, Mapping[str, Any]],
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
