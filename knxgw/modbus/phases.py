"""Determines how many phases a vehicle uses at a charger that is controlled in W. Pure.

A power meant for three phases lets a one-phase vehicle draw three times the offer on its phase, and
the main fuse depends on that. So while the count is unknown, the power of the minimum current is
written, for one phase first: a one-phase vehicle starts charging, a vehicle with more phases cannot,
because the control pilot signals no less than 6 A. A vehicle that could start but does not gets the
minimum of more phases. The draw then decides; in doubt the lower count is taken.

| count | observation | result |
|---|---|---|
| unknown | current on N phases | N |
| unknown | no current for `TRY_S`, the vehicle may charge | the minimum of more phases is written |
| N | current on more phases | the observed number |
| N | current on fewer phases, twice, or once with too much on one | the observed number |
| N | more than the offer on a phase, for `FOLLOW_S` | unknown |
| N | no current for `IDLE_S`, the vehicle may charge | unknown |
| any | no vehicle, a restart of the charger, a lost connection, impossible currents | unknown |

A charger that measures power only cannot distinguish one phase from three with a third each. There,
after a vehicle has started with the minimum of N phases, the minimum of N - 1 is written: a vehicle
with N phases must then stop, which proves the count; one that continues has fewer.
"""

from collections.abc import Mapping
from typing import NamedTuple

from knxgw.catalogue.codes import ChargingState
from knxgw.charging.limits import DRAWS_FROM_MA, DRAWS_FROM_W, NOMINAL_V, highest_plausible_ma
from knxgw.charging.quantities import PHASE_CURRENTS, Quantity, Value

TRY_S = 30.0  # by then a vehicle that can start at the offer has started
IDLE_S = 60.0
STOPS_S = 15.0  # until a vehicle follows a pilot that signals a pause
FOLLOW_S = 10.0  # until it draws no more than a lowered offer
EXCESS = 1.25  # voltage tolerance stays below it; one phase too many gives at least 1.5
FRESH_S = 3.0  # readings of one moment, where each current is a separate answer
AGAIN_S = 0.9  # apart: two readings, not one reading in two answers

_MAY_CHARGE = (
    ChargingState.CONNECTED,
    ChargingState.CHARGE,
    ChargingState.CHARGE_REDUCED,
    ChargingState.CHARGE_VENTILATION,
    ChargingState.INTERRUPTION,  # what a charger shows when the power is too low for a pilot
)


class _PhaseCurrent(NamedTuple):
    """The last current of a phase."""

    read_at: float  # [monotonic s]
    current_ma: int


class PhaseCount:
    """The number of phases that the vehicle at one charging point uses."""

    def __init__(
        self, *, configured: int, minimum_ma: int, maximum_ma: int, has_currents: bool
    ) -> None:
        """Start with an unknown count; the charger accepts offers of `minimum_ma` to `maximum_ma`."""
        self._configured = configured
        self._minimum_ma = minimum_ma
        self._impossible_ma = highest_plausible_ma(maximum_ma)
        self._has_currents = has_currents
        self._state: Value | None = None
        self._currents: dict[Quantity, _PhaseCurrent] = {}
        self._written_w = 0
        self._written_since = 0.0
        self.forget()

    @property
    def count(self) -> int | None:
        """Return how many phases the vehicle uses; None: unknown."""
        return self._count

    @property
    def assumed(self) -> int:
        """Return the number of phases for which a power is written."""
        return self._tried if self._count is None else self._count

    def power_w(self, offer_ma: int) -> int:
        """Return the power [W] for an offer [mA]: no phase may draw more than the offer."""
        current_ma = min(offer_ma, self._minimum_ma) if self._count is None else offer_ma
        return current_ma * self.assumed * NOMINAL_V // 1000

    def forget(self) -> None:
        """Reset the count to unknown, as for the next vehicle."""
        self._count: int | None = 1 if self._configured == 1 else None
        self._tried = 1
        self._is_checking_fewer = (
            False  # less was written to a power-only charger, to see whether the vehicle stops
        )
        self._idle_since: float | None = None  # since when no current flows although it could
        self._fewer_since: float | None = None  # since when fewer phases than counted are in use

    def observe(
        self,
        values: Mapping[Quantity, Value],
        *,
        offer_ma: int,
        is_acknowledged: bool,
        now_s: float,
    ) -> None:
        """Update from a reading; `is_acknowledged`: the charger acknowledged the wanted offer.

        Without a vehicle the count is unknown again. Nothing is concluded from what flows during a pause, or
        before the charger has acknowledged the offer.
        """
        if self._configured == 1:
            return
        self._store_reading(values, now_s)
        if values.get(Quantity.CONNECTED) == 0 or self._state == ChargingState.AVAILABLE:
            self.forget()
            return
        power_w = self.power_w(offer_ma)
        if power_w != self._written_w or not is_acknowledged:
            self._written_w, self._written_since = power_w, now_s
        if offer_ma <= 0:
            self._idle_since = self._fewer_since = None
        if offer_ma <= 0 or not is_acknowledged:
            return
        if self._has_currents:
            if not values.keys().isdisjoint(PHASE_CURRENTS):
                self._update_from_currents(offer_ma, now_s)
        elif isinstance(power := values.get(Quantity.POWER), int):
            self._update_from_power(power, offer_ma, now_s)

    def _store_reading(self, values: Mapping[Quantity, Value], now_s: float) -> None:
        """Keep the state and each phase current with its time."""
        self._state = values.get(Quantity.STATE, self._state)
        for phase in PHASE_CURRENTS:
            current_ma = values.get(phase)
            if isinstance(current_ma, int):
                self._currents[phase] = _PhaseCurrent(now_s, current_ma)

    def _update_from_currents(self, offer_ma: int, now_s: float) -> None:
        """Update the count from fresh phase currents, as the table above says."""
        fresh_ma = [
            one.current_ma for one in self._currents.values() if now_s - one.read_at <= FRESH_S
        ]
        if max(fresh_ma) > self._impossible_ma:
            self.forget()
            return
        phases_in_use = min(sum(ma > DRAWS_FROM_MA for ma in fresh_ma), self._configured)
        is_over_offer = max(fresh_ma) > offer_ma * EXCESS
        if phases_in_use == 0:
            self._update_without_current(offer_ma, now_s)
        elif self._count is None or phases_in_use > self._count:
            self._set_count(phases_in_use)
        elif phases_in_use < self._count:
            since = now_s if self._fewer_since is None else self._fewer_since
            self._idle_since, self._fewer_since = None, since
            if is_over_offer or now_s - since >= AGAIN_S:
                self._set_count(phases_in_use)
        else:
            self._idle_since = self._fewer_since = None
            if is_over_offer and now_s - self._written_since >= FOLLOW_S:
                self.forget()

    def _update_from_power(self, power_w: int, offer_ma: int, now_s: float) -> None:
        """Update the count where only power is measured: see the end of the module's description."""
        written_for_s = now_s - self._written_since
        if power_w <= DRAWS_FROM_W:
            if self._is_checking_fewer:  # it has stopped, as a vehicle with more phases must
                self._set_count(self._tried + 1)
            else:
                self._update_without_current(offer_ma, now_s)
            return
        self._idle_since = None
        if self._count is not None:
            if power_w > self._written_w * EXCESS and written_for_s >= FOLLOW_S:
                self.forget()  # it draws more than the count allows: the count is wrong
        elif (self._is_checking_fewer or self._tried == 1) and written_for_s < STOPS_S:
            return  # it may be a vehicle with more phases that has not stopped yet
        elif self._tried == 1:  # it charges with the minimum of one phase
            self._set_count(1)
        else:  # it charges: would it also with the minimum of one phase less?
            self._is_checking_fewer = True
            self._tried -= 1

    def _set_count(self, phases: int) -> None:
        """Take a number of phases as the count; what was being tried is over."""
        self.forget()
        self._count = phases

    def _update_without_current(self, offer_ma: int, now_s: float) -> None:
        """Without current: after a while, try the power of more phases for a vehicle that may charge.

        A count that was known is unknown again after a longer while.
        """
        self._fewer_since = None
        if self._state not in _MAY_CHARGE:
            self._idle_since = None
            return
        if self._idle_since is None:
            self._idle_since = now_s
        if now_s - self._idle_since < (TRY_S if self._count is None else IDLE_S):
            return
        if self._count is not None:
            self.forget()
            return
        self._idle_since = now_s
        self._tried = self._next_try(offer_ma)

    def _next_try(self, offer_ma: int) -> int:
        """Return for how many phases to write the minimum next.

        A number in between is skipped if the offer allows a vehicle with that many phases the whole
        power, because its currents then show the count.
        """
        if not self._has_currents:
            return min(self._tried + 1, self._configured)
        for phases in range(self._configured, self._tried + 1, -1):
            whole_ma = phases * self._minimum_ma
            if all(whole_ma <= n * offer_ma for n in range(self._tried + 1, phases)):
                return phases
        return min(self._tried + 1, self._configured)
