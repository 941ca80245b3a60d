"""What the website knows of the KNX device and of its KNXnet/IP server: facts, no words."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import Enum, StrEnum
from typing import Any

from knxgw.catalogue.interface_objects import LoadState
from knxgw.device.condition import Condition
from knxgw.device.last_download import LastDownload
from knxgw.errors import Finding


class ServerState(StrEnum):
    """Whether the KNXnet/IP server listens, or why not."""

    LISTENS = "listens"
    STARTING = "starting"
    SWITCHED_OFF = "switched_off"
    KEYRING = "keyring"  # its tunnels are not secured
    BEHIND_TUNNEL = "behind_tunnel"  # the interface has tunnels of its own
    NO_NETWORK = "no_network"
    PORT_TAKEN = "port_taken"
    NO_ADDRESS = "no_address"  # the machine does not have the address of the configuration
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class TunnelFacts:
    """One tunnel of the server."""

    address: str
    client: str = ""  # IP address and port; "": it is free


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFacts:
    """The KNXnet/IP server."""

    state: ServerState = ServerState.STARTING
    address: str = ""  # where it listens, or wants to
    port: int = 0
    tunnels: tuple[TunnelFacts, ...] = ()
    managers: tuple[str, ...] = ()  # clients with a device management connection
    streams: int = 0  # TCP connections
    counters: Mapping[str, int] = field(default_factory=dict)  # names of `Statistics`


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadableFacts:
    """One object that ETS loads."""

    name: str  # as the interface object is called in the data
    index: int
    state: LoadState
    entries: int | None = None  # of a table that is loaded
    octets: int | None = None  # allocated; None: nothing is
    crc: int | None = None  # of the memory control block, of an object that is loaded
    error: int = 0  # DPT 20.011


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramFacts:
    """The application program that a tool has named."""

    manufacturer: int
    number: int
    version: int  # as ETS shows it: the upper four bits, a point, the lower four


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityFacts:
    """KNX Secure on the side of the device: no keys, only that there are some."""

    can_be_commissioned: bool = False  # it has a factory key
    is_commissioned: bool = False  # a tool key that ETS has written
    is_on: bool = False  # security mode
    secured_addresses: int | None = None  # None: ETS has loaded no keys
    session_users: int = 0  # of KNX IP Secure
    failures: Mapping[str, int] = field(default_factory=dict)  # by kind


@dataclass(frozen=True, slots=True, kw_only=True)
class KnxDeviceFacts:
    """The KNX device at one moment."""

    at: datetime | None = None  # aware UTC; None: the time is not valid
    individual_address: str = ""
    is_address_programmed: bool = False  # by a tool; else it is that of the configuration, or none
    serial_number: str = ""
    mask_version: int = 0
    is_programming: bool = False
    program: ProgramFacts | None = None
    condition: Condition = Condition.NOTHING
    has_own: bool = False  # a configuration of its own to go back to
    findings: tuple[Finding, ...] = ()  # about what ETS has loaded
    security: SecurityFacts = SecurityFacts()
    tool: str | None = None  # individual address of the tool that is connected
    loadables: tuple[LoadableFacts, ...] = ()
    download: LastDownload | None = None
    server: ServerFacts = ServerFacts()
    link: Mapping[str, int] = field(default_factory=dict)  # what the KNX link has counted


def knx_device_text(facts: KnxDeviceFacts) -> str:
    """Return the facts as JSON: codes and numbers, no words of a language."""
    found: dict[str, Any] = asdict(
        facts, dict_factory=lambda pairs: {name: _plain(one) for name, one in pairs}
    )
    found["findings"] = [str(one) for one in facts.findings]
    found["download"] = None if facts.download is None else facts.download.as_json()
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, LoadState):
        return value.name.lower()
    return value.value if isinstance(value, Enum) else value
