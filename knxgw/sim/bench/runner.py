"""Runs a scenario: a controller and the plant in virtual time, event by event.

There is no loop of asyncio here, only a queue ordered by time, so that a day takes seconds.
"""

from collections.abc import Callable, Mapping
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import Any, assert_never

from knxgw.charging.events import ChargerConditionChanged, ChargerSeen, OfferTaken
from knxgw.charging.words import LinkCondition, PointNumber
from knxgw.sim.bench.controller import Controller, Gateway
from knxgw.sim.bench.curve import Steps
from knxgw.sim.bench.invariants import REPEAT_S, Watch, load_violations
from knxgw.sim.bench.meter import smart_meter
from knxgw.sim.bench.plant import Charger, Plant
from knxgw.sim.bench.recording import WATCHED, ClosedSession, Fault, Recording
from knxgw.sim.bench.scenario import (
    BaseChanged,
    CarChanged,
    CarMoved,
    ChargerTroubled,
    Happening,
    Restarted,
    Scenario,
    Told,
    Trouble,
)
from knxgw.sim.bench.telegram_count import TelegramCount
from knxgw.station.model import (
    Ask,
    Effect,
    Event,
    FaultChanged,
    InOperationSeen,
    Offer,
    Publish,
    Remember,
    SessionClosed,
    SmartMeterTelegram,
    Started,
    Tick,
)

TICK_S = 1.0
# What happens at the same moment happens in this order.
PLANT, HAPPENING, SAMPLE, TELEGRAM, LIMIT, POLL, CLOCK, PROBE = range(8)
METER_KEYS = ("smart_meter_l1", "smart_meter_l2", "smart_meter_l3")
_TICK = Tick()

Action = Callable[[Any], None]


class Run:
    """One run of a scenario; use it once."""

    def __init__(
        self,
        scenario: Scenario,
        probes: tuple[float, ...] = (),
        *,
        controller: Controller | None = None,
        telegrams: TelegramCount | None = None,
    ) -> None:
        """Prepare a run of the gateway, or of another `controller`."""
        self.scenario = scenario
        self.controller = controller or Gateway(scenario)
        self.telegrams = telegrams
        self.now_s = -scenario.idle_s
        self.plant = Plant(scenario, self.now_s)
        self.meter = smart_meter(scenario)
        self.records: dict[PointNumber, Mapping[str, Any]] = {}
        self.is_up = False
        self.recording = Recording(
            start_s=self.now_s,
            end_s=scenario.duration_s,
            points=[charger.log for charger in self.plant.chargers],
            base=self.plant.base,
            load=self.plant.load,
        )
        self.watch = Watch(scenario, self.plant, self.recording.violations)
        self._queue: list[tuple[float, int, int, Action, Any]] = []
        self._order = count()
        self._happenings = iter(sorted(scenario.happenings, key=lambda one: one.at_s))
        disturbance = scenario.disturbance
        self._failing = 0.0 if disturbance is None else disturbance.failed_writes
        self._luck = Random(0 if disturbance is None else disturbance.seed + 1)  # noqa: S311 - repeatable
        self._unexplained: dict[int, tuple[int, float]] = {}
        self._start()
        self._plan(probes)

    def run(self) -> Recording:
        """Run it to its end."""
        queue, end_s = self._queue, self.scenario.duration_s
        while queue and queue[0][0] <= end_s:
            self.now_s, _, _, action, argument = heappop(queue)
            action(argument)
        self.now_s = end_s
        self.recording.reactions_s = self.watch.reactions_s
        for charger in self.plant.chargers:
            charger.log.charge_as.add(end_s, charger.vehicle.charge_as(end_s))
        self.recording.violations.extend(load_violations(self.scenario, self.recording))
        self.recording.violations.sort(key=lambda one: one.at_s)
        return self.recording

    def _at(self, at_s: float, order: int, action: Action, argument: Any = None) -> None:  # noqa: ANN401 - the queue carries what its actions take
        heappush(self._queue, (at_s, order, next(self._order), action, argument))

    def _plan(self, probes: tuple[float, ...]) -> None:
        """Put what is known from the beginning into the queue."""
        scenario, start_s = self.scenario, self.now_s
        self._at(start_s, CLOCK, self._tick)
        for charger in self.plant.chargers:
            offset_s = charger.model.poll_offset_s
            offset_s = charger.number / 10 if offset_s is None else offset_s
            self._at(start_s + offset_s, POLL, self._poll, charger)
            car = charger.model.car
            if car.plug_s is not None:
                self._at(car.plug_s, HAPPENING, self._plug, charger)
            if car.unplug_s is not None:
                self._at(car.unplug_s, HAPPENING, self._unplug, charger)
        self._await_next_happening()
        if scenario.connection.load_management == "dynamic":
            meter = scenario.meter
            first_s = meter.first_s - meter.sample_s * int(
                (meter.first_s - start_s) / meter.sample_s
            )
            self._at(first_s, SAMPLE, self._sample)
            if meter.in_operation_s is not None:
                self._at(start_s, TELEGRAM, self._in_operation)
        for at_s in probes:
            self._at(at_s, PROBE, self._probe)

    # --- the gateway

    def _start(self) -> None:
        self.controller.start(self.records, self.now_s)
        self.is_up = True
        self._tell(Started())
        for charger in self.plant.chargers:
            condition = LinkCondition.GOOD
            if charger.trouble is Trouble.UNREACHABLE:
                condition = LinkCondition.NOT_REACHABLE
            self._tell(ChargerConditionChanged(point=charger.number, condition=condition))

    def _tell(self, event: Event) -> None:
        """Let the station take an event, and carry out what it wants."""
        if not self.is_up:
            return
        effects = self.controller.tell(event, self.now_s)
        if effects:
            self._carry_out(effects)

    def _carry_out(self, effects: tuple[Effect, ...]) -> None:
        now_s = self.now_s
        for effect in effects:
            kind = type(effect)
            if kind is Publish:
                assert isinstance(effect, Publish)  # noqa: S101 - for the type checker
                if effect.key in WATCHED:
                    self._note_object(effect)
                if self.telegrams is not None:
                    self.telegrams.publish(effect, now_s)
            elif isinstance(effect, Offer):
                self._offer(effect)
            else:
                self._take(effect)
        if self._unexplained:
            self._follow_explanations()

    def _take(self, effect: Effect) -> None:
        """Take what is seldom wanted."""
        recording, now_s = self.recording, self.now_s
        match effect:
            case FaultChanged(point=point, code=code, present=present):
                recording.faults.append(Fault(at_s=now_s, point=point, code=code, present=present))
            case Ask():
                self._answer(effect)
            case Remember(point=point, record=record):
                self.records[point] = record
            case SessionClosed(point=point, session=session):
                closed = ClosedSession(at_s=now_s, point=point, energy_mwh=session.energy_mwh)
                recording.sessions.append(closed)
            case _:  # a note, an unlock: nothing of the plant
                pass

    def _note_object(self, effect: Publish) -> None:
        place = (effect.point, effect.key)
        line = self.recording.objects.get(place)
        if line is None:
            self.recording.objects[place] = Steps(self.now_s, effect.value)
        else:
            line.add(self.now_s, effect.value)

    def _follow_explanations(self) -> None:
        """Note how long an offer was in force before its object said so."""
        for number, (offer_ma, since_s) in list(self._unexplained.items()):
            line = self.recording.objects.get((number, "offer"))
            if line is not None and line.last == offer_ma:
                lag_s = self.now_s - since_s
                self.recording.explanation_lag_s = max(self.recording.explanation_lag_s, lag_s)
                del self._unexplained[number]

    def _offer(self, effect: Offer) -> None:
        charger = self.plant.chargers[effect.point - 1]
        if charger.log.offers.last != effect.offer_ma:
            self.watch.offered(self.now_s, effect.point, charger.log.offers.last, effect.offer_ma)
            charger.log.offers.add(self.now_s, effect.offer_ma)
            self._unexplained[effect.point] = (effect.offer_ma, self.now_s)
        charger.wanted_ma = effect.offer_ma
        self._send(charger, effect.offer_ma)

    def _send(self, charger: Charger, offer_ma: int) -> None:
        arrives_s = self.now_s + charger.model.latency_s
        self._at(arrives_s, LIMIT, self._arrive, (charger, offer_ma, self.now_s))

    def _tick(self, _: None) -> None:
        self._at(self.now_s + TICK_S, CLOCK, self._tick)
        self._tell(_TICK)
        if self.telegrams is not None:
            self.recording.sent.extend(self.telegrams.sent(self.now_s))
        station = self.controller.station
        sharing = station.sharing if station is not None and self.is_up else None
        if sharing is None:
            return
        for charger, member in zip(self.plant.chargers, sharing.members.values(), strict=True):
            reserved = not member.released
            if charger.log.reserved.last != reserved:
                charger.log.reserved.add(self.now_s, reserved)

    def _probe(self, _: None) -> None:
        if self.controller.station is not None:
            self.recording.probes[self.now_s] = self.controller.station

    # --- chargers and vehicles

    def _arrive(self, command: tuple[Charger, int, float]) -> None:
        """A command reaches its charger, if it can be reached."""
        charger, offer_ma, sent_s = command
        if charger.trouble is Trouble.UNREACHABLE:
            return
        if self._failing and self._luck.random() < self._failing:
            self.recording.failed_writes += 1
            self._at(self.now_s + REPEAT_S, LIMIT, self._repeat, (charger, offer_ma, sent_s))
            return
        if charger.limit_ma != offer_ma:
            charger.limit_ma = offer_ma
            charger.log.limits.add(self.now_s, offer_ma)
            charger.log.inputs.append((self.now_s, "limit", offer_ma, sent_s))
            charger.vehicle.offer(self.now_s, offer_ma)
            self._look_at(charger)
        self._tell(OfferTaken(point=charger.number, offer_ma=offer_ma))

    def _repeat(self, command: tuple[Charger, int, float]) -> None:
        """Write again what failed, unless something else is wanted by now: that was written."""
        if command[0].wanted_ma == command[1] != command[0].limit_ma:
            self._arrive(command)

    def _poll(self, charger: Charger) -> None:
        self._at(self.now_s + charger.model.poll_s, POLL, self._poll, charger)
        if charger.trouble is not Trouble.UNREACHABLE and self.is_up:
            seen: ChargerSeen = charger.seen(self.now_s)
            self._tell(seen)

    def _look_at(self, charger: Charger) -> None:
        """Look at a vehicle again when something happens in it by itself."""
        next_s = charger.vehicle.next_s
        if next_s < charger.scheduled_s:
            charger.scheduled_s = next_s
            self._at(next_s, PLANT, self._vehicle_due, charger)

    def _vehicle_due(self, charger: Charger) -> None:
        charger.scheduled_s = float("inf")
        charger.vehicle.advance(self.now_s)
        self.plant.vehicle_changed(self.now_s, charger)
        self._look_at(charger)

    def _plug(self, charger: Charger) -> None:
        charger.log.cars.append(charger.vehicle.model)
        charger.vehicle.plug(self.now_s, charger.limit_ma)
        self._vehicle_told(charger, "plug", charger.limit_ma)

    def _unplug(self, charger: Charger) -> None:
        charger.vehicle.unplug(self.now_s)
        self._vehicle_told(charger, "unplug", 0)

    def _vehicle_told(self, charger: Charger, word: str, value: int) -> None:
        self.recording.happenings.append(self.now_s)
        charger.log.inputs.append((self.now_s, word, value, self.now_s))
        self.plant.vehicle_changed(self.now_s, charger)
        self.watch.vehicle_changed(self.now_s)
        self._look_at(charger)

    def _car_moved(self, happening: CarMoved) -> None:
        charger = self.plant.chargers[happening.point - 1]
        if not happening.plugged:
            self._unplug(charger)
            return
        if happening.car is not None:
            charger.vehicle.model = happening.car
        self._plug(charger)

    def _car_changed(self, happening: CarChanged) -> None:
        charger = self.plant.chargers[happening.point - 1]
        charger.vehicle.can_use(
            self.now_s, maximum_ma=happening.maximum_ma, phases=happening.phases
        )
        for word, value in (("maximum", happening.maximum_ma), ("phases", happening.phases)):
            if value is not None:
                self._vehicle_told(charger, word, value)

    def _trouble(self, happening: ChargerTroubled) -> None:
        charger = self.plant.chargers[happening.point - 1]
        before, charger.trouble = charger.trouble, happening.trouble
        gone = happening.trouble is Trouble.UNREACHABLE
        if gone or before is Trouble.UNREACHABLE:
            charger.log.reached.add(self.now_s, not gone)
            condition = LinkCondition.NOT_REACHABLE if gone else LinkCondition.GOOD
            self._tell(ChargerConditionChanged(point=charger.number, condition=condition))
        if not gone and before is Trouble.UNREACHABLE and charger.wanted_ma is not None:
            self._send(charger, charger.wanted_ma)

    # --- the smart meter

    def _sample(self, _: None) -> None:
        """The meter looks at all phases; its telegrams are on their way."""
        now_s = self.now_s
        self._at(now_s + self.scenario.meter.sample_s, SAMPLE, self._sample)
        self.recording.samples.append(now_s)
        for phase in range(self.meter.phases):
            telegram = self.meter.telegram(phase, self.plant.load_ma(now_s, phase))
            arrives_s = self.meter.arrives_s(phase, now_s)
            if telegram is not None and arrives_s is not None:
                self._at(arrives_s, TELEGRAM, self._telegram, (telegram, now_s))

    def _telegram(self, sent: tuple[SmartMeterTelegram, float]) -> None:
        telegram, sampled_s = sent
        self.recording.telegrams += 1
        if not self.watch.must_look(telegram.phase):
            self._tell(telegram)
            return
        self.watch.before_telegram(telegram.phase, sampled_s)
        self._tell(telegram)
        self.watch.after_telegram(self.now_s, telegram.phase, sampled_s)

    def _answer(self, asked: Ask) -> None:
        """The meter answers a read with what the line carries when it is asked."""
        answers_s, phase = self.scenario.meter.answers_s, METER_KEYS.index(asked.key)
        if answers_s is not None and self.scenario.connection.load_management == "dynamic":
            telegram = self.meter.value(phase, self.plant.load_ma(self.now_s, phase))
            self._at(self.now_s + answers_s, TELEGRAM, self._telegram, (telegram, self.now_s))

    def _in_operation(self, _: None) -> None:
        meter = self.scenario.meter
        if meter.in_operation_s is None:
            return
        until_s = meter.in_operation_until_s
        if until_s is None or self.now_s <= until_s:
            self._at(self.now_s + meter.in_operation_s, TELEGRAM, self._in_operation)
            self._tell(InOperationSeen())

    # --- what the scenario lets happen

    def _await_next_happening(self) -> None:
        """Only the next one is in the queue: a day has tens of thousands."""
        happening = next(self._happenings, None)
        if happening is not None:
            self._at(happening.at_s, HAPPENING, self._happen, happening)

    def _happen(self, happening: Happening) -> None:
        self._await_next_happening()
        match happening:
            case BaseChanged(is_noise=is_noise):
                self.plant.change_base(self.now_s, happening)
                if not is_noise:
                    self.recording.base_changes.append(self.now_s)
                    self.recording.happenings.append(self.now_s)
            case CarMoved():
                self._car_moved(happening)
            case CarChanged():
                self._car_changed(happening)
            case ChargerTroubled():
                self.recording.happenings.append(self.now_s)
                self._trouble(happening)
            case Told(event=event):
                self.recording.happenings.append(self.now_s)
                self.watch.told(event)
                self._tell(event)
                self.watch.after_command(self.now_s)
            case Restarted(off_s=off_s):
                self.recording.happenings.append(self.now_s)
                self.is_up = False
                self._at(self.now_s + off_s, HAPPENING, self._come_back)
            case _:
                assert_never(happening)

    def _come_back(self, _: None) -> None:
        self._start()
