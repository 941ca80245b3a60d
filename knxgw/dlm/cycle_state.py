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
    """Return the highest base load that was in force after `begin_at` [monotonic s].

    The history is falling, so the first entry that was still in force then is the highest. `NO_PEAK`: the
    history has none.
    """
    return next((past for past in history if past.until > begin_at), NO_PEAK)


# before the first value, or when a large consumer began a new window
NO_PEAK = PastBase(IN_FORCE, 0)


class CycleState:
    """What one cycle reads and changes: a copy of the state, and the room on each phase [mA].

    `state` stays what the cycle began with. `participants` and `phases` are copies, changed in place.
    """

    def __init__(self, state: LoadManagement, settings: Settings, now_s: float) -> None:
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
        self.is_at_target = True  # no participant could get more by waiting a moment
        # the minima per phase of newcomers for which offers to free charging points are withdrawn now
        self.claimed_ma = [0] * len(self.phases)
        count = len(self.phases)
        self.room_now_ma = [0] * count  # A_now
        self.least_room_now_ma = [0] * count  # A_now if the base load is as high as it may be
        self.room_to_raise_ma = [0] * count  # A_up
        self.certain_room_ma = [0] * count  # A_up without the uncertainty of the base load
        self.room_to_grant_ma = [0] * count  # A_up with all that the last sample leaves possible
        self.peak_expires_at = [float("inf")] * count  # when the peak of a phase is forgotten
        self.is_static = settings.static_limit_ma is not None
        self.has_meter_on_change = settings.monitoring is Monitoring.VALUES_AND_IN_OPERATION
        self.is_in_high_power_window = now_s < state.high_power_until
        self.is_base_known = all(phase.base_ma is not None for phase in self.phases)

    @cached_property
    def is_answer_awaited(self) -> bool:
        """Tell whether a vehicle was lowered for a test, and the meter is still to show which phases it uses.

        Asked once in a cycle, before any test begins: a test of this cycle counts from the next one on.
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
        """Return the participants that the allocation is for: they take part, and no cap forbids the minimum.

        In a lock-out the list is empty.
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
        """Note whether a fault of the whole device is present. `faults` is replaced only if that changes it."""
        if is_present != (code in self.faults):
            self.faults = self.faults | {code} if is_present else self.faults - {code}

    def set_offer(self, participant: Participant, offer_ma: int) -> None:
        """Change the offer of a participant to `offer_ma` from this instant on."""
        set_offer(participant, offer_ma, self.settings, self.now_s)

    def start(self, participant: Participant) -> None:
        """Offer a newcomer its minimum, and forget its failed trials.

        The start counts as a raise of the participant: its next one waits for the spacing and a new complete
        set of the meter. It is not noted as one of its phases (`PhaseState.raised_at`, for the back-off).
        """
        self.set_offer(participant, participant.settings.minimum_ma)
        participant.raised_at, participant.raised_in_set = self.now_s, self.state.meter.sets.count
        forget_trials(participant)

    def find_room(self) -> None:
        """Find the room on each phase [mA]: by the latest base load and by its peak, each in two ways.

        | base load | as estimated | as high as it may be |
        |---|---|---|
        | the latest one: for lowering | `room_now_ma` | `least_room_now_ma` |
        | its peak: for starting and raising | `certain_room_ma` | `room_to_raise_ma` |

        A start or a raise must also fit `room_to_grant_ma`. It is `room_to_raise_ma`, or less where the last sample
        of a fast meter leaves a higher base load possible (`_possible_base_ma`): the next sample shows what is true.

        In `room_to_raise_ma` the higher of two counts, not their sum: the peak, and the latest base load as high
        as it may be. A peak counts for the window W, after a back-off (`PhaseState.back_off`: k) for 2**k times
        as long. A back-off that was of no use for `BACK_OFF_ENDS_S` ends. `peak_expires_at` notes when a phase
        gets more room by time alone. Of a phase over range there is no room but `room_now_ma`, by which offers are
        lowered. Source: load-management 7.3, 9.4e.
        """
        window_s = meters.window_s(self.state.meter)
        claims = self._claims()
        counted_until = self._peaks_count_until()
        for index, phase in enumerate(self.phases):
            if phase.back_off and self.now_s - phase.back_off_useful_at > BACK_OFF_ENDS_S:
                phase.back_off = 0
            base_ma = peak_ma = phase.base_ma or 0
            value = self.state.meter.values[index]
            held_s = window_s * 2**phase.back_off
            peak = _peak(phase.history, counted_until - held_s)
            if peak.base_ma > peak_ma:
                peak_ma, self.peak_expires_at[index] = peak.base_ma, peak.until + held_s
            # after the peak: the uncertainty may end before it, and then counts as `peak_expires_at`
            most_ma = base_ma + self._note_uncertainty_ma(index, phase, window_s, counted_until)
            peak_ma = max(peak_ma, most_ma)
            self.room_now_ma[index] = claims[index].room_ma(self.settings, base_ma)
            self.least_room_now_ma[index] = claims[index].room_ma(self.settings, most_ma)
            self.room_to_raise_ma[index] = claims[index].room_ma(self.settings, peak_ma)
            self.certain_room_ma[index] = claims[index].room_ma(
                self.settings, max(base_ma, peak.base_ma)
            )
            # by how much the phase carries too much is not known: these decide on starts and raises
            if value is not None and value.is_over_range:
                for room_ma in (
                    self.room_to_raise_ma,
                    self.least_room_now_ma,
                    self.certain_room_ma,
                ):
                    room_ma[index] = min(room_ma[index], 0)
            is_recent = value is not None and counted_until < value.arrived_at + window_s
            possible_ma = self._possible_base_ma(phase) if is_recent else base_ma
            self.room_to_grant_ma[index] = min(
                self.room_to_raise_ma[index], claims[index].room_ma(self.settings, possible_ma)
            )

    def _possible_base_ma(self, phase: PhaseState) -> int:
        """Return the highest base load [mA] that the last sample of a phase leaves possible.

        It counts for starts and raises, which wait for the next sample of a fast meter to show whether the base
        load is that high. It is the base load itself with a slow meter, whose next sample comes later than a
        raise might: all that is possible is in `uncertainty_ma` already. Source: load-management 7.2d, 7.2f.
        """
        if meters.is_slow(self.state.meter, self.settings):
            return phase.base_ma or 0
        return phase.possible_base_ma.most_ma

    def _note_uncertainty_ma(
        self, index: int, phase: PhaseState, window_s: float, counted_until: float
    ) -> int:
        """Note when the uncertainty of a phase ends by time alone; return it as it is now [mA].

        It is by how much the base load may be higher than its estimate. The next sample settles that. Where
        none came for `window_s` until `counted_until`, as of a meter that has nothing new to report, the
        uncertainty ends (0): otherwise it would keep all offers from rising for good. That end is noted in
        `peak_expires_at` if it comes before the one noted there. While samples wait for readings, these settle
        it. In an emergency it never ends (`_peaks_count_until`).
        """
        value = self.state.meter.values[index]
        if phase.pending_samples or not phase.uncertainty_ma or value is None:
            return phase.uncertainty_ma
        expires_at = value.arrived_at + window_s
        if counted_until >= expires_at:
            return 0
        self.peak_expires_at[index] = min(self.peak_expires_at[index], expires_at)
        return phase.uncertainty_ma

    def _peaks_count_until(self) -> float:
        """Return the instant from which the windows of the peak-hold reach back [monotonic s].

        That is the present one; in an emergency the arrival of the oldest value, so that no peak and no
        uncertainty is forgotten while the meter is silent.
        """
        times = [value.arrived_at for value in self.state.meter.values if value is not None]
        return min(times) if self.is_emergency and times else self.now_s

    def _claims(self) -> list[Claims]:
        """Return for each phase what is reserved on it for charging points beside their offers."""
        claims = [Claims() for _ in self.phases]
        for participant in self.participants.values():
            if participant.has_claims_beside_offer:
                for index, one in enumerate(claims):
                    one.add(participant, index)
        return claims

    def committed_ma(self, *, without: Participant | None = None) -> list[int]:
        """Return the sum of all commitments on each phase [mA], of all participants or all but `without`.

        Two kinds count with more than their offer and draw of now. A vehicle that was raised a moment ago may
        still rise to that offer, although it was lowered since. An unmeasured vehicle that was lowered may
        have released nothing: its earlier draw counts until the meter has measured the phase.
        Source: load-management 9.2c, 9.4.
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
                if (
                    may_still_rise
                    and participant.raised_to_ma > own_ma
                    and index in participant.phases
                ):
                    own_ma = participant.raised_to_ma
                if was_lowered_unmeasured and self._is_meter_unread_since_change(
                    participant, index
                ):
                    own_ma = max(own_ma, participant.draw_at_change_ma)
                held_ma[index] += own_ma
        return held_ma

    def committed_by_others_ma(self, numbers: Container[int]) -> list[int]:
        """Return the commitments per phase [mA] of the participants that are not in `numbers`.

        A participant that was just offered 0 A is left out until it must have obeyed: its current is about to be
        released, and a raise waits for the meter anyhow. A participant that draws although its charger interrupts
        holds its offer; all others hold what they draw.
        """
        held_ma = [0] * len(self.phases)
        for number, participant in self.participants.items():
            if number in numbers or (
                participant.offer_ma == 0 and self.now_s < participant.obey_by_at
            ):
                continue
            holds_offer = participant.draws_while_interrupting
            for index in range(len(held_ma)):
                held_ma[index] += participant.committed_ma(index, holds_offer=holds_offer)
        return held_ma

    def allocation_request(self, participant: Participant) -> AllocationRequest:
        """Return what a participant asks of the allocation: at least its minimum, even where its cap is lower.

        Its offer of now and the energy of its session decide who gets an extra step (`AllocationRequest`).
        """
        one = participant.settings
        return AllocationRequest(
            one.minimum_ma,
            max(one.minimum_ma, participant.highest_offer_ma),
            on_mains(participant.phases),
            one.number == self.settings.priority,
            one.resolution_ma,
            participant.offer_ma,
            participant.energy_mwh,
        )

    def is_awaiting_release(self, participant: Participant) -> bool:
        """Tell whether the meter has still to show what a lowered participant without measurement released.

        False for one that measures, was not lowered last, or whose phases were all measured since.
        Source: load-management 9.4h.
        """
        return (
            not participant.settings.measures_current
            and participant.draw_at_change_ma > participant.offer_ma
            and any(
                self._is_meter_unread_since_change(participant, index)
                for index in participant.phases
            )
        )

    def _is_meter_unread_since_change(self, participant: Participant, phase: int) -> bool:
        """Tell whether a phase (0 to 2) was not measured since a participant had to obey its last offer.

        The silence of a meter that sends changes only counts as a value of this moment. So does a phase that
        has had no value yet: before the first one nothing is started or raised on it anyway.
        """
        if phase not in participant.phases or self.is_static:
            return False  # the participant draws nothing there, or no meter will ever show it
        value = self.state.meter.values[phase]
        reported_at = self.now_s if value is None or self.has_meter_on_change else value.arrived_at
        return reported_at - self.settings.meter_delay_s - EARLY_S < must_be_obeyed_at(
            participant, self.settings
        )

    def has_room(self, available_ma: Sequence[int], participant: Participant) -> bool:
        """Tell whether a participant's minimum fits into `available_ma` beside the commitments of all others.

        `available_ma`: the room per phase.
        """
        held_ma = self.committed_ma(without=participant)
        need_ma = participant.settings.minimum_ma
        return all(available_ma[index] - held_ma[index] >= need_ma for index in participant.phases)

    def try_to_claim_start(self, available_ma: Sequence[int], participant: Participant) -> bool:
        """Tell whether a newcomer may start with its minimum now, in the room per phase `available_ma`.

        False: the minimum does not fit, or fits only in the place of what free charging points are offered.
        In the second case the minimum is claimed (`claimed_ma`), so that those offers are withdrawn, and a
        later cycle starts the newcomer: a vehicle may have been plugged in there since the last reading.
        Source: load-management 5.5, 9.2c.
        """
        held_ma, need_ma = self.committed_ma(without=participant), participant.settings.minimum_ma
        spare_ma = [ma - held - need_ma for ma, held in zip(available_ma, held_ma, strict=True)]
        if any(spare_ma[index] < 0 for index in participant.phases):
            return False
        free_points_ma = self._offered_without_vehicle_ma()
        if all(spare_ma[index] >= free_points_ma[index] for index in participant.phases):
            return True
        for index in participant.phases:
            self.claimed_ma[index] += need_ma
        self.is_at_target = False
        return False

    def _offered_without_vehicle_ma(self) -> list[int]:
        """Return per phase [mA] what free charging points are offered, or were until a moment ago.

        A withdrawn offer counts until a vehicle must have obeyed: one that was plugged in since the last reading
        may still draw, also when the charger has acknowledged 0 A.
        """
        free_points_ma = [0] * len(self.phases)
        for participant in self.participants.values():
            # as `cycle._is_free_point`: no vehicle takes part, and the offer can be withdrawn
            if participant.takes_part or not (
                participant.may_charge
                and participant.has_valid_currents
                and participant.is_reachable
            ):
                continue
            offer_ma = participant.offer_ma
            if offer_ma == 0 and self.now_s < participant.obey_by_at:
                offer_ma = participant.previous_offer_ma
            for index in participant.phases:
                free_points_ma[index] += offer_ma
        return free_points_ma

    def has_room_for_commitments(self, participant: Participant) -> bool:
        """Tell whether the commitments of all participants fit into the present room on this one's phases."""
        held_ma = self.committed_ma()
        return all(held_ma[index] <= self.room_now_ma[index] for index in participant.phases)

    def finish(self) -> LoadManagement:
        """Return the state that this cycle leaves, and when the next one is due."""
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

        Now: each cycle has something to do, because something is timed in each of them, or a participant
        could get more by waiting a moment. Otherwise the first instant at which any wait, window or hold ends.
        Also notes it for each participant (`_note_unchanged_until`), so it is asked once, at the end.
        """
        now_s = self.now_s
        due_at = self._note_unchanged_until()
        if (
            any(phase.pending_samples or self._is_ambiguous(phase) for phase in self.phases)
            or self.overcurrent.needs_supervision
            or self.is_held_at_minimum
            or not self.is_at_target
            or any(map(self.is_awaiting_release, self.participants.values()))
        ):
            return now_s
        if not self.is_static:
            alive_at = meters.alive_at(self.state.meter, self.settings)
            if alive_at is not None:
                due_at = min(due_at, alive_at + self.settings.timeout_s)
        window_s = meters.window_s(self.state.meter)
        for phase, expires_at in zip(self.phases, self.peak_expires_at, strict=True):
            due_at = min(due_at, expires_at, self._next_change_of_phase_at(phase, window_s))
        if self.turn is not None:
            due_at = min(due_at, max(now_s, self.turn.since + queues.NEXT_WAITS_S))
        test_at = next_test_at(self.state.meter.line_at_rest, self.participants.values())
        return min(due_at, max(now_s, test_at), self._next_turn_at())

    def _next_change_of_phase_at(self, phase: PhaseState, window_s: float) -> float:
        """Return when time alone changes something about a phase [monotonic s]; NEVER: it does not.

        The hold after a reduction ends, a small excess has lasted for long enough, or the back-off ends.
        """
        next_at = NEVER
        hold_ends_at = phase.reduced_at + window_s * 2**phase.back_off
        # also now: the difference of two instants may come out a little too short
        if hold_ends_at >= self.now_s:
            next_at = hold_ends_at
        # only later: if it has lasted for long enough already, this cycle has acted on it
        if phase.excess_since is not None and phase.excess_since + LOW_EXCESS_S > self.now_s:
            next_at = min(next_at, phase.excess_since + LOW_EXCESS_S)
        if phase.back_off:  # its end is never past: `find_room` has ended one that was
            next_at = min(next_at, phase.back_off_useful_at + BACK_OFF_ENDS_S)
        return next_at

    def _is_ambiguous(self, phase: PhaseState) -> bool:
        """Tell whether the base load is a range that the value in force will narrow once no charger moves.

        Only with a meter that sends changes only (`base_load.examine_at_rest`).
        """
        return self.has_meter_on_change and not phase.possible_base_ma.is_exact

    def _note_unchanged_until(self) -> float:
        """Note for each participant when time alone changes something (`unchanged_until`).

        Return the first of these instants [monotonic s]. It is now where an offer is new: the next cycle
        sees what follows from that. It includes when others may be asked again to give way, and when a
        participant that was shed may return.
        """
        now_s = self.now_s
        soonest_at = NEVER
        for number, participant in self.participants.items():
            if participant.offer_ma != self.state.participants[number].offer_ma:
                soonest_at = now_s
                continue
            participant.unchanged_until = next_change_at(participant, self.settings, now_s)
            soonest_at = min(soonest_at, participant.unchanged_until)
            if participant.try_again_at > now_s:
                soonest_at = min(soonest_at, participant.try_again_at)
            if participant.was_shed:
                soonest_at = min(soonest_at, max(now_s, queues.may_return_at(participant, now_s)))
        return soonest_at

    def _next_turn_at(self) -> float:
        """Return when a participant that charges may have to yield to one that waits [monotonic s].

        Infinite: there is no queue, none charges, or none waits. Both the one that has waited longest and
        the one served longest must have done so for a whole turn.
        """
        participants = [
            participant for participant in self.participants.values() if participant.takes_part
        ]
        served_since = [one.offered_since or self.now_s for one in participants if one.offer_ma > 0]
        waiting_since = [
            one.waiting_since or self.now_s for one in participants if one.offer_ma == 0
        ]
        if not self.settings.queue or not served_since or not waiting_since:
            return float("inf")
        turn_at = (
            max(min(waiting_since), min(served_since)) + self.settings.rotation_s - queues.SLACK_S
        )
        return max(turn_at, self.now_s)
