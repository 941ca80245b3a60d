"""The small values of which a `Participant` consists: how it follows, what it uses, what it waits for.

Each is replaced as a whole by the module that has its rules: `use`, `phase_test`, `used_phases`, `observe`,
`trial`, `queue`. "It" in the comments is the charging point; instants are monotonic seconds, currents mA.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from knxgw.dlm.settings import LONG_AGO


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """How a vehicle gets from the offers of before to the present one."""

    changed_at: float = LONG_AGO  # last change of the offer
    previous_offer_ma: int = 0  # the offer before that change
    # the offer before the previous one, if it may still have flowed at that change; else as the previous one
    second_last_offer_ma: int = 0
    draw_at_change_ma: int = 0  # what it drew at that change, on the phase that carried most
    obey_by_at: float = LONG_AGO  # from when on a lower offer must be obeyed
    raised_to_ma: int = 0  # what it was raised to the last time
    rises_until: float = LONG_AGO  # until then it may still be ramping up to that
    # the lower offer from which it was raised again before any reading had to show that it obeyed
    dips_to_ma: int = 0
    dips_until: float = LONG_AGO  # until then it may draw as little as that, seen by no reading


class LastRaise(NamedTuple):
    """The last raise of an offer, or start; or when the participant began to take part, if that was later."""

    at: float = LONG_AGO
    set_count: int = -1  # how many complete sets of the meter there had been then


@dataclass(frozen=True, slots=True, kw_only=True)
class UseCap:
    """The cap by use: the highest offer to a vehicle that draws less than it may."""

    ma: int
    draw_ma: int  # what it drew when it got that cap
    is_narrow: bool = False  # the cap leaves it hardly any headroom
    headroom_changed_at: float  # when its headroom changed last
    raised_at: float = LONG_AGO  # when the cap was raised last


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What a vehicle makes of its offer: all of it, less, or nothing."""

    offered_since: float | None = None  # since when it has at least its minimum
    has_charged: bool = False  # it has drawn more than 1 A since it has had its minimum
    # since when it has drawn no more than 1 A although it has its minimum; it is idle only after a time of that
    not_drawing_since: float | None = None
    is_idle: bool = False  # it has not drawn for so long that its offer is not reserved
    # since when it has drawn less than its offer less the headroom
    under_use_since: float | None = None
    # since when current has been scarce on its phases, so that others may lack what it does not use
    scarce_since: float | None = None
    cap: UseCap | None = None  # of a vehicle that draws less than its offer; None: none


class FoundPhases(NamedTuple):
    """On which phases the meter showed a start or change of a vehicle whose charger does not measure."""

    phases: tuple[int, ...]  # grid phases
    at: float  # when that was seen last
    times: int  # how often in a row; a clear start counts twice


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseEvidence:
    """What tells which of the wired phases a vehicle uses."""

    charges_clearly_since: float | None = None  # since when it has drawn 3 A or more on some phase
    # by grid phase: since when a wired phase has carried less than 1 A
    unused_since: Mapping[int, float] = field(default_factory=dict)
    # which phases the meter has shown, where it does not measure; None: nothing is known
    found: FoundPhases | None = None
    # when it was last lowered to see which phases its vehicle uses, or the vehicle before
    tested_at: float = LONG_AGO
    # how long after that test the next one of the same vehicle waits; 0: the present one was not tested yet
    test_wait_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Whether others give way for it, and how long not again after they did so in vain (`trial`)."""

    since: float | None = None  # since when others give way for it
    # how long it has to wait after the last trial that failed because lowering others freed nothing; 0: none
    # failed, or the last one did for another reason
    retry_wait_s: float = 0.0
    # before that no other gives way for it; or, if there is no such wait, only for a minimum with room to spare
    try_again_at: float = LONG_AGO


@dataclass(frozen=True, slots=True, kw_only=True)
class Shedding:
    """Whether it was shed (stopped for lack of room), and when it may return (`queue`, `admission`).

    By the queue, because the minima did not fit, or by an overcurrent that came back.
    """

    is_shed: bool = False  # it was shed, and has not returned yet
    room_since: float | None = None  # since when there has been room for it again
    room_needed_s: float = 0.0  # how long there must be room before it may start again
    # from then on it may start even without that room (12.4f); None: never
    may_return_anyway_at: float | None = None
    returned_at: float = LONG_AGO  # when it was last admitted again after it was shed
    stopped_at: tuple[float, ...] = ()  # instants of its last stops by the queue, four at most
