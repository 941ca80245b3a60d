"""Who manages the network of this machine: only with systemd-networkd can the device set it.

Source: [systemd-man] systemd-networkd.service(8), networkctl(1).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath

from knxgw.host.adapters import ROOT, Adapter
from knxgw.host.networkd_file import FILE_NAME

LINKS = Path("run/systemd/netif/links")
_NETWORK_MANAGER = Path("run/NetworkManager/devices")
_IFUPDOWN = (Path("run/network/ifstate"), Path("etc/network/interfaces"))
_CONTAINER = (Path(".dockerenv"), Path("run/.containerenv"), Path("run/systemd/container"))
_MANAGED = {"configuring", "configured", "failed", "linger"}


class Manager(StrEnum):
    """Who manages the network."""

    NETWORKD = "networkd"
    OTHER_FILE = "other_file"  # networkd, by a file of the host that comes before ours
    NETPLAN = "netplan"
    NETWORK_MANAGER = "network_manager"
    IFUPDOWN = "ifupdown"
    CONTAINER = "container"  # whoever runs it
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkState:
    """What systemd-networkd says of an adapter."""

    is_managed: bool
    network_file: str = ""  # by which it is configured
    name_servers: tuple[str, ...] = ()  # that hold, from wherever they come
    is_leased: bool = False  # a DHCP server gave the address


def link_state(text: str) -> LinkState:
    """Return what the state file of an adapter says."""
    values = _values(text)
    return LinkState(
        is_managed=values.get("ADMIN_STATE", "") in _MANAGED,
        network_file=values.get("NETWORK_FILE", ""),
        name_servers=tuple(values.get("DNS", "").split()),
        is_leased="DHCP_LEASE" in values,
    )


def read_link_state(adapter: Adapter, root: Path = ROOT) -> LinkState | None:
    """Return what networkd says of an adapter; None: it does not run."""
    text = _text(root / LINKS / str(adapter.index))
    return link_state(text) if text else None


def manager_of(adapter: Adapter | None, root: Path = ROOT) -> Manager:
    """Return who manages an adapter."""
    if adapter is not None:
        link = read_link_state(adapter, root)
        if link is not None and link.is_managed:
            return _of_file(link.network_file)
        if (root / _NETWORK_MANAGER / str(adapter.index)).exists():
            return Manager.NETWORK_MANAGER
        if any(adapter.name in _text(root / path).split() for path in _IFUPDOWN):
            return Manager.IFUPDOWN
    return Manager.CONTAINER if is_container(root) else Manager.UNKNOWN


def is_container(root: Path = ROOT) -> bool:
    """Tell whether this is a container: a restart of it is the business of whoever runs it."""
    return any((root / path).exists() for path in _CONTAINER)


def _of_file(network_file: str) -> Manager:
    """Return who wrote the file by which networkd configures an adapter.

    Of all files that match, the first in the order of their names counts, in whichever folder it is.
    """
    path = PurePosixPath(network_file)
    if "netplan" in path.name:
        return Manager.NETPLAN
    return Manager.OTHER_FILE if path.name < FILE_NAME else Manager.NETWORKD


def _values(text: str) -> Mapping[str, str]:
    lines = (line.partition("=") for line in text.splitlines())
    return {key: value for key, _, value in lines}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
