"""What the history says of a session: its highest power, the card, and how charging was at its end."""

from dataclasses import replace

import pytest

from knxgw.catalogue.codes import ChargingState, Reason
from knxgw.charging.point import ChargingPoint
from knxgw.charging.precedence import Decision
from knxgw.charging.quantities import Quantity
from knxgw.charging.records import read_record, to_record
from knxgw.charging.session import SessionDetails, SessionEnding
from tests.charging.points import AVAILABLE, CHARGING, IDLE, WAITING, make_point, seen, seen_for


def details(point: ChargingPoint) -> SessionDetails:
    assert point.session.latest is not None
    return point.session.latest.details


def charged() -> ChargingPoint:
    return seen_for(seen(make_point(model="goe_charger"), WAITING, 5), CHARGING, 10, 30)


def test_the_highest_power_is_kept() -> None:
    point = charged()
    for at_s, power_w in ((31, 11_000), (32, 3_000), (33, 10_999)):
        point = seen(point, {**CHARGING, Quantity.POWER: power_w}, at_s)
    assert details(point).highest_power_w == 11_000


def test_of_a_card_the_last_four_characters_are_kept_also_over_a_restart() -> None:
    point = seen(make_point(model="goe_charger"), {**AVAILABLE, Quantity.RFID: ""}, 1)
    point = seen(point, {**WAITING, Quantity.RFID: ""}, 5)
    shown = {**CHARGING, Quantity.STATE: ChargingState.CHARGE, Quantity.RFID: "DEADBEEF"}
    point = seen_for(point, shown, 10, 30)
    assert details(point).card == "BEEF"
    record = to_record(point)
    assert "DEADBEEF" not in str(record)
    session = read_record(record).session
    assert session is not None
    assert session.details == details(point)


@pytest.mark.parametrize(
    ("decision", "ending", "held_by"),
    [
        (Decision(16_000, Reason.MAXIMUM), SessionEnding.UNPLUGGED, None),
        (Decision(0, Reason.GRID_CONTROL), SessionEnding.HELD_BACK, Reason.GRID_CONTROL),
        (Decision(0, Reason.CANCELLED), SessionEnding.HELD_BACK, Reason.CANCELLED),
        (None, SessionEnding.UNPLUGGED, None),
    ],
)
def test_the_end_says_what_held_charging_back(
    decision: Decision | None, ending: SessionEnding, held_by: Reason | None
) -> None:
    point = charged()
    point = replace(point, control=replace(point.control, decision=decision))
    point = seen(point, AVAILABLE, 40)
    assert (details(point).ending, details(point).held_by) == (ending, held_by)


def test_a_vehicle_that_drew_nothing_more_was_complete() -> None:
    point = seen_for(charged(), IDLE, 31, 31 + 700)
    assert point.process.is_complete
    point = seen(point, AVAILABLE, 800)
    assert details(point).ending is SessionEnding.COMPLETE


def test_a_record_of_before_has_no_details_and_nonsense_is_left_out() -> None:
    record = to_record(charged())
    for name in ("highest_power_w", "card", "ending", "held_by"):
        del record["session"][name]
    stored = read_record(record)
    assert stored.session is not None
    assert stored.session.details == SessionDetails()
    assert stored.unknown_fields == ()
    record["session"] |= {"card": 7, "ending": "odd", "held_by": 99, "highest_power_w": None}
    stored = read_record(record)
    assert stored.session is not None
    assert stored.session.details == SessionDetails()
