"""The invariants while telegrams of the smart meter are lost or late, and the gateway restarts.

I3 above all: whatever the building does while nobody sees it, the gateway begins no overload.
Source: load-management 9.5, 11.
"""

from dataclasses import replace

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from knxgw.sim.bench.runner import Run
from knxgw.sim.bench.scenario import LostTelegrams, Restarted, Scenario
from tests.scenarios.test_random_mixes import FUZZ, mixes, tenths

COUNTS = (2, 4)
EXAMPLES = settings().max_examples // 8 if FUZZ else 12
AFTER_S = 60.0  # for what the outage leaves behind


@st.composite
def outages(draw: st.DrawFn) -> LostTelegrams:
    from_s = draw(tenths(0, 70))
    return LostTelegrams(
        begins_at=from_s,
        ends_at=from_s + draw(tenths(1, 40)),
        phase=draw(st.sampled_from([None, None, 0, 1, 2])),
        late_s=draw(st.sampled_from([None, None, 3.0])),
    )


@st.composite
def unseen_mixes(draw: st.DrawFn, count: int) -> Scenario:
    scenario = draw(mixes(count))
    meter = replace(
        scenario.meter,
        lost=tuple(draw(st.lists(outages(), min_size=1, max_size=2))),
        jitter_s=draw(st.sampled_from([0.0, 0.4])),
    )
    restarts = st.builds(Restarted, happens_at=tenths(5, 70), off_s=tenths(0, 5))
    happenings = (*scenario.happenings, *draw(st.lists(restarts, max_size=1)))
    return replace(
        scenario,
        meter=meter,
        duration_s=scenario.duration_s + AFTER_S,
        happenings=tuple(sorted(happenings, key=lambda one: one.happens_at)),
    )


@pytest.mark.proves("D9.5c")
@pytest.mark.long
@pytest.mark.parametrize("count", COUNTS)
@settings(max_examples=EXAMPLES, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(data=st.data())
def test_no_invariant_is_violated_while_the_meter_is_silent(
    count: int, data: st.DataObject
) -> None:
    found = Run(data.draw(unseen_mixes(count))).run().violations
    assert not found, [f"{one.invariant} at {one.found_at:.1f} s: {one.words}" for one in found]
