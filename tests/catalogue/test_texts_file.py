"""`texts.yaml`: a text in both languages for everything that has a meaning, and its reader."""

from dataclasses import fields
from enum import IntEnum
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knxgw.catalogue.codes import BUS_TEXT_LENGTH, ChargingState, LoadManagementState, Reason
from knxgw.catalogue.load import catalogue
from knxgw.catalogue.load_texts import read_texts
from knxgw.catalogue.text import Text
from knxgw.config.objects import CONDITIONS
from tests.support.shipped_file import ODD_LINES, ShippedFile

TEXTS = catalogue().product.texts
FILE = ShippedFile("texts.yaml", read_texts)
LANGUAGES = ("en", "de")
MEMBERS: list[IntEnum] = [*ChargingState, *Reason, *LoadManagementState]


def texts_of(member: IntEnum) -> list[Text]:
    """Return every text of a value that a group object can have."""
    match member:
        case ChargingState():
            return [TEXTS.states[member].name, TEXTS.states[member].when]
        case Reason():
            return [TEXTS.reasons[member].words, TEXTS.reasons[member].bus]
        case LoadManagementState():
            return [TEXTS.load_management[member]]
        case _:
            raise AssertionError(member)


@pytest.mark.parametrize("member", MEMBERS, ids=repr)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_state_and_reason_has_its_words(member: IntEnum, language: str) -> None:
    for text in texts_of(member):
        words = text.in_language(language)
        assert words == getattr(text, language)
        assert words.strip() == words != ""


@pytest.mark.parametrize("reason", Reason)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_reason_fits_on_the_bus(reason: Reason, language: str) -> None:
    text = TEXTS.reasons[reason].bus.in_language(language)
    assert 0 < len(text.encode("latin-1")) <= BUS_TEXT_LENGTH


def test_every_condition_and_need_of_a_group_object_is_used_and_has_its_words() -> None:
    objects = catalogue().objects
    assert set(TEXTS.conditions) == set(CONDITIONS) == {o.only_with for o in objects} - {None}
    assert set(TEXTS.needs) == {o.needs for o in objects} - {None}


def test_a_text_is_filled_in_each_language_with_words_of_that_language() -> None:
    text = Text(en="{n} of {what}", de="{what} {n}")
    assert text.filled(n=1, what=Text(en="cars", de="Autos")) == Text(en="1 of cars", de="Autos 1")


def test_the_shipped_file_is_without_findings() -> None:
    assert FILE.findings(FILE.text) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("  no_vehicle: {en", "  no_vehicel: {en", "reasons.no_vehicel: unknown key; did you mean"),
        ("  no_vehicle: {en", "  no_vehicel: {en", "reasons: key 'no_vehicle' is missing"),
        ("  normal: {en: normal, de: normal}", "", "load_management: key 'normal' is missing"),
        ("  normal: {en: normal, de: normal}", "  normal: {en: normal}", "key 'de' is missing"),
        ("bus_de: Kein Fahrzeug", "bus_de: Gar kein Fahrzeug", "has 17 characters; at most 14 fit"),
        ("bus_de: Kein Fahrzeug", "bus_de: kein 🚗", "has a character that the bus does not know"),
        ("bus_de: Kein Fahrzeug", "buss: x", "reasons.no_vehicle.buss: unknown key"),
        ("de: nicht bekannt}", "de: ''}", "status.state_not_known.de: is empty"),
        (
            "de: nicht bekannt}",
            "de: unbekannt, fr: inconnu}",
            "status.state_not_known.fr: unknown key",
        ),
        (
            'de: "Ladepunkt {number}"',
            'de: "Ladepunkt {n}"',
            "charging_point.de: has other names in braces",
        ),
        (
            "  smart_meter_power: {en",
            "  smart_meter_watt: {en",
            "names: key 'smart_meter_power' is missing",
        ),
        ("conditions:\n", "condition:\n", "condition: unknown key; did you mean 'conditions'?"),
    ],
)
def test_a_mistake_is_located_and_says_what_to_write(old: str, new: str, said: str) -> None:
    FILE.assert_located(old, new, said)


def test_no_group_of_texts_has_a_field_that_is_no_text() -> None:
    groups: list[Any] = [TEXTS.names, TEXTS.messages, TEXTS.status]
    assert all(isinstance(getattr(g, f.name), Text) for g in groups for f in fields(g))


@settings(max_examples=150, deadline=None)
@given(st.integers(0, FILE.last_line), st.sampled_from(ODD_LINES))
def test_a_file_without_findings_is_complete_whatever_one_line_became(line: int, odd: str) -> None:
    found = FILE.read_with_line(line, odd)
    if found is None:
        return
    assert set(found.states) == set(ChargingState)
    assert set(found.reasons) == set(Reason)
    assert set(found.load_management) == set(LoadManagementState)
