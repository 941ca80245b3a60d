"""Tells a service manager how a process is, by the protocol of sd_notify. Of the standard library only.

Source: [linux-man] sd_notify(3).
"""

import socket

READY = "READY=1"
ALIVE = "WATCHDOG=1"


def tell(address: str, text: str) -> None:
    """Send a note to the socket that NOTIFY_SOCKET names. Raises: OSError."""
    place = "\0" + address[1:] if address.startswith("@") else address
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
        out.settimeout(0)
        out.sendto(text.encode(), place)
