"""What one device tells the station: the events of a charger, or those of a meter."""

from collections.abc import Mapping

from knxgw.catalogue.device_model import DeviceKind
from knxgw.charging.events import (
    ChargerConditionChanged,
    ChargerSeen,
    DeviceEvent,
    LinkCondition,
    MeterConditionChanged,
    MeterSeen,
    OfferAcknowledged,
)
from knxgw.charging.quantities import Quantity, Value
from knxgw.config.devices import DeviceId


class DeviceEvents:
    """Makes the events of one device."""

    def __init__(self, device: DeviceId, kind: DeviceKind) -> None:
        """Make those of a charger, or those of a meter, by the kind of the device."""
        self._device = device
        self._is_charger = kind is DeviceKind.CHARGER

    def readings(
        self, values: Mapping[Quantity, Value], unavailable: frozenset[Quantity]
    ) -> list[DeviceEvent]:
        """Return the event for what was read; `unavailable`: the device says that it has no value now."""
        if self._is_charger:
            return [ChargerSeen(device=self._device, values=values, unavailable=unavailable)]
        return [MeterSeen(device=self._device, values=values, unavailable=unavailable)]

    def condition(self, condition: LinkCondition) -> list[DeviceEvent]:
        """Return the event for a new condition of the link."""
        if self._is_charger:
            return [ChargerConditionChanged(device=self._device, condition=condition)]
        return [MeterConditionChanged(device=self._device, condition=condition)]

    def acknowledged(self, offer_ma: int | None) -> list[DeviceEvent]:
        """Return the event for an acknowledged offer [mA]; None: no offer was completed."""
        if offer_ma is None:
            return []
        return [OfferAcknowledged(device=self._device, offer_ma=offer_ma)]
