"""Runs a scenario: a controller and the plant in virtual time, event by event.

The sides of the chargers and of the smart meter have modules of their own.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, assert_never

from knxgw.charging.scope import DEVICE, Scope, point_scope
from knxgw.sim.bench.agenda import CLOCK, HAPPENING, PROBE, Agenda
from knxgw.sim.bench.charger_side import ChargerSide
from knxgw.sim.bench.controller import Controller, Gateway
from knxgw.sim.bench.curve import Steps
from knxgw.sim.bench.false_alarms import false_alarms
from knxgw.sim.bench.invariants import Watch, load_violations
from knxgw.sim.bench.meter_side import MeterSide
from knxgw.sim.bench.overload import overloads_begun
from knxgw.sim.bench.parts import Parts
from knxgw.sim.bench.plant import Plant
from knxgw.sim.bench.recording import WATCHED, ClosedSession, Fault, Recording
from knxgw.sim.bench.scenario import (
    BaseChanged,
    CarBehaves,
    CarChanged,
    CarMoved,
    ChargerReboots,
    ChargerReports,
    ChargerTroubled,
    ClockStepped,
    Happening,
    Reconfigured,
    Restarted,
    Scenario,
    Told,
    reconfigured,
)
from knxgw.sim.bench.telegram_count import TelegramCount
from knxgw.sim.bench.vehicle_side import VehicleSide
from knxgw.station.model import (
    Ask,
    ClockSet,
    ClockSource,
    Effect,
    Event,
    FaultChanged,
    Offer,
    Publish,
    Remember,
    SessionClosed,
    Started,
    Stopping,
    Tick,
)

TICK_S = 1.0
_TICK = Tick()


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
        self._first = self.scenario = scenario
        self.controller = controller or Gateway(scenario)
        self.telegrams = telegrams
        self.agenda = Agenda(-scenario.idle_s)
        start_s = self.agenda.now_s
        self.plant = Plant(scenario, start_s)
        numbers = range(1, len(self.plant.chargers) + 1)
        self._numbers = {DEVICE: 0, **{point_scope(number): number for number in numbers}}
        self.records: dict[Scope, Mapping[str, Any]] = {}
        self.is_up = False
        self.recording = Recording(
            started_at=start_s,
            ended_at=scenario.duration_s,
            points=[charger.log for charger in self.plant.chargers],
            base=self.plant.base,
            load=self.plant.load,
        )
        self.watch = Watch(scenario, self.plant, self.recording.violations)
        parts = Parts(
            scenario=scenario,
            agenda=self.agenda,
            plant=self.plant,
            recording=self.recording,
            watch=self.watch,
            gateway=self,
        )
        self.vehicles = VehicleSide(parts)
        self.chargers = ChargerSide(parts, self.vehicles)
        self.meter = MeterSide(parts)
        self._happenings = iter(sorted(scenario.happenings, key=lambda one: one.happens_at))
        self._unexplained: dict[int, tuple[int, float]] = {}
        self._start()
        self._plan(probes)

    def run(self) -> Recording:
        """Run it to its end."""
        end_s = self.scenario.duration_s
        self.agenda.run(end_s)
        self._note_unexplained()
        for charger in self.plant.chargers:
            charger.log.charge_as.add(end_s, charger.vehicle.charge_as(end_s))
        found = load_violations(self._first, self.recording)
        found += overloads_begun(self._first, self.recording)
        self.recording.violations.extend(sorted(found, key=lambda one: one.found_at)[:1])
        self.recording.violations.extend(false_alarms(self._first, self.recording))
        self.recording.violations.sort(key=lambda one: one.found_at)
        return self.recording

    def _plan(self, probes: tuple[float, ...]) -> None:
        """Put what is known from the beginning into the queue."""
        self.agenda.at(self.agenda.now_s, CLOCK, self._tick)
        self.chargers.plan()
        self.vehicles.plan()
        self._await_next_happening()
        self.meter.plan()
        for at_s in probes:
            self.agenda.at(at_s, PROBE, self._probe)

    # --- the gateway

    def _start(self) -> None:
        self.recording.end_faults(self.agenda.now_s)
        self.controller.start(self.records, self.agenda.now_s)
        self.is_up = True
        self.watch.started()
        conditions = self.chargers.connect()  # first: what the start offers goes over the new links
        self.tell(Started())
        for condition in conditions:
            self.tell(condition)
        self.meter.started()

    def tell(self, event: Event) -> None:
        """Let the station take an event, and carry out what it wants."""
        if not self.is_up:
            return
        effects = self.controller.tell(event, self.agenda.now_s)
        if effects:
            self._carry_out(effects)

    def _carry_out(self, effects: tuple[Effect, ...]) -> None:
        now_s = self.agenda.now_s
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
        recording, now_s = self.recording, self.agenda.now_s
        match effect:
            case FaultChanged(scope=scope, code=code, is_present=present):
                number = self._numbers[scope]
                fault = Fault(changed_at=now_s, point=number, code=code, present=present)
                recording.faults.append(fault)
            case Ask():
                self.meter.answer(effect)
            case Remember(scope=scope, record=record):
                self.records[scope] = record
            case SessionClosed(point=point, session=session):
                closed = ClosedSession(closed_at=now_s, point=point, energy_mwh=session.energy_mwh)
                recording.sessions.append(closed)
            case _:  # a note, an unlock: nothing of the plant
                pass

    def _note_object(self, effect: Publish) -> None:
        place = (self._numbers[effect.scope], effect.key)
        line = self.recording.objects.get(place)
        if line is None:
            self.recording.objects[place] = Steps(self.agenda.now_s, effect.value)
        else:
            line.add(self.agenda.now_s, effect.value)

    def _follow_explanations(self) -> None:
        """Note how long an offer was in force before its object said so."""
        for number, (offer_ma, since_s) in list(self._unexplained.items()):
            line = self.recording.objects.get((number, "offer"))
            if line is not None and line.last == offer_ma:
                lag_s = self.agenda.now_s - since_s
                self.recording.explanation_lag_s = max(self.recording.explanation_lag_s, lag_s)
                del self._unexplained[number]

    def _note_unexplained(self) -> None:
        """Note the offers of which no object has said anything to the end."""
        lags_s = [self.agenda.now_s - since_s for _, since_s in self._unexplained.values()]
        self.recording.explanation_lag_s = max([self.recording.explanation_lag_s, *lags_s])

    def _offer(self, effect: Offer) -> None:
        charger = self.plant.chargers[effect.point - 1]
        if charger.log.offers.last != effect.offer_ma:
            self.watch.offered(
                self.agenda.now_s, effect.point, charger.log.offers.last, effect.offer_ma
            )
            charger.log.offers.add(self.agenda.now_s, effect.offer_ma)
            _, since_s = self._unexplained.get(effect.point, (0, self.agenda.now_s))
            self._unexplained[effect.point] = (effect.offer_ma, since_s)
        self.chargers.command(charger, effect.offer_ma)

    def _tick(self, _: None) -> None:
        self.agenda.at(self.agenda.now_s + TICK_S, CLOCK, self._tick)
        self.tell(_TICK)
        if self.telegrams is not None:
            self.recording.sent.extend(self.telegrams.sent(self.agenda.now_s))
        station = self.controller.station
        load_management = station.load_management if station is not None and self.is_up else None
        if load_management is None:
            return
        for charger, participant in zip(
            self.plant.chargers, load_management.participants.values(), strict=True
        ):
            reserved = not participant.use.is_idle
            if charger.log.reserved.last != reserved:
                charger.log.reserved.add(self.agenda.now_s, reserved)

    def _probe(self, _: None) -> None:
        if self.controller.station is not None:
            self.recording.probes[self.agenda.now_s] = self.controller.station

    # --- what the scenario lets happen

    def _await_next_happening(self) -> None:
        """Only the next one is in the queue: a day has tens of thousands."""
        happening = next(self._happenings, None)
        if happening is not None:
            self.agenda.at(happening.happens_at, HAPPENING, self._happen, happening)

    def _happen(self, happening: Happening) -> None:
        self._await_next_happening()
        match happening:
            case BaseChanged(is_noise=is_noise):
                self.plant.change_base(self.agenda.now_s, happening)
                if not is_noise:
                    self.recording.base_changes.append(self.agenda.now_s)
                    self.recording.happenings.append(self.agenda.now_s)
            case CarMoved() | CarChanged() | CarBehaves():
                self.vehicles.happen(happening)
            case ChargerTroubled() | ChargerReboots() | ChargerReports():
                self.recording.happenings.append(self.agenda.now_s)
                self.chargers.happen(happening)
            case Told(event=event):
                self.recording.happenings.append(self.agenda.now_s)
                if self.is_up:  # what nobody hears orders nothing
                    self.watch.received(event)
                    self.tell(event)
                    self.watch.after_command(self.agenda.now_s)
            case Restarted(off_s=off_s):
                self.recording.happenings.append(self.agenda.now_s)
                self.is_up = self.watch.is_up = False
                self.agenda.at(self.agenda.now_s + off_s, HAPPENING, self._come_back)
            case Reconfigured():
                self.recording.happenings.append(self.agenda.now_s)
                self._reconfigure(happening)
            case ClockStepped(step_s=step_s):
                self.recording.happenings.append(self.agenda.now_s)
                self._step_clock(step_s)
            case _:
                assert_never(happening)

    def _reconfigure(self, change: Reconfigured) -> None:
        """End the gateway in order, as after SIGHUP; it begins again with what was stored."""
        self.tell(Stopping())
        self.is_up = False
        self.agenda.at(self.agenda.now_s + change.off_s, HAPPENING, self._begin_with, change)

    def _begin_with(self, change: Reconfigured) -> None:
        now_s = self.agenda.now_s
        self.scenario = self.watch.scenario = reconfigured(self.scenario, change)
        self.recording.configured.append((now_s, self.scenario))
        for charger, model in zip(self.plant.chargers, self.scenario.points, strict=True):
            charger.model = replace(
                charger.model, minimum_ma=model.minimum_ma, maximum_ma=model.maximum_ma
            )
        if isinstance(self.controller, Gateway):  # what it is compared with reads no file
            self.controller.configure(self.scenario)
        self._start()

    def _step_clock(self, step_s: float) -> None:
        """Set the wall clock; the gateway is told, as it tells itself when it notices."""
        if isinstance(self.controller, Gateway):
            self.controller.clock_s += step_s
            now = self.controller.now(self.agenda.now_s)
            self.tell(ClockSet(now=now, source=ClockSource.NTP))

    def _come_back(self, _: None) -> None:
        self._start()
