"""What tools may watch: which properties have another value than when somebody looked last. Pure.

A property may change by a service, a button, a page, the network: so values are compared, whoever changed them.
Those that follow every telegram or every octet of a download are not among them, nor what only tools may read.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from knxgw.catalogue.interface_objects import (
    InterfaceObjectDefinition,
    PropertyDefinition,
    PropertyType,
)
from knxgw.device.model import DeviceModel

MOST_ELEMENTS = 15  # in one message: their count has four bits
_QUIET = {"table", "memory_control", "sent_to_ip", "sent_to_knx", "lost_to_ip", "lost_to_knx"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Elements of a property that have another value now."""

    object_type: int
    property_id: int
    start: int  # 0: how many elements there are
    count: int
    data: bytes


@dataclass(frozen=True, slots=True)
class _Property:
    owner: InterfaceObjectDefinition
    definition: PropertyDefinition

    @property
    def name(self) -> str:
        return f"{self.owner.key}.{self.definition.key}"


class WatchedProperties:
    """The properties of one device, as they were seen last."""

    def __init__(self, model: DeviceModel) -> None:
        self._model = model
        self._properties = tuple(
            _Property(owner, one)
            for owner in model.rules.objects
            for one in owner.properties
            if _has_value(one) and one.key not in _QUIET
        )
        self._seen = self._values()

    def changes(self) -> tuple[Change, ...]:
        """Return what has changed since the last call, once."""
        before, self._seen = self._seen, self._values()
        return tuple(
            change
            for one in self._properties
            if before[one.name] != self._seen[one.name] and self._may_be_reported(one)
            for change in _changes(one, before[one.name], self._seen[one.name])
        )

    def _may_be_reported(self, one: _Property) -> bool:
        """Tell whether anybody may read it: who listens has not proved to be a tool of the project."""
        is_on = self._model.is_secure
        return one.definition.policy.may_read(is_on=is_on, has_tool_key=False)

    def _values(self) -> Mapping[str, bytes]:
        return {one.name: self._model.value(one.name) for one in self._properties}


def _has_value(one: PropertyDefinition) -> bool:
    return one.read_level is not None and one.type is not PropertyType.FUNCTION


def _changes(one: _Property, before: bytes, value: bytes) -> Iterator[Change]:
    """Yield the parts of a value that are others, and before them how many elements there are now."""
    octets = one.definition.type.octets
    if len(before) != len(value):
        yield _change(one, 0, 1, (len(value) // octets).to_bytes(2, "big"))
    most = MOST_ELEMENTS * octets
    for at in range(0, len(value), most):
        part = value[at : at + most]
        if part != before[at : at + most]:
            yield _change(one, at // octets + 1, len(part) // octets, part)


def _change(one: _Property, start: int, count: int, data: bytes) -> Change:
    return Change(
        object_type=one.owner.type,
        property_id=one.definition.id,
        start=start,
        count=count,
        data=data,
    )
