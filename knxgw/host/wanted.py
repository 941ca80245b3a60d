"""What the gateway asks of the root side, as it stands in a file; pure.

The gateway runs without rights to change the machine. It writes what it wants; a small process with the rights
reads it, trusts nothing of it, and reads every value again. There are two such processes and two files.
"""

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from knxgw.host.network_plan import (
    Field,
    IPv4Settings,
    Mode,
    SettingsError,
    fields_of,
    read_settings,
)
from knxgw.host.networkd_file import Source
from knxgw.host.time_plan import MOST_SERVERS, is_plausible, is_time_server

VERSION = 1
LARGEST = 1 << 16  # bytes
_ID = re.compile(r"[0-9a-f]{32}")
_BOOT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")  # as the kernel writes it
_NETWORK_PARTS = {"network", "keep", "give_back", "time_servers"}
_TIME_PARTS = {"servers", "clock", "reboot"}
_OTHER_SOURCES = {Source.WEBSITE, Source.ETS, Source.RESET}


class WantedError(ValueError):
    """A file of the gateway is not what it should be; says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkWish:
    """Other settings of the network."""

    id: str
    settings: IPv4Settings
    source: Source
    must_be_confirmed: bool  # in time, or they return


@dataclass(frozen=True, slots=True, kw_only=True)
class ServersWish:
    """Other time servers; (): those of the operating system."""

    id: str
    servers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockWish:
    """Another time, for a clock that no server sets."""

    id: str
    at: datetime  # [UTC]
    known_at: float  # [s] since the start of the machine, when that was the time


@dataclass(frozen=True, slots=True, kw_only=True)
class RebootWish:
    """A restart of the machine; it comes alone, because nothing else can be answered after it."""

    id: str
    boot: str  # the start of the machine in which it is wanted: it means nothing in the next one


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkServersWish:
    """Whether time servers are used that the network names by DHCP."""

    id: str
    are_used: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkWanted:
    """All that is wanted of the network at one moment; of each part the newest."""

    network: NetworkWish | None = None
    keep: str | None = None  # the id of the change that is to be kept
    give_back: str | None = None  # the id of the change that is not
    time_servers: NetworkServersWish | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeWanted:
    """All that is wanted of time and machine at one moment; of each part the newest."""

    servers: ServersWish | None = None
    clock: ClockWish | None = None
    reboot: RebootWish | None = None


def new_id() -> str:
    """Return what tells one wish from all others."""
    return secrets.token_hex(16)


def wanted_bytes(wanted: NetworkWanted | TimeWanted) -> bytes:
    """Return what is wanted as the content of a file."""
    parts = _network_parts(wanted) if isinstance(wanted, NetworkWanted) else _time_parts(wanted)
    return json.dumps({"version": VERSION, **parts}).encode()


def _network_parts(wanted: NetworkWanted) -> Mapping[str, Any]:
    content: dict[str, Any] = {}
    if (network := wanted.network) is not None:
        content["network"] = {
            "id": network.id,
            "settings": fields_of(network.settings),
            "source": network.source.value,
            "must_be_confirmed": network.must_be_confirmed,
        }
    if wanted.keep is not None:
        content["keep"] = wanted.keep
    if wanted.give_back is not None:
        content["give_back"] = wanted.give_back
    if (servers := wanted.time_servers) is not None:
        content["time_servers"] = {"id": servers.id, "are_used": servers.are_used}
    return content


def _time_parts(wanted: TimeWanted) -> Mapping[str, Any]:
    content: dict[str, Any] = {}
    if (servers := wanted.servers) is not None:
        content["servers"] = {"id": servers.id, "servers": list(servers.servers)}
    if (clock := wanted.clock) is not None:
        at = clock.at.astimezone(UTC).isoformat()
        content["clock"] = {"id": clock.id, "at": at, "known_at": clock.known_at}
    if (reboot := wanted.reboot) is not None:
        content["reboot"] = {"id": reboot.id, "boot": reboot.boot}
    return content


def read_network_wanted(content: bytes) -> NetworkWanted:
    """Return what a file asks of the network, every value read again. Raises: WantedError."""
    root = _root(content, _NETWORK_PARTS)
    return NetworkWanted(
        network=_network(root["network"]) if "network" in root else None,
        keep=_id(root["keep"]) if "keep" in root else None,
        give_back=_id(root["give_back"]) if "give_back" in root else None,
        time_servers=_network_servers(root["time_servers"]) if "time_servers" in root else None,
    )


def read_time_wanted(content: bytes) -> TimeWanted:
    """Return what a file asks of time and machine, every value read again. Raises: WantedError."""
    root = _root(content, _TIME_PARTS)
    if "reboot" in root and len(root) > 2:
        raise WantedError("a restart of the machine comes with something else")
    return TimeWanted(
        servers=_servers(root["servers"]) if "servers" in root else None,
        clock=_clock(root["clock"]) if "clock" in root else None,
        reboot=_reboot(root["reboot"]) if "reboot" in root else None,
    )


def _root(content: bytes, parts: set[str]) -> Mapping[str, Any]:
    if len(content) > LARGEST:
        raise WantedError("it is too large")
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as err:
        raise WantedError("it is no JSON") from err
    root = _object(found, {"version", *parts}, required={"version"})
    if type(root["version"]) is not int or root["version"] != VERSION:
        raise WantedError("it is of another version of the program")
    return root


def _network(value: object) -> NetworkWish:
    keys = {"id", "settings", "source", "must_be_confirmed"}
    found = _object(value, keys, required=keys)
    fields = _object(found["settings"], set(Field), required=set(Field))
    if not all(isinstance(one, str) for one in fields.values()):
        raise WantedError("a field of the network is no text")
    if fields[Field.MODE] == Mode.AUTOMATIC and any(
        fields[one] for one in (Field.ADDRESS, Field.MASK, Field.GATEWAY)
    ):
        raise WantedError("an automatic address comes with a permanent one")
    try:
        settings = read_settings(fields)
    except SettingsError as err:
        raise WantedError(f"settings of the network: {err}") from err
    if found["source"] not in _OTHER_SOURCES:
        raise WantedError("it names an unknown source")
    return NetworkWish(
        id=_id(found["id"]),
        settings=settings,
        source=Source(found["source"]),
        must_be_confirmed=_boolean(found["must_be_confirmed"]),
    )


def _network_servers(value: object) -> NetworkServersWish:
    found = _object(value, {"id", "are_used"}, required={"id", "are_used"})
    return NetworkServersWish(id=_id(found["id"]), are_used=_boolean(found["are_used"]))


def _servers(value: object) -> ServersWish:
    found = _object(value, {"id", "servers"}, required={"id", "servers"})
    servers = found["servers"]
    if not isinstance(servers, list) or len(servers) > MOST_SERVERS:
        raise WantedError("time servers are no list, or too many")
    if not all(isinstance(one, str) and is_time_server(one) for one in servers):
        raise WantedError("a time server is no name and no address")
    return ServersWish(id=_id(found["id"]), servers=tuple(servers))


def _clock(value: object) -> ClockWish:
    keys = {"id", "at", "known_at"}
    found = _object(value, keys, required=keys)
    at, known_at = found["at"], found["known_at"]
    try:
        moment = datetime.fromisoformat(at) if isinstance(at, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or not is_plausible(moment):
        raise WantedError("the time is none, or cannot be right")
    if type(known_at) not in {int, float} or not 0 <= known_at < float("inf"):
        raise WantedError("the moment of the time is no number")
    return ClockWish(id=_id(found["id"]), at=moment.astimezone(UTC), known_at=float(known_at))


def _reboot(value: object) -> RebootWish:
    found = _object(value, {"id", "boot"}, required={"id", "boot"})
    boot = found["boot"]
    if not isinstance(boot, str) or not _BOOT.fullmatch(boot):
        raise WantedError("a start of the machine has no such name")
    return RebootWish(id=_id(found["id"]), boot=boot)


def _object(value: object, known: set[str], *, required: set[str]) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise WantedError("something is no object")
    if set(value) - known:
        raise WantedError("it has an unknown key")
    if required - set(value):
        raise WantedError("a key is missing")
    return value


def _id(value: object) -> str:
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise WantedError("an id is none")
    return value


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise WantedError("something is neither true nor false")
    return value
