"""The launcher survives whatever a firmware does, and the device always runs again.

Real processes; the limits are short, and what is waited for is what the launcher says.
"""

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from knxgw.firmware.boot_disk import BootDisk
from knxgw.firmware.boot_state import BASE, BootState, EventKind, Reason, begin_trial
from knxgw.firmware.launcher import Launcher
from knxgw.firmware.launcher_archive import write_launcher
from knxgw.firmware.notify import tell
from knxgw.firmware.watch import Limits, NotifySocket, Watch
from tests.firmware.makers import slot

AT = "2026-11-29T12:00:00+00:00"
LIMITS = (
    *("--start-s", "3", "--proved-s", "0.5", "--watchdog-s", "1.5"),
    *("--memory-mib", "120", "--end-s", "1", "--pause-s", "0.05", "--rest-s", "1.5"),
)
LONGEST_S = 30.0  # until it says what is waited for
pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the launcher as the package ships it."""
    path = tmp_path_factory.mktemp("launcher") / "launcher.pyz"
    write_launcher(path)
    return path


@pytest.fixture
def disk(tmp_path: Path) -> BootDisk:
    """Return a device with a firmware that the system has installed."""
    (tmp_path / "state").mkdir()
    return BootDisk(tmp_path / "state", slot(tmp_path / "base", "1.0"))


class Running:
    """A launcher that runs."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.said: list[str] = []

    def until(self, words: str) -> None:
        """Read what it says up to these words."""
        assert self.process.stderr is not None
        watchdog = threading.Timer(LONGEST_S, self.process.kill)
        watchdog.start()
        try:
            for line in self.process.stderr:
                self.said.append(line)
                if words in line:
                    return
        finally:
            watchdog.cancel()
        pytest.fail(f"it never said {words!r}:\n{''.join(self.said)}")

    def end(self, number: int = signal.SIGTERM) -> int:
        """End it, and return its status."""
        self.process.send_signal(number)
        _, rest = self.process.communicate(timeout=20)
        self.said.append(rest)
        return self.process.returncode


@contextmanager
def launcher(
    archive: Path, disk: BootDisk, options: tuple[str, ...] = (), **environment: str
) -> Iterator[Running]:
    """Run a launcher with a Python that knows nothing of this project."""
    python = (sys.executable, "-I", "-S")
    process = subprocess.Popen(
        [*python, archive, "--base", disk.path(BASE), "--state", disk.directory, *LIMITS, *options],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    running = Running(process)
    try:
        yield running
    finally:
        process.kill()
        process.communicate()


def starts(disk: BootDisk) -> list[str]:
    """Return the versions that have started, in order, as the state has kept them."""
    with closing(sqlite3.connect(disk.directory / "knxgw.sqlite")) as connection:
        return [row[0] for row in connection.execute("SELECT version FROM starts ORDER BY number")]


def number(disk: BootDisk) -> int:
    """Return the highest number of KNX Secure that was used."""
    with closing(sqlite3.connect(disk.directory / "knxgw.sqlite")) as connection:
        return int(connection.execute("SELECT number FROM secure_numbers").fetchone()[0])


def update(disk: BootDisk, behaviour: str, schema: int = 1) -> None:
    """Leave the device as an installation of 1.1 leaves it."""
    slot(disk.path("a"), "1.1", behaviour, schema)
    disk.save(begin_trial(disk.load(), "a", "1.1", AT))


def test_it_starts_the_firmware_and_both_end_in_order(archive: Path, disk: BootDisk) -> None:
    with launcher(archive, disk) as running:
        running.until("1.0 is ready")
        assert running.end() == 0
    assert starts(disk) == ["1.0"]


@pytest.mark.proves("11.5", "11")
def test_a_new_firmware_that_works_is_kept(archive: Path, disk: BootDisk) -> None:
    update(disk, "good")
    with launcher(archive, disk) as running:
        running.until("starting firmware 1.1 (slot a), on trial")
        running.until("firmware 1.1 works and is kept")
        running.end()
    state = disk.load()
    assert (state.active, state.previous, state.trial) == ("a", BASE, None)
    with launcher(archive, disk) as running:
        running.until("starting firmware 1.1 (slot a)\n")
        running.until("1.1 is ready")
    assert starts(disk) == ["1.1", "1.1"]


BROKEN = [
    ("exits", Reason.FAILED_START),
    ("never ready", Reason.NOT_READY),
    ("eats memory", Reason.MEMORY),
    ("hangs", Reason.WATCHDOG),
    ("crashes", Reason.CRASHED),
]


@pytest.mark.proves("11.6", "11.7", "11")
@pytest.mark.parametrize(
    "schema",
    [
        pytest.param(1, id="the same schema"),
        pytest.param(2, id="another schema", marks=pytest.mark.long),
    ],
)
@pytest.mark.parametrize(("behaviour", "reason"), BROKEN, ids=[one[0] for one in BROKEN])
def test_a_new_firmware_that_does_not_work_gives_way_to_the_one_of_before(
    archive: Path, disk: BootDisk, behaviour: str, reason: Reason, schema: int
) -> None:
    with launcher(archive, disk) as running:
        running.until("1.0 is ready")
    update(disk, behaviour, schema)
    with launcher(archive, disk) as running:
        running.until(f"firmware 1.1 is given up ({reason.value}); 1.0 runs again")
        running.until("1.0 is ready")
        assert disk.load().has_returned
        running.end()
    state = disk.load()
    assert (state.active, state.trial, state.events[-1].reason) == (BASE, None, reason)
    assert disk.installed() == {BASE: "1.0"}
    known = starts(disk)
    assert (known[0], known[-1]) == ("1.0", "1.0")
    assert ("1.1" in known) is (schema == 1), "what the trial wrote stays if it can be read"
    assert number(disk) == len(known) + (schema - 1) * tries(reason), "numbers only grow"


def tries(reason: Reason) -> int:
    """Return how often a firmware on trial is started until it is given up for this."""
    return 2 if reason in {Reason.MEMORY, Reason.WATCHDOG, Reason.CRASHED} else 1


def test_a_firmware_that_is_not_there_does_not_keep_the_device_from_running(
    archive: Path, disk: BootDisk
) -> None:
    update(disk, "good")
    (disk.path("a") / "lib").rename(disk.path("a") / "lost")
    with launcher(archive, disk) as running:
        running.until("given up (not_there)")
        running.until("1.0 is ready")


def test_a_machine_that_dies_with_each_start_gives_the_new_firmware_up(
    archive: Path, disk: BootDisk
) -> None:
    update(disk, "never ready")
    for _ in range(4):
        with launcher(archive, disk) as running:  # it is killed at the end of the block
            running.until("starting firmware 1.1")
    with launcher(archive, disk) as running:
        running.until("given up (power_cuts)")
        running.until("1.0 is ready")


@pytest.mark.proves("11.6")
def test_a_firmware_in_force_that_does_not_start_any_more_is_replaced(
    archive: Path, disk: BootDisk
) -> None:
    slot(disk.path("a"), "1.1", "exits")
    disk.save(BootState(active="a", previous=BASE))
    with launcher(archive, disk) as running:
        running.until("firmware 1.1 does not run any more (failed_start)")
        running.until("firmware 1.0 works and is kept")
    state = disk.load()
    assert (state.active, state.events[-1].kind) == (BASE, EventKind.GIVEN_UP)


@pytest.mark.proves("11.10")
def test_a_newer_package_of_the_system_is_started_instead_of_an_older_update(
    archive: Path, disk: BootDisk
) -> None:
    slot(disk.path("a"), "0.9")
    disk.save(BootState(active="a"))
    with launcher(archive, disk) as running:
        running.until("starting firmware 1.0 (slot base), on trial")
        running.until("firmware 1.0 works and is kept")
    assert disk.load().active == BASE


@pytest.mark.proves("11.7", "11.10")
def test_a_newer_package_that_does_not_work_gives_way_to_the_update_with_the_state_of_before(
    archive: Path, disk: BootDisk
) -> None:
    slot(disk.path("a"), "1.1")
    disk.save(BootState(active="a"))
    with launcher(archive, disk) as running:
        running.until("1.1 is ready")
        running.end()
    shutil.rmtree(disk.path(BASE))
    slot(disk.path(BASE), "1.2", "never ready", 2)
    with launcher(archive, disk) as running:
        running.until("firmware 1.2 is given up (not_ready); 1.1 runs again")
        running.until("1.1 is ready")
        running.end()
    assert disk.load().has_returned
    assert starts(disk) == ["1.1", "1.1"]
    assert number(disk) == 3, "numbers only grow"
    with launcher(archive, disk) as running:
        running.until("starting firmware 1.1 (slot a)\n")
    assert disk.installed() == {BASE: "1.2", "a": "1.1"}, "it is the package manager's"


def test_a_firmware_that_asks_to_be_started_again_is(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    disk = BootDisk(tmp_path / "state", slot(tmp_path / "base", "1.0", "asks to be started again"))
    with launcher(archive, disk) as running:
        running.until("firmware 1.0 asks to be started again")
        running.until("1.0 is ready")


def test_it_says_which_python_belongs_to_the_firmware_in_force(
    archive: Path, disk: BootDisk
) -> None:
    def which() -> str:
        command = [sys.executable, "-I", "-S", str(archive), "--base", str(disk.path(BASE))]
        command += ["--state", str(disk.directory), "--which"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    assert which() == str(disk.path(BASE) / "bin" / "python")
    update(disk, "good")
    assert which() == str(disk.path(BASE) / "bin" / "python"), "the new one is on trial"
    disk.save(BootState(active="a"))
    assert which() == str(disk.path("a") / "bin" / "python")


def test_options_that_it_does_not_know_are_those_of_the_firmware(
    archive: Path, disk: BootDisk
) -> None:
    with launcher(archive, disk, options=("-v", "--config", "/nowhere.yaml")) as running:
        running.until("1.0 is ready")
        (child,) = (
            Path(f"/proc/{running.process.pid}/task/{running.process.pid}/children")
            .read_text()
            .split()
        )
        command = Path(f"/proc/{child}/cmdline").read_text().split("\0")
    assert command[command.index("run") :][:-1] == [
        "run",
        "--state",
        str(disk.directory),
        "-v",
        "--config",
        "/nowhere.yaml",
    ]


def test_a_signal_to_read_the_configuration_does_not_end_a_firmware_that_is_being_loaded(
    archive: Path, disk: BootDisk
) -> None:
    update(disk, "good")
    with launcher(archive, disk) as running:
        running.until("starting firmware 1.1")
        for _ in range(50):
            running.process.send_signal(signal.SIGHUP)
        running.until("1.1 is ready")
        running.until("1.1 works and is kept")


def test_a_healthy_firmware_on_trial_may_be_restarted_as_often_as_one_likes(
    archive: Path, disk: BootDisk
) -> None:
    update(disk, "good")
    for _ in range(6):
        with launcher(archive, disk) as running:
            running.until("1.1 is ready")
            running.end()
    with launcher(archive, disk) as running:
        running.until("1.1 works and is kept")


def test_only_the_own_user_can_say_that_a_firmware_is_healthy() -> None:
    with closing(NotifySocket()) as notify:
        look_who_is_heard(notify)


def look_who_is_heard(notify: NotifySocket) -> None:
    assert notify.read() == []
    tell(notify.name, "READY=1")
    assert notify.read() == ["READY=1"]
    if os.geteuid() == 0:
        program = (
            "import os, socket, sys; out = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); "
            "os.setuid(65534); out.sendto(b'READY=1', chr(0) + sys.argv[1][1:])"
        )
        subprocess.run([sys.executable, "-I", "-c", program, notify.name], check=True)
        assert notify.read() == []


def test_systemd_is_told_that_the_device_is_ready_and_that_it_lives(
    archive: Path, disk: BootDisk
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as above:
        above.bind("")
        above.settimeout(20)
        name = "@" + above.getsockname()[1:].decode()
        with launcher(archive, disk, NOTIFY_SOCKET=name) as running:
            notes = [above.recv(4096).decode()]
            while not any("READY=1" in note for note in notes):
                notes.append(above.recv(4096).decode())
            running.end()
    assert "WATCHDOG=1" in notes
    assert "STATUS=firmware 1.0" in notes[-1]


def test_a_disk_that_takes_nothing_does_not_keep_the_device_from_running(
    archive: Path, disk: BootDisk
) -> None:
    update(disk, "exits")
    shutil.rmtree(disk.root)
    disk.root.write_text("a file stands where the folder should be")
    with launcher(archive, disk) as running:
        running.until("1.0 is ready")


def test_what_the_disk_has_not_taken_holds_until_somebody_else_has_written(
    disk: BootDisk,
) -> None:
    launching = Launcher(disk, (), Limits())
    with closing(launching):
        given = BootState(active="b")
        disk.root.mkdir()
        (disk.root / f"boot.json.{os.getpid()}.new").mkdir()  # in the way of whoever saves
        assert launching._save(given) == given
        assert launching._load() == given
        (disk.root / f"boot.json.{os.getpid()}.new").rmdir()
        written = BootState(active="a")
        disk.save(written)  # an installation
        assert launching._load() == written


PATTERN = """import signal, sys
print("LEDs:", *sys.argv[1:], file=sys.stderr, flush=True)
signal.sigwait([signal.SIGTERM])
print("LEDs are dark", file=sys.stderr, flush=True)
"""


@pytest.mark.proves("8.7", "8.42")
def test_while_no_firmware_starts_the_leds_say_so_until_the_next_attempt(
    archive: Path, tmp_path: Path
) -> None:
    (tmp_path / "state").mkdir()
    disk = BootDisk(tmp_path / "state", slot(tmp_path / "base", "1.0", "exits"))
    (library,) = (tmp_path / "base").glob("lib/python3*/site-packages/knxgw")
    (library / "host").mkdir()
    (library / "host" / "__init__.py").touch()
    (library / "host" / "gpio_pattern.py").write_text(
        PATTERN.replace(
            "import signal, sys",
            "import signal, sys; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])",
        )
    )
    disk.note_panel("chip=board led_app=23 led_app_active=low led_com=24 button=17")
    with launcher(archive, disk) as running:
        running.until("no firmware starts (1.0)")
        running.until("LEDs: --chip board --pattern broken --app 23 --app-active low --com 24")
        running.until("LEDs are dark")
        running.until("starting firmware 1.0 (slot base)")


def test_the_same_sources_make_the_same_archive(archive: Path, tmp_path: Path) -> None:
    write_launcher(tmp_path / "again.pyz")
    assert (tmp_path / "again.pyz").read_bytes() == archive.read_bytes()


def test_nothing_is_known_before_it_is_said() -> None:
    watch = Watch(Limits(start_s=10, proved_s=20, watchdog_s=5, memory_mib=100), 0.0)
    assert watch.failure(9.9, 50) is None
    assert watch.failure(9.9, 101) is Reason.MEMORY
    assert watch.failure(10.0, 50) is Reason.NOT_READY
    assert watch.reason_of_end() is Reason.FAILED_START
    watch.hear("STATUS=almost\nREADY=1", 9.0)
    assert watch.failure(13.9, 50) is None
    assert watch.failure(14.0, 50) is Reason.WATCHDOG
    assert not watch.has_proved_itself(29.0)
    watch.hear("WATCHDOG=1", 13.0)
    assert watch.failure(17.9, 50) is None
    assert not watch.has_proved_itself(28.9)
    assert watch.has_proved_itself(29.0)
    assert watch.reason_of_end() is Reason.CRASHED
