"""Each fault of the simulator, on every transport: what it is called, nothing wrong shown, healed."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from xknx.dpt import DPTBinary

from knxgw.catalogue.load import catalogue
from knxgw.charging.events import LinkCondition
from knxgw.charging.quantities import Quantity
from knxgw.errors import RejectedError
from knxgw.sim.console import HELP, obey
from knxgw.sim.misbehaviour import Misbehaviour
from knxgw.sim.vehicle import Vehicle
from tests.support.modbus_rig import TRANSPORTS, rig_of
from tests.support.one_of_each import in_turn
from tests.support.world import World, from_payload

ABB = catalogue().chargers["abb_terra_ac"]
KEBA = catalogue().chargers["keba_p30"]
GOOD, COMM, LOST = LinkCondition.GOOD, LinkCondition.COMM, LinkCondition.NOT_REACHABLE
# Values no two of which are alike, so that an answer in the wrong place is seen.
SHOWN = {
    "current_l1": (7.001, Quantity.CURRENT_L1, 7001),
    "current_l2": (8.002, Quantity.CURRENT_L2, 8002),
    "current_l3": (9.003, Quantity.CURRENT_L3, 9003),
    "power": (5555.0, Quantity.POWER, 5555),
    "energy_session": (1234.0, Quantity.SESSION_ENERGY, 1_234_000),
    "energy_total": (777_000.0, Quantity.ENERGY, 777_000_000),
}

FAULTS: dict[str, tuple[Callable[[Misbehaviour], None], LinkCondition]] = {
    "silence": (lambda trouble: setattr(trouble, "silent", True), LOST),
    "one register too few": (lambda trouble: setattr(trouble, "short_answers", True), COMM),
    "a wrong checksum": (lambda trouble: setattr(trouble, "bad_checksum", True), COMM),
    "device failure": (lambda trouble: setattr(trouble, "exception", 4), COMM),
    "busy": (lambda trouble: setattr(trouble, "exception", 6), COMM),
    "no target behind a gateway": (lambda trouble: setattr(trouble, "exception", 11), LOST),
    "answers too late": (lambda trouble: setattr(trouble, "delay_s", 2.6), LOST),
    "no connection": (lambda trouble: setattr(trouble, "away", True), LOST),
}


@pytest.mark.proves("H.16", "H.17", "4.13")
@pytest.mark.parametrize(("fault", "transport"), in_turn(list(FAULTS), TRANSPORTS))
async def test_a_fault_has_its_name_shows_nothing_wrong_and_heals(
    fault: str, transport: str
) -> None:
    make, condition = FAULTS[fault]
    async with rig_of(ABB, (1, 2), transport).running() as rig:
        for name in ("current_l1", "current_l2", "current_l3"):
            rig.chargers[0].show(name, 7.0)
            rig.chargers[1].show(name, 9.0)
        await asyncio.sleep(5.0)
        assert rig.conditions() == [GOOD]
        make(rig.simulator.misbehaviour)
        await rig.simulator.follow()
        await asyncio.sleep(40.0)
        assert [rig.conditions(point)[-1] for point in (1, 2)] == [condition] * 2
        count = len(rig.seen(Quantity.CURRENT))
        await asyncio.sleep(20.0)
        assert len(rig.seen(Quantity.CURRENT)) == count, "nothing new is known"
        rig.simulator.misbehaviour.end()
        await rig.simulator.follow()
        await asyncio.sleep(40.0)
        assert [rig.conditions(point)[-1] for point in (1, 2)] == [GOOD] * 2
        assert len(rig.seen(Quantity.CURRENT)) > count
        assert set(rig.seen(Quantity.CURRENT, 1)) == {21_000}
        assert set(rig.seen(Quantity.CURRENT, 2)) == {27_000}


DELAYS_S = (0.3, 1.9, 2.1, 2.5, 2.9, 3.0, 3.1, 3.5, 4.9, 6.0, 9.0)


@pytest.mark.proves("H.17", "4.13")
@pytest.mark.parametrize(("delay_s", "transport"), in_turn(DELAYS_S, TRANSPORTS))
async def test_a_slow_answer_is_never_taken_for_the_next_requests(
    delay_s: float, transport: str
) -> None:
    """Every request of a KEBA asks for two registers: an answer looks like any other one."""
    async with rig_of(KEBA, transport=transport).running() as rig:
        for name, (value, _, _) in SHOWN.items():
            rig.chargers[0].show(name, value)
        await asyncio.sleep(20.0)
        rig.simulator.misbehaviour.delay_s = delay_s
        await asyncio.sleep(60.0)
        expected = GOOD if delay_s < KEBA.response_timeout_s else LOST
        assert rig.conditions()[-1] is expected
        for late_s in (delay_s, 0.0, delay_s, 0.0):  # it comes and goes
            rig.simulator.misbehaviour.delay_s = late_s
            await asyncio.sleep(25.0)
        await asyncio.sleep(30.0)
        assert rig.conditions()[-1] is GOOD
        for _, quantity, value in SHOWN.values():
            assert set(rig.seen(quantity)) == {value}, quantity


def text(payload: object) -> str:
    """Return what a text object says."""
    return "" if payload is None else str(from_payload("16.001", payload))  # type: ignore[arg-type]


SITE = """
knx: {link: none}
load_management: {mode: "off"}
charging_points:
  - {number: 1, model: abb_terra_ac, connection: {host: 127.0.0.1, port: 5021}}
group_objects: {50: [1/1/50], 55: [1/1/55], 62: [1/1/62], 94: [1/1/94], 95: [1/1/95]}
"""


async def test_values_that_stand_still_while_it_should_stop_are_a_charger_that_does_not_stop(
    tmp_path: Path,
) -> None:
    async with World(SITE, tmp_path) as world:
        world.strict = False
        world.charger().plug(Vehicle())
        await world.until(lambda: world.charger().phases_ma[0] > 15_000, 40)
        await world.sleep(5)
        obey(world.site, "frozen 1")
        await world.sleep(2)
        await world.write("1/1/55", True)
        await world.until(lambda: text(world.last("1/1/95")) == "NotStopping", 90)
        assert world.last("1/1/94") == DPTBinary(1)
        assert world.charger().phases_ma[0] == 0, "it took the write, only its values stand still"
        obey(world.site, "talk 1")
        await world.until(lambda: text(world.last("1/1/95")) == "NotFollowing", 60)
        await world.until(lambda: world.last("1/1/94") == DPTBinary(0), 1200)


async def test_every_fault_can_be_typed_to_the_simulator(tmp_path: Path) -> None:
    async with World(SITE, tmp_path, run_gateway=False) as world:
        server = next(iter(world.site.servers.values()))
        typed = {
            "silent 1": Misbehaviour(silent=True),
            "short 1": Misbehaviour(short_answers=True),
            "spoil 1": Misbehaviour(bad_checksum=True),
            "refuse 1 4": Misbehaviour(exception=4),
            "slow 1 2.5": Misbehaviour(delay_s=2.5),
            "frozen 1": Misbehaviour(frozen=True),
            "away 1": Misbehaviour(away=True),
            "talk 1": Misbehaviour(),
        }
        for line, misbehaviour in typed.items():
            assert obey(world.site, line) == "ok"
            assert server.misbehaviour == misbehaviour, "one fault at a time"
            assert line.split()[0] in HELP
        for wrong in ("slow 1", "slow 1 much", "refuse 1", "refuse 1 99"):
            with pytest.raises(RejectedError, match="missing or wrong"):
                obey(world.site, wrong)


async def test_an_endpoint_that_goes_away_is_not_reachable_until_it_is_back(tmp_path: Path) -> None:
    async with World(SITE, tmp_path) as world:
        world.strict = False
        obey(world.site, "away 1")
        await world.until(lambda: world.last("1/1/94") == DPTBinary(1), 10)
        assert text(world.last("1/1/95")) == "NotReachable"
        obey(world.site, "talk 1")
        await world.until(lambda: world.last("1/1/94") == DPTBinary(0), 30)
