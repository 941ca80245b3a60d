"""Whether a vehicle keeps to its limit: the faults `NotFollowing` and `NotStopping`.

A current clearly above the offer for a while is a fault, and the charging point is offered 0 A. If
current still flows after that, the vehicle does not stop at all. A vehicle that has stopped gets
another chance after a while, or at once when it is plugged in again.

The *draw* is compared with the offer, which holds for each phase. So it is the current of the phase that carries
most; or, where only the sum of the phases is fresh, their mean (`freshness.draw_per_phase_ma`). It is *clearly* more
than the offer above `limits.highest_obedient_ma`. While it is, once the vehicle has had its time to obey, it
*violates* the offer.
Source: load-management 13.3. When the faults end is ours.
"""

from dataclasses import dataclass, replace
from enum import Enum

from knxgw.charging.limits import DRAWS_FROM_MA, OBEY_S, highest_obedient_ma

OVER_S = 10.0  # a current clearly above the offer for this long is a fault
STOP_S = 10.0  # within this time of 0 A, decided because of the fault, a vehicle must have stopped
RETRY_S = 300.0  # after this time with no more than `DRAWS_FROM_MA` a vehicle gets another chance


class Compliance(Enum):
    """Whether a vehicle keeps to its limit."""

    FOLLOWS = "follows"
    EXCEEDS_OFFER = "draws more than allowed"
    DOES_NOT_STOP = "draws after 0 A was commanded because of that"


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitCompliance:
    """How far a violation has been timed; all instants are monotonic seconds."""

    verdict: Compliance = Compliance.FOLLOWS
    offer_ma: int | None = None  # in force when the draw was last observed; None: not known
    obey_by_at: float = 0.0  # from when on the offer must be obeyed
    over_since: float | None = None  # since when the draw violates the offer; None: not timed
    fault_at: float = 0.0  # when the vehicle was found not to follow
    not_drawing_since: float | None = None  # since when, after that, it has stopped; None: it draws

    @property
    def is_timing_violation(self) -> bool:
        """Tell whether a violation, or its end, is being timed: time alone may change the verdict."""
        return self.verdict is not Compliance.FOLLOWS or self.over_since is not None


NEW = LimitCompliance()


def observe_draw(
    state: LimitCompliance, offer_ma: int | None, draw_ma: int | None, now_s: float
) -> LimitCompliance:
    """Return the state after comparing what the vehicle draws per phase with its offer [mA].

    A vehicle that draws clearly more than its offer for 10 s is found to exceed it. If it draws 10 s or more after
    that, it is found not to stop. It gets another chance once it has drawn no more than 1 A for 5 minutes. If
    offer or draw is not known (None), the verdict stays, and two times begin again: for how long it has drawn too
    much, and for how long it has drawn nothing. `now_s`: monotonic.
    """
    if draw_ma is not None and _exceeds_previous_offer(state, draw_ma, now_s):
        # before `_with_offer`, which would give it new time to obey
        state = _with_offer_lowered_meanwhile(state, offer_ma, now_s)
    state = _with_offer(state, offer_ma, now_s)
    if offer_ma is None or draw_ma is None:
        return replace(state, over_since=None, not_drawing_since=None)
    if state.verdict is Compliance.FOLLOWS:
        return _while_following(state, offer_ma, draw_ma, now_s)
    return _while_violating(state, draw_ma, now_s)


def _exceeds_previous_offer(state: LimitCompliance, draw_ma: int, now_s: float) -> bool:
    """Tell whether the vehicle draws clearly more [mA] than the offer that held until now (`state.offer_ma`).

    Asked before an offer is taken over: a vehicle that ignores the offer before gets no new time to obey a lower
    one. False if it still has time to obey that offer, or if it was found to violate its limit before.
    """
    offer_ma = state.offer_ma
    if state.verdict is not Compliance.FOLLOWS or offer_ma is None or now_s < state.obey_by_at:
        return False
    return draw_ma > highest_obedient_ma(offer_ma)


def _with_offer_lowered_meanwhile(
    state: LimitCompliance, offer_ma: int | None, now_s: float
) -> LimitCompliance:
    """Return the state with a lower offer, made while the vehicle draws clearly more than the one before.

    To be called only for such a vehicle (`_exceeds_previous_offer`). It gets no new time to obey, unlike in
    `_with_offer`: else an offer that is lowered again and again would never be enforced. The time for which it has
    drawn too much goes on, or begins now. An offer that is not lower, or not known (None), is left to
    `_with_offer`.
    """
    if offer_ma is None or state.offer_ma is None or offer_ma >= state.offer_ma:
        return state
    over_since = now_s if state.over_since is None else state.over_since
    return replace(state, offer_ma=offer_ma, over_since=over_since)


def _with_offer(state: LimitCompliance, offer_ma: int | None, now_s: float) -> LimitCompliance:
    """Return the state with the offer of now [mA] (None: not known); if it is the same, nothing changes.

    A lower offer, or the first known one, gives the vehicle 6 s to obey (`OBEY_S`); a higher or unknown one
    gives no new time. In each case, the time for which the vehicle has drawn too much begins again.
    """
    if offer_ma == state.offer_ma:
        return state
    is_lowered = offer_ma is not None and (state.offer_ma is None or offer_ma < state.offer_ma)
    obey_by_at = now_s + OBEY_S if is_lowered else state.obey_by_at
    return replace(state, offer_ma=offer_ma, obey_by_at=obey_by_at, over_since=None)


def _while_following(
    state: LimitCompliance, offer_ma: int, draw_ma: int, now_s: float
) -> LimitCompliance:
    """Return the state of a vehicle that was not found to violate its limit until now; offer and draw in mA.

    If it draws clearly more than the offer, that is timed (`over_since`); once it has lasted for 10 s
    (`OVER_S`), the verdict is that it exceeds its offer.
    """
    has_time_to_obey = now_s < state.obey_by_at
    if has_time_to_obey or draw_ma <= highest_obedient_ma(offer_ma):
        # nothing to time: as it was (the same object is quick), or without what was timed
        return state if state.over_since is None else replace(state, over_since=None)
    if state.over_since is None:  # the violation begins now
        return replace(state, over_since=now_s)
    if now_s - state.over_since < OVER_S:
        return state
    return replace(
        state,
        verdict=Compliance.EXCEEDS_OFFER,
        over_since=None,
        fault_at=now_s,
        not_drawing_since=None,
    )


def _while_violating(state: LimitCompliance, draw_ma: int, now_s: float) -> LimitCompliance:
    """Return the state of a vehicle that was found to exceed its offer, and has been offered 0 A since.

    It counts as drawing above 1 A (`DRAWS_FROM_MA`). If it draws 10 s (`STOP_S`) or more after that was found
    (`fault_at`), the verdict is that it does not stop: also if it had stopped meanwhile. Once it draws no more, the
    verdict is again that it exceeds its offer; and after 5 minutes of that (`RETRY_S`) it gets another chance: all
    is as for a new vehicle. `draw_ma`: the draw, as the module defines it [mA]. `now_s`: monotonic.
    """
    if draw_ma > DRAWS_FROM_MA:
        is_late = now_s - state.fault_at >= STOP_S
        return replace(
            state,
            verdict=Compliance.DOES_NOT_STOP if is_late else state.verdict,
            not_drawing_since=None,
        )
    if state.not_drawing_since is None:  # it has just stopped: no "does not stop" any more
        return replace(state, verdict=Compliance.EXCEEDS_OFFER, not_drawing_since=now_s)
    return NEW if now_s - state.not_drawing_since >= RETRY_S else state
