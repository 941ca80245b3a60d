"""From a telegram of the smart meter to the write at a charger: one way, and each rule once."""

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType

from xknx.telegram.apci import GroupValueWrite

from knxgw.charging.precedence import decide
from knxgw.dlm.cycle import cycle
from knxgw.links.modbus_exchange import carry_out
from knxgw.modbus.writing import Write
from knxgw.sim.vehicle import Vehicle
from knxgw.station.control_inputs import constraints_of
from knxgw.station.derive import derive
from tests.gateway.test_load_management import DYNAMIC, House
from tests.support.world import World, to_payload

POINTS = 2


class Walk:
    """Counts the calls of functions, until a write goes out."""

    def __init__(self) -> None:
        self._calls: Counter[CodeType] = Counter()
        self.is_written = False

    def calls_of(self, function: Callable[..., object]) -> int:
        """Return how often a function was called."""
        return self._calls[function.__code__]

    def __call__(self, frame: FrameType, event: str, _argument: object) -> None:
        if event == "call" and not self.is_written:
            self._calls[frame.f_code] += 1
            self.is_written = frame.f_code is carry_out.__code__ and isinstance(
                frame.f_locals["request"], Write
            )


async def test_a_meter_telegram_is_shared_once_and_decided_once_at_each_charging_point(
    tmp_path: Path,
) -> None:
    async with World(DYNAMIC, tmp_path) as world:
        world.strict = False
        house = world._group.create_task(House(world, 8.0).run())
        world.charger(1).plug(Vehicle())
        await world.until(lambda: world.charger(1).offer_ma == 16_000, 120.0)
        await world.sleep(30.0)
        house.cancel()
        walk = Walk()
        sys.setprofile(walk)
        try:
            await world.send("1/0/10", GroupValueWrite(to_payload("14.019", 45.0)))
            await world.until(lambda: walk.is_written, 5.0)
        finally:
            sys.setprofile(None)
        assert walk.calls_of(cycle) == walk.calls_of(derive) == 1
        assert 1 <= walk.calls_of(constraints_of) <= POINTS
        assert 1 <= walk.calls_of(decide) <= POINTS
