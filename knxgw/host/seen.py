"""What any process may see of the machine's network and time, without rights."""

import subprocess
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from knxgw.host.adapters import ROOT, Adapter, adapters, choose, read_default_routes
from knxgw.host.manager import Manager, manager_of, read_link_state
from knxgw.host.time_plan import TimeService, read_time_service

RESOLVER = Path("etc/resolv.conf")
_RESOLVED = Path(
    "run/systemd/resolve"
)  # of systemd-resolved, which takes name servers from networkd
ASKED_S = 3.0  # at most, of the time service


_TIME_SERVICE = Path("run/systemd/timesync")  # of systemd-timesyncd, there while it runs


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenNetwork:
    """The network as it is."""

    manager: Manager
    adapter: Adapter | None = None
    gateway: IPv4Address | None = None
    name_servers: tuple[str, ...] = ()
    # the resolver asks what networkd is told; else the host says in /etc/resolv.conf whom it asks
    uses_name_servers: bool = False
    is_leased: bool = False  # networkd has the address from a DHCP server


def see_network(written_adapter: str = "", root: Path = ROOT) -> SeenNetwork:
    """Return the network as it is; `written_adapter`: that our file names."""
    routes = read_default_routes(root)
    adapter = choose(adapters(root), routes, written_adapter)
    if adapter is None:
        return SeenNetwork(manager=manager_of(None, root))
    gateways = [one.gateway for one in routes if one.adapter == adapter.name]
    uses_name_servers = _resolves_by_resolved(root)
    link = read_link_state(adapter, root)
    by_link = () if link is None else link.name_servers
    return SeenNetwork(
        manager=manager_of(adapter, root),
        adapter=adapter,
        gateway=gateways[0] if gateways else None,
        name_servers=by_link if uses_name_servers else _of_resolver(root),
        uses_name_servers=uses_name_servers,
        is_leased=link is not None and link.is_leased,
    )


def _resolves_by_resolved(root: Path) -> bool:
    """Tell whether `/etc/resolv.conf` leads to systemd-resolved. Source: [systemd-man] systemd-resolved(8)."""
    path = root / RESOLVER
    try:
        return path.is_symlink() and str(_RESOLVED) in str(path.readlink())
    except OSError:
        return False


def _of_resolver(root: Path) -> tuple[str, ...]:
    try:
        lines = (root / RESOLVER).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ()
    words = [line.split() for line in lines]
    return tuple(one[1] for one in words if len(one) > 1 and one[0] == "nameserver")


def has_time_service(root: Path = ROOT) -> bool:
    """Tell whether there is a time service whose servers can be set."""
    return (root / _TIME_SERVICE).is_dir()


def see_time_service() -> TimeService | None:
    """Return what the time service says; None: it does not answer. May take seconds."""
    properties, status = (_timedatectl(one) for one in ("show-timesync", "timesync-status"))
    return None if properties is None else read_time_service(properties, status or "")


def _timedatectl(command: str) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603 - fixed words
            ["/usr/bin/timedatectl", command, "--no-pager"],
            capture_output=True,
            text=True,
            timeout=ASKED_S,
            check=False,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
