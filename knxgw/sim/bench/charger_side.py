"""The chargers' side of a run: commands on their way, polls, vehicles, and what goes wrong there."""

from random import Random

from knxgw.charging.events import ChargerConditionChanged, OfferTaken
from knxgw.charging.words import LinkCondition
from knxgw.sim.bench.agenda import HAPPENING, LIMIT, PLANT, POLL
from knxgw.sim.bench.invariants import REPEAT_S
from knxgw.sim.bench.parts import Parts
from knxgw.sim.bench.plant import Charger
from knxgw.sim.bench.scenario import CarChanged, CarMoved, ChargerTroubled, Trouble

Command = tuple[Charger, int, float]  # for whom, which limit [mA], when it was decided


class ChargerSide:
    """Brings commands to chargers, lets them be polled, and lets vehicles come, change and leave."""

    def __init__(self, parts: Parts) -> None:
        self._agenda = parts.agenda
        self._plant = parts.plant
        self._recording = parts.recording
        self._watch = parts.watch
        self._gateway = parts.gateway
        disturbance = parts.scenario.disturbance
        self._failing = 0.0 if disturbance is None else disturbance.failed_writes
        self._luck = Random(0 if disturbance is None else disturbance.seed + 1)  # noqa: S311 - repeatable

    def plan(self) -> None:
        """Put the first polls, and the vehicles that come and leave by themselves, into the queue."""
        agenda, start_s = self._agenda, self._agenda.now_s
        for charger in self._plant.chargers:
            offset_s = charger.model.poll_offset_s
            offset_s = charger.number / 10 if offset_s is None else offset_s
            agenda.at(start_s + offset_s, POLL, self._poll, charger)
            car = charger.model.car
            if car.plug_s is not None:
                agenda.at(car.plug_s, HAPPENING, self._plug, charger)
            if car.unplug_s is not None:
                agenda.at(car.unplug_s, HAPPENING, self._unplug, charger)

    def conditions(self) -> list[ChargerConditionChanged]:
        """Return what a gateway that starts finds out about its links."""
        return [_condition(charger) for charger in self._plant.chargers]

    # --- commands and polls

    def command(self, charger: Charger, offer_ma: int) -> None:
        """Take the newest offer of the gateway."""
        charger.wanted_ma = offer_ma
        self._send(charger, offer_ma)

    def _send(self, charger: Charger, offer_ma: int) -> None:
        now_s = self._agenda.now_s
        arrives_s = now_s + charger.model.latency_s
        self._agenda.at(arrives_s, LIMIT, self._arrive, (charger, offer_ma, now_s))

    def _arrive(self, command: Command) -> None:
        """A command reaches its charger, if it can be reached."""
        charger, offer_ma, sent_s = command
        now_s = self._agenda.now_s
        if charger.trouble is Trouble.UNREACHABLE:
            return
        if self._failing and self._luck.random() < self._failing:
            self._recording.failed_writes += 1
            self._agenda.at(now_s + REPEAT_S, LIMIT, self._repeat, (charger, offer_ma, sent_s))
            return
        if charger.limit_ma != offer_ma:
            charger.limit_ma = offer_ma
            charger.log.limits.add(now_s, offer_ma)
            charger.log.inputs.append((now_s, "limit", offer_ma, sent_s))
            charger.vehicle.offer(now_s, offer_ma)
            self._look_at(charger)
        self._gateway.tell(OfferTaken(point=charger.number, offer_ma=offer_ma))

    def _repeat(self, command: Command) -> None:
        """Write again what failed, unless something else is wanted by now: that was written."""
        if command[0].wanted_ma == command[1] != command[0].limit_ma:
            self._arrive(command)

    def _poll(self, charger: Charger) -> None:
        now_s = self._agenda.now_s
        self._agenda.at(now_s + charger.model.poll_s, POLL, self._poll, charger)
        if charger.trouble is not Trouble.UNREACHABLE and self._gateway.is_up:
            self._gateway.tell(charger.seen(now_s))

    def trouble(self, happening: ChargerTroubled) -> None:
        """Let a charger misbehave, or work again."""
        charger = self._plant.chargers[happening.point - 1]
        before, charger.trouble = charger.trouble, happening.trouble
        gone = happening.trouble is Trouble.UNREACHABLE
        if gone or before is Trouble.UNREACHABLE:
            charger.log.reached.add(self._agenda.now_s, not gone)
            self._gateway.tell(_condition(charger))
        if not gone and before is Trouble.UNREACHABLE and charger.wanted_ma is not None:
            self._send(charger, charger.wanted_ma)

    # --- vehicles

    def car_moved(self, happening: CarMoved) -> None:
        """Plug a vehicle in or out."""
        charger = self._plant.chargers[happening.point - 1]
        if not happening.plugged:
            self._unplug(charger)
            return
        if happening.car is not None:
            charger.vehicle.model = happening.car
        self._plug(charger)

    def car_changed(self, happening: CarChanged) -> None:
        """Let a vehicle use more or less from now on."""
        charger = self._plant.chargers[happening.point - 1]
        charger.vehicle.can_use(
            self._agenda.now_s, maximum_ma=happening.maximum_ma, phases=happening.phases
        )
        for word, value in (("maximum", happening.maximum_ma), ("phases", happening.phases)):
            if value is not None:
                self._vehicle_told(charger, word, value)

    def _plug(self, charger: Charger) -> None:
        charger.log.cars.append(charger.vehicle.model)
        charger.vehicle.plug(self._agenda.now_s, charger.limit_ma)
        self._vehicle_told(charger, "plug", charger.limit_ma)

    def _unplug(self, charger: Charger) -> None:
        charger.vehicle.unplug(self._agenda.now_s)
        self._vehicle_told(charger, "unplug", 0)

    def _vehicle_told(self, charger: Charger, word: str, value: int) -> None:
        now_s = self._agenda.now_s
        self._recording.happenings.append(now_s)
        charger.log.inputs.append((now_s, word, value, now_s))
        self._plant.vehicle_changed(now_s, charger)
        self._watch.vehicle_changed(now_s)
        self._look_at(charger)

    def _look_at(self, charger: Charger) -> None:
        """Look at a vehicle again when something happens in it by itself."""
        next_s = charger.vehicle.next_s
        if next_s < charger.scheduled_s:
            charger.scheduled_s = next_s
            self._agenda.at(next_s, PLANT, self._vehicle_due, charger)

    def _vehicle_due(self, charger: Charger) -> None:
        charger.scheduled_s = float("inf")
        charger.vehicle.advance(self._agenda.now_s)
        self._plant.vehicle_changed(self._agenda.now_s, charger)
        self._look_at(charger)


def _condition(charger: Charger) -> ChargerConditionChanged:
    gone = charger.trouble is Trouble.UNREACHABLE
    condition = LinkCondition.NOT_REACHABLE if gone else LinkCondition.GOOD
    return ChargerConditionChanged(point=charger.number, condition=condition)
