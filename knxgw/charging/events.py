"""What chargers and meters tell the station; times are monotonic seconds."""

from collections.abc import Mapping
from dataclasses import dataclass

from knxgw.charging.words import LinkCondition, PointNumber, Quantity, Value


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargerSeen:
    """Fresh values of a charger; quantities that are missing were not read this time."""

    point: PointNumber
    values: Mapping[Quantity, Value]
    unavailable: frozenset[Quantity] = frozenset()  # read: the charger has no value for them


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterSeen:
    """Fresh values of the electricity meter behind a charging point."""

    point: PointNumber
    values: Mapping[Quantity, Value]
    unavailable: frozenset[Quantity] = frozenset()  # read: the meter has no value for them


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargerConditionChanged:
    """The charger can be talked to differently than before."""

    point: PointNumber
    condition: LinkCondition


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterConditionChanged:
    """The electricity meter can be talked to differently than before."""

    point: PointNumber
    condition: LinkCondition


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferTaken:
    """The charger acknowledged the write of an offer [mA]."""

    point: PointNumber
    offer_ma: int


DeviceEvent = ChargerSeen | MeterSeen | ChargerConditionChanged | MeterConditionChanged | OfferTaken
