"""What a charging point may draw: any zero source wins, then the smallest cap, then what is requested.

Source: load-management 6, 17.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from knxgw.catalogue.codes import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What charger and installation allow a charging point [mA]."""

    minimum_ma: int
    maximum_ma: int
    resolution_ma: int
    is_zero_allowed: bool  # a setpoint of 0 A pauses
    lowest_ma: int = field(init=False)  # smallest offer the charger can express from the minimum on

    def __post_init__(self) -> None:
        """Derive the lowest offer once: it is asked for in every step."""
        steps = math.ceil(self.minimum_ma / self.resolution_ma)
        object.__setattr__(self, "lowest_ma", steps * self.resolution_ma)

    def round_down(self, current_ma: int) -> int:
        """Return the highest offer [mA] up to `current_ma` that the charger can express.

        Below `lowest_ma` it can express none: `lowest_ma` is returned then, although that is more.
        """
        return max(self.lowest_ma, current_ma // self.resolution_ma * self.resolution_ma)

    def clamp_setpoint(self, wanted_ma: int) -> int:
        """Return the setpoint [mA] that applies for a wanted one: 0, or within the range.

        A wanted 0 becomes the minimum where the charger cannot be paused by it.
        """
        if wanted_ma == 0 and self.is_zero_allowed:
            return 0
        return min(max(wanted_ma, self.minimum_ma), self.maximum_ma)

    def allows_setpoint(self, wanted_ma: int) -> bool:
        """Tell whether a wanted setpoint is within the range, or 0 where that pauses."""
        if wanted_ma == 0:
            return self.is_zero_allowed
        return self.minimum_ma <= wanted_ma <= self.maximum_ma


class Constraint(NamedTuple):
    """A cap on the current of a charging point, and the reason for it."""

    cap_ma: int  # 0: it may not charge
    reason: Reason


class Decision(NamedTuple):
    """What a charging point may draw per phase [mA], 0 or in range, and why."""

    offer_ma: int
    reason: Reason


class ControlInputs(NamedTuple):
    """Everything that limits one charging point beside its setpoint or share, highest rank first."""

    is_misconfigured: bool = False  # nobody may charge with this configuration
    has_charger_error: bool = False
    is_not_following: bool = False  # it draws more than it was offered
    is_interrupted: bool = False
    grid_control_ma: int | None = None  # the cap, 0 or 6000; None: not active
    is_locked_out: bool = False  # load management interrupts all points after an overcurrent
    is_cancelled: bool = False
    is_waiting_for_start: bool = False
    minimum_reason: Reason | None = None  # no more than the minimum, and why


def constraints_by_rank(limits: Limits, inputs: ControlInputs) -> tuple[Constraint, ...]:
    """Return what limits a charging point now, the highest rank first; empty: nothing does.

    A cap of grid-supporting control that is below the smallest possible offer gives 0 A: it may not be
    exceeded. Source: load-management 6.
    """
    grid_ma, lowest_ma = inputs.grid_control_ma, limits.lowest_ma
    is_grid_cap_too_low = (
        grid_ma is not None and grid_ma < lowest_ma
    )  # the charger cannot offer so little
    # whether it holds, the cap [mA], the reason; no offer fits if the smallest is above the maximum
    ranks = (
        (inputs.is_misconfigured or lowest_ma > limits.maximum_ma, 0, Reason.CONFIGURATION),
        (inputs.has_charger_error, 0, Reason.FAULT),
        (inputs.is_not_following, 0, Reason.NOT_FOLLOWING),
        (inputs.is_interrupted, 0, Reason.INTERRUPTION),
        (grid_ma == 0, 0, Reason.GRID_CONTROL),
        (inputs.is_locked_out, 0, Reason.LOCK_OUT),
        (is_grid_cap_too_low, 0, Reason.GRID_CONTROL),
        (inputs.is_cancelled, 0, Reason.CANCELLED),
        (inputs.is_waiting_for_start, 0, Reason.WAITING_FOR_START),
        (grid_ma is not None, grid_ma or 0, Reason.GRID_CONTROL),
    )
    found = [Constraint(cap_ma, reason) for holds, cap_ma, reason in ranks if holds]
    if inputs.minimum_reason is not None:
        found.append(Constraint(lowest_ma, inputs.minimum_reason))
    return tuple(found)


def decide(limits: Limits, constraints: Sequence[Constraint], requested: Decision) -> Decision:
    """Return the decision that holds now: what is requested, unless a constraint says less.

    `constraints`: highest rank first. Of several that stop, and of several equal caps, the one with the
    highest rank is the reason. A requested 0 A keeps its own reason, unless a constraint stops as well. The offer
    is one that the charger can express. It exceeds no cap: one above 0 A is never below `limits.lowest_ma`
    (`constraints_by_rank`).
    """
    for constraint in constraints:
        if constraint.cap_ma == 0:
            return Decision(offer_ma=0, reason=constraint.reason)
    if requested.offer_ma == 0:
        return requested
    offer_ma, reason = requested
    for cap_ma, cap_reason in constraints:
        if cap_ma < offer_ma:
            offer_ma, reason = cap_ma, cap_reason
    return Decision(offer_ma=limits.round_down(offer_ma), reason=reason)


def ranked(
    limits: Limits, constraints: Sequence[Constraint], requested: Decision
) -> tuple[Constraint, ...]:
    """Return everything that limits a charging point: first what decides, then the others by rank.

    Each cap is what the point would get if that were the only limit. The maximum comes last, unless it
    decides.
    """
    decision = decide(limits, constraints, requested)
    caps = [*constraints, Constraint(requested.offer_ma, requested.reason)]
    if requested.reason is not Reason.MAXIMUM:
        caps.append(Constraint(limits.maximum_ma, Reason.MAXIMUM))
    effective = next(one for one in caps if one.reason is decision.reason)
    return (effective, *(one for one in caps if one.reason is not decision.reason))


def requested_by_setpoint(limits: Limits, setpoint_ma: int) -> Decision:
    """Return the decision that the setpoint [mA] asks for, which counts where load management is off."""
    offer_ma = limits.clamp_setpoint(setpoint_ma)
    if offer_ma == 0:
        return Decision(offer_ma=0, reason=Reason.SETPOINT)
    return Decision(offer_ma=offer_ma, reason=_setpoint_reason(limits, offer_ma))


def _setpoint_reason(limits: Limits, offer_ma: int) -> Reason:
    """Return the reason to show for an offer above 0 A that only the setpoint decides."""
    if offer_ma == limits.maximum_ma:
        return Reason.MAXIMUM
    return Reason.MINIMUM if offer_ma == limits.minimum_ma else Reason.SETPOINT
