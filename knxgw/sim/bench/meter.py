"""The smart meter of a scenario: when it looks, what it sends, what gets lost."""

from dataclasses import dataclass, field
from random import Random

from knxgw.sim.bench.scenario import LostTelegrams, MeterModel, Scenario
from knxgw.sim.bench.telegrams import TYPES, on_the_bus
from knxgw.station.model import SmartMeterTelegram


@dataclass(slots=True)
class SmartMeter:
    """What it sent last."""

    model: MeterModel
    phases: int
    voltage_v: float
    power_factor: float
    sent_ma: list[float | None] = field(default_factory=lambda: [None, None, None])
    lost_share: float = 0.0
    luck: Random = field(default_factory=lambda: Random(0))  # noqa: S311 - to be the same each time

    def telegram(self, phase: int, current_ma: float) -> SmartMeterTelegram | None:
        """Return the telegram for a sampled current; None: it changed too little to be sent."""
        last_ma, least_ma = self.sent_ma[phase], self.model.min_change_ma
        if least_ma is not None and last_ma is not None and abs(current_ma - last_ma) < least_ma:
            return None
        return self.value(phase, current_ma)

    def value(self, phase: int, current_ma: float) -> SmartMeterTelegram:
        """Return the telegram for a current, sent or answered."""
        self.sent_ma[phase] = current_ma
        kind = TYPES[self.model.dpt]
        value = on_the_bus(
            self.model.dpt, current_ma, voltage_v=self.voltage_v, power_factor=self.power_factor
        )
        return SmartMeterTelegram(
            phase=phase, value=value, is_power=kind.is_power, saturating=kind.saturating
        )

    def arrives_s(self, phase: int, sampled_s: float) -> float | None:
        """Return when the telegram of a sample arrives, None: never."""
        arrives_s = sampled_s + self.model.delay_s[phase]
        if self.lost_share and self.luck.random() < self.lost_share:
            return None
        for lost in self.model.lost:
            if _hits(lost, phase, arrives_s):
                return None if lost.late_s is None else arrives_s + lost.late_s
        return arrives_s


def smart_meter(scenario: Scenario) -> SmartMeter:
    """Return the smart meter of a scenario."""
    connection, disturbance = scenario.connection, scenario.disturbance
    return SmartMeter(
        model=scenario.meter,
        phases=connection.phases,
        voltage_v=connection.voltage_v,
        power_factor=connection.power_factor,
        lost_share=0.0 if disturbance is None else disturbance.lost_telegrams,
        luck=Random(0 if disturbance is None else disturbance.seed),  # noqa: S311 - repeatable
    )


def _hits(lost: LostTelegrams, phase: int, arrives_s: float) -> bool:
    return lost.phase in (None, phase) and lost.from_s <= arrives_s <= lost.to_s
