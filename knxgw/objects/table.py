"""The running group object table: which objects this site has, and their sending rules."""

from dataclasses import dataclass, field, replace

from xknx.telegram.address import GroupAddress

from knxgw.catalogue.flags import Flags, Priority
from knxgw.catalogue.objects import ObjectKind
from knxgw.catalogue.product import Catalogue
from knxgw.charging.publication import Published
from knxgw.charging.scope import DEVICE, PointNumber, Scope, point_scope
from knxgw.config.model import (
    Configuration,
    GroupObjectLink,
    PointSettings,
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
    language = configuration.device.language
    objects = [
        _group_object(configuration, existing, existing.link, language)
        for existing in existing_objects(configuration, catalogue)
        if existing.link
    ]
    return tuple(sorted(objects, key=lambda group_object: group_object.number))


def _group_object(
    configuration: Configuration, existing: ExistingObject, link: GroupObjectLink, language: str
) -> GroupObject:
    """Return the running object for one that this site has and that is linked."""
    definition = existing.definition
    settings = None if existing.point is None else configuration.point(existing.point)
    function = existing.function.in_language(language)
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
    )


def _sending(
    kind: ObjectKind, settings: PointSettings | None
) -> tuple[SendingRule | None, float | None]:
    """Return minimum change and interval of a moving value, and the cycle."""
    if settings is None:
        return _DEVICE_RULES.get(kind), None
    sending = settings.sending
    energy_rule = replace(sending.energy, min_change=sending.energy.min_change * 1000)  # mWh
    rules = {
        ObjectKind.CURRENT: sending.current,
        ObjectKind.POWER: sending.power,
        ObjectKind.ENERGY: energy_rule,
        ObjectKind.DURATION: DURATION_RULE,
    }
    if kind in rules:
        return rules[kind], rules[kind].cycle_s
    if kind is ObjectKind.TEMPERATURE:
        return _temperature_rule(settings)
    return None, sending.state_cycle_s if kind is ObjectKind.STATE else None


def _temperature_rule(settings: PointSettings) -> tuple[SendingRule, float | None]:
    """Return when a temperature is sent: on the chosen change, or in cycles only."""
    temperature = settings.temperature
    cyclic = temperature.sending is TemperatureSending.CYCLIC
    change = CYCLE_ONLY if cyclic else round(temperature.change_k * 100)
    rule = SendingRule(min_change=change, min_interval_s=10.0, cycle_s=None)
    return rule, temperature.cycle_s if cyclic else None
