"""When the device ran, and how each run ended: what a person asks first after a restart."""

import logging
import sqlite3
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from enum import StrEnum

from knxgw.store.database import Database

log = logging.getLogger(__name__)
MOST_RUNS = 2000


class RunEnding(StrEnum):
    """How a run ended, where the program itself could still say so."""

    STOPPED = "stopped"  # by the service manager, or by Ctrl-C
    RESTARTED = "restarted"  # asked for on the website
    RESET = "reset"  # likewise
    REBOOTED = "rebooted"  # likewise, with the machine
    FAILED = "failed"  # an error of the program


class StartCause(StrEnum):
    """Why the device has started: how the run before ended."""

    FIRST = "first"  # there was none
    STOPPED = "stopped"
    RESTARTED = "restarted"
    RESET = "reset"
    REBOOTED = "rebooted"
    FAILED = "failed"
    POWER = "power"  # the machine started again, and the run before could not end in order
    KILLED = "killed"  # the program ended without a word, and the machine ran on
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """One run of the device; times as ISO 8601 in UTC, None when the clock was not valid."""

    started_at: str | None
    version: str
    boot: str  # of the machine, as its kernel names it; "": unknown
    ended_at: str | None = None
    ending: str | None = None  # a `RunEnding`; None: it runs, or it ended without a word


def start_cause(before: RunRow | None, boot: str) -> StartCause:
    """Return why a run has started, by the one before it and by the boot of the machine."""
    if before is None:
        return StartCause.FIRST
    if before.ending == RunEnding.REBOOTED and boot and boot == before.boot:
        return StartCause.STOPPED  # the machine did not restart then: somebody else ended the run
    if before.ending is not None:
        known = before.ending in set(StartCause)
        return StartCause(before.ending) if known else StartCause.UNKNOWN
    if not (boot and before.boot):
        return StartCause.UNKNOWN
    return StartCause.KILLED if before.boot == boot else StartCause.POWER


class RunHistory:
    """Stores when this run began and how it ended; a disk that fails costs an entry, nothing else."""

    def __init__(self, database: Database, executor: Executor) -> None:
        self._database = database
        self._executor = executor
        self.ending = RunEnding.STOPPED  # what it will be, unless somebody says otherwise
        self.is_power_on = False  # the machine has started since the run before, or there was none

    def begin(self, now: str | None, version: str, boot: str) -> StartCause:
        """Note that a run begins; return why it has started."""
        before = self._last()
        self.is_power_on = before is None or (bool(boot) and before.boot != boot)

        def add(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT INTO runs (started_at, version, boot) VALUES (?, ?, ?)",
                (now, version, boot),
            )
            connection.execute(
                "DELETE FROM runs WHERE id <= (SELECT max(id) FROM runs) - ?", (MOST_RUNS,)
            )

        self._executor.submit(self._change, add)
        return start_cause(before, boot)

    def end(self, started: str | None, now: str | None) -> None:
        """Note when the run began and how it has ended; from the store's own thread.

        When it began may have been unknown while the clock was not set.
        """

        def note(connection: sqlite3.Connection) -> None:
            connection.execute(
                "UPDATE runs SET started_at = coalesce(started_at, ?), ended_at = ?, ending = ?"
                " WHERE id = (SELECT max(id) FROM runs)",
                (started, now, self.ending.value),
            )

        self._change(note)

    def touch(self) -> None:
        """Write to the file what is there already. Raises: OSError, sqlite3.Error."""

        def write(connection: sqlite3.Connection) -> None:
            connection.execute(
                "UPDATE runs SET version = version WHERE id = (SELECT max(id) FROM runs)"
            )

        self._database.change(write)

    def _change(self, do: Callable[[sqlite3.Connection], None]) -> None:
        try:
            self._database.change(do)
        except (OSError, sqlite3.Error) as err:
            log.debug("the run is not in the history: %s", err)

    def _last(self) -> RunRow | None:
        try:
            rows = self._database.rows(
                "SELECT started_at, version, boot, ended_at, ending FROM runs"
                " ORDER BY id DESC LIMIT 1"
            )
        except (OSError, sqlite3.Error):
            return None
        if not rows:
            return None
        started_at, version, boot, ended_at, ending = rows[0]
        return RunRow(
            started_at=started_at, version=version, boot=boot, ended_at=ended_at, ending=ending
        )
