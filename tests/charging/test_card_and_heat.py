"""The card that enables charging, the temperature warning, times a charger counts itself."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knxgw.catalogue.codes import ChargingState
from knxgw.charging.publication import Published, point_values
from knxgw.charging.quantities import Quantity, Value
from knxgw.charging.session import moment_near
from tests.charging.points import AVAILABLE, CHARGING, IDLE, WAITING, at, make_point, seen, seen_for

BERLIN = ZoneInfo("Europe/Berlin")
CARD: Mapping[Quantity, Value] = {Quantity.RFID: "04A1B2C3"}
OTHER: Mapping[Quantity, Value] = {Quantity.RFID: "0BADCAFE"}
NO_CARD: Mapping[Quantity, Value] = {Quantity.RFID: ""}
REFUSED: Mapping[Quantity, Value] = {
    Quantity.STATE: ChargingState.MANUAL_START,
    Quantity.CONNECTED: 1,
}


def card_of(*readings: Mapping[Quantity, Value]) -> list[Published]:
    """Return the value of GO 84 after each reading."""
    point = make_point(model="keba_p30")
    shown = []
    for now_s, values in enumerate(readings):
        point = seen(point, values, now_s)
        shown.append(point_values(point, now_s)["rfid"])
    return shown


@pytest.mark.proves("2.42", "GO 84")
def test_a_card_after_plug_in_is_told_when_it_enables_charging() -> None:
    shown = card_of({**AVAILABLE, **NO_CARD}, REFUSED, {**REFUSED, **CARD}, WAITING, {**AVAILABLE})
    assert shown == ["", "", "", "04A1B2C3", ""]


def test_a_card_before_plug_in_is_told_when_the_vehicle_comes() -> None:
    shown = card_of({**AVAILABLE, **NO_CARD}, {**AVAILABLE, **CARD}, WAITING, CHARGING)
    assert shown == ["", "", "04A1B2C3", "04A1B2C3"]


def test_the_card_of_the_session_before_is_not_told_for_the_next_vehicle() -> None:
    shown = card_of({**AVAILABLE, **CARD}, WAITING, {**WAITING, **CARD}, {**WAITING, **OTHER})
    assert shown == ["", "", "", "0BADCAFE"]


def test_a_vehicle_that_needed_no_card_is_not_told_as_the_card_of_before() -> None:
    old = {**CARD}
    assert card_of({**AVAILABLE, **old}, {**WAITING, **old}, {**CHARGING, **old})[-1] == ""


def test_the_same_card_counts_again_for_the_next_session() -> None:
    session: tuple[Mapping[Quantity, Value], ...] = ({**REFUSED, **CARD}, CHARGING)
    assert card_of(AVAILABLE, *session, AVAILABLE, *session)[-1] == "04A1B2C3"


def test_a_restart_in_the_middle_of_a_session_tells_no_card_again() -> None:
    point = seen(make_point(model="keba_p30"), CHARGING, 0)
    restored = replace(
        point,
        process=replace(
            point.process, card=replace(point.process.card, enabled_by="", shown_before=None)
        ),
    )
    again = seen(seen(restored, {**CHARGING, **CARD}, 1), CHARGING, 2)
    assert point_values(again, 2)["rfid"] == ""
    assert point_values(seen(again, OTHER, 3), 3)["rfid"] == "0BADCAFE", "another one is new"


@pytest.mark.proves("2.39", "GO 83")
def test_the_temperature_warning_does_not_come_and_go_at_its_threshold() -> None:
    point = make_point("temperature: {warning_c: 60}")
    shown = []
    for now_s, celsius in enumerate((59, 60, 59, 58.01, 57.9, 59.9)):
        point = seen(point, {Quantity.TEMPERATURE: round(celsius * 100)}, now_s)
        shown.append(point_values(point, now_s)["temperature_warning"])
    assert shown == [False, True, True, True, False, False]


@pytest.mark.proves("2.40")
def test_the_charger_s_own_warning_is_the_one_that_counts() -> None:
    values = {Quantity.TEMPERATURE: 2000, Quantity.TEMPERATURE_WARNING: 1}
    point = seen(make_point("temperature: {warning_c: 60}"), values, 0)
    assert point_values(point, 0)["temperature_warning"] is True


@pytest.mark.proves("3.55")
def test_start_end_and_duration_are_the_charger_s_own_where_it_has_them() -> None:
    new = make_point()
    point = replace(new, installation=replace(new.installation, zone=BERLIN))
    point = seen_for(point, CHARGING, 0, 20)
    own = {  # its clock is 5 minutes fast; NOON is 14:00 in Berlin
        Quantity.SESSION_START: (14 * 60 + 5) * 60,
        Quantity.SESSION_END: 0,
        Quantity.SESSION_DURATION: 61,
    }
    point = seen(point, {**CHARGING, **own}, 21)
    point = seen(point, {**IDLE, **own, Quantity.SESSION_END: (14 * 60 + 6) * 60}, 22)
    values = point_values(seen(point, AVAILABLE, 23), 23)
    assert values["session_start"] == at(300)
    assert values["session_end"] == at(360)
    assert values["session_duration"] == 61


def test_the_times_of_the_session_before_are_not_taken_for_the_new_one() -> None:
    old = {Quantity.SESSION_DURATION: 7777, Quantity.SESSION_START: 100}
    values = point_values(seen(make_point(), {**CHARGING, **old}, 5), 5)
    assert (values["session_start"], values["session_duration"]) == (at(5), 0)


@settings(max_examples=100)
@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1)),  # noqa: DTZ001 - made aware below
    st.integers(-11 * 3600, 11 * 3600),
)
def test_a_time_of_day_is_the_nearest_such_moment(near: datetime, away_s: int) -> None:
    moment = near.replace(microsecond=0, tzinfo=UTC)
    meant = moment + timedelta(seconds=away_s)
    local = meant.astimezone(BERLIN)
    found = moment_near(moment, local.hour * 3600 + local.minute * 60 + local.second, BERLIN)
    assert abs(found - meant) <= timedelta(hours=1), "the hour that comes twice"
    assert found.astimezone(BERLIN).time() == local.time()
