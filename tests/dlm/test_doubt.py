"""While currents move, the building may draw more than is known; a slow meter makes that matter."""

from dataclasses import replace

from knxgw.dlm.inputs import meter_value, new
from knxgw.dlm.meter import MeterReading
from knxgw.dlm.state import LoadManagement
from tests.dlm.houses import HOUSE, member

LATER_S = 1e9


def told(state: LoadManagement, now_s: float) -> LoadManagement:
    return meter_value(state, HOUSE, MeterReading(phase=0, current_ma=4000), now_s)


def test_a_doubt_that_is_gone_asks_for_a_cycle_though_the_base_load_is_the_same() -> None:
    known = replace(told(new(HOUSE, [member(1)], 0.0), 1.0), due_s=LATER_S)
    assert told(known, 3.0).due_s == LATER_S, "nothing is new"
    doubted = known.phases[0].clone()
    doubted.doubt_ma = 2000
    state = told(replace(known, phases=(doubted, *known.phases[1:])), 3.0)
    assert state.phases[0].doubt_ma == 0
    assert state.due_s == 3.0
