"""The self-test of a running gateway names each planted defect, and changes no current."""

from pathlib import Path

import pytest

from knxgw.monitoring.self_test import Check, Problem, Row, Verdict
from knxgw.sim.vehicle import Vehicle
from tests.gateway.test_load_management import DYNAMIC, House
from tests.support.world import World


async def found_by(world: World) -> dict[tuple[Check, str], Row]:
    world.service.start_self_test()
    await world.sleep(0.1)
    took_s = await world.until(lambda: not world.service.self_test.progress.is_running, 60.0)
    assert took_s <= 60.0
    progress = world.service.self_test.progress
    assert len(progress.rows) == progress.expected
    return {(row.check, row.subject): row for row in progress.rows}


def problems(rows: dict[tuple[Check, str], Row]) -> dict[tuple[Check, str], Problem]:
    return {key: row.problem for key, row in rows.items() if row.problem is not None}


@pytest.mark.proves("W50")
async def test_a_site_that_is_well_has_nothing_but_good_rows_and_keeps_its_currents(
    tmp_path: Path,
) -> None:
    async with World(DYNAMIC, tmp_path) as world:
        world.strict = False
        feeding = world._group.create_task(House(world, 5.0).run())
        world.charger(1).plug(Vehicle())
        await world.sleep(60)
        before = [world.charger(number).offer_ma for number in (1, 2)]
        rows = await found_by(world)
        found = problems(rows)
        found.pop((Check.CLOCK, ""), None)  # the machine of the test may have no time server
        found.pop((Check.SPACE, ""), None)
        found.pop((Check.MEMORY, ""), None)  # that of the whole process of the tests
        assert found == {}
        assert rows[Check.CHARGER, "cp1"].verdict is Verdict.GOOD
        assert [world.charger(number).offer_ma for number in (1, 2)] == before
        feeding.cancel()


@pytest.mark.proves("W50")
async def test_each_planted_defect_is_named(tmp_path: Path) -> None:
    async with World(DYNAMIC, tmp_path) as world:
        world.strict = False
        await world.sleep(30)  # no meter speaks
        simulator = next(iter(world.site.servers.values()))
        simulator.misbehaviour.silent = True
        await world.sleep(40)
        found = problems(await found_by(world))
        assert found[Check.SMART_METER, ""] is Problem.METER_SILENT
        assert Problem.DEVICE_NOT_REACHABLE in found.values()
        world.database._connection.execute("PRAGMA query_only = 1")
        found = problems(await found_by(world))
        assert found[Check.STORE, ""] is Problem.NOT_STORED


async def test_an_unconfigured_device_is_tested_too(tmp_path: Path) -> None:
    async with World(DYNAMIC, tmp_path) as world:
        world.strict = False
        await world.change(None)
        rows = await found_by(world)
        assert rows[Check.SMART_METER, ""].verdict is Verdict.NOT_USED
        assert rows[Check.KNX, ""].verdict is Verdict.GOOD
        assert world.service.self_test.progress.number == 1
