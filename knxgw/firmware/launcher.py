"""The launcher: starts the firmware of the device, and returns to the previous one if a new one does not work.

It is what systemd starts. It is small, of the standard library only, and does not change with the firmware: it stands
in an archive (`launcher.pyz`) outside the state directory.

The firmware is its child. The child says by the protocol of sd_notify when it is healthy (`READY=1`) and that it
still lives (`WATCHDOG=1`); the launcher passes on what systemd wants to know. A child that ends, is not healthy in
time, gives no sign of life or takes too much memory has failed; what follows from that is decided in `boot_state`.

Source: [linux-man] sd_notify(3), prctl(2); product 11.
"""

import argparse
import ctypes
import os
import select
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from knxgw.firmware import panel_text
from knxgw.firmware.boot_disk import BootDisk
from knxgw.firmware.boot_state import (
    BASE,
    BootState,
    Reason,
    candidates,
    ended_in_order,
    failed,
    given_up,
    gives_up,
    is_worn_out,
    proved,
    started,
    with_package,
)
from knxgw.firmware.notify import ALIVE, READY
from knxgw.firmware.watch import Limits, NotifySocket, Watch, say

RESTART_STATUS = 75  # the firmware asks to be started again: after an update, a restart, a reset
LOOK_S = 0.5  # how often the child is looked at
QUICK_FAILURES = 5  # of a firmware in force, until another one is tried
LONGEST_PAUSE_S = 30.0
WOKEN_BYTES = 4096
_PR_SET_PDEATHSIG = 1
_OOM_SCORE = "500"  # the kernel ends the firmware before the launcher


def _become_child(launcher: int) -> None:
    """End with the launcher, and before it where memory runs out; in the child, before the firmware."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # until the firmware can take it: it would end a program that is just being loaded
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    if os.getppid() != launcher:  # it has ended before that was asked for
        os._exit(1)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE, encoding="ascii")


def memory_mib_of(process: int) -> int:
    """Return how much memory a process holds [MiB], 0: not known. Source: [linux-man] proc(5)."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE") >> 20


class Launcher:
    """Starts one firmware after the other, until it is told to end."""

    def __init__(
        self,
        disk: BootDisk,
        arguments: Sequence[str],
        limits: Limits,
        now_s: Callable[[], float] = time.monotonic,  # noqa: TID251 - the launcher has no loop
    ) -> None:
        self._disk, self._arguments, self._limits, self._now_s = disk, arguments, limits, now_s
        self._notify = NotifySocket()
        self._child: subprocess.Popen[bytes] | None = None
        self._is_ending = False
        self._is_announced = False  # systemd, that the device has started
        self._given_up: set[str] = set()  # slots that did not start, until one did
        self._failures = 0  # one after the other, of the slot that runs
        self._unsaved: BootState | None = None  # what the disk has not taken,
        self._stale: BootState | None = None  # and what it says instead
        self._wake_in, self._wake_out = socket.socketpair()
        for end in (self._wake_in, self._wake_out):
            end.settimeout(0)

    def take_signals(self) -> None:
        """Pass SIGHUP on to the firmware; SIGTERM and SIGINT end both."""
        signal.set_wakeup_fd(self._wake_in.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        signal.signal(signal.SIGHUP, self._pass_on)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # only to be woken

    def _end(self, number: int, _frame: object) -> None:
        self._is_ending = True
        self._pass_on(number, None)

    def _pass_on(self, number: int, _frame: object) -> None:
        child = self._child
        if child is not None and child.returncode is None:
            child.send_signal(number)

    def close(self) -> None:
        """Let the sockets go."""
        self._notify.close()
        self._wake_in.close()
        self._wake_out.close()

    # --- one firmware after the other

    def run(self) -> None:
        """Run until SIGTERM or SIGINT."""
        self._disk.tidy()
        while not self._is_ending:
            state = self._settled()
            installed = self._disk.installed()
            slots = [one for one in candidates(state, installed) if one not in self._given_up]
            if not slots:
                self._rest(installed)
                continue
            self._run_slot(slots[0], installed[slots[0]])

    def _settled(self) -> BootState:
        """Return the state after what a power cut has left over was done."""
        state = self._load()
        if state.trial is not None and is_worn_out(state):
            state = self._give_up(state, Reason.POWER_CUTS)
        if state.trial is not None and state.trial.slot not in self._disk.installed():
            state = self._give_up(state, Reason.NOT_THERE)
        if state.is_restoring:
            state = self._put_back(state)
        after = with_package(state, self._disk.installed(), _now())
        return state if after is state else self._save(after)

    def _put_back(self, state: BootState) -> BootState:
        try:
            self._disk.put_back()
        except (OSError, sqlite3.Error) as err:
            say(f"the state from before the update cannot be put back yet: {err}")
            return state
        state = self._save(replace(state, is_restoring=False))
        with suppress(OSError):
            self._disk.forget_copy()
        return state

    def _rest(self, installed: dict[str, str]) -> None:
        """Wait after no firmware has started, and begin with the first one again."""
        names = ", ".join(sorted(installed.values())) or "none is there"
        say(f"no firmware starts ({names}); trying again in {self._limits.rest_s:.0f} s")
        self._notify.tell("STATUS=no firmware starts")
        shown = self._shown()
        self._pause_whole(self._limits.rest_s)
        if shown is not None:  # the lines must be free before a firmware asks for them
            shown.terminate()
            self._wait_for_end(shown)
        self._given_up.clear()

    def _shown(self) -> "subprocess.Popen[bytes] | None":
        """Show on the LEDs that no firmware starts, where a firmware is there whose parts can do it."""
        try:
            words = panel_text.read(self._disk.panel() or os.environ.get(panel_text.VARIABLE, ""))
        except ValueError:
            return None
        arguments = panel_text.pattern_arguments(words, "broken")
        if not arguments:
            return None
        python = self._disk.path(BASE) / "bin" / "python"
        try:
            return subprocess.Popen(  # noqa: S603 - our own program
                [python, "-I", "-m", "knxgw.host.gpio_pattern", *arguments],
                preexec_fn=partial(_become_child, os.getpid()),  # noqa: PLW1509 - as above
            )
        except (OSError, subprocess.SubprocessError):
            return None

    def _pause_whole(self, pause_s: float) -> None:
        """Wait, whatever wakes it but the end."""
        until_s = self._now_s() + pause_s
        while not self._is_ending and (left_s := until_s - self._now_s()) > 0:
            self._pause(left_s)

    def _run_slot(self, slot: str, version: str) -> None:
        """Start a firmware, stay with it to its end, and draw the conclusion."""
        state = self._load()
        on_trial = state.trial is not None and state.trial.slot == slot
        if on_trial:
            state = self._with_copy(state)
            if state.trial is None:
                return
        if self._is_ending:
            return
        state = self._save(started(state, slot))
        watch = self._start(slot, version, state)
        if watch is None:
            self._conclude(slot, version, Reason.FAILED_START)
            return
        reason = self._stay(watch, slot, version)
        if reason is not None and not self._is_ending:
            self._conclude(slot, version, reason)

    def _with_copy(self, state: BootState) -> BootState:
        """Return the state with a copy of what the device has stored, or without the trial."""
        trial = state.trial
        if trial is None or trial.has_copy:
            return state
        try:
            self._disk.keep_copy(trial.slot, trial.version)
        except (OSError, sqlite3.Error) as err:
            say(f"the state cannot be copied before the update: {err}")
            return state if trial.may_lack_copy else self._give_up(state, Reason.NO_COPY)
        return self._save(replace(state, trial=replace(trial, has_copy=True)))

    def _start(self, slot: str, version: str, state: BootState) -> Watch | None:
        """Start a firmware. Returns None when it cannot be started at all."""
        python = self._disk.path(slot) / "bin" / "python"
        environment = {
            **os.environ,
            "NOTIFY_SOCKET": self._notify.name,
            "WATCHDOG_USEC": str(int(self._limits.watchdog_s * 1_000_000)),
            "KNXGW_SUPERVISED": "1",
            "KNXGW_SLOT": slot,
            "KNXGW_ON_TRIAL": "1" if state.trial is not None else "",
        }
        environment.pop("WATCHDOG_PID", None)
        say(f"starting firmware {version} (slot {slot})" + (", on trial" if state.trial else ""))
        self._notify.read()  # what an earlier child has said
        try:
            self._child = subprocess.Popen(  # noqa: S603 - our own program
                [python, "-I", "-m", "knxgw", *self._arguments],
                env=environment,
                preexec_fn=partial(_become_child, os.getpid()),  # noqa: PLW1509 - the launcher has one thread
            )
        except (OSError, subprocess.SubprocessError) as err:
            say(f"firmware {version} cannot be started: {err}")
            return None
        return Watch(self._limits, self._now_s(), is_on_trial=state.trial is not None)

    def _stay(self, watch: Watch, slot: str, version: str) -> Reason | None:
        """Stay with the child to its end. Returns why it has failed, None: it ended in order."""
        child = self._child
        assert child is not None  # noqa: S101 - it was started
        is_proved, tried_at = False, self._now_s()
        while True:
            status = child.poll()
            now_s = self._now_s()
            for note in self._notify.read():
                watch.hear(note, now_s)
            self._tell(watch, version)
            if status is not None:
                return self._reason(watch, status, slot, version)
            if not is_proved and now_s >= tried_at and watch.has_proved_itself(now_s):
                is_proved = self._note_proved(slot, version)
                tried_at = now_s + LONGEST_PAUSE_S  # the disk may take it later
            if self._is_ending:
                child.terminate()  # a signal may have come before there was a child
                self._wait_for_end(child)
                self._note_orderly_end(watch, slot)
                return None
            reason = watch.failure(now_s, memory_mib_of(child.pid))
            if reason is not None:
                say(f"firmware {version} is ended: {reason.value}")
                child.terminate()  # one that still reacts leaves the chargers safe
                self._wait_for_end(child)
                return reason
            self._pause(LOOK_S, hears=True)

    def _tell(self, watch: Watch, version: str) -> None:
        if watch.ready_at is not None and not self._is_announced:
            self._is_announced = True
            self._notify.tell(f"{READY}\nSTATUS=firmware {version}")
        self._notify.tell(ALIVE)  # of the launcher: it watches the firmware itself

    def _reason(self, watch: Watch, status: int, slot: str, version: str) -> Reason | None:
        if self._is_ending or (status == RESTART_STATUS and watch.ready_at is not None):
            self._note_orderly_end(watch, slot)
            if not self._is_ending:
                say(f"firmware {version} asks to be started again")
            self._failures = 0
            return None
        say(f"firmware {version} has ended with status {status}")
        return watch.reason_of_end()

    def _note_orderly_end(self, watch: Watch, slot: str) -> None:
        """Take back that a start was counted: nothing speaks against the firmware."""
        if watch.ready_at is not None:
            state = self._load()
            after = ended_in_order(state, slot)
            if after != state:
                self._save(after)

    def _wait_for_end(self, child: "subprocess.Popen[bytes]") -> None:
        try:
            child.wait(self._limits.end_s)
        except subprocess.TimeoutExpired:
            say("the firmware does not end: it is killed")
            child.kill()
            child.wait()

    # --- conclusions

    def _note_proved(self, slot: str, version: str) -> bool:
        """Note that a firmware has been healthy for a while; tell whether that is stored."""
        self._failures = 0
        self._given_up.clear()
        state = self._load()
        after = proved(state, slot, self._disk.installed(), _now())
        if after != state or self._unsaved is not None:
            self._save(after)
            if self._unsaved is not None:
                return False
            say(f"firmware {version} works and is kept")
        with suppress(OSError):
            self._disk.note_proved(slot)
            self._disk.forget_copy()
        return True

    def _conclude(self, slot: str, version: str, reason: Reason) -> None:
        """Decide what follows from a failure."""
        state = self._load()
        if state.trial is not None and state.trial.slot == slot:
            gave_up = gives_up(state, slot, reason)
            if gave_up is None:
                self._save(failed(state, slot))
            else:
                self._give_up(state, gave_up)
            return
        self._failures += 1
        if self._failures >= QUICK_FAILURES or self._given_up:
            say(f"firmware {version} does not run any more ({reason.value})")
            self._given_up.add(slot)
            self._failures = 0
            return
        self._pause(min(self._limits.pause_s * 2.0 ** (self._failures - 1), LONGEST_PAUSE_S))

    def _give_up(self, state: BootState, reason: Reason) -> BootState:
        """Return to the previous firmware."""
        trial = state.trial
        assert trial is not None  # noqa: S101 - whoever calls has looked
        installed = self._disk.installed()
        instead = installed.get(trial.before, "")
        say(f"firmware {trial.version} is given up ({reason.value}); {instead} runs again")
        after = self._save(given_up(state, reason, instead, _now()))
        self._disk.remove_slot(trial.slot)
        return self._put_back(after) if after.is_restoring else after

    def _load(self) -> BootState:
        """Return the state: what the disk has not taken holds, unless an installation has written since."""
        stored = self._disk.load()
        if self._unsaved is not None and stored == self._stale:
            return self._unsaved
        self._unsaved = None
        return stored

    def _save(self, state: BootState) -> BootState:
        """Store a state; a disk that does not take it must not keep the device from running."""
        try:
            self._disk.save(state)
        except OSError as err:
            say(f"the state of the launcher cannot be stored: {err}")
            self._unsaved, self._stale = state, self._disk.load()
        else:
            self._unsaved = None
        return state

    def _pause(self, pause_s: float, *, hears: bool = False) -> None:
        """Wait, at most until a signal comes; `hears`: or a word of the child."""
        until_s = self._now_s() + pause_s
        while not self._is_ending and (left_s := until_s - self._now_s()) > 0:
            wakes = self._wake_out.fileno()
            heard = [self._notify.fileno()] if hears else []
            ready, _, _ = select.select([wakes, *heard], [], [], left_s)
            if wakes in ready:
                with suppress(OSError):
                    self._wake_out.recv(WOKEN_BYTES)
            if ready:
                return


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")  # noqa: TID251 - the launcher has no loop


def python_in_force(disk: BootDisk) -> Path:
    """Return the Python of the firmware that has proved itself last: commands belong to it."""
    installed = disk.installed()
    found = candidates(replace(disk.load(), trial=None), installed)
    return disk.path(found[0] if found else BASE) / "bin" / "python"


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(
        prog="launcher.pyz",
        description="Starts the firmware of knxgw, and returns to the previous one if a new one fails.",
        epilog="Options that it does not know are given to `knxgw run`.",
    )
    parser.add_argument(
        "--base", type=Path, required=True, help="virtual environment of the package"
    )
    parser.add_argument(
        "--state", type=Path, default=Path("/var/lib/knxgw"), help="state directory"
    )
    parser.add_argument("--start-s", type=float, default=Limits.start_s, help="until it is healthy")
    parser.add_argument("--proved-s", type=float, default=Limits.proved_s, help="until it is kept")
    parser.add_argument(
        "--watchdog-s", type=float, default=Limits.watchdog_s, help="without a sign"
    )
    parser.add_argument("--memory-mib", type=int, default=Limits.memory_mib, help="at most")
    parser.add_argument("--end-s", type=float, default=Limits.end_s, help="to end in order")
    parser.add_argument("--rest-s", type=float, default=Limits.rest_s, help="when none starts")
    parser.add_argument("--pause-s", type=float, default=Limits.pause_s, help="after a failure")
    parser.add_argument(
        "--which", action="store_true", help="print the Python of the firmware in force, and end"
    )
    given, rest = parser.parse_known_args(arguments)
    limits = Limits(
        start_s=given.start_s,
        proved_s=given.proved_s,
        watchdog_s=given.watchdog_s,
        memory_mib=given.memory_mib,
        end_s=given.end_s,
        rest_s=given.rest_s,
        pause_s=given.pause_s,
    )
    disk = BootDisk(given.state, given.base)
    if given.which:
        print(python_in_force(disk))  # noqa: T201 - it was asked for
        return
    rest = [one for one in rest if one != "--"]
    launcher = Launcher(disk, ("run", "--state", str(given.state), *rest), limits)
    launcher.take_signals()
    launcher.run()


if __name__ == "__main__":
    main()
