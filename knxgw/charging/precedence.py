"""What a charging point may draw: any zero source wins, then the smallest cap, then the wish.

Source: load management specification, sections 6 and 17.
"""

import math
from dataclasses import dataclass

from knxgw.charging.words import Decision, Reason

GRID_CAP_MA = 6000


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What charger and installation allow a charging point [mA]."""

    minimum_ma: int
    maximum_ma: int
    resolution_ma: int
    zero_allowed: bool  # a setpoint of 0 A pauses

    @property
    def lowest_ma(self) -> int:
        """Return the smallest offer the charger can express that is not below the minimum."""
        return math.ceil(self.minimum_ma / self.resolution_ma) * self.resolution_ma

    def round_down(self, current_ma: int) -> int:
        """Return the offer [mA] the charger can express, never above `current_ma`."""
        return max(self.lowest_ma, current_ma // self.resolution_ma * self.resolution_ma)

    def clamp_setpoint(self, wanted_ma: int) -> int:
        """Return the setpoint [mA] that applies for a wanted one: 0, or within the range."""
        if wanted_ma == 0 and self.zero_allowed:
            return 0
        return min(max(wanted_ma, self.minimum_ma), self.maximum_ma)

    def contains(self, wanted_ma: int) -> bool:
        """Tell whether a wanted setpoint is within the range (0 counts where it pauses)."""
        if wanted_ma == 0:
            return self.zero_allowed
        return self.minimum_ma <= wanted_ma <= self.maximum_ma


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """Everything that has a say about one charging point, highest rank first."""

    charger_error: bool
    interruption: bool
    grid_control_ma: int | None  # None: not active; 0 or 6000
    cancelled: bool
    waiting_for_start: bool
    managed: bool  # load management is on
    setpoint_ma: int  # used when load management is off


def decide(limits: Limits, wishes: Wishes) -> Decision:
    """Return the decision that holds now; the reason is the highest rank that is effective."""
    zero = _zero_source(limits, wishes)
    if zero is not None:
        return Decision(offer_ma=0, reason=zero)
    if wishes.managed:
        return Decision(offer_ma=limits.lowest_ma, reason=Reason.LOAD_MANAGEMENT_MISSING)
    offer_ma = limits.clamp_setpoint(wishes.setpoint_ma)
    if offer_ma == 0:
        return Decision(offer_ma=0, reason=Reason.SETPOINT)
    reason = _setpoint_reason(limits, offer_ma)
    if wishes.grid_control_ma is not None and offer_ma > wishes.grid_control_ma:
        offer_ma, reason = wishes.grid_control_ma, Reason.GRID_CONTROL
    return Decision(offer_ma=limits.round_down(offer_ma), reason=reason)


def _zero_source(limits: Limits, wishes: Wishes) -> Reason | None:
    """Return the highest ranked source of 0 A, or None."""
    grid_ma = wishes.grid_control_ma
    sources = (
        (limits.lowest_ma > limits.maximum_ma, Reason.CONFIGURATION),  # nothing can be said
        (wishes.charger_error, Reason.FAULT),
        (wishes.interruption, Reason.INTERRUPTION),
        (grid_ma is not None and grid_ma < limits.lowest_ma, Reason.GRID_CONTROL),
        (wishes.cancelled, Reason.CANCELLED),
        (wishes.waiting_for_start, Reason.WAITING_FOR_START),
    )
    return next((reason for active, reason in sources if active), None)


def _setpoint_reason(limits: Limits, offer_ma: int) -> Reason:
    if offer_ma == limits.maximum_ma:
        return Reason.MAXIMUM
    return Reason.MINIMUM if offer_ma == limits.minimum_ma else Reason.SETPOINT
