"""What the Status page and the page of a charging point say."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from knxgw.knx.flow_counts import FlowCounts
from knxgw.station.actions import Action
from knxgw.station.view import (
    FaultView,
    LimitView,
    LoadManagementView,
    PhaseView,
    PointView,
    SiteView,
)
from knxgw.website.access.roles import Role
from knxgw.website.device_facts import AdapterFacts, DeviceFacts
from knxgw.website.pages.point import current_ma as typed_ma
from tests.support.own_configuration import Own
from tests.support.website import NOON, website

POINT = PointView(
    number=1, name="Left", model="KEBA KeContact P30", state=8, state_words="Charge", connected=True,
    condition="good", offer_ma=16_000, reason="maximum current", reason_code=15, setpoint_ma=16_000,
    phases_ma=(15_900, None, 0), current_ma=15_900, power_w=3657, energy_wh=1_234_560,
    session_wh=None, interruption=False, complete=False, fault="No error", fault_present=False,
    fault_infos=(), is_charging=True, actions=(Action.STOP, Action.INTERRUPT),
)  # fmt: skip
SHARED = LoadManagementView(
    state_words="normal",
    limit_ma=32_000,
    meter_age_s=1.4,
    phases=(
        PhaseView(
            name="L1", measured_ma=20_100, base_ma=-400, available_ma=31_000, allocated_ma=12_000
        ),
    ),
)
SITE = SiteView(
    load_management=None,
    name="Garage <1>", grid_control=False, fault="No error", fault_present=False, messages=(),
    points=(POINT,),
)  # fmt: skip


def page(site: SiteView, path: str = "/", language: str = "en") -> str:
    with website(lambda _language: site) as found:
        return found.get(path, language)


def text_of(html: str) -> str:
    """Return what a page says, without its tags and what only scripts use."""
    html = re.sub(
        r"<template>.*?</template>|<script.*?</script>|<svg.*?</svg>", "", html, flags=re.DOTALL
    )
    return " ".join(re.sub(r"<[^>]+>", " ", html).replace("\u202f", " ").split())


@pytest.mark.proves("3.13", "3.58", "5.15")
def test_the_status_shows_state_current_and_reason() -> None:
    text = text_of(page(SITE))
    assert "Charge (8)" in text
    assert "16.0 A – maximum current." in text
    assert "offered 16.0 A" in text
    assert "L1 15.9 A L2 – L3 0.0 A" in text
    assert "No fault" in text
    assert "not suitable for billing" in text


def test_the_page_of_a_point_shows_its_details() -> None:
    text = text_of(page(SITE, "/points/1"))
    assert "Meter reading 1,234.56 kWh" in text
    assert "Why 16.0 A?" in text


@pytest.mark.proves("W16")
def test_a_point_says_that_it_is_too_hot_and_what_is_wrong_with_its_meter() -> None:
    hot = replace(
        POINT,
        detail=replace(POINT.detail, temperature_c=71.0, is_hot=True),
        installed=replace(POINT.installed, meter="Eastron SDM630"),
        faults=(FaultView(code="EMeterNotReach", severity=60, title="", cause="", remedy=""),),
    )
    text = text_of(page(replace(SITE, points=(hot,)), "/points/1"))
    assert "Temperature inside 71.0 °C, too hot" in text
    assert "Electricity meter Eastron SDM630: no connection" in text
    cool = replace(hot, detail=replace(hot.detail, is_hot=False), faults=())
    text = text_of(page(replace(SITE, points=(cool,)), "/points/1"))
    assert "too hot" not in text
    assert "no connection" not in text


def test_names_are_escaped() -> None:
    assert "Garage &lt;1&gt;" in page(SITE)


def test_a_fault_and_its_code_are_shown() -> None:
    point = replace(POINT, fault="ChargerError 0x0008", fault_present=True)
    text = text_of(
        page(replace(SITE, points=(point,), messages=("CP 2 uses the address of CP 1",)))
    )
    assert "ChargerError 0x0008" in text
    assert "CP 2 uses the address of CP 1" in text


@pytest.mark.proves("W19")
def test_what_a_silent_meter_said_is_grey_has_no_bar_and_says_since_when() -> None:
    shared = replace(SHARED, meter_age_s=3600.0, is_meter_alive=False)
    html = page(replace(SITE, load_management=shared))
    text = text_of(html)
    assert "Smart meter silent since 11:00" in text
    assert 'data-tone="muted">20.1 / 32.0' in html
    assert 'data-tone="good">20.1' not in html
    fresh = page(replace(SITE, load_management=replace(SHARED, meter_age_s=1.0)))
    assert "Smart meter 1 s ago" in text_of(fresh)
    assert 'data-tone="good">20.1 / 32.0' in fresh


@pytest.mark.proves("W16")
def test_the_table_of_the_mains_connection_says_what_its_bars_say() -> None:
    phase = replace(SHARED.phases[0], base_ma=8_100, shares_ma={1: 7_000, 2: 5_000})
    site = replace(SITE, load_management=replace(SHARED, phases=(phase,)))
    text = text_of(page(site))
    table = (
        "measured 20.1 A building 8.1 A charging points 12.0 A free up to the limit 11.9 A"
        " limit 32.0 A available to the charging points 31.0 A allocated 12.0 A"
    )
    assert table in text
    assert "Mark: limit 32.0 A" in text
    above = replace(phase, measured_ma=33_000)
    too_much = text_of(page(replace(site, load_management=replace(SHARED, phases=(above,)))))
    assert "free up to the limit 0.0 A" in too_much
    silent = replace(SHARED, phases=(phase,), is_meter_alive=False)
    assert "free up to the limit – limit" in text_of(page(replace(site, load_management=silent)))


@pytest.mark.proves("W18")
def test_the_fault_of_a_silent_meter_says_when_it_was_heard_last() -> None:
    fault = FaultView(
        code="SmartMeterTOut", severity=90, title="Smart meter silent", cause="c", remedy="r"
    )
    shared = replace(SHARED, meter_age_s=3600.0, is_meter_alive=False)
    site = replace(SITE, load_management=shared, faults=(fault,))
    assert "Device : Smart meter silent – last value: 11:00 SmartMeterTOut" in text_of(page(site))
    assert "Smart meter silent – letzter Wert: 11:00" in text_of(page(site, language="de"))
    never = replace(site, load_management=replace(shared, meter_age_s=None))
    assert "Device : Smart meter silent SmartMeterTOut" in text_of(page(never))
    other = replace(site, faults=(replace(fault, code="StateLost"),))
    assert "last value" not in text_of(page(other))


@pytest.mark.proves("W16")
def test_whose_turn_it_is_stands_at_the_mains_connection() -> None:
    shared = replace(SHARED, turn=2)
    assert "Its turn: charging point 2" in text_of(page(replace(SITE, load_management=shared)))


def test_a_static_limit_has_no_smart_meter_to_wait_for() -> None:
    shared = replace(SHARED, meter_age_s=None, has_meter=False)
    text = text_of(page(replace(SITE, load_management=shared)))
    assert "Without a smart meter" in text
    assert "not heard yet" not in text


@pytest.mark.proves("W16")
def test_status_says_why_the_device_started_and_how_it_is_connected() -> None:
    facts = DeviceFacts(
        started_at=NOON, start_cause="power", configuration_source="file",
        adapters=(
            AdapterFacts(name="eth0", is_up=True, mbit_s=1000),
            AdapterFacts(name="wlan0", is_up=True),
            AdapterFacts(name="eth1", is_up=False),
        ),
        serial_line="/dev/ttyUSB0, rtu, 9600 baud, 8N1",
    )  # fmt: skip
    with website(lambda _language: SITE, facts=lambda: facts) as found:
        text = text_of(found.get("/"))
    assert "Before it: a power cut, or a restart of the machine" in text
    for line in (
        "Configuration file of the host",
        "Network eth0: connected, 1000 Mbit/s; wlan0: connected; eth1: no link",
        "RS485 line /dev/ttyUSB0, rtu, 9600 baud, 8N1",
    ):
        assert line in text


@pytest.mark.proves("W16", "W37")
def test_numbers_that_the_device_has_not_got_yet_are_not_passed_over() -> None:
    none = "none yet (comes with the KNX device)"
    text = text_of(page(SITE))
    assert f"Order number {none} Serial number {none}" in text
    numbered = DeviceFacts(serial="00FA:12345678")
    with website(lambda _language: SITE, facts=lambda: numbered) as found:
        assert "Serial number 00FA:12345678" in text_of(found.get("/"))
        assert "Serial number: 00FA:12345678" in found.get("/support.txt")
        assert f"Order number: {none}" in found.get("/support.txt")
        assert "noch keine (kommt mit dem KNX-Gerät)" in found.get("/support.txt", "de")


@pytest.mark.proves("W37")
def test_the_support_text_says_what_was_too_fast_on_knx() -> None:
    flow = FlowCounts(busy_received=7, busy_sent=2, lost_here=3, lost_at_others=5)
    with website(lambda _language: SITE, facts=lambda: DeviceFacts(flow=flow)) as found:
        text, german = (found.get("/support.txt", code) for code in ("en", "de"))
    assert "KNX telegrams lost: 3 here, 5 elsewhere\n" in text
    assert "Pauses on KNX routing: 2 wanted by us, 7 by others\n" in text
    assert "Verlorene KNX-Telegramme: 3 hier, 5 anderswo\n" in german


@pytest.mark.parametrize(("ready", "status"), [(True, 200), (False, 503)])
def test_health_is_503_until_the_gateway_is_ready(ready: bool, status: int) -> None:  # noqa: FBT001
    with website(lambda _language: SITE, is_ready=lambda: ready) as found:
        assert found.browser.get("/health").status_code == status


def test_the_page_shows_how_the_mains_connection_is_shared() -> None:
    assert "Load management is off." in text_of(page(SITE))
    text = text_of(page(replace(SITE, load_management=SHARED)))
    assert "20.1 / 32.0 A" in text
    assert "Smart meter 1 s ago" in text


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"state": 5, "reason_code": 27, "offer_ma": 0}, "No vehicle is plugged in."),
        ({"current_ma": 0}, "The vehicle draws nothing: 16.0 A are offered."),
        ({"offer_ma": 0, "reason": "interruption", "reason_code": 4}, "No current: interruption."),
    ],
)
def test_what_a_vehicle_gets_is_explained(change: dict[str, object], sentence: str) -> None:
    point = replace(POINT, **change)  # type: ignore[arg-type]
    assert sentence in text_of(page(replace(SITE, points=(point,))))


@pytest.mark.proves("W20")
def test_a_limit_says_since_when_and_how_long_it_holds() -> None:
    began = NOON - timedelta(minutes=4)
    limits = (
        LimitView(
            reason=6, words="lock-out", cap_ma=0, is_effective=True, since=began, ends_in_s=58.0
        ),
        LimitView(reason=3, words="not following", cap_ma=0, is_effective=False, since=began),
        LimitView(reason=15, words="maximum current", cap_ma=16_000, is_effective=False),
    )
    site = replace(SITE, points=(replace(POINT, limits=limits),))
    text = text_of(page(site, "/points/1"))
    assert "lock-out since 11:56 · 58 s left 0.0 A not following since 11:56 0.0 A max" in text
    german = text_of(page(site, "/points/1", "de"))
    assert "lock-out seit 11:56 · noch 58 s 0,0 A not" in german


def test_what_the_page_shows_first_is_what_its_stream_shows() -> None:
    shared = replace(SITE, load_management=SHARED)
    with website(lambda _language: shared) as found:
        html = found.get("/")
        state = found.browser.get("/api/v1/page").get_json()
    bound = re.findall(r'data-bind="text:([^";*]+)[";][^>]*>([^<]*)<', html)
    assert len(bound) > 30
    for path, shown in bound:
        node = state
        for key in path.split("."):
            node = node.get(key, {}) if isinstance(node, dict) else {}
        assert shown == ("" if node == {} else str(node)).replace("<", "&lt;").replace(
            ">", "&gt;"
        ), path


@pytest.mark.parametrize(
    ("typed", "current_ma"),
    [("12,5", 12_500), ("12.5", 12_500), (" 16 ", 16_000), ("16,000", 16_000), ("0", 0),
     ("1_6", None), ("1e1", None), ("1.250,5", None), ("1 0", None), ("81", None), ("", None)],
)  # fmt: skip
def test_a_setpoint_has_a_comma_or_a_point_and_no_separators(
    typed: str, current_ma: int | None
) -> None:
    assert typed_ma(typed) == current_ma


@pytest.mark.proves("W45")
def test_status_asks_whoever_may_change_the_configuration_to_keep_a_change_that_waits() -> None:
    until = [NOON]
    device = Own("knx: {link: none}\n").control(
        confirm_until=lambda: until[0] if until else None, confirm=until.clear
    )
    with website(lambda _language: SITE, device=device) as found:
        words = "Without a confirmation by 1 Jul 2026, 12:00, the device returns"
        page = found.get("/")
        assert words in text_of(page)
        assert page.count('id="keep-change"') == 1
        assert re.search(r'aria-labelledby="keep-change"[^>]* hidden', page) is None
        reader = found.guest(Role.USER)
        assert "Keep the change" not in reader.get("/")
        assert found.post("/config/confirm", next="/").headers["Location"] == "/?said=confirmed"
        page = found.get("/")
        assert words not in text_of(page)
        assert re.search(r'aria-labelledby="keep-change"[^>]* hidden', page) is not None
