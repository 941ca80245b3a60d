"""A simulated vehicle: battery, phases, and how fast it follows what it is offered.

Source: load-management 21 (the standard and the slow vehicle).
"""

from dataclasses import dataclass, field

from knxgw.charging.limits import NOMINAL_V

VOLTAGE_V = NOMINAL_V
MINIMUM_OFFER_MA = 6000  # below this the pilot signals nothing


@dataclass(slots=True, kw_only=True)
class Vehicle:
    """One electric vehicle; currents per phase [mA]."""

    capacity_wh: float = 60_000
    charge_wh: float = 20_000
    phases: int = 3
    maximum_ma: int = 16_000
    delay_s: float = 1.0  # from a changed offer until it reacts
    rise_ma_per_s: float = 3000
    fall_ma_per_s: float = 10_000
    draw_ma: float = 0.0
    _offers: list[tuple[float, int]] = field(default_factory=list)  # when it reacts, to what

    @property
    def wants_energy(self) -> bool:
        """Tell whether the battery is not full."""
        return self.charge_wh < self.capacity_wh

    def offer(self, offer_ma: int, now_s: float) -> None:
        """Show the vehicle a new offer; it reacts after its delay."""
        if not self._offers or self._offers[-1][1] != offer_ma:
            self._offers.append((now_s + self.delay_s, offer_ma))

    def advance(self, now_s: float, elapsed_s: float, phases: int) -> float:
        """Let time pass on so many phases; return the energy drawn [Wh]."""
        before_ma = self.draw_ma
        target_ma = self._target_ma(now_s)
        if target_ma > self.draw_ma:
            self.draw_ma = min(target_ma, self.draw_ma + self.rise_ma_per_s * elapsed_s)
        else:
            self.draw_ma = max(target_ma, self.draw_ma - self.fall_ma_per_s * elapsed_s)
        mean_a = (before_ma + self.draw_ma) / 2 / 1000
        drawn_wh = mean_a * VOLTAGE_V * phases * elapsed_s / 3600
        self.charge_wh = min(self.capacity_wh, self.charge_wh + drawn_wh)
        return drawn_wh

    def _target_ma(self, now_s: float) -> float:
        while len(self._offers) > 1 and self._offers[1][0] <= now_s:
            self._offers.pop(0)
        if not self._offers or self._offers[0][0] > now_s or not self.wants_energy:
            return 0.0
        offer_ma = self._offers[0][1]
        return min(offer_ma, self.maximum_ma) if offer_ma >= MINIMUM_OFFER_MA else 0.0
