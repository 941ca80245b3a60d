"""A machine with the real systemd-networkd, in namespaces that end with the test; and a network beside it.

networkd runs without systemd as process 1, so `systemctl` is one of the test, which knows a single command. networkd needs a system bus, its own folders below /run, and a /sys that
cannot be written, which tells it that no udev has to be waited for. Observed with systemd 252 of Debian 12.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from knxgw.host.root_folder import Side
from tests.support.netns import REPOSITORY, Namespace
from tests.support.waiting import wait_until

TOOLS = ("unshare", "nsenter", "dbus-daemon", "networkctl", "dnsmasq")
NETWORKD = Path("/lib/systemd/systemd-networkd")
ADDRESS_S = 90.0  # networkd looks for a DHCP server each 64 s, when none has answered for a while
_UNSHARE = ("unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")
_STATE = "/run/knxgw"
_NOBODY = 65534
_RIGHTS = {  # that the units of the root side leave to root
    Side.NETWORK: ("dac_override", "net_raw"),
    Side.TIME: ("dac_override", "sys_time"),
}
_ROUTER = "192.0.2.1"
_KNOCK = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], 9), 1.0)
except ConnectionRefusedError:  # somebody is there, and has nothing at that port
    sys.exit(0)
except OSError:
    sys.exit(1)
"""
_SET_UP = """
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/netif /run/dbus /run/netns
chown -R systemd-network:systemd-network /run/systemd/netif
mount -t tmpfs tmpfs /etc/systemd
mkdir /etc/systemd/network
mount -t sysfs sysfs /sys
mount -o remount,ro /sys
ip link set lo up
dbus-daemon --system --fork --nopidfile --address=unix:path=/run/dbus/system_bus_socket 2>/dev/null
mkdir -m 750 /run/knxgw /run/knxgw/host
chown 65534:65534 /run/knxgw /run/knxgw/host
mkdir /run/systemd/timesync
cat > /run/systemctl <<'END'
#!/bin/sh
[ "$*" = "try-restart systemd-timesyncd.service" ] && echo "$*" >> /run/systemctl.log
END
chmod 755 /run/systemctl
mount --bind /run/systemctl /usr/bin/systemctl
touch /run/is-set-up
exec sleep infinity
"""


class NetworkdMachine:
    """The machine: `eth0` leads to the network."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process = subprocess.Popen(
            [*_UNSHARE, "sh", "-c", _SET_UP],
            stdin=subprocess.DEVNULL,
        )
        self._started: list[subprocess.Popen[bytes]] = []
        self.pid = 0

    def set_up(self) -> None:
        """Wait until commands can be run here."""
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        wait_until(lambda: bool(children.read_text().split()), 10.0, "the namespaces")
        self.pid = int(children.read_text().split()[0])
        wait_until(self._is_set_up, 10.0, "the system bus")

    def _is_set_up(self) -> bool:
        return Path(f"/proc/{self.pid}/root/run/is-set-up").exists()

    def run(self, *argv: str, timeout_s: float = 30.0) -> str:
        """Run a command here to its end. Raises: subprocess.CalledProcessError."""
        done = subprocess.run(
            self._wrapped(argv), capture_output=True, text=True, timeout=timeout_s, check=False
        )
        assert done.returncode == 0, (argv, done.stdout, done.stderr)
        return done.stdout

    def start(self, *argv: str) -> subprocess.Popen[bytes]:
        """Start a command here; it ends with the machine."""
        with (self._folder / "commands.log").open("ab") as output:
            started = subprocess.Popen(
                self._wrapped(argv), stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        self._started.append(started)
        return started

    def host_file(self, name: str, text: str) -> None:
        """Write a file of networkd, as the host does."""
        (self.files / name).write_text(text, encoding="utf-8")

    @property
    def files(self) -> Path:
        """Return the folder of networkd's files, seen from outside."""
        return Path(f"/proc/{self.pid}/root/etc/systemd/network")

    @property
    def state(self) -> Path:
        """Return the state directory of the gateway, seen from outside."""
        return Path(f"/proc/{self.pid}/root{_STATE}")

    def gateway(self, configuration: str) -> None:
        """Start a gateway, as a user without rights where such a one can read the program."""
        file = Path(f"/proc/{self.pid}/root/run/site.yaml")
        file.write_text(configuration, encoding="utf-8")
        arguments = ("run", "--config", "/run/site.yaml", "--state", _STATE)
        self.start(*_without_rights(), sys.executable, "-m", "knxgw", *arguments)

    def path_units(self) -> None:
        """Start the root side whenever there is a wish, as its units do, and once now."""
        for side in Side:
            apply = " ".join(_apply(side))
            wish = f"{_STATE}/host/{side.wanted}"
            self.start("sh", "-c", f"{apply}; while sleep 0.2; do [ ! -e {wish} ] || {apply}; done")

    def apply(self, side: Side = Side.NETWORK) -> subprocess.Popen[bytes]:
        """Start a half of the root side, as its unit does when there is a wish."""
        return self.start(*_apply(side))

    def addresses(self) -> list[str]:
        """Return the IPv4 addresses of the adapter, with their nets."""
        found = json.loads(self.run("ip", "-json", "-4", "addr", "show", "eth0"))
        return [
            f"{one['local']}/{one['prefixlen']}"
            for link in found
            for one in link.get("addr_info", ())
        ]

    def wait_for(self, start: str, timeout_s: float = ADDRESS_S) -> float:
        """Wait until there is one address that begins like this; return how long that took [s]."""
        began_s = time.perf_counter()
        wait_until(
            lambda: [one.startswith(start) for one in self.addresses()] == [True],
            timeout_s,
            lambda: f"an address {start}…, not {self.addresses()}",
        )
        return time.perf_counter() - began_s

    def link(self) -> dict[str, str]:
        """Return what networkd says of the adapter."""
        index = json.loads(self.run("ip", "-json", "link", "show", "eth0"))[0]["ifindex"]
        text = Path(f"/proc/{self.pid}/root/run/systemd/netif/links/{index}").read_text()
        return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)

    def restarts(self) -> int:
        """Return how often the time service was restarted."""
        return len(Path(f"/proc/{self.pid}/root/run/systemctl.log").read_text().splitlines())

    def end(self) -> None:
        """End the machine, and all that runs here."""
        self._process.kill()  # its children end with it, and the namespaces with them
        self._process.wait()
        for one in self._started:
            one.wait(10)

    def _wrapped(self, argv: tuple[str, ...]) -> list[str]:
        enter = ["nsenter", "-t", str(self.pid), "-m", "-n", "-p", f"--wd={REPOSITORY}"]
        return [*enter, *argv]


class Network:
    """The network of the machine: a router, which may give addresses."""

    def __init__(self, folder: Path, host: Namespace) -> None:
        self._folder = folder
        self.host = host
        self._server: subprocess.Popen[bytes] | None = None

    def give_addresses(self) -> None:
        """Let a DHCP server give addresses from .100 on, itself as router, a name server and a time server."""
        self._server = self.host.popen(
            *(
                "dnsmasq",
                "--keep-in-foreground",
                "--conf-file=/dev/null",
                "--port=0",
                "--interface=lan",
            ),
            *("--bind-interfaces", "--dhcp-range=192.0.2.100,192.0.2.150,255.255.255.0,2m"),
            *("--dhcp-option=option:ntp-server,192.0.2.123",),
            *("--dhcp-option=option:dns-server,192.0.2.53", "--dhcp-authoritative", "--log-dhcp"),
            *("--user=root", f"--dhcp-leasefile={self._folder}/leases", "--pid-file="),
            stdout=self._folder / "dnsmasq.log",
        )

    def reaches(self, address: str) -> bool:
        """Tell whether the machine answers here at an address."""
        return self.host.run(sys.executable, "-c", _KNOCK, address).returncode == 0


def _apply(side: Side) -> tuple[str, ...]:
    rights = f"--bounding-set=-all,{','.join(f'+{one}' for one in _RIGHTS[side])}"
    command = (sys.executable, "-m", "knxgw", "host", "apply", side.value, "--state", _STATE)
    return ("setpriv", rights, "--no-new-privs", *command)


def _without_rights() -> tuple[str, ...]:
    """Return what runs a command as nobody, () where nobody cannot read the repository."""
    places = (REPOSITORY, *REPOSITORY.parents, Path(sys.executable))
    if not all(place.stat().st_mode & 0o001 for place in places):
        return ()
    return (
        "setpriv",
        f"--reuid={_NOBODY}",
        f"--regid={_NOBODY}",
        "--clear-groups",
        "--no-new-privs",
    )


@contextmanager
def networkd_machine(folder: Path) -> Iterator[tuple[NetworkdMachine, Network]]:
    """Give a machine that is managed by networkd, with an automatic address, and its network."""
    with Namespace() as host:
        machine = NetworkdMachine(folder)
        try:
            machine.set_up()
            host.ip(
                "link",
                "add",
                "lan",
                "type",
                "veth",
                "peer",
                "name",
                "eth0",
                "netns",
                str(machine.pid),
            )
            host.ip("addr", "add", f"{_ROUTER}/24", "dev", "lan")
            host.ip("link", "set", "lan", "up")
            machine.host_file(
                "80-lan.network",
                "[Match]\nName=eth0\n\n[Network]\nDHCP=ipv4\nLinkLocalAddressing=yes\n",
            )
            machine.start(str(NETWORKD))
            yield machine, Network(folder, host)
        finally:
            machine.end()
