"""The vehicles' side of a run: they come, change, misbehave and leave, and follow their chargers."""

from typing import assert_never

from knxgw.sim.bench.agenda import HAPPENING, PLANT
from knxgw.sim.bench.parts import Parts
from knxgw.sim.bench.plant import Charger
from knxgw.sim.bench.scenario import CarBehaves, CarChanged, CarMoved, Habit
from knxgw.sim.bench.spells import Spell, Spells
from knxgw.sim.bench.vehicle import Input

_HABITS = {Habit.DEAF: Input.DEAF, Habit.OVERDRAW: Input.OVERDRAW, Habit.DELAY: Input.DELAY}
_ABILITIES = (Input.MAXIMUM, Input.PHASES)


class VehicleSide:
    """Lets vehicles come, change and leave, and notes whatever reaches them."""

    def __init__(self, parts: Parts) -> None:
        self._agenda = parts.agenda
        self._plant = parts.plant
        self._recording = parts.recording
        self._watch = parts.watch
        self._spells: dict[tuple[int, Input], Spells[int | None]] = {}

    def plan(self) -> None:
        """Put the vehicles that come and leave by themselves into the queue."""
        for charger in self._plant.chargers:
            car = charger.model.car
            if car.plug_s is not None:
                self._agenda.at(car.plug_s, HAPPENING, self._plug, charger)
            if car.unplug_s is not None:
                self._agenda.at(car.unplug_s, HAPPENING, self._unplug, charger)

    def follow(self, charger: Charger, decided_at: float) -> None:
        """Show the vehicle another limit of its charger."""
        self._take(charger, Input.LIMIT, charger.limit_ma, decided_at)
        self._look_at(charger)

    def happen(self, happening: CarMoved | CarChanged | CarBehaves) -> None:
        """Let a vehicle come, change or leave."""
        charger = self._plant.chargers[happening.point - 1]
        match happening:
            case CarMoved(plugged=False):
                self._unplug(charger)
            case CarMoved(car=car):
                charger.vehicle.model = charger.vehicle.model if car is None else car
                self._plug(charger)
            case CarChanged(maximum_ma=maximum_ma, phases=phases, holds_until=holds_until):
                for what, value in zip(_ABILITIES, (maximum_ma, phases), strict=True):
                    if value is not None:
                        self._begin(charger, what, value, holds_until)
            case CarBehaves(habit=habit, value=value, holds_until=holds_until):
                self._begin(charger, _HABITS[habit], value, holds_until)
            case _:
                assert_never(happening)

    # --- values that hold for a while

    def _begin(
        self, charger: Charger, what: Input, value: int | None, holds_until: float | None
    ) -> None:
        spells = self._spells.setdefault((charger.number, what), Spells())
        if what in _ABILITIES and holds_until is not None and not spells.values:
            spells.begin(self._own(charger, what), is_timed=False)  # to come back to
        spell = spells.begin(value, is_timed=holds_until is not None)
        self._tell(charger, what, self._valid(charger, what))
        if holds_until is not None:
            self._agenda.at(holds_until, HAPPENING, self._end, (charger, what, spell))

    def _end(self, ending: tuple[Charger, Input, Spell[int | None]]) -> None:
        charger, what, spell = ending
        self._spells[charger.number, what].end(spell)
        self._tell(charger, what, self._valid(charger, what))

    def _valid(self, charger: Charger, what: Input) -> int:
        """Return what holds now."""
        values = self._spells[charger.number, what].values
        latest = values[-1] if values else None
        return self._own(charger, what) if latest is None else latest

    @staticmethod
    def _own(charger: Charger, what: Input) -> int:
        """Return what the vehicle is like by itself."""
        car = charger.vehicle.model
        own = {
            Input.MAXIMUM: car.maximum_ma,
            Input.PHASES: car.phases,
            Input.OVERDRAW: car.overdraw_ma,
            Input.DELAY: round(car.delay_s * 1000),
        }
        return own.get(what, 0)

    # --- what reaches a vehicle

    def _plug(self, charger: Charger) -> None:
        charger.log.cars.append(charger.vehicle.model)
        self._tell(charger, Input.PLUG, charger.limit_ma)
        for (number, what), spells in self._spells.items():
            if number != charger.number:
                continue
            if what in _ABILITIES:  # those of the vehicle of before
                spells.end_standing()
            if spells.values:
                self._tell(charger, what, self._valid(charger, what))

    def _unplug(self, charger: Charger) -> None:
        self._tell(charger, Input.UNPLUG, 0)

    def start_again(self, charger: Charger) -> None:
        """Let the vehicle see that its charger restarts, or has no power."""
        self._tell(charger, Input.RESET, charger.limit_ma)

    def _tell(self, charger: Charger, what: Input, value: int) -> None:
        """Let something reach a vehicle that is an event of its own."""
        now_s = self._agenda.now_s
        self._recording.happenings.append(now_s)
        self._take(charger, what, value, now_s)
        charger.note_strays(now_s)
        self._plant.vehicle_changed(now_s, charger)
        self._watch.vehicle_changed(now_s)
        self._look_at(charger)

    def _take(self, charger: Charger, what: Input, value: int, decided_at: float) -> None:
        charger.log.inputs.append((self._agenda.now_s, what, value, decided_at))
        charger.vehicle.take(self._agenda.now_s, what, value)

    def _look_at(self, charger: Charger) -> None:
        """Look at a vehicle again when something happens in it by itself."""
        next_at = charger.vehicle.next_at
        if next_at < charger.scheduled_at:
            charger.scheduled_at = next_at
            self._agenda.at(next_at, PLANT, self._due, charger)

    def _due(self, charger: Charger) -> None:
        charger.scheduled_at = float("inf")
        charger.vehicle.advance(self._agenda.now_s)
        self._plant.vehicle_changed(self._agenda.now_s, charger)
        self._look_at(charger)
