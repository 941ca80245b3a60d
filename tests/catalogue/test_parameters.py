"""Every parameter of the product: words, ranges, defaults, numbers for ETS."""

import re
from collections.abc import Callable

import pytest

from knxgw.catalogue.load import catalogue
from knxgw.catalogue.parameters import ParameterDefinition, ParameterType
from knxgw.config.convert import convert
from knxgw.config.not_allowed import NotAllowedError

PARAMETERS = {parameter.key: parameter for parameter in catalogue().parameters}
NUMBERS = {ParameterType.INTEGER, ParameterType.NUMBER}
UNITS = {"a": "A", "w": "W", "wh": "Wh", "s": "s", "k": "K", "c": "°C"}


def but_for(is_right: Callable[[ParameterDefinition], bool]) -> list[str]:
    """Return the keys of the parameters of which something is not right."""
    assert PARAMETERS
    return [key for key, parameter in PARAMETERS.items() if not is_right(parameter)]


def test_each_default_is_a_value_of_its_own_parameter() -> None:
    def is_right(parameter: ParameterDefinition) -> bool:
        if parameter.default is not None:
            try:
                convert(parameter, parameter.default, catalogue())
            except NotAllowedError:
                return False
        return True

    assert but_for(is_right) == []


def test_each_parameter_has_words_and_help_in_two_languages() -> None:
    assert but_for(lambda one: 3 <= len(one.text.en) <= 60) == []
    assert but_for(lambda one: 3 <= len(one.text.de) <= 60) == []
    assert but_for(lambda one: one.help.en.endswith(".")) == []
    assert but_for(lambda one: one.help.de.endswith(".")) == []
    assert but_for(lambda one: one.help.en != one.help.de) == []


def test_each_number_has_a_range_and_names_its_unit() -> None:
    def has_range(parameter: ParameterDefinition) -> bool:
        if parameter.type not in NUMBERS:
            return True
        low, high = parameter.low, parameter.high
        return low is not None and high is not None and low < high

    def names_its_unit(parameter: ParameterDefinition) -> bool:
        suffix = re.search(r"_(a|w|wh|s|k|c)$", parameter.key)
        is_number = parameter.type in NUMBERS
        return not is_number or suffix is None or parameter.unit == UNITS[suffix[1]]

    assert but_for(has_range) == []
    assert but_for(names_its_unit) == []


def test_each_choice_parameter_has_choices_with_different_values() -> None:
    def is_right(parameter: ParameterDefinition) -> bool:
        values = [choice.value for choice in parameter.choices]
        is_complete = bool(values) or parameter.type is not ParameterType.CHOICE
        return is_complete and len(values) == len(set(values))

    assert but_for(is_right) == []


def test_numbers_for_ets_keep_their_meaning() -> None:
    numbers = {key: parameter.ets_id for key, parameter in PARAMETERS.items()}
    assert len(set(numbers.values())) == len(numbers)
    assert numbers["device.name"] == 1
    assert numbers["load_management.fuse_a"] == 20
    assert numbers["charging_points[].minimum_a"] == 63
    assert numbers["charging_points[].meter.connection.connector"] == 116


def test_required_parameters_have_no_default() -> None:
    assert but_for(lambda one: not (one.is_required and one.default is not None)) == []


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
