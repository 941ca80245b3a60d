"""The fault table of the product, row by row: text, flag, what is shown, LED, and clearing."""

from dataclasses import replace
from datetime import UTC
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knxgw.catalogue.codes import FaultCode
from knxgw.catalogue.load import catalogue
from knxgw.charging.events import LinkCondition
from knxgw.charging.faults import FaultRegister
from knxgw.charging.link import link_changed
from knxgw.charging.publication import point_values
from knxgw.charging.scope import DEVICE
from knxgw.device.panel import PanelState, Phase
from knxgw.objects.codec import encode
from knxgw.station.model import Started, Station, Tick
from tests.charging.points import make_point
from tests.device.watching import in_words, watched
from tests.station.sites import after, new_station
from tests.support.world import from_payload

# Text and severity as product 7 has them, typed in here once more.
GENERAL = {
    "ContactSupport": 130,
    "Conf NoCharger": 120,
    "Conf Charger": 120,
    "Conf EMeter": 120,
    "DLMAssociation": 120,
    "SmartMeterTOut": 90,
    "CTDirection": 90,  # ours
    "MeterFrozen": 90,  # ours
    "OverCurrent": 80,
    "DLM InvCurrent": 70,
    "StateLost": 60,  # ours
    "UpdateFailed": 60,  # ours
}
POINT = {
    "Conf Charger": 120,
    "Conf EMeter": 120,
    "DLM InvCurrent": 90,
    "NotReachable": 80,
    "WrongCharger": 70,
    "NotStopping": 80,
    "NotFollowing": 60,
    "Comm": 60,
    "ChargerError": 50,
    "OpNotPossible": 40,
    "ValOutOfRange": 40,
    "EMeterNotReach": 30,
    "EMeter Comm": 20,
    "EMeter Error": 10,
}
INFORMATION = ("OpNotPossible", "ValOutOfRange")
SCOPES = {"general": GENERAL, "charging point": POINT}
LASTING = [
    (scope, code, severity)
    for scope, rows in SCOPES.items()
    for code, severity in rows.items()
    if code not in INFORMATION
]
scopes = st.sampled_from(sorted(SCOPES))


def register(scope: str) -> FaultRegister:
    faults = catalogue().product.faults
    return FaultRegister(severities=faults.general if scope == "general" else faults.charging_point)


def reported(faults: FaultRegister, *codes: str, present: bool = True) -> FaultRegister:
    for code in codes:
        faults = faults.set(FaultCode(code), is_present=present)
    return faults


@cache
def quiet_station() -> Station:
    return after(new_station(), Started())[0]


@cache
def app(severity: int) -> str:
    """Say what APP shows."""
    flashes = catalogue().product.faults.flashes(severity)
    state = PanelState(phase=Phase.RUNNING, is_knx_connected=True, fault_flashes=flashes)
    return in_words(watched(state), "app")


def on_the_bus(scope: str, faults: FaultRegister) -> tuple[object, object]:
    """Return what GO 8 and 9, or 94 and 95, say."""
    if scope == "general":
        station = after(replace(quiet_station(), faults=faults), Tick())[0]
        values = station.output.published[DEVICE]
        flag, text = values["fault"], values["last_fault"]
    else:
        point = replace(link_changed(make_point(), LinkCondition.GOOD), faults=faults)
        flag, text = (point_values(point, 0)[key] for key in ("point_fault", "last_point_fault"))
    return (
        from_payload("1.002", encode("1.002", flag, UTC)),
        from_payload("16.001", encode("16.001", text, UTC)),
    )


def on_the_panel(*registers: FaultRegister) -> str:
    present = [one.severities[code] for one in registers for code in one.present]
    return app(max(present, default=0))


def flashing(severity: int) -> str:
    if severity >= 120:
        return "5 slow flashes, pause"
    return "3 slow flashes, pause" if severity >= 60 else "on"


def test_the_table_is_the_one_of_the_specification() -> None:
    for scope, rows in SCOPES.items():
        severities = register(scope).severities
        assert {code.value: severity for code, severity in severities.items()} == rows


@pytest.mark.proves(
    "7.20", "7.21", "7.22", "7.23", "7.24", "7.25", "7.26", "7.27", "7.29", "7.29a",
    "7.30", "7.31", "7.32", "7.33", "7.34", "7.35", "7.36", "7.37", "7.38", "7.41", "7.42", "7.43",
    "7.1", "7.2", "7.5", "7.7", "7.13", "7.14", "7.15", "GO 8", "GO 9", "GO 94", "GO 95",
)  # fmt: skip
@pytest.mark.parametrize(("scope", "code", "severity"), LASTING)
def test_a_fault_has_its_text_flag_and_led_and_keeps_its_text_when_it_is_gone(
    scope: str, code: str, severity: int
) -> None:
    faults = register(scope)
    assert on_the_bus(scope, faults) == (False, "No error")
    faults = reported(faults, code)
    assert on_the_bus(scope, faults) == (True, code)
    assert on_the_panel(faults) == flashing(severity)
    faults = reported(faults, code, present=False)
    assert on_the_bus(scope, faults) == (False, code)
    assert on_the_panel(faults) == "on"


@pytest.mark.proves("7.39", "7.40", "7.17")
@pytest.mark.parametrize("code", INFORMATION)
def test_a_fault_for_information_is_told_but_never_present(code: str) -> None:
    faults = register("charging point").raise_transient(FaultCode(code))
    assert on_the_bus("charging point", faults) == (False, code)
    assert on_the_panel(faults) == "on"


@pytest.mark.proves("7.17")
@pytest.mark.parametrize("code", INFORMATION)
@pytest.mark.parametrize("other", [code for code in POINT if code not in INFORMATION])
def test_a_fault_for_information_hides_no_severer_one(code: str, other: str) -> None:
    faults = reported(register("charging point"), other).raise_transient(FaultCode(code))
    flag, text = on_the_bus("charging point", faults)
    assert flag is True
    if POINT[other] > POINT[code]:
        assert text == other
    assert on_the_panel(faults) == flashing(POINT[other])


@pytest.mark.proves("7.1", "7.2", "7.3", "7.6")
@pytest.mark.parametrize(
    ("scope", "severe", "lesser"),
    [
        (scope, one, other)
        for scope, one, severity in LASTING
        for other_scope, other, other_severity in LASTING
        if scope == other_scope and severity > other_severity
    ],
)
def test_the_severer_fault_is_shown_until_it_clears_and_then_the_lesser(
    scope: str, severe: str, lesser: str
) -> None:
    for order in ((severe, lesser), (lesser, severe)):
        faults = reported(register(scope), *order)
        assert on_the_bus(scope, faults) == (True, severe)
        assert on_the_panel(faults) == flashing(SCOPES[scope][severe])
        faults = reported(faults, severe, present=False)
        assert on_the_bus(scope, faults) == (True, lesser)
        assert on_the_panel(faults) == flashing(SCOPES[scope][lesser])
        faults = reported(faults, lesser, present=False)
        assert on_the_bus(scope, faults) == (False, lesser)
        faults = reported(reported(register(scope), *order), lesser, present=False)
        assert on_the_bus(scope, faults) == (True, severe)


@pytest.mark.proves("7.4")
@pytest.mark.parametrize(
    ("scope", "older", "newer"),
    [
        (scope, one, other)
        for scope, one, severity in LASTING
        for other_scope, other, other_severity in LASTING
        if scope == other_scope and one != other and severity == other_severity
    ],
)
def test_the_newest_of_equally_severe_faults_is_shown(scope: str, older: str, newer: str) -> None:
    faults = reported(register(scope), older, newer)
    assert on_the_bus(scope, faults) == (True, newer)
    assert on_the_bus(scope, reported(faults, older)) == (True, newer), "it is not new again"
    assert on_the_bus(scope, reported(faults, newer, present=False)) == (True, older)


@settings(max_examples=200)
@given(st.data())
def test_whatever_comes_and_goes_the_register_tells_what_a_list_of_the_faults_says(
    data: st.DataObject,
) -> None:
    scope = data.draw(scopes)
    rows = SCOPES[scope]
    codes = st.sampled_from([code for code in rows if code not in INFORMATION])
    faults, present, last = register(scope), list[str](), "No error"
    for code, comes in data.draw(st.lists(st.tuples(codes, st.booleans()), max_size=12)):
        faults = reported(faults, code, present=comes)
        if comes and code not in present:
            present.append(code)
        elif not comes and code in present:
            present.remove(code)
            last = code if not present else last
        worst = max((rows[one] for one in present), default=0)
        newest = [one for one in present if rows[one] == worst]
        assert (faults.is_present, faults.text) == (bool(present), newest[-1] if newest else last)
