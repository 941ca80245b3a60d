"""Numbers as people write them: taken, or with a remedy that is right itself."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knxgw.catalogue.load import catalogue
from knxgw.catalogue.parameters import ParameterDefinition, ParameterType
from knxgw.config.convert import convert
from knxgw.config.not_allowed import NotAllowedError

NUMBERS = [
    parameter
    for parameter in catalogue().parameters
    if parameter.type in (ParameterType.INTEGER, ParameterType.NUMBER)
]
BY_KEY = {parameter.key: parameter for parameter in NUMBERS}
UNIT = BY_KEY["charging_points[].connection.unit"]
PORT = BY_KEY["charging_points[].connection.port"]
MAXIMUM = BY_KEY["charging_points[].maximum_a"]
FUSE = BY_KEY["load_management.fuse_a"]
ENERGY = BY_KEY["charging_points[].sending.energy.min_change_wh"]
TIME = BY_KEY["device.alive_cycle_s"]


def remedy_for(parameter: ParameterDefinition, text: str) -> str:
    """Return the remedy for a text that must not be taken."""
    with pytest.raises(NotAllowedError) as raised:
        convert(parameter, text, catalogue())
    return raised.value.remedy


@pytest.mark.parametrize(
    ("parameter", "text", "value"),
    [(UNIT, "0xFF", 255), (UNIT, "0x0a", 10), (PORT, " 0x1F6 ", 502), (MAXIMUM, "1.6e1", 16)],
)
def test_a_number_as_manuals_write_it_is_taken(
    parameter: ParameterDefinition, text: str, value: float
) -> None:
    assert convert(parameter, text, catalogue()) == value


@pytest.mark.parametrize(
    ("parameter", "text", "remedy"),
    [
        (UNIT, "0xZZ", "allowed: 0 to 255"),
        (UNIT, "0x1FF", "allowed: 0 to 255"),
        (UNIT, "FFh", "write 255"),
        (UNIT, "0b101", "write 5"),
        (UNIT, "0o17", "write 15"),
        (UNIT, "1e2", "write 100"),
        (UNIT, "16.0", "write 16"),
        (UNIT, "16,5", "allowed: 0 to 255"),
        (UNIT, "unit 3", "allowed: 0 to 255"),
        (PORT, "1_502", "write 1502"),
        (PORT, "1 502", "write 1502"),
        (PORT, "1,502", "write 1502"),
        (PORT, "1.502", "write 1502"),
        (UNIT, "1.502", "allowed: 0 to 255"),
        (FUSE, "63,500", "write 63.5"),
        (FUSE, "1,250", "allowed: 6 to 1000 A"),
        (FUSE, "1,000", "write 1000"),
        (FUSE, "1.250,5", "allowed: 6 to 1000 A"),
        (ENERGY, "1.250,5", "write 1250.5"),
        (ENERGY, "1,250.5", "write 1250.5"),
        (ENERGY, "1.000.000", "write 1000000"),
        (ENERGY, "1\u202f250", "write 1250"),
        (ENERGY, "1,250", "write 1.25 or 1250"),
        (ENERGY, "1,255", "write 1.2550 or 1255"),
        (PORT, "502/tcp", "allowed: 1 to 65535"),
        (MAXIMUM, "16A", "the unit stands in the key, write 16"),
        (MAXIMUM, "16 A", "the unit stands in the key, write 16"),
        (MAXIMUM, "6,5 A", "the unit stands in the key, write 6.5"),
        (MAXIMUM, "16000 mA", "the unit stands in the key, write 16"),
        (MAXIMUM, "11 kW", "allowed: 6 to 80 A"),
        (MAXIMUM, "900 A", "allowed: 6 to 80 A"),
        (MAXIMUM, "6,5", "write 6.5"),
        (TIME, "10s", "the unit stands in the key, write 10"),
        (TIME, "2 min", "the unit stands in the key, write 120"),
        (TIME, "1_0", "write 10"),
    ],
)
def test_a_number_written_otherwise_has_a_remedy_that_is_meant(
    parameter: ParameterDefinition, text: str, remedy: str
) -> None:
    assert remedy_for(parameter, text) == remedy


def test_what_is_written_into_a_file_has_a_point_in_german_as_well() -> None:
    with pytest.raises(NotAllowedError) as raised:
        convert(FUSE, "63,5", catalogue())
    meant = raised.value.words.remedy("de", in_file=True)
    assert meant == "63.5 schreiben"
    assert raised.value.words.remedy("de") == "63,5 schreiben"


@pytest.mark.parametrize("text", ["1.250,5", "1,250.5", "1 250", "1'250", "1.250.000"])
def test_a_thousands_separator_is_named(text: str) -> None:
    with pytest.raises(NotAllowedError, match="has a thousands separator"):
        convert(ENERGY, text, catalogue())


def test_digits_that_may_be_thousands_are_named_where_those_are_allowed() -> None:
    with pytest.raises(NotAllowedError, match="may also be thousands"):
        convert(ENERGY, "1,250", catalogue())
    with pytest.raises(NotAllowedError, match="expected a number"):
        convert(FUSE, "63,500", catalogue())


_PIECES = ["0x", "0X", "0b", "0o", "1", "16", "255", "000", ".", ",", "_", "'", " ", "e", "-", "+"]
_UNITS = ["A", "mA", "kW", "s", "ms", "min", "h", "%", "x", "FF", "Bd", "°C"]


@given(st.sampled_from(NUMBERS), st.lists(st.sampled_from(_PIECES + _UNITS), max_size=6))
def test_what_a_remedy_says_to_write_is_taken(
    parameter: ParameterDefinition, pieces: list[str]
) -> None:
    try:
        convert(parameter, "".join(pieces), catalogue())
    except NotAllowedError as err:
        if found := re.search(r"write (\S+)$", err.remedy):
            convert(parameter, found[1], catalogue())
