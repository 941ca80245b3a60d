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
from functools import cache
from typing import NamedTuple

from knxgw.charging.quantities import MEASURED_KINDS, PHASE_ENERGIES, Quantity
from knxgw.config.model import PointSettings

MWH_PER_WS = 1000 / 3600  # mWh in one watt second
MAX_GAP_S = 60.0  # between two measured powers: nobody knows what flowed in a longer gap
MOST_W = 90_000  # three phases of 80 A at 250 V, and half as much again
SLACK_MWH = 2_000_000  # 2 kWh: meters that count in whole kWh jump
JITTER_MWH = 10_000  # 10 Wh: a sum of registers may fall by this although no energy was taken away
LAG_S = 60.0  # how late a register may show what has flowed
LOWEST_CORRECTION = 0.9  # a register that fell to more than this part was corrected, not restarted
MOST_V = 260  # of one phase: more is no mains any more
COARSEST_WH = 1000  # assumed step of a register whose scale the device itself tells
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """What is known of an energy register before its first reading, from the device's model."""

    most_w: int = MOST_W  # the highest power that can flow there
    slack_mwh: int = SLACK_MWH  # how much more than that power allows it may rise
    jitter_mwh: int = JITTER_MWH  # how far it may fall although nothing is wrong
    may_restart: bool = False  # it may start at 0 again: what it shows then counts

    def most_mwh_in(self, seconds: float) -> int:
        """Return the most energy [mWh] that can flow in some seconds; a negative time counts as 0."""
        return round(self.most_w * max(0.0, seconds) * MWH_PER_WS)


class Reading(NamedTuple):
    """The last reading of a register that was accepted."""

    mwh: int
    since: float | None = None  # since when the register shows it [monotonic s]; None: unknown
    is_unconfirmed: bool = False  # no other has confirmed it yet: it may be nonsense


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerCounter:
    """Adds up energy from power where there is no meter reading."""

    most_w: int = MOST_W  # more is taken for a wrong reading
    power_w: int = 0  # the last one that was measured
    measured_at: float | None = None  # when that was [monotonic s]; None: not yet

    def add_power(self, power_w: int, now_s: float) -> "PowerCounted":
        """Return the counter after a measured power, and the energy since the last one [mWh].

        The energy is the mean of both powers over the time between them. The first power, and one after
        a gap of more than `MAX_GAP_S`, add nothing: nobody knows what flowed. A power above `most_w` is
        left out as if it had not been measured. `now_s`: monotonic.
        """
        if power_w > self.most_w:
            return PowerCounted(self, 0)
        added_mwh = 0
        if self.measured_at is not None and 0 < now_s - self.measured_at <= MAX_GAP_S:
            mean_w = (self.power_w + power_w) / 2
            added_mwh = round(mean_w * (now_s - self.measured_at) * MWH_PER_WS)
        # a negative power takes nothing away: a total never falls
        return PowerCounted(replace(self, power_w=power_w, measured_at=now_s), max(0, added_mwh))


class PowerCounted(NamedTuple):
    """A power counter after a measured power, and the energy that this adds."""

    counter: PowerCounter
    added_mwh: int


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

        The reading is accepted, or it is doubted: `doubt` is set then, and `reading_mwh` stays the last
        accepted one. A doubted reading may add energy too, in advance. `now_s`: monotonic.
        """
        if self.reading is None:  # the first reading: what flowed before it is not known
            first = Reading(reading_mwh, since=now_s, is_unconfirmed=True)
            return Counted(replace(self, reading=first, read_at=now_s), 0)
        if _continues_restart(self, reading_mwh, now_s):  # first: by now it may look like a return
            return _doubting(self, reading_mwh, now_s)
        rise_mwh = reading_mwh - self.reading.mwh
        if self._is_unchanged(rise_mwh):
            return Counted(_unchanged(self, now_s), 0)
        gap_s = 0.0 if self.read_at is None else now_s - self.read_at
        most_mwh = self.register.most_mwh_in(gap_s)
        # each of the two readings may be off by the jitter
        is_plain_rise = 0 < rise_mwh <= most_mwh + 2 * self.register.jitter_mwh
        if self.previous_meter_mwh is not None and not is_plain_rise:
            # a plain rise needs no other explanation; else the meter before this one may be back
            since_mwh = reading_mwh - self.previous_meter_mwh
            if 0 <= since_mwh <= self.allowed_mwh(now_s):  # the meter before this one answers again
                return _with_growth(self, self.previous_meter_mwh, reading_mwh, now_s)
        if 0 < rise_mwh <= most_mwh + self.register.slack_mwh:
            # accepted in full, but no more than `allowed_mwh` is counted
            return _with_growth(self, self.reading.mwh, reading_mwh, now_s)
        return _doubting(self, reading_mwh, now_s)  # it fell, or rose more than can have flowed

    def _is_unchanged(self, rise_mwh: int) -> bool:
        """Tell whether a reading that rose by `rise_mwh` shows that nothing has flowed.

        True: the value is the same, or fell by no more than the jitter of the register: `JITTER_MWH`, or
        one step of it if that is more (1 kWh). If it may restart, and shows 0 or its last reading is
        doubted, `JITTER_MWH` counts in any case: else the fall of a small value to 0 would be jitter, and
        the restart would be missed.
        """
        shows_zero = (self.reading_mwh or 0) + rise_mwh == 0
        may_have_restarted = self.register.may_restart and (shows_zero or self.doubt is not None)
        jitter_mwh = JITTER_MWH if may_have_restarted else self.register.jitter_mwh
        return -jitter_mwh <= rise_mwh <= 0

    def read_unchanged(self, read_at: float | None) -> "EnergyCounter":
        """Return the counter after its register was read at `read_at` [monotonic s], unchanged.

        Readings that show nothing new pass the counter by (`readings.observe_repeated`). Without the
        time of the last one, the next rise would be allowed too long a time. `read_at`: None, or not
        later than the last reading that the counter knows: the counter stays as it is.
        """
        if read_at is None or (self.read_at is not None and read_at <= self.read_at):
            return self
        return replace(self, read_at=read_at)

    @property
    def counted_mwh(self) -> int:
        """Return what the present doubt has counted in advance [mWh]; 0: nothing is doubted."""
        return 0 if self.doubt is None else self.doubt.counted_mwh

    def allowed_mwh(self, now_s: float) -> int:
        """Return the most that can have flowed [mWh] since the accepted reading last moved.

        That is what power and time allow, and what is left of the slack. While it is not known since
        when the register shows that reading, no time counts.
        """
        left_mwh = self.register.slack_mwh if self.unused_mwh is None else self.unused_mwh
        since = None if self.reading is None else self.reading.since
        return left_mwh + self.register.most_mwh_in(now_s - (now_s if since is None else since))


class Counted(NamedTuple):
    """An energy counter after a reading, and the energy that this reading adds."""

    counter: EnergyCounter
    added_mwh: int


def _unchanged(counter: EnergyCounter, now_s: float) -> EnergyCounter:
    """Return the counter after a reading that shows no flow: it confirms the accepted one.

    A doubt ends. What it has counted in advance (`counted_mwh`) stays counted (`counted_ahead_mwh`), and the
    next growth adds so much less.
    """
    reading = counter.reading
    since = now_s if reading is None or reading.since is None else reading.since
    return replace(
        counter,
        reading=Reading(counter.reading_mwh or 0, since=since),
        read_at=now_s,
        doubt=None,
        counted_ahead_mwh=counter.counted_ahead_mwh + counter.counted_mwh,
    )


def _at_reading(
    counter: EnergyCounter, reading_mwh: int, flowed_mwh: int, now_s: float
) -> EnergyCounter:
    """Return the counter at another accepted reading; `flowed_mwh` has flowed since the last one.

    What could have flowed and did not may still come later, up to one slack (`unused_mwh`).
    """
    return replace(
        counter,
        reading=Reading(reading_mwh, since=now_s),
        read_at=now_s,
        unused_mwh=min(counter.register.slack_mwh, max(0, counter.allowed_mwh(now_s) - flowed_mwh)),
        doubt=None,
    )


def _with_growth(counter: EnergyCounter, from_mwh: int, to_mwh: int, now_s: float) -> Counted:
    """Accept the reading `to_mwh`; return the counter and the energy to add [mWh].

    That is the growth, at most what is allowed, less what was counted in advance. `from_mwh`: where the
    growth begins: the accepted reading, or the last reading of the meter before this one. In the second
    case the meter before is back, and there is no meter before it any more.
    """
    ahead_mwh = counter.counted_ahead_mwh + counter.counted_mwh
    flowed_mwh = min(to_mwh - from_mwh, counter.allowed_mwh(now_s))
    if from_mwh == counter.previous_meter_mwh:
        counter = replace(counter, previous_meter_mwh=None)
    moved = _at_reading(counter, to_mwh, flowed_mwh, now_s)
    moved = replace(moved, counted_ahead_mwh=max(0, ahead_mwh - flowed_mwh))
    return Counted(moved, max(0, flowed_mwh - ahead_mwh))


def _doubting(counter: EnergyCounter, reading_mwh: int, now_s: float) -> Counted:
    """Return the counter after a reading that does not fit the accepted one, and the energy to add [mWh].

    The reading is accepted when `CONFIRMING_READINGS` that fit each other have come, and of a register
    that cannot restart when they have also lasted for `CONFIRMING_S`. Until then it is doubted, and what
    the register grows by is added in advance.
    """
    doubt = _next_doubt(counter, reading_mwh, now_s)
    ahead_mwh = doubt.counted_mwh - counter.counted_mwh  # by this reading
    counter = replace(counter, doubt=doubt, read_at=now_s)
    if doubt.reading_count < CONFIRMING_READINGS:
        return Counted(counter, ahead_mwh)
    if counter.register.may_restart:
        accepted = _accept_of_session(counter, doubt, now_s)
    elif now_s - doubt.began_at < CONFIRMING_S:
        return Counted(counter, ahead_mwh)
    else:
        accepted = _accept_of_meter(counter, doubt, now_s)
    return Counted(accepted.counter, ahead_mwh + accepted.added_mwh)


def _accept_of_meter(counter: EnergyCounter, doubt: Doubt, now_s: float) -> Counted:
    """Accept the doubted reading of a register that cannot restart.

    The register was late if power and time allow its rise; else it is another meter.
    """
    before_mwh = counter.reading_mwh or 0
    if 0 < doubt.reading_mwh - before_mwh <= counter.allowed_mwh(now_s):
        return _with_growth(counter, before_mwh, doubt.reading_mwh, now_s)
    return _accept_other_meter(counter, doubt, now_s)


def _accept_of_session(counter: EnergyCounter, doubt: Doubt, now_s: float) -> Counted:
    """Accept the doubted reading of a register that may restart, by what has happened to it.

    It goes on counting, from 0 or from where it was; it was corrected; or it is another meter.
    """
    if _goes_on_counting(counter, doubt, now_s):
        return _accept_content(counter, doubt, now_s)
    if doubt.is_correction:
        return _accept_correction(counter, doubt, now_s)
    return _accept_other_meter(counter, doubt, now_s)


def _content_mwh(counter: EnergyCounter, doubt: Doubt) -> int:
    """Return what the doubted register shows to have flowed [mWh]: all of it if it fell, else its rise."""
    return doubt.reading_mwh if doubt.has_fallen else doubt.reading_mwh - (counter.reading_mwh or 0)


def _goes_on_counting(counter: EnergyCounter, doubt: Doubt, now_s: float) -> bool:
    """Tell whether what the doubted register shows has flowed since the accepted reading.

    False if it was corrected downwards: most of what it shows had been counted before. Otherwise true
    if the register has risen with each doubted reading, however fast: a value that is nonsense
    stands still. Otherwise true if power and time allow what it shows: all of it after a fall, else
    its rise.
    """
    if doubt.is_correction:
        return False
    if doubt.always_rises:
        return True
    if doubt.has_fallen:
        return doubt.may_have_restarted
    return _content_mwh(counter, doubt) <= counter.allowed_mwh(now_s)


def _accept_content(counter: EnergyCounter, doubt: Doubt, now_s: float) -> Counted:
    """Accept a register that goes on counting: all that it shows to have flowed counts.

    Added is what the doubt has not counted in advance. If the register fell, its reading before the fall
    is remembered, because that may come back.
    """
    content_mwh = _content_mwh(counter, doubt)
    moved = _at_reading(counter, doubt.reading_mwh, max(0, content_mwh), now_s)
    if doubt.has_fallen:
        moved = replace(moved, previous_meter_mwh=counter.reading_mwh or 0)
    return Counted(moved, max(0, content_mwh - doubt.counted_mwh))


def _accept_correction(counter: EnergyCounter, doubt: Doubt, now_s: float) -> Counted:
    """Accept the reading of a register that was corrected downwards; it adds nothing.

    What the register fell by has been counted already, so its growth adds nothing before it shows as
    much as before the fall.
    """
    moved = _at_reading(counter, doubt.reading_mwh, doubt.counted_mwh, now_s)
    fall_mwh = (counter.reading_mwh or 0) - doubt.reading_mwh
    ahead_mwh = counter.counted_ahead_mwh + fall_mwh + doubt.counted_mwh
    return Counted(replace(moved, counted_ahead_mwh=max(0, ahead_mwh)), 0)


def _accept_other_meter(counter: EnergyCounter, doubt: Doubt, now_s: float) -> Counted:
    """Accept the reading of another meter: only what it grew by while it was doubted has counted.

    The reading of the meter before it is remembered, because that may come back.
    """
    moved = _at_reading(counter, doubt.reading_mwh, doubt.counted_mwh, now_s)
    return Counted(replace(moved, previous_meter_mwh=counter.reading_mwh or 0), 0)


def _is_corrected(before_mwh: int, reading_mwh: int) -> bool:
    """Tell whether a register has fallen by so little (or not at all) that it has not restarted."""
    return LOWEST_CORRECTION * before_mwh < reading_mwh <= before_mwh


def _may_have_restarted(counter: EnergyCounter, reading_mwh: int, now_s: float) -> bool:
    """Tell whether a register that fell can have counted all it shows since it was last read.

    False for a register that cannot restart, and for a fall so small that it is a correction.
    """
    if not counter.register.may_restart or _is_corrected(counter.reading_mwh or 0, reading_mwh):
        return False
    if counter.read_at is None:  # nobody knows how long ago that was
        return True
    elapsed_s = now_s - counter.read_at + LAG_S  # with what flowed before and is shown only now
    # as in `add_reading`: each of the two readings may be off by the jitter
    return reading_mwh <= counter.register.most_mwh_in(elapsed_s) + 2 * counter.register.jitter_mwh


def _continues_restart(counter: EnergyCounter, reading_mwh: int, now_s: float) -> bool:
    """Tell whether a reading is the last that confirms a restart: it continues readings after a fall.

    Since its restart at 0 the register may have counted up to the accepted reading or beyond. Compared
    with the accepted reading, that would look like a return, and the energy in between would be lost.
    """
    doubt = counter.doubt
    if doubt is None or not (counter.register.may_restart and doubt.has_fallen):
        return False
    if doubt.reading_count < CONFIRMING_READINGS - 1:
        return False
    rise_mwh = reading_mwh - doubt.reading_mwh
    return 0 <= rise_mwh <= counter.register.most_mwh_in(now_s - doubt.read_at) + JITTER_MWH


def _next_doubt(counter: EnergyCounter, reading_mwh: int, now_s: float) -> Doubt:
    """Return the doubt with one more reading, and with what that adds to the energy counted in advance.

    A reading that does not fit the doubted ones begins a new doubt, which keeps what they counted. The
    first reading of a doubt adds something only if the register may have restarted: all that it shows.
    """
    before, has_fallen = counter.doubt, reading_mwh < (counter.reading_mwh or 0)
    if before is not None and _fits_doubt(counter, before, reading_mwh, now_s):
        flowed_mwh = reading_mwh - before.reading_mwh
        doubt = before._replace(
            reading_mwh=reading_mwh,
            read_at=now_s,
            reading_count=before.reading_count + 1,
            always_rises=before.always_rises and flowed_mwh > 0,
        )
    else:
        may_have_restarted = has_fallen and _may_have_restarted(counter, reading_mwh, now_s)
        is_counted = may_have_restarted and 0 <= reading_mwh <= counter.allowed_mwh(now_s)
        flowed_mwh = reading_mwh if is_counted else 0
        doubt = Doubt(
            began_at=now_s,
            reading_mwh=reading_mwh,
            read_at=now_s,
            has_fallen=has_fallen,
            is_correction=has_fallen and _is_corrected(counter.reading_mwh or 0, reading_mwh),
            may_have_restarted=may_have_restarted,
        )
    # what is allowed and has not been counted yet
    free_mwh = counter.allowed_mwh(now_s) - counter.counted_ahead_mwh - counter.counted_mwh
    added_mwh = max(0, min(flowed_mwh, free_mwh))
    return doubt._replace(counted_mwh=counter.counted_mwh + added_mwh)


def _fits_doubt(counter: EnergyCounter, doubt: Doubt, reading_mwh: int, now_s: float) -> bool:
    """Tell whether a reading fits the doubted ones.

    It does if power and time allow its distance from the last of them. A reading of a register that may
    restart fits as well if it is not lower, however far it rose; but not if it ends a fall by reaching
    the accepted reading again: then the fall was for a moment only.
    """
    rise_mwh = reading_mwh - doubt.reading_mwh
    most_mwh = counter.register.most_mwh_in(now_s - doubt.read_at) + counter.register.slack_mwh
    if -counter.register.jitter_mwh <= rise_mwh <= most_mwh:
        return True
    is_back = doubt.has_fallen and reading_mwh >= (counter.reading_mwh or 0)
    return counter.register.may_restart and rise_mwh >= 0 and not is_back


# --- what can flow at a charging point -----------------------------------------------------------


def metered_quantities(settings: PointSettings) -> frozenset[Quantity]:
    """Return what the electricity meter behind a charging point supplies; empty: there is no meter."""
    meter = settings.meter
    return _quantities_of(meter.model.capabilities) if meter else _NO_QUANTITY


_NO_QUANTITY: frozenset[Quantity] = frozenset()


@cache  # asked at each reading; not kept in the point, which is copied at each reading
def _quantities_of(capabilities: frozenset[str]) -> frozenset[Quantity]:
    """Return the quantities that a meter with these capabilities supplies."""
    kinds = [kind for name, kind in MEASURED_KINDS.items() if name in capabilities]
    return frozenset(quantity for kind in kinds for quantity in kind)


_ENERGY_POINTS = {Quantity.ENERGY: "energy_total", Quantity.SESSION_ENERGY: "energy_session"}


def new_counter(settings: PointSettings, quantity: Quantity) -> EnergyCounter:
    """Return a counter of an energy that has read nothing yet, with the limits of its register.

    The most that can flow is what the charger's model can do, not what is configured: without the
    gateway the charger may do that. How coarse the register is stands in the model file of the device
    that supplies it: the meter, if it measures this energy, else the charger.
    """
    control = settings.model.control
    supplier = settings.model
    if settings.meter is not None and quantity in metered_quantities(settings):
        supplier = settings.meter.model
    phases = 1 if quantity in PHASE_ENERGIES else 3
    # how the model file calls the register; of a phase by the end of the quantity's name, "l1" to "l3"
    name = _ENERGY_POINTS.get(quantity, f"energy_total_{quantity.value[-2:]}")
    model_point = supplier.points.get(name)
    coarse_wh = step_wh = 0.0
    if model_point is not None:
        # the scale of an energy is its step [Wh]. One that the device tells is not known here: the step
        # may be wide for a rise, and counts as fine for a fall
        tells_scale = model_point.scale_from or model_point.ratio_points
        coarse_wh = max(model_point.scale, COARSEST_WH) if tells_scale else model_point.scale
        step_wh = 0.0 if tells_scale else model_point.scale
    register = Register(
        most_w=control.maximum_ma * MOST_V * phases // 1000 if control else MOST_W,  # mA·V are mW
        slack_mwh=max(SLACK_MWH, round(2 * coarse_wh * 1000)),  # two steps
        jitter_mwh=max(JITTER_MWH, round(step_wh * 1000)),
        may_restart=quantity is Quantity.SESSION_ENERGY,
    )
    return EnergyCounter(register=register)
