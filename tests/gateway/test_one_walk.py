"""From a telegram of the smart meter to the write at a charger: one way, and each rule once.

The modules on that way are those that a reader must open to follow it; the most there may be is held here,
and `docs/architecture.md` lists them.
"""

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FrameType

from xknx.telegram.apci import GroupValueWrite

import knxgw
from knxgw.charging.precedence import decide
from knxgw.dlm.allocation import solve
from knxgw.dlm.base_load import add_sample
from knxgw.dlm.cycle import cycle
from knxgw.dlm.meter import with_reading
from knxgw.dlm.participant import Claims
from knxgw.dlm.use import set_offer
from knxgw.links.modbus_exchange import carry_out
from knxgw.modbus.codec import encode
from knxgw.modbus.commander import Commander
from knxgw.modbus.writing import Write
from knxgw.objects.codec import decode_meter_value
from knxgw.sim.vehicle import Vehicle
from knxgw.station.control_inputs import constraints_of
from knxgw.station.derive import derive
from knxgw.station.owner import Inbox
from tests.gateway.test_load_management import DYNAMIC, House
from tests.support.world import World, to_payload

ROOT = Path(knxgw.__file__).parent
PAGE = ROOT.parent / "docs" / "architecture.md"
SECTION = "### Example: a meter value lowers a charger"
# runs the session of a bus, as of KNX, again after a lost link: what is written does not come from there
WRAPPERS = frozenset({"links/keep_alive.py"})
POINTS = 2
MOST_MODULES = 30
# what a meter value becomes on its way; the callers of these are the way
MARKS: tuple[Callable[..., object], ...] = (
    decode_meter_value,
    Inbox.put,
    with_reading,
    add_sample,
    Claims.room_ma,
    solve,
    set_offer,
    constraints_of,
    decide,
    Commander.want,
    encode,
    carry_out,
)
MARKED = frozenset(mark.__code__ for mark in MARKS)


class Walk:
    """Counts the calls of functions until a write goes out, and notes the modules that call the marked ones."""

    def __init__(self) -> None:
        self._calls: Counter[CodeType] = Counter()
        self.modules: dict[str, None] = {}  # below knxgw, in order of the way
        self.is_written = False

    def calls_of(self, function: Callable[..., object]) -> int:
        """Return how often a function was called."""
        return self._calls[function.__code__]

    def __call__(self, frame: FrameType, event: str, _argument: object) -> None:
        if event != "call" or self.is_written:
            return
        self._calls[frame.f_code] += 1
        if frame.f_code in MARKED:
            self.modules.update(dict.fromkeys(reversed(list(_modules_of(frame)))))
        self.is_written = frame.f_code is carry_out.__code__ and isinstance(
            frame.f_locals["request"], Write
        )


def _modules_of(frame: FrameType | None) -> Iterator[str]:
    """Yield the modules of the gateway on a call stack, the innermost first."""
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(ROOT) and not path.is_relative_to(ROOT / "sim"):
            module = path.relative_to(ROOT).as_posix()
            if module not in WRAPPERS:
                yield module
        frame = frame.f_back


def modules_of_the_page() -> list[str]:
    """Return the modules that the architecture's example names, in their order."""
    section = PAGE.read_text(encoding="utf-8").partition(SECTION)[2].partition("\n#")[0]
    return [name for name in re.findall(r"`([a-z_/]+\.py)`", section) if (ROOT / name).exists()]


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
        assert list(walk.modules) == modules_of_the_page()
        assert len(walk.modules) <= MOST_MODULES
