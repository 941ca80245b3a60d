"""What a half of the root side has to do, done once: run in its unit on a machine, with the program of the package.

Setting the clock is not among it: whoever runs a machine of systemd-nspawn has no right to that.
"""

import sys
from contextlib import suppress
from ipaddress import IPv4Address
from pathlib import Path

from knxgw.host import files
from knxgw.host.arp import is_taken
from knxgw.host.clock import is_synchronised
from knxgw.host.linux_machine import TIME_FILE, LinuxMachine
from knxgw.host.network_files import FOLDER, NetworkFiles
from knxgw.host.root_folder import RootFolder, Side

ROOT = Path("/")


def network() -> None:
    """Write, give back and keep settings, have networkd read them, and look for another machine."""
    machine, settings = LinuxMachine(), NetworkFiles(ROOT / FOLDER)
    machine.manager(machine.adapter(""))
    settings.begin("[Match]\nName=none0\n")
    machine.take_network()
    settings.give_back(machine.take_network)
    settings.begin("[Match]\nName=none0\n")
    settings.keep()
    for are_used in (False, True):
        assert settings.use_time_servers(are_used=are_used)
    with suppress(TimeoutError):
        is_taken("lo", IPv4Address("192.0.2.1"))


def time() -> None:
    """Write the file of the time servers, have them taken, and ask whether the clock is right."""
    machine, path = LinuxMachine(), ROOT / TIME_FILE
    files.write_readable(path, "[Time]\nNTP=192.0.2.123\n")
    machine.take_time_servers()
    files.remove(path)
    is_synchronised()


if __name__ == "__main__":
    side = Side(sys.argv[1])
    with RootFolder.opened(Path("/var/lib/knxgw"), side) as folder:
        folder.take()
        folder.answer(folder.last_answer())
        network() if side is Side.NETWORK else time()
    print("all was done")  # noqa: T201 - to the test
