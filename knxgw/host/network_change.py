"""A change of the network from the moment it is asked for until it is kept or returned; pure.

Source: website 40.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from ipaddress import IPv4Address

CONFIRM_S = 120.0  # as for the configuration: within so long it is confirmed, or goes back


class Phase(StrEnum):
    """How far a change is."""

    ASKED = "asked"
    WAITING = "waiting"  # it holds, until somebody confirms it or the time is over
    KEPT = "kept"
    RETURNED = "returned"  # the previous settings hold again
    FAILED = "failed"  # it could not be made; the previous settings hold


class Event(StrEnum):
    """What happens to a change."""

    TRIED = "tried"  # the settings hold, and must be confirmed
    TAKEN = "taken"  # the settings hold for good
    CONFIRMED = "confirmed"
    TIME_OVER = "time_over"
    GIVEN_BACK = "given_back"  # somebody does not want to wait
    FOUND = "found"  # at a start: whoever waited for it was killed, or the machine was off
    BROKEN = "broken"  # something could not be done


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeByTool:
    """A change that a KNX tool has asked for and nobody has kept yet."""

    id: str
    address: IPv4Address | None  # that is to be there; None: an automatic one


_NEXT: Mapping[tuple[Phase, Event], Phase] = {
    (Phase.ASKED, Event.TRIED): Phase.WAITING,
    (Phase.ASKED, Event.TAKEN): Phase.KEPT,
    (Phase.ASKED, Event.BROKEN): Phase.FAILED,
    (Phase.ASKED, Event.FOUND): Phase.RETURNED,
    (Phase.WAITING, Event.CONFIRMED): Phase.KEPT,
    (Phase.WAITING, Event.TIME_OVER): Phase.RETURNED,
    (Phase.WAITING, Event.GIVEN_BACK): Phase.RETURNED,
    (Phase.WAITING, Event.FOUND): Phase.RETURNED,
    (Phase.WAITING, Event.BROKEN): Phase.RETURNED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change of the network."""

    id: str
    phase: Phase = Phase.ASKED
    return_at: float | None = None  # on the clock of whoever waits for the confirmation

    def after(self, event: Event, now_s: float) -> "Change":
        """Return the change after an event; one that means nothing any more changes nothing."""
        phase = _NEXT.get((self.phase, event), self.phase)
        if phase is self.phase:
            return self
        is_waiting = phase is Phase.WAITING
        return replace(self, phase=phase, return_at=now_s + CONFIRM_S if is_waiting else None)

    def is_over(self, now_s: float) -> bool:
        """Tell whether the time for the confirmation is over."""
        return self.return_at is not None and now_s >= self.return_at
