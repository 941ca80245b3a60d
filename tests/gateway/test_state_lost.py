"""A gateway whose stored state is damaged, or cannot be read: it works, and nobody gets more."""

import sqlite3
from pathlib import Path

import pytest
from xknx.dpt import DPTBinary

from knxgw.charging.scope import Scope, point_scope
from knxgw.sim.vehicle import Vehicle
from knxgw.store.database import FILE_NAME
from tests.support.world import World, from_payload

SITE = """
device: {name: Test, time_zone: Europe/Berlin}
knx: {link: none}
load_management: {mode: "off"}
charging_points:
  - {number: 1, name: One, model: alfen_eve, connection: {type: tcp, host: 127.0.0.1, port: 5021, unit: 1}}
  - {number: 2, name: Two, model: alfen_eve, connection: {type: tcp, host: 127.0.0.1, port: 5022, unit: 1}}
group_objects: {1: 1/0/1, 2: 1/0/2, 8: 1/0/8, 9: 1/0/9, 50: 1/1/50, 55: 1/1/55, 56: 1/1/56,
  60: 1/1/60, 100: 1/2/50}
"""
LOST = "StateLost"


async def restart(world: World) -> None:
    world.skip()
    world.start_gateway()
    await world.until(lambda: world.gateway.is_ready, 60.0)
    await world.sleep(15.0)


def tear(directory: Path) -> None:
    """Overwrite the page that holds the records."""
    file = directory / FILE_NAME
    connection = sqlite3.connect(file)
    query = "SELECT rootpage FROM sqlite_schema WHERE name = 'records'"
    page = int(connection.execute(query).fetchone()[0]) - 1
    connection.close()
    data = bytearray(file.read_bytes())
    data[page * 4096 : (page + 1) * 4096] = b"\xa5" * 4096
    file.write_bytes(data)


def damaged_files(directory: Path) -> int:
    return len(list(directory.glob(f"{FILE_NAME}.damaged-*")))


def change(directory: Path, scope: Scope, old: str, new: str) -> None:
    """Change the text of a stored record."""
    connection = sqlite3.connect(directory / FILE_NAME)
    query = "UPDATE records SET record = replace(record, ?, ?) WHERE scope = ?"
    assert connection.execute(query, (old, new, scope)).rowcount == 1
    connection.commit()
    connection.close()


def last_fault(world: World) -> str:
    return str(from_payload("16.001", world.last("1/0/9")))


@pytest.mark.proves("7.28", "7.75")
async def test_a_torn_page_is_put_aside_and_said_and_the_chargers_are_controlled(
    tmp_path: Path,
) -> None:
    async with World(SITE, tmp_path) as world:
        world.strict = False
        world.charger(1).plug(Vehicle())
        world.charger(2).plug(Vehicle())
        await world.write("1/1/55", True)
        await world.sleep(30)
        await world.stop_gateway()
        tear(tmp_path)
        await restart(world)
        assert damaged_files(tmp_path) == 1
        assert world.last("1/0/8") == DPTBinary(1)
        assert last_fault(world) == LOST
        (message,) = world.gateway.view().messages
        assert "stored state was damaged" in message
        assert world.gateway.view().fault == LOST
        assert world.charger(1).offer_ma == 0, "it may have been interrupted, and it was"
        assert world.last("1/1/56") == DPTBinary(1)
        assert world.last("1/0/2") == DPTBinary(1), "the grid operator may have limited the site"
        assert world.charger(2).offer_ma == 6000, "nothing but that can have held it back"
        await world.write("1/1/55", False)
        await world.write("1/0/1", False)
        await world.write("1/1/60", 10.0, "14.019")
        await world.sleep(20)
        assert world.charger(1).offer_ma == 10_000
        assert world.charger(2).offer_ma == 16_000
        await world.stop_gateway()
        await restart(world)
        assert world.last("1/0/8") == DPTBinary(0)
        assert world.charger(1).offer_ma == 10_000, "stored again"


async def test_what_the_bus_answers_at_the_start_stands_for_what_was_lost(tmp_path: Path) -> None:
    async with World(SITE, tmp_path) as world:
        world.strict = False
        world.charger(2).plug(Vehicle())
        await world.sleep(30)
        await world.stop_gateway()
        tear(tmp_path)
        world.answers = {"1/0/1": DPTBinary(0)}  # the one object that is read at the start
        await restart(world)
        assert world.last("1/0/2") == DPTBinary(0)
        assert world.charger(2).offer_ma == 16_000
        assert last_fault(world) == LOST


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"schema": 1', '"schema": 99'),
        ('"interruption": false', '"interruption": 7'),
        ('"interruption": false', '"other": false'),
    ],
)
async def test_a_record_that_cannot_be_read_holds_its_own_charging_point_back(
    tmp_path: Path, old: str, new: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with World(SITE, tmp_path) as world:
        world.strict = False
        world.charger(1).plug(Vehicle())
        world.charger(2).plug(Vehicle())
        await world.sleep(30)
        await world.stop_gateway()
        change(tmp_path, point_scope(1), old, new)
        await restart(world)
        assert world.charger(1).offer_ma == 0
        assert world.charger(2).offer_ma == 16_000
        assert last_fault(world) == LOST
        assert "cp1: stored state cannot be read (" in caplog.text
        assert "cp2: stored state" not in caplog.text


async def test_damage_that_is_met_while_running_is_said_and_nothing_that_holds_is_lost(
    tmp_path: Path,
) -> None:
    async with World(SITE, tmp_path) as world:
        world.strict = False
        world.charger(1).plug(Vehicle())
        await world.write("1/1/60", 10.0, "14.019")
        await world.sleep(30)
        world.database._connection.execute("DROP TABLE records")
        await world.write("1/0/1", True)
        await world.sleep(5)
        assert world.last("1/0/8") == DPTBinary(1)
        assert last_fault(world) == LOST
        assert world.charger(1).offer_ma == 6000
        await world.write("1/0/1", False)
        await world.sleep(5)
        assert world.charger(1).offer_ma == 10_000
        await world.stop_gateway()
        await restart(world)
        assert world.charger(1).offer_ma == 10_000
        assert world.last("1/0/8") == DPTBinary(0)


async def test_a_first_start_has_lost_nothing(tmp_path: Path) -> None:
    async with World(SITE, tmp_path) as world:
        world.strict = False
        world.charger(1).plug(Vehicle())
        await world.sleep(30)
        assert world.charger(1).offer_ma == 16_000
        assert world.gateway.view().messages == ()
        assert world.last("1/0/8") == DPTBinary(0)
