"""The store's own thread: writes in order, acknowledges, and never stops the loop.

Records are wanted state (the newest per scope wins, many changes make one write); sessions and
faults are messages and are kept in order.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from typing import Any, NoReturn

from knxgw.store.database import Database, FaultRow, SessionRow

log = logging.getLogger(__name__)


class Keeper:
    """Takes what must survive and hands it to the database in `executor`."""

    def __init__(self, database: Database, executor: Executor) -> None:
        self._database = database
        self._executor = executor
        self._records: dict[int, Mapping[str, Any]] = {}
        self._messages: deque[Callable[[], None]] = deque()
        self._wake = asyncio.Event()

    def remember(self, scope: int, record: Mapping[str, Any]) -> None:
        """Store the newest record of a scope soon."""
        self._records[scope] = record
        self._wake.set()

    def add_session(self, row: SessionRow) -> None:
        """Store a closed session."""
        self._messages.append(lambda: self._database.add_session(row))
        self._wake.set()

    def add_fault(self, row: FaultRow) -> None:
        """Store a fault that came or went."""
        self._messages.append(lambda: self._database.add_fault(row))
        self._wake.set()

    async def run(self) -> NoReturn:
        """Write what waits, as it comes."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self.flush()

    async def flush(self) -> None:
        """Write everything that waits and return when it is safe on the disk."""
        loop = asyncio.get_running_loop()
        while self._records or self._messages:
            records, self._records = self._records, {}
            messages = list(self._messages)
            self._messages.clear()
            await loop.run_in_executor(self._executor, self._write, records, messages)

    def _write(
        self, records: Mapping[int, Mapping[str, Any]], messages: list[Callable[[], None]]
    ) -> None:
        if records:
            self._database.save_records(records)
        for message in messages:
            message()
