"""Records what leaves a network namespace for SSDP and mDNS, on every adapter, as JSON lines.

As a process inside the namespace, until it is ended:

    python -m tests.support.multicast_tap

It hears packets as the kernel hands them to the adapters (packet(7)), whatever sockets there are.
The first line is {"ready": true}.
"""

import json
import socket
import struct
from ipaddress import IPv4Address

ETH_P_ALL, OUTGOING, UDP, LOOPBACK = 0x0003, 4, 17, "lo"
PORTS = (1900, 5353)


def main() -> None:
    """Print a line for each packet to or from one of the ports that is sent."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL)) as tap:
        print(json.dumps({"ready": True}), flush=True)  # noqa: T201 - what it is for
        while True:
            packet, (adapter, _, kind, *_) = tap.recvfrom(65_536)
            if kind == OUTGOING or adapter == LOOPBACK:
                _note(adapter, packet)


def _note(adapter: str, packet: bytes) -> None:
    if len(packet) < 28 or packet[0] >> 4 != 4 or packet[9] != UDP:
        return
    at = 4 * (packet[0] & 15)
    source_port, port = struct.unpack(">2H", packet[at : at + 4])
    if port not in PORTS and source_port not in PORTS:
        return
    said = {
        "adapter": adapter,
        "source": str(IPv4Address(packet[12:16])),
        "to": str(IPv4Address(packet[16:20])),
        "port": port,
        "text": packet[at + 8 :].decode("latin-1"),
    }
    print(json.dumps(said), flush=True)  # noqa: T201 - what it is for


if __name__ == "__main__":
    main()
