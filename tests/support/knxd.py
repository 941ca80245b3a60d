"""knxd as a peer: an IP router and tunnelling server without a bus, in a namespace of ours.

Ended by SIGTERM or SIGKILL, knxd sends no DISCONNECT_REQUEST: a tunnel client learns of it when
its next telegram is not acknowledged, or from the heartbeat. A recorder must survive that too:
let it listen by routing, or start a new one.
"""

import contextlib
import socket
import struct
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.netns import BusNamespace
from tests.support.waiting import wait_until

KNXNETIP_PORT = 3671
READY_TIMEOUT_S = 10.0
_OPEN_GROUPCON = struct.pack(">HHHB", 5, 0x26, 0, 0)  # length, EIB_OPEN_GROUPCON, 0, not write-only
_OPENED = struct.pack(">HH", 2, 0x26)

_INI = """\
[main]
addr = 1.1.250
client-addrs = {client_addresses}
connections = server,local,dummy
name = labknxd
[server]
server = ets_router
discover = true
tunnel = tunnel
interface = {interface}
multicast-address = 224.0.23.12
port = 3671
{router}[tunnel]
[local]
server = knxd_unix
path = {socket}
"""
# Without `pace` of its own, knxd slows tunnels too (15 ms + 1 ms/byte per telegram).
_ROUTER_INI = """\
router = router
[router]
filters = queue,rpace
[rpace]
filter = pace
delay = 1
delay-per-byte = 0
incoming = 0
"""


class Knxd:
    """knxd on the bridge of a namespace; a context manager that can be killed and restarted."""

    def __init__(
        self,
        host: BusNamespace,
        directory: Path,
        *,
        routing: bool = True,
        client_addresses: str = "1.1.240:8",  # a killed client keeps its tunnel for 120 s
    ) -> None:
        self.host = host
        self.socket = directory / "knxd.sock"
        self.log = directory / "knxd.log"
        self._ini = directory / "knxd.ini"
        self._ini.write_text(
            _INI.format(
                client_addresses=client_addresses,
                interface=host.interface,
                socket=self.socket,
                router=_ROUTER_INI if routing else "",
            )
        )
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def gateway(self) -> str:
        """Return "host:port" of the tunnelling server."""
        return f"{self.host.address}:{KNXNETIP_PORT}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start knxd, also again on the same paths and addresses, and wait until it serves."""
        if self._process is not None:
            raise RuntimeError("knxd runs already")
        self.socket.unlink(missing_ok=True)  # a killed knxd leaves it
        process = self.host.popen("knxd", str(self._ini), stdout=self.log)
        self._process = process
        try:
            wait_until(lambda: self._serves(process), READY_TIMEOUT_S, self._why_not)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End knxd as a service manager does (SIGTERM)."""
        if self._process is not None:
            self.host.stop(self._process)
            self._process = None

    def kill(self) -> None:
        """End knxd without a word (SIGKILL), as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self.stop()

    def _serves(self, process: subprocess.Popen[bytes]) -> bool:
        if process.poll() is not None:
            raise RuntimeError(f"knxd ended with code {process.returncode}: {self._why_not()}")
        sockets = Path(f"/proc/{process.pid}/net/udp").read_text()  # those of its namespace
        return f":{KNXNETIP_PORT:04X} " in sockets and self._answers()

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as client:
            client.settimeout(1.0)
            client.connect(str(self.socket))
            client.sendall(_OPEN_GROUPCON)
            return client.recv(4) == _OPENED
        return False

    def _why_not(self) -> str:
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return f"knxd to serve; its log ends:\n{text[-2000:]}"
