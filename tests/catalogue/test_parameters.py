"""Every parameter of the product: words, ranges, defaults, numbers for ETS."""

import re

import pytest

from knxgw.catalogue.load import catalogue
from knxgw.catalogue.parameters import ParameterDefinition, ParameterType
from knxgw.config.convert import convert

PARAMETERS = {parameter.key: parameter for parameter in catalogue().parameters}
every_parameter = pytest.mark.parametrize("parameter", PARAMETERS.values(), ids=list(PARAMETERS))


@every_parameter
def test_each_default_is_a_value_of_its_own_parameter(parameter: ParameterDefinition) -> None:
    if parameter.default is not None:
        convert(parameter, parameter.default, catalogue())


@every_parameter
def test_each_parameter_has_words_and_help_in_two_languages(parameter: ParameterDefinition) -> None:
    assert 3 <= len(parameter.text.en) <= 60
    assert 3 <= len(parameter.text.de) <= 60
    assert parameter.help.en.endswith(".")
    assert parameter.help.de.endswith(".")
    assert parameter.help.en != parameter.help.de


@every_parameter
def test_each_number_has_a_range_and_names_its_unit(parameter: ParameterDefinition) -> None:
    if parameter.type not in {ParameterType.INTEGER, ParameterType.NUMBER}:
        return
    assert parameter.low is not None
    assert parameter.high is not None
    assert parameter.low < parameter.high
    suffix = re.search(r"_(a|w|wh|s|k|c)$", parameter.key)
    units = {"a": "A", "w": "W", "wh": "Wh", "s": "s", "k": "K", "c": "°C"}
    assert suffix is None or parameter.unit == units[suffix[1]]


@every_parameter
def test_each_choice_parameter_has_choices_with_different_values(
    parameter: ParameterDefinition,
) -> None:
    values = [choice.value for choice in parameter.choices]
    assert len(values) == len(set(values))
    assert bool(values) or parameter.type is not ParameterType.CHOICE


def test_numbers_for_ets_keep_their_meaning() -> None:
    numbers = {key: parameter.ets_id for key, parameter in PARAMETERS.items()}
    assert len(set(numbers.values())) == len(numbers)
    assert numbers["device.name"] == 1
    assert numbers["load_management.fuse_a"] == 20
    assert numbers["charging_points[].minimum_a"] == 63
    assert numbers["charging_points[].meter.connection.connector"] == 116


@every_parameter
def test_required_parameters_have_no_default(parameter: ParameterDefinition) -> None:
    assert not (parameter.is_required and parameter.default is not None)


@pytest.mark.parametrize("quantity", ["current", "power", "energy"])
def test_the_datapoint_types_offered_are_those_of_the_objects(quantity: str) -> None:
    offered = PARAMETERS[f"charging_points[].dpt.{quantity}"]
    objects = [one for one in catalogue().objects if one.dpt_choice == quantity]
    assert objects
    for definition in objects:
        assert tuple(choice.value for choice in offered.choices) == definition.dpts
        assert offered.default == definition.dpts[0]


def test_the_datapoint_types_of_the_smart_meter_are_those_of_its_objects() -> None:
    offered = PARAMETERS["load_management.smart_meter.dpt"]
    objects = [one for one in catalogue().objects if one.dpt_choice == "smart_meter"]
    assert [one.number for one in objects] == [10, 11, 12]
    for definition in objects:
        assert tuple(choice.value for choice in offered.choices) == definition.dpts


@pytest.mark.proves("3.47")
@pytest.mark.parametrize(
    ("key", "low", "high", "default"),
    [
        ("load_management.fuse_a", 6, 1000, None),
        ("load_management.reserve_a", 0, 994, "3"),
        ("load_management.priority", 1, 5, "none"),
        ("load_management.smart_meter.interval_s", 1, 600, "10"),
        ("load_management.high_power_wait_s", 5, 600, "30"),
        ("load_management.static_limit_a", 6, 1000, None),
        ("serial.baud", 1200, 500000, "19200"),
        ("charging_points[].minimum_a", 6, 32, "6"),
        ("charging_points[].maximum_a", 6, 80, "16"),
        ("charging_points[].phases", 1, 3, "3"),
        ("charging_points[].complete.threshold_a", 0.1, 10, "1"),
        ("charging_points[].complete.time_s", 1, 3600, "300"),
        ("charging_points[].sending.current.min_interval_s", 1, 3600, "10"),
        ("charging_points[].sending.current.cycle_s", 10, 86400, "off"),
        ("charging_points[].temperature.change_k", 1, 10, "2"),
        ("charging_points[].temperature.warning_c", 30, 100, "70"),
    ],
)
def test_ranges_and_defaults_are_those_of_the_specification(
    key: str, low: float, high: float, default: str | None
) -> None:
    parameter = PARAMETERS[key]
    assert (parameter.low, parameter.high, parameter.default) == (low, high, default)


@pytest.mark.parametrize(
    ("key", "default"),
    [
        ("grid_supporting_control.setpoint_a", "6"),
        ("load_management.mode", "off"),
        ("load_management.smart_meter.phases", "3"),
        ("load_management.smart_meter.measurement", "current"),
        ("load_management.smart_meter.dpt", "14.019"),
        ("load_management.smart_meter.monitoring", "values"),
        ("serial.protocol", "rtu"),
        ("serial.parity", "E"),
        ("charging_points[].phase_rotation", "123"),
        ("charging_points[].start", "automatic"),
        ("charging_points[].temperature.sending", "on_change"),
        ("device.time_zone", "UTC"),
        ("device.language", "en"),
        ("website.listen", "0.0.0.0:8080"),
        ("knx.multicast_group", "224.0.23.12"),
    ],
)
def test_words_that_hold_when_nothing_is_written(key: str, default: str) -> None:
    assert PARAMETERS[key].default == default


def test_there_are_six_phase_rotations() -> None:
    choices = PARAMETERS["charging_points[].phase_rotation"].choices
    assert sorted(choice.value for choice in choices) == ["123", "132", "213", "231", "312", "321"]
