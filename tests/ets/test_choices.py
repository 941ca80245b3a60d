"""Datapoint types and names that ETS has and the site could take over."""

import pytest

from knxgw.catalogue.ets_words import ets_words
from knxgw.catalogue.load import catalogue
from knxgw.config.model import GroupAddress
from knxgw.ets.choices import PointName, TypeChoice, point_names, type_choices
from knxgw.ets.match_objects import expected_objects
from knxgw.ets.project import EtsProject, GroupAddressEntry
from tests.config.sites import HOME, configuration

SITE = HOME.replace("keba_p30,", "keba_p30, dpt: {power: '9.024', current: '14.019'},")
METER = """\
knx: {link: none}
load_management:
  mode: dynamic
  fuse_a: 35
  smart_meter: {source: knx, measurement: current, phases: 3}
charging_points:
  - {number: 1, model: keba_p30, connection: {host: 10.0.0.1}}
"""


def types(in_ets: dict[int, str | None], site: str = SITE) -> tuple[TypeChoice, ...]:
    return type_choices(in_ets, expected_objects(catalogue(), configuration(site)))


def test_a_type_that_differs_is_offered_with_every_object_that_it_holds_for() -> None:
    (one,) = types({62: "9.021", 63: "9.021", 66: "9.024", 55: "1.002"})
    assert (one.choice, one.point, one.dpt, one.before) == ("current", 1, "9.021", "14.019")
    assert {62, 63, 64, 65} <= set(one.numbers)
    assert all(60 <= number <= 65 for number in one.numbers)


@pytest.mark.parametrize(
    "in_ets",
    [
        {62: "14.019", 63: "9.021"},  # which of them?
        {62: "14"},
        {62: "9.020"},
        {62: None},
        {62: "14.019"},
        {112: "9.021"},  # of a charging point that is not here
        {9999: "9.021"},
    ],
)
def test_what_is_unclear_or_the_same_is_not_offered(in_ets: dict[int, str | None]) -> None:
    assert types(in_ets) == ()


def meter_objects() -> list[int]:
    expected = expected_objects(catalogue(), configuration(METER))
    return [
        number
        for number, one in expected.items()
        if one.is_here and one.definition.dpt_choice == "smart_meter"
    ]


@pytest.mark.parametrize(
    ("dpt", "offered"),
    [("9.021", [("smart_meter", None, "14.019")]), ("9.024", []), ("14.056", [])],
)
def test_the_type_of_the_smart_meter_stays_one_of_its_quantity(
    dpt: str, offered: list[tuple[str, int | None, str]]
) -> None:
    found = types(dict.fromkeys(meter_objects(), dpt), METER)
    assert [(one.choice, one.point, one.before) for one in found] == offered


def names(*groups: str, known: dict[int, str] | None = None) -> tuple[PointName, ...]:
    """Return the names that follow from the middle groups of 55, 56, 105 and 106."""
    entries = [
        GroupAddressEntry(address=GroupAddress(f"1/0/{i}"), name="", ranges=("House", group))
        for i, group in enumerate(groups, 1)
    ]
    project = EtsProject(addresses={one.address: one for one in entries})
    links = {
        number: (one.address,) for number, one in zip((55, 56, 105, 106), entries, strict=False)
    }
    expected = expected_objects(catalogue(), None)
    return point_names(links, project, expected, ets_words(), known or {1: "", 2: "Old"})


def test_a_middle_group_of_its_own_names_a_charging_point() -> None:
    assert names("Carport", "Carport", "Left", "Left") == (
        PointName(point=1, name="Carport"),
        PointName(point=2, name="Left"),
    )


@pytest.mark.parametrize(
    "groups",
    [
        ("Carport", "Garden"),
        ("Carport",),
        ("Garage", "Garage", "Garage", "Garage"),
        ("Ladepunkt 1", "Ladepunkt 1"),
        ("Charging point 1", "Charging point 1"),
        ("Wallbox", "Wallbox"),
        ("", ""),
    ],
)
def test_a_middle_group_that_is_shared_or_says_nothing_names_none(groups: tuple[str, ...]) -> None:
    assert names(*groups) == ()


def test_a_name_that_is_there_already_is_not_offered() -> None:
    assert names("Carport", "Carport", known={1: "Carport"}) == ()
    assert names("Carport", "Carport", known={2: "Old"}) == ()
