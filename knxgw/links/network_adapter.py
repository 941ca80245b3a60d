"""Whether the network adapter of a connection is still there, and still in its multicast group.

The kernel tells nobody that a membership is gone: with an adapter that is pulled and plugged in
again the sockets live on, deaf and mute. So what is true of the adapter is looked up again and
compared. All of it works in containers; where the system does not say, it is taken as unchanged.
Source: [linux-man] netdevice(7), /proc/net/igmp.
"""

import socket
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from xknx.io.util import get_local_interface_name

MEMBERSHIPS = Path("/proc/net/igmp")  # Linux: who listens to which multicast group, by adapter
_FLAGS_REQUEST = 0x8913  # SIOCGIFFLAGS
_RUNNING = 0x40  # IFF_RUNNING: it is up and has a carrier


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterState:
    """What the system says about the adapter that has one of our addresses."""

    name: str
    index: int  # another one after the adapter was away
    is_running: bool
    is_joined: bool


class AdapterWatch:
    """The adapter that has one of our addresses, as it was when a connection was made on it."""

    def __init__(self, address: str, group: str | None = None) -> None:
        """Look at the adapter now; `group`: the multicast group we are in."""
        self._address = address
        self._group = group
        self._before = adapter_state(address, group)

    @property
    def name(self) -> str | None:
        """Return the name of the adapter; None: the system does not know one."""
        return self._before.name if self._before is not None else None

    @property
    def is_running(self) -> bool | None:
        """Tell whether it had a carrier then; None: the system does not know the adapter."""
        return self._before.is_running if self._before is not None else None

    def trouble(self) -> str | None:
        """Return why the connection cannot go on; None when it can."""
        if self._before is None:
            return None
        return trouble(self._before, adapter_state(self._address, self._group), self._address)


def adapter_state(address: str, group: str | None = None) -> AdapterState | None:
    """Return the state of the adapter with an IPv4 address; None when there is none."""
    name = get_local_interface_name(address).partition(":")[0]  # "eth0:1" is an address of eth0
    if not name:
        return None
    try:
        index = socket.if_nametoindex(name)
    except OSError:  # it went in this moment
        return None
    return AdapterState(
        name=name,
        index=index,
        is_running=_is_running(name),
        is_joined=group is None or _is_joined(index, group),
    )


def trouble(before: AdapterState, now: AdapterState | None, address: str) -> str | None:
    """Return why a link made on `before` cannot go on; None when it can."""
    if now is None:
        return f"no network adapter has the address {address} any more"
    if now.index != before.index or now.name != before.name:
        return f"the network adapter {now.name} was away"
    if before.is_running and not now.is_running:
        return f"the network adapter {now.name} is not connected"
    if now.is_running and not before.is_running:
        return f"the network adapter {now.name} was not connected"
    if before.is_joined and not now.is_joined:
        return f"the network adapter {now.name} left the multicast group"
    return None


def _is_running(name: str) -> bool:
    if sys.platform != "linux":
        return True
    import fcntl  # noqa: PLC0415 - not everywhere

    request = struct.pack("16sH22x", name.encode(), 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        try:
            answer = fcntl.ioctl(any_socket, _FLAGS_REQUEST, request)
        except OSError:
            return False
    _name, flags = struct.unpack("16sH22x", answer)
    return bool(flags & _RUNNING)


def _is_joined(index: int, group: str) -> bool:
    """Tell whether the adapter listens to a group; True where the system does not say."""
    try:
        text = MEMBERSHIPS.read_text(encoding="ascii")
    except OSError:
        return True
    return index in (member for member, _ in members(text, group))


def members(igmp: str, group: str) -> Iterator[tuple[int, str]]:
    """Yield index and name of the adapters that listen to a group, by the text of /proc/net/igmp.

    Lines of adapters begin with the index, lines of groups with a tab and the address as a number
    in the machine's own byte order.
    """
    wanted = f"{int.from_bytes(socket.inet_aton(group), sys.byteorder):08X}"
    adapter = -1, ""
    for line in igmp.splitlines()[1:]:
        words = line.split()
        if not words:
            continue
        if not line.startswith("\t"):
            adapter = int(words[0]), words[1].rstrip(":")
        elif words[0] == wanted:
            yield adapter
