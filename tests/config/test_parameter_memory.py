"""The memory of parameters: what is written there is read back, and becomes the same configuration."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knxgw.catalogue.load import catalogue
from knxgw.catalogue.parameters import ParameterDefinition, ParameterType
from knxgw.config.as_text import text_of_loaded
from knxgw.config.convert import convert
from knxgw.config.edit_yaml import values_of
from knxgw.config.from_ets import configuration_from_ets
from knxgw.config.load import parse_configuration
from knxgw.config.model import ConfigurationSource
from knxgw.config.parameter_memory import (
    OWN,
    decoded,
    encoded,
    image_of,
    places,
    size_of,
    texts_of,
)
from knxgw.device.memory import ARENAS
from knxgw.errors import EtsParameter
from tests.support.ets_image import texts_of_file

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))
PLACES = places(catalogue().parameters)


def bounds(parameter: ParameterDefinition) -> list[str]:
    """Return the values at which a parameter is most likely to go wrong."""
    if parameter.type in {ParameterType.INTEGER, ParameterType.NUMBER}:
        found = [parameter.low, parameter.high, parameter.default]
        words = [choice.value for choice in parameter.choices]
        return [
            f"{one:g}" if isinstance(one, float) else str(one) for one in found if one is not None
        ] + words
    if parameter.type is ParameterType.CHOICE:
        return [choice.value for choice in parameter.choices]
    if parameter.type is ParameterType.BOOLEAN:
        return ["true", "false"]
    if parameter.type is ParameterType.MODEL:
        return list(catalogue().meters if "meter" in parameter.key else catalogue().chargers)[:3]
    return {
        ParameterType.HOST: ["192.0.2.17", "charger-3.example.org"],
        ParameterType.TIME_ZONE: ["Europe/Berlin", "America/Argentina/ComodRivadavia"],
    }.get(parameter.type, ["x", "Ä" * int(parameter.high or 30)])


@pytest.mark.parametrize("place", PLACES, ids=lambda one: one.parameter.key)
def test_each_parameter_is_read_back_at_its_bounds(place: object) -> None:
    parameter = place.parameter  # type: ignore[attr-defined]
    for text in bounds(parameter):
        octets = encoded(parameter, text, catalogue())
        back = decoded(parameter, octets, catalogue())
        assert back is not None
        assert convert(parameter, back, catalogue()) == convert(parameter, text, catalogue())
    assert decoded(parameter, encoded(parameter, None, catalogue()), catalogue()) is None


def test_no_two_parameters_share_an_octet_and_all_have_room() -> None:
    end = 0
    for place in PLACES:
        assert place.offset == end
        end = place.offset + place.octets * place.entries
    assert size_of(catalogue().parameters) == end <= ARENAS[4].octets


def test_a_parameter_that_is_added_moves_no_other() -> None:
    added = replace(catalogue().parameters[0], key="device.colour", ets_id=60_000)
    assert places((*catalogue().parameters, added))[:-1] == PLACES


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_what_ets_loads_makes_the_configuration_that_the_file_would_make(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    before = parse_configuration(text, catalogue(), is_offline=True).configuration
    assert before is not None
    image = image_of(texts_of_file(text), catalogue())
    found = configuration_from_ets(image, before.group_objects, catalogue(), None)
    assert found.configuration is not None, found.findings
    after = found.configuration
    assert after.source is ConfigurationSource.ETS
    same = ("load_management", "grid_setpoint_ma", "group_objects", "submeters")
    for name in same:
        assert getattr(after, name) == getattr(before, name), name
    assert [replace(one, key="") for one in after.points] == [
        replace(one, key="") for one in before.points
    ]
    assert after.device == replace(before.device, ntp_servers=())


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_what_ets_has_loaded_can_be_read_as_a_file_that_means_the_same(path: Path) -> None:
    before = parse_configuration(path.read_text("utf-8"), catalogue(), is_offline=True)
    assert before.configuration is not None
    image = image_of(texts_of_file(path.read_text("utf-8")), catalogue())
    links = before.configuration.group_objects
    text = text_of_loaded(image, links, catalogue())
    loaded = configuration_from_ets(image, links, catalogue(), None).configuration
    assert loaded is not None
    # what belongs to the machine is in neither
    written = parse_configuration(text, catalogue(), is_offline=True)
    found = written.configuration
    assert found is not None, written.findings
    for name in ("load_management", "grid_setpoint_ma", "submeters", "device"):
        assert getattr(found, name) == getattr(loaded, name), name
    assert {number: one.addresses for number, one in found.group_objects.items()} == {
        number: one.addresses for number, one in links.items()
    }
    assert [replace(one, key="") for one in found.points] == [
        replace(one, key="") for one in loaded.points
    ]


@given(st.binary(max_size=size_of(catalogue().parameters)))
@settings(deadline=None)
def test_no_memory_is_no_text(image: bytes) -> None:
    values_of(text_of_loaded(image, {}, catalogue()))


def test_what_is_wrong_is_said_at_its_parameter() -> None:
    text = EXAMPLES[0].read_text(encoding="utf-8")
    texts = texts_of_file(text) | {"load_management.fuse_a": "5000"}
    found = configuration_from_ets(image_of(texts, catalogue()), {}, catalogue(), None)
    assert found.configuration is None
    (place,) = {one.place for one in found.findings if "5000" in one.words.problem()}
    assert isinstance(place, EtsParameter)
    assert place.key == "load_management.fuse_a"


@given(st.binary(max_size=size_of(catalogue().parameters)))
@settings(deadline=None)
def test_no_memory_brings_the_reader_down(image: bytes) -> None:
    found = configuration_from_ets(image, {}, catalogue(), None)
    assert found.configuration is None or found.configuration.source is ConfigurationSource.ETS


def test_what_belongs_to_the_machine_is_not_in_the_memory() -> None:
    keys = {place.parameter.key for place in PLACES}
    assert not {key for key in keys if key.startswith(OWN)}
    assert dict(texts_of(bytes(0), catalogue())) == {}
