"""What the status page says of states and faults, from the station to the page."""

import pytest

from knxgw.charging.events import ChargerConditionChanged
from knxgw.charging.words import ChargingState, LinkCondition, Quantity
from knxgw.config.devices import charger_id
from knxgw.station.model import Event, Started, Station
from knxgw.station.view import view
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
