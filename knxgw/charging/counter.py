"""Counts energy from readings that may be wrong: no more than power and time allow. Pure.

A register that peaks once, or shows 0 for a moment, must not move a total for good. So a reading that
does not fit the accepted one is doubted, and is itself accepted only when it lasts:

| register | a doubted reading that lasts | means | is counted |
|---|---|---|---|
| any | power and time allow its rise | the register was late | its whole rise |
| of a session | it fell, and shows no more than can have flowed | it began again at 0 | all that it shows |
| of a session | it rises with each reading | it counts | its rise, or all it shows if it fell |
| of a session | it fell by less than a tenth | it was corrected | nothing before it has caught up |
| any | any other | another meter | what it grew by while it was doubted |

What a register grows by while it is doubted is counted in advance, and not again when the doubt ends.
"""

from dataclasses import dataclass, field, replace
from typing import NamedTuple

from knxgw.charging.energy_register import JITTER_MWH, Register, register_of
from knxgw.charging.quantities import Quantity
from knxgw.config.model import PointSettings

LAG_S = 60.0  # how late a register may show what has flowed
LOWEST_CORRECTION = 0.9  # a register that fell to more than this part was corrected, not restarted
CONFIRMING_READINGS = 3  # so many that fit each other end a doubt,
CONFIRMING_S = 20.0  # and of a register that cannot restart they must have lasted for this long


class Doubt(NamedTuple):
    """Readings that fit each other, but not the accepted reading before them."""

    began_at: float  # when the first of them came [monotonic s]
    reading_mwh: int  # the last of them
    read_at: float  # when the last of them came [monotonic s]
    has_fallen: bool  # the first of them was lower than the accepted reading,
    is_correction: bool = False  # by less than a tenth: it was corrected, not restarted
    may_have_restarted: bool = False  # it fell; all it shows can have flowed since the last read
    reading_count: int = 1
    counted_mwh: int = 0  # counted in advance, also by doubts that this one has replaced
    always_rises: bool = True  # each is higher than the one before: not a peak that stands still


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
    # what could have flowed until the accepted reading last moved and did not; None: all of the slack
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
    def is_unconfirmed(self) -> bool:
        """Tell whether there is a first reading that no other has confirmed yet."""
        return self.reading is not None and self.reading.is_unconfirmed

    def add_reading(self, reading_mwh: int, now_s: float) -> "Counted":
        """Return the counter after a reading of its register, and the energy to add [mWh].

        A reading that fits the accepted one is accepted: it is the same (within the jitter), rose no more
        than can have flowed, or goes on from the last one of a replaced meter, which is back. Any other is
        doubted: it is kept in `doubt` until later readings confirm it, and `reading` stays. It may add
        energy too, in advance. `now_s`: monotonic.
        """
        if self.reading is None:  # the first reading: what flowed before it is not known
            first = Reading(reading_mwh, since=now_s, is_unconfirmed=True)
            return Counted(replace(self, reading=first, read_at=now_s), added_mwh=0)
        # asked before all else: a register that restarted may by now show as much as before, or more
        if _confirms_restart(self, reading_mwh, now_s):
            return _with_doubted_reading(self, reading_mwh, now_s)
        rise_mwh = reading_mwh - self.reading.mwh
        if self._shows_no_flow(rise_mwh):
            return Counted(_with_confirmed_reading(self, now_s), added_mwh=0)
        since_last_read_s = 0.0 if self.read_at is None else now_s - self.read_at
        most_mwh = self.register.most_mwh_in(since_last_read_s)
        # each of the two readings may be off by the jitter
        is_plain_rise = 0 < rise_mwh <= most_mwh + 2 * self.register.jitter_mwh
        previous_mwh = self.previous_meter_mwh
        # a plain rise needs no other explanation; else the meter that was replaced may be back
        if previous_mwh is not None and not is_plain_rise:
            is_previous_meter_back = 0 <= reading_mwh - previous_mwh <= self.allowed_mwh(now_s)
            if is_previous_meter_back:
                return _with_growth(self, from_mwh=previous_mwh, to_mwh=reading_mwh, now_s=now_s)
        if 0 < rise_mwh <= most_mwh + self.register.slack_mwh:
            # accepted in full, but no more than `allowed_mwh` is counted
            return _with_growth(self, from_mwh=self.reading.mwh, to_mwh=reading_mwh, now_s=now_s)
        return _with_doubted_reading(self, reading_mwh, now_s)  # it fell, or rose too much

    def _shows_no_flow(self, rise_mwh: int) -> bool:
        """Tell whether a reading shows that nothing has flowed: it is the same, or fell by jitter only.

        `rise_mwh`: since the accepted reading; negative: it fell. The jitter is 10 Wh (`JITTER_MWH`), or
        one step of the register if that is more. For a register that may restart at 0 it is always 10 Wh
        if the reading is 0 or the one before was doubted: a fall from 1 kWh to 0 may be a restart.
        """
        shows_zero = (self.reading_mwh or 0) + rise_mwh == 0
        may_have_restarted = self.register.may_restart and (shows_zero or self.doubt is not None)
        jitter_mwh = JITTER_MWH if may_have_restarted else self.register.jitter_mwh
        return -jitter_mwh <= rise_mwh <= 0

    def with_read_at(self, read_at: float | None) -> "EnergyCounter":
        """Return the counter with the time [monotonic s] at which its register was read last.

        A reading that repeats the one before is not given to `add_reading`, to save time; only its time
        is noted here. Else the next rise would be judged over too long a time, and too much allowed. A
        `read_at` that is None (never read), or not later than the known one, changes nothing.
        """
        if read_at is None or (self.read_at is not None and read_at <= self.read_at):
            return self
        return replace(self, read_at=read_at)

    @property
    def counted_in_doubt_mwh(self) -> int:
        """Return what doubted readings have added in advance [mWh]; 0: the last one is not doubted."""
        return 0 if self.doubt is None else self.doubt.counted_mwh

    def allowed_mwh(self, now_s: float) -> int:
        """Return the most that can have flowed [mWh] since the accepted reading last moved.

        That is the highest power over that time, plus what is left of the slack: a coarse register may rise
        by that much beyond it. If the time is not known, it counts as 0.
        """
        left_mwh = self.register.slack_mwh if self.unused_mwh is None else self.unused_mwh
        since = None if self.reading is None else self.reading.since
        elapsed_s = 0.0 if since is None else now_s - since
        return left_mwh + self.register.most_mwh_in(elapsed_s)


def new_counter(settings: PointSettings, quantity: Quantity) -> EnergyCounter:
    """Return a counter without a reading yet, for the register of this energy."""
    return EnergyCounter(register=register_of(settings, quantity))


class Counted(NamedTuple):
    """An energy counter after a reading, and the energy that this reading adds."""

    counter: EnergyCounter
    added_mwh: int


def _with_confirmed_reading(counter: EnergyCounter, now_s: float) -> EnergyCounter:
    """Return the counter after a reading that shows no flow: the accepted one is confirmed by it.

    A doubt ends here. What its readings added in advance stays counted (`counted_ahead_mwh`), and the next
    growth adds so much less.
    """
    accepted = counter.reading or Reading(0, since=None)
    # a restored reading does not say since when the register shows it: now at the latest
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

    `flowed_mwh` has flowed since the accepted reading before it. What could have flowed and did not may
    still be shown later: it stays allowed (`unused_mwh`), up to the register's slack, which is 2 kWh, or two
    of its steps if that is more.
    """
    unused_mwh = max(0, counter.allowed_mwh(now_s) - flowed_mwh)
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
    register showed it. `from_mwh`: the accepted reading, or the last one of the meter before this one. In
    the second case that meter is back, so its last reading need not be remembered any more.
    """
    ahead_mwh = counter.counted_ahead_mwh + counter.counted_in_doubt_mwh
    flowed_mwh = min(to_mwh - from_mwh, counter.allowed_mwh(now_s))
    if from_mwh == counter.previous_meter_mwh:
        counter = replace(counter, previous_meter_mwh=None)
    counter = _with_accepted_reading(counter, to_mwh, flowed_mwh=flowed_mwh, now_s=now_s)
    counter = replace(counter, counted_ahead_mwh=max(0, ahead_mwh - flowed_mwh))
    return Counted(counter, added_mwh=max(0, flowed_mwh - ahead_mwh))


def _with_doubted_reading(counter: EnergyCounter, reading_mwh: int, now_s: float) -> Counted:
    """Return the counter after a reading that does not fit the accepted one, and the energy to add [mWh].

    The reading is doubted. What has flowed by it since the last doubted one is added in advance. Once 3
    readings that fit each other have come (`CONFIRMING_READINGS`), the last of them is accepted. If the
    register cannot restart, they must also have lasted for 20 s (`CONFIRMING_S`).
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
    accept = _accept_of_session if may_restart else _accept_of_meter
    accepted = accept(counter, doubt, now_s)
    return Counted(accepted.counter, added_ahead_mwh + accepted.added_mwh)


def _accept_of_meter(counter: EnergyCounter, doubt: Doubt, now_s: float) -> Counted:
    """Return the counter with the last doubted reading accepted, of a register that cannot restart.

    If power and time allow its rise, the register was late, and the rise counts. Else it is another meter.
    """
    accepted_mwh = counter.reading_mwh or 0
    if 0 < doubt.reading_mwh - accepted_mwh <= counter.allowed_mwh(now_s):
        return _with_growth(counter, from_mwh=accepted_mwh, to_mwh=doubt.reading_mwh, now_s=now_s)
    return _accept_other_meter(counter, doubt, now_s)


def _accept_of_session(counter: EnergyCounter, doubt: Doubt, now_s: float) -> Counted:
    """Return the counter with the last doubted reading accepted, of a charger's register of the session.

    Such a register may restart at 0. Either it goes on counting (from 0 or from where it was), or it was
    corrected downwards, or else another meter answers.
    """
    if _goes_on_counting(counter, doubt, now_s):
        return _accept_going_on(counter, doubt, now_s)
    if doubt.is_correction:
        return _accept_correction(counter, doubt, now_s)
    return _accept_other_meter(counter, doubt, now_s)


def _shown_flow_mwh(counter: EnergyCounter, doubt: Doubt) -> int:
    """Return what has flowed according to the last doubted reading [mWh].

    If the register fell, it is taken to have begun again at 0: all that it shows. Else: its rise since the
    accepted reading.
    """
    return doubt.reading_mwh if doubt.has_fallen else doubt.reading_mwh - (counter.reading_mwh or 0)


def _goes_on_counting(counter: EnergyCounter, doubt: Doubt, now_s: float) -> bool:
    """Tell whether a doubted register of the session goes on counting, from 0 or from where it was.

    Then what it shows to have flowed (`_shown_flow_mwh`) counts. Else it was corrected, or shows nonsense.
    """
    if doubt.is_correction:  # it fell by less than a tenth: most of what it shows has been counted
        return False
    if doubt.always_rises:  # with each doubted reading, however fast: nonsense would stand still
        return True
    if doubt.has_fallen:  # true: power and time allow all that it shows
        return doubt.may_have_restarted
    return _shown_flow_mwh(counter, doubt) <= counter.allowed_mwh(now_s)


def _accept_going_on(counter: EnergyCounter, doubt: Doubt, now_s: float) -> Counted:
    """Return the counter of a register that goes on counting, and the energy to add [mWh].

    That is all that the last doubted reading shows to have flowed, less what doubted readings added in
    advance. After a fall, the reading before it is remembered, because it may come back.
    """
    flow_mwh = _shown_flow_mwh(counter, doubt)  # below 0 if the register fell to a negative reading
    accepted = _with_accepted_reading(
        counter, doubt.reading_mwh, flowed_mwh=max(0, flow_mwh), now_s=now_s
    )
    if doubt.has_fallen:
        accepted = replace(accepted, previous_meter_mwh=counter.reading_mwh or 0)
    return Counted(accepted, added_mwh=max(0, flow_mwh - doubt.counted_mwh))


def _accept_correction(counter: EnergyCounter, doubt: Doubt, now_s: float) -> Counted:
    """Return the counter with the reading of a register that was corrected downwards; it adds nothing.

    What the register fell by was counted before, and so was what doubted readings added in advance. Until
    the register has grown by as much (`counted_ahead_mwh`), its growth adds nothing.
    """
    accepted = _with_accepted_reading(
        counter, doubt.reading_mwh, flowed_mwh=doubt.counted_mwh, now_s=now_s
    )
    fall_mwh = (counter.reading_mwh or 0) - doubt.reading_mwh
    ahead_mwh = counter.counted_ahead_mwh + fall_mwh + doubt.counted_mwh
    return Counted(replace(accepted, counted_ahead_mwh=max(0, ahead_mwh)), added_mwh=0)


def _accept_other_meter(counter: EnergyCounter, doubt: Doubt, now_s: float) -> Counted:
    """Return the counter with the reading of another meter, which adds nothing.

    What that meter grew by while it was doubted was added in advance, and what it showed at first did not
    flow here. The last reading of the meter before it is remembered, because that meter may come back.
    """
    accepted = _with_accepted_reading(
        counter, doubt.reading_mwh, flowed_mwh=doubt.counted_mwh, now_s=now_s
    )
    accepted = replace(accepted, previous_meter_mwh=counter.reading_mwh or 0)
    return Counted(accepted, added_mwh=0)


def _is_corrected(before_mwh: int, reading_mwh: int) -> bool:
    """Tell whether a register was corrected: it fell by less than a tenth, or not at all.

    A register that restarts at 0 falls further.
    """
    return LOWEST_CORRECTION * before_mwh < reading_mwh <= before_mwh


def _may_have_restarted(counter: EnergyCounter, reading_mwh: int, now_s: float) -> bool:
    """Tell whether a register that fell can have restarted at 0, and counted up to `reading_mwh` since.

    It can if that much can have flowed since the register was read last, and a minute more (`LAG_S`). If that
    time is not known, it can in any case. False for a register that cannot restart (only that of a session
    can), and for a fall so small that it is a correction.
    """
    if not counter.register.may_restart or _is_corrected(counter.reading_mwh or 0, reading_mwh):
        return False
    if counter.read_at is None:
        return True
    elapsed_s = now_s - counter.read_at + LAG_S  # what flowed before may be shown only now
    # each of the two readings may be off by the jitter
    return reading_mwh <= counter.register.most_mwh_in(elapsed_s) + 2 * counter.register.jitter_mwh


def _confirms_restart(counter: EnergyCounter, reading_mwh: int, now_s: float) -> bool:
    """Tell whether a reading is the last one needed to confirm that the register restarted at 0.

    It must go on from the doubted readings after the fall. Since the restart the register may have counted
    beyond the accepted reading: compared with that, the fall would look like a moment's error, and what
    was counted from 0 would be lost.
    """
    doubt = counter.doubt
    if doubt is None or not (counter.register.may_restart and doubt.has_fallen):
        return False
    if doubt.reading_count < CONFIRMING_READINGS - 1:  # more than one is missing
        return False
    rise_mwh = reading_mwh - doubt.reading_mwh
    return 0 <= rise_mwh <= counter.register.most_mwh_in(now_s - doubt.read_at) + JITTER_MWH


def _next_doubt(counter: EnergyCounter, reading_mwh: int, now_s: float) -> Doubt:
    """Return the doubt after one more reading that does not fit the accepted one.

    A doubt holds readings that fit each other: if this one does not fit them, a new doubt begins. What the
    register grew by since the last doubted one (from 0, if it has just restarted) is counted in advance
    (`counted_mwh`), up to what can have flowed. What the doubt before has counted stays in a new one.
    """
    before = counter.doubt
    if before is not None and _fits_doubt(counter, before, reading_mwh, now_s):
        flowed_mwh = reading_mwh - before.reading_mwh
        doubt = before._replace(
            reading_mwh=reading_mwh,
            read_at=now_s,
            reading_count=before.reading_count + 1,
            always_rises=before.always_rises and flowed_mwh > 0,
        )
    else:
        doubt = _new_doubt(counter, reading_mwh, now_s)
        # from 0, all that the register shows has flowed; else nobody knows where its growth began
        grew_from_zero = doubt.may_have_restarted and 0 <= reading_mwh <= counter.allowed_mwh(now_s)
        flowed_mwh = reading_mwh if grew_from_zero else 0
    counted_mwh = counter.counted_in_doubt_mwh
    uncounted_mwh = counter.allowed_mwh(now_s) - counter.counted_ahead_mwh - counted_mwh
    added_mwh = max(0, min(flowed_mwh, uncounted_mwh))
    return doubt._replace(counted_mwh=counted_mwh + added_mwh)


def _new_doubt(counter: EnergyCounter, reading_mwh: int, now_s: float) -> Doubt:
    """Return a doubt that begins with this reading; it has counted nothing in advance yet."""
    accepted_mwh = counter.reading_mwh or 0
    has_fallen = reading_mwh < accepted_mwh
    return Doubt(
        began_at=now_s,
        reading_mwh=reading_mwh,
        read_at=now_s,
        has_fallen=has_fallen,
        is_correction=has_fallen and _is_corrected(accepted_mwh, reading_mwh),
        may_have_restarted=has_fallen and _may_have_restarted(counter, reading_mwh, now_s),
    )


def _fits_doubt(counter: EnergyCounter, doubt: Doubt, reading_mwh: int, now_s: float) -> bool:
    """Tell whether a reading fits the doubted ones before it.

    It does if power and time allow its distance from the last of them. If the register may restart, it
    also fits if it rose, however far: a register that rises with each reading does count (nonsense would
    stand still), and must not begin a new doubt each time. Unless it reaches the accepted reading again
    after a fall: then the fall was an error of a moment.
    """
    rise_mwh = reading_mwh - doubt.reading_mwh
    most_mwh = counter.register.most_mwh_in(now_s - doubt.read_at) + counter.register.slack_mwh
    if -counter.register.jitter_mwh <= rise_mwh <= most_mwh:
        return True
    is_fall_over = doubt.has_fallen and reading_mwh >= (counter.reading_mwh or 0)
    return counter.register.may_restart and rise_mwh >= 0 and not is_fall_over
