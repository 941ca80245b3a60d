"""Whether the linked group objects fit the site; pure."""

from collections.abc import Iterable

from knxgw.catalogue.codes import FaultCode
from knxgw.catalogue.model import Catalogue, ObjectDefinition, ObjectKind
from knxgw.catalogue.object_keys import IN_OPERATION, SMART_METER
from knxgw.config.addresses import GroupAddress
from knxgw.config.build import Draft
from knxgw.config.group_objects import POINTS, key_of
from knxgw.config.model import Configuration, ConfigurationFault, Monitoring, PointSettings
from knxgw.config.objects import ExistingObject, existing_objects, smart_meter_on_knx, why_missing
from knxgw.config.report import Report


def association_faults(draft: Draft, report: Report) -> list[ConfigurationFault]:
    """Return `DLMAssociation` if an object that the load management needs is not linked."""
    configuration = draft.configuration
    keys = [key for key in _needed(configuration) if not configuration.is_linked(key)]
    missing = [configuration.product.number_of(key) for key in keys]
    if not missing:
        return []
    listed = ", ".join(str(number) for number in missing)
    objects = "group object" if len(missing) == 1 else "group objects"
    message = f"dynamic load management needs a group address at {objects} {listed}"
    report.error(
        "group_objects",
        f"{FaultCode.DLM_ASSOCIATION}: {message}",
        "link it to what the smart meter sends on",
    )
    return [  # nobody is left alone: everybody is told 0 A
        ConfigurationFault(
            code=FaultCode.DLM_ASSOCIATION, point=None, blocked_points=frozenset(), message=message
        )
    ]


def _needed(configuration: Configuration) -> tuple[str, ...]:
    """Return the keys of the group objects that the load management needs."""
    meter = smart_meter_on_knx(configuration.load_management)
    if meter is None:
        return ()
    needed = SMART_METER[: meter.phases]
    is_watched = meter.monitoring is Monitoring.VALUES_AND_IN_OPERATION
    return (*needed, IN_OPERATION) if is_watched else needed


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
        return _missing(configuration, definition, None)
    if point in draft.disabled:
        return f"charging point {point} is disabled: {draft.disabled[point]}"
    if point not in draft.keys:
        return f"there is no charging point {point}"
    return _missing(configuration, definition, configuration.point(point))


def _missing(
    configuration: Configuration, definition: ObjectDefinition, point: PointSettings | None
) -> str | None:
    texts, load_management = configuration.product.texts, configuration.load_management
    reason = why_missing(definition, load_management, point, texts)
    return None if reason is None else reason.en


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
