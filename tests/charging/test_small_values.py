"""The state of the rules is made of small frozen values, and a copy derives what it must again."""

import dataclasses
import importlib
import pkgutil
import typing
from collections.abc import Iterator

import knxgw
from knxgw.charging.point import ChargingPoint
from knxgw.charging.precedence import Limits
from knxgw.dlm.follows import FollowCheck
from knxgw.station.model import Station
from tests.charging.points import METER, make_point

MOST_FIELDS = 8
MOST_FIELDS_OF_A_STATION = 10
SETTINGS = {"Settings"}  # the named numbers of load management: read once, never copied
DESCRIBED_ELSEWHERE = ("knxgw.catalogue", "knxgw.config")  # read once, never copied in a step


def frozen_classes() -> Iterator[type]:
    """Yield the frozen dataclasses of the rooms of the rules."""
    for room in ("charging", "dlm", "station"):
        for found in pkgutil.walk_packages([f"{knxgw.__path__[0]}/{room}"], f"knxgw.{room}."):
            module = importlib.import_module(found.name)
            for one in vars(module).values():
                if isinstance(one, type) and one.__module__ == module.__name__ and is_frozen(one):
                    yield one


def is_frozen(kind: type) -> bool:
    parameters = getattr(kind, "__dataclass_params__", None)
    return parameters is not None and parameters.frozen


def parts(kind: type) -> set[type]:
    """Return a frozen dataclass and all that it is made of."""
    found, left = set(), [kind]
    while left:
        one = left.pop()
        left.extend(typing.get_args(one))
        is_new = is_frozen(one) and one not in found
        if is_new and not one.__module__.startswith(DESCRIBED_ELSEWHERE):
            found.add(one)
            left.extend(typing.get_type_hints(one).values())
    return found


def test_a_charging_point_is_made_of_values_of_at_most_eight_fields() -> None:
    sizes = {kind.__name__: len(dataclasses.fields(kind)) for kind in parts(ChargingPoint)}
    assert {"ChargingPoint", "Readings", "EnergyCounter", "Register", "CardState"} <= sizes.keys()
    assert {name: size for name, size in sizes.items() if size > MOST_FIELDS} == {}


def test_a_station_is_made_of_values_of_at_most_ten_fields() -> None:
    sizes = {
        kind.__name__: len(dataclasses.fields(kind)) for kind in parts(Station) | parts(FollowCheck)
    }
    assert {"Station", "LoadManagement", "Meter", "Overcurrent", "FollowCheck"} <= sizes.keys()
    large = {name for name, size in sizes.items() if size > MOST_FIELDS_OF_A_STATION}
    assert large == SETTINGS


def test_every_frozen_value_of_the_rules_has_slots() -> None:
    found = list(frozen_classes())
    assert {"Station", "LoadManagement", "Observation"} <= {one.__name__ for one in found}
    assert [one.__name__ for one in found if "__slots__" not in vars(one)] == []


def test_limits_with_another_minimum_have_another_lowest_offer() -> None:
    limits = Limits(minimum_ma=6000, maximum_ma=16_000, resolution_ma=1000, is_zero_allowed=True)
    assert limits.lowest_ma == 6000
    assert dataclasses.replace(limits, minimum_ma=8000).lowest_ma == 8000


def test_a_charging_point_with_other_settings_measures_what_those_say() -> None:
    three, one = make_point("phases: 3"), make_point(f"phases: 1, {METER}")
    assert len(three.measured_currents) == 3
    installation = dataclasses.replace(three.installation, settings=one.settings)
    other = dataclasses.replace(three, installation=installation)
    assert (other.measured_currents, other.metered_quantities) == (
        one.measured_currents,
        one.metered_quantities,
    )
    assert len(one.measured_currents) == 1
    assert one.metered_quantities
