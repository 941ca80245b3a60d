"""Whether the linked group objects fit the site; pure."""

from collections.abc import Iterable

from knxgw.catalogue.codes import FaultCode
from knxgw.catalogue.messages import Listed, Message, message
from knxgw.catalogue.object_keys import IN_OPERATION, SMART_METER
from knxgw.catalogue.objects import ObjectDefinition, ObjectKind
from knxgw.catalogue.product import Catalogue
from knxgw.catalogue.text import Text
from knxgw.config.build import Draft
from knxgw.config.group_objects import POINTS, key_of
from knxgw.config.model import (
    Configuration,
    ConfigurationFault,
    GroupAddress,
    Monitoring,
    PointSettings,
)
from knxgw.config.objects import ExistingObject, existing_objects, smart_meter_on_knx, why_missing
from knxgw.config.report import Report


def association_faults(draft: Draft, report: Report) -> list[ConfigurationFault]:
    """Return `DLMAssociation` if an object that the load management needs is not linked."""
    configuration = draft.configuration
    keys = [key for key in _needed(configuration) if not configuration.is_linked(key)]
    missing = [configuration.product.number_of(key) for key in keys]
    if not missing:
        return []
    numbers = Listed(tuple(missing))
    what = message("objects_not_linked", numbers=numbers)
    if len(missing) == 1:
        what = message("object_not_linked", numbers=numbers)
    report.error(
        "group_objects",
        "fault",
        remedy=message("link_smart_meter"),
        code=FaultCode.DLM_ASSOCIATION,
        what=what,
    )
    return [  # no charger is left as it is (`blocked_points`): all are offered 0 A
        ConfigurationFault(
            code=FaultCode.DLM_ASSOCIATION,
            point=None,
            blocked_points=frozenset(),
            message=what.as_text,
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
        for point in POINTS if definition.is_per_point else (None,):
            number = definition.number_of(point or 1)
            if number in draft.configuration.group_objects:
                _check_link(draft, definition, number, point, report)
    existing = existing_objects(draft.configuration, catalogue)
    _check_senders(existing, report)
    _check_types(existing, report)


def _check_link(
    draft: Draft, definition: ObjectDefinition, number: int, point: int | None, report: Report
) -> None:
    """Warn about a link to an object that this site does not have, and say why."""
    reason = _why_absent(draft, definition, point)
    if reason:
        report.warning(
            key_of(number),
            "object_absent",
            number=number,
            function=definition.function,
            reason=reason,
        )


def _why_absent(
    draft: Draft, definition: ObjectDefinition, point: int | None
) -> Message | Text | None:
    """Return why the site has no such object; None: it has."""
    configuration = draft.configuration
    if point is None:
        return _missing(configuration, definition, None)
    if point in draft.disabled:
        return message("point_disabled", number=point, reason=draft.disabled[point])
    if point not in draft.keys:
        return message("no_such_point", number=point)
    return _missing(configuration, definition, configuration.point(point))


def _missing(
    configuration: Configuration, definition: ObjectDefinition, point: PointSettings | None
) -> Text | None:
    """Return why an object is missing by the settings or the model; None: it is not."""
    texts, load_management = configuration.product.texts, configuration.load_management
    return why_missing(definition, load_management, point, texts)


def _check_senders(objects: Iterable[ExistingObject], report: Report) -> None:
    """Warn about two objects that send on one address.

    Commands are left out: they are received, whatever their flags say.
    """
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
                "same_sending_address",
                first=earlier,
                second=existing.number,
                address=address,
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
                    "different_types_on_address",
                    first=earlier.number,
                    first_type=earlier.dpt or message("one_byte"),
                    second=existing.number,
                    second_type=existing.dpt or message("one_byte"),
                    address=address,
                )


def _main_type(existing: ExistingObject) -> str | None:
    """Return the main number of a datapoint type; None: one byte without a type."""
    return existing.dpt.split(".")[0] if existing.dpt else None
