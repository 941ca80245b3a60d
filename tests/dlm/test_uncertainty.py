"""While currents move, the building may draw more than is known; a slow meter makes that matter."""

from dataclasses import replace

from knxgw.charging.events import GridMeterReading
from knxgw.dlm.cycle_state import CycleState
from knxgw.dlm.inputs import after_meter_value, initial_state
from knxgw.dlm.state import LoadManagement
from tests.dlm.houses import HOUSE, participant

LATER_S = 1e9


def report(state: LoadManagement, now_s: float) -> LoadManagement:
    return after_meter_value(state, HOUSE, GridMeterReading(phase=0, value=4000), now_s)


def test_a_doubt_that_is_gone_asks_for_a_cycle_though_the_base_load_is_the_same() -> None:
    known = replace(report(initial_state(HOUSE, [participant(1)], 0.0), 1.0), due_at=LATER_S)
    assert report(known, 3.0).due_at == LATER_S, "nothing is new"
    doubted = known.phases[0].clone()
    doubted.uncertainty_ma = 2000
    state = report(replace(known, phases=(doubted, *known.phases[1:])), 3.0)
    assert state.phases[0].uncertainty_ma == 0
    assert state.due_at == 3.0


def test_a_doubt_is_resolved_when_a_slow_meter_has_nothing_new_to_tell_for_a_whole_window() -> None:
    state = report(initial_state(HOUSE, [], 0.0), 1.0)
    doubted = state.phases[0].clone()
    doubted.uncertainty_ma, doubted.history = 2000, ()
    slow = replace(state.meter, sets=replace(state.meter.sets, spacing_s=10.0))
    state = replace(state, phases=(doubted, *state.phases[1:]), meter=slow, is_emergency=False)

    def room_ma(state: LoadManagement, now_s: float) -> int:
        cycle = CycleState(state, HOUSE, now_s)
        cycle.find_room()
        return cycle.room_to_raise_ma[0]

    assert room_ma(state, 15.9) == HOUSE.limit_ma - 4000 - 2000
    assert room_ma(state, 16.1) == HOUSE.limit_ma - 4000
    lost = replace(state, is_emergency=True)
    assert room_ma(lost, 16.1) == HOUSE.limit_ma - 4000 - 2000, "no sample will resolve it"
    cycle = CycleState(state, HOUSE, 15.9)
    cycle.find_room()
    assert cycle.peak_expires_at[0] == 16.0, "then a cycle is due"
