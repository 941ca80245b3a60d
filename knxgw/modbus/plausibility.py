"""Whether what a device says of its phases fits what it says of their sum; pure.

A scale that is wrong in a model file, or a firmware that counts otherwise, shows as values that
cannot be of one device. Nobody can tell from them which one is right, so none is held back: the log
says it once.
"""

import logging
from collections.abc import Collection, Mapping

from knxgw.charging.words import NOMINAL_V, PHASE_CURRENTS, PHASE_POWERS, Quantity, Value

log = logging.getLogger(__name__)
FACTOR = 5  # power factors, voltages and values of two moments are far from that
LEAST_W = 1000.0  # below it meters are inexact and loads are no resistors
LASTING = 20  # sums in a row: what is read in two requests differs while a vehicle starts


class SumCheck:
    """Looks for phases that do not fit their sum, in one device."""

    def __init__(self, name: str, *, consumes_only: bool) -> None:
        """Check a device; one that consumes only has no phases that cancel each other out."""
        self._name = name
        self._consumes_only = consumes_only
        self._latest: dict[Quantity, float] = {}
        self._misfits: dict[str, int] = {}  # how often in a row, by what is odd
        self._logged: set[str] = set()

    def update(self, fresh: Mapping[Quantity, Value], unavailable: Collection[Quantity]) -> None:
        """Take what was read, and judge it whenever there is a new power."""
        for quantity in unavailable:
            self._latest.pop(quantity, None)
        for quantity in (Quantity.POWER, *PHASE_POWERS, *PHASE_CURRENTS):
            if isinstance(value := fresh.get(quantity), int):
                self._latest[quantity] = value
        if Quantity.POWER not in fresh or Quantity.POWER not in self._latest:
            return
        power_w = abs(self._latest[Quantity.POWER])
        phases_w = self._sum(PHASE_POWERS, signed=True)
        if phases_w is not None:
            is_odd = not _fits(abs(phases_w), power_w)
            self._judge("the powers of the phases", abs(phases_w), power_w, fits_badly=is_odd)
        currents_ma = self._sum(PHASE_CURRENTS, signed=False)
        if currents_ma is not None:
            apparent_w = currents_ma / 1000 * NOMINAL_V
            too_little = power_w > apparent_w and not _fits(apparent_w, power_w)
            too_much = self._consumes_only and not _fits(apparent_w, power_w)
            self._judge("the currents", apparent_w, power_w, fits_badly=too_little or too_much)

    def _sum(self, phases: Collection[Quantity], *, signed: bool) -> float | None:
        if any(phase not in self._latest for phase in phases):
            return None
        values = [self._latest[phase] for phase in phases]
        return sum(values) if signed else sum(map(abs, values))

    def _judge(self, what: str, sum_w: float, power_w: float, *, fits_badly: bool) -> None:
        self._misfits[what] = self._misfits.get(what, 0) + 1 if fits_badly else 0
        if self._misfits[what] < LASTING or what in self._logged:
            return
        self._logged.add(what)
        log.warning(
            "%s: %s (%.0f W together) do not fit the power (%.0f W): one of them counts otherwise "
            "than the model file says; compare with a display, and report model and firmware",
            self._name,
            what,
            sum_w,
            power_w,
        )


def _fits(one_w: float, other_w: float) -> bool:
    smaller, larger = sorted((one_w, other_w))
    return larger < LEAST_W or larger <= FACTOR * smaller
