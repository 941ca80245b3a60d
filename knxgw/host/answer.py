"""What the root side answers, as it stands in a file; pure."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from knxgw.host.manager import Manager
from knxgw.host.network_change import Phase
from knxgw.host.network_plan import SettingsError, fields_of, read_settings
from knxgw.host.networkd_file import Source, Written

T = TypeVar("T")
VERSION = 1
LARGEST = 1 << 16  # bytes


class Failure(StrEnum):
    """Why a wish was not carried out; the journal of the machine has more."""

    MANAGED_BY_HOST = "managed_by_host"
    NOT_WRITTEN = "not_written"  # a file: the disk is full, or must not be written
    NOT_TAKEN = "not_taken"  # the service of the operating system refuses it, or does not react
    ADDRESS_TAKEN = "address_taken"  # another machine of the network has it
    SYNCHRONISED = "synchronised"  # the clock: a time server sets it
    NOT_PLAUSIBLE = "not_plausible"
    CHANGE_WAITS = "change_waits"  # of the network: a restart would return it
    OTHER_BOOT = "other_boot"  # the machine has started since it was wanted
    JUST_STARTED = (
        "just_started"  # whoever keeps restarting it must leave time to log in and stop that
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkAnswer:
    """What became of the last change of the network."""

    id: str
    phase: Phase
    confirm_until: datetime | None = None  # [UTC], while it waits for that
    failure: Failure | None = None  # why it could not be made


@dataclass(frozen=True, slots=True, kw_only=True)
class PartAnswer:
    """What became of a wish that needs no confirmation."""

    id: str
    failure: Failure | None = None  # None: it was done


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSideAnswer:
    """All that the root side says of the network."""

    boot: str  # the start of the machine in which it was said
    manager: Manager
    adapter: str = ""  # that the settings are of; "": none was found
    network: NetworkAnswer | None = None
    written: Written | None = None  # what the file of ours says; None: there is none
    uses_time_servers: bool = True  # those that the network names by DHCP
    time_servers: PartAnswer | None = None
    refusal: str = ""  # why the last file of wishes was refused as a whole


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeSideAnswer:
    """All that the root side says of time and machine."""

    boot: str  # the start of the machine in which it was said
    time_servers: tuple[str, ...] = ()  # that the file of ours names
    servers: PartAnswer | None = None
    clock: PartAnswer | None = None
    reboot: PartAnswer | None = None  # without a failure: it is about to happen
    refusal: str = ""  # why the last file of wishes was refused as a whole


def network_answer_bytes(answer: NetworkSideAnswer) -> bytes:
    """Return an answer as the content of a file."""
    content: dict[str, Any] = {
        "manager": answer.manager.value,
        "adapter": answer.adapter,
        "uses_time_servers": answer.uses_time_servers,
    }
    if (network := answer.network) is not None:
        content["network"] = {
            "id": network.id,
            "phase": network.phase.value,
            "confirm_until": _text(network.confirm_until),
            "failure": network.failure,
        }
    if (written := answer.written) is not None:
        content["written"] = {
            "adapter": written.adapter,
            "settings": fields_of(written.settings),
            "source": written.source.value,
            "id": written.id,
            "at": _text(written.at),
        }
    return _bytes(answer, content, {"time_servers": answer.time_servers})


def time_answer_bytes(answer: TimeSideAnswer) -> bytes:
    """Return an answer as the content of a file."""
    content = {"time_servers": list(answer.time_servers)}
    parts = {"servers": answer.servers, "clock": answer.clock, "reboot": answer.reboot}
    return _bytes(answer, content, parts)


def _bytes(
    answer: NetworkSideAnswer | TimeSideAnswer,
    content: Mapping[str, Any],
    parts: Mapping[str, PartAnswer | None],
) -> bytes:
    said = {
        name: {"id": part.id, "failure": part.failure}
        for name, part in parts.items()
        if part is not None
    }
    head = {"version": VERSION, "boot": answer.boot, "refusal": answer.refusal}
    return json.dumps({**head, **content, **said}).encode()


def read_network_answer(content: bytes) -> NetworkSideAnswer | None:
    """Return what a file says; None: it is no answer that this program understands."""
    return _read(content, _network_side)


def read_time_answer(content: bytes) -> TimeSideAnswer | None:
    """Return what a file says; None: it is no answer that this program understands."""
    return _read(content, _time_side)


def _read(content: bytes, answer: Callable[[Mapping[str, Any]], T]) -> T | None:
    try:
        found = json.loads(content)
        return answer(found) if found["version"] == VERSION else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, SettingsError):
        return None


def _network_side(found: Mapping[str, Any]) -> NetworkSideAnswer:
    return NetworkSideAnswer(
        boot=str(found["boot"]),
        manager=Manager(found["manager"]),
        adapter=str(found["adapter"]),
        network=_network(found["network"]) if "network" in found else None,
        written=_written(found["written"]) if "written" in found else None,
        uses_time_servers=bool(found["uses_time_servers"]),
        time_servers=_part(found, "time_servers"),
        refusal=str(found["refusal"]),
    )


def _time_side(found: Mapping[str, Any]) -> TimeSideAnswer:
    return TimeSideAnswer(
        boot=str(found["boot"]),
        time_servers=tuple(map(str, found["time_servers"])),
        servers=_part(found, "servers"),
        clock=_part(found, "clock"),
        reboot=_part(found, "reboot"),
        refusal=str(found["refusal"]),
    )


def _network(found: Mapping[str, Any]) -> NetworkAnswer:
    return NetworkAnswer(
        id=str(found["id"]),
        phase=Phase(found["phase"]),
        confirm_until=_moment(found["confirm_until"]),
        failure=_failure(found["failure"]),
    )


def _written(found: Mapping[str, Any]) -> Written:
    return Written(
        adapter=str(found["adapter"]),
        settings=read_settings(found["settings"]),
        source=Source(found["source"]),
        id=str(found["id"]),
        at=_moment(found["at"]),
    )


def _part(found: Mapping[str, Any], name: str) -> PartAnswer | None:
    if name not in found:
        return None
    part = found[name]
    return PartAnswer(id=str(part["id"]), failure=_failure(part["failure"]))


def _failure(value: str | None) -> Failure | None:
    return None if value is None else Failure(value)


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _moment(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)
