"""The working copy of one cycle of load management, and what every rule of a cycle asks it."""

from collections.abc import Container, Sequence
from functools import cached_property

from knxgw.catalogue.codes import FaultCode, Reason
from knxgw.config.model import Monitoring
from knxgw.dlm import meter as meters
from knxgw.dlm import queue as queues
from knxgw.dlm.allocation import AllocationRequest, on_mains
from knxgw.dlm.draw_history import EARLY_S, must_be_obeyed_at
from knxgw.dlm.participant import Claims, Participant
from knxgw.dlm.phase_test import is_answer_awaited, next_test_at
from knxgw.dlm.settings import BACK_OFF_ENDS_S, LOW_EXCESS_S, Settings
from knxgw.dlm.state import IN_FORCE, BaseHistory, LoadManagement, Outcome, PastBase, PhaseState
from knxgw.dlm.trial import forget_trials
from knxgw.dlm.use import NEVER, next_change_at, set_offer


def _peak(history: BaseHistory, begin_at: float) -> PastBase:
    """Return the highest base load that was in force at any time after `begin_at` [monotonic s].

    The history keeps only base loads that are higher than all later ones, the oldest first. So the first
    entry that ended after `begin_at` is the highest. `NO_PEAK` (0 mA): there is none.
    """
    return next((past for past in history if past.until > begin_at), NO_PEAK)


# before the first value of the meter, or when the start of a large consumer has emptied the history
NO_PEAK = PastBase(IN_FORCE, 0)


class CycleState:
    """What one cycle reads and changes: a copy of the state, and the room on each phase [mA].

    `state` stays what the cycle began with. `participants` and `phases` are copies, changed in place.
    """

    def __init__(self, state: LoadManagement, settings: Settings, now_s: float) -> None:
        """Copy what the cycle may change of `state`; all room is 0 until `find_room`, no reason is noted."""
        self.state = state
        self.settings = settings
        self.meter = state.meter
        self.now_s = now_s
        self.participants = {
            number: participant.clone() for number, participant in state.participants.items()
        }
        self.phases = [phase.clone() for phase in state.phases]
        self.is_emergency = state.is_emergency
        self.faults = state.outcome.faults
        self.overcurrent = state.overcurrent
        self.reasons: dict[int, Reason] = {}
        self.turn = state.turn
        # false: some participant could get more once time has passed, so the next cycle must not be left out
        self.is_at_target = True
        count = len(self.phases)
        # the minima per phase of newcomers for which offers to free charging points are withdrawn now
        self.claimed_ma = [0] * count
        # what all offers may add up to on each phase:
        self.room_now_ma = [0] * count  # by the latest base load (A_now)
        self.least_room_now_ma = [0] * count  # A_now if the base load is as high as it may be
        self.room_to_raise_ma = [0] * count  # by the peak of the base load (A_up)
        self.certain_room_ma = [0] * count  # A_up without the uncertainty of the base load
        self.room_to_grant_ma = [0] * count  # A_up with all that the last sample leaves possible
        # when time alone makes the room of a phase larger: its peak, or its uncertainty, is forgotten
        self.peak_expires_at = [float("inf")] * count
        self.is_static = settings.static_limit_ma is not None  # a fixed limit, and no meter
        self.has_meter_on_change = settings.monitoring is Monitoring.VALUES_AND_IN_OPERATION
        self.is_in_high_power_window = now_s < state.high_power_until
        self.is_base_known = all(phase.base_ma is not None for phase in self.phases)

    @cached_property
    def is_answer_awaited(self) -> bool:
        """Tell whether a vehicle was lowered to see which phases it uses, and that has not shown yet.

        Computed once in a cycle, before it may lower another vehicle for such a test: that one counts from
        the next cycle on. After some seconds it is given up. False with a static limit: there is no meter.
        Source: load-management 4.7.
        """
        return not self.is_static and is_answer_awaited(
            self.state.meter.line_at_rest,
            self.participants.values(),
            self.settings,
            self.state.meter.spacing_s,
            self.now_s,
        )

    @property
    def is_held_at_minimum(self) -> bool:
        """Tell whether no participant may have more than its minimum: emergency, or high-power window."""
        return self.is_emergency or self.is_in_high_power_window

    @property
    def eligible(self) -> list[Participant]:
        """Return the participants that may get a current: they take part, and no cap is below the minimum.

        Empty in a lock-out (after an overcurrent no charging point charges).
        """
        if self.overcurrent.is_locked_out:
            return []
        return [
            participant
            for participant in self.participants.values()
            if participant.takes_part
            and participant.highest_offer_ma >= participant.settings.minimum_ma
        ]

    def set_fault(self, code: FaultCode, is_present: bool) -> None:  # noqa: FBT001 - a finding
        """Note whether a fault of the whole device is present; `faults` is replaced only if it changes."""
        if is_present != (code in self.faults):
            self.faults = self.faults | {code} if is_present else self.faults - {code}

    @property
    def _rooms_ma(self) -> tuple[list[int], ...]:
        """Return all rooms of this cycle (`find_room`)."""
        return (
            self.room_now_ma,
            self.least_room_now_ma,
            self.certain_room_ma,
            self.room_to_raise_ma,
            self.room_to_grant_ma,
        )

    def set_offer(self, participant: Participant, offer_ma: int) -> None:
        """Change the offer of a participant to `offer_ma` from this instant on."""
        set_offer(participant, offer_ma, self.settings, self.now_s)

    def start(self, participant: Participant) -> None:
        """Offer a newcomer its minimum, and forget its failed trials (others gave way for it in vain).

        The start counts as a raise of this participant: its next raise waits for the raise spacing and for a
        complete set of the meter that comes after the start. What the vehicle is known to take above its offer
        is no room any more.
        """
        for index in participant.phases:
            overdraw_ma = participant.least_ma(index) - participant.settings.minimum_ma
            for room_ma in self._rooms_ma:
                room_ma[index] -= overdraw_ma
        self.set_offer(participant, participant.settings.minimum_ma)
        participant.raised_at, participant.raised_in_set = self.now_s, self.state.meter.sets.count
        forget_trials(participant)

    def find_room(self) -> None:
        """Find what all offers may add up to on each phase [mA]: by the latest base load and by its peak.

        | base load | as estimated | as high as it may be |
        |---|---|---|
        | the latest one: for lowering | `room_now_ma` | `least_room_now_ma` |
        | the higher of it and its peak: for starts and raises | `certain_room_ma` | `room_to_raise_ma` |

        The uncertainty is added to the latest base load only, not to its peak. A start or a raise must also
        fit `room_to_grant_ma`: with a fast meter, beside all that its last sample leaves possible. Where the
        meter is over range, only `room_now_ma`, by which offers are lowered, may be above 0.
        Source: load-management 7.3, 9.4e.
        """
        window_s = meters.window_s(self.state.meter)
        claims = self._claims()
        counted_until = self._peaks_count_until()
        for index, phase in enumerate(self.phases):
            value = self.state.meter.values[index]
            base_ma = phase.base_ma or 0
            peak_ma = self._note_peak_ma(index, phase, window_s, counted_until)
            # after the peak: the uncertainty may end before it, and then counts as `peak_expires_at`
            most_ma = base_ma + self._note_uncertainty_ma(index, phase, window_s, counted_until)
            self.room_now_ma[index] = claims[index].room_ma(self.settings, base_ma)
            self.least_room_now_ma[index] = claims[index].room_ma(self.settings, most_ma)
            self.certain_room_ma[index] = claims[index].room_ma(self.settings, peak_ma)
            self.room_to_raise_ma[index] = claims[index].room_ma(
                self.settings, max(peak_ma, most_ma)
            )
            # by how much the phase carries too much is not known: these decide on starts and raises
            if value is not None and value.is_over_range:
                for room_ma in (
                    self.room_to_raise_ma,
                    self.least_room_now_ma,
                    self.certain_room_ma,
                ):
                    room_ma[index] = min(room_ma[index], 0)
            # a value older than the window leaves no more possible, as in `_note_uncertainty_ma`
            is_recent = value is not None and counted_until < value.arrived_at + window_s
            possible_ma = self._possible_base_ma(phase) if is_recent else base_ma
            self.room_to_grant_ma[index] = min(
                self.room_to_raise_ma[index], claims[index].room_ma(self.settings, possible_ma)
            )

    def _note_peak_ma(
        self, index: int, phase: PhaseState, window_s: float, counted_until: float
    ) -> int:
        """Return the highest base load [mA] that counts for raises on a phase; note when it is forgotten.

        A peak counts for the window W (`window_s`, back from `counted_until`); after a back-off, whose
        exponent k is `PhaseState.back_off`, for 2**k times as long. A back-off that was of no use for
        `BACK_OFF_ENDS_S` (10 min) ends here. Source: load-management 7.3, 9.4e.
        """
        if phase.back_off and self.now_s - phase.back_off_useful_at > BACK_OFF_ENDS_S:
            phase.back_off = 0
        base_ma = phase.base_ma or 0
        remembered_s = window_s * 2**phase.back_off
        peak = _peak(phase.history, counted_until - remembered_s)
        if peak.base_ma <= base_ma:
            return base_ma
        self.peak_expires_at[index] = peak.until + remembered_s
        return peak.base_ma

    def _possible_base_ma(self, phase: PhaseState) -> int:
        """Return the base load [mA] beside which a start or raise must fit, by the last sample of a phase.

        With a fast meter that is the highest one the sample leaves possible: waiting for the next sample,
        which shows what is true, costs only a moment. With a slow meter (sets further apart than raises) it
        is the estimate: all that is possible is in `uncertainty_ma` there. Source: load-management 7.2d,
        7.2f.
        """
        if meters.is_slow(self.state.meter, self.settings):
            return phase.base_ma or 0
        return phase.possible_base_ma.most_ma

    def _note_uncertainty_ma(
        self, index: int, phase: PhaseState, window_s: float, counted_until: float
    ) -> int:
        """Return by how much a phase's base load may be higher than its estimate [mA]; note when that ends.

        Mostly the next sample, or a reading for which samples wait, ends the uncertainty. A meter that has
        nothing new to report sends no sample: `window_s` after its last value the uncertainty counts as 0, or
        no offer could ever rise. That end is noted in `peak_expires_at` if it comes before the one noted
        there. `counted_until`: now; in an emergency earlier, so that it does not end (`_peaks_count_until`).
        """
        value = self.state.meter.values[index]
        if phase.pending_samples or not phase.uncertainty_ma or value is None:
            return phase.uncertainty_ma  # a reading will end it, or there is none
        expires_at = value.arrived_at + window_s
        if counted_until >= expires_at:
            return 0
        self.peak_expires_at[index] = min(self.peak_expires_at[index], expires_at)
        return phase.uncertainty_ma

    def _peaks_count_until(self) -> float:
        """Return the instant from which the windows of the peak-hold reach back [monotonic s].

        Mostly it is now. In an emergency it is when the oldest of the phases' values came, so that no peak
        and no uncertainty is forgotten while the meter is silent.
        """
        arrivals = [value.arrived_at for value in self.state.meter.values if value is not None]
        return min(arrivals) if self.is_emergency and arrivals else self.now_s

    def _claims(self) -> list[Claims]:
        """Return for each phase what is reserved beside the offers of all charging points.

        That is held back for chargers that cannot be lowered, drawn above offers, or drawn but not read.
        """
        claims = [Claims() for _ in self.phases]
        for participant in self.participants.values():
            if participant.has_claims_beside_offer:  # mostly there is nothing to add
                for index, claims_of_phase in enumerate(claims):
                    claims_of_phase.add(participant, index)
        return claims

    def committed_ma(self, *, without: Participant | None = None) -> list[int]:
        """Return what all participants, or all but `without`, may draw at once on each phase [mA].

        Mostly each counts with the larger of its offer and its draw; an idle one, and one that takes no part,
        only with its draw (`holds_offer`). Two kinds count with more. A vehicle that was raised a moment ago
        may still rise to that offer, although it was lowered since. An unmeasured vehicle that was lowered
        may have released nothing: its draw before that counts until the meter, if there is one, has measured
        the phase again. Source: load-management 9.2c, 9.4.
        """
        held_ma = [0] * len(self.phases)
        for participant in self.participants.values():
            if participant is without:
                continue
            holds_offer = participant.holds_offer
            may_still_rise = holds_offer and self.now_s < participant.rises_until
            was_lowered_unmeasured = (
                not participant.settings.measures_current
                and participant.draw_at_change_ma > participant.offer_ma
            )
            for index in range(len(held_ma)):
                own_ma = participant.committed_ma(index, holds_offer=holds_offer)
                if may_still_rise and index in participant.phases:
                    own_ma = max(own_ma, participant.raised_to_ma)
                if was_lowered_unmeasured and self._is_release_unmeasured(participant, index):
                    own_ma = max(own_ma, participant.draw_at_change_ma)
                held_ma[index] += own_ma
        return held_ma

    def committed_by_others_ma(self, numbers: Container[int]) -> list[int]:
        """Return what the participants that are not in `numbers` keep of the room, per phase [mA].

        Those in `numbers` share the rest. The others keep what they draw; one that draws although its charger
        interrupts keeps its offer. One that was just offered 0 A counts as 0 until it must have obeyed: its
        current is about to be released, and no other is started or raised before it is (`committed_ma`).
        """
        held_ma = [0] * len(self.phases)
        for number, participant in self.participants.items():
            is_stopping = participant.offer_ma == 0 and self.now_s < participant.obey_by_at
            if number in numbers or is_stopping:
                continue
            holds_offer = participant.draws_while_interrupting
            for index in range(len(held_ma)):
                held_ma[index] += participant.committed_ma(index, holds_offer=holds_offer)
        return held_ma

    def allocation_request(self, participant: Participant) -> AllocationRequest:
        """Return what a participant asks of the allocation: from its minimum up to its highest offer.

        It asks for the minimum even where its cap is lower: the allocation gives no less to anyone.
        """
        one = participant.settings
        least_ma = max(map(participant.least_ma, participant.phases), default=one.minimum_ma)
        return AllocationRequest(
            minimum_ma=least_ma,
            cap_ma=max(least_ma, participant.highest_offer_ma),
            constraints=on_mains(participant.phases),
            is_prioritised=one.number == self.settings.priority,
            resolution_ma=one.resolution_ma,
            offer_ma=participant.offer_ma,
            energy_mwh=participant.energy_mwh,
        )

    def is_awaiting_release(self, participant: Participant) -> bool:
        """Tell whether a participant without measurement was lowered, and the meter has not shown it yet.

        False also for a participant that measures: its own readings show what it has released.
        Source: load-management 9.4h.
        """
        return (
            not participant.settings.measures_current
            and participant.draw_at_change_ma > participant.offer_ma
            and any(self._is_release_unmeasured(participant, index) for index in participant.phases)
        )

    def _is_release_unmeasured(self, participant: Participant, phase: int) -> bool:
        """Tell whether a phase (0 to 2) was last sampled before a vehicle had to obey its offer.

        A meter that sends changes only confirms its last value by its silence, so that value counts as one of
        now. So does a missing value: nothing is started or raised by the room of such a phase.
        """
        if phase not in participant.phases or self.is_static:
            return False  # the participant draws nothing there, or no meter will ever show it
        value = self.state.meter.values[phase]
        reported_at = self.now_s if value is None or self.has_meter_on_change else value.arrived_at
        # the value may be older than its telegram by the delay of the meter and `EARLY_S`
        sampled_at = reported_at - self.settings.meter_delay_s - EARLY_S
        return sampled_at < must_be_obeyed_at(participant, self.settings)

    def has_room(self, available_ma: Sequence[int], participant: Participant) -> bool:
        """Tell whether a participant's minimum fits on all its phases beside the commitments of all others.

        `available_ma`: the room per phase. A commitment is what a participant may draw at once.
        """
        held_ma = self.committed_ma(without=participant)
        return all(
            available_ma[index] - held_ma[index] >= participant.least_ma(index)
            for index in participant.phases
        )

    def try_to_claim_start(self, available_ma: Sequence[int], participant: Participant) -> bool:
        """Tell whether a newcomer may start with its minimum now, in the room per phase `available_ma`.

        False: the minimum does not fit, or fits only in the place of what free charging points are offered.
        In the second case the minimum is claimed (`claimed_ma`), so that those offers are withdrawn, and a
        later cycle starts the newcomer: a vehicle may have been plugged in there since the last reading.
        Source: load-management 5.5, 9.2c.
        """
        held_ma = self.committed_ma(without=participant)
        spare_ma = [
            ma - held - participant.least_ma(index)
            for index, (ma, held) in enumerate(zip(available_ma, held_ma, strict=True))
        ]
        if any(spare_ma[index] < 0 for index in participant.phases):
            return False
        free_points_ma = self._offered_without_vehicle_ma()
        if all(spare_ma[index] >= free_points_ma[index] for index in participant.phases):
            return True
        for index in participant.phases:
            self.claimed_ma[index] += participant.least_ma(index)
        self.is_at_target = False
        return False

    def _offered_without_vehicle_ma(self) -> list[int]:
        """Return per phase [mA] what free charging points (no vehicle takes part) are offered.

        Only what can be withdrawn counts: nothing of a charger that cannot be reached. An offer that was just
        withdrawn counts until a vehicle must have obeyed: one that was plugged in since the last reading may
        still draw, also when the charger has acknowledged 0 A.
        """
        free_points_ma = [0] * len(self.phases)
        for participant in self.participants.values():
            can_be_withdrawn = (
                participant.may_charge
                and participant.has_valid_currents
                and participant.is_reachable
            )
            if participant.takes_part or not can_be_withdrawn:
                continue
            offer_ma = participant.offer_ma
            if offer_ma == 0 and self.now_s < participant.obey_by_at:
                offer_ma = participant.previous_offer_ma
            for index in participant.phases:
                free_points_ma[index] += offer_ma
        return free_points_ma

    def has_room_for_commitments(self, participant: Participant) -> bool:
        """Tell whether what all participants may draw at once fits on the phases of this one.

        The room is that by the latest base load (`room_now_ma`).
        """
        held_ma = self.committed_ma()
        return all(held_ma[index] <= self.room_now_ma[index] for index in participant.phases)

    def finish(self) -> LoadManagement:
        """Return the state that this cycle leaves, with when the next one is due (`due_at`).

        The room is reported (`Outcome.available_ma`) only where it is measured: not in an emergency, and not
        before the base load of every phase is known.
        """
        is_room_known = not self.is_emergency and self.is_base_known
        padded = (*self.room_now_ma, 0, 0)  # a connection with one phase has no room on L2 and L3
        return LoadManagement(
            participants=self.participants,
            meter=self.meter,
            phases=tuple(self.phases),
            is_emergency=self.is_emergency,
            starts_unmeasured=self.state.starts_unmeasured,
            high_power_until=self.state.high_power_until,
            overcurrent=self.overcurrent,
            turn=self.turn,
            outcome=Outcome(
                faults=self.faults,
                reasons=self.reasons,
                available_ma=(padded[0], padded[1], padded[2]) if is_room_known else None,
            ),
            due_at=self._next_due_at(),
        )

    def _next_due_at(self) -> float:
        """Return when the next cycle is due [monotonic s]: until then time alone changes nothing.

        `now_s` while something has to be looked at in every cycle. Otherwise the first instant at which any
        wait, window or hold ends. Also notes for each participant until when it is unchanged, so it is called
        once, at the end of a cycle.
        """
        now_s = self.now_s
        due_at = self._note_unchanged_until()
        may_base_load_change = any(
            phase.pending_samples or self._may_base_become_exact(phase) for phase in self.phases
        )
        is_each_cycle_needed = (
            may_base_load_change
            or self.overcurrent.needs_supervision
            or self.is_held_at_minimum
            or not self.is_at_target
            or any(map(self.is_awaiting_release, self.participants.values()))
        )
        if is_each_cycle_needed:
            return now_s
        if not self.is_static:
            alive_at = meters.alive_at(self.state.meter, self.settings)
            if alive_at is not None:  # the meter counts as silent from then on
                due_at = min(due_at, alive_at + self.settings.timeout_s)
        window_s = meters.window_s(self.state.meter)
        for phase, expires_at in zip(self.phases, self.peak_expires_at, strict=True):
            due_at = min(due_at, expires_at, self._next_change_of_phase_at(phase, window_s))
        if self.turn is not None:  # a turn that was not used by then is over
            due_at = min(due_at, max(now_s, self.turn.since + queues.NEXT_WAITS_S))
        # a vehicle may then be lowered to see which phases it uses
        test_at = next_test_at(self.state.meter.line_at_rest, self.participants.values())
        return min(due_at, max(now_s, test_at), self._next_turn_at())

    def _next_change_of_phase_at(self, phase: PhaseState, window_s: float) -> float:
        """Return when time alone changes something about a phase [monotonic s]; NEVER: nothing is timed.

        The first of three: the hold after a safety reduction ends, a small excess of the offers has lasted
        for `LOW_EXCESS_S` and is lowered, or the back-off ends. `window_s`: W, the window of the peak-hold.
        """
        next_at = NEVER
        hold_ends_at = phase.reduced_at + window_s * 2**phase.back_off
        # >=: `raising` may have found that it ends a rounding error after now
        if hold_ends_at >= self.now_s:
            next_at = hold_ends_at
        # >: if it has lasted for long enough already, this cycle has lowered it
        if phase.excess_since is not None and phase.excess_since + LOW_EXCESS_S > self.now_s:
            next_at = min(next_at, phase.excess_since + LOW_EXCESS_S)
        if phase.back_off:  # its end is never past: `find_room` has ended one that was
            next_at = min(next_at, phase.back_off_useful_at + BACK_OFF_ENDS_S)
        return next_at

    def _may_base_become_exact(self, phase: PhaseState) -> bool:
        """Tell whether a base load is known as a range, which a cycle can make exact without a new value.

        That is so with a meter that sends changes only: its last value stays in force, and gives the exact
        base load once no charger moves (`base_load.examine_at_rest`).
        """
        return self.has_meter_on_change and not phase.possible_base_ma.is_exact

    def _note_unchanged_until(self) -> float:
        """Note until when time alone changes nothing about each participant; return the first such instant.

        In monotonic seconds. It is now if an offer has changed in this cycle: the next one sees what follows
        from that. The result alone also counts when others may be asked again to give way for a participant,
        and when one that was shed (stopped by the queue) may return.
        """
        now_s = self.now_s
        soonest_at = NEVER
        for number, participant in self.participants.items():
            if participant.offer_ma != self.state.participants[number].offer_ma:
                soonest_at = now_s
                continue  # `unchanged_until` is now already, by `use.set_offer`
            participant.unchanged_until = next_change_at(participant, self.settings, now_s)
            soonest_at = min(soonest_at, participant.unchanged_until)
            if participant.try_again_at > now_s:
                soonest_at = min(soonest_at, participant.try_again_at)
            if participant.was_shed:
                soonest_at = min(soonest_at, max(now_s, queues.may_return_at(participant, now_s)))
        return soonest_at

    def _next_turn_at(self) -> float:
        """Return when a participant that charges may have to yield to one that waits [monotonic s].

        That is once one has charged, and another one has waited, for a whole turn (`rotation_s`). Infinite:
        there is no queue, none charges, or none waits.
        """
        participants = [
            participant for participant in self.participants.values() if participant.takes_part
        ]
        served_since = [one.served_since(self.now_s) for one in participants if one.offer_ma > 0]
        waiting_since = [one.waits_since(self.now_s) for one in participants if one.offer_ma == 0]
        if not self.settings.queue or not served_since or not waiting_since:
            return float("inf")
        both_since = max(min(waiting_since), min(served_since))
        turn_at = both_since + self.settings.rotation_s - queues.SLACK_S
        return max(turn_at, self.now_s)
