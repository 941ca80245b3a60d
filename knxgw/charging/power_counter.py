"""Counts energy from power over time, for chargers that have no energy register. Pure."""

from dataclasses import dataclass, replace
from typing import NamedTuple

from knxgw.charging.energy_register import MOST_W, MWH_PER_WS

MAX_GAP_S = 60.0  # between two measured powers: nobody knows what flowed in a longer gap


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerCounter:
    """Adds up energy from power where there is no meter reading."""

    most_w: int = MOST_W  # more is taken for a wrong reading
    power_w: int = 0  # the last one that was measured
    measured_at: float | None = None  # when that was [monotonic s]; None: not yet

    def add_power(self, power_w: int, now_s: float) -> "PowerCounted":
        """Return the counter after a measured power, and the energy since the last one [mWh].

        The energy is the mean of both powers over the time between them, but never below 0. The first power adds
        nothing, and neither does one after a gap of more than a minute (`MAX_GAP_S`), in which nobody knows what
        flowed. A power above `most_w`, in either direction, is taken for wrong, and ignored. `now_s`: monotonic.
        """
        if abs(power_w) > self.most_w:
            return PowerCounted(self, added_mwh=0)
        added_mwh = 0
        if self.measured_at is not None and 0 < now_s - self.measured_at <= MAX_GAP_S:
            mean_w = (self.power_w + power_w) / 2
            added_mwh = round(mean_w * (now_s - self.measured_at) * MWH_PER_WS)
        # a negative power takes nothing away: a total never falls
        counter = replace(self, power_w=power_w, measured_at=now_s)
        return PowerCounted(counter, max(0, added_mwh))


class PowerCounted(NamedTuple):
    """A power counter after a measured power, and the energy that this adds."""

    counter: PowerCounter
    added_mwh: int
