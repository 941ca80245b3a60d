"""The wizard: from an unconfigured device to a vehicle that charges, in seven steps. Pure.

A step asks for a few parameters of the configuration and writes them into the draft of whoever asks; nothing is
applied before the last one. So the wizard can be left and resumed at any step, and forms and text show the same
draft. Source: website 47.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from threading import Lock
from typing import Any

from knxgw.catalogue.product import Catalogue
from knxgw.config.edit_yaml import Path
from knxgw.config.model import Connection, ConnectionKind, SerialLine
from knxgw.monitoring.device_search import FoundDevice
from knxgw.website.config_form import MOST_POINTS, POINTS, FieldGroup, groups_of

MOST_ACCOUNTS = 20


class Step(StrEnum):
    """A step, by the name of its page."""

    DEVICE = "device"
    FIND = "find"
    POINTS = "points"
    MAINS = "mains"
    KNX = "knx"
    CHECK = "check"
    APPLY = "apply"


STEPS = tuple(Step)


class Mark(StrEnum):
    """What somebody did with a step."""

    DONE = "done"
    SKIPPED = "skipped"


# the parameters that a step asks for, by section; of a list for each entry
ASKED: Mapping[Step, Mapping[str, tuple[str, ...]]] = {
    Step.DEVICE: {"device": ("name", "language", "time_zone")},
    Step.POINTS: {
        POINTS: ("number", "name", "phases", "phase_rotation", "minimum_a", "maximum_a", "start")
    },
    Step.MAINS: {
        "load_management": (
            "mode",
            "fuse_a",
            "reserve_a",
            "static_limit_a",
            "priority",
            "queue",
            "smart_meter.source",
            "smart_meter.phases",
            "smart_meter.measurement",
            "smart_meter.dpt",
            "smart_meter.model",
            "smart_meter.connection.type",
            "smart_meter.connection.host",
            "smart_meter.connection.port",
            "smart_meter.connection.unit",
        )
    },
    Step.KNX: {
        "knx": (
            "link",
            "gateway",
            "individual_address",
            "local_ip",
            "multicast_group",
            "keyring",
            "keyring_password_file",
        )
    },
}


def step_of(key: str) -> Step | None:
    """Return the step that asks for the parameter of a key, None: none does; a section is its step's."""
    section, _, leaf = re.sub(r"\[\d+\]", "", key).partition(".")
    for step, sections in ASKED.items():
        if section in sections and (not leaf or leaf in sections[section]):
            return step
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The fields of a section, or of one of its entries, that a step asks for."""

    section: str
    entry: int | None
    groups: tuple[FieldGroup, ...]


def asked_in(
    step: Step, data: Mapping[str, Any], catalogue: Catalogue, language: str
) -> tuple[Asked, ...]:
    """Return what a step asks for, with what the draft says; a list has one for each entry."""
    found = []
    for section, keys in ASKED.get(step, {}).items():
        entries: Sequence[int | None] = (None,)
        if section == POINTS:
            entries = range(count_of(data))
        for entry in entries:
            groups = groups_of(section, entry, data, catalogue, language)
            kept = tuple(one for group in groups if (one := _only(group, keys)).fields)
            found.append(Asked(section=section, entry=entry, groups=kept))
    return tuple(found)


def _only(group: FieldGroup, keys: Iterable[str]) -> FieldGroup:
    """Return a group with the fields that are asked for, in the order of the keys."""
    prefix = f"{group.key}." if group.key else ""
    named = {f"{prefix}{one.path[-1]}": one for one in group.fields}
    return replace(group, fields=tuple(named[key] for key in keys if key in named))


def count_of(data: Mapping[str, Any]) -> int:
    """Return how many charging points a draft has."""
    found = data.get(POINTS)
    return len(found) if isinstance(found, list) else 0


# --- devices that were found


POINT, SMART_METER, METER = "point", "smart_meter", "meter:"  # what a device is taken as


def roles_of(found: FoundDevice, data: Mapping[str, Any], chargers: int) -> tuple[str, ...]:
    """Return what a device may be taken as, the most likely first; "": it is left.

    `chargers`: how many of those that were found may become charging points as well.
    """
    if found.model is None or found.used_as:
        return ("",)
    if found.is_charger:
        return (POINT, "") if count_of(data) < MOST_POINTS else ("",)
    numbers = [str(one.get("number", "")) for one in _points(data)]
    following = range(len(numbers) + 1, min(len(numbers) + chargers, MOST_POINTS) + 1)
    meters = tuple(f"{METER}{number}" for number in (*numbers, *following))
    return ("", SMART_METER, *meters)


def taken(
    chosen: Iterable[tuple[FoundDevice, str]], data: Mapping[str, Any]
) -> dict[Path, object | None]:
    """Return the changes of a draft that take devices: chargers become charging points, in their order.

    A charging point has the lowest number that is free; a sixth one is left out.
    """
    changes: dict[Path, object | None] = {}
    entries = {str(one.get("number", "")): place for place, one in enumerate(_points(data))}
    devices = [(one, role) for one, role in chosen if one.model is not None]
    for found, role in devices:
        if role == POINT and len(entries) < MOST_POINTS:
            number = next(n for n in range(1, MOST_POINTS + 1) if str(n) not in entries)
            entry = len(entries)
            entries[str(number)] = entry
            changes[POINTS, entry, "number"] = number
            changes |= _device((POINTS, entry), found)
    for found, role in devices:
        entry_of = entries.get(role.removeprefix(METER)) if role.startswith(METER) else None
        if entry_of is not None:
            changes |= _device((POINTS, entry_of, "meter"), found)
        elif role == SMART_METER:
            changes["load_management", "smart_meter", "source"] = "modbus"
            changes |= _device(("load_management", "smart_meter"), found)
        if role and found.line is not None:
            changes |= _line(found.line)
    return changes


def _points(data: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = data.get(POINTS)
    return [one if isinstance(one, Mapping) else {} for one in found or ()]


def _device(path: Path, found: FoundDevice) -> dict[Path, object | None]:
    assert found.model is not None  # noqa: S101 - others were left out
    return {(*path, "model"): str(found.model.id), **_connection(path, found.connection)}


def _connection(path: Path, one: Connection) -> dict[Path, object | None]:
    where: dict[str, object] = {"type": one.kind.value}
    if one.kind is not ConnectionKind.SERIAL:
        where |= {"host": one.host or "", "port": one.port}
    where["unit"] = one.unit
    if one.connector > 1:
        where["connector"] = one.connector
    return {(*path, "connection", key): value for key, value in where.items()}


def _line(line: SerialLine) -> dict[Path, object | None]:
    settings = {
        "port": line.port,
        "protocol": line.protocol,
        "baud": line.baud,
        "data_bits": line.data_bits,
        "parity": line.parity,
        "stop_bits": line.stop_bits,
    }
    return {("serial", key): value for key, value in settings.items()}


# --- how far somebody is


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How far an account is."""

    marks: Mapping[Step, Mark] = field(default_factory=dict)

    @property
    def next_step(self) -> Step:
        """Return the first step that was neither done nor skipped; the last one, if all were."""
        return next((step for step in STEPS if step not in self.marks), STEPS[-1])


class Wizards:
    """How far each account is; safe from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._ways: dict[str, Way] = {}

    def of(self, account: str) -> Way:
        """Return how far an account is."""
        with self._lock:
            return self._ways.get(account, Way())

    def all(self) -> dict[str, Way]:
        """Return how far every account is that has begun."""
        with self._lock:
            return dict(self._ways)

    def mark(self, account: str, step: Step, mark: Mark) -> None:
        """Note what an account did with a step."""
        with self._lock:
            marks = {**self._ways.pop(account, Way()).marks, step: mark}
            self._ways[account] = Way(marks=marks)
            while len(self._ways) > MOST_ACCOUNTS:
                del self._ways[next(iter(self._ways))]

    def unmark(self, account: str, step: Step) -> None:
        """Note that what an account did with a step does not hold any more."""
        with self._lock:
            way = self._ways.get(account)
            if way is not None and step in way.marks:
                marks = {one: mark for one, mark in way.marks.items() if one is not step}
                self._ways[account] = Way(marks=marks)

    def forget(self, account: str) -> None:
        """Begin at the first step again."""
        with self._lock:
            self._ways.pop(account, None)


def step_after(step: Step) -> Step | None:
    """Return the step that follows; None: there is none."""
    place = STEPS.index(step) + 1
    return STEPS[place] if place < len(STEPS) else None
