"""The working copy of one cycle of load management, and what every rule of a cycle asks it."""

from collections.abc import Sequence

from knxgw.charging.faults import FaultCode
from knxgw.charging.words import Reason
from knxgw.config.model import Monitoring
from knxgw.dlm import meter as meters
from knxgw.dlm import queue as queues
from knxgw.dlm.member import EARLY_S, Member, obeyed_s
from knxgw.dlm.room import Claims
from knxgw.dlm.settings import BACK_OFF_ENDS_S, LOW_EXCESS_S, Settings
from knxgw.dlm.state import IN_FORCE, BaseHistory, LoadManagement, PhaseState
from knxgw.dlm.use import NEVER_S, patience_until_s, set_offer
from knxgw.frozen import replace


def _peak(history: BaseHistory, from_s: float) -> tuple[int, float]:
    """Return the highest base load [mA] in force since a moment, and until when it was.

    The history is falling, so it is the first one that was in force after that moment.
    """
    return next(((ma, until_s) for until_s, ma in history if until_s > from_s), (0, IN_FORCE))


class Work:
    """State that a cycle may change; lives as long as the cycle."""

    def __init__(self, state: LoadManagement, settings: Settings, now_s: float) -> None:
        self.state = state
        self.settings = settings
        self.meter = state.meter
        self.now_s = now_s
        self.members = {number: member.clone() for number, member in state.members.items()}
        self.phases = [phase.clone() for phase in state.phases]
        self.emergency = state.emergency
        self.faults = state.faults
        self.overcurrent = state.overcurrent
        self.reasons: dict[int, Reason] = {}
        self.coming, self.coming_s = state.coming, state.coming_s
        self.is_settled = True  # nobody waits for more
        self.claimed_ma = [0] * len(
            self.phases
        )  # for which offers without a vehicle are taken back
        count = len(self.phases)
        self.now_ma = [0] * count  # A_now
        self.up_ma = [0] * count  # A_up
        self.clear_ma = [0] * count  # A_up without the doubt about the base load
        self.expires_s = [float("inf")] * count  # when the peak of a phase is forgotten
        self.is_static = settings.static_limit_ma is not None
        self.is_on_change = settings.monitoring is Monitoring.VALUES_AND_IN_OPERATION
        self.in_window = now_s < state.high_power_until_s
        self.is_base_known = all(phase.base_ma is not None for phase in self.phases)

    @property
    def at_minimum_only(self) -> bool:
        """Tell whether nobody may have more than the minimum."""
        return self.emergency or self.in_window

    @property
    def active(self) -> list[Member]:
        """Return who takes part in the allocation."""
        if self.overcurrent.locked:
            return []
        return [
            member
            for member in self.members.values()
            if member.is_member and member.limit_ma >= member.settings.minimum_ma
        ]

    def set_fault(self, code: FaultCode, present: bool) -> None:  # noqa: FBT001 - a finding
        """Note whether a general fault is there."""
        if present != (code in self.faults):
            self.faults = self.faults | {code} if present else self.faults - {code}

    def set_offer(self, member: Member, offer_ma: int) -> None:
        """Give a member another offer."""
        set_offer(member, offer_ma, self.settings, self.now_s)

    def start(self, member: Member) -> None:
        """Give a newcomer its minimum."""
        self.set_offer(member, member.settings.minimum_ma)
        member.raised_s, member.raised_set = self.now_s, self.state.meter.sets

    def find_room(self) -> None:
        """Find what is available per phase, for lowering (now) and for raising (peak-hold)."""
        window = meters.window_s(self.state.meter)
        claims = self._claims()
        seen_s = self._seen_s()
        for index, phase in enumerate(self.phases):
            if phase.back_off and self.now_s - phase.back_off_s > BACK_OFF_ENDS_S:
                phase.back_off = 0
            base_ma = peak_ma = phase.base_ma or 0
            value = self.state.meter.values[index]
            held_s = window * 2**phase.back_off
            held_ma, until_s = _peak(phase.history, seen_s - held_s)
            if held_ma > peak_ma:
                peak_ma, self.expires_s[index] = held_ma, until_s + held_s
            peak_ma = max(peak_ma, base_ma + self._doubt_ma(index, phase, window))
            self.now_ma[index] = claims[index].room_ma(self.settings, base_ma)
            self.up_ma[index] = claims[index].room_ma(self.settings, peak_ma)
            self.clear_ma[index] = claims[index].room_ma(self.settings, max(base_ma, held_ma))
            if value is not None and value.over_range:  # nobody knows how much more it is
                self.up_ma[index] = min(self.up_ma[index], 0)

    def _doubt_ma(self, index: int, phase: PhaseState, window: float) -> int:
        """Return how much higher the base load may be.

        The next sample tells; a meter with nothing new to tell for a whole window resolves it as well.
        """
        value = self.state.meter.values[index]
        if phase.samples or not phase.doubt_ma or value is None:
            return phase.doubt_ma
        if self.now_s >= value.at_s + window:
            return 0
        self.expires_s[index] = min(self.expires_s[index], value.at_s + window)
        return phase.doubt_ma

    def _seen_s(self) -> float:
        """Return the time from which peaks are forgotten: it stands still while nobody sees the line."""
        times = [value.at_s for value in self.state.meter.values if value is not None]
        return min(times) if self.emergency and times else self.now_s

    def _claims(self) -> list[Claims]:
        """Return what charging points take of each phase beside their offers."""
        claims = [Claims() for _ in self.phases]
        for member in self.members.values():
            if member.claims_more:
                for index, one in enumerate(claims):
                    one.add(member, index)
        return claims

    def committed_ma(self, *, without: Member | None = None) -> list[int]:
        """Return what members hold of each phase, all together: the larger of offer and draw.

        One that was raised a moment ago may still rise to that, though it was lowered since. What
        lowering one without measurement has released is what the meter has shown since.
        """
        held_ma = [0] * len(self.phases)
        for member in self.members.values():
            if member is without:
                continue
            counts = member.holds
            rises = counts and self.now_s < member.rises_until_s
            falls = not member.settings.measures and member.drawn_ma > member.offer_ma
            for index in range(len(held_ma)):
                own_ma = member.held_ma(index, counts=counts)
                if rises and member.risen_ma > own_ma and index in member.phases:
                    own_ma = member.risen_ma
                if falls and member.drawn_ma > own_ma and self._is_unseen(member, index):
                    own_ma = member.drawn_ma
                    self.is_settled = False
                held_ma[index] += own_ma
        return held_ma

    def _is_unseen(self, member: Member, phase: int) -> bool:
        """Tell whether the meter has not looked at a phase since a member must have obeyed its offer.

        One that has nothing new to tell says so by its silence.
        """
        if phase not in member.phases or self.is_static:
            return False
        value = self.state.meter.values[phase]
        told_s = value.at_s if value is not None and not self.is_on_change else self.now_s
        return told_s - self.settings.meter_delay_s - EARLY_S < obeyed_s(member, self.settings)

    def has_room(self, available_ma: Sequence[int], member: Member) -> bool:
        """Tell whether the minimum of a newcomer fits beside what everybody holds."""
        held_ma = self.committed_ma(without=member)
        need_ma = member.settings.minimum_ma
        return all(available_ma[index] - held_ma[index] >= need_ma for index in member.phases)

    def may_start(self, available_ma: Sequence[int], member: Member) -> bool:
        """Tell whether a newcomer may have its minimum now.

        What is offered where there is no vehicle is taken back first, if there is not enough for
        both: another one may have been plugged in there, and nobody has looked since.
        """
        held_ma, need_ma = self.committed_ma(without=member), member.settings.minimum_ma
        spare_ma = [ma - held - need_ma for ma, held in zip(available_ma, held_ma, strict=True)]
        if any(spare_ma[index] < 0 for index in member.phases):
            return False
        standing_ma = self._standing_ma()
        if all(spare_ma[index] >= standing_ma[index] for index in member.phases):
            return True
        for index in member.phases:
            self.claimed_ma[index] += need_ma
        self.is_settled = False
        return False

    def _standing_ma(self) -> list[int]:
        """Return what those without a vehicle are offered, or were until a moment ago."""
        standing_ma = [0] * len(self.phases)
        for member in self.members.values():
            if member.is_member or not (member.allowed and member.valid and member.reachable):
                continue
            offer_ma = member.offer_ma
            is_taken = member.seen is not None and member.seen.taken_ma == 0
            if offer_ma == 0 and self.now_s < member.settled_s and not is_taken:
                offer_ma = member.before_ma
            for index in member.phases:
                standing_ma[index] += offer_ma
        return standing_ma

    def fits(self, member: Member) -> bool:
        """Tell whether what everybody holds is there on the phases of this one."""
        held_ma = self.committed_ma()
        return all(held_ma[index] <= self.now_ma[index] for index in member.phases)

    def finish(self) -> LoadManagement:
        """Return the state that this cycle leaves."""
        known = not self.emergency and self.is_base_known
        padded = (*self.now_ma, 0, 0)
        return replace(
            self.state,
            members=self.members,
            meter=self.meter,
            phases=tuple(self.phases),
            emergency=self.emergency,
            overcurrent=self.overcurrent,
            faults=self.faults,
            reasons=self.reasons,
            coming=self.coming,
            coming_s=self.coming_s,
            due_s=self._due_s(),
            available_ma=(padded[0], padded[1], padded[2]) if known else None,
        )

    def _due_s(self) -> float:
        """Return until when time alone changes nothing: then the next cycle is due at latest."""
        now_s = self.now_s
        due_s = self._quiet_until_s()
        waits = any(phase.samples or self._is_open(phase) for phase in self.phases)
        if waits or self.overcurrent.is_counting or self.at_minimum_only or not self.is_settled:
            return now_s
        if not self.is_static:
            alive_s = meters.alive_s(self.state.meter, self.settings)
            if alive_s is not None:
                due_s = min(due_s, alive_s + self.settings.timeout_s)
        window = meters.window_s(self.state.meter)
        for phase, expires_s in zip(self.phases, self.expires_s, strict=True):
            hold_s = window * 2**phase.back_off
            due_s = min(due_s, expires_s)
            if phase.excess_s is not None and now_s < phase.excess_s + LOW_EXCESS_S < due_s:
                due_s = phase.excess_s + LOW_EXCESS_S
            if now_s <= phase.reduced_s + hold_s < due_s:
                due_s = phase.reduced_s + hold_s
            if phase.back_off:
                due_s = min(due_s, phase.back_off_s + BACK_OFF_ENDS_S)
        if self.coming is not None:
            due_s = min(due_s, max(now_s, self.coming_s + queues.COMING_S))
        return min(due_s, self._next_turn_s())

    def _is_open(self, phase: PhaseState) -> bool:
        """Tell whether a value that is in force says more when nothing moves any more."""
        return self.is_on_change and phase.open_ma[0] != phase.open_ma[1]

    def _quiet_until_s(self) -> float:
        """Return until when no member has to be looked at again, and note it for each.

        After a new offer that is now: what follows from it is seen the next time.
        """
        now_s = self.now_s
        soonest_s = NEVER_S
        for number, member in self.members.items():
            if member.offer_ma != self.state.members[number].offer_ma:
                soonest_s = now_s
                continue
            member.quiet_until_s = patience_until_s(member, self.settings, now_s)
            soonest_s = min(soonest_s, member.quiet_until_s)
            if member.was_shed:
                soonest_s = min(soonest_s, max(now_s, queues.may_return_s(member, now_s)))
        return soonest_s

    def _next_turn_s(self) -> float:
        """Return when one who is served may have to yield to one who waits."""
        members = [member for member in self.members.values() if member.is_member]
        served = [one.offered_s or self.now_s for one in members if one.offer_ma > 0]
        waiting = [one.waits_s or self.now_s for one in members if one.offer_ma == 0]
        if not self.settings.queue or not served or not waiting:
            return float("inf")
        turn_s = max(min(waiting), min(served)) + self.settings.rotation_s - queues.SLACK_S
        return max(turn_s, self.now_s)
