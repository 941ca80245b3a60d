"""The state of a charging point as people see it, and as load management does. Pure.

A charger may report a pause that the gateway ordered (0 A) as if the vehicle, or a person, had paused. It
may go on doing so for a while after the pause has ended: that is the echo of the pause. Neither may be
taken for the charger's own state.
Source: load-management 5, 16; [reference-manual] tables 23-31.
"""

from knxgw.catalogue.codes import ChargingState
from knxgw.charging.freshness import FEWEST_SPACINGS, fresh_value, typical_spacing_s
from knxgw.charging.limits import OBEY_S
from knxgw.charging.point import ChargingPoint
from knxgw.charging.quantities import Quantity
from knxgw.charging.states import Hold, shown_state_of, strongest_hold

ECHO_PERIODS = 2  # polls in which our own pause may still be reported
POLL_S = 1.0  # how often a charger is read where its line is not slow


def shown_state(
    point: ChargingPoint, now_s: float, *, is_site_paused: bool = False
) -> ChargingState | None:
    """Return the state to show to people (object 50); None: the charger has not reported a state lately.

    It follows from the state that the charger reports, and from what holds the point back: an interruption,
    a cancelled charge, a missing start command, or a pause that we ordered. `is_site_paused`: grid-supporting
    control with 0 A, or the overcurrent lock-out, is active.
    """
    reported = fresh_value(point, Quantity.STATE, now_s)
    if not isinstance(reported, int):
        return None
    hold = strongest_hold(
        point.process.stage,
        is_interrupted=point.control.is_interrupted or is_site_paused,
        is_paused=_may_report_our_pause(point, now_s),
    )
    return shown_state_of(ChargingState(reported), hold)


def intrinsic_state(point: ChargingPoint, now_s: float) -> ChargingState | None:
    """Return the charger's own state, as load management sees it; None: it has not reported one lately.

    While what the charger reports may come from a pause that we ordered, 7 (manual start required) and 11
    (interruption) count as 6 (connected): else a point that load management has paused would take no part in
    it, and never start again. What only the gateway knows (an interruption, a missing start command) does not
    count here, unlike in `shown_state`: it limits the offer by itself. So of all holds only the pause is handed
    to `shown_state_of`, whose table turns 7 and 11 into 6. Source: load-management 5.
    """
    reported = fresh_value(point, Quantity.STATE, now_s)
    if not isinstance(reported, int):
        return None
    hold = Hold.PAUSE if _may_report_our_pause(point, now_s) else Hold.NONE
    return shown_state_of(ChargingState(reported), hold)


def _may_report_our_pause(point: ChargingPoint, now_s: float) -> bool:
    """Tell whether the state that the charger reports may come from a pause that we ordered (0 A).

    It may if the pause has been decided, is acknowledged, or ended so recently that the charger may still
    report it (`pause_echo_s`).
    """
    if point.control.decision is not None and point.control.decision.offer_ma == 0:
        return True
    if point.link.acknowledged_ma == 0:
        return True
    return point.link.paused_at is not None and now_s - point.link.paused_at <= pause_echo_s(point)


def pause_echo_s(point: ChargingPoint) -> float:
    """Return for how long [s] the charger may still report a pause that we ordered, after it has ended.

    The vehicle may take 6 s to follow the next offer (`OBEY_S`), and two more readings of the state may pass:
    1 s each, or, where they really come less often, their usual spacing. Source: load-management 5.
    """
    spacings_s = point.readings.spacings_s.get(Quantity.STATE, ())
    is_period_known = len(spacings_s) >= FEWEST_SPACINGS
    period_s = typical_spacing_s(spacings_s) if is_period_known else POLL_S
    return OBEY_S + ECHO_PERIODS * period_s
