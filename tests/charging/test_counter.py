"""Counters that doubt: peaks and drops move no total for good, and what really flowed is counted."""

from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knxgw.charging.counter import CONFIRMING_S, EnergyCounter, Reading
from knxgw.charging.energy_register import JITTER_MWH, MWH_PER_WS, SLACK_MWH, Register
from knxgw.charging.power_counter import PowerCounter

KWH = 1_000_000  # mWh
MOST_W = 25_000
STEP_S = 5.0


def counter_of(*, begins_again: bool = False, jitter_mwh: int = JITTER_MWH) -> EnergyCounter:
    """Return a new counter of a register behind which no more than `MOST_W` flows."""
    register = Register(most_w=MOST_W, may_restart=begins_again, jitter_mwh=jitter_mwh)
    return EnergyCounter(register=register)


def life(
    kwh: Iterable[float], counter: EnergyCounter | None = None, step_s: float = STEP_S
) -> tuple[EnergyCounter, float]:
    """Return a counter after readings in equal steps, and what it has added [kWh]."""
    counter, total_mwh = counter or counter_of(), 0
    start_s = 0.0 if counter.read_at is None else counter.read_at + step_s
    for index, value in enumerate(kwh):
        counter, added_mwh = counter.add_reading(round(value * KWH), start_s + index * step_s)
        assert added_mwh >= 0
        total_mwh += added_mwh
    return counter, total_mwh / KWH


def test_before_its_first_reading_a_counter_has_accepted_none() -> None:
    with pytest.raises(ValueError, match="not read yet"):
        _ = counter_of().accepted_mwh
    assert life([5.0])[0].accepted_mwh == 5 * KWH


@pytest.mark.proves("H.82", "2.33")
@pytest.mark.parametrize(
    "readings",
    [
        [1000, 1400, 1000, 0, 1000],
        [1000, 1400, 1000, 1390, 1000],
        [1000, 0, 1400, 1000],
        [1000, 0, 0, 0, 0, 1000],
        [1000, 1400, 1400, 1400, 1400, 1000],
        [1000, *[0] * 20, 1000],
        [1000, *[1400] * 20, 1000],
        [1000, 4_294_967, 4_294_967, 1000],
        [1000, 999, 1000, 998, 1000],
    ],
)
def test_a_peak_or_a_drop_adds_nothing(readings: list[float]) -> None:
    counter, added = life(readings)
    assert added == 0
    assert counter.reading_mwh == 1000 * KWH
    assert counter.doubt is None
    assert life([1000.01], counter)[1] == pytest.approx(0.01), "and it goes on counting"


@pytest.mark.proves("2.33")
def test_a_reading_in_doubt_is_not_believed_before_it_has_lasted() -> None:
    counter, _ = life([1000, 1400, 1400, 1400])
    assert counter.reading_mwh == 1000 * KWH
    counter, _ = life([1400] * round(CONFIRMING_S / STEP_S), counter)
    assert counter.reading_mwh == 1400 * KWH
    assert counter.doubt is None


@pytest.mark.proves("2.33")
@pytest.mark.parametrize("first", [0.0, 3.0, 4000.0])
def test_another_meter_goes_on_counting_from_its_first_reading(first: float) -> None:
    steps = round(2 * CONFIRMING_S / STEP_S)
    counter, added = life([1000, *(first + 0.01 * n for n in range(steps))])
    assert added == pytest.approx(0.01 * (steps - 1))
    assert counter.reading_mwh == round((first + 0.01 * (steps - 1)) * KWH)


def test_a_register_that_is_late_is_taken_when_its_value_lasts() -> None:
    """Some chargers move their total at the end of a session only."""
    counter, added = life([1000] * 720)
    counter, added = life([1015] * 10, counter)
    assert added == pytest.approx(15)
    assert counter.doubt is None


def test_what_flowed_in_a_gap_is_taken_at_once_and_no_more_than_could() -> None:
    counter, _ = life([1000])
    assert counter.add_reading(1024 * KWH, 3600.0)[1] == 24 * KWH
    assert counter.add_reading(1028 * KWH, 3600.0)[1] == 0


def test_a_meter_that_said_zero_for_long_is_the_same_when_it_is_back() -> None:
    counter, added = life([1000, *[0] * 100])
    assert (added, counter.reading_mwh) == (0, 0)
    counter, added = life([1000.4, 1000.5], counter)
    assert added == pytest.approx(0.5)
    assert life([0.2], counter)[1] == 0


def test_a_register_that_begins_anew_counts_with_what_stands_in_it() -> None:
    """The register of a session that starts at 0 with each start command."""
    anew = counter_of(begins_again=True)
    counter, added = life([0, 0.03, 0.06, 0.06, 0.01, 0.04, 0.07, 0.1, 0.13, 0.16], anew)
    assert added == pytest.approx(0.22)
    assert counter.reading_mwh == round(0.16 * KWH)
    counter, added = life([0, 0.19], counter)
    assert added == pytest.approx(0.03), "a drop for a moment is no new beginning"


@pytest.mark.proves("H.83")
@pytest.mark.parametrize(
    ("readings", "added_kwh"),
    [
        ([5, 5, 4.9, 4.9, 4.9, 4.9, 5, 5.01, 5.02], 0.02),  # corrected by one step, and back
        ([5, 5, 4.985, 4.985, 4.985, 4.985, 4.99], 0),
        ([5, 5, 4.9, 4.91, 4.92, 4.93], 0.02),  # corrected, and it counts on: in advance
        ([5, 5, 4.9, 4.91, 4.92, 4.93, 4.99, 5, 5.02], 0.02),
        ([5, 5, 0, 0, 0, 0, 5, 5.01], 0.01),  # nothing for a while, then it goes on
        ([1, 1, 0, 0, 0, 0, 1, 1.01], 0.01),
        ([5, 700, 700, 700, 700, 5, 5.01], 0.01),  # another register for a while
        ([20, 12, 12, 12, 12, 12.01], 0.01),  # too much for a new beginning
        ([5, 0, 0, 0, 0.02, 0.04, 0.06], 0.06),
    ],
)
def test_a_register_of_a_session_counts_no_energy_twice(
    readings: list[float], added_kwh: float
) -> None:
    anew = counter_of(begins_again=True)
    assert life(readings, anew)[1] == pytest.approx(added_kwh)


@pytest.mark.parametrize("start", [0, 30])
def test_a_register_of_a_session_that_counts_with_each_reading_is_believed(start: int) -> None:
    anew = counter_of(begins_again=True)
    readings = [start, *(start + 10 * turn for turn in range(1, 10))]
    assert life(readings, anew)[1] == pytest.approx(90), "however fast: no peak does that"
    again = [*readings, 8, 16, 24]
    assert life(again, anew)[1] == pytest.approx(90 + 24), "and so one that begins again"


@pytest.mark.parametrize("lasts", [1, 8])
def test_a_register_that_falls_by_one_step_of_its_own_has_lost_nothing(lasts: int) -> None:
    coarse = counter_of(jitter_mwh=KWH)
    counter, added = life([1000, *[999] * lasts, *[1000] * lasts, 1001], coarse)
    assert added == 1
    assert counter.reading_mwh == 1001 * KWH


def test_a_meter_that_fell_by_a_little_and_is_back_is_the_one_of_before() -> None:
    assert life([1000, *[999] * 8, *[1000] * 3, 1000.01])[1] == pytest.approx(0.01)


def test_a_register_that_was_late_for_an_hour_is_believed_when_its_value_lasts() -> None:
    """The register of a session, since whose last move enough time has passed."""
    anew = replace(counter_of(begins_again=True), reading=Reading(7 * KWH))
    assert life([*[7] * 720, *[18] * 4], anew)[1] == pytest.approx(11)


def test_a_power_no_charging_point_can_have_counts_nothing() -> None:
    counter, _ = PowerCounter(most_w=MOST_W).add_power(11_000, 0)
    counter, added = counter.add_power(0xFFFFFFFF, 5)
    assert added == 0
    assert counter.add_power(11_000, 10)[1] == pytest.approx(11_000 * 10 * MWH_PER_WS, abs=1)


GLITCH = st.one_of(
    st.none(),
    st.integers(0, 2**32 * 1000),
    st.integers(-3 * KWH, 3 * KWH).map(lambda off: ("off", off)),
)


@pytest.mark.proves("H.82", "2.33")
@given(st.lists(st.tuples(st.integers(0, MOST_W), st.sampled_from([1, 5, 60, 900]), GLITCH)))
def test_whatever_is_read_no_more_is_added_than_power_and_time_allow(
    steps: list[tuple[int, int, object]],
) -> None:
    counter = counter_of()
    true_mwh, now_s, total_mwh = 1000 * KWH, 0.0, 0
    counter, _ = counter.add_reading(true_mwh, now_s)
    for power_w, seconds, glitch in steps:
        now_s += seconds
        true_mwh += round(power_w * seconds * MWH_PER_WS)
        reading = true_mwh
        if isinstance(glitch, int):
            reading = glitch
        elif isinstance(glitch, tuple):
            reading += glitch[1]
        counter, added_mwh = counter.add_reading(reading, now_s)
        assert added_mwh >= 0, "a total never goes down"
        total_mwh += added_mwh
        assert total_mwh <= SLACK_MWH + MOST_W * now_s * MWH_PER_WS + len(steps)


@given(
    st.lists(
        st.tuples(st.integers(0, MOST_W), st.one_of(st.none(), st.integers(0, 2**32 * 1000))),
        min_size=1,
    ),
    st.booleans(),
)
def test_single_wrong_readings_leave_the_total_as_it_truly_is(
    steps: list[tuple[int, int | None]],
    anew: bool,  # noqa: FBT001 - drawn
) -> None:
    """A wrong reading stands alone: between two of them the truth is read."""
    counter = counter_of(begins_again=anew)
    true_mwh, now_s, total_mwh = 1000 * KWH, 0.0, 0
    counter, _ = counter.add_reading(true_mwh, now_s)
    for power_w, glitch in steps:
        for reading in (glitch, None):
            now_s += STEP_S
            true_mwh += round(power_w * STEP_S * MWH_PER_WS)
            far = reading is not None and abs(reading - true_mwh) > 10 * KWH
            shown = reading if far and reading is not None else true_mwh
            counter, added_mwh = counter.add_reading(shown, now_s)
            total_mwh += added_mwh
    assert total_mwh == true_mwh - 1000 * KWH or anew
    assert total_mwh <= true_mwh - 1000 * KWH + SLACK_MWH


def test_two_readings_are_not_enough_however_far_apart() -> None:
    counter, _ = life([1000])
    counter, added = counter.add_reading(0, 5.0)
    counter, added = counter.add_reading(0, 5.0 + 2 * CONFIRMING_S)
    assert (added, counter.reading_mwh) == (0, 1000 * KWH)
