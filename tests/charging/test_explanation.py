"""Why a charging point gets what it gets, as people want to know it."""

import pytest

from knxgw.catalogue.codes import Reason
from knxgw.charging.events import LinkCondition
from knxgw.charging.explanation import with_shown_reason
from knxgw.charging.link import link_changed, offer_acknowledged
from knxgw.charging.point import ChargingPoint
from knxgw.charging.precedence import Decision
from knxgw.charging.quantities import Quantity
from tests.charging.points import AVAILABLE, CHARGING, make_point, seen

HELD = [
    Reason.CONFIGURATION,
    Reason.FAULT,
    Reason.NOT_FOLLOWING,
    Reason.INTERRUPTION,
    Reason.GRID_CONTROL,
    Reason.LOCK_OUT,
    Reason.CANCELLED,
    Reason.RESTORING,
    Reason.INTERNAL_ERROR,
    Reason.STOPPING,
    Reason.METER_LOST,
    Reason.HIGH_POWER,
    Reason.INVALID_CURRENT,
]
EVERYDAY = [Reason.SETPOINT, Reason.MINIMUM, Reason.MAXIMUM, Reason.WAITING_FOR_CURRENT]


def reported(
    point: ChargingPoint, reason: Reason, now_s: float, *, managed: bool = False, ma: int = 16_000
) -> Reason:
    return with_shown_reason(point, Decision(ma, reason), now_s, is_load_managed=managed).reason


@pytest.mark.proves("5.15")
@pytest.mark.parametrize("managed", [False, True])
@pytest.mark.parametrize("reason", HELD)
def test_what_holds_a_point_back_is_told_before_anything_else(
    reason: Reason,
    managed: bool,  # noqa: FBT001 - a parameter
) -> None:
    for point in (make_point(), seen(make_point(), AVAILABLE, 0)):
        assert reported(point, reason, 1, managed=managed) is reason


@pytest.mark.proves("H.85")
@pytest.mark.parametrize("managed", [False, True])
@pytest.mark.parametrize("reason", EVERYDAY)
def test_a_free_point_says_that_there_is_no_vehicle(
    reason: Reason,
    managed: bool,  # noqa: FBT001 - a parameter
) -> None:
    free = seen(make_point(), AVAILABLE, 0)
    assert reported(free, reason, 1, managed=managed) is Reason.NO_VEHICLE
    assert reported(seen(free, CHARGING, 2), reason, 3, managed=managed) is reason


@pytest.mark.proves("H.85")
@pytest.mark.parametrize("managed", [False, True])
def test_before_the_first_answer_nothing_was_read_yet(
    managed: bool,  # noqa: FBT001 - a parameter
) -> None:
    point = make_point()
    for reason in (*EVERYDAY, Reason.NOT_REACHABLE):
        assert reported(point, reason, 1, managed=managed) is Reason.NOT_READ_YET


@pytest.mark.proves("H.85")
@pytest.mark.parametrize("condition", [LinkCondition.NOT_REACHABLE, LinkCondition.WRONG_MODEL])
def test_what_a_silent_charger_gives_is_not_known(condition: LinkCondition) -> None:
    gone = link_changed(seen(make_point(), CHARGING, 0), condition)
    assert reported(gone, Reason.MAXIMUM, 1) is Reason.CHARGER_SILENT
    assert reported(gone, Reason.NOT_REACHABLE, 1, managed=True) is Reason.NOT_REACHABLE
    never = link_changed(make_point(), condition)
    assert reported(never, Reason.MAXIMUM, 1) is Reason.CHARGER_SILENT


def test_a_state_that_went_stale_is_silence_too() -> None:
    point = link_changed(seen(make_point(), CHARGING, 0), LinkCondition.GOOD)
    assert reported(point, Reason.MAXIMUM, 9) is Reason.MAXIMUM
    assert reported(point, Reason.MAXIMUM, 60) is Reason.CHARGER_SILENT


@pytest.mark.proves("H.85", "5.15")
def test_a_charger_that_reports_less_than_it_has_taken_limits_itself() -> None:
    point = offer_acknowledged(seen(make_point(), CHARGING, 0), 16_000, 1)
    early = seen(point, {**CHARGING, Quantity.SETPOINT: 6000}, 3)
    assert reported(early, Reason.MAXIMUM, 3) is Reason.MAXIMUM, "that may be the previous setpoint"
    late = seen(point, {**CHARGING, Quantity.SETPOINT: 10_000}, 7)
    assert reported(late, Reason.MAXIMUM, 7) is Reason.CHARGER_LIMIT
    assert reported(late, Reason.SETPOINT, 7, ma=8000) is Reason.SETPOINT, "that is not taken yet"
    assert reported(late, Reason.MAXIMUM, 7, managed=True) is Reason.MAXIMUM
    for reported_ma in (0, 15_900, 16_000, 17_000):
        close = seen(point, {**CHARGING, Quantity.SETPOINT: reported_ma}, 7)
        assert reported(close, Reason.MAXIMUM, 7) is Reason.MAXIMUM


def test_every_reason_has_its_number() -> None:
    assert [int(reason) for reason in Reason] == list(range(1, 31))
