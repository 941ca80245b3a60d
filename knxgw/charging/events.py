"""What chargers and meters tell the station.

An event of a device names that device. Only the station knows what the device stands for on the site.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from knxgw.charging.quantities import Quantity, Value
from knxgw.config.devices import DeviceId


class LinkCondition(StrEnum):
    """How a device can be talked to."""

    STARTING = "starting"  # not tried yet
    GOOD = "good"
    NOT_REACHABLE = "not_reachable"  # no connection
    COMM = "comm"  # connected, but wrong answers
    WRONG_MODEL = "wrong_model"  # another model answers than the configured one


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargerSeen:
    """Fresh values of a charger; quantities that are missing were not read this time."""

    device: DeviceId
    values: Mapping[Quantity, Value]
    unavailable: frozenset[Quantity] = frozenset()  # read: the charger has no value for them


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterSeen:
    """Fresh values of an electricity meter."""

    device: DeviceId
    values: Mapping[Quantity, Value]
    unavailable: frozenset[Quantity] = frozenset()  # read: the meter has no value for them


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargerConditionChanged:
    """A charger can be talked to differently than before."""

    device: DeviceId
    condition: LinkCondition


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterConditionChanged:
    """An electricity meter can be talked to differently than before."""

    device: DeviceId
    condition: LinkCondition


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferAcknowledged:
    """A charger acknowledged the write of an offer [mA]."""

    device: DeviceId
    offer_ma: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GridMeterReading:
    """What one phase of the mains connection carries, received over KNX or read over Modbus."""

    phase: int  # 0 to 2
    value: float  # mA, or W; negative: export; NaN and infinity may come from the bus
    is_power: bool = False
    may_saturate: bool = False  # the datapoint type ends at 65.535 A (7.012)


DeviceEvent = (
    ChargerSeen | MeterSeen | ChargerConditionChanged | MeterConditionChanged | OfferAcknowledged
)
