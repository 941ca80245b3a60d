"""A building with cars for the tests of load management: second by second, without a bus."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from knxgw.catalogue.codes import ChargingState, Reason
from knxgw.charging.events import GridMeterReading
from knxgw.charging.precedence import Constraint
from knxgw.dlm.cycle import cycle
from knxgw.dlm.inputs import after_meter_value, initial_state
from knxgw.dlm.participant import Observation, Participant, ParticipantSettings
from knxgw.dlm.settings import Settings

HOUSE = Settings(fuse_ma=35_000)
LIMIT_MA = 32_000
FULL_MA = 16_000


def participant(
    number: int,
    wired: tuple[int, ...] = (0, 1, 2),
    *,
    minimum_ma: int = 6000,
    measures: bool = True,
    fail_safe_ma: int = 6000,
) -> ParticipantSettings:
    """Return a charging point of 6 to 16 A."""
    return ParticipantSettings(
        number=number,
        minimum_ma=minimum_ma,
        maximum_ma=FULL_MA,
        resolution_ma=100,
        wired_phases=wired,
        measures_current=measures,
        fail_safe_ma=fail_safe_ma,
    )


def limited(*, allowed: bool = True, cap_ma: int = 16_000) -> tuple[Constraint, ...]:
    """Return what limits a charging point beside load management."""
    cap = Constraint(cap_ma, Reason.GRID_CONTROL)
    return (cap,) if allowed else (Constraint(0, Reason.INTERRUPTION), cap)


@dataclass(kw_only=True)
class Car:
    """What is plugged in at a charging point; without `connected` nothing is."""

    most_ma: int = FULL_MA
    obeys_s: int = 0  # so much later it follows an offer
    terminals: int = 3
    state: ChargingState | None = None  # None: what follows from its current
    connected: bool = True
    reachable: bool = True
    allowed: bool = True
    cap_ma: int = FULL_MA
    energy_mwh: int = 0
    read_ma: int | None = None  # what is read of it; None: the truth
    is_read: bool = True  # its charger tells its currents at all
    read_at: float | None = None  # when they were read; None: just now
    acknowledged_ma: int | None = None  # last offer that its charger acknowledged
    offers_ma: list[int] = field(default_factory=list)  # of every second

    @property
    def current_ma(self) -> int:
        """Return what it draws."""
        past = self.offers_ma[: len(self.offers_ma) - self.obeys_s]
        offer_ma = past[-1] if past else 0
        return min(offer_ma, self.most_ma) if self.connected and offer_ma else 0


class House:
    """Load management, cars that do what they may, and a meter that tells what was a while ago."""

    def __init__(
        self, *participants: ParticipantSettings, settings: Settings = HOUSE, base_a: float = 4.0
    ) -> None:
        self.settings = settings
        self.state = initial_state(settings, participants, 0.0)
        self.cars = {one.number: Car() for one in participants}
        self.base_ma = [round(base_a * 1000)] * 3
        self.meter_s = 2  # spacing of its telegrams; 0: none comes by itself
        self.now_s = 0.0
        self._loads_ma: list[list[int]] = [list(self.base_ma)]

    def live(self, seconds: int, *, base_a: float | Sequence[float] | None = None) -> None:
        """Let time pass; from now on with another load of the building."""
        if base_a is not None:
            amperes = [base_a] * 3 if isinstance(base_a, int | float) else base_a
            self.base_ma = [round(a * 1000) for a in amperes]
        for _ in range(seconds):
            self._second()

    def _second(self) -> None:
        self.now_s += 1.0
        for number, car in self.cars.items():
            car.offers_ma.append(self.state.participants[number].offer_ma)
        self._loads_ma.append([self._load_ma(phase) for phase in range(3)])
        self.decide()
        if self.meter_s and self.now_s % self.meter_s == 0:
            self.tell(*range(self.settings.phases))

    def _load_ma(self, phase: int) -> int:
        drawn = 0
        for number, car in self.cars.items():
            used = self.state.participants[number].settings.wired_phases[: car.terminals]
            drawn += car.current_ma if phase in used else 0
        return self.base_ma[phase] + drawn

    def tell(self, *phases: int) -> None:
        """Let the meter tell what it sampled before, each phase in a telegram of its own."""
        delay_s = round(self.settings.meter_delay_s)
        sampled = self._loads_ma[max(0, len(self._loads_ma) - 1 - delay_s)]
        for phase in phases:
            self.tell_that(phase, sampled[phase])

    def tell_that(self, phase: int, current_ma: float, *, saturating: bool = False) -> None:
        """Let a telegram of the meter tell something, true or not."""
        reading = GridMeterReading(phase=phase, value=current_ma, may_saturate=saturating)
        self.state = after_meter_value(self.state, self.settings, reading, self.now_s)
        self.decide(phase)

    def decide(self, *new_phases: int) -> None:
        """Run a cycle now."""
        seen = {number: self.observation(number) for number in self.cars}
        self.state = cycle(self.state, self.settings, seen, self.now_s, new_phases=new_phases)

    def observation(self, number: int) -> Observation:
        """Return what is seen of a charging point now."""
        car = self.cars[number]
        own = ChargingState.CHARGE if car.current_ma else ChargingState.CONNECTED
        own = own if car.connected else ChargingState.AVAILABLE
        wired = self.state.participants[number].settings.wired_phases
        currents = [car.current_ma if n < car.terminals else 0 for n in range(len(wired))]
        if car.read_ma is not None:
            currents = [car.read_ma] * len(wired)
        return Observation(
            state=own if car.state is None else car.state,
            is_connected=car.connected,
            is_reachable=car.reachable,
            constraints=limited(allowed=car.allowed, cap_ma=car.cap_ma),
            currents_ma=tuple(currents) if car.is_read else None,
            read_at=(self.now_s if car.read_at is None else car.read_at) if car.is_read else None,
            energy_mwh=car.energy_mwh,
            acknowledged_ma=car.acknowledged_ma,
        )

    @property
    def offers_ma(self) -> list[int]:
        """Return what everybody may draw."""
        return [one.offer_ma for one in self.state.participants.values()]

    def participant(self, number: int = 1) -> Participant:
        """Return what is known of a charging point."""
        return self.state.participants[number]

    def use_cap_ma(self) -> int | None:
        """Return the cap by use of the first charging point, None: there is none."""
        cap = self.participant().use.cap
        return None if cap is None else cap.ma


def slow_cars(house: House, obeys_s: int = 5) -> House:
    """Let cars that take their time have charged for a while."""
    for car in house.cars.values():
        car.obeys_s = obeys_s
    house.live(100)
    return house
