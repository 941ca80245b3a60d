"""Checks whether the phase values of a device fit their sum; pure.

A wrong scale in a model file, or a firmware that scales differently, shows as values that contradict
each other. Which of them is right cannot be told, so all are passed on and the log says it once.
"""

import logging
from collections.abc import Collection, Mapping

from knxgw.charging.limits import NOMINAL_V
from knxgw.charging.quantities import PHASE_CURRENTS, PHASE_POWERS, Quantity, Value

log = logging.getLogger(__name__)
FACTOR = 5  # far beyond power factors, voltage tolerance and readings of two moments
LEAST_W = 1000.0  # below it meters are inexact and power factors low
LASTING = 20  # sums in a row: two requests may differ while a vehicle starts


class SumCheck:
    """Checks the phases of one device against their sum."""

    def __init__(self, name: str, *, is_consumer: bool) -> None:
        """Check a device; if it consumes only, its phases cannot cancel each other out."""
        self._name = name
        self._is_consumer = is_consumer
        self._latest: dict[Quantity, float] = {}
        self._misfits: dict[str, int] = {}  # in a row, by what was compared
        self._logged: set[str] = set()

    def update(self, fresh: Mapping[Quantity, Value], unavailable: Collection[Quantity]) -> None:
        """Update from a reading; check whenever there is a new power."""
        for quantity in unavailable:
            self._latest.pop(quantity, None)
        for quantity in (Quantity.POWER, *PHASE_POWERS, *PHASE_CURRENTS):
            if isinstance(value := fresh.get(quantity), int):
                self._latest[quantity] = value
        if Quantity.POWER not in fresh or Quantity.POWER not in self._latest:
            return
        power_w = abs(self._latest[Quantity.POWER])
        phases_w = self._sum(PHASE_POWERS, is_signed=True)
        if phases_w is not None:
            is_odd = not _are_close(abs(phases_w), power_w)
            self._judge("the powers of the phases", abs(phases_w), power_w, is_misfit=is_odd)
        currents_ma = self._sum(PHASE_CURRENTS, is_signed=False)
        if currents_ma is not None:
            apparent_w = currents_ma / 1000 * NOMINAL_V
            too_little = power_w > apparent_w and not _are_close(apparent_w, power_w)
            too_much = self._is_consumer and not _are_close(apparent_w, power_w)
            self._judge("the currents", apparent_w, power_w, is_misfit=too_little or too_much)

    def _sum(self, phases: Collection[Quantity], *, is_signed: bool) -> float | None:
        """Return the sum of the latest values of the phases, None while one is not known."""
        if any(phase not in self._latest for phase in phases):
            return None
        values = [self._latest[phase] for phase in phases]
        return sum(values) if is_signed else sum(map(abs, values))

    def _judge(self, what: str, sum_w: float, power_w: float, *, is_misfit: bool) -> None:
        """Count a comparison that fits or does not; log the first lasting misfit of its kind."""
        self._misfits[what] = self._misfits.get(what, 0) + 1 if is_misfit else 0
        if self._misfits[what] < LASTING or what in self._logged:
            return
        self._logged.add(what)
        log.warning(
            "%s: %s (%.0f W together) do not fit the power (%.0f W): one of them does not count as "
            "the model file says; compare with a display, and report model and firmware",
            self._name,
            what,
            sum_w,
            power_w,
        )


def _are_close(sum_w: float, power_w: float) -> bool:
    """Tell whether two powers may be the same: small ones always are."""
    smaller, larger = sorted((sum_w, power_w))
    return larger < LEAST_W or larger <= FACTOR * smaller
