"""Power cuts while firmware is installed, tried, given up and started: the device is back with the next start.

Real processes are killed at random moments, files that were being written are torn, and now and then the disk is
full. The firmware is that of `tests/firmware/makers`, which keeps one row for each of its starts; the
launcher, the installation and the disk are ours.
"""

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from knxgw.firmware.boot_disk import DATABASE, STATE_FILE, BootDisk
from knxgw.firmware.boot_state import BASE, SLOTS, version_key
from knxgw.firmware.keys import ALLOWS_DEVELOPMENT
from knxgw.firmware.launcher_archive import write_launcher
from tests.firmware.makers import firmware, slot
from tests.torture.journal import BrokenStateError

LIMITS = (
    *("--start-s", "2", "--proved-s", "0.3", "--watchdog-s", "1"),
    *("--memory-mib", "150", "--end-s", "1", "--pause-s", "0.05"),
)
BACK_WITHIN_S = 30.0
BROKEN = ("exits", "crashes", "never ready", "hangs")
INSTALLS_S, STARTS_S = 0.9, 1.6  # within which a process is killed
LEFT_FREE = 40_000  # bytes on a full disk


class Updates:
    """One device that is updated and killed again and again."""

    def __init__(self, directory: Path, seed: int) -> None:
        """Make a device; `directory` should be on a disk that is not needed otherwise."""
        self._chance = random.Random(seed)  # noqa: S311 - of a test
        self._work = directory
        self._files = Path(tempfile.mkdtemp(prefix="knxgw-files-"))  # of no device: never full
        (directory / "state").mkdir()
        self._disk = BootDisk(directory / "state", slot(directory / "base", "1.0"))
        self._launcher = directory / "launcher.pyz"
        write_launcher(self._launcher)
        self._version = 0
        self._fresh = ""  # the version that was installed last, while it has not been started
        self.tally: Counter[str] = Counter()

    def run(self, kills: int, say: Callable[[str], None]) -> None:
        """Kill it so often. Raises: BrokenStateError."""
        self._start_and_look("at the first start")
        for number in range(1, kills + 1):
            what = self._chance.choice(("install", "install", "start", "start", "start", "package"))
            is_full = self._chance.random() < 0.15
            known = self._starts()
            if what != "start" and self._disk.load().trial is not None:
                self._start_and_look("to end the trial", until_settled=True)
            if what == "package":
                self._bring_package()
            with self._full_disk(is_full):
                self._install_and_kill() if what == "install" else self._start_and_kill()
                if self._chance.random() < 0.4:
                    self._tear()
                self._start_and_look(f"kill {number}, {what}{', disk full' if is_full else ''}")
            if self._starts()[: len(known)] != known:
                raise BrokenStateError(f"kill {number}: the history has lost something: {known}")
            self.tally[what] += 1
            self.tally["disk full"] += is_full
            if number % 20 == 0:
                say(f"{number} kills: {dict(self.tally)}")

        shutil.rmtree(self._files)

    # --- what is done and killed

    def _install_and_kill(self) -> None:
        """Install a firmware, a good one or a broken one, and kill the installation at any moment."""
        self._version += 1
        file = firmware(self._files, f"1.{self._version}", *self._behaviour())
        slot_now = self._disk.load().active
        running = self._disk.installed().get(slot_now, "1.0")
        command = [sys.executable, "-m", "knxgw.firmware.install_process"]
        with file.open("rb") as content:
            process = subprocess.Popen(
                [
                    *command,
                    "--state",
                    self._disk.directory,
                    "--running",
                    running,
                    "--slot",
                    slot_now,
                ],
                stdin=content,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=os.environ | {ALLOWS_DEVELOPMENT: "1"},
                start_new_session=True,
            )
            self._kill_within(process, INSTALLS_S)
        self._fresh = f"1.{self._version}"
        file.unlink()
        shutil.rmtree(self._files / f"wheels-1.{self._version}")

    def _bring_package(self) -> None:
        """Bring a newer firmware as a package does, where a slot is in force that can go on without it."""
        state = self._disk.load()
        if not state.is_restoring and state.active in SLOTS:
            self._version += 1
            base = self._disk.path(BASE)
            shutil.rmtree(base)
            slot(base, f"1.{self._version}", *self._behaviour())
            self.tally["brought"] += 1

    def _behaviour(self) -> tuple[str, int]:
        """Return what a new firmware does, and its schema."""
        behaviour = "good" if self._chance.random() < 0.5 else self._chance.choice(BROKEN)
        return behaviour, 1 if self._chance.random() < 0.7 else 2

    def _start_and_kill(self) -> None:
        self._fresh = ""
        with self._running() as process:
            self._kill_within(process, STARTS_S)

    def _kill_within(
        self, process: "subprocess.Popen[str] | subprocess.Popen[bytes]", longest_s: float
    ) -> None:
        with suppress(subprocess.TimeoutExpired):
            process.wait(self._chance.uniform(0.0, longest_s))
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def _tear(self) -> None:
        """Tear a file that is written while a firmware is installed, or the state of the launcher."""
        active = self._disk.load().active
        loose = [self._disk.root / STATE_FILE, self._disk.root / f"{STATE_FILE}.new"]
        for name in ("wheels", "a.new", "b.new", "a.old", "b.old"):
            loose += (self._disk.root / "slots" / name).rglob("*")
        trial = self._disk.load().trial
        if trial is not None and trial.slot != active and trial.version == self._fresh:
            loose += self._disk.path(trial.slot).rglob("*.py")
        files = [path for path in loose if path.is_file() and not path.is_symlink()]
        if not files:
            return
        path = self._chance.choice(files)
        content = path.read_bytes()
        with suppress(OSError):  # the disk may be full
            if self._chance.random() < 0.5:
                path.write_bytes(content[: self._chance.randrange(len(content) + 1)])
            else:
                path.write_bytes(bytes(len(content)))
            self.tally["torn"] += 1

    # --- looking

    def _start_and_look(self, when: str, *, until_settled: bool = False) -> None:
        """Start once: a firmware must become ready, and it must be one that may run."""
        self._fresh = ""
        with self._running() as process:
            assert process.stderr is not None
            late = threading.Timer(BACK_WITHIN_S, os.killpg, (process.pid, signal.SIGKILL))
            late.start()
            said: list[str] = []
            try:
                for line in process.stderr:
                    said.append(line)
                    is_settled = not until_settled or self._disk.load().trial is None
                    if ("is ready" in line or "is kept" in line) and is_settled:
                        break
                else:
                    raise BrokenStateError(f"{when}: the device is not back:\n{''.join(said)}")
            finally:
                late.cancel()
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
        installed = self._disk.installed()
        if self._disk.load().active not in installed:
            raise BrokenStateError(f"{when}: the firmware in force is gone: {installed}")
        newest = max(installed.values(), key=version_key)
        if version_key(newest) < version_key(installed[BASE]):
            raise BrokenStateError(f"{when}: {installed}")

    def _starts(self) -> list[tuple[int, str]]:
        """Return the history that the firmware keeps, but for what a broken one wrote last."""
        database = self._disk.directory / DATABASE
        with closing(sqlite3.connect(database)) as connection:
            rows = connection.execute("SELECT number, version FROM starts ORDER BY number")
            return [row for row in rows if row[1] == "1.0"]

    @contextmanager
    def _running(self) -> Iterator["subprocess.Popen[str]"]:
        command = (sys.executable, "-I", "-S", str(self._launcher))
        process = subprocess.Popen(
            [
                *command,
                *("--base", str(self._disk.path(BASE)), "--state", str(self._disk.directory)),
                *LIMITS,
            ],
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()

    @contextmanager
    def _full_disk(self, is_full: bool) -> Iterator[None]:  # noqa: FBT001 - it is, or it is not
        """Fill the disk for a while, where it is one of our own."""
        filler = self._work / "filler"
        if is_full and os.path.ismount(self._work):
            free = shutil.disk_usage(self._work).free
            with filler.open("wb") as out, suppress(OSError):
                out.write(bytes(max(0, free - self._chance.randrange(LEFT_FREE))))
        try:
            yield
        finally:
            filler.unlink(missing_ok=True)


class Resets:
    """Factory resets that are killed at any moment: the next start ends them."""

    def __init__(self, directory: Path, seed: int) -> None:
        self._directory = directory
        self._chance = random.Random(seed)  # noqa: S311 - of a test
        self.tally: Counter[str] = Counter()

    def run(
        self,
        kills: int,
        say: Callable[[str], None],
        prepare: Callable[[Path], Path],
        look: Callable[[Path], None],
    ) -> None:
        """Kill so many; `prepare` makes a device that was used in a folder, `look` judges one after its reset."""
        program = "import sys; from pathlib import Path; from knxgw.factory_reset import FactoryReset; print('begins', flush=True); FactoryReset(Path(sys.argv[1])).finish()"
        for number in range(kills):
            folder = self._directory / f"device-{number}"
            state = prepare(folder)
            process = subprocess.Popen(
                [sys.executable, "-c", program, state], stdout=subprocess.PIPE, text=True
            )
            assert process.stdout is not None
            process.stdout.readline()
            with suppress(subprocess.TimeoutExpired):
                process.wait(self._chance.uniform(0.0, self._chance.choice((0.004, 0.02, 0.08))))
            process.kill()
            process.communicate()
            self.tally["cut off" if (state / "knxgw.factory-reset").exists() else "done"] += 1
            subprocess.run([sys.executable, "-c", program, state], check=True, capture_output=True)
            look(state)
            shutil.rmtree(folder)
        say(f"{kills} resets: {dict(self.tally)}")
