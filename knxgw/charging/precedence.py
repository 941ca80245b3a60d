"""What a charging point may draw: any source of 0 A wins, then the smallest cap, then what is requested.

A *constraint* is a cap with its reason. Constraints have *ranks*: of two that have the same effect, the reason of
the one with the higher rank is shown. What is *requested* is the allocation of load management, or the setpoint
where that is off. An offer is 0 A, or lies between `lowest_ma` and the maximum, in *steps*: a charger takes only
multiples of its resolution.

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
    lowest_ma: int = field(
        init=False
    )  # smallest offer above 0 A: a whole step, not below the minimum

    def __post_init__(self) -> None:
        """Set `lowest_ma`: the minimum, rounded up to a step of the charger. Every decision needs it."""
        steps = math.ceil(self.minimum_ma / self.resolution_ma)
        object.__setattr__(self, "lowest_ma", steps * self.resolution_ma)

    def offer_in_steps_ma(self, current_ma: int) -> int:
        """Return the offer [mA] for a current above 0 A: rounded down to a step that the charger can be set to.

        It is at least `lowest_ma`, the smallest offer above 0 A, even if the current is lower: whether the
        point gets 0 A has been decided before.
        """
        return max(self.lowest_ma, current_ma // self.resolution_ma * self.resolution_ma)

    def highest_offer_ma(self, cap_ma: int) -> int:
        """Return the highest offer [mA] that a cap allows: in steps of the charger, and no higher than the maximum.

        0: the cap allows no offer above 0 A, because it is below `lowest_ma`. That is also so for any cap, if no
        step of the charger lies between minimum and maximum. Source: load-management 6.13.
        """
        highest_ma = min(cap_ma, self.maximum_ma) // self.resolution_ma * self.resolution_ma
        return highest_ma if highest_ma >= self.lowest_ma else 0

    def clamp_setpoint(self, wanted_ma: int) -> int:
        """Return the setpoint [mA] to use for a wanted one: clamped between minimum and maximum, or 0.

        0 stays 0 where a setpoint of 0 A pauses the charger; else it becomes the minimum, because the charger
        cannot be paused that way.
        """
        if wanted_ma == 0 and self.is_zero_allowed:
            return 0
        return min(max(wanted_ma, self.minimum_ma), self.maximum_ma)

    def allows_setpoint(self, wanted_ma: int) -> bool:
        """Tell whether a wanted setpoint [mA] is within the limits, so that it holds as it is.

        True from minimum to maximum, and for 0 where a setpoint of 0 A pauses the charger. Anything else is
        clamped (`clamp_setpoint`), and reported as out of range.
        """
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
    """Everything that limits one charging point beside its setpoint or allocation, highest rank first."""

    is_misconfigured: bool = False  # nobody may charge with this configuration
    has_charger_error: bool = False
    is_not_following: bool = False  # it draws more than it was offered
    is_interrupted: bool = False
    grid_control_ma: int | None = None  # the cap, 0 or 6000; None: not active
    is_locked_out: bool = False  # load management interrupts all points after an overcurrent
    is_cancelled: bool = False
    is_waiting_for_start: bool = False
    minimum_reason: Reason | None = None  # why it gets no more than the minimum; None: it may


def constraints_by_rank(limits: Limits, inputs: ControlInputs) -> tuple[Constraint, ...]:
    """Return the caps on a charging point that hold now, with their reasons, the highest rank first.

    Empty: nothing limits it beside setpoint or load management. People are shown the reason of the highest
    rank that takes effect. A cap of grid-supporting control may not be exceeded: if it is below the smallest
    possible offer (`lowest_ma`), it gives 0 A. Source: load-management 6.
    """
    grid_ma, lowest_ma = inputs.grid_control_ma, limits.lowest_ma
    # then it gives 0 A as well, but by a lower rank than a cap of 0 A itself
    is_grid_cap_too_low = grid_ma is not None and grid_ma < lowest_ma
    # no step of the charger lies between minimum and maximum
    has_no_valid_offer = lowest_ma > limits.maximum_ma
    # whether it holds, the cap [mA], the reason
    ranks = (
        (inputs.is_misconfigured or has_no_valid_offer, 0, Reason.CONFIGURATION),
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
    if inputs.minimum_reason is not None:  # the gateway starts, stops or has had an internal error
        found.append(Constraint(lowest_ma, inputs.minimum_reason))
    return tuple(found)


def decide(limits: Limits, constraints: Sequence[Constraint], requested: Decision) -> Decision:
    """Return the offer that holds now, and its reason: what is requested, or the smallest cap below it.

    If anything asks for 0 A, that wins. Any other offer is rounded to a step of the charger. `requested`: the
    allocation of load management, or the setpoint where that is off. `constraints`: from
    `constraints_by_rank`, highest rank first: among equal caps the first one is the reason.
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
    # a step may round up to `lowest_ma`, but that exceeds no cap: those above 0 A are not below it
    return Decision(offer_ma=limits.offer_in_steps_ma(offer_ma), reason=reason)


def caps_to_show(
    limits: Limits, constraints: Sequence[Constraint], requested: Decision
) -> tuple[Constraint, ...]:
    """Return every cap on a charging point, to show to people: the deciding one, then the others by rank.

    The last ranks are what is requested (the allocation of load management, or the setpoint), and the point's
    maximum. Each cap is returned as the offer that the point would get by it alone: in steps of the charger, or 0.
    People tell caps apart by their reasons, so each reason is listed once, with its lowest cap.
    """
    deciding_reason = decide(limits, constraints, requested).reason
    # a setpoint is no cap: it is raised to the lowest offer instead of giving 0 A (6.14)
    by_request_alone_ma = decide(limits, (), requested).offer_ma
    caps = (
        *constraints,
        Constraint(by_request_alone_ma, requested.reason),
        Constraint(limits.maximum_ma, Reason.MAXIMUM),
    )
    offer_by_reason_ma: dict[Reason, int] = {}  # in the order of the first cap with each reason
    for cap_ma, reason in caps:
        alone_ma = limits.highest_offer_ma(cap_ma)
        offer_by_reason_ma[reason] = min(alone_ma, offer_by_reason_ma.get(reason, alone_ma))
    deciding = Constraint(offer_by_reason_ma.pop(deciding_reason), deciding_reason)
    others = (Constraint(ma, reason) for reason, ma in offer_by_reason_ma.items())
    return (deciding, *others)


def requested_by_setpoint(limits: Limits, setpoint_ma: int) -> Decision:
    """Return what the setpoint [mA] asks for, not yet in steps of the charger; used while load management is off.

    The setpoint is clamped to the limits, but 0 A stays 0 A where that pauses the charger
    (`Limits.clamp_setpoint`). The reason is the setpoint; if the offer is the maximum or the minimum, that is
    the reason, because it says more.
    """
    offer_ma = limits.clamp_setpoint(setpoint_ma)
    if offer_ma == 0:
        return Decision(offer_ma=0, reason=Reason.SETPOINT)
    return Decision(offer_ma=offer_ma, reason=_setpoint_reason(limits, offer_ma))


def _setpoint_reason(limits: Limits, offer_ma: int) -> Reason:
    """Return the reason to show for an offer above 0 A [mA] that follows the setpoint.

    At a bound of the range that bound is the reason, because it tells more: "maximum", or else "minimum".
    """
    if offer_ma == limits.maximum_ma:
        return Reason.MAXIMUM
    return Reason.MINIMUM if offer_ma == limits.minimum_ma else Reason.SETPOINT
