"""The links of a device in ETS, number by number: what is taken, changed, left out; pure."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from knxgw.catalogue.messages import Listed, message
from knxgw.catalogue.objects import ObjectDefinition
from knxgw.catalogue.product import Catalogue
from knxgw.catalogue.text import Text
from knxgw.config.group_objects import POINTS, definitions, key_of, nearest
from knxgw.config.model import Configuration, GroupAddress
from knxgw.config.objects import existing_objects
from knxgw.config.report import Report
from knxgw.errors import Finding, Place
from knxgw.ets.project import DeviceObject, EtsDevice, EtsProject
from knxgw.objects.codec import size_bits

_SIZE = re.compile(r"([0-9]{1,3}) (Bit|Byte)s?")
CHOICES = {  # by `dpt_choice` of an object: the parameter that chooses its type
    "smart_meter": "load_management.smart_meter.dpt",
    "current": "charging_points[].dpt.current",
    "power": "charging_points[].dpt.power",
    "energy": "charging_points[].dpt.energy",
}
Locate = Callable[[str], Place]


class Outcome(StrEnum):
    """What becomes of an object of ETS."""

    TAKEN = "taken"
    CHANGED = "changed"  # taken, but something is not as ETS has it
    LEFT_OUT = "left_out"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedObject:
    """One group object of the device in ETS."""

    number: int | None
    function: Text | None  # None: we have no such object
    outcome: Outcome
    addresses: tuple[GroupAddress, ...]  # the sending one first
    dpt: str | None  # in ETS
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """A group object as this program has it."""

    definition: ObjectDefinition
    function: Text
    dpt: str | None  # the chosen one, else the default
    is_here: bool  # the site has it


def expected_objects(
    catalogue: Catalogue, configuration: Configuration | None
) -> Mapping[int, Expected]:
    """Return every group object by its number; without a configuration any site may have it."""
    here = {}
    defaults = {one.key: one.default for one in catalogue.parameters}
    if configuration is not None:
        here = {one.number: one for one in existing_objects(configuration, catalogue)}
    return {
        number: Expected(
            definition=definition,
            function=here[number].function if number in here else definition.function,
            dpt=here[number].dpt if number in here else _default(definition, defaults),
            is_here=configuration is None or number in here,
        )
        for number, definition in definitions(catalogue).items()
    }


def _default(definition: ObjectDefinition, defaults: Mapping[str, str | None]) -> str | None:
    """Return the datapoint type of an object where nobody has chosen one."""
    if definition.dpt_choice is not None:
        return defaults[CHOICES[definition.dpt_choice]]
    return next(iter(definition.dpts), None)


def point_of(number: int, one: Expected) -> int | None:
    """Return the charging point of an object, None: it is of the whole device."""
    definition = one.definition
    if not definition.is_per_point:
        return None
    return next(point for point in POINTS if definition.number_of(point) == number)


def match_objects(
    device: EtsDevice, project: EtsProject, expected: Mapping[int, Expected], locate: Locate
) -> tuple[ImportedObject, ...]:
    """Return what becomes of each linked object of a device, by number."""
    seen: set[int] = set()
    found = []
    for one in sorted(device.objects, key=lambda each: each.number or 0):
        found.append(_match(one, project, expected, seen, Report(locate)))
        if one.number is not None:
            seen.add(one.number)
    return tuple(found)


def fitting_devices(project: EtsProject, expected: Mapping[int, Expected]) -> frozenset[str]:
    """Return the individual addresses of the devices whose every linked object fits one of ours."""
    return frozenset(
        one.individual_address
        for one in project.devices
        if one.objects and all(_fits(each, project, expected) for each in one.objects)
    )


def _fits(one: DeviceObject, project: EtsProject, expected: Mapping[int, Expected]) -> bool:
    wanted = expected.get(one.number) if one.number is not None else None
    if wanted is None:
        return False
    dpt = _dpt(one, project)
    is_known = dpt is not None or _bits(one.size) is not None
    return is_known and _type_fits(dpt, _bits(one.size), wanted.definition.dpts)


def _match(
    one: DeviceObject,
    project: EtsProject,
    expected: Mapping[int, Expected],
    seen: set[int],
    report: Report,
) -> ImportedObject:
    """Return what becomes of one object."""
    wanted = expected.get(one.number) if one.number is not None else None
    key = key_of(one.number) if one.number is not None else ""
    if one.number is None:
        report.warning(key, "ets_object_without_number", addresses=Listed(one.addresses))
    elif wanted is None:
        near = nearest(one.number, expected)
        report.warning(key, "object_unknown", number=one.number, near=near)
    elif one.number in seen:
        report.warning(key, "object_given_twice", number=one.number)
    elif not _type_fits(_dpt(one, project), _bits(one.size), wanted.definition.dpts):
        _say_mismatch(one, project, wanted, report, key)
    else:
        return _taken(one, project, wanted, report, key)
    return ImportedObject(
        number=one.number,
        function=wanted.function if wanted else None,
        outcome=Outcome.LEFT_OUT,
        addresses=one.addresses,
        dpt=_dpt(one, project),
        findings=tuple(report.findings),
    )


def _taken(
    one: DeviceObject, project: EtsProject, wanted: Expected, report: Report, key: str
) -> ImportedObject:
    """Return an object that is taken, with what is not as ETS has it."""
    definition, dpt = wanted.definition, _dpt(one, project)
    if str(one.flags) != definition.flags:
        report.warning(key, "ets_flags_differ", flags=str(one.flags), ours=definition.flags)
    if dpt is not None and _differs(dpt, wanted.dpt):
        report.warning(key, "ets_type_differs", type=dpt, ours=wanted.dpt or message("one_byte"))
    elif dpt is None and _bits(one.size) not in (None, size_bits(wanted.dpt)):
        report.warning(
            key, "ets_size_differs", size=one.size, ours=wanted.dpt or message("one_byte")
        )
    if not wanted.is_here:
        report.warning(key, "ets_object_not_here")
    return ImportedObject(
        number=one.number,
        function=wanted.function,
        outcome=Outcome.CHANGED if report.findings else Outcome.TAKEN,
        addresses=tuple(dict.fromkeys(one.addresses)),
        dpt=dpt,
        findings=tuple(report.findings),
    )


def _say_mismatch(
    one: DeviceObject, project: EtsProject, wanted: Expected, report: Report, key: str
) -> None:
    """Say why an object cannot be linked: its type or its size is another one."""
    ours = Listed(wanted.definition.dpts or (message("one_byte"),), "or")
    dpt = _dpt(one, project)
    if dpt is not None and not _main_fits(dpt, wanted.definition.dpts):
        report.warning(key, "ets_type_does_not_fit", type=dpt, ours=ours)
    else:
        report.warning(key, "ets_size_does_not_fit", size=one.size, ours=ours)


def _dpt(one: DeviceObject, project: EtsProject) -> str | None:
    """Return the datapoint type in ETS: the object's, else that of its sending address."""
    if one.dpts:
        return one.dpts[0]
    entries = (project.addresses.get(address) for address in one.addresses)
    return next((entry.dpt for entry in entries if entry and entry.dpt), None)


def _type_fits(dpt: str | None, bits: int | None, ours: Sequence[str]) -> bool:
    """Tell whether an object of ETS can have the values of ours, by type and by size."""
    types = [one for one in ours if dpt is None or _main(one) == _main(dpt)]
    sizes = {size_bits(one) for one in (types if ours else (None,))}
    if ours and not types:
        return False
    known = bits if bits is not None else size_bits(dpt) if dpt else None
    return known is None or known in sizes


def _main_fits(dpt: str, ours: Sequence[str]) -> bool:
    return not ours or any(_main(one) == _main(dpt) for one in ours)


def _differs(dpt: str, ours: str | None) -> bool:
    """Tell whether values of one type are wrong as those of the other.

    Types of one bit differ in words only; for others the subtype says the unit.
    """
    if ours is None:
        return False
    is_same_family = _main(dpt) == _main(ours)
    return not is_same_family or ("." in dpt and dpt != ours and _main(dpt) not in ("1", "16"))


def _main(dpt: str) -> str:
    return dpt.partition(".")[0]


def _bits(size: str) -> int | None:
    """Return the bits of a size as ETS writes it, None: it is not known."""
    found = _SIZE.fullmatch(size.strip())
    return int(found[1]) * (1 if found[2] == "Bit" else 8) if found else None
