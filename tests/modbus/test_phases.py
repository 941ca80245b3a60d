"""How many phases a vehicle uses: what is told while nobody knows, and what makes it known."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knxgw.catalogue.codes import ChargingState
from knxgw.charging.quantities import Quantity, Value
from knxgw.modbus.phases import EXCESS, FOLLOW_S, IDLE_S, STOPS_S, TRY_S, PhaseCount

OFFER_MA = 16_000
LEAST_W = 1380  # 6 A on one phase
WAITS, CHARGES = ChargingState.CONNECTED, ChargingState.CHARGE


class Bench:
    """A phase count that hears a reading every second."""

    def __init__(
        self, *, configured: int = 3, measures_currents: bool = True, offer_ma: int = OFFER_MA
    ) -> None:
        self.count = PhaseCount(
            configured=configured,
            minimum_ma=6000,
            maximum_ma=32_000,
            has_currents=measures_currents,
        )
        self.offer_ma = offer_ma
        self.now_s = 100.0
        self.measures_currents = measures_currents

    @property
    def reported_w(self) -> int:
        return self.count.power_w(self.offer_ma)

    def read(
        self, values: dict[Quantity, Value], seconds: float = 1.0, *, reported: bool = True
    ) -> None:
        for _ in range(round(seconds)):
            self.now_s += 1.0
            self.count.observe(
                values, offer_ma=self.offer_ma, is_acknowledged=reported, now_s=self.now_s
            )

    def rests(self, seconds: float = 1.0, state: ChargingState = WAITS) -> None:
        self.draws(seconds=seconds, state=state)

    def draws(
        self, *currents_a: float, seconds: float = 1.0, state: ChargingState = CHARGES
    ) -> None:
        currents_ma = [round(1000 * a) for a in (*currents_a, 0, 0, 0)[:3]]
        values: dict[Quantity, Value] = {Quantity.STATE: state, Quantity.CONNECTED: 1}
        if self.measures_currents:
            for phase, ma in zip("123", currents_ma, strict=True):
                values[Quantity(f"current_l{phase}")] = ma
        else:
            values[Quantity.POWER] = sum(currents_ma) * 230 // 1000
        self.read(values, seconds)

    def leaves(self) -> None:
        self.read({Quantity.STATE: ChargingState.AVAILABLE, Quantity.CONNECTED: 0})


def test_while_the_count_is_unknown_the_minimum_of_one_phase_is_written() -> None:
    bench = Bench()
    assert bench.reported_w == LEAST_W
    bench.rests(TRY_S - 1)
    assert bench.reported_w == LEAST_W


@pytest.mark.parametrize("used", [1, 2, 3])
def test_the_phases_on_which_current_flows_are_the_phases_in_use(used: int) -> None:
    bench = Bench()
    bench.draws(*[2.0] * used)
    assert bench.count.count == used
    assert bench.reported_w == 16 * 230 * used


def test_one_that_does_not_start_gets_the_minimum_of_more_phases() -> None:
    bench = Bench(offer_ma=6000)
    bench.rests(TRY_S + 1)
    assert bench.reported_w == 2 * LEAST_W, "of two: three would be 9 A for a two-phase vehicle"
    bench.rests(TRY_S)
    assert bench.reported_w == 3 * LEAST_W
    bench.rests(1000)
    assert bench.reported_w == 3 * LEAST_W


def test_a_step_is_left_out_where_the_offer_would_cover_a_vehicle_of_fewer_phases() -> None:
    bench = Bench(offer_ma=9000)
    bench.rests(TRY_S + 1)
    assert bench.reported_w == 3 * LEAST_W, "9 A on each of two phases"
    bench = Bench(offer_ma=9000, measures_currents=False)
    bench.rests(TRY_S + 1)
    assert bench.reported_w == 2 * LEAST_W, "a power would not show how many they are"


@pytest.mark.parametrize(
    "state",
    [
        ChargingState.MANUAL_START,
        ChargingState.CANCELLED,
        ChargingState.ERROR,
        ChargingState.NOT_AVAILABLE,
        ChargingState.ILLEGAL,
    ],
)
def test_a_vehicle_that_is_refused_or_finished_gets_no_more_power(state: ChargingState) -> None:
    bench = Bench(offer_ma=6000)
    bench.rests(600, state=state)
    assert bench.reported_w == LEAST_W


def test_a_reading_before_the_offer_is_acknowledged_does_not_count() -> None:
    bench = Bench()
    values: dict[Quantity, Value] = {Quantity.STATE: WAITS, Quantity.CURRENT_L1: 0}
    bench.read(values, 300, reported=False)
    assert bench.reported_w == LEAST_W


def test_a_late_starter_with_one_phase_is_known_at_its_first_current() -> None:
    bench = Bench()
    bench.rests(200)
    assert bench.reported_w == 3 * LEAST_W
    bench.draws(1.5)
    assert bench.reported_w == 16 * 230


def test_more_phases_count_at_once_fewer_after_two_readings() -> None:
    bench = Bench()
    bench.draws(2, 2, 2)
    bench.draws(1.1, 0.9, 0.9)
    assert bench.count.count == 3, "a vehicle that stops passes through such values"
    bench.draws(8)
    assert bench.count.count == 1
    bench.draws(3, 3)
    assert bench.count.count == 2


def test_one_phase_with_more_than_the_offer_counts_at_once() -> None:
    bench = Bench()
    bench.draws(16, 16, 16)
    bench.draws(16 * EXCESS + 1)
    assert bench.count.count == 1


def test_more_than_the_offer_is_forgiven_while_the_vehicle_still_follows() -> None:
    bench = Bench()
    bench.draws(16, 16, 16, seconds=20)
    bench.offer_ma = 8000
    bench.draws(16, 16, 16, seconds=FOLLOW_S)
    assert bench.count.count == 3
    bench.draws(16, 16, 16)
    assert bench.reported_w == LEAST_W, "it was not what was known"


def test_the_voltage_is_no_reason_to_forget() -> None:
    bench = Bench()
    bench.draws(17.7, 17.7, 17.7, seconds=300)  # 207 V instead of 230 V
    assert bench.count.count == 3


def test_impossible_currents_say_nothing() -> None:
    bench = Bench()
    bench.draws(16, 6553.5, 6553.5)
    assert bench.reported_w == LEAST_W


def test_a_phase_that_was_not_read_lately_is_not_in_use() -> None:
    bench = Bench()
    both: dict[Quantity, Value] = {Quantity.CURRENT_L2: 6000, Quantity.CURRENT_L3: 6000}
    bench.read(both)
    assert bench.count.count == 2
    bench.read({Quantity.CURRENT_L1: 6000}, 10)
    assert bench.count.count == 1


def test_the_count_is_kept_through_a_pause_and_forgotten_when_the_vehicle_leaves() -> None:
    bench = Bench()
    bench.draws(16, 16, 16)
    bench.offer_ma = 0
    assert bench.reported_w == 0
    bench.rests(3600)
    bench.offer_ma = OFFER_MA
    assert bench.reported_w == 3 * 16 * 230
    bench.leaves()
    assert bench.reported_w == LEAST_W


def test_a_vehicle_that_pauses_for_long_is_counted_again() -> None:
    bench = Bench()
    bench.draws(8)
    bench.rests(IDLE_S)
    assert bench.reported_w == 16 * 230
    bench.rests()
    assert bench.reported_w == LEAST_W
    bench.rests(TRY_S + 1)
    assert bench.reported_w == 3 * LEAST_W


def test_at_one_configured_phase_everything_is_known() -> None:
    bench = Bench(configured=1)
    assert bench.reported_w == 16 * 230
    bench.draws(16, 16, 16, seconds=100)
    bench.leaves()
    assert bench.reported_w == 16 * 230


def test_never_more_phases_than_the_charging_point_has() -> None:
    bench = Bench(configured=2)
    bench.draws(6, 6, 6)
    assert bench.reported_w == 2 * 16 * 230


# --- power only -------------------------------------------------------------------------------------


def started_with_three(bench: Bench) -> None:
    bench.rests(2 * TRY_S + 2)
    assert bench.reported_w == 3 * LEAST_W
    bench.draws(6, 6, 6)
    assert bench.reported_w == 2 * LEAST_W, "of three phases it must stop now"


def test_by_power_one_that_starts_with_the_minimum_of_one_phase_uses_one() -> None:
    bench = Bench(measures_currents=False)
    bench.rests(STOPS_S)
    bench.draws(6)
    assert bench.count.count == 1


def test_by_power_one_that_has_not_stopped_yet_says_nothing() -> None:
    bench = Bench(measures_currents=False)
    bench.draws(16, 16, 16, seconds=5)  # as after a restart of the gateway
    assert bench.count.count is None
    bench.rests(TRY_S)
    assert bench.count.count is None


def test_by_power_one_of_three_phases_shows_it_by_stopping() -> None:
    bench = Bench(measures_currents=False)
    started_with_three(bench)
    bench.draws(3, 3, 3, seconds=2)
    assert bench.reported_w == 2 * LEAST_W
    bench.rests()
    assert bench.reported_w == 3 * 16 * 230


def test_by_power_one_that_goes_on_with_less_has_fewer_phases() -> None:
    bench = Bench(measures_currents=False)
    started_with_three(bench)
    bench.draws(12, seconds=STOPS_S + 1)  # all of it on one phase
    assert bench.reported_w == LEAST_W
    bench.draws(6, seconds=STOPS_S + 1)
    assert bench.count.count == 1


def test_by_power_a_draw_above_the_written_power_resets_the_count() -> None:
    bench = Bench(measures_currents=False)
    bench.rests(STOPS_S)
    bench.draws(6)
    bench.draws(16, 16, 16, seconds=FOLLOW_S + 2)
    assert bench.count.count is None


# --- whatever comes -----------------------------------------------------------------------------------

currents = st.integers(0, 40_000)
readings = st.lists(
    st.tuples(st.sampled_from(list(ChargingState)), currents, currents, currents, st.booleans()),
    max_size=60,
)


@given(readings, st.integers(6000, 32_000), st.integers(1, 3))
def test_the_written_power_never_gives_a_phase_in_use_more_than_the_offer(
    heard: list[tuple[ChargingState, int, int, int, bool]], offer_ma: int, configured: int
) -> None:
    bench = Bench(offer_ma=offer_ma, configured=configured)
    before = 0
    for state, one, two, three, reported in heard:
        values: dict[Quantity, Value] = {
            Quantity.STATE: state,
            Quantity.CONNECTED: int(state is not ChargingState.AVAILABLE),
            Quantity.CURRENT_L1: one,
            Quantity.CURRENT_L2: two,
            Quantity.CURRENT_L3: three,
        }
        bench.read(values, reported=reported)
        used = sum(ma > 1000 for ma in (one, two, three))
        if reported and used == before and used > 0 and state is not ChargingState.AVAILABLE:
            least_w = bench.count.assumed * 6000 * 230 // 1000
            assert bench.reported_w <= max(used * offer_ma * 230 // 1000, 0) or (
                bench.count.count is None and bench.reported_w == least_w == LEAST_W
            )
        before = used if reported and state is not ChargingState.AVAILABLE else 0
