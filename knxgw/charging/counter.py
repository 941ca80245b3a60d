"""Counts energy from readings that may be wrong: no more than power and time allow. Pure.

A register that peaks once, or shows 0 for a moment, must not move a total for good. So a reading that
does not fit the accepted one is doubted, and is itself accepted only when it lasts. A small misfit is none:
the jitter of a register is how far it may fall although nothing is wrong (10 Wh, or one of its steps), the
slack is how far it may rise beyond what power and time allow (2 kWh, or two of its steps). What *can have flowed*
since the accepted reading last moved is what power and time allow, and what is left of the slack.

| register | a doubted reading that lasts | means | is counted |
|---|---|---|---|
| any | its rise can have flowed | the register was late | its whole rise |
| of a session | it fell by less than a tenth | it was corrected | nothing before it has caught up |
| of a session | it fell, and power and time allow all that it shows | it began again at 0 | all that it shows |
| of a session | it rises with each reading | it counts | its rise, or all it shows if it fell |
| any | any other | another meter | what it grew by while it was doubted |

What a register grows by while it is doubted is counted in advance (ahead of its acceptance), and not again
when the doubt ends. The register of a session is the charger's own, and the only one that may restart at 0.
"""

from dataclasses import dataclass, field, replace
from typing import NamedTuple

from knxgw.charging.energy_register import JITTER_MWH, Register, register_of
from knxgw.charging.quantities import Quantity
from knxgw.config.model import PointSettings

LAG_S = 60.0  # how late a register may show what has flowed
LOWEST_CORRECTION = 0.9  # a register that fell to more than this part was corrected, not restarted
CONFIRMING_READINGS = 3  # so many doubted readings that fit each other end a doubt,
CONFIRMING_S = 20.0  # and of a register that cannot restart they must have lasted for this long


class Doubt(NamedTuple):
    """Readings that fit each other, but not the accepted reading before them."""

    began_at: float  # when the first of them came [monotonic s]
    reading_mwh: int  # the last of them
    read_at: float  # when the last of them came [monotonic s]
    has_fallen: bool  # the first of them was lower than the accepted reading,
    is_correction: bool = False  # by less than a tenth: it was corrected, not restarted
    may_have_restarted: bool = (
        False  # it fell; power and time since the last read allow all it shows
    )
    reading_count: int = 1
    counted_mwh: int = 0  # counted in advance, also by doubts that this one has replaced
    always_rises: bool = True  # each is higher than the one before: not nonsense that stands still


class Reading(NamedTuple):
    """The last reading of a register that was accepted."""

    mwh: int
    since: float | None = None  # since when the register shows it [monotonic s]; None: unknown
    is_unconfirmed: bool = False  # no other has confirmed it yet: it may be nonsense


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyCounter:
    """Adds up energy from meter readings.

    For a register that cannot restart, all that is ever added is at most what `most_w` could deliver
    since the first reading, and one slack. A register that may restart, the charger's own for a session,
    may add more: what it shows after a restart, and all that it counts while it rises with each reading.
    """

    register: Register = field(default_factory=Register)
    reading: Reading | None = None  # the last accepted one; None: none yet
    read_at: float | None = None  # when the register was read last, doubted or not [monotonic s]
    # what could have flowed, but was not shown when the accepted reading last moved: it may be shown
    # later, up to the slack; None: all of the slack
    unused_mwh: int | None = None
    counted_ahead_mwh: int = 0  # counted, but not shown by the register: its next growth adds less
    # last accepted reading of the meter before this one, which may come back; None: there was none
    previous_meter_mwh: int | None = None
    doubt: Doubt | None = None  # None: the last reading was accepted

    @property
    def reading_mwh(self) -> int | None:
        """Return the last reading [mWh] that was accepted; None: none yet."""
        return None if self.reading is None else self.reading.mwh

    @property
    def accepted_mwh(self) -> int:
        """Return the last reading [mWh] that was accepted.

        To be asked only once there is one: the first reading is accepted at once, so it is there as soon as one
        can be doubted. Raises: ValueError, if there is none.
        """
        if self.reading is None:
            raise ValueError("the register was not read yet")
        return self.reading.mwh

    @property
    def is_unconfirmed(self) -> bool:
        """Tell whether there is a first reading that no other has confirmed yet."""
        return self.reading is not None and self.reading.is_unconfirmed

    def add_reading(self, reading_mwh: int, now_s: float) -> "Counted":
        """Return the counter after a reading of its register, and the energy to add [mWh].

        The first reading is accepted, and adds nothing. A later one fits if it shows no flow (it is as the accepted
        one, or lower by the jitter only: that stays accepted), or if it has grown from a known one by a plausible
        amount (`_growth_began_at_mwh`: then it is accepted). Any other is doubted: it is kept in `doubt` until later
        readings confirm it, and `reading` stays. It may add energy too, in advance. A reading that confirms a restart
        at 0 is handled as a doubted one, the last of its doubt. `now_s`: monotonic.
        """
        if self.reading is None:  # the first reading: what flowed before it is not known
            first = Reading(reading_mwh, since=now_s, is_unconfirmed=True)
            return Counted(replace(self, reading=first, read_at=now_s), added_mwh=0)
        # asked before all else: a register that restarted may by now show as much as before, or more
        if _confirms_restart(self, reading_mwh, now_s):
            return _with_doubted_reading(self, reading_mwh, now_s)
        if _shows_no_flow(self, self.reading.mwh, reading_mwh):
            return Counted(_with_confirmed_reading(self, self.reading, now_s), added_mwh=0)
        from_mwh = _growth_began_at_mwh(self, self.reading.mwh, reading_mwh, now_s)
        if from_mwh is None:  # it fell, or rose too much
            return _with_doubted_reading(self, reading_mwh, now_s)
        return _with_growth(self, from_mwh=from_mwh, to_mwh=reading_mwh, now_s=now_s)

    def with_read_at(self, read_at: float | None) -> "EnergyCounter":
        """Return the counter with the time [monotonic s] at which its register was read last.

        A reading that repeats the one before is not given to `add_reading`, to save time. Its time must be
        noted here before the next one is: else the next rise would be judged over too long a time, and too
        much allowed. A `read_at` that is None (never read), or not later than the known one, changes nothing.
        """
        if read_at is None or (self.read_at is not None and read_at <= self.read_at):
            return self
        return replace(self, read_at=read_at)

    @property
    def counted_in_doubt_mwh(self) -> int:
        """Return what doubted readings have added in advance [mWh]; 0 if no doubt is open."""
        return 0 if self.doubt is None else self.doubt.counted_mwh

    def possible_flow_mwh(self, now_s: float) -> int:
        """Return the most that can have flowed [mWh] since the accepted reading last moved.

        That is the highest power over that time, plus what is left of the slack, because a coarse register
        may show late what flowed before. A time that is not known counts as 0 s. `now_s`: monotonic.
        """
        left_mwh = self.register.slack_mwh if self.unused_mwh is None else self.unused_mwh
        since = None if self.reading is None else self.reading.since
        elapsed_s = 0.0 if since is None else now_s - since
        return left_mwh + self.register.most_mwh_in(elapsed_s)


def new_counter(settings: PointSettings, quantity: Quantity) -> EnergyCounter:
    """Return a counter without a reading, for the register of an energy: the total, a phase, or the session."""
    return EnergyCounter(register=register_of(settings, quantity))


class Counted(NamedTuple):
    """An energy counter after a reading, and the energy that this reading adds."""

    counter: EnergyCounter
    added_mwh: int


def _shows_no_flow(counter: EnergyCounter, accepted_mwh: int, reading_mwh: int) -> bool:
    """Tell whether a reading shows that nothing has flowed: it is as the accepted one, or fell by jitter only.

    If the register can restart, a fall to 0, or one while readings are doubted, may be a restart. For such a
    fall only 10 Wh count as jitter (`JITTER_MWH`): the register's own, up to 1 kWh, would hide the restart.
    """
    may_have_restarted = counter.register.may_restart and (
        reading_mwh == 0 or counter.doubt is not None
    )
    jitter_mwh = JITTER_MWH if may_have_restarted else counter.register.jitter_mwh
    return -jitter_mwh <= reading_mwh - accepted_mwh <= 0


def _growth_began_at_mwh(
    counter: EnergyCounter, accepted_mwh: int, reading_mwh: int, now_s: float
) -> int | None:
    """Return the known reading [mWh] from which the register has grown to this one; None: it fits none.

    These are tried in turn:

    1. The accepted reading, if the register rose from it by no more than power and time allow since the last read,
       and twice the jitter: such a rise needs no other explanation.
    2. The last reading of the meter before this one, also after a fall, if this reading goes on from that: it is as
       high, or higher by no more than can have flowed since the accepted reading last moved
       (`possible_flow_mwh`). Then that meter is back.
    3. The accepted reading, if the register rose from it by no more than power and time allow since the last read,
       and the slack.
    """
    rise_mwh = reading_mwh - accepted_mwh
    since_last_read_s = 0.0 if counter.read_at is None else now_s - counter.read_at
    most_mwh = counter.register.most_mwh_in(since_last_read_s)
    # each of the two readings may be off by the jitter
    is_plain_rise = 0 < rise_mwh <= most_mwh + 2 * counter.register.jitter_mwh
    previous_mwh = counter.previous_meter_mwh
    if previous_mwh is not None and not is_plain_rise:
        is_previous_meter_back = 0 <= reading_mwh - previous_mwh <= counter.possible_flow_mwh(now_s)
        if is_previous_meter_back:
            return previous_mwh
    # accepted in full here, but `_with_growth` counts no more than can have flowed
    return accepted_mwh if 0 < rise_mwh <= most_mwh + counter.register.slack_mwh else None


def _with_confirmed_reading(
    counter: EnergyCounter, accepted: Reading, now_s: float
) -> EnergyCounter:
    """Return the counter after a reading that shows no flow: that confirms the `accepted` reading.

    So a doubt ends: it was an error. But what its readings added in advance stays counted (`counted_ahead_mwh`),
    and the next growth adds so much less.
    """
    # a reading taken over from before may not say since when the register shows it: now at the latest
    since = now_s if accepted.since is None else accepted.since
    return replace(
        counter,
        reading=accepted._replace(since=since, is_unconfirmed=False),
        read_at=now_s,
        doubt=None,
        counted_ahead_mwh=counter.counted_ahead_mwh + counter.counted_in_doubt_mwh,
    )


def _with_accepted_reading(
    counter: EnergyCounter, reading_mwh: int, *, flowed_mwh: int, now_s: float
) -> EnergyCounter:
    """Return the counter with a new accepted reading; a doubt ends.

    `flowed_mwh` has flowed since the accepted reading before it. What could have flowed beyond that may be
    shown late, by a coarse register: so it stays possible (`unused_mwh`), up to the slack.
    """
    unused_mwh = max(0, counter.possible_flow_mwh(now_s) - flowed_mwh)
    return replace(
        counter,
        reading=Reading(reading_mwh, since=now_s),
        read_at=now_s,
        unused_mwh=min(counter.register.slack_mwh, unused_mwh),
        doubt=None,
    )


def _with_growth(counter: EnergyCounter, *, from_mwh: int, to_mwh: int, now_s: float) -> Counted:
    """Return the counter with `to_mwh` as its accepted reading, and the energy to add [mWh].

    That is the growth from `from_mwh`, at most what can have flowed, less what was counted before the
    register showed it. `from_mwh`: the accepted reading, or the last one of the meter before this one, which
    is back then.
    """
    ahead_mwh = counter.counted_ahead_mwh + counter.counted_in_doubt_mwh
    flowed_mwh = min(to_mwh - from_mwh, counter.possible_flow_mwh(now_s))
    if from_mwh == counter.previous_meter_mwh:  # it is back: it need not be remembered any more
        counter = replace(counter, previous_meter_mwh=None)
    counter = _with_accepted_reading(counter, to_mwh, flowed_mwh=flowed_mwh, now_s=now_s)
    counter = replace(counter, counted_ahead_mwh=max(0, ahead_mwh - flowed_mwh))
    return Counted(counter, added_mwh=max(0, flowed_mwh - ahead_mwh))


def _with_doubted_reading(counter: EnergyCounter, reading_mwh: int, now_s: float) -> Counted:
    """Return the counter after a reading that does not fit the accepted one, and the energy to add [mWh].

    The reading is doubted; what the register grew by since the last doubted one (from 0, if it has restarted) is
    added in advance, up to what can have flowed. Once 3 doubted readings that fit each other have come
    (`CONFIRMING_READINGS`), the last of them is accepted. If the register cannot restart, they must also have
    lasted for 20 s (`CONFIRMING_S`).
    """
    doubt = _next_doubt(counter, reading_mwh, now_s)
    added_ahead_mwh = doubt.counted_mwh - counter.counted_in_doubt_mwh
    counter = replace(counter, doubt=doubt, read_at=now_s)
    may_restart = counter.register.may_restart
    is_confirmed = doubt.reading_count >= CONFIRMING_READINGS and (
        may_restart or now_s - doubt.began_at >= CONFIRMING_S
    )
    if not is_confirmed:
        return Counted(counter, added_ahead_mwh)
    accept = _accept_in_session_register if may_restart else _accept_in_meter_register
    accepted = accept(counter, doubt, now_s)
    return Counted(accepted.counter, added_ahead_mwh + accepted.added_mwh)


def _accept_in_meter_register(counter: EnergyCounter, doubt: Doubt, now_s: float) -> Counted:
    """Return the counter with the last doubted reading accepted, and the energy to add [mWh].

    The register cannot restart. If its rise can have flowed, it was late, and the rise counts. Else (also after any
    fall) it is taken for the register of another meter.
    """
    from_mwh, to_mwh = counter.accepted_mwh, doubt.reading_mwh
    if 0 < to_mwh - from_mwh <= counter.possible_flow_mwh(now_s):
        return _with_growth(counter, from_mwh=from_mwh, to_mwh=to_mwh, now_s=now_s)
    return _accept_as_other_meter(counter, doubt, now_s)


def _accept_in_session_register(counter: EnergyCounter, doubt: Doubt, now_s: float) -> Counted:
    """Return the counter with the last doubted reading accepted, and the energy to add [mWh].

    The register may restart at 0. Either it goes on counting (from 0, or from where it was), or it was
    corrected downwards, or else another meter answers.
    """
    if _goes_on_counting(counter, doubt, now_s):
        return _accept_as_counting_on(counter, doubt, now_s)
    if doubt.is_correction:
        return _accept_as_corrected(counter, doubt, now_s)
    return _accept_as_other_meter(counter, doubt, now_s)


def _shown_flow_mwh(counter: EnergyCounter, doubt: Doubt) -> int:
    """Return what has flowed since the accepted reading [mWh], as the last doubted reading shows it.

    A register that fell is taken to have begun again at 0: then that is all that it shows. Else it is the
    rise since the accepted reading.
    """
    return doubt.reading_mwh if doubt.has_fallen else doubt.reading_mwh - counter.accepted_mwh


def _goes_on_counting(counter: EnergyCounter, doubt: Doubt, now_s: float) -> bool:
    """Tell whether a doubted register of the session goes on counting, from 0 or from where it was.

    Then what it shows to have flowed since the accepted reading counts. It goes on if it rose with each
    doubted reading; or if its rise can have flowed; or, after a fall, if it may have begun again at 0
    (`_may_have_restarted`). But not if it fell by less than a tenth, because then it was corrected. Else it shows
    nonsense, or another meter answers.
    """
    if doubt.is_correction:  # it fell by less than a tenth: most of what it shows has been counted
        return False
    if doubt.always_rises:  # however fast: nonsense would stand still
        return True
    if doubt.has_fallen:  # if it began again at 0, all that it shows must be possible since then
        return doubt.may_have_restarted
    return _shown_flow_mwh(counter, doubt) <= counter.possible_flow_mwh(now_s)


def _accept_as_counting_on(counter: EnergyCounter, doubt: Doubt, now_s: float) -> Counted:
    """Return the counter of a register that goes on counting, and the energy to add [mWh].

    That is all that the last doubted reading shows to have flowed, less what doubted readings added in
    advance. After a fall, the reading before it is remembered, because the register may come back to it.
    """
    flow_mwh = _shown_flow_mwh(counter, doubt)  # below 0 if the register fell to a negative reading
    accepted = _with_accepted_reading(
        counter, doubt.reading_mwh, flowed_mwh=max(0, flow_mwh), now_s=now_s
    )
    if doubt.has_fallen:
        accepted = replace(accepted, previous_meter_mwh=counter.accepted_mwh)
    return Counted(accepted, added_mwh=max(0, flow_mwh - doubt.counted_mwh))


def _accept_as_corrected(counter: EnergyCounter, doubt: Doubt, now_s: float) -> Counted:
    """Return the counter with the last doubted reading accepted as a correction downwards; it adds nothing.

    Ahead of the register (`counted_ahead_mwh`) are then: what was ahead before, the fall from the accepted
    reading to the last doubted one, and what the doubted readings added. All of that is counted already. Until
    the register has grown by as much, its growth adds nothing.
    """
    # only what was counted in doubt has really flowed
    accepted = _with_accepted_reading(
        counter, doubt.reading_mwh, flowed_mwh=doubt.counted_mwh, now_s=now_s
    )
    fall_mwh = counter.accepted_mwh - doubt.reading_mwh
    ahead_mwh = counter.counted_ahead_mwh + fall_mwh + doubt.counted_mwh
    return Counted(replace(accepted, counted_ahead_mwh=max(0, ahead_mwh)), added_mwh=0)


def _accept_as_other_meter(counter: EnergyCounter, doubt: Doubt, now_s: float) -> Counted:
    """Return the counter with the last doubted reading accepted as that of another meter; it adds nothing.

    What that meter showed at first did not flow here, and what it grew by while it was doubted was added in
    advance. The last reading of the meter before it is remembered, because that meter may come back.
    """
    accepted = _with_accepted_reading(
        counter, doubt.reading_mwh, flowed_mwh=doubt.counted_mwh, now_s=now_s
    )
    accepted = replace(accepted, previous_meter_mwh=counter.accepted_mwh)
    return Counted(accepted, added_mwh=0)


def _is_correction(before_mwh: int, reading_mwh: int) -> bool:
    """Tell whether a fall is so small that the register was corrected: by less than a tenth, or none at all.

    A register that restarts at 0 falls further. False for a rise.
    """
    return LOWEST_CORRECTION * before_mwh < reading_mwh <= before_mwh


def _may_have_restarted(counter: EnergyCounter, reading_mwh: int, now_s: float) -> bool:
    """Tell whether a register that fell can have restarted at 0, and counted up to `reading_mwh` since.

    It can if power and time allow that much since the register was read last, and in the minute before
    (`LAG_S`), because a register may show late what has flowed. If it is not known when it was read last, it
    can in any case. A register that is not of a session cannot, nor one that fell by less than a tenth: that
    is a correction.
    """
    if not counter.register.may_restart or _is_correction(counter.accepted_mwh, reading_mwh):
        return False
    if counter.read_at is None:
        return True
    elapsed_s = now_s - counter.read_at + LAG_S
    # each of the two readings may be off by the jitter
    return reading_mwh <= counter.register.most_mwh_in(elapsed_s) + 2 * counter.register.jitter_mwh


def _confirms_restart(counter: EnergyCounter, reading_mwh: int, now_s: float) -> bool:
    """Tell whether a reading is the last one needed to confirm that the register restarted at 0.

    It must have grown from the doubted readings after the fall by no more than power and time allow. Such a
    reading may have passed the accepted one by now. Compared with that it would look plausible, the fall like
    an error of a moment, and what was counted from 0 would be lost.
    """
    doubt = counter.doubt
    if doubt is None or not (counter.register.may_restart and doubt.has_fallen):
        return False
    if doubt.reading_count < CONFIRMING_READINGS - 1:  # even with this one there are too few
        return False
    rise_mwh = reading_mwh - doubt.reading_mwh
    return 0 <= rise_mwh <= counter.register.most_mwh_in(now_s - doubt.read_at) + JITTER_MWH


def _next_doubt(counter: EnergyCounter, reading_mwh: int, now_s: float) -> Doubt:
    """Return the doubt after one more reading that does not fit the accepted one.

    A doubt holds readings that fit each other: if this one does not fit them, a new doubt begins. What the
    register grew by since the last doubted one (from 0, if it has just restarted) is counted in advance
    (`counted_mwh`), up to what can have flowed. What the doubt before has counted stays in a new one.
    """
    before, possible_mwh = counter.doubt, counter.possible_flow_mwh(now_s)
    if before is not None and _fits_doubt(counter, before, reading_mwh, now_s):
        doubt = _continued_doubt(before, reading_mwh, now_s)
        grown_mwh = reading_mwh - before.reading_mwh
    else:
        doubt = _new_doubt(counter, reading_mwh, now_s)
        # from 0, all that the register shows has flowed; else nobody knows where its growth began
        grew_from_zero = doubt.may_have_restarted and 0 <= reading_mwh <= possible_mwh
        grown_mwh = reading_mwh if grew_from_zero else 0
    counted_mwh = counter.counted_in_doubt_mwh
    # of what can have flowed since the accepted reading, some may have been counted before
    uncounted_mwh = possible_mwh - counter.counted_ahead_mwh - counted_mwh
    added_mwh = max(0, min(grown_mwh, uncounted_mwh))
    return doubt._replace(counted_mwh=counted_mwh + added_mwh)


def _continued_doubt(doubt: Doubt, reading_mwh: int, now_s: float) -> Doubt:
    """Return the doubt with one more reading, which fits those before; what it counts is left to the caller."""
    return doubt._replace(
        reading_mwh=reading_mwh,
        read_at=now_s,
        reading_count=doubt.reading_count + 1,
        always_rises=doubt.always_rises and reading_mwh > doubt.reading_mwh,
    )


def _new_doubt(counter: EnergyCounter, reading_mwh: int, now_s: float) -> Doubt:
    """Return a doubt that begins with this reading, which does not fit the accepted one.

    It notes what the reading may mean (a fall, a correction, a restart), and has counted nothing yet.
    """
    has_fallen = reading_mwh < counter.accepted_mwh
    return Doubt(
        began_at=now_s,
        reading_mwh=reading_mwh,
        read_at=now_s,
        has_fallen=has_fallen,
        is_correction=has_fallen and _is_correction(counter.accepted_mwh, reading_mwh),
        may_have_restarted=has_fallen and _may_have_restarted(counter, reading_mwh, now_s),
    )


def _fits_doubt(counter: EnergyCounter, doubt: Doubt, reading_mwh: int, now_s: float) -> bool:
    """Tell whether a reading fits the doubted ones before it, so that together they may end the doubt.

    It does if power and time allow its distance from the last of them. If the register may restart, it also
    fits if it did not fall, however far it rose: a register that rises with each reading does count (nonsense
    would stand still). Unless it has fallen, and now reaches the accepted reading again: then the fall was an
    error of a moment.
    """
    rise_mwh = reading_mwh - doubt.reading_mwh
    most_mwh = counter.register.most_mwh_in(now_s - doubt.read_at) + counter.register.slack_mwh
    if -counter.register.jitter_mwh <= rise_mwh <= most_mwh:
        return True
    is_fall_over = doubt.has_fallen and reading_mwh >= counter.accepted_mwh
    return counter.register.may_restart and rise_mwh >= 0 and not is_fall_over
