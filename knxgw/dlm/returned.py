"""A charger that was lost answers again: whether its vehicle still has a place. Pure.

A lost charger keeps its offer, and its last draw counts as the building's. If it has lost its power, the meter
shows that this draw has ended, and after the peak-hold another vehicle may start with that current. When the
charger is back, its vehicle would go on with the offer it had, beside the other one, and the line would carry
too much until the overcurrent is confirmed and all are interrupted. While its vehicle draws nothing yet, it
loses nothing by waiting.

Source: load-management 13.2c.
"""

from knxgw.charging.limits import DRAWS_FROM_MA
from knxgw.dlm import queue as queues
from knxgw.dlm.cycle_state import CycleState


def let_returned_ones_wait(cycle: CycleState) -> None:
    """Offer 0 A to those that have just returned, draw nothing, and whose minimum does not fit any more (in place).

    They wait like newcomers then. Nothing changes while the base load is not known, nor in an emergency, in which
    each keeps its minimum. Must run once the rooms are known, and before they are shared out. Source:
    load-management 13.2c.
    """
    if cycle.is_emergency or not cycle.is_base_known:
        return
    for returned in cycle.returned:
        running = cycle.running
        if returned not in running or returned.highest_draw_ma > DRAWS_FROM_MA:
            continue
        is_too_much = any(
            queues.minimums_ma(running, index) > cycle.room_now_ma[index]
            for index in returned.phases
        )
        if is_too_much:
            cycle.set_offer(returned, 0)
