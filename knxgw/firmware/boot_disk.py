"""What the launcher keeps on the disk: its state, the slots, and a copy of the device's state before an update.

Of the standard library only, as the launcher. Whatever is replaced here is replaced by renaming, after it was
written to the disk: a power cut at any step leaves what was there, or what is to be there.
"""

import fcntl
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from knxgw.firmware import panel_text
from knxgw.firmware.boot_state import (
    BASE,
    LARGEST_FILE,
    SLOTS,
    BootState,
    decode,
    encode,
    reconstructed,
)

FOLDER = "firmware"  # in the state directory
STATE_FILE = "boot.json"
BUILDING = "before.new"  # a copy that is being made
COPY_OF = "of"  # in the copy: for which slot and version it was made
MARK = "knxgw-proved"  # in a slot that has proved itself
DATABASE = "knxgw.sqlite"
OWN_CONFIGURATION = "knxgw.configuration.yaml"
DATABASE_LOGS = ("-wal", "-shm", "-journal")
NUMBERS = "secure_numbers"  # of KNX Secure: they only grow, whatever is put back
PRIVATE = 0o600
_DAMAGE = {
    sqlite3.SQLITE_ERROR,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_SCHEMA,
}


class BootDisk:
    """The firmware of one state directory, and the one that was installed with the system."""

    def __init__(self, directory: Path, base: Path | None) -> None:
        """Take a state directory; `base`: the virtual environment that the system installed."""
        self.directory = directory
        self.root = directory / FOLDER
        self._base = base
        self._state_file = self.root / STATE_FILE
        self._copy = self.root / "before"

    # --- slots

    def path(self, slot: str) -> Path:
        """Return the virtual environment of a slot."""
        if slot == BASE:
            return self._base or self.root / BASE
        return self.root / "slots" / slot

    def installed(self) -> dict[str, str]:
        """Return the version of each slot that is there."""
        found = {slot: version_of(self.path(slot)) for slot in (BASE, *SLOTS)}
        return {slot: version for slot, version in found.items() if version is not None}

    def remove_slot(self, slot: str) -> None:
        """Remove a slot of the state directory; what the disk does not let go stays without its name."""
        if slot not in SLOTS:
            return
        path, waste = self.path(slot), self.root / "slots" / f"{slot}.old"
        shutil.rmtree(waste, ignore_errors=True)
        with suppress(OSError):
            path.rename(waste)
        shutil.rmtree(waste, ignore_errors=True)

    def note_proved(self, slot: str) -> None:
        """Mark a slot that works, for the day on which the state is lost. Raises: OSError."""
        if slot in SLOTS and not is_there(self._mark(slot)):
            self._mark(slot).touch(PRIVATE)
            sync_folder(self.path(slot))

    def _mark(self, slot: str) -> Path:
        return self.path(slot) / MARK

    # --- the lines of the front panel

    def note_panel(self, text: str) -> None:
        """Note the lines for the launcher; a disk that does not take it costs the LEDs of a broken firmware."""
        with suppress(OSError):
            if self.panel() != text:
                self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
                replace_file(self.root / panel_text.FILE, text.encode())

    def panel(self) -> str:
        """Return the lines that were noted, "": none were."""
        try:
            with (self.root / panel_text.FILE).open("rb") as file:
                return file.read(panel_text.LARGEST).decode("utf-8", "replace")
        except OSError:
            return ""

    # --- the state of the launcher

    def load(self) -> BootState:
        """Return the state; one that cannot be read is made again from what is there."""
        try:
            with self._state_file.open("rb") as file:
                state = decode(file.read(LARGEST_FILE))
        except OSError:
            state = None
        if state is not None:
            return state
        installed = self.installed()
        state = reconstructed(installed, [one for one in SLOTS if is_there(self._mark(one))])
        of = self._copy_is_of()
        if of is None:
            return state
        if state.trial is not None and (state.trial.slot, state.trial.version) == of:
            return replace(state, trial=replace(state.trial, has_copy=True))
        if installed.get(of[0]) != of[1]:  # it was given up, and the state is not back yet
            return replace(state, is_restoring=True)
        return state

    def save(self, state: BootState) -> None:
        """Store the state for good. Raises: OSError."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(self._state_file, encode(state))

    # --- the state of the device, as it was before an update

    def keep_copy(self, slot: str, version: str) -> None:
        """Copy what the firmware of a slot may change beyond what the previous one can read.

        The copy is there as long as the trial lasts, and no longer. Raises: OSError, sqlite3.Error.
        """
        new = self._copy.with_name(BUILDING)
        for left in (self._copy, new):
            shutil.rmtree(left, ignore_errors=True)
        new.mkdir(mode=0o700, parents=True)
        database = self.directory / DATABASE
        if database.exists():
            target = new / DATABASE
            os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE))
            with (
                closing(sqlite3.connect(database)) as source,
                closing(sqlite3.connect(target)) as copy,
            ):
                source.backup(copy)
            sync_file(target)
        own = self.directory / OWN_CONFIGURATION
        if own.exists():
            replace_file(new / OWN_CONFIGURATION, own.read_bytes())
        replace_file(new / COPY_OF, f"{slot} {version}".encode())
        sync_folder(new)
        new.rename(self._copy)
        sync_folder(self.root)

    def put_back(self) -> None:
        """Put the copy back where the newer firmware has changed the schema; else what it wrote stays.

        May be repeated after a power cut at any step. Raises: OSError, sqlite3.Error; then it is to be repeated.
        """
        own = self._copy / OWN_CONFIGURATION
        if own.exists():
            _copy_file(own, self.directory / OWN_CONFIGURATION)
            own.unlink()  # once: somebody may write a new one from now on
        copy, database = self._copy / DATABASE, self.directory / DATABASE
        wanted = _schema(copy)
        if wanted is not None and wanted != _schema(database):
            _carry_numbers(database, copy)
            _copy_file(copy, database, before=lambda: _remove_logs(database))

    def forget_copy(self) -> None:
        """Remove the copy: the trial is over. Raises: OSError."""
        if self._copy.exists():
            shutil.rmtree(self._copy)

    def erase_copy(self) -> None:
        """Erase what is in the copy, for a reset; it stays the way back of a trial. Raises: OSError."""
        try:
            self._erase_copy()
        except sqlite3.Error as err:
            raise OSError(f"the copy of the state cannot be erased: {err}") from err

    def _erase_copy(self) -> None:
        shutil.rmtree(self._copy.with_name(BUILDING), ignore_errors=True)
        (self.root / panel_text.FILE).unlink(missing_ok=True)
        (self._copy / OWN_CONFIGURATION).unlink(missing_ok=True)
        copy = self._copy / DATABASE
        if _schema(copy) is None:
            copy.unlink(missing_ok=True)
            return
        with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
            tables = connection.execute(
                "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            ).fetchall()
            connection.execute("BEGIN")
            for (table,) in tables:
                if table != NUMBERS:
                    connection.execute(f'DELETE FROM "{table}"')  # noqa: S608 - names of the schema
            connection.execute("COMMIT")
            connection.execute("VACUUM")
        sync_file(copy)

    def _copy_is_of(self) -> tuple[str, str] | None:
        """Return slot and version for whose trial the copy was made, None: there is none."""
        try:
            slot, _, version = (self._copy / COPY_OF).read_text(encoding="ascii").partition(" ")
        except (OSError, ValueError):
            return None
        return slot, version

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for one installation. Raises: BlockingIOError, another one goes on; OSError."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        finally:
            os.close(descriptor)

    def tidy(self) -> None:
        """Remove what a power cut has left of files that were being replaced."""
        with suppress(OSError):
            for left in self.root.glob("*.new"):
                if left.is_file():
                    left.unlink(missing_ok=True)


def is_there(path: Path) -> bool:
    """Tell whether a file is there; one that cannot be looked at is not."""
    try:
        return path.exists()
    except OSError:
        return False


def version_of(venv: Path) -> str | None:
    """Return the version of the program in a virtual environment, None: there is none that could start."""
    if not is_there(venv / "bin" / "python"):
        return None
    try:
        found = sorted(venv.glob("lib/python3*/site-packages/knxgw-*.dist-info"))
    except OSError:  # of a disk that fails, or of a state directory that this user may not read
        return None
    return found[0].name.removeprefix("knxgw-").removesuffix(".dist-info") if found else None


def _schema(database: Path) -> int | None:
    """Return the schema version of a database, None: it is not there, or damaged.

    Raises: sqlite3.Error, it cannot be read at this moment.
    """
    if not database.exists():
        return None
    try:
        with closing(_alone(database)) as connection:
            return int(connection.execute("PRAGMA user_version").fetchone()[0])
    except sqlite3.DatabaseError as err:
        if not _is_damage(err):
            raise
        return None


def _alone(database: Path) -> sqlite3.Connection:
    """Return a connection that needs no file of shared memory, for which a full disk has no room."""
    connection = sqlite3.connect(f"file:{database}?mode=rw", uri=True, isolation_level=None)
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    return connection


def _is_damage(error: sqlite3.Error) -> bool:
    """Tell whether a file is none of ours, or torn: waiting does not help."""
    return (error.sqlite_errorcode or 0) & 0xFF in _DAMAGE


def _carry_numbers(newer: Path, copy: Path) -> None:
    """Take over the numbers of KNX Secure: one that was used once must not be used, or accepted, again."""
    try:
        with closing(_alone(newer)) as source:
            rows = source.execute(f"SELECT name, number FROM {NUMBERS}").fetchall()  # noqa: S608 - ours
    except sqlite3.Error as err:
        if not _is_damage(err):  # else it is torn, or of a schema without them
            raise
        return
    with closing(sqlite3.connect(copy)) as target, target:
        target.executemany(
            f"INSERT INTO {NUMBERS} VALUES (?, ?) ON CONFLICT (name)"  # noqa: S608 - ours
            " DO UPDATE SET number = max(number, excluded.number)",
            rows,
        )


def _remove_logs(database: Path) -> None:
    for suffix in DATABASE_LOGS:
        database.with_name(DATABASE + suffix).unlink(missing_ok=True)


def _copy_file(source: Path, target: Path, before: Callable[[], None] = lambda: None) -> None:
    """Replace a file by a copy of another; `before` it does what must not be done in vain. Raises: OSError."""
    new = target.with_name(f"{target.name}.new")
    shutil.copyfile(source, new)
    new.chmod(PRIVATE)
    sync_file(new)
    before()
    new.replace(target)
    sync_folder(target.parent)


def replace_file(path: Path, content: bytes) -> None:
    """Replace a small file, for this user's eyes only: a power cut leaves the old or the new one. Raises: OSError."""
    new = path.with_name(f"{path.name}.{os.getpid()}.new")  # two processes may write one
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    new.replace(path)
    sync_folder(path.parent)


def sync_file(path: Path) -> None:
    """Let the content of a file survive a power cut. Raises: OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Let what was renamed or removed in a folder survive a power cut. Raises: OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
