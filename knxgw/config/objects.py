"""Which group objects a site has; pure. The one answer for the runtime, the checks and the lists."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from knxgw.catalogue.objects import ObjectDefinition
from knxgw.catalogue.product import Catalogue
from knxgw.catalogue.text import Text
from knxgw.catalogue.texts import Names, Texts
from knxgw.config.group_objects import POINTS
from knxgw.config.model import (
    Configuration,
    GroupAddress,
    GroupObjectLink,
    LoadManagementMode,
    LoadManagementSettings,
    Measurement,
    Monitoring,
    PointSettings,
    SmartMeterSettings,
)

PHASES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ExistingObject:
    """One group object of a site."""

    number: int
    point: int | None  # None: of the whole device
    definition: ObjectDefinition
    function: Text  # what it is called here: that of the smart meter depends on the settings
    dpt: str | None  # the chosen one; None: no datapoint type, 1 byte
    link: GroupObjectLink | None

    @property
    def addresses(self) -> tuple[GroupAddress, ...]:
        """Return the linked group addresses, the first one sends."""
        return self.link.addresses if self.link else ()


def existing_objects(
    configuration: Configuration, catalogue: Catalogue
) -> tuple[ExistingObject, ...]:
    """Return every group object the site has, linked or not, in the order of their numbers."""
    texts = catalogue.product.texts
    found = [
        ExistingObject(
            number=definition.number_of(point.number if point else 1),
            point=point.number if point else None,
            definition=definition,
            function=_function(definition, configuration.load_management, texts.names),
            dpt=_chosen_dpt(definition, configuration.load_management, point),
            link=configuration.group_objects.get(
                definition.number_of(point.number if point else 1)
            ),
        )
        for definition in catalogue.objects
        for point in (configuration.points if definition.is_per_point else (None,))
        if why_missing(definition, configuration.load_management, point, texts) is None
    ]
    return tuple(sorted(found, key=lambda existing: existing.number))


def possible_objects(catalogue: Catalogue) -> tuple[ExistingObject, ...]:
    """Return every group object a device can have, without links, in the order of their numbers.

    Its function and its datapoint type are those of a site that chooses nothing.
    """
    possible = [
        ExistingObject(
            number=definition.number_of(point or 1),
            point=point,
            definition=definition,
            function=definition.function,
            dpt=definition.dpts[0] if definition.dpts else None,
            link=None,
        )
        for definition in catalogue.objects
        for point in (POINTS if definition.is_per_point else (None,))
    ]
    return tuple(sorted(possible, key=lambda one: one.number))


def _function(definition: ObjectDefinition, settings: LoadManagementSettings, names: Names) -> Text:
    """Return the name of an object; that of a smart meter value says what it is and where.

    Source: [reference-manual] tables 17 to 19.
    """
    meter = settings.smart_meter
    if definition.dpt_choice != "smart_meter" or meter is None:
        return definition.function
    is_power = meter.measurement is Measurement.POWER
    name = names.smart_meter_power if is_power else names.smart_meter_current
    phase = f" {definition.key[-2:].upper()}" if meter.phases == PHASES else ""
    return Text(en=name.en + phase, de=name.de + phase)


def why_missing(
    definition: ObjectDefinition,
    load_management: LoadManagementSettings,
    point: PointSettings | None,
    texts: Texts,
) -> Text | None:
    """Return why a site lacks this object, in words; None if it exists.

    By the settings of load management, or because neither charger nor meter supplies its value.
    """
    messages, condition = texts.messages, definition.only_with
    if condition is not None and not CONDITIONS[condition](load_management):
        return messages.exists_only.filled(condition=texts.conditions[condition])
    if definition.needs is not None and point and definition.needs not in point.capabilities:
        charger = point.model.title
        if point.meter is None:
            return messages.not_supplied.filled(charger=charger)
        return messages.supplied_by_neither.filled(charger=charger, meter=point.meter.model.title)
    return None


def _is_off(settings: LoadManagementSettings) -> bool:
    """Tell whether load management is off."""
    return settings.mode is LoadManagementMode.OFF


def _is_dynamic(settings: LoadManagementSettings) -> bool:
    """Tell whether load management follows a smart meter."""
    return settings.mode is LoadManagementMode.DYNAMIC


def smart_meter_on_knx(settings: LoadManagementSettings) -> SmartMeterSettings | None:
    """Return the smart meter whose values come over KNX, or None."""
    meter = settings.smart_meter
    return meter if _is_dynamic(settings) and meter and meter.source == "knx" else None


def _is_on_knx(settings: LoadManagementSettings) -> bool:
    """Tell whether the values of the smart meter come over KNX."""
    return smart_meter_on_knx(settings) is not None


def _has_three_phases(settings: LoadManagementSettings) -> bool:
    """Tell whether three phases come over KNX from the smart meter."""
    meter = smart_meter_on_knx(settings)
    return meter is not None and meter.phases == 3


def _has_operation_monitoring(settings: LoadManagementSettings) -> bool:
    """Tell whether the smart meter also sends a sign of life, which is monitored."""
    meter = smart_meter_on_knx(settings)
    return meter is not None and meter.monitoring is Monitoring.VALUES_AND_IN_OPERATION


CONDITIONS: Mapping[str, Callable[[LoadManagementSettings], bool]] = {  # by `only_with`
    "off": _is_off,
    "dynamic": _is_dynamic,
    "smart_meter_knx": _is_on_knx,
    "smart_meter_knx_3_phase": _has_three_phases,
    "in_operation": _has_operation_monitoring,
}


def _chosen_dpt(
    definition: ObjectDefinition, settings: LoadManagementSettings, point: PointSettings | None
) -> str | None:
    """Return the datapoint type of an object: the chosen one, else its default."""
    chosen: str | None = None
    if definition.dpt_choice == "smart_meter" and settings.smart_meter:
        chosen = settings.smart_meter.dpt
    elif definition.dpt_choice and point:
        chosen = {
            "current": point.dpts.current,
            "power": point.dpts.power,
            "energy": point.dpts.energy,
        }[definition.dpt_choice]
    return chosen or (definition.dpts[0] if definition.dpts else None)
