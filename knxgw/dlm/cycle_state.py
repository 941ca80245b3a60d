"""The working copy of one cycle of load management, and the room that it finds on each phase."""

from functools import cached_property

from knxgw.catalogue.codes import FaultCode, Reason
from knxgw.config.model import Monitoring
from knxgw.dlm import meter as meters
from knxgw.dlm.allocation import AllocationRequest, mains_constraints
from knxgw.dlm.participant import Claims, Participant
from knxgw.dlm.participant_values import LastRaise
from knxgw.dlm.phase_test import is_phase_test_open
from knxgw.dlm.settings import BACK_OFF_ENDS_S, Settings
from knxgw.dlm.state import IN_FORCE, BaseHistory, LoadManagement, PastBase, PhaseState
from knxgw.dlm.trial import forget_trials
from knxgw.dlm.use import set_offer


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
        # true: some participant could get more once time has passed, though nothing new is read
        self.is_next_cycle_needed = False
        count = len(self.phases)
        # the minima of newcomers, and raises, for which offers to free charging points are withdrawn now
        self.claimed_ma = [0] * count
        # what participants that run lack of their targets: it is not offered to free charging points
        self.lacked_ma = [0] * count
        # what all offers may add up to on each phase, by different base loads (`find_room`):
        self.room_now_ma = [0] * count  # by the latest one (A_now): for lowering
        self.least_room_now_ma = [0] * count  # A_now if the base load is as high as it may be
        self.room_to_raise_ma = [0] * count  # by its peak (A_up): for starts and raises
        self.estimated_room_ma = [0] * count  # A_up without the uncertainty of the base load
        self.room_to_grant_ma = [0] * count  # A_up less all that the last sample leaves possible
        # when time alone makes the room of a phase larger: its peak, or its uncertainty, is forgotten
        self.peak_expires_at = [float("inf")] * count
        self.returned: list[
            Participant
        ] = []  # their chargers were lost, and answer since this cycle
        self.is_static = settings.static_limit_ma is not None  # a fixed limit, and no meter
        # the meter sends changes only, and In-operation telegrams to show that it works
        self.has_meter_on_change = settings.monitoring is Monitoring.VALUES_AND_IN_OPERATION
        self.is_in_high_power_window = now_s < state.high_power_until
        self.is_base_known = all(phase.base_ma is not None for phase in self.phases)

    @cached_property
    def is_phase_test_open(self) -> bool:
        """Tell whether a phase test is open: a vehicle was lowered, and the meter has not shown the result yet.

        The result is on which phases the vehicle draws; other starts and raises would hide it, so they
        wait. After some seconds the test is given up. Computed once, before this cycle may begin another
        test, which counts from the next cycle on. False with a static limit: there is no meter. Source:
        load-management 4.7.
        """
        return not self.is_static and is_phase_test_open(
            self.state.meter.line_at_rest,
            self.participants.values(),
            self.settings,
            self.state.meter.spacing_s,
            self.now_s,
        )

    @property
    def raise_in_this_cycle(self) -> LastRaise:
        """Return what is noted as the last raise of a participant that this cycle raises or starts.

        It is also noted for one that begins to take part in it. That is the present instant, and how many
        complete sets the meter has sent so far: the next raise waits for some seconds from then, and for one
        set more.
        """
        return LastRaise(self.now_s, self.state.meter.sets.count)

    @property
    def is_held_at_minimum(self) -> bool:
        """Tell whether no participant may have more than its minimum.

        So it is in an emergency (the meter is silent or wrong), and while a large consumer of the building
        starts (the high-power window).
        """
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

    @property
    def running(self) -> list[Participant]:
        """Return the eligible participants that have an offer; idle ones count for nothing (14.2)."""
        return [one for one in self.eligible if one.offer_ma > 0 and not one.use.is_idle]

    def set_fault(self, code: FaultCode, is_present: bool) -> None:  # noqa: FBT001 - a finding
        """Note whether a fault of the whole device is present; `faults` is replaced only if it changes."""
        if is_present != (code in self.faults):
            self.faults = self.faults | {code} if is_present else self.faults - {code}

    @property
    def _rooms_ma(self) -> tuple[list[int], ...]:
        """Return all rooms of this cycle, to be changed in the same way; `find_room` explains each."""
        return (
            self.room_now_ma,
            self.least_room_now_ma,
            self.estimated_room_ma,
            self.room_to_raise_ma,
            self.room_to_grant_ma,
        )

    def set_offer(self, participant: Participant, offer_ma: int) -> None:
        """Change the offer of a participant to `offer_ma` from this instant on, and note what follows (`use`)."""
        set_offer(participant, offer_ma, self.settings, self.now_s)

    def start(self, participant: Participant) -> None:
        """Start a newcomer: offer it its minimum, and forget that others gave way for it in vain before.

        The start counts as its last raise: the next one waits for the raise spacing, and for a complete set
        of the meter that comes after the start. An overdraw that is remembered of its vehicle makes each room
        of this cycle smaller, as it does in the next cycles (`Claims`).
        """
        for index in participant.phases:
            overdraw_ma = participant.required_ma(index) - participant.settings.minimum_ma
            for room_ma in self._rooms_ma:
                room_ma[index] -= overdraw_ma
        self.set_offer(participant, participant.settings.minimum_ma)
        participant.last_raise = self.raise_in_this_cycle
        forget_trials(participant)

    def find_room(self) -> None:
        """Set what all offers may add up to on each phase [mA]: by the latest base load and by its peak.

        | base load | as estimated | as high as it may be |
        |---|---|---|
        | the latest one | `room_now_ma`: lowering | `least_room_now_ma`: starts and raises while a large consumer starts |
        | the higher of it and its peak | `estimated_room_ma`: whether a waiting one may start at all | `room_to_raise_ma`: starts and raises |
        | the latest one, by all that the last sample of a fast meter leaves possible | | `room_to_grant_ma`: starts and raises must fit it, too |

        The uncertainty is added to the latest base load only, not to its peak. Where the meter is over range,
        only `room_now_ma`, by which offers are lowered, may be above 0. Also set is when time alone makes a
        room larger (`peak_expires_at`). Source: load-management 7.3, 9.4e.
        """
        self._end_useless_back_off()
        peak_hold_s = meters.peak_hold_s(self.state.meter)
        reserved = self._reserved_beside_offers()
        peak_hold_end_at = self._peak_hold_end_at()
        for index, phase in enumerate(self.phases):
            value = self.state.meter.values[index]
            base_ma = phase.base_ma or 0
            peak_ma = self._note_peak_ma(index, phase, peak_hold_s, peak_hold_end_at)
            # after `_note_peak_ma`, which sets `peak_expires_at`: this only brings it forward
            highest_by_estimate_ma = base_ma + self._note_uncertainty_ma(
                index, phase, peak_hold_s, peak_hold_end_at
            )
            self.room_now_ma[index] = reserved[index].room_ma(self.settings, base_ma)
            self.least_room_now_ma[index] = reserved[index].room_ma(
                self.settings, highest_by_estimate_ma
            )
            self.estimated_room_ma[index] = reserved[index].room_ma(self.settings, peak_ma)
            self.room_to_raise_ma[index] = reserved[index].room_ma(
                self.settings, max(peak_ma, highest_by_estimate_ma)
            )
            if value is not None and value.is_over_range:
                # before `room_to_grant_ma`, which is never larger than `room_to_raise_ma`
                self._leave_no_room_to_rise(index)
            # an older value leaves no more possible, as in `_note_uncertainty_ma`
            is_recent = value is not None and peak_hold_end_at < value.arrived_at + peak_hold_s
            highest_by_sample_ma = self._possible_base_ma(phase) if is_recent else base_ma
            self.room_to_grant_ma[index] = min(
                self.room_to_raise_ma[index],
                reserved[index].room_ma(self.settings, highest_by_sample_ma),
            )

    def _end_useless_back_off(self) -> None:
        """End the back-off of each phase for which it was of no use for 10 min. Source: load-management 9.4e."""
        for phase in self.phases:
            if phase.back_off and self.now_s - phase.back_off_useful_at > BACK_OFF_ENDS_S:
                phase.back_off = 0

    def _note_peak_ma(
        self, index: int, phase: PhaseState, peak_hold_s: float, peak_hold_end_at: float
    ) -> int:
        """Return the highest base load [mA] that counts for raises on a phase, and note when that is forgotten.

        A peak counts for the time W (`peak_hold_s`) before `peak_hold_end_at`; during a back-off for 2**k
        times as long, where k is `PhaseState.back_off`. `index`: of the phase (0 to 2). Source:
        load-management 7.3, 9.4e.
        """
        base_ma = phase.base_ma or 0
        remembered_s = peak_hold_s * 2**phase.back_off
        peak = _peak(phase.history, peak_hold_end_at - remembered_s)
        if peak.base_ma <= base_ma:
            return base_ma
        self.peak_expires_at[index] = peak.until + remembered_s
        return peak.base_ma

    def _leave_no_room_to_rise(self, index: int) -> None:
        """Leave no room for starts and raises on a phase (0 to 2), because its meter is over range.

        By how much it carries too much is not known. `room_now_ma` stays: lowering goes by what is shown.
        """
        for room_ma in (self.room_to_raise_ma, self.least_room_now_ma, self.estimated_room_ma):
            room_ma[index] = min(room_ma[index], 0)

    def _possible_base_ma(self, phase: PhaseState) -> int:
        """Return the base load [mA] beside which a start or raise must fit, by the last sample of a phase.

        To be called only while that sample is no older than the window of the peak-hold. With a fast meter it
        is the highest one that the sample leaves possible: to wait for the next sample, which shows what is
        true, costs only a moment. With a slow meter (sets further apart than raises) that would cost too
        much, so it is the estimate; its uncertainty is in `room_to_raise_ma` already. Source: load-management
        7.2d, 7.2f.
        """
        if meters.is_slow(self.state.meter, self.settings):
            return phase.base_ma or 0
        return phase.possible_base_ma.most_ma

    def _note_uncertainty_ma(
        self, index: int, phase: PhaseState, peak_hold_s: float, peak_hold_end_at: float
    ) -> int:
        """Return by how much a phase's base load may be higher than its estimate [mA], and note when that ends.

        Mostly the next sample of the meter ends the uncertainty, or a reading of the chargers for which
        samples wait. A meter that has nothing new to report sends no sample. So the uncertainty counts as 0
        once its last value is older than `peak_hold_s`; otherwise no offer could ever rise. That instant is
        noted in `peak_expires_at` if it is the earlier one. While samples wait, nothing is noted.
        `peak_hold_end_at`: mostly now (`_peak_hold_end_at`).
        """
        value = self.state.meter.values[index]
        if phase.pending_samples or not phase.uncertainty_ma or value is None:
            return phase.uncertainty_ma  # a reading will end it, or there is none
        expires_at = value.arrived_at + peak_hold_s
        if peak_hold_end_at >= expires_at:
            return 0
        self.peak_expires_at[index] = min(self.peak_expires_at[index], expires_at)
        return phase.uncertainty_ma

    def _peak_hold_end_at(self) -> float:
        """Return the instant up to which the windows of the peak-hold reach [monotonic s]: mostly now.

        In an emergency it is when the oldest of the phases' last values came, so that no peak and no
        uncertainty is forgotten while the meter is silent.
        """
        arrivals = [value.arrived_at for value in self.state.meter.values if value is not None]
        return min(arrivals) if self.is_emergency and arrivals else self.now_s

    def _reserved_beside_offers(self) -> list[Claims]:
        """Return for each phase what is reserved beside the offers of all charging points.

        That is what chargers that cannot be lowered may take, what vehicles draw above their offers, and
        what is drawn without being read.
        """
        reserved = [Claims() for _ in self.phases]
        for participant in self.participants.values():
            if participant.has_claims_beside_offer:  # mostly there is nothing to add
                for index, reserved_of_phase in enumerate(reserved):
                    reserved_of_phase.add(participant, index)
        return reserved

    def allocation_request(self, participant: Participant) -> AllocationRequest:
        """Return what a participant asks of the allocation: at least what it needs, at most its highest offer.

        It needs its minimum, and while it is stopped also what its vehicle is known to take beyond an offer
        (`Participant.required_ma`). If its highest offer is lower than that, it asks for what it needs: with
        less it could not charge.
        """
        own_settings = participant.settings
        # the phase that needs most decides: a vehicle has one offer for all phases
        required_ma = max(
            (participant.required_ma(phase) for phase in participant.phases),
            default=own_settings.minimum_ma,
        )
        return AllocationRequest(
            minimum_ma=required_ma,
            cap_ma=max(required_ma, participant.highest_offer_ma),
            constraints=mains_constraints(participant.phases),
            is_prioritised=own_settings.number == self.settings.priority,
            resolution_ma=own_settings.resolution_ma,
            offer_ma=participant.offer_ma,
            energy_mwh=participant.energy_mwh,
        )
