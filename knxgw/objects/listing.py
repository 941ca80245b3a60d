"""All group objects a device can have, as they are now: those that are there, and why others are not."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from knxgw.catalogue.objects import ObjectDefinition
from knxgw.catalogue.product import Catalogue
from knxgw.config.addresses import individual_address
from knxgw.config.model import Configuration
from knxgw.config.objects import ExistingObject, existing_objects, why_missing
from knxgw.monitoring.objects import Absence, ObjectLine
from knxgw.monitoring.telegrams import HIDDEN, AddressNews, raw_text
from knxgw.objects.meaning import meaning_of
from knxgw.objects.table import GroupObject

MOST_POINTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectSources:
    """Where the list of objects comes from."""

    configuration: Configuration
    catalogue: Catalogue
    running: Mapping[int, GroupObject]  # the linked ones, by number
    news: Callable[[int], AddressNews]  # by raw group address
    when: Callable[[float], datetime]  # the wall-clock time of a monotonic one


def listing(sources: ObjectSources, language: str) -> tuple[ObjectLine, ...]:
    """Return every object by its number, with words in a language."""
    configuration = sources.configuration
    found = {one.number: one for one in existing_objects(configuration, sources.catalogue)}
    lines = []
    for definition in sources.catalogue.objects:
        for point in range(1, MOST_POINTS + 1) if definition.is_per_point else (None,):
            existing = found.get(definition.number_of(point or 1))
            if existing is None:
                lines.append(_absent(sources, definition, point, language))
            else:
                lines.append(_existing(sources, existing, language))
    return tuple(sorted(lines, key=lambda line: line.number))


def _name(sources: ObjectSources, function: str, point: int | None) -> str:
    if point is None:
        return function
    names = {one.number: one.name for one in sources.configuration.points}
    return f"{names.get(point, point)}: {function}"


def _absent(
    sources: ObjectSources, definition: ObjectDefinition, point: int | None, language: str
) -> ObjectLine:
    """Return an object that a site does not have."""
    points = {one.number: one for one in sources.configuration.points}
    absence, reason = Absence.NOT_CONFIGURED, None
    if point is None or point in points:
        absence = Absence.NOT_THERE
        reason = why_missing(
            definition,
            sources.configuration.load_management,
            None if point is None else points[point],
            sources.catalogue.product.texts,
        )
    return ObjectLine(
        number=definition.number_of(point or 1),
        point=point,
        name=_name(sources, definition.function.in_language(language), point),
        dpt=definition.dpts[0] if definition.dpts else "",
        absence=absence,
        reason=reason,
    )


def _existing(sources: ObjectSources, existing: ExistingObject, language: str) -> ObjectLine:
    name = _name(sources, existing.function.in_language(language), existing.point)
    running = sources.running.get(existing.number)
    if running is not None:
        return _linked(sources, running, name)
    return ObjectLine(
        number=existing.number,
        point=existing.point,
        name=name,
        dpt=existing.dpt or "",
        absence=Absence.NO_ADDRESS,
    )


def _linked(sources: ObjectSources, one: GroupObject, name: str) -> ObjectLine:
    heard = [sources.news(address.raw) for address in one.addresses]
    values = [each.value for each in heard if each.value is not None]
    last = max(values, key=lambda telegram: telegram.at, default=None)
    payload = one.payload
    raw = None if payload is None else payload.value
    changed_at = None if payload is None else sources.when(one.changed_at)
    if payload is None and last is not None and one.flags.write:  # an input keeps no value
        raw, changed_at = last.payload, last.at
    meaning = None if raw is None else meaning_of(one, raw)
    is_hidden = meaning is not None and meaning.is_hidden
    is_up = one.flags.communication
    return ObjectLine(
        number=one.number,
        point=one.point,
        name=name,
        dpt=one.dpt or "",
        flags=str(one.flags),
        addresses=tuple(str(address) for address in one.addresses),
        meaning=meaning,
        raw=HIDDEN if is_hidden else raw_text(raw),
        changed_at=changed_at,
        sender="" if last is None else individual_address(last.source),
        received=sum(each.received for each in heard),
        sent=sum(each.sent for each in heard),
        wrong=one.wrong_telegrams,
        can_read=is_up and (one.flags.write or one.flags.update),
        can_send=is_up and one.flags.transmit and payload is not None,
        can_write=is_up and one.flags.write,
    )
