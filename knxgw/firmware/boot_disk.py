"""What the launcher keeps on the disk: its state, the slots, and a copy of the device's state before an update.

Of the standard library only, as the launcher. Whatever is replaced here is replaced by renaming, after it was
written to the disk: a power cut at any step leaves what was there, or what is to be there.
"""

import os
import shutil
import sqlite3
from contextlib import closing, suppress
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
MARK = "knxgw-proved"  # in a slot that has proved itself
DATABASE = "knxgw.sqlite"
OWN_CONFIGURATION = "knxgw.configuration.yaml"
DATABASE_LOGS = ("-wal", "-shm", "-journal")
NUMBERS = "secure_numbers"  # of KNX Secure: they only grow, whatever is put back
PRIVATE = 0o600


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
        if slot in SLOTS and not self._mark(slot).exists():
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
        """Return the state; one that cannot be read is made anew from what is there."""
        try:
            with self._state_file.open("rb") as file:
                state = decode(file.read(LARGEST_FILE))
        except OSError:
            state = None
        if state is not None:
            return state
        state = reconstructed(self.installed(), [one for one in SLOTS if self._mark(one).exists()])
        if state.trial is not None and self._copy.exists():  # it is of this very trial
            return replace(state, trial=replace(state.trial, has_copy=True))
        return state

    def save(self, state: BootState) -> None:
        """Store the state for good. Raises: OSError."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(self._state_file, encode(state))

    # --- the state of the device, as it was before an update

    def keep_copy(self) -> None:
        """Copy what a newer firmware may change beyond what the one of before can read.

        The copy is there as long as the trial lasts, and no longer. Raises: OSError, sqlite3.Error.
        """
        new = self._copy.with_name("before.new")
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
        sync_folder(new)
        new.rename(self._copy)
        sync_folder(self.root)

    def put_back(self) -> None:
        """Put the copy back where the newer firmware has changed the schema; else what it wrote stays.

        May be repeated after a power cut at any step. Raises: OSError, sqlite3.Error.
        """
        own = self._copy / OWN_CONFIGURATION
        if own.exists():
            _copy_file(own, self.directory / OWN_CONFIGURATION)
            own.unlink()  # once: somebody may write a new one from now on
        copy, database = self._copy / DATABASE, self.directory / DATABASE
        if copy.exists() and _schema(copy) != _schema(database):
            _carry_numbers(database, copy)
            for suffix in DATABASE_LOGS:
                database.with_name(DATABASE + suffix).unlink(missing_ok=True)
            _copy_file(copy, database)

    def forget_copy(self) -> None:
        """Remove the copy: the trial is over, or a reset has erased what is in it. Raises: OSError."""
        if self._copy.exists():
            shutil.rmtree(self._copy)


def version_of(venv: Path) -> str | None:
    """Return the version of the program in a virtual environment, None: there is none that could start."""
    try:
        if not (venv / "bin" / "python").exists():
            return None
    except OSError:  # of a state directory that this user may not read
        return None
    for found in sorted(venv.glob("lib/python3*/site-packages/knxgw-*.dist-info")):
        return found.name.removeprefix("knxgw-").removesuffix(".dist-info")
    return None


def _schema(database: Path) -> int | None:
    """Return the schema version of a database, None: it cannot be read."""
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=rw", uri=True)) as connection:
            return int(connection.execute("PRAGMA user_version").fetchone()[0])
    except (sqlite3.Error, OSError):
        return None


def _carry_numbers(newer: Path, copy: Path) -> None:
    """Take over the numbers of KNX Secure: one that was used once must not be used, or accepted, again."""
    try:
        with closing(sqlite3.connect(newer)) as source:
            rows = source.execute(f"SELECT name, number FROM {NUMBERS}").fetchall()  # noqa: S608 - ours
    except sqlite3.Error:
        return  # damaged, or of a schema without them
    with closing(sqlite3.connect(copy)) as target, target:
        target.executemany(
            f"INSERT INTO {NUMBERS} VALUES (?, ?) ON CONFLICT (name)"  # noqa: S608 - ours
            " DO UPDATE SET number = max(number, excluded.number)",
            rows,
        )


def _copy_file(source: Path, target: Path) -> None:
    new = target.with_name(f"{target.name}.new")
    shutil.copyfile(source, new)
    new.chmod(PRIVATE)
    sync_file(new)
    new.replace(target)
    sync_folder(target.parent)


def replace_file(path: Path, content: bytes) -> None:
    """Replace a small file, for this user's eyes only: a power cut leaves the old or the new one. Raises: OSError."""
    new = path.with_name(f"{path.name}.new")
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
