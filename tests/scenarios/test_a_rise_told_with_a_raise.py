"""A load of the building that is told in the second of a raise must keep that raise back.

It holds for these moments of the meter only: one that looks a little earlier cannot know.
"""

import pytest

from knxgw.sim.bench.read_scenario import parse_scenario
from knxgw.sim.bench.report import run_scenario

RISE = """
duration_s: 60
points: 3
events: [{{at: {at_s}, base_a: {base_a}}}]
expect:
  - {{load_at_most_a: 32.5}}
"""


@pytest.mark.proves("D7.2f")
@pytest.mark.parametrize("at_s", [8.5, 9.0, 9.5, 10.0])
@pytest.mark.parametrize("base_a", [6.3, 8.2, 8.4])
def test_a_rise_told_in_the_second_of_a_raise_keeps_it_back(at_s: float, base_a: float) -> None:
    result = run_scenario(parse_scenario(RISE.format(at_s=at_s, base_a=base_a)))
    assert not result.failures, "\n".join(result.failures)


HALF_A_SET = """
duration_s: 60
points: 2
meter: {{sample_s: 10, delay_s: 2, monitoring_s: 30, lost: [{{from: 11, to: 13, phase: {lost}}}]}}
events: [{{at: {at_s}, base_a: 13, phase: {risen}}}]
expect:
  - {{load_at_most_a: 32.5}}
"""


@pytest.mark.proves("D3.1h")
@pytest.mark.parametrize("lost", [1, 2, 3])
@pytest.mark.parametrize("risen", [1, 2, 3])
@pytest.mark.parametrize("at_s", [18.5, 19.9])
def test_after_a_lost_telegram_a_raise_waits_for_the_last_phase_as_before(
    lost: int, risen: int, at_s: float
) -> None:
    text = HALF_A_SET.format(lost=lost, risen=risen, at_s=at_s)
    result = run_scenario(parse_scenario(text))
    assert not result.failures, "\n".join(result.failures)
