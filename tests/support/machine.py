"""A Debian machine in a container of systemd-nspawn: with systemd as its first process, and no network.

The files that it starts with are a folder that it cannot change: what it writes is gone with it. Needs root.
"""

import itertools
import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.waiting import wait_until

BOOT_S = 60.0
END_S = 20.0
REBOOTED = 133  # status of nspawn, with --keep-unit: the machine wants to start again
_numbers = itertools.count(1)
# nspawn lets nobody ask for the state of the clock; a machine does.
_CLOCK = "--system-call-filter=adjtimex clock_adjtime"
Done = subprocess.CompletedProcess[str]


def nspawn(root: Path, packages: Path) -> list[str]:
    """Return the command of a container without network; it sees the packages in /packages."""
    return [
        *("systemd-nspawn", "--quiet", f"--directory={root}", "--volatile=overlay", _CLOCK),
        *("--private-network", "--register=no", "--keep-unit", "--resolv-conf=off"),
        *("--console=pipe", f"--bind-ro={packages}:/packages"),
        f"--machine=knxgw-{os.getpid()}-{next(_numbers)}",
    ]


class Machine:
    """A machine that was switched on; it ends with the block."""

    def __init__(self, root: Path, packages: Path) -> None:
        self._command = [*nspawn(root, packages), "--boot"]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        try:
            wait_until(self._is_up, BOOT_S, "a machine to be up")
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end()

    def _end(self) -> None:
        self._process.send_signal(signal.SIGTERM)  # an orderly end
        try:
            self._process.communicate(timeout=END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()

    def ended(self) -> int:
        """Wait until the machine has ended by itself; return 0 or `REBOOTED`."""
        said, _ = self._process.communicate(timeout=END_S)
        assert self._process.returncode in {0, REBOOTED}, said.decode(errors="replace")
        return self._process.returncode

    def _is_up(self) -> bool:
        if self._process.poll() is not None:
            said = b"" if self._process.stdout is None else self._process.stdout.read()
            raise ChildProcessError(f"the machine does not start: {said.decode(errors='replace')}")
        if self._first_process() is None:
            return False
        state = self.run("systemctl", "is-system-running").stdout.strip()
        return state in {"running", "degraded"}

    def _first_process(self) -> int | None:
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        numbers = [int(one) for one in children.read_text(encoding="ascii").split()]
        firsts = [one for one in numbers if _is_systemd(one)]
        return firsts[0] if firsts else None

    def run(
        self, *argv: str, timeout_s: float = 60.0, env: Mapping[str, str] | None = None
    ) -> Done:
        """Run a command as root on the machine, to its end."""
        first = self._first_process()
        assert first is not None, "the machine is off"
        enter = ["nsenter", "--target", str(first), *["-m", "-u", "-i", "-n", "-p", "-C"], "--"]
        words = [f"{key}={value}" for key, value in (env or {}).items()]
        clean = ["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", *words]
        return subprocess.run(
            [*enter, *clean, *argv],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def must(self, *argv: str, env: Mapping[str, str] | None = None) -> str:
        """Run a command that has to succeed, and return what it prints, errors behind the rest."""
        done = self.run(*argv, env=env)
        assert done.returncode == 0, f"{' '.join(argv)}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr


def _is_systemd(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/comm").read_text(encoding="utf-8") == "systemd\n"
    except OSError:
        return False
