"""The first charge and "which one is this?" at a running gateway: what the charger gets."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from knxgw.catalogue.load import catalogue
from knxgw.catalogue.messages import Message, message
from knxgw.commissioning import IDENTIFY_S, UNASKED_S, KeptCharges, SettingUp
from knxgw.config.devices import charger_id
from knxgw.config.load import parse_configuration
from knxgw.config.model import Connection, ConnectionKind, KnxLinkKind, SerialLine
from knxgw.errors import FileLine, Finding
from knxgw.held_devices import known_by, known_values
from knxgw.monitoring.device_search import FoundDevice
from knxgw.monitoring.online_check import State
from knxgw.monitoring.test_charge import Result, Step
from knxgw.monitoring.test_charge_record import recalled
from knxgw.online.knx_connection import METER
from knxgw.seen_device import SeenDevice
from knxgw.sim.vehicle import Vehicle
from knxgw.website.answered import without_doubts
from knxgw.website.commissioning import Surroundings
from tests.gateway.test_load_management import DYNAMIC, House
from tests.support.world import World

HERE = "127.0.0.1"
LINE = SerialLine(
    port="/dev/ttyUSB0", protocol="rtu", baud=9600, data_bits=8, parity="E", stop_bits=1
)
SITE = """
device: {name: Garage}
knx: {link: none}
charging_points:
  - {number: 1, name: Left, model: alfen_eve, connection: {type: tcp, host: 127.0.0.1, port: 15021, unit: 1}}
"""


@pytest.mark.proves("W47")
async def test_the_first_charge_gives_6_a_then_10_a_pauses_and_restores_the_setpoint(
    tmp_path: Path,
) -> None:
    kept: dict[str, Any] = {}
    async with World(SITE, tmp_path) as world:
        setting_up = SettingUp(
            world.gateway, world._group, kept_charges=KeptCharges({}, kept.update)
        )
        pages = setting_up.for_pages()
        await world.sleep(20)
        before_ma = world.charger(1).offer_ma
        setting_up._start_charge(1, "sum of a text")
        await world.sleep(5)
        assert [row.step for row in pages.charge().rows] == [Step.VEHICLE]
        world.charger(1).plug(Vehicle())
        offers = set()
        while pages.charge().is_running:
            await world.sleep(1.0)
            offers.add(world.charger(1).offer_ma)
        assert {6000, 10_000, 0} <= offers
        assert pages.charges()[1].is_good
        assert pages.charges()[1].text_sum == "sum of a text"
        assert pages.charges()[1].began_at is not None
        after_restart = KeptCharges(recalled(json.loads(json.dumps(kept))), kept.update)
        again = SettingUp(world.gateway, world._group, kept_charges=after_restart)
        assert again.for_pages().charges() == pages.charges(), "the protocol can still be printed"
        await world.until(lambda: world.charger(1).offer_ma == before_ma, 30.0)


async def test_with_load_management_the_first_charge_stays_within_its_offer(tmp_path: Path) -> None:
    async with World(DYNAMIC, tmp_path) as world:
        world.strict = False
        feeding = world._group.create_task(House(world, 5.0).run())
        setting_up = SettingUp(world.gateway, world._group)
        pages = setting_up.for_pages()
        await world.sleep(60)
        world.charger(1).plug(Vehicle())
        setting_up._start_charge(1)
        await world.until(lambda: pages.charge().number > 0 and not pages.charge().is_running, 400)
        rows = pages.charges()[1].rows
        assert [(row.step, row.result) for row in rows][2] == (Step.FOLLOWS, Result.GOOD)
        assert pages.charges()[1].is_good
        feeding.cancel()


@pytest.mark.proves("W47")
async def test_which_one_is_this_interrupts_for_ten_seconds_only(tmp_path: Path) -> None:
    async with World(SITE, tmp_path) as world:
        setting_up = SettingUp(world.gateway, world._group)
        pages = setting_up.for_pages()
        world.charger(1).plug(Vehicle())
        await world.sleep(30)
        before_ma = world.charger(1).offer_ma
        setting_up._identify(1)
        await world.sleep(5)
        assert world.charger(1).offer_ma == 0
        assert pages.identified() == 1
        await world.sleep(IDENTIFY_S)
        assert world.charger(1).offer_ma == before_ma
        assert pages.identified() is None


async def test_a_first_charge_that_a_person_ends_leaves_everything_as_before(
    tmp_path: Path,
) -> None:
    async with World(SITE, tmp_path) as world:
        setting_up = SettingUp(world.gateway, world._group)
        pages = setting_up.for_pages()
        world.charger(1).plug(Vehicle())
        await world.sleep(30)
        before_ma = world.charger(1).offer_ma
        setting_up._start_charge(1)
        await world.until(lambda: world.charger(1).offer_ma == 10_000, 100.0)
        setting_up._end_charge()
        await world.sleep(5)
        assert pages.charge().rows[-1].result is Result.ENDED
        assert world.charger(1).offer_ma == before_ma


@pytest.mark.proves("W48")
async def test_the_check_of_a_draft_leaves_alone_what_the_gateway_uses(tmp_path: Path) -> None:
    async with World(SITE, tmp_path) as world:
        await world.sleep(20)
        same = world.gateway.configuration
        assert same is not None
        (point,) = same.points

        def known_of(**changes: Any) -> tuple[State, str] | None:
            moved = replace(point, connection=replace(point.connection, **changes))
            found = known_by(world.gateway, replace(same, points=(moved,))).get(charger_id(1))
            return None if found is None else (found[0], found[1].id)

        assert known_of() == (State.GOOD, "online_runs")
        assert known_of(unit=2) == (State.SKIPPED, "online_in_use")
        assert known_of(port=point.connection.port + 1) is None
        otherwise = known_of(kind=ConnectionKind.RTU_OVER_TCP)
        assert otherwise == (State.SKIPPED, "online_in_use_otherwise")


@pytest.mark.proves("W48")
async def test_the_values_of_the_running_smart_meter_are_shown_and_a_silent_one_is_named(
    tmp_path: Path,
) -> None:
    async with World(DYNAMIC, tmp_path) as world:
        world.strict = False
        feeding = world._group.create_task(House(world, 5.0).run())
        await world.sleep(60)
        configuration = world.gateway.configuration
        assert configuration is not None
        state, words = known_by(world.gateway, configuration)[METER]
        assert state is State.GOOD
        assert "L1 5 A" in words.problem()
        feeding.cancel()
        await world.sleep(60)
        state, words = known_by(world.gateway, configuration)[METER]
        assert (state, words.id) == (State.WARNING, "online_runs_badly")


@pytest.mark.proves("W47")
async def test_a_charger_that_the_gateway_reads_is_watched_by_what_it_reads(tmp_path: Path) -> None:
    async with World(SITE, tmp_path) as world:
        setting_up = SettingUp(world.gateway, world._group)
        pages = setting_up.for_pages()
        await world.sleep(20)
        configuration = world.gateway.configuration
        assert configuration is not None
        setting_up._start_watch(configuration, {charger_id(1)})
        await world.sleep(5)
        assert [one.is_heard for one in pages.watch().watched] == [True]
        assert pages.watch().latest is None
        world.charger(1).plug(Vehicle())
        await world.until(lambda: pages.watch().latest is not None, 20.0)
        await world.sleep(UNASKED_S + 5.0)
        assert not pages.watch().is_running, "no page has asked for so long"
        setting_up._start_watch(configuration, {charger_id(1)})
        await world.sleep(5)
        assert (pages.watch().number, pages.watch().is_running) == (2, True)
        setting_up._cancel("watch")
        await world.sleep(2)
        assert not pages.watch().is_running


@pytest.mark.proves("W47", "W48")
async def test_a_connection_that_the_gateway_has_with_other_settings_is_not_watched_beside_it(
    tmp_path: Path,
) -> None:
    async with World(SITE, tmp_path) as world:
        setting_up = SettingUp(world.gateway, world._group)
        pages = setting_up.for_pages()
        await world.sleep(20)
        running = world.gateway.configuration
        assert running is not None
        (point,) = running.points
        other = replace(point.connection, kind=ConnectionKind.RTU_OVER_TCP)
        draft = replace(running, points=(replace(point, connection=other),))
        (server,) = world.site.servers.values()
        before = list(server.clients)
        setting_up._start_watch(draft, {charger_id(1)})
        await world.sleep(5)
        (watched,) = pages.watch().watched
        assert (watched.is_in_use, watched.is_used_otherwise, watched.is_heard) == (
            True,
            True,
            False,
        )
        assert server.clients == before, "nobody else has connected"


@pytest.mark.proves("W47", "W48")
async def test_a_host_that_is_spelled_otherwise_is_the_one_that_the_gateway_has(
    tmp_path: Path,
) -> None:
    async with World(SITE, tmp_path) as world:
        await world.sleep(20)
        running = world.gateway.configuration
        assert running is not None
        (point,) = running.points
        by_address = replace(point.connection, host="192.0.2.31")
        draft = replace(running, points=(replace(point, connection=by_address),))
        assert point.connection.host is not None
        addresses = {point.connection.host.lower(): ("192.0.2.31",)}
        known = known_values(world.gateway, draft, addresses)[charger_id(1)]
        assert known.values is not None, "the gateway reads this very charger"
        assert not known.is_otherwise
        state, words = known_by(world.gateway, draft, addresses)[charger_id(1)]
        assert (state, words.id) == (State.SKIPPED, "online_in_use")
        assert known_values(world.gateway, draft) == {}, "a name that nobody knows is another host"


@pytest.mark.proves("W48")
async def test_a_search_after_another_keeps_what_that_has_found(tmp_path: Path) -> None:
    def refuses(_host: str | None) -> Message | None:
        return message("demo_only_simulated")

    async with World(SITE, tmp_path) as world:
        setting_up = SettingUp(world.gateway, world._group, Surroundings(refuses=refuses))
        pages = setting_up.for_pages()
        setting_up._search_address("192.0.2.31", 502, None)
        assert setting_up._search is not None
        where = Connection(
            kind=ConnectionKind.TCP, host="192.0.2.32", port=502, unit=1, connector=1
        )
        found = FoundDevice(connection=where, model=catalogue().chargers["alfen_eve"])
        setting_up._search.progress = replace(pages.search(), found=(found,))
        setting_up._search_address("192.0.2.31", 502, None)
        assert pages.search().known == (found,)
        assert pages.search().found == ()


async def test_what_is_not_reached_from_here_is_neither_searched_nor_checked_nor_watched(
    tmp_path: Path,
) -> None:
    def refuses(host: str | None) -> Message | None:
        return None if host == HERE else message("demo_only_simulated")

    async with World(SITE, tmp_path) as world:
        setting_up = SettingUp(world.gateway, world._group, Surroundings(refuses=refuses))
        pages = setting_up.for_pages()
        for number in range(2):
            if number:
                setting_up._search_line("/dev/ttyUSB0")
            else:
                setting_up._search_address("192.0.2.31", 502, None)
            trouble = pages.search().trouble
            assert trouble is not None
            assert (trouble.id, pages.search().number) == ("demo_only_simulated", number + 1)
            assert not pages.search().is_running
        running = world.gateway.configuration
        assert running is not None
        (point,) = running.points
        away = replace(point.connection, kind=ConnectionKind.SERIAL, host=None)
        tunnel = replace(running.knx, link=KnxLinkKind.TUNNELLING_TCP, gateway_host="192.0.2.9")
        draft = replace(running, points=(replace(point, connection=away),), knx=tunnel, serial=LINE)
        setting_up._start_check(draft, lambda key: FileLine("", 0, key), "sum", None)
        setting_up._start_watch(draft, {charger_id(1)})
        await world.until(lambda: not pages.check().is_running, 10.0)
        said = {one.id: (one.state, one.words and one.words.id) for one in pages.check().seen}
        assert said == {
            charger_id(1): (State.SKIPPED, "demo_only_simulated"),
            "knx": (State.SKIPPED, "demo_only_simulated"),
        }
        assert pages.watch().watched == ()


async def test_the_end_of_the_device_waits_for_nothing_that_goes_on(tmp_path: Path) -> None:
    async with World(SITE, tmp_path) as world:
        setting_up = SettingUp(world.gateway, world._group)
        pages = setting_up.for_pages()
        await world.sleep(20)
        configuration = world.gateway.configuration
        assert configuration is not None
        setting_up._start_watch(configuration, {charger_id(1)})
        setting_up._start_charge(1)
        await world.sleep(5)
        assert (pages.watch().is_running, pages.charge().is_running) == (True, True)
        setting_up.end()
        await world.sleep(1)
        assert (pages.watch().is_running, pages.charge().is_running) == (False, False)


@pytest.mark.proves("W47")
async def test_a_warning_that_the_running_gateway_disproves_is_not_said_any_more(
    tmp_path: Path,
) -> None:
    text = SITE.replace("alfen_eve", "heidelberg_energy_control")
    warnings = parse_configuration(text, catalogue(), is_offline=True).findings
    doubts = [one for one in warnings if one.place.key.endswith("connection.type")]
    assert len(doubts) == 1
    async with World(text, tmp_path) as world:
        setting_up = SettingUp(world.gateway, world._group)

        def still_hold(found: tuple[Finding, ...]) -> tuple[Finding, ...]:
            return without_doubts(found, world.gateway.configuration, setting_up.answered())

        seen = SeenDevice(world.gateway, warnings, still_hold)
        await world.sleep(20)
        assert doubts[0] not in seen.facts().warnings
        assert len(seen.facts().warnings) == len(warnings) - 1
        other = SITE.replace("alfen_eve", "heidelberg_energy_control").replace("15021", "15022")
        found = parse_configuration(other, catalogue(), is_offline=True)
        assert without_doubts(warnings, found.configuration, setting_up.answered()) == warnings
