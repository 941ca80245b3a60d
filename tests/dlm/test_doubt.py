"""While currents move, the building may draw more than is known; a slow meter makes that matter."""

from dataclasses import replace

from knxgw.charging.events import GridMeterReading
from knxgw.dlm.inputs import meter_value, new
from knxgw.dlm.state import LoadManagement
from knxgw.dlm.work import Work
from tests.dlm.houses import HOUSE, member

LATER_S = 1e9


def told(state: LoadManagement, now_s: float) -> LoadManagement:
    return meter_value(state, HOUSE, GridMeterReading(phase=0, value=4000), now_s)


def test_a_doubt_that_is_gone_asks_for_a_cycle_though_the_base_load_is_the_same() -> None:
    known = replace(told(new(HOUSE, [member(1)], 0.0), 1.0), due_s=LATER_S)
    assert told(known, 3.0).due_s == LATER_S, "nothing is new"
    doubted = known.phases[0].clone()
    doubted.doubt_ma = 2000
    state = told(replace(known, phases=(doubted, *known.phases[1:])), 3.0)
    assert state.phases[0].doubt_ma == 0
    assert state.due_s == 3.0


def test_a_doubt_is_resolved_when_a_slow_meter_has_nothing_new_to_tell_for_a_whole_window() -> None:
    state = told(new(HOUSE, [member(1)], 0.0), 1.0)
    doubted = state.phases[0].clone()
    doubted.doubt_ma, doubted.history = 2000, ()
    slow = replace(state.meter, spacing_s=10.0)
    state = replace(state, phases=(doubted, *state.phases[1:]), meter=slow)

    def room_ma(now_s: float) -> int:
        work = Work(state, HOUSE, now_s)
        work.find_room()
        return work.up_ma[0]

    assert room_ma(15.9) == HOUSE.limit_ma - 4000 - 2000
    assert room_ma(16.1) == HOUSE.limit_ma - 4000
    work = Work(state, HOUSE, 15.9)
    work.find_room()
    assert work.expires_s[0] == 16.0, "then a cycle is due"
