"""Lets the events of a scenario really happen to a simulated site, and notes what chargers hold.

It needs a running event loop only: the ordinary one, or one in virtual time. The building draws, cars
come and go, endpoints fall silent; what a person or a meter tells the gateway goes over the KNX line.
"""

import asyncio
import math
from collections.abc import Callable, Sequence
from functools import partial
from types import TracebackType
from typing import NoReturn, Self

from xknx.cemi import CEMILData
from xknx.dpt import DPTBinary
from xknx.telegram.address import GroupAddress
from xknx.telegram.apci import GroupValueWrite
from xknx.telegram.tpci import TDataGroup

from bench.realtime.garage import GRID_CONTROL, HIGH_POWER, INTERRUPTION
from knxgw.charging.scope import PointNumber
from knxgw.config.model import Configuration
from knxgw.sim.bench.curve import Steps
from knxgw.sim.bench.scenario import (
    BaseChanged,
    CarModel,
    CarMoved,
    ChargerTroubled,
    Happening,
    LostTelegrams,
    Scenario,
    Told,
    Trouble,
)
from knxgw.sim.knx_meter import KnxMeter
from knxgw.sim.site import SimulatedSite
from knxgw.sim.vehicle import Vehicle
from knxgw.station.model import (
    Event,
    GridControlCommanded,
    HighPowerStarted,
    InterruptionCommanded,
)
from tests.support.knx_line import MemoryLine

METER, BUTTONS = "1.1.30", "1.1.31"  # on the KNX line
LOOK_S = 0.1  # how often it looks what chargers hold
NEVER_FULL_WH = 1e9

Action = Callable[[], None]


class Player:
    """Plays a scenario on a site, once; use as `async with`. Times are seconds of the scenario.

    The site's smart meter and a person's push buttons are devices on the KNX line.
    """

    def __init__(
        self,
        scenario: Scenario,
        site: SimulatedSite,
        line: MemoryLine,
        configuration: Configuration,
    ) -> None:
        settings = configuration.load_management.smart_meter
        assert settings is not None
        self.held: dict[PointNumber, Steps[int]] = {}  # setpoints [mA]
        self.late_s = 0.0  # by how much something happened too late, at worst
        self._scenario = scenario
        self._site = site
        self._meter = KnxMeter(
            site.house,
            settings,
            configuration,
            line.join(METER),
            period_s=scenario.meter.sample_s,
        )
        self._buttons = line.join(BUTTONS)
        self._pressed: list[tuple[str, int]] = []
        self._running = asyncio.TaskGroup()
        self._tasks: list[asyncio.Task[NoReturn]] = []
        self._first_look_s = 0.0  # of the meter, by the loop's clock

    async def __aenter__(self) -> Self:
        scenario = self._scenario
        base_ma = scenario.base_ma
        self._change_base(BaseChanged(happens_at=-scenario.idle_s, load_ma=base_ma))
        await self._buttons.open(lambda _: None, lambda: None)
        await self._running.__aenter__()
        self._first_look_s = asyncio.get_running_loop().time()
        self._tasks.append(self._running.create_task(self._meter.run()))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await self._running.__aexit__(kind, error, trace)
        await self._buttons.close()

    def next_beginning_s(self) -> float:
        """Return when the scenario can begin, by the loop's clock.

        The gateway has been idle for as long as the scenario wants it, and the meter looks when the
        scenario says so: the rest of that is left to the machine's clock.
        """
        meter = self._scenario.meter
        earliest_s = asyncio.get_running_loop().time() + self._scenario.idle_s
        looks = math.ceil((earliest_s + meter.first_s - self._first_look_s) / meter.sample_s)
        return self._first_look_s + looks * meter.sample_s - meter.first_s

    async def play(self, zero_s: float, progress: Callable[[float], None]) -> None:
        """Play it; `zero_s` is when the scenario begins, by the loop's clock."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(zero_s - loop.time())
        waiting = self._moments()
        end_s = self._scenario.duration_s
        start_s = loop.time() - zero_s
        self.held = {n: Steps(start_s, one.offer_ma) for n, one in self._site.chargers.items()}
        while (now_s := loop.time() - zero_s) <= end_s:
            while waiting and waiting[0][0] <= now_s:
                due_s, happen = waiting.pop(0)
                self.late_s = max(self.late_s, now_s - due_s)
                happen()
            await self._send()
            self._look(now_s)
            progress(now_s)
            next_s = min(waiting[0][0] if waiting else end_s, now_s + LOOK_S)
            await asyncio.sleep(max(0.001, zero_s + next_s - loop.time()))

    def _moments(self) -> list[tuple[float, Action]]:
        """Return what happens when, in order."""
        found: list[tuple[float, Action]] = [
            (one.happens_at, partial(self._happen, one)) for one in self._scenario.happenings
        ]
        for lost in self._scenario.meter.lost:
            found += self._silence(lost)
        return sorted(found, key=lambda one: one[0])

    def _silence(self, lost: LostTelegrams) -> Sequence[tuple[float, Action]]:
        def become(*, silent: bool) -> Action:
            return lambda: setattr(self._meter, "is_silent", silent)

        return (lost.begins_at, become(silent=True)), (lost.ends_at, become(silent=False))

    def _look(self, now_s: float) -> None:
        for number, charger in self._site.chargers.items():
            if self.held[number].last != charger.offer_ma:
                self.held[number].add(now_s, charger.offer_ma)

    # --- what happens

    def _happen(self, happening: Happening) -> None:
        match happening:
            case BaseChanged():
                self._change_base(happening)
            case CarMoved(point=point, plugged=plugged, car=car):
                self._move_car(point, plugged=plugged, car=car)
            case ChargerTroubled(point=point, trouble=trouble):
                self._trouble(point, trouble)
            case Told(event=event):
                self._pressed.append(_telegram(event))
            case _:
                raise NotImplementedError(f"{type(happening).__name__} cannot be played")

    def _change_base(self, change: BaseChanged) -> None:
        house = self._site.house
        base_ma = [
            before_ma if given_ma is None else given_ma + (before_ma if change.is_added else 0)
            for given_ma, before_ma in zip(change.load_ma, house.base_ma, strict=True)
        ]
        house.set_base(base_ma)

    def _move_car(self, point: int, *, plugged: bool, car: CarModel | None) -> None:
        charger = self._site.chargers[PointNumber(point)]
        if plugged:
            charger.plug(_vehicle(car or self._scenario.points[point - 1].car))
        else:
            charger.unplug()

    def _trouble(self, point: int, trouble: Trouble) -> None:
        if trouble is Trouble.INVALID:
            raise NotImplementedError("currents that cannot be are not simulated")
        endpoint = self._site.endpoint_of(PointNumber(point))
        endpoint.misbehaviour.silent = trouble is Trouble.UNREACHABLE

    async def _send(self) -> None:
        """Send what a person tells the gateway."""
        pressed, self._pressed = self._pressed, []
        for address, bit in pressed:
            await self._buttons.send(
                CEMILData(
                    src_addr=self._buttons.individual_address,
                    dst_addr=GroupAddress(address),
                    tpci=TDataGroup(),
                    payload=GroupValueWrite(DPTBinary(bit)),
                )
            )


def _vehicle(car: CarModel) -> Vehicle:
    return Vehicle(
        capacity_wh=NEVER_FULL_WH,
        phases=car.phases,
        maximum_ma=car.maximum_ma,
        delay_s=car.delay_s,
        rise_ma_per_s=car.rise_ma_per_s,
        fall_ma_per_s=car.fall_ma_per_s,
    )


def _telegram(event: Event) -> tuple[str, int]:
    """Return the group address and the bit that tell the gateway an event."""
    match event:
        case GridControlCommanded(is_active=active):
            return GRID_CONTROL, int(active)
        case HighPowerStarted():
            return HIGH_POWER, 1
        case InterruptionCommanded(point=point, is_active=active):
            return INTERRUPTION.format(point=point), int(active)
        case _:
            raise NotImplementedError(f"no telegram is known for {type(event).__name__}")
