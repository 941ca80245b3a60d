"""What a charging point may draw: any zero source wins, then the smallest cap, then the wish.

Source: load-management 6, 17.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from knxgw.charging.words import Decision, Reason


@dataclass(frozen=True, kw_only=True)  # no slots: what is derived is kept
class Limits:
    """What charger and installation allow a charging point [mA]."""

    minimum_ma: int
    maximum_ma: int
    resolution_ma: int
    zero_allowed: bool  # a setpoint of 0 A pauses

    @cached_property
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


class Wishes(NamedTuple):
    """Everything that has a say about one charging point, highest rank first."""

    configuration: bool = False  # nobody may charge with this configuration
    charger_error: bool = False
    not_following: bool = False  # it draws more than it was offered
    interruption: bool = False
    grid_control_ma: int | None = None  # None: not active; 0 or 6000
    lock_out: bool = False  # after an overcurrent
    cancelled: bool = False
    waiting_for_start: bool = False
    minimum_because: Reason | None = None  # no more than the minimum, and why
    setpoint_ma: int | None = None  # with load management off
    allocation: Decision | None = None  # of the load management


def decide(limits: Limits, wishes: Wishes) -> Decision:
    """Return the decision that holds now; the reason is the highest rank that is effective."""
    zero = zero_source(limits, wishes)
    if zero is not None:
        return Decision(offer_ma=0, reason=zero)
    wish = _wish(limits, wishes)
    offer_ma, reason = wish
    if offer_ma == 0:
        return wish
    grid_ma, lowest_ma = wishes.grid_control_ma, limits.lowest_ma
    if grid_ma is not None and grid_ma < offer_ma:
        offer_ma, reason = grid_ma, Reason.GRID_CONTROL
    if wishes.minimum_because is not None and lowest_ma < offer_ma:
        offer_ma, reason = lowest_ma, wishes.minimum_because
    return Decision(offer_ma=limits.round_down(offer_ma), reason=reason)


def _wish(limits: Limits, wishes: Wishes) -> Decision:
    """Return what would hold if nothing limited it: the allocation, or the setpoint."""
    if wishes.setpoint_ma is None:
        return wishes.allocation or Decision(offer_ma=0, reason=Reason.WAITING_FOR_CURRENT)
    offer_ma = limits.clamp_setpoint(wishes.setpoint_ma)
    if offer_ma == 0:
        return Decision(offer_ma=0, reason=Reason.SETPOINT)
    return Decision(offer_ma=offer_ma, reason=_setpoint_reason(limits, offer_ma))


def cap_ma(limits: Limits, wishes: Wishes) -> int:
    """Return the smallest cap [mA] beside load management."""
    cap_ma = limits.maximum_ma
    if wishes.grid_control_ma is not None:
        cap_ma = min(cap_ma, wishes.grid_control_ma)
    return cap_ma if wishes.minimum_because is None else min(cap_ma, limits.lowest_ma)


def zero_source(limits: Limits, wishes: Wishes) -> Reason | None:  # noqa: PLR0911 - one for each rank
    """Return the highest ranked source of 0 A, or None."""
    grid_ma, lowest_ma = wishes.grid_control_ma, limits.lowest_ma
    if wishes.configuration or lowest_ma > limits.maximum_ma:  # nothing can be said
        return Reason.CONFIGURATION
    if wishes.charger_error:
        return Reason.FAULT
    if wishes.not_following:
        return Reason.NOT_FOLLOWING
    if wishes.interruption:
        return Reason.INTERRUPTION
    if grid_ma == 0:
        return Reason.GRID_CONTROL
    if wishes.lock_out:
        return Reason.LOCK_OUT
    if grid_ma is not None and grid_ma < lowest_ma:
        return Reason.GRID_CONTROL
    if wishes.cancelled:
        return Reason.CANCELLED
    return Reason.WAITING_FOR_START if wishes.waiting_for_start else None


def _setpoint_reason(limits: Limits, offer_ma: int) -> Reason:
    if offer_ma == limits.maximum_ma:
        return Reason.MAXIMUM
    return Reason.MINIMUM if offer_ma == limits.minimum_ma else Reason.SETPOINT
