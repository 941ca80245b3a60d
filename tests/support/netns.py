"""Network namespaces for tests with real peers: knxd must never see a real interface.

Needs root and iproute2. Nothing here touches the host's own interfaces: links are made inside
namespaces that belong to this process and disappear with it.
"""

import contextlib
import ctypes
import itertools
import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from tests.support.waiting import wait_until

REPOSITORY = Path(__file__).resolve().parents[2]
STOP_TIMEOUT_S = 3.0  # from SIGTERM to SIGKILL
_NEW_NETWORK = 0x40000000  # CLONE_NEWNET
T = TypeVar("T")
_numbers = itertools.count(1)


class NamespaceError(Exception):
    """A command of the set-up itself failed; says which and what it printed."""


def ip(*argv: str) -> str:
    """Run `ip`, return what it prints. Raises: NamespaceError."""
    result = subprocess.run(["ip", *argv], capture_output=True, text=True, timeout=10, check=False)
    if result.returncode:
        raise NamespaceError(f"ip {' '.join(argv)}: {result.stderr.strip()}")
    return result.stdout


class Namespace:
    """A network namespace with `lo` up; processes started in it end with it."""

    def __init__(self) -> None:
        self.name = f"knxgw-{os.getpid()}-{next(_numbers)}"
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        ip("netns", "add", self.name)
        try:
            self.ip("link", "set", "lo", "up")
        except BaseException:
            ip("netns", "del", self.name)
            raise
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self.stop(*self._processes)
            for pid in ip("netns", "pids", self.name).split():  # children of our processes
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
        finally:
            ip("netns", "del", self.name)

    def ip(self, *argv: str) -> str:
        """Run `ip` on the links, addresses and routes of this namespace."""
        return ip("-n", self.name, *argv)

    def run(
        self, *argv: str, timeout_s: float = 10.0, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command here to its end. Raises: subprocess.TimeoutExpired."""
        return subprocess.run(
            self._wrapped(argv),
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
            cwd=REPOSITORY,
            env={**os.environ, **(env or {})},
        )

    def popen(
        self, *argv: str, env: Mapping[str, str] | None = None, stdout: Path | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a command here, in the repository's directory; its pid is the command's own.

        What it prints, errors too, is appended to the file `stdout`, or thrown away.
        """
        with (stdout or Path(os.devnull)).open("ab") as output:
            process = subprocess.Popen(
                self._wrapped(argv),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=REPOSITORY,
                env={**os.environ, **(env or {})},
            )
        self._processes.append(process)
        return process

    def stop(self, *processes: subprocess.Popen[bytes]) -> None:
        """End processes started here: SIGTERM, and SIGKILL for what does not listen."""
        for process in processes:
            process.terminate()
        for process in processes:
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process in self._processes:
                self._processes.remove(process)

    def call(self, function: Callable[[], T]) -> T:
        """Call a function of this process in a thread whose sockets are of this namespace."""
        with ThreadPoolExecutor(1) as threads:
            return threads.submit(self._call, function).result()

    def _call(self, function: Callable[[], T]) -> T:
        with Path(f"/run/netns/{self.name}").open("rb") as namespace:
            if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), _NEW_NETWORK):
                raise NamespaceError(f"setns: {os.strerror(ctypes.get_errno())}")
        return function()

    def _wrapped(self, argv: tuple[str, ...]) -> list[str]:
        return ["ip", "netns", "exec", self.name, *argv]  # execs, so it leaves no process between


class BusNamespace(Namespace):
    """One namespace with everything in it: a bridge `br0` that carries the multicasts."""

    interface = "br0"

    def __init__(self, address: str = "10.77.0.1") -> None:
        super().__init__()
        self.address = address

    def __enter__(self) -> Self:
        super().__enter__()
        try:
            _add_bridge(self, self.address)
        except BaseException:
            ip("netns", "del", self.name)
            raise
        return self


class Lab:
    """Three hosts on one bridge: `server` (has the bridge), `gateway` and `client`."""

    def __init__(self) -> None:
        self.server = BusNamespace("10.77.0.1")
        self.gateway = Namespace()
        self.client = Namespace()
        self.addresses = {
            self.server.name: "10.77.0.1",
            self.gateway.name: "10.77.0.2",
            self.client.name: "10.77.0.3",
        }
        self._ports = {self.gateway.name: "v2", self.client.name: "v3"}
        self._stack = contextlib.ExitStack()

    def address(self, host: Namespace) -> str:
        """Return the IPv4 address of one of the three hosts."""
        return self.addresses[host.name]

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            stack.enter_context(self.server)
            for host in (self.gateway, self.client):
                stack.enter_context(host)
                self.plug(host)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.__exit__(exc_type, exc, traceback)

    def pull(self, host: Namespace) -> None:
        """Take the adapter of the gateway or the client away, as one on USB that is pulled."""
        host.ip("link", "del", "eth0")

    def plug(self, host: Namespace) -> None:
        """Give the host an adapter again, with the address it had: a new one to the kernel."""
        _add_host(self.server, self._ports[host.name], host, self.address(host))

    def link_down(self, host: Namespace) -> None:
        """Take the gateway or the client off the network."""
        host.ip("link", "set", "eth0", "down")

    def link_up(self, host: Namespace) -> None:
        """Put the host back on the network, with the route that `link_down` lost."""
        host.ip("link", "set", "eth0", "up")
        _add_multicast_route(host, "eth0", self.address(host))


def wait_for_line(path: Path, text: str, timeout_s: float = 10.0) -> None:
    """Wait until a process has written `text` to its output file. Raises: TimeoutError."""
    wait_until(
        lambda: path.exists() and text in path.read_text(errors="replace"),
        timeout_s,
        lambda: f"{text!r} in {path}:\n{path.read_text(errors='replace')[-2000:]}",
    )


def _add_bridge(host: Namespace, address: str) -> None:
    host.ip("link", "add", "br0", "type", "bridge", "mcast_snooping", "0")
    host.ip("addr", "add", f"{address}/24", "dev", "br0")
    host.ip("link", "set", "br0", "up")
    _add_multicast_route(host, "br0", address)


def _add_host(server: Namespace, port: str, host: Namespace, address: str) -> None:
    server.ip(
        *("link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", host.name),
    )
    server.ip("link", "set", port, "master", "br0")
    server.ip("link", "set", port, "up")
    host.ip("addr", "add", f"{address}/24", "dev", "eth0")
    host.ip("link", "set", "eth0", "up")
    _add_multicast_route(host, "eth0", address)


def _add_multicast_route(host: Namespace, interface: str, address: str) -> None:
    # knxd needs the preferred source, or it stops with "Link down"
    host.ip("route", "add", "224.0.0.0/4", "dev", interface, "src", address)
