"""The smart meter's side of a run: when it looks, and what reaches the gateway of it."""

from knxgw.charging.events import GridMeterReading
from knxgw.sim.bench.agenda import SAMPLE, TELEGRAM
from knxgw.sim.bench.meter import smart_meter
from knxgw.sim.bench.parts import Parts
from knxgw.sim.bench.recording import MeterValue
from knxgw.station.model import Ask, InOperationSeen

METER_KEYS = ("smart_meter_l1", "smart_meter_l2", "smart_meter_l3")


class MeterSide:
    """Lets the smart meter sample the line, send telegrams and answer reads."""

    def __init__(self, parts: Parts) -> None:
        self._scenario = parts.scenario
        self._agenda = parts.agenda
        self._plant = parts.plant
        self._recording = parts.recording
        self._watch = parts.watch
        self._gateway = parts.gateway
        self._meter = smart_meter(parts.scenario)

    def plan(self) -> None:
        """Put its first sample into the queue; without load management nobody has a smart meter."""
        if self._scenario.connection.load_management != "dynamic":
            return
        meter, start_s = self._scenario.meter, self._agenda.now_s
        first_s = meter.first_s - meter.sample_s * int((meter.first_s - start_s) / meter.sample_s)
        self._agenda.at(first_s, SAMPLE, self._sample)
        if meter.in_operation_s is not None:
            self._agenda.at(start_s, TELEGRAM, self._in_operation)

    def started(self) -> None:
        """Answer the reads of a gateway that starts: objects 10 to 12 have the flag I."""
        for phase in range(self._meter.phases):
            self._answer(phase)

    def answer(self, asked: Ask) -> None:
        """Answer a read with what the line carries when it is asked."""
        self._answer(METER_KEYS.index(asked.key))

    def _answer(self, phase: int) -> None:
        if self._scenario.connection.load_management != "dynamic":
            return
        now_s = self._agenda.now_s
        arrives_at = self._meter.answers_at(phase, now_s)
        if arrives_at is not None:
            telegram = self._meter.value(phase, self._measure_ma(phase))
            self._agenda.at(arrives_at, TELEGRAM, self._telegram, (telegram, now_s))

    def _sample(self, _: None) -> None:
        """Look at all phases; the telegrams are on their way."""
        now_s = self._agenda.now_s
        self._agenda.at(now_s + self._scenario.meter.sample_s, SAMPLE, self._sample)
        self._recording.samples.append(now_s)
        for phase in range(self._meter.phases):
            telegram = self._meter.telegram(phase, self._measure_ma(phase))
            if telegram is None:
                continue
            arrives_at = self._meter.arrives_at(phase, now_s)
            if arrives_at is not None:
                self._agenda.at(arrives_at, TELEGRAM, self._telegram, (telegram, now_s))

    def _measure_ma(self, phase: int) -> float:
        now_s = self._agenda.now_s
        return self._meter.measure_ma(phase, self._plant.load_ma(now_s, phase), now_s)

    def _telegram(self, sent: tuple[GridMeterReading, float]) -> None:
        telegram, sampled_at = sent
        self._recording.telegrams += 1
        self._recording.reported.append(
            MeterValue(
                arrived_at=self._agenda.now_s,
                sampled_at=sampled_at,
                phase=telegram.phase,
                value=telegram.value,
            )
        )
        if not self._watch.must_look(telegram.phase):
            self._gateway.tell(telegram)
            return
        self._watch.before_telegram(telegram.phase, sampled_at)
        self._gateway.tell(telegram)
        self._watch.after_telegram(self._agenda.now_s, telegram.phase, sampled_at)

    def _in_operation(self, _: None) -> None:
        meter, now_s = self._scenario.meter, self._agenda.now_s
        if meter.in_operation_s is None:
            return
        self._agenda.at(now_s + meter.in_operation_s, TELEGRAM, self._in_operation)
        if not self._meter.is_silent(now_s):
            self._recording.operations.append(now_s)
            self._gateway.tell(InOperationSeen())
