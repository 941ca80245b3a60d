"""A person may read registers of a device, behind all polls; nothing else can be asked."""

import asyncio

import pytest

from knxgw.catalogue.load import catalogue
from knxgw.catalogue.points import Table
from knxgw.charging.events import LinkCondition
from knxgw.errors import LinkError, PeerError, PeerRefusedError, RejectedError
from knxgw.modbus.spare_reads import MOST_WAITING, Answer, spare_block
from tests.support.modbus_rig import ModbusRig, rig_of

MODELS = catalogue().chargers


async def ask(rig: ModbusRig, table: Table, address: int, count: int, place: int = 0) -> Answer:
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Answer] = loop.create_future()
    rig.drivers[place].read_spare(table, address, count, answer.set_result, loop.time())
    rig.bus.wake()
    async with asyncio.timeout(20.0):
        return await answer


async def test_registers_come_back_as_they_are() -> None:
    model = MODELS["abb_terra_ac"]
    async with rig_of(model).running() as rig:
        await asyncio.sleep(5.0)
        point = model.points["state"]
        answer = await ask(rig, point.table, point.address, point.count)
        assert not isinstance(answer, PeerError | LinkError)
        assert len(answer) == point.count


async def test_a_refusal_is_told_and_says_nothing_about_the_device() -> None:
    async with rig_of(MODELS["abb_terra_ac"]).running() as rig:
        await asyncio.sleep(5.0)
        answer = await ask(rig, Table.INPUT, 60_000, 2)
        assert isinstance(answer, PeerRefusedError)
        await asyncio.sleep(20.0)
        assert rig.conditions() == [LinkCondition.GOOD]


@pytest.mark.proves("W33")
@pytest.mark.parametrize("model_id", ["keba_p30", "abb_terra_ac"])
async def test_polls_go_on_while_somebody_reads_as_often_as_possible(model_id: str) -> None:
    model = MODELS[model_id]
    point = model.points["state"]

    async def readings_in(seconds: float) -> int:
        before = len(rig.readings())
        await asyncio.sleep(seconds)
        return len(rig.readings()) - before

    async with rig_of(model).running() as rig:
        await asyncio.sleep(10.0)
        alone = await readings_in(60.0)
        async with asyncio.TaskGroup() as group:

            async def insist() -> None:
                while True:
                    await asyncio.sleep(0.05)
                    await ask(rig, point.table, point.address, point.count)

            task = group.create_task(insist())
            beside = await readings_in(60.0)
            task.cancel()
        assert beside >= 0.85 * alone


async def test_a_write_of_the_station_goes_before_what_a_person_reads() -> None:
    async with rig_of(MODELS["keba_p30"], (255,)).running() as rig:
        await asyncio.sleep(5.0)
        loop = asyncio.get_running_loop()
        for _ in range(MOST_WAITING):
            rig.drivers[0].read_spare(Table.HOLDING, 1000, 2, lambda _: None, loop.time())
        before_s, writes = loop.time(), len(rig.simulator.writes)
        rig.offer(0)
        await asyncio.sleep(0.05)
        assert rig.simulator.writes[writes][0] - before_s < 0.01


async def test_what_cannot_be_read_is_refused_at_once() -> None:
    async with rig_of(MODELS["abb_terra_ac"]).running() as rig:
        driver = rig.drivers[0]
        now_s = asyncio.get_running_loop().time()
        with pytest.raises(RejectedError):  # it was not reached yet
            driver.read_spare(Table.INPUT, 0, 1, lambda _: None, now_s)
        await asyncio.sleep(5.0)
        for address, count in ((0, 0), (0, 126), (-1, 1), (65_535, 2)):
            with pytest.raises(RejectedError):
                driver.read_spare(Table.INPUT, address, count, lambda _: None, now_s)
        for _ in range(MOST_WAITING):
            driver.read_spare(Table.INPUT, 0, 1, lambda _: None, now_s)
        with pytest.raises(RejectedError):
            driver.read_spare(Table.INPUT, 0, 1, lambda _: None, now_s)


async def test_who_waits_hears_that_the_device_has_gone() -> None:
    async with rig_of(MODELS["abb_terra_ac"]).running() as rig:
        await asyncio.sleep(5.0)
        rig.simulator.misbehaviour.silent = True
        answer = await ask(rig, Table.INPUT, 0, 1)
        assert isinstance(answer, LinkError)


def test_a_read_function_is_all_there_is() -> None:
    for table in Table:
        block = spare_block(unit_id=1, table=table, address=0, count=1, most=125)
        assert block.table.read_function in (1, 2, 3, 4)
