"""The plot's memory agrees with a dictionary of all samples, and shows gaps where nothing was known."""

from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knxgw.monitoring.plot_ring import DAY, GAP, HOUR, MOST_TRACES, PlotRing, Span
from knxgw.monitoring.plot_sample import BASE, LIMIT, MEASURED, Trace, of_point, offer_of

L1 = Trace(BASE, 0)
L2 = Trace(MEASURED, 1)
TRACES = (L1, L2, Trace(LIMIT, 0), Trace(of_point(3), 1))


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([2.0, 2.0, 2.0, 2.1, 4.0, 61.0, 700.0, 4000.0, 90_000.0]),
            st.dictionaries(st.sampled_from(TRACES), st.integers(-50_000, 80_000)),
        ),
        max_size=60,
    ),
    st.sampled_from([HOUR, DAY]),
    st.sampled_from([0.0, 1.0, 59.0, 130.0, 5000.0]),
)
def test_the_ring_agrees_with_all_samples_in_a_dictionary(
    samples: list[tuple[float, dict[Trace, int]]], span: Span, later_s: float
) -> None:
    ring, now_s = PlotRing(), 0.0
    of_step: dict[int, dict[Trace, int]] = {}
    of_minute: dict[int, dict[Trace, list[int]]] = defaultdict(lambda: defaultdict(list))
    minute = -1
    for passed_s, sample in samples:
        now_s += passed_s
        ring.put(sample, now_s)
        of_step[int(now_s // 2)] = sample
        minute = int(now_s // 60)
        for trace, value in sample.items():
            of_minute[minute][trace].append(value)
    now_s += later_s
    data = ring.read(span, now_s)
    assert (data.step_s, data.last - data.first + 1) == (span.step_s, span.steps)
    span_steps = range(data.first, data.last + 1)
    for trace in TRACES:
        if span is HOUR:
            known = {step: sample[trace] for step, sample in of_step.items() if trace in sample}
        else:  # a minute is summed up when the next one has begun
            ended = {step: values[trace] for step, values in of_minute.items() if step < minute}
            known = {step: round(sum(rows) / len(rows)) for step, rows in ended.items() if rows}
            peaks = {step: max(rows) for step, rows in ended.items() if rows}
            assert _shown(data.first, data.highest.get(trace, ())) == _within(peaks, span_steps)
        assert _shown(data.first, data.values.get(trace, ())) == _within(known, span_steps)


def _shown(first: int, row: tuple[int | None, ...]) -> dict[int, int]:
    return {step: value for step, value in enumerate(row, first) if value is not None}


def _within(known: dict[int, int], steps: range) -> dict[int, int]:
    return {step: value for step, value in known.items() if step in steps}


def test_all_traces_of_a_span_have_the_same_length() -> None:
    ring = PlotRing()
    for n in range(100):
        ring.put({L1: n, L2: n} if n % 3 else {L1: n}, 1000.0 + 2 * n)
    data = ring.read(HOUR, 1300.0)
    assert {len(row) for row in data.values.values()} == {HOUR.steps}


def test_a_phase_brings_its_own_traces_the_limit_and_the_offers() -> None:
    ring, offer, limit = PlotRing(), Trace(offer_of(3), 0), Trace(LIMIT, 0)
    ring.put(dict.fromkeys((*TRACES, offer), 1), 0.0)
    assert set(ring.read(HOUR, 0.0, phase=0).values) == {L1, limit, offer}
    assert set(ring.read(HOUR, 0.0, phase=1).values) == {L2, limit, offer, Trace(of_point(3), 1)}


def test_who_knows_some_steps_gets_the_others_only() -> None:
    ring = PlotRing()
    for n in range(10):
        ring.put({L1: n}, 2.0 * n)
    data = ring.read(HOUR, 18.0, after=6)
    assert (data.first, data.last) == (7, 9)
    assert data.values == {L1: (7, 8, 9)}
    assert ring.read(HOUR, 18.0, after=9).values == {L1: ()}
    assert len(ring.read(HOUR, 18.0, after=10**9).values[L1]) == 0


def test_nothing_is_known_before_the_first_sample() -> None:
    assert PlotRing().read(HOUR, 5.0).values == {}
    assert PlotRing().read(DAY, 500.0).values == {}


def test_a_current_beyond_all_bounds_is_no_gap() -> None:
    ring = PlotRing()
    ring.put({L1: -(10**12), L2: 10**12}, 0.0)
    shown = ring.read(HOUR, 0.0).values
    assert shown[L1][-1] == GAP + 1
    assert shown[L2][-1] == 2**31 - 1


def test_traces_of_charging_points_that_are_gone_make_room() -> None:
    ring = PlotRing()
    for n in range(MOST_TRACES + 5):
        ring.put({Trace(of_point(n), 0): n}, 4000.0 * n)
    newest = Trace(of_point(MOST_TRACES + 4), 0)
    assert ring.read(HOUR, 4000.0 * (MOST_TRACES + 4)).values[newest][-1] == MOST_TRACES + 4


def test_more_traces_than_fit_at_once_are_left_out_and_raise_nothing() -> None:
    ring = PlotRing()
    ring.put({Trace(of_point(n), 0): n for n in range(MOST_TRACES + 5)}, 0.0)
    assert len(ring.read(HOUR, 0.0).values) == MOST_TRACES


@pytest.mark.parametrize(("span", "bytes_of_a_trace"), [(HOUR, 7208), (DAY, 5768)])
def test_a_trace_takes_four_bytes_a_step(span: Span, bytes_of_a_trace: int) -> None:
    ring = PlotRing()
    ring.put({L1: 1}, 0.0)
    ring.put({L1: 1}, 60.0)
    steps = ring._hour if span is HOUR else ring._means
    assert len(steps._values[L1].tobytes()) == bytes_of_a_trace
