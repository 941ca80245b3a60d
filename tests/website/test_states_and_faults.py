"""What the status page says of states and faults, from the station to the page."""

from dataclasses import replace
from html import unescape

import pytest

from knxgw.catalogue.codes import ChargingState, FaultCode
from knxgw.catalogue.load import catalogue
from knxgw.charging.events import ChargerConditionChanged, LinkCondition
from knxgw.charging.quantities import Quantity
from knxgw.config.devices import charger_id
from knxgw.station.model import Event, Started, StateLost, Station
from knxgw.station.show import view
from tests.station.sites import CP1, CP2, LEFT, after, charger, new_station
from tests.support.website import website
from tests.website.test_pages import text_of

# Words of GO 50 as product 3 has them.
WORDS = (
    "illegal", "start-up", "error", "not available", "cancelled", "available", "connected",
    "manual start required", "charge", "charge with reduced current", "charge + ventilation",
    "interruption",
)  # fmt: skip
DYNAMIC = "load_management: {mode: dynamic, fuse_a: 35}\n"


def page(station: Station, language: str = "en") -> str:
    """Return what the Status page says of a station."""
    with website(lambda code: view(station, 1.0, code or "en")) as found:
        return text_of(found.get("/", language))


def parts(station: Station) -> tuple[str, str, str]:
    """Return what stands above the charging points, at the first, and at the second."""
    before_the_plot = page(station).partition("Currents 1 h")[0]
    above, _, second = before_the_plot.rpartition("2 Charging point 2")
    above, _, first = above.rpartition("1 Charging point 1")
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
    above, first, second = parts(site(gone))
    assert "NotReachable" in above, "the banner"
    assert "No fault" in first
    assert "NotReachable" in second
    above, first, second = parts(site(gone, good))
    assert "NotReachable" not in above
    assert "None now; last: NotReachable" in second


@pytest.mark.proves("7.10")
def test_a_general_fault_stands_above_the_charging_points_with_its_message() -> None:
    station = after(new_station(LEFT, LEFT.replace("number: 1", "number: 2")), Started())[0]
    above, first, second = parts(station)
    assert "Conf Charger" in above
    what = "charging point 2 has the same address as charging point 1"
    title = catalogue().product.faults.definitions[FaultCode.CONF_CHARGER].title.en
    assert f"Charging point 2 : {title} – {what}" in above
    assert above.count(what) == 1, "said once"
    assert "No fault" in first
    assert "Conf Charger" in second


@pytest.mark.proves("W18")
def test_a_fault_of_load_management_names_the_group_objects_it_is_about() -> None:
    station = after(new_station(more=DYNAMIC), Started())[0]
    above, _, _ = parts(station)
    title = catalogue().product.faults.definitions[FaultCode.DLM_ASSOCIATION].title.en
    what = "dynamic load management needs a group address at group objects 10, 11, 12"
    assert f"Device : {title} – {what}" in above
    assert above.count(what) == 1, "said once"
    assert "– dynamisches Lastmanagement braucht eine Gruppenadresse" in page(station, "de")


@pytest.mark.proves("7.12")
@pytest.mark.parametrize("language", ["en", "de"])
def test_a_present_fault_says_why_and_what_helps(language: str) -> None:
    lost = ChargerConditionChanged(device=charger_id(CP2), condition=LinkCondition.NOT_REACHABLE)
    shown = page(site(lost, StateLost()), language)
    faults = catalogue().product.faults.definitions
    for code in (FaultCode.STATE_LOST, FaultCode.NOT_REACHABLE):
        for text in (faults[code].title, faults[code].cause, faults[code].remedy):
            assert text.in_language(language) in unescape(shown)


def test_a_fault_that_is_gone_needs_no_help() -> None:
    gone = ChargerConditionChanged(device=charger_id(CP2), condition=LinkCondition.NOT_REACHABLE)
    good = ChargerConditionChanged(device=charger_id(CP2), condition=LinkCondition.GOOD)
    title = catalogue().product.faults.definitions[FaultCode.NOT_REACHABLE].title.en
    assert title in page(site(gone))
    assert title not in page(site(gone, good))


@pytest.mark.parametrize("code", catalogue().product.faults.charging_point)
def test_every_fault_of_a_charging_point_is_named_with_its_severity(code: FaultCode) -> None:
    station = site()
    point = station.points[CP2]
    faulty = replace(point, faults=point.faults.set(code, is_present=True))
    shown = page(replace(station, points={**station.points, CP2: faulty}))
    definition = catalogue().product.faults
    assert definition.definitions[code].title.en in unescape(shown)
    assert f"Severity {definition.charging_point[code]}" in shown


# --- the language of the device ------------------------------------------------------------------

GERMAN = "device: {language: de}\n"


def test_a_fault_of_the_configuration_is_explained_in_the_language_of_the_device() -> None:
    same_address = (LEFT, LEFT.replace("number: 1", "number: 2"))
    german = after(new_station(*same_address, more=GERMAN), Started())[0]
    (message,) = view(german, 1.0, "de").messages
    assert message == "Ladepunkt 2 hat dieselbe Adresse wie Ladepunkt 1"
