"""The smart meter of a scenario: when it looks, what it sends, what comes late or gets lost."""

from dataclasses import dataclass, field
from random import Random

from knxgw.charging.events import GridMeterReading
from knxgw.sim.bench.scenario import MeterModel, PhaseSpan, Scenario, Span
from knxgw.sim.bench.telegrams import TYPES, on_the_bus


def _luck(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - to be the same each time


@dataclass(slots=True)
class SmartMeter:
    """What it sent last, and when that arrives."""

    model: MeterModel
    phases: int
    voltage_v: float
    power_factor: float
    lost_share: float
    luck: Random  # decides what is lost
    jitter: Random
    answer_jitter: Random  # of its own: how often it is asked depends on the gateway
    sent_ma: list[float | None] = field(default_factory=lambda: [None, None, None])
    measured_ma: list[float] = field(default_factory=lambda: [0.0] * 3)  # the last time
    last_at: list[float] = field(default_factory=lambda: [-1e9] * 3)  # the newest telegram arrives

    def measure_ma(self, phase: int, load_ma: float, at_s: float) -> float:
        """Return what it measures of a phase that carries something."""
        if self.model.is_frozen(phase, at_s):
            return self.measured_ma[phase]
        measured_ma = -load_ma if self.model.is_reversed(phase, at_s) else load_ma
        self.measured_ma[phase] = measured_ma
        return measured_ma

    def telegram(self, phase: int, current_ma: float) -> GridMeterReading | None:
        """Return the telegram for a sampled current; None: it changed too little to be sent."""
        last_ma, least_ma = self.sent_ma[phase], self.model.min_change_ma
        if least_ma is not None and last_ma is not None and abs(current_ma - last_ma) < least_ma:
            return None
        return self.value(phase, current_ma)

    def value(self, phase: int, current_ma: float) -> GridMeterReading:
        """Return the telegram for a current, sent or answered."""
        self.sent_ma[phase] = current_ma
        kind = TYPES[self.model.dpt]
        value = on_the_bus(
            self.model.dpt, current_ma, voltage_v=self.voltage_v, power_factor=self.power_factor
        )
        return GridMeterReading(
            phase=phase, value=value, is_power=kind.is_power, may_saturate=kind.saturating
        )

    def arrives_at(self, phase: int, sampled_at: float) -> float | None:
        """Return when the telegram sent of a sample arrives, None: never."""
        is_lost = bool(self.lost_share) and self.luck.random() < self.lost_share
        arrives_at = sampled_at + self._jittered(self.model.delay_s[phase], self.jitter)
        arrives_at = self._in_turn(phase, self._slowed(phase, arrives_at))
        for lost in self.model.lost:
            if _hits(lost, phase, arrives_at):
                return None if lost.late_s is None or is_lost else arrives_at + lost.late_s
        return None if is_lost else arrives_at

    def answers_at(self, phase: int, asked_at: float) -> float | None:
        """Return when the answer to a read arrives, None: there is none."""
        answers_s = self.model.answers_s[phase]
        if answers_s is None or any(_hits(one, phase, asked_at) for one in self.model.unanswered):
            return None
        arrives_at = asked_at + self._jittered(answers_s, self.answer_jitter)
        return self._in_turn(phase, self._slowed(phase, arrives_at))

    def is_silent(self, at_s: float) -> bool:
        """Tell whether no In-operation telegram comes at a moment."""
        until_s = self.model.in_operation_until_s
        paused = any(_is_within(one, at_s) for one in self.model.in_operation_pauses)
        return paused or (until_s is not None and at_s > until_s)

    def _jittered(self, delay_s: float, luck: Random) -> float:
        """Return a delay with its jitter; nothing comes before it was measured."""
        jitter_s = self.model.jitter_s
        return max(0.0, delay_s + luck.uniform(-jitter_s, jitter_s)) if jitter_s else delay_s

    def _slowed(self, phase: int, arrives_at: float) -> float:
        slow = (one.late_s or 0.0 for one in self.model.slow if _hits(one, phase, arrives_at))
        return arrives_at + max(slow, default=0.0)

    def _in_turn(self, phase: int, arrives_at: float) -> float:
        """Return when a telegram arrives: not before the one of the same phase sent before it."""
        if self.model.jitter_s or self.model.slow:
            arrives_at = self.last_at[phase] = max(arrives_at, self.last_at[phase])
        return arrives_at


def smart_meter(scenario: Scenario) -> SmartMeter:
    """Return the smart meter of a scenario."""
    connection, disturbance = scenario.connection, scenario.disturbance
    return SmartMeter(
        model=scenario.meter,
        phases=connection.phases,
        voltage_v=connection.voltage_v,
        power_factor=connection.power_factor,
        lost_share=0.0 if disturbance is None else disturbance.lost_telegrams,
        luck=_luck(0 if disturbance is None else disturbance.seed),
        jitter=_luck(scenario.meter.jitter_seed),
        answer_jitter=_luck(scenario.meter.jitter_seed + 1),
    )


def _hits(one: PhaseSpan, phase: int, at_s: float) -> bool:
    return one.phase in (None, phase) and _is_within(one, at_s)


def _is_within(one: Span, at_s: float) -> bool:
    return one.begins_at <= at_s <= one.ends_at
