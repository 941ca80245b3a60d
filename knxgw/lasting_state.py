"""What of the device outlives its run: records, sessions, faults, accounts, secure numbers, and its runs.

One thread writes it. What was stored is read once, at the start; of a damaged file, what is missing counts as not
known.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from knxgw import __version__
from knxgw.charging.scope import DEVICE, Scope, point_scope
from knxgw.config.model import Configuration
from knxgw.links.knx_numbers import SecureNumbers
from knxgw.station.initial import unreadable_fields
from knxgw.station.model import Station
from knxgw.store.accounts import AccountStore
from knxgw.store.database import Database, FaultRow
from knxgw.store.history import History
from knxgw.store.runs import RunEnding, RunHistory, StartCause
from knxgw.store.writer import StoreWriter

log = logging.getLogger(__name__)
STORE_S = 1.0  # for what waits to be stored at the end


class LastingState:
    """What is stored of one device; in the event loop only, where nothing else is said."""

    def __init__(
        self,
        database: Database,
        executor: Executor,
        now: Callable[[], datetime | None],
        on_lost: Callable[[], None],
    ) -> None:
        """Store in a database that is open.

        `executor` writes it. `now`: the wall-clock time, None while it is not valid. `on_lost`: a damaged file was
        replaced.
        """
        self._database, self._executor, self._now, self._on_lost = database, executor, now, on_lost
        self._loop = asyncio.get_running_loop()
        self.writer = StoreWriter(database, executor, self._lost)
        self.accounts = AccountStore(database, executor, self._note_damage)
        self.numbers = SecureNumbers(  # one for all links: not all of them are stored yet
            database.load_numbers(), self.writer, now, self._loop.time
        )
        self.history = History(database.directory)
        self.runs = RunHistory(database, executor)
        self._end_faults_of_before()

    # --- this run

    def begin_run(self, boot_id: str) -> StartCause:
        """Note that the device runs; return why it was started. `boot_id`: which start of the machine it is."""
        return self.runs.begin(_iso(self._now()), __version__, boot_id)

    def note_ending(self, ending: RunEnding) -> None:
        """Say how this run will have ended: the history, and the next start, tell it."""
        self.runs.ending = ending

    async def end(self, running_since: float) -> None:
        """Store what waits, and that the device, which began to run at that time of the loop, has ended."""
        try:
            async with asyncio.timeout(STORE_S):
                await self.writer.flush()
                await self._loop.run_in_executor(self._executor, self._end_run, running_since)
        except TimeoutError:
            log.exception("the state could not be stored within %.1f s", STORE_S)
        self.writer.hand_over()

    def _end_run(self, running_since: float) -> None:
        now, started = self._now(), None
        if now is not None:
            started = now - timedelta(seconds=self._loop.time() - running_since)
        self.runs.end(_iso(started), _iso(now))

    async def took_s(self) -> float | None:
        """Return how long the disk took to store something [s]; None: it did not."""
        begun_at = self._loop.time()
        try:
            await self._loop.run_in_executor(self._executor, self.runs.touch)
        except Exception:  # noqa: BLE001 - whatever it is, it is not stored
            return None
        return self._loop.time() - begun_at

    # --- what was stored

    def take_records(
        self, configuration: Configuration
    ) -> tuple[Mapping[Scope, Mapping[str, Any]], bool]:
        """Return what was stored for the station of a configuration, and, once, whether the file was damaged."""
        records = self.writer.records  # the newest: not all of them are on the disk yet
        aside, self._database.put_aside = self._database.put_aside, None
        if aside is not None:
            log.warning(
                "the state file was damaged and was renamed to %s; a new one was created", aside
            )
            scopes = [point_scope(point.number) for point in configuration.points]
            records = {scope: {} for scope in (DEVICE, *scopes)} | records
        for scope, names in unreadable_fields(configuration, records).items():
            what = "grid-supporting control" if scope == DEVICE else scope
            log.warning(
                "%s: stored state cannot be read (%s); what may have held it back still does, "
                "until a telegram changes it",
                what,
                "all of it" if "schema" in names else ", ".join(names),
            )
        return records, aside is not None

    def _lost(self) -> None:
        self._on_lost()
        self.accounts.save_soon()

    def _note_damage(self, why: Exception, generation: int) -> None:
        """Have the store's file replaced; called from the store's thread."""
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self.writer.note_damage, why, generation)

    # --- faults

    def _end_faults_of_before(self) -> None:
        """End the faults of the previous run: those that still hold are raised again."""
        at = _iso(self._now())
        for scope, code in self._database.open_faults():
            self.writer.add_fault(FaultRow(at=at, scope=scope, code=code, present=False))

    def end_faults_of(self, station: Station) -> None:
        """End the faults of an application that has ended: those that still hold are raised again."""
        at = _iso(self._now())
        of_points = {point_scope(number): point.faults for number, point in station.points.items()}
        for scope, faults in {DEVICE: station.faults, **of_points}.items():
            for code in faults.present:
                self.writer.add_fault(FaultRow(at=at, scope=scope, code=code, present=False))


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
