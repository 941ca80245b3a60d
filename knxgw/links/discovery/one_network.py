"""A socket that belongs to one network adapter. Source: [linux-man] socket(7), ip(7)."""

import socket

IP_MULTICAST_ALL = 49  # of Linux; Python has no name for it


def keep_to_adapter(one: socket.socket, adapter: str) -> None:
    """Let a socket hear and speak at one adapter only. Raises: OSError, it is gone.

    Linux gives every socket of a port what comes for a group that anybody of the machine has joined
    anywhere, and sends an answer wherever its route leads: an mDNS responder would answer in networks
    in which it must not speak, with the address of another one.
    """
    one.setsockopt(socket.IPPROTO_IP, IP_MULTICAST_ALL, 0)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, adapter.encode())
