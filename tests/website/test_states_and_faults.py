"""What the status page says of states and faults, from the station to the page."""

import re
from dataclasses import fields
from pathlib import Path

import pytest
from markupsafe import escape

from knxgw.catalogue.codes import ChargingState, FaultCode
from knxgw.catalogue.load import catalogue
from knxgw.catalogue.texts import StatusTexts
from knxgw.charging.events import ChargerConditionChanged, LinkCondition
from knxgw.charging.quantities import Quantity
from knxgw.config.devices import charger_id
from knxgw.station.model import Event, Started, StateLost, Station
from knxgw.station.show import view
from knxgw.website import app
from knxgw.website.app import create_app
from knxgw.website.bridge import Bridge
from tests.station.sites import CP1, CP2, LEFT, after, charger, new_station

# Words of GO 50 as product 3 has them.
WORDS = (
    "illegal", "start-up", "error", "not available", "cancelled", "available", "connected",
    "manual start required", "charge", "charge with reduced current", "charge + ventilation",
    "interruption",
)  # fmt: skip


def page(station: Station) -> str:
    bridge = Bridge(view=lambda: view(station, 1.0), is_ready=lambda: True, knx_is_up=lambda: True)
    return create_app(bridge).test_client().get("/").get_data(as_text=True)


def parts(station: Station) -> tuple[str, str, str]:
    """Return what stands above the charging points, at the first, and at the second."""
    above, first, second = page(station).split('<section class="point">')
    return above, first, second


def site(*events: Event) -> Station:
    return after(new_station(), Started(), *events)[0]


@pytest.mark.proves("3.13")
@pytest.mark.parametrize("value", range(12))
def test_the_page_shows_the_value_of_go_50_and_its_words(value: int) -> None:
    values = {Quantity.STATE: ChargingState(value), Quantity.CONNECTED: 1}
    _, first, second = parts(site(charger(values)))
    assert f"{WORDS[value]} ({value})" in first.lower()
    assert f"({value})" not in second


@pytest.mark.proves("7.9")
def test_before_the_first_fault_the_page_says_no_fault_everywhere() -> None:
    station = site(
        *(
            ChargerConditionChanged(device=charger_id(n), condition=LinkCondition.GOOD)
            for n in (CP1, CP2)
        )
    )
    assert all("No fault" in part for part in parts(station))
    assert "No error" not in page(station)


@pytest.mark.proves("7.11")
def test_a_fault_of_a_charging_point_stands_at_it_and_stays_when_it_is_gone() -> None:
    gone = ChargerConditionChanged(device=charger_id(CP2), condition=LinkCondition.NOT_REACHABLE)
    good = ChargerConditionChanged(device=charger_id(CP2), condition=LinkCondition.GOOD)
    for station, marked in ((site(gone), True), (site(gone, good), False)):
        above, first, second = parts(station)
        assert "No fault" in above
        assert "No fault" in first
        assert "NotReachable" in second
        assert ('class="fault">NotReachable' in second) is marked


@pytest.mark.proves("7.10")
def test_a_general_fault_stands_above_the_charging_points_with_its_message() -> None:
    station = after(new_station(LEFT, LEFT.replace("number: 1", "number: 2")), Started())[0]
    above, first, second = parts(station)
    assert "Conf Charger" in above
    assert "charging point 2 has the same address as charging point 1" in above
    assert "No fault" in first
    assert "Conf Charger" in second


# --- the language of the device ------------------------------------------------------------------

TEMPLATE = Path(app.__file__).parent / "templates" / "status.html"
GERMAN = "device: {language: de}\n"
DYNAMIC = """\
load_management: {mode: dynamic, fuse_a: 63, reserve_a: 3, smart_meter: {source: knx, phases: 3}}
group_objects: {10: [1/0/10], 11: [1/0/11], 12: [1/0/12]}
"""


def test_the_page_asks_for_texts_that_exist_only() -> None:
    asked = set(re.findall(r"\bwords\.(\w+)", TEMPLATE.read_text(encoding="utf-8")))
    own_states = {"state_not_read_yet", "state_not_known"}  # the view asks for those
    assert asked == {field.name for field in fields(StatusTexts)} - own_states


def in_both_languages(more: str, *events: Event) -> tuple[str, str]:
    """Return the page of one site in English and in German."""
    pages = []
    for language in ("", GERMAN):
        station = after(new_station(more=more + language), Started(), *events)[0]
        bridge = Bridge(
            view=lambda station=station: view(  # type: ignore[misc]
                station, 1.0, station.configuration.device.language
            ),
            is_ready=lambda: True,
            knx_is_up=lambda: False,
        )
        pages.append(create_app(bridge).test_client().get("/").get_data(as_text=True))
    return pages[0], pages[1]


def test_a_german_device_has_no_english_word_on_its_page() -> None:
    values = {
        Quantity.STATE: ChargingState.CHARGE,
        Quantity.CONNECTED: 1,
        Quantity.CURRENT_L1: 15_900,
        Quantity.ENERGY: 1_234_560_000,
    }
    lost = ChargerConditionChanged(device=charger_id(CP2), condition=LinkCondition.NOT_REACHABLE)
    events = (charger(values), lost, StateLost())
    english, german = in_both_languages(DYNAMIC, *events)
    texts = catalogue().product.texts.status
    for field in fields(StatusTexts):
        text = getattr(texts, field.name)
        en, de = (re.split(r"\{\w+\}", words)[0].strip() for words in (text.en, text.de))
        if en and f">{en}" in english and en != de:
            assert f">{en}" not in german, field.name
            assert f">{de}" in german, field.name
    assert '<html lang="de">' in german
    assert "15,9 / - / - A" in german
    assert "15.9 / - / - A" in english
    assert "1234,56 kWh" in german


@pytest.mark.proves("7.12")
@pytest.mark.parametrize("language", ["en", "de"])
def test_a_present_fault_says_why_and_what_helps(language: str) -> None:
    lost = ChargerConditionChanged(device=charger_id(CP2), condition=LinkCondition.NOT_REACHABLE)
    shown = in_both_languages("", lost, StateLost())[("en", "de").index(language)]
    above, _, second = shown.split('<section class="point">')
    faults = catalogue().product.faults.definitions
    for part, code in ((above, FaultCode.STATE_LOST), (second, FaultCode.NOT_REACHABLE)):
        for text in (faults[code].title, faults[code].cause, faults[code].remedy):
            assert str(escape(text.in_language(language))) in part


def test_a_fault_that_is_gone_needs_no_help() -> None:
    gone = ChargerConditionChanged(device=charger_id(CP2), condition=LinkCondition.NOT_REACHABLE)
    good = ChargerConditionChanged(device=charger_id(CP2), condition=LinkCondition.GOOD)
    title = catalogue().product.faults.definitions[FaultCode.NOT_REACHABLE].title.en
    assert title in page(site(gone))
    assert title not in page(site(gone, good))


def test_a_fault_of_the_configuration_is_explained_in_the_language_of_the_device() -> None:
    same_address = (LEFT, LEFT.replace("number: 1", "number: 2"))
    german = after(new_station(*same_address, more=GERMAN), Started())[0]
    (message,) = view(german, 1.0, "de").messages
    assert message == "Ladepunkt 2 hat dieselbe Adresse wie Ladepunkt 1"
