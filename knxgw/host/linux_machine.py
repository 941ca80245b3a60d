"""The operating system as the root side asks it: systemd-networkd, systemd-timesyncd, and the clock.

Source: [systemd-man] networkctl(1), systemctl(1).
"""

import logging
import subprocess
import time
from collections.abc import Sequence
from datetime import datetime
from ipaddress import IPv4Address
from pathlib import Path

from knxgw.host.adapters import ROOT, Adapter, adapters, choose, read_default_routes
from knxgw.host.arp import is_taken
from knxgw.host.clock import is_synchronised
from knxgw.host.manager import Manager, manager_of
from knxgw.host.root_side import HostError
from knxgw.host.seen import has_time_service

log = logging.getLogger(__name__)
COMMAND_S = 20.0  # of one command; networkd answers in less than one
TIME_FILE = Path("etc/systemd/timesyncd.conf.d/50-knxgw.conf")
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}


def boot_s() -> float:
    """Return the time since the start of the machine [s], also of what it slept: the same for every process."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class LinuxMachine:
    """This machine."""

    def __init__(self, root: Path = ROOT) -> None:
        self._root = root

    def adapter(self, written: str) -> Adapter | None:
        """Return the adapter that the settings are of; `written`: the one that our file names."""
        return choose(adapters(self._root), read_default_routes(self._root), written)

    def manager(self, adapter: Adapter | None) -> Manager:
        """Return who manages its network."""
        return manager_of(adapter, self._root)

    def has_other(self, adapter: str, address: IPv4Address) -> bool:
        """Tell whether another machine of the network has an address. Takes a second."""
        try:
            return is_taken(adapter, address)
        except OSError as err:  # it cannot be asked: networkd takes it then, as without us
            log.warning("it cannot be asked who has %s: %s", address, err)
            return False

    def take_network(self) -> None:
        """Let the network be as the files say. Raises: HostError."""
        # An adapter whose file has changed begins again by this. To have it begin a second time at once, with
        # `reconfigure`, could leave it without its address: networkd 252 has the same lease again then, and
        # the address is gone until much of the lease is over.
        _run("networkctl", "reload")

    def has_time_service(self) -> bool:
        """Tell whether there is a time service whose servers can be set."""
        return has_time_service(self._root)

    def take_time_servers(self) -> None:
        """Let the time service read its files. Raises: HostError."""
        _run("systemctl", "try-restart", "systemd-timesyncd.service")

    def is_synchronised(self) -> bool:
        """Tell whether a time server sets the clock."""
        return is_synchronised()

    def set_clock(self, at: datetime) -> None:
        """Set the clock. Raises: HostError."""
        try:
            time.clock_settime(time.CLOCK_REALTIME, at.timestamp())
        except OSError as err:
            raise HostError(f"the clock: {err.strerror}") from err

    def reboot(self) -> None:
        """Have the machine restarted in order; returns while it ends. Raises: HostError."""
        _run("systemctl", "--no-wall", "reboot")


def _run(*command: str) -> None:
    try:
        done = subprocess.run(  # noqa: S603 - fixed words, and a name that was looked at
            command,
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
            check=False,
            env=_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as err:
        raise HostError(f"{command[0]}: {err}") from err
    if done.returncode:
        raise HostError(f"{' '.join(command)}: {_last_line(done.stderr.splitlines())}")


def _last_line(lines: Sequence[str]) -> str:
    return lines[-1] if lines else "it failed"
