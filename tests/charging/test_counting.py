"""What registers that count add to session and life: restarts, registers of before, nonsense."""

from collections.abc import Mapping
from datetime import datetime

import pytest

from knxgw.catalogue.codes import ChargingState
from knxgw.catalogue.load import catalogue
from knxgw.charging.point import ChargingPoint
from knxgw.charging.publication import point_values
from knxgw.charging.quantities import PHASE_ENERGIES, Quantity, Value
from knxgw.charging.records import restored, to_record
from tests.charging.points import AVAILABLE, CHARGING, METER, WAITING, at, make_point, seen

KWH = 1_000_000
PAUSED: Mapping[Quantity, Value] = {
    Quantity.STATE: ChargingState.INTERRUPTION,
    Quantity.CONNECTED: 1,
    Quantity.CURRENT_L1: 0,
}
WITH_REGISTER = [
    model.id for model in catalogue().chargers.values() if "energy_session" in model.points
]


class Life:
    """A charging point that is read every 5 s."""

    def __init__(self, point: ChargingPoint) -> None:
        self.point = point
        self.now_s = 0.0

    def reads(self, values: Mapping[Quantity, Value], *kwh: float, of: Quantity) -> None:
        """Read a counter with these values one after the other [kWh]."""
        for value in kwh:
            self.now_s += 5.0
            reading = {**values, of: round(value * KWH)}
            self.point = seen(self.point, reading, self.now_s)

    def reported(self, key: str) -> object:
        return point_values(self.point, self.now_s)[key]

    def restart(self, now: datetime | None, off_s: float) -> None:
        record = to_record(self.point)
        self.now_s += off_s
        fresh = make_point(model=self.point.settings.model.id)
        self.point = restored(fresh, record, now, self.now_s)


def session_kwh(life: Life) -> float:
    assert life.point.session.latest is not None
    return life.point.session.latest.energy_mwh / KWH


@pytest.mark.proves("H.83", "3.51", "2.32")
@pytest.mark.parametrize("model", WITH_REGISTER)
def test_a_register_that_begins_anew_with_each_start_command_keeps_the_part_before(
    model: str,
) -> None:
    life, of = Life(make_point(model=model)), Quantity.SESSION_ENERGY
    life.reads(AVAILABLE, 7.0, 7.0, of=of)
    life.reads(WAITING, 0, of=of)
    life.reads(CHARGING, 0.01, 0.02, 0.03, 0.04, of=of)
    life.reads(PAUSED, 0.04, 0.04, of=of)
    life.reads(CHARGING, 0, 0.01, 0.02, 0.03, 0.04, 0.05, of=of)
    assert session_kwh(life) == pytest.approx(0.09)
    assert life.reported("energy_last_charge") == round(0.09 * KWH)
    life.reads(AVAILABLE, 0, of=of)
    assert session_kwh(life) == pytest.approx(0.09)


@pytest.mark.proves("3.53")
def test_a_register_that_goes_on_through_a_pause_is_told_as_it_is() -> None:
    life, of = Life(make_point()), Quantity.SESSION_ENERGY
    life.reads(WAITING, 0, of=of)
    life.reads(CHARGING, *(0.01 * n for n in range(10)), of=of)
    life.reads(PAUSED, 0.09, 0.09, of=of)
    life.reads(CHARGING, *(0.09 + 0.01 * n for n in range(10)), of=of)
    assert session_kwh(life) == pytest.approx(0.18)


@pytest.mark.parametrize("late", [0, 1, 5])
def test_what_the_register_shows_of_the_session_before_is_not_of_this_one(late: int) -> None:
    """Some show the last session until current has flowed for a while, in the new one."""
    life, of = Life(make_point()), Quantity.SESSION_ENERGY
    life.reads(AVAILABLE, 7.0, of=of)
    life.reads(WAITING, 7.0, of=of)
    life.reads(CHARGING, *[7.0] * late, 0.01, 0.02, 0.03, 0.04, 0.05, of=of)
    assert session_kwh(life) == pytest.approx(0.05)


def test_a_register_of_all_sessions_counts_what_it_grows_by() -> None:
    life, of = Life(make_point()), Quantity.SESSION_ENERGY
    life.reads(AVAILABLE, 7.0, of=of)
    life.reads(WAITING, 7.0, of=of)
    life.reads(CHARGING, 7.0, 7.01, 7.02, 7.03, of=of)
    assert session_kwh(life) == pytest.approx(0.03)


@pytest.mark.parametrize("nonsense", [0, 400, 4_294_967])
def test_a_register_of_a_session_that_peaks_or_drops_once_changes_nothing(nonsense: float) -> None:
    life, of = Life(make_point()), Quantity.SESSION_ENERGY
    life.reads(WAITING, 0, of=of)
    life.reads(CHARGING, 0.01, 0.02, 0.03, nonsense, 0.05, 0.06, of=of)
    assert session_kwh(life) == pytest.approx(0.06)
    assert life.reported("energy_last_charge") == round(0.06 * KWH)


def test_a_session_is_counted_by_the_meter_where_its_register_gives_no_answer() -> None:
    life = Life(make_point(model="keba_p30"))
    life.reads(WAITING, 100, of=Quantity.ENERGY)
    life.reads(CHARGING, 100, 100.01, 100.02, of=Quantity.ENERGY)
    assert session_kwh(life) == pytest.approx(0.02)


@pytest.mark.proves("H.82", "2.33", "2.31")
def test_a_reading_that_cannot_be_is_not_told_before_it_has_lasted() -> None:
    life, of = Life(make_point(model="alfen_eve")), Quantity.ENERGY
    life.reads(AVAILABLE, 1000, 1000, 1400, of=of)
    assert life.reported("energy") == 1000 * KWH
    assert life.reported("energy_lifetime") == 1000 * KWH
    life.reads(AVAILABLE, 1000, 0, of=of)
    assert life.reported("energy") == 1000 * KWH
    life.reads(AVAILABLE, 0, 0, 0, 0, 0.01, of=of)
    assert life.reported("energy") == 10_000, "another meter"
    assert life.reported("energy_lifetime") == 1000 * KWH + 10_000


@pytest.mark.proves("H.82", "2.33")
@pytest.mark.parametrize("nonsense", [0, 1400])
def test_a_life_does_not_begin_with_a_reading_that_the_next_one_contradicts(
    nonsense: float,
) -> None:
    """A charger that starts up with us shows nothing yet, or anything."""
    life, of = Life(make_point(model="alfen_eve")), Quantity.ENERGY
    life.reads(AVAILABLE, nonsense, of=of)
    assert life.point.energy.lifetime_mwh is None
    life.reads(AVAILABLE, *[1000] * 6, of=of)
    assert life.reported("energy") == 1000 * KWH
    assert life.reported("energy_lifetime") == 1000 * KWH
    life.reads(AVAILABLE, nonsense, 1000.01, of=of)
    assert life.reported("energy_lifetime") == 1000 * KWH + 10_000


def test_a_doubt_ends_with_a_reading_as_before_also_when_that_shows_nothing_new() -> None:
    life, of = Life(make_point(model="alfen_eve")), Quantity.ENERGY
    for _ in range(5):
        life.reads(AVAILABLE, 1000, 0, 1000, of=of)
    assert life.point.energy.lifetime_counter.doubt is None
    assert life.reported("energy") == 1000 * KWH


@pytest.mark.parametrize("phase", PHASE_ENERGIES)
def test_the_counter_of_a_phase_is_judged_like_the_sum(phase: Quantity) -> None:
    life = Life(make_point(model="alfen_eve"))
    life.reads(AVAILABLE, 300, 700, of=phase)
    assert life.reported(phase.value) == 300 * KWH
    life.reads(AVAILABLE, 300.005, of=phase)
    assert life.reported(phase.value) == round(300.005 * KWH)


def test_a_coarse_register_may_move_by_its_own_step() -> None:
    life, of = Life(make_point("phases: 1, " + METER, model="evse_din")), Quantity.ENERGY
    assert life.point.energy.lifetime_counter.register.slack_mwh >= 2 * KWH
    life.point = seen(life.point, AVAILABLE, 0)
    assert of in life.point.metered_quantities


@pytest.mark.proves("3.57")
def test_what_flowed_while_the_gateway_was_off_counts_as_far_as_the_time_allows() -> None:
    life, of = Life(make_point(model="alfen_eve")), Quantity.ENERGY
    life.reads(CHARGING, 1000, 1000.01, of=of)
    life.restart(at(life.now_s + 3600), 3600)
    life.reads(CHARGING, 1011, of=of)
    assert life.reported("energy_lifetime") == 1011 * KWH
    life.restart(at(life.now_s + 3600), 3600)
    life.reads(CHARGING, 2000, 1011.5, of=of)
    assert life.reported("energy_lifetime") == round(1011.5 * KWH)


def test_without_a_clock_a_large_rise_over_a_restart_is_taken_when_it_lasts() -> None:
    life, of = Life(make_point(model="alfen_eve")), Quantity.ENERGY
    life.reads(CHARGING, 1000, 1000, of=of)
    life.restart(None, 3600)
    life.reads(CHARGING, 1011, of=of)
    assert life.point.energy.lifetime_mwh == 1000 * KWH
    life.reads(CHARGING, *[1011] * 5, of=of)
    assert life.point.energy.lifetime_mwh == 1011 * KWH


@pytest.mark.proves("3.57", "3.51")
@pytest.mark.parametrize("then", [(0.35, 0.4), (0.05, 0.06, 0.07, 0.1)])
def test_the_register_of_a_session_is_followed_over_a_restart(then: tuple[float, ...]) -> None:
    """Also where the restart of the gateway, a start command, lets it begin again."""
    life, of = Life(make_point()), Quantity.SESSION_ENERGY
    life.reads(WAITING, 0, of=of)
    life.reads(CHARGING, 0.1, 0.2, 0.3, of=of)
    life.restart(at(life.now_s + 60), 60)
    life.reads(CHARGING, *then, of=of)
    assert session_kwh(life) == pytest.approx(0.4)


@pytest.mark.proves("H.83", "3.55", "3.51")
def test_a_duration_and_a_start_that_begin_anew_with_a_start_command_are_not_taken() -> None:
    point = seen(make_point(model="victron_evcs"), WAITING, 0)
    for now_s in range(5, 100, 5):
        point = seen(point, {**CHARGING, Quantity.SESSION_DURATION: now_s - 5}, now_s)
    for now_s in range(100, 400, 5):
        point = seen(point, PAUSED, now_s)
    for now_s in range(400, 500, 5):
        point = seen(point, {**CHARGING, Quantity.SESSION_DURATION: now_s - 400}, now_s)
    assert point.session.latest is not None
    assert point.session.latest.duration_s == 490
    point = seen(point, AVAILABLE, 500)
    point = seen(seen(point, WAITING, 510), CHARGING, 515)
    for now_s in range(520, 600, 5):
        point = seen(point, {**CHARGING, Quantity.SESSION_DURATION: now_s - 510}, now_s)
    assert point.session.latest is not None
    assert point.session.latest.duration_s == 85, "the next vehicle's is the charger's own again"


# --- by power, only where nothing counts ---------------------------------------------------------

POWERED = {**CHARGING, Quantity.POWER: 3600}  # 1 Wh each second


def test_without_a_counter_the_session_is_counted_by_power() -> None:
    point = seen(make_point(model="abb_terra_ac"), WAITING, 0)
    for now_s in range(10, 111, 10):
        point = seen(point, POWERED, now_s)
    assert point.session.latest is not None
    assert point.session.latest.energy_mwh == pytest.approx(100_000, abs=10)


def test_where_a_counter_counts_power_adds_nothing_however_seldom_it_is_read() -> None:
    life = Life(seen(make_point(model="goe_charger"), WAITING, 0))
    life.reads(POWERED, 7.0, 7.0, of=Quantity.ENERGY)
    for _ in range(20):
        life.now_s += 5.0
        life.point = seen(life.point, POWERED, life.now_s)
    life.reads(POWERED, 7.1, of=Quantity.ENERGY)
    assert session_kwh(life) == pytest.approx(0.1)


def test_a_duration_that_the_charger_does_not_count_does_not_stop_the_gateway_s_own() -> None:
    point = make_point(model="goodwe_hca")
    for now_s in range(120):
        point = seen(point, {**CHARGING, Quantity.SESSION_DURATION: 0}, now_s)
    assert point.session.latest is not None
    assert point.session.latest.duration_s == 119
