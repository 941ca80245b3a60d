"""Whether another machine of the network is there: the kernel asks for its hardware address when it is sent something.

Without rights, and without waiting for an answer of the other one's programs. Source: [linux-man] arp(7), proc(5).
"""

import socket
from ipaddress import IPv4Address
from pathlib import Path

from knxgw.host.adapters import ROOT

_TABLE = Path("proc/net/arp")
_COMPLETE = 0x2  # flag: its hardware address is known
_DISCARD = 9  # a port at which nobody answers
_COLUMNS = 6


def knock(address: IPv4Address) -> None:
    """Have the kernel look for a machine; whether it is there shows a moment later."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as knocking:
        knocking.setblocking(False)  # noqa: FBT003 - as Python has it
        try:
            knocking.sendto(b"", (str(address), _DISCARD))
        except OSError:
            return  # there is no way to it


def is_there(address: IPv4Address, root: Path = ROOT) -> bool:
    """Tell whether the kernel has found a machine of the own network."""
    try:
        lines = (root / _TABLE).read_text(encoding="ascii", errors="replace").splitlines()[1:]
    except OSError:
        return False
    for columns in (line.split() for line in lines):
        if len(columns) >= _COLUMNS and columns[0] == str(address):
            return _is_complete(columns[2])
    return False


def _is_complete(flags: str) -> bool:
    try:
        return bool(int(flags, 16) & _COMPLETE)
    except ValueError:
        return False
