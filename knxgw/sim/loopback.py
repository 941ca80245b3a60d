"""What several simulated sites on one computer share: ports, multicast groups, names of lines.

A claim is a socket without an address in the network: it ends with the process, however that ends.
"""

import errno
import hashlib
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from knxgw.errors import GatewayError
from knxgw.links.network_adapter import MEMBERSHIPS, members

LOOPBACK_INTERFACE = "lo"


class Claim:
    """A name that nobody else has while this lasts. Raises: ClaimedError.

    Only Linux has such sockets; elsewhere everything is granted.
    """

    def __init__(self, name: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        short = hashlib.sha256(os.fsencode(name)).hexdigest()[:32]  # a name may be a long path
        try:
            self._socket.bind(f"\0knxgw simulator {short}")
        except OSError as err:
            self._socket.close()
            if err.errno == errno.EADDRINUSE:
                raise ClaimedError(name) from err

    def release(self) -> None:
        """Let others have it."""
        self._socket.close()


class ClaimedError(GatewayError):
    """Another process has claimed it."""


def may_listen(host: str, port: int) -> bool:
    """Tell whether this user may listen on a port of a loopback address."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError:
            return False
        except OSError:
            return True  # somebody is there: that is said when it is tried
    return True


def free_port(port: int) -> int:
    """Return a TCP port of 127.0.0.1 that nobody uses; 0 for any. Raises: OSError."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        return int(probe.getsockname()[1])


@contextmanager
def first_free_port(first: int, count: int = 20) -> Iterator[int]:
    """Give the first port from `first` on that nobody uses nor is about to use."""
    for port in range(first, first + count):
        try:
            claim = Claim(f"port {port}")
        except ClaimedError:
            continue
        try:
            free_port(port)
        except OSError:
            claim.release()
            continue
        try:
            yield port
        finally:
            claim.release()
        return
    yield free_port(0)


def listening_interfaces(group: str) -> tuple[str, ...]:
    """Return the network interfaces on which some program listens to a multicast group."""
    try:
        text = MEMBERSHIPS.read_text(encoding="ascii")
    except OSError:
        return ()  # not Linux
    return tuple(name for _, name in members(text, group))


@contextmanager
def quiet_group(groups: Iterator[str]) -> Iterator[str]:
    """Give the first multicast group that nobody on this computer listens to.

    What is sent on the loopback interface reaches every program that has joined the group on any
    interface: a gateway in operation would take a simulated smart meter for its own.
    """
    for group in groups:
        try:
            claim = Claim(f"group {group}")
        except ClaimedError:
            continue
        if listening_interfaces(group):
            claim.release()
            continue
        try:
            yield group
        finally:
            claim.release()
        return
    raise GatewayError("every multicast group for simulated installations is in use")


def claim_line(path: Path) -> Claim:
    """Claim the name of a simulated serial line; what an earlier process left there is removed.

    Raises: GatewayError when there is something else, or another process simulates it.
    """
    try:
        claim = Claim(f"line {path.absolute()}")
    except ClaimedError as err:
        raise GatewayError(f"{path}: another process simulates this line") from err
    try:
        problem = _clear_line(path)
    except OSError as err:
        problem = f"{path} cannot be used for a serial line: {err.strerror}"
    if problem is not None:
        claim.release()
        raise GatewayError(problem)
    return claim


def _clear_line(path: Path) -> str | None:
    """Remove what an earlier process left; return what else is in the way."""
    if path.is_symlink() and str(path.readlink()).startswith("/dev/pts/"):
        path.unlink()
    if path.is_symlink() or path.exists():
        return f"{path} exists: remove it, or give serial.port another name"
    if not path.parent.is_dir():
        return f"there is no directory {path.parent} for the serial line"
    return None


def line_directory() -> Path:
    """Return a directory of this user for pseudo terminals, the same each time.

    Raises: GatewayError when it belongs to somebody else.
    """
    path = Path(tempfile.gettempdir()) / f"knxgw-sim-{os.getuid()}"
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        status = path.lstat()
    except OSError as err:
        raise GatewayError(f"{path} cannot be used for serial lines: {err.strerror}") from err
    if path.is_symlink() or status.st_uid != os.getuid():
        raise GatewayError(f"{path} belongs to another user: remove it, or set TMPDIR")
    return path
