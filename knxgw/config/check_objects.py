"""Whether the linked group objects fit the site; pure."""

from collections.abc import Iterable

from knxgw.catalogue.model import Catalogue, ObjectDefinition, ObjectKind
from knxgw.config.addresses import GroupAddress
from knxgw.config.build import Draft
from knxgw.config.group_objects import POINTS, key_of
from knxgw.config.model import Configuration, ConfigurationFault, Monitoring
from knxgw.config.objects import ExistingObject, existing_objects, smart_meter_on_knx, why_missing
from knxgw.config.report import Report

ASSOCIATION_FAULT = "DLMAssociation"
SMART_METER_OBJECTS = (10, 11, 12)  # L1, L2, L3
IN_OPERATION_OBJECT = 20


def association_faults(draft: Draft, report: Report) -> list[ConfigurationFault]:
    """Return `DLMAssociation` if an object that the load management needs is not linked."""
    configuration = draft.configuration
    missing = [n for n in _needed(configuration) if n not in configuration.group_objects]
    if not missing:
        return []
    listed = ", ".join(str(number) for number in missing)
    objects = "group object" if len(missing) == 1 else "group objects"
    message = f"dynamic load management needs a group address at {objects} {listed}"
    report.error(
        "group_objects",
        f"{ASSOCIATION_FAULT}: {message}",
        "link it to what the smart meter sends on",
    )
    return [  # nobody is left alone: everybody is told 0 A
        ConfigurationFault(
            code=ASSOCIATION_FAULT, point=None, blocked_points=frozenset(), message=message
        )
    ]


def _needed(configuration: Configuration) -> tuple[int, ...]:
    meter = smart_meter_on_knx(configuration.load_management)
    if meter is None:
        return ()
    needed = SMART_METER_OBJECTS[: meter.phases]
    is_watched = meter.monitoring is Monitoring.VALUES_AND_IN_OPERATION
    return (*needed, IN_OPERATION_OBJECT) if is_watched else needed


def check_links(draft: Draft, catalogue: Catalogue, report: Report) -> None:
    """Warn about links to objects this site does not have and about shared sending addresses."""
    for definition in catalogue.objects:
        for point in POINTS if definition.per_point else (None,):
            number = definition.number_of(point or 1)
            if number in draft.configuration.group_objects:
                _check_link(draft, definition, number, point, report)
    existing = existing_objects(draft.configuration, catalogue)
    _check_senders(existing, report)
    _check_types(existing, report)


def _check_link(
    draft: Draft, definition: ObjectDefinition, number: int, point: int | None, report: Report
) -> None:
    reason = _why_absent(draft, definition, point)
    if reason:
        report.warning(
            key_of(number),
            f"group object {number} ({definition.function.en}) does not exist here: {reason}",
            "remove the link",
        )


def _why_absent(draft: Draft, definition: ObjectDefinition, point: int | None) -> str | None:
    configuration = draft.configuration
    if point is None:
        return why_missing(definition, configuration.load_management, None)
    if point in draft.disabled:
        return f"charging point {point} is disabled: {draft.disabled[point]}"
    if point not in draft.keys:
        return f"there is no charging point {point}"
    return why_missing(definition, configuration.load_management, configuration.point(point))


def _check_senders(objects: Iterable[ExistingObject], report: Report) -> None:
    senders: dict[GroupAddress, int] = {}
    for existing in objects:
        link = existing.link
        if link is None or not link.flags.transmit:
            continue
        if existing.definition.kind is ObjectKind.COMMAND:
            continue
        address = link.addresses[0]
        earlier = senders.setdefault(address, existing.number)
        if earlier != existing.number:
            report.warning(
                key_of(existing.number),
                f"group objects {earlier} and {existing.number} both send on {address}",
                "give each its own sending (first) group address",
            )


def _check_types(objects: Iterable[ExistingObject], report: Report) -> None:
    """Warn where objects of different size share an address: a telegram fits only one of them."""
    first: dict[GroupAddress, ExistingObject] = {}
    for existing in objects:
        for address in existing.addresses:
            earlier = first.setdefault(address, existing)
            if _main_type(earlier) != _main_type(existing):
                report.warning(
                    key_of(existing.number),
                    f"group objects {earlier.number} ({earlier.dpt or '1 byte'}) and "
                    f"{existing.number} ({existing.dpt or '1 byte'}) share {address} but not "
                    "their datapoint type",
                    "link each to addresses of its own type",
                )


def _main_type(existing: ExistingObject) -> str | None:
    return existing.dpt.split(".")[0] if existing.dpt else None
