"""The running group object table: which objects this site has, and their sending rules."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from xknx.telegram.address import GroupAddress

from knxgw.catalogue import object_keys
from knxgw.catalogue.flags import Flags, Priority
from knxgw.catalogue.objects import ObjectKind
from knxgw.catalogue.product import Catalogue
from knxgw.catalogue.text import Text
from knxgw.catalogue.texts import Texts
from knxgw.charging.publication import Published
from knxgw.charging.scope import DEVICE, PointNumber, Scope, point_scope
from knxgw.config.model import (
    Configuration,
    GroupObjectLink,
    PointSettings,
    Sending,
    SendingRule,
    TemperatureSending,
)
from knxgw.config.objects import ExistingObject, existing_objects
from knxgw.objects.codec import Payload

CYCLE_ONLY = 2**31  # a change that no value reaches
_DEVICE_RULES = {  # of the whole device, which has no parameters for it
    ObjectKind.CURRENT: SendingRule(min_change=500, min_interval_s=10.0, cycle_s=None),
    ObjectKind.DURATION: SendingRule(min_change=10, min_interval_s=10.0, cycle_s=None),
}
DURATION_RULE = SendingRule(min_change=60, min_interval_s=10.0, cycle_s=None)  # s


@dataclass(slots=True, kw_only=True, eq=False)
class GroupObject:
    """One group object at run time; owned by the object server."""

    number: int
    point: PointNumber | None  # None: of the whole device
    key: str
    name: str
    dpt: str | None
    flags: Flags
    priority: Priority = Priority.LOW
    kind: ObjectKind
    addresses: tuple[GroupAddress, ...]
    rule: SendingRule | None  # None: sends on every change
    cycle_s: float | None
    may_send: bool
    words: Mapping[int, Text] = field(default_factory=dict)  # of values that are codes
    value: Published = None
    payload: Payload | None = None
    sent_value: Published = None
    sent_payload: Payload | None = None
    sent_at: float | None = field(default=None)
    changed_at: float = 0.0
    wrong_telegrams: int = 0
    unencodable_values: int = 0

    @property
    def definition(self) -> tuple[object, ...]:
        """Return what the configuration says of it; two objects that share this are the same."""
        return (
            self.number,
            self.point,
            self.key,
            self.name,
            self.dpt,
            self.flags,
            self.priority,
            self.kind,
            self.addresses,
            self.rule,
            self.cycle_s,
            self.may_send,
        )

    def adopt(self, before: "GroupObject") -> None:
        """Take the value, and what was sent of it, from the same object with other settings."""
        if (self.dpt, self.addresses) != (before.dpt, before.addresses):
            return
        self.value, self.payload, self.changed_at = before.value, before.payload, before.changed_at
        self.sent_value, self.sent_payload = before.sent_value, before.sent_payload
        self.sent_at = before.sent_at

    @property
    def scope(self) -> Scope:
        """Return the scope of its value: the device, or a charging point."""
        return DEVICE if self.point is None else point_scope(self.point)

    @property
    def sending_address(self) -> GroupAddress:
        """Return the first linked group address, the one it sends on."""
        return self.addresses[0]


def build_table(configuration: Configuration, catalogue: Catalogue) -> tuple[GroupObject, ...]:
    """Return the linked group objects of a site, in the order of their numbers."""
    objects = [
        _group_object(configuration, existing, existing.link, catalogue.product.texts)
        for existing in existing_objects(configuration, catalogue)
        if existing.link
    ]
    return tuple(sorted(objects, key=lambda group_object: group_object.number))


def _group_object(
    configuration: Configuration, existing: ExistingObject, link: GroupObjectLink, texts: Texts
) -> GroupObject:
    """Return the running object for one that this site has and that is linked."""
    definition = existing.definition
    settings = None if existing.point is None else configuration.point(existing.point)
    function = existing.function.in_language(configuration.device.language)
    rule, cycle_s = _sending(definition.kind, settings)
    if definition.kind is ObjectKind.ALIVE:
        cycle_s = configuration.device.alive_cycle_s
    temperature_off = (
        definition.kind is ObjectKind.TEMPERATURE
        and settings is not None
        and settings.temperature.sending is TemperatureSending.OFF
    )
    return GroupObject(
        number=existing.number,
        point=None if existing.point is None else PointNumber(existing.point),
        key=definition.key,
        name=f"{settings.name}: {function}" if settings else function,
        dpt=existing.dpt,
        flags=link.flags,
        priority=link.priority,
        kind=definition.kind,
        addresses=tuple(GroupAddress(address) for address in link.addresses),
        rule=rule,
        cycle_s=cycle_s,
        may_send=not temperature_off,
        words=_words_of_values(definition.key, texts),
    )


def _words_of_values(key: str, texts: Texts) -> Mapping[int, Text]:
    """Return what the values of a group object mean; nothing where they are no codes."""
    match key:
        case object_keys.STATE:
            return {int(state): words.name for state, words in texts.states.items()}
        case object_keys.REASON:
            return {int(reason): words.words for reason, words in texts.reasons.items()}
        case object_keys.LOAD_MANAGEMENT_STATE:
            return {int(state): words for state, words in texts.load_management.items()}
        case _:
            return {}


def _sending(kind: ObjectKind, settings: PointSettings | None) -> "_ObjectSending":
    """Return when an object is sent; `settings`: of its charging point, None: it is of the device."""
    if settings is None:
        return _ObjectSending(_DEVICE_RULES.get(kind))
    if kind is ObjectKind.TEMPERATURE:
        return _temperature_sending(settings)
    rule = _rule_of_moving_value(kind, settings.sending)
    if rule is not None:
        return _ObjectSending(rule, rule.cycle_s)
    return _ObjectSending(
        cycle_s=settings.sending.state_cycle_s if kind is ObjectKind.STATE else None
    )


def _rule_of_moving_value(kind: ObjectKind, sending: Sending) -> SendingRule | None:
    """Return when a moving value is sent; None: it is none. An energy is configured in Wh, and counted in mWh."""
    change_mwh = sending.energy.min_change * 1000
    return {
        ObjectKind.CURRENT: sending.current,
        ObjectKind.POWER: sending.power,
        ObjectKind.ENERGY: replace(sending.energy, min_change=change_mwh),
        ObjectKind.DURATION: DURATION_RULE,
    }.get(kind)


class _ObjectSending(NamedTuple):
    """When an object is sent: by the rule of a moving value (None: on every change), and in cycles."""

    rule: SendingRule | None = None
    cycle_s: float | None = None  # None: not cyclically


def _temperature_sending(settings: PointSettings) -> _ObjectSending:
    """Return when a temperature is sent: on the chosen change, or in cycles only.

    That it is not sent at all (`TemperatureSending.OFF`) is up to `GroupObject.may_send`.
    """
    temperature = settings.temperature
    is_cyclic = temperature.sending is TemperatureSending.CYCLIC
    change = CYCLE_ONLY if is_cyclic else round(temperature.change_k * 100)
    rule = SendingRule(min_change=change, min_interval_s=10.0, cycle_s=None)
    return _ObjectSending(rule, temperature.cycle_s if is_cyclic else None)
