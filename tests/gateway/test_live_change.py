"""The configuration of a running gateway changes: the device lives on, and so does what stays."""

import asyncio
import gc
import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfoNotFoundError

import pytest
from xknx.cemi import CEMILData
from xknx.dpt import DPTBinary
from xknx.telegram.address import GroupAddress, IndividualAddress
from xknx.telegram.apci import GroupValueWrite

from knxgw.catalogue.codes import FaultCode
from knxgw.catalogue.text import Text
from knxgw.charging.scope import PointNumber
from knxgw.config.model import ConfigurationFault
from knxgw.knx.frames import Outgoing
from knxgw.links.knx_data_secure import DataSecureStage
from knxgw.links.knx_port import BusAttachment
from knxgw.links.knx_secure_groups import GroupKeys
from knxgw.links.modbus import ModbusBus
from knxgw.modbus.driver import Driver
from knxgw.monitoring import requests, telegrams
from knxgw.objects.outbox import ResponseLimits
from knxgw.objects.table import GroupObject
from knxgw.sim.charger import SimulatedCharger
from knxgw.sim.vehicle import Vehicle
from knxgw.station.model import InterruptionCommanded
from tests.gateway.test_load_management import House
from tests.support.knxip_server import group_write, numbers_of
from tests.support.world import PEER, World, configure, on_null_modem

PORTS = (5021, 5022, 5023, 5024, 5025)
CP1, CP2 = PointNumber(1), PointNumber(2)
OFF = "{mode: off}"
FEW = 10  # objects of a type that there may be more
OBEYED_S = 3.0  # after a change: a write to a charger, and its vehicle
STATIC = "{mode: static, static_limit_a: 32, reserve_a: 0}"
DYNAMIC = "{mode: dynamic, fuse_a: 63, reserve_a: 3}"


@dataclass(frozen=True)
class Plan:
    """A site: which simulated charger each charging point has, by its port."""

    ports: Mapping[int, int]
    sharing: str = OFF
    start: str = "automatic"
    maximum_a: int = 16
    middle: int = 1  # middle group of the group addresses
    name: str = "Site"

    def text(self) -> str:
        points = "".join(
            f"  - {{number: {number}, name: 'P{number}', model: alfen_eve, maximum_a: {self.maximum_a}, "
            f"connection: {{host: 127.0.0.1, port: {port}}}}}\n"
            for number, port in self.ports.items()
        )
        objects = {1: f"1/{self.middle}/1", 9: f"1/{self.middle}/9"}
        if self.sharing == DYNAMIC:
            objects |= {number: f"1/0/{number}" for number in (10, 11, 12)}
        for number in self.ports:
            offset = 50 * (number - 1)
            objects |= {
                offset + 50: f"2/{number}/50",
                offset + 55: f"2/{number}/55",
                offset + 61: f"2/{number}/61",
            }
        linked = ", ".join(f"{number}: [{address}]" for number, address in objects.items())
        return (
            f"device: {{name: '{self.name}'}}\nknx: {{link: none}}\n"
            f"load_management: {self.sharing}\ncharging_points:\n{points}"
            f"group_objects: {{{linked}}}\n"
        )


ALL = Plan(dict(enumerate(PORTS, 1)))


def charger_at(world: World, port: int) -> SimulatedCharger:
    return world.charger(PORTS.index(port) + 1)


def connections(world: World, number: int) -> int:
    return len(world.site.endpoint_of(PointNumber(number)).clients)


@pytest.mark.proves("D16.70")
async def test_what_stays_notices_nothing(tmp_path: Path) -> None:
    async with World(ALL.text(), tmp_path) as world:
        world.charger(1).plug(Vehicle())
        await world.until(lambda: world.charger(1).offer_ma == 16_000)
        await world.sleep(20.0)
        before = [connections(world, number) for number in range(1, 6)]
        joined = list(world.line.members)
        session = world.gateway.application.station.points[CP1].session.latest  # type: ignore[union-attr]
        world.skip()
        await world.change(Plan({1: 5021, 2: 5022, 3: 5023}, name="Renamed").text())
        await world.sleep(30.0)
        assert [connections(world, number) for number in range(1, 4)] == before[:3]
        assert world.line.members == joined, "the same session on the same line"
        assert world.charger(1).offer_ma == 16_000
        assert session is not None
        now = world.gateway.application.station.points[CP1].session.latest  # type: ignore[union-attr]
        assert now is not None
        assert now.started_at == session.started_at
        assert now.energy_mwh > session.energy_mwh
        heard = {one.address for one in world.since() if one.is_write}
        assert heard <= {"2/1/61"}, "no object is sent again that has not changed"


async def test_an_object_with_another_address_is_sent_there(tmp_path: Path) -> None:
    async with World(ALL.text(), tmp_path) as world:
        world.skip()
        await world.change(Plan(ALL.ports, middle=7).text())
        await world.sleep(3.0)
        heard = world.since()
        assert [one.address for one in heard if one.is_write] == ["1/7/9"]
        assert [one.address for one in heard if not one.is_write] == ["1/7/1"], "asked there"
        assert await world.read("1/1/9") is None
        assert await world.read("1/7/9") is not None


@pytest.mark.proves("D16.72")
async def test_a_charger_that_leaves_is_left_safe_and_its_session_is_kept(tmp_path: Path) -> None:
    plan = Plan(ALL.ports, DYNAMIC)
    async with World(plan.text(), tmp_path) as world:
        world.strict = False
        house = world._group.create_task(House(world, 8.0).run())
        world.charger(2).plug(Vehicle())
        await world.until(lambda: world.charger(2).offer_ma == 16_000, 120.0)
        await world.sleep(60.0)
        await world.change(Plan({1: 5021}, DYNAMIC).text())
        assert world.charger(2).offer_ma == 6000, "the minimum, as at the end of the gateway"
        await world.until(lambda: bool(world.database.sessions(2)), 5.0)
        (closed,) = world.database.sessions(2)
        assert closed.energy_mwh > 0
        assert world.gateway.application is not None
        assert len(list(world.gateway.application.buses)) == 1
        house.cancel()


@pytest.mark.proves("D16.71")
async def test_a_changed_limit_holds_at_once(tmp_path: Path) -> None:
    async with World(ALL.text(), tmp_path) as world:
        world.strict = False
        world.charger(1).plug(Vehicle())
        await world.until(lambda: world.charger(1).offer_ma == 16_000)
        await world.change(Plan(ALL.ports, maximum_a=10).text())
        await world.until(lambda: world.charger(1).offer_ma == 10_000, 2.0)


@pytest.mark.proves("D16.73")
async def test_an_interruption_survives_and_a_point_that_comes_back_has_it(tmp_path: Path) -> None:
    async with World(ALL.text(), tmp_path) as world:
        world.strict = False
        world.charger(2).plug(Vehicle())
        await world.until(lambda: world.charger(2).offer_ma == 16_000)
        await world.write("2/2/55", True)
        await world.until(lambda: world.charger(2).offer_ma == 0)
        await world.change(Plan({1: 5021, 2: 5022}, name="Fewer").text())
        await world.sleep(5.0)
        assert world.charger(2).offer_ma == 0
        await world.change(Plan({1: 5021}).text())
        await world.sleep(5.0)
        await world.change(Plan({1: 5021, 2: 5022}).text())
        await world.sleep(10.0)
        assert world.charger(2).offer_ma == 0


@pytest.mark.proves("H.76")
async def test_a_device_without_a_configuration_is_at_rest_and_takes_one(tmp_path: Path) -> None:
    async with World(ALL.text(), tmp_path) as world:
        world.strict = False
        world.charger(1).plug(Vehicle())
        await world.until(lambda: world.charger(1).offer_ma == 16_000)
        await world.change(None)
        await world.sleep(5.0)
        assert world.gateway.application is None
        assert world.gateway.knx_is_up
        assert world.gateway.is_ready
        (message,) = world.gateway.view().messages
        assert message.startswith("Not configured")
        assert await world.read("2/1/50") is None
        lit = set()
        for _ in range(20):
            lit.add(world.gateway.leds().app)
            await world.sleep(0.1)
        assert lit == {True, False}, "APP flashes slowly"
        await world.change(ALL.text())
        await world.until(lambda: world.gateway.application is not None, 1.0)
        await world.until(lambda: world.gateway.is_ready, 30.0)
        assert await world.read("2/1/50") is not None


@pytest.mark.proves("H.98")
async def test_a_recorded_telegram_is_refused_after_the_link_was_exchanged(tmp_path: Path) -> None:
    address = GroupAddress("2/1/55")
    groups = GroupKeys(keys={address: bytes(range(16))}, senders={IndividualAddress(PEER): 0})
    button = DataSecureStage(groups)
    button.keep_numbers(numbers_of())

    async def secured(*, interrupts: bool) -> CEMILData:
        data = group_write(str(address), 0, PEER)
        data.payload = GroupValueWrite(DPTBinary(int(interrupts)))
        telegram = await button.outgoing(Outgoing(data))
        assert telegram is not None
        return telegram

    async with World(ALL.text(), tmp_path) as world:
        world.strict = False
        world.charger(1).plug(Vehicle())
        await world.until(lambda: world.charger(1).offer_ma == 16_000)
        first, second = DataSecureStage(groups), DataSecureStage(groups)
        await world.change_link(first)
        telegrams = [await secured(interrupts=False) for _ in range(8)]
        for telegram in telegrams:  # so many that the last numbers wait to be stored
            await world.say(telegram)
        assert first.insecure == 0
        await world.change_link(second)
        for telegram in telegrams:
            await world.say(telegram)
        assert second.insecure == len(telegrams)
        await world.say(await secured(interrupts=True))
        await world.until(lambda: world.charger(1).offer_ma == 0)


async def test_an_effect_that_cannot_be_carried_out_does_not_undo_a_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with World(ALL.text(), tmp_path) as world:
        world.strict = False
        publish, broken = world.gateway.objects.publish, iter([True])

        def failing(*arguments: object) -> None:
            if next(broken, False):
                raise ZeroDivisionError("a bug")
            publish(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(world.gateway.objects, "publish", failing)
        await world.change(Plan({1: 5021}, name="Renamed").text())
        assert world.gateway.configuration is not None
        assert world.gateway.configuration.device.name == "Renamed"
        assert "ContactSupport" in world.gateway.view().fault
    caplog.clear()  # the ERROR was meant


async def test_what_cannot_be_taken_changes_nothing(tmp_path: Path) -> None:
    async with World(ALL.text(), tmp_path) as world:
        world.skip()
        running = world.gateway.configuration
        wrong = on_null_modem(configure(Plan({1: 5021}).text()))
        object.__setattr__(wrong.device, "time_zone", "Nowhere/At_all")
        with pytest.raises(Exception, match="Nowhere"):
            await world.gateway.change(wrong)
        assert world.gateway.configuration is running
        await world.sleep(5.0)
        assert world.gateway.is_ready


async def test_a_charger_whose_point_becomes_faulty_is_left_safe(tmp_path: Path) -> None:
    plan = Plan({1: 5021, 2: 5022}, DYNAMIC)
    async with World(plan.text(), tmp_path) as world:
        world.strict = False
        house = world._group.create_task(House(world, 8.0).run())
        world.charger(1).plug(Vehicle())
        await world.until(lambda: world.charger(1).offer_ma == 16_000, 120.0)
        good = on_null_modem(configure(plan.text()))
        fault = ConfigurationFault(
            code=FaultCode.CONF_CHARGER,
            point=1,
            blocked_points=frozenset({1}),
            message=Text(en="x", de="x"),
        )
        await world.gateway.change(replace(good, faults=(fault,)))
        assert world.charger(1).offer_ma == 6000, "the minimum, as at the end of the gateway"
        await world.gateway.change(good)
        await world.sleep(1.0)
        assert world.charger(1).offer_ma <= 6000
        house.cancel()


async def test_a_point_that_comes_back_at_once_is_as_it_was_a_moment_ago(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with World(ALL.text(), tmp_path) as world:
        world.strict = False
        world.charger(2).plug(Vehicle())
        await world.until(lambda: world.charger(2).offer_ma == 16_000)
        save, world.database.save = world.database.save, _no_disk  # type: ignore[method-assign]
        await world.write("2/2/55", True)
        await world.until(lambda: world.charger(2).offer_ma == 0)
        await world.change(Plan({1: 5021}).text())
        await world.change(ALL.text())
        await world.sleep(10.0)
        assert world.charger(2).offer_ma == 0, "the interruption was not on the disk yet"
        world.database.save = save  # type: ignore[method-assign]
    caplog.clear()


def _no_disk(*_: object, **__: object) -> None:
    raise OSError("the disk does not answer")


async def test_faults_end_with_the_application_that_reported_them(tmp_path: Path) -> None:
    async with World(ALL.text(), tmp_path) as world:
        world.strict = False
        await world.site.endpoint_of(CP1).stop()
        await world.until(lambda: bool(world.database.open_faults()), 90.0)
        await world.change(None)
        await world.sleep(1.0)
        assert world.database.open_faults() == []
        await world.change(ALL.text())
        await world.until(lambda: bool(world.database.open_faults()), 60.0)


async def test_a_change_that_fails_leaves_the_pace_of_the_link(tmp_path: Path) -> None:
    async with World(ALL.text(), tmp_path) as world:
        world.skip()
        limits = world.gateway.objects.outbox.limits
        slow = world.line.join("1.1.21")
        slow.response_limits = ResponseLimits(merge_at=1, most=2)
        wrong = on_null_modem(configure(Plan({1: 5021}).text()))
        object.__setattr__(wrong.device, "time_zone", "Nowhere/At_all")
        with pytest.raises(Exception, match="Nowhere"):
            await world.gateway.change(wrong, BusAttachment(link=slow))
        assert world.gateway.objects.outbox.limits is limits


async def test_two_changes_at_once_are_made_one_after_the_other(tmp_path: Path) -> None:
    async with World(ALL.text(), tmp_path) as world:
        world.strict = False
        world.charger(1).plug(Vehicle())
        await world.until(lambda: world.charger(1).offer_ma == 16_000)
        await world.sleep(20.0)
        application = world.gateway.application
        assert application is not None
        session = application.station.points[CP1].session.latest
        assert session is not None
        wrong = on_null_modem(configure(Plan({1: 5021}).text()))
        object.__setattr__(wrong.device, "time_zone", "Nowhere/At_all")
        changes = [
            world.change(Plan({1: 5021}, name="First").text()),
            world.gateway.change(wrong),
            world.change(Plan({1: 5021, 2: 5022}, name="Last", maximum_a=10).text()),
        ]
        results = await asyncio.gather(*changes, return_exceptions=True)
        assert [type(one) for one in results] == [type(None), ZoneInfoNotFoundError, type(None)]
        assert world.gateway.configuration is not None
        assert world.gateway.configuration.device.name == "Last"
        await world.until(lambda: world.charger(1).offer_ma == 10_000, 2.0)
        await world.until(lambda: connections(world, 2) == 2, 2.0)
        await world.until(lambda: world.gateway.is_ready, 5.0)
        assert [connections(world, number) for number in range(1, 6)] == [1, 2, 1, 1, 1]
        assert len(list(application.buses)) == 2
        now = application.station.points[CP1].session.latest
        assert now is not None
        assert now.started_at == session.started_at


@pytest.mark.parametrize("following", [Plan({1: 5021}, DYNAMIC), None], ids=["fewer", "none"])
@pytest.mark.parametrize("after_s", [0.0, 0.1, 0.5])
async def test_an_end_in_the_middle_of_a_change_leaves_every_charger_safe(
    following: Plan | None, after_s: float, tmp_path: Path
) -> None:
    async with World(Plan(ALL.ports, DYNAMIC).text(), tmp_path) as world:
        world.strict = False
        house = world._group.create_task(House(world, 8.0).run())
        for number in (1, 2):
            world.charger(number).plug(Vehicle())
        await world.until(lambda: world.charger(1).offer_ma == 16_000, 120.0)
        await world.until(lambda: world.charger(2).offer_ma == 16_000, 120.0)
        world.site.endpoint_of(PointNumber(3)).misbehaviour.silent = True  # the change waits for it
        changing = world._group.create_task(world.change(following.text() if following else None))
        await world.sleep(after_s)
        begun_s = asyncio.get_running_loop().time()
        await world.stop_gateway()
        await asyncio.wait([changing])
        assert changing.exception() is None
        assert asyncio.get_running_loop().time() - begun_s < 3.0
        assert [world.charger(number).offer_ma for number in (1, 2)] == [6000, 6000]
        house.cancel()


async def test_telegrams_to_a_device_without_a_configuration_do_nothing_also_later(
    tmp_path: Path,
) -> None:
    async with World(ALL.text(), tmp_path) as world:
        world.strict = False
        world.charger(1).plug(Vehicle())
        await world.until(lambda: world.charger(1).offer_ma == 16_000)
        await world.change(None)
        world.skip()
        for address in ("2/1/55", "2/2/55", "1/1/1"):
            await world.write(address, True)
            assert await world.read(address) is None
        world.gateway.inbox.put(InterruptionCommanded(point=CP1, is_active=True))
        await world.sleep(5.0)
        assert not [one for one in world.since() if one.is_write]
        assert world.charger(1).offer_ma == 16_000, "what it was left with"
        await world.change(ALL.text())
        await world.until(lambda: world.gateway.is_ready, 30.0)
        await world.sleep(10.0)
        assert world.charger(1).offer_ma == 16_000
        assert await world.read("2/1/50") is not None


# --- 100 changes ---------------------------------------------------------------------------------


def drawn(rng: random.Random) -> Plan:
    count = rng.randint(1, 5)
    numbers = sorted(rng.sample(range(1, 6), count))
    if rng.random() < 0.6:
        ports = {number: PORTS[number - 1] for number in numbers}
    else:
        ports = dict(zip(numbers, rng.sample(PORTS, count), strict=True))
    return Plan(
        ports,
        sharing=rng.choice([OFF, STATIC, STATIC, DYNAMIC]),
        maximum_a=rng.choice([10, 16, 16]),
        middle=rng.choice([1, 7]),
    )


def alive(kind: type) -> int:
    return sum(isinstance(one, kind) for one in gc.get_objects())


class Alive(NamedTuple):
    """How many objects of each type there were after so many changes."""

    changes: int
    of_type: Mapping[type, int]


def leaked(counted: Sequence[Alive]) -> dict[str, int]:
    """Return of which types there are more at the end, and how many more at least.

    Some objects come and go with the charging and with what the configuration before was like: compared are the
    most of two early counts and the least of two late ones. The first two are left out: caches fill.
    """
    early, late = counted[2:4], counted[-2:]
    assert late[0].changes - early[1].changes > 2 * FEW, "too few changes to see one object of each"
    more = {
        kind: min(one.of_type[kind] for one in late) - max(one.of_type[kind] for one in early)
        for kind in late[-1].of_type
    }
    return {f"{kind.__module__}.{kind.__qualname__}": n for kind, n in more.items() if n > FEW}


class Watch:
    """What must hold after each change."""

    def __init__(self, world: World, house: House) -> None:
        self.world = world
        self._house = house
        self.plan, self._changed_at = ALL, 0.0
        self.open: dict[int, object] = {}  # charging point -> start of its open session

    def sessions(self) -> None:
        """Every session that was open goes on, or is stored."""
        application = self.world.gateway.application
        assert application is not None
        stored = {
            one.started_at for number in range(1, 6) for one in self.world.database.sessions(number)
        }
        now = {
            int(number): point.session.latest.started_at
            for number, point in application.station.points.items()
            if point.session.latest is not None and point.session.latest.is_open
        }
        for number, started_at in self.open.items():
            goes_on = now.get(number) == started_at
            assert goes_on or started_at.isoformat() in stored, (number, started_at)  # type: ignore[attr-defined]
        self.open = dict(now)

    def offers(self, plan: Plan) -> None:
        """No charger has more than what holds for its charging point."""
        application = self.world.gateway.application
        assert application is not None
        for number, port in plan.ports.items():
            decision = application.station.points[PointNumber(number)].control.decision
            assert decision is not None
            assert charger_at(self.world, port).offer_ma <= decision.offer_ma, number

    def begin(self, plan: Plan) -> None:
        """Note what is going to hold."""
        self.plan, self._changed_at = plan, asyncio.get_running_loop().time()

    async def currents(self) -> None:
        """See at every moment that what flows is above the limit only until vehicles have obeyed.

        Chargers that are no part of the site any more may need so much that the minima do not fit.
        """
        loop, fits_at = asyncio.get_running_loop(), 0.0
        while True:
            at = [charger_at(self.world, port) for port in self.plan.ports.values()]
            is_low = self.plan.sharing == DYNAMIC and all(max(one.phases_ma) <= 6000 for one in at)
            if is_low or max(self._loads_ma()) <= self._limit_ma() + 500:
                fits_at = loop.time()
            too_long = loop.time() - max(fits_at, self._changed_at) > OBEYED_S
            assert not too_long, (self.plan, self._loads_ma())
            await asyncio.sleep(0.1)

    def _limit_ma(self) -> float:
        return {STATIC: 32_000, DYNAMIC: 60_000}.get(self.plan.sharing, math.inf)

    def _loads_ma(self) -> list[float]:
        """Return what flows on each phase: of the chargers of the site, or all that a meter sees."""
        if self.plan.sharing == DYNAMIC:
            return [load_a * 1000 for load_a in self._house.load_a()]
        at = [charger_at(self.world, port) for port in self.plan.ports.values()]
        return [sum(one.phases_ma[phase] for one in at) for phase in range(3)]


@pytest.mark.long
@pytest.mark.proves("D16.70", "D16.71")
async def test_a_hundred_changes_while_cars_charge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gc.collect()
    gc.freeze()  # what the tests before have left is not counted
    monkeypatch.setattr(gc, "freeze", lambda: None)  # what the gateway sets apart is
    for recorded in (requests, telegrams):
        monkeypatch.setattr(recorded, "KEPT", 10)  # full from the beginning
    rng = random.Random(20261129)  # noqa: S311 - a seed, so that it can be run again
    async with World(ALL.text(), tmp_path) as world:
        world.strict = False
        house = House(world, 8.0)
        watch, joined = Watch(world, house), list(world.line.members)
        always = [world._group.create_task(one) for one in (house.run(), watch.currents())]
        for number in range(1, 6):
            world.charger(number).plug(Vehicle())
        await world.sleep(30.0)
        counts: list[tuple[int, ...]] = []
        objects: list[Alive] = []
        for change in range(100):
            plan = drawn(rng)
            watch.begin(plan)
            await world.change(plan.text())
            if rng.random() < 0.3:
                continue  # the next one comes at once
            await world.sleep(rng.choice([0.5, 2.0, 4.0]))
            assert world.line.members == joined
            assert world.gateway.knx_is_up
            watch.sessions()
            await world.sleep(4.0)
            watch.offers(plan)
            if change % 10 == 9 or not counts:
                watch.begin(ALL)
                await world.change(ALL.text())
                await world.sleep(5.0)
                watch.sessions()
                gc.collect()
                assert alive(Driver) <= 2 * len(PORTS), "a bus may hold who it asked last"
                counts.append((len(asyncio.all_tasks()), alive(ModbusBus), alive(GroupObject)))
                world.heard.clear()  # what the test has noted itself
                objects.append(Alive(change, Counter(map(type, gc.get_objects()))))
        assert max(counts) == min(counts), "nothing of an earlier configuration stays"
        assert leaked(objects) == {}, "each change leaves something"
        for one in always:
            one.cancel()
