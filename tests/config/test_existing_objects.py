"""Which group objects a site has."""

import pytest

from knxgw.catalogue.load import catalogue
from knxgw.config.objects import ExistingObject, existing_objects
from tests.config.sites import HOME, configuration, points

ALFEN = "model: alfen_eve, connection: {host: 10.0.0.5, connector: 1}"
SMART = "load_management: {mode: dynamic, fuse_a: 35, smart_meter: {%s}}\n"


def objects(text: str) -> dict[int, ExistingObject]:
    """Return the group objects of a site by number."""
    return {one.number: one for one in existing_objects(configuration(text), catalogue())}


@pytest.mark.proves("2.17")
def test_with_load_management_off_the_setpoint_exists_and_no_smart_meter() -> None:
    found = objects(HOME)
    assert 60 in found
    assert not found.keys() & {10, 11, 12, 13, 20}


@pytest.mark.proves("2.16")
def test_with_static_load_management_neither_exists() -> None:
    found = objects(HOME + "load_management: {mode: static, static_limit_a: 32}\n")
    assert not found.keys() & {10, 11, 12, 13, 20, 60}


@pytest.mark.proves("2.12", "2.13")
def test_with_dynamic_load_management_the_smart_meter_has_an_object_per_phase() -> None:
    assert objects(HOME + SMART % "phases: 3").keys() & {10, 11, 12, 13, 20, 60} == {10, 11, 12, 13}
    assert objects(HOME + SMART % "phases: 1").keys() & {10, 11, 12, 13, 20, 60} == {10, 13}


@pytest.mark.proves("2.14")
def test_in_operation_exists_with_that_monitoring_only() -> None:
    assert 20 in objects(HOME + SMART % "monitoring: values_and_in_operation")


@pytest.mark.proves("2.15")
def test_with_a_smart_meter_on_modbus_only_the_high_power_object_stays() -> None:
    modbus = "source: modbus, model: eastron_sdm630, connection: {host: 10.0.0.9}"
    assert objects(HOME + SMART % modbus).keys() & {10, 11, 12, 13, 20, 60} == {13}


@pytest.mark.proves("2.9")
def test_an_object_exists_where_the_charger_supplies_it() -> None:
    found = objects(HOME)
    assert 59 in found  # the KEBA unlocks,
    assert 54 not in found  # it does not wait for a start,
    assert 82 not in found  # and it tells no temperature


def test_objects_that_the_gateway_supplies_itself_exist_for_every_model() -> None:
    assert {76, 77, 78, 74} <= objects(HOME).keys()


@pytest.mark.proves("2.1")
def test_the_numbers_of_each_further_charging_point_are_50_higher() -> None:
    found = objects(points(f"number: 1, {ALFEN}", f"number: 3, {ALFEN.replace('1}', '2}')}"))
    assert (found[50].point, found[150].point, 100 in found) == (1, 3, False)
    assert {n - 100 for n in found if 150 <= n < 500} == {n for n in found if 50 <= n < 100}
    assert {n for n in found if n >= 510} == {510, 511, 512, 530, 531, 532}, "our own: 10 apart"


@pytest.mark.proves("2.6")
def test_the_chosen_datapoint_types_are_those_of_the_parameters() -> None:
    dpt = 'dpt: {current: "9.021", power: "14.056", energy: "13.013"}'
    found = objects(points(f"number: 2, {ALFEN}, {dpt}"))
    chosen = [found[number].dpt for number in (112, 113, 116, 120, 124, 125)]
    assert chosen == ["9.021", "9.021", "14.056", "13.013", "13.013", "13.013"]
    assert (found[100].dpt, found[101].dpt, found[111].dpt) == (None, "1.002", "14.019")


@pytest.mark.proves("2.6")
def test_the_smart_meter_objects_have_the_type_of_the_smart_meter() -> None:
    found = objects(HOME + SMART % 'measurement: power, dpt: "9.024"')
    assert [found[number].dpt for number in (10, 11, 12)] == ["9.024"] * 3


def test_addresses_are_linked_in_their_order() -> None:
    found = objects(HOME + "group_objects: {50: [1/7/50, 1/1/50]}\n")
    assert found[50].addresses == ("1/7/50", "1/1/50")
    assert found[51].addresses == ()


@pytest.mark.proves("2.8")
@pytest.mark.parametrize(
    ("meter", "names"),
    [
        ("phases: 1", ["Smart meter current value"]),
        ("phases: 3", [f"Smart meter current value L{phase}" for phase in (1, 2, 3)]),
        ("phases: 1, measurement: power, dpt: '9.024'", ["Smart meter power value"]),
        (
            "phases: 3, measurement: power, dpt: '14.056'",
            [f"Smart meter power value L{phase}" for phase in (1, 2, 3)],
        ),
    ],
)
def test_smart_meter_values_are_named_after_what_they_measure(meter: str, names: list[str]) -> None:
    text = f"load_management: {{mode: dynamic, fuse_a: 35, smart_meter: {{{meter}}}}}\n"
    found = objects(points(f"number: 1, {ALFEN}") + text)
    assert [found[number].function.en for number in (10, 11, 12) if number in found] == names
