"""A device that ends every connection after some time is never away because of that."""

import asyncio
from dataclasses import replace

import pytest

from knxgw.catalogue.load import catalogue
from knxgw.charging.events import LinkCondition, OfferAcknowledged
from knxgw.config.devices import charger_id
from knxgw.sim.vehicle import Vehicle
from tests.support.modbus_rig import CP1, rig_of

HCC3 = catalogue().chargers["mennekes_premium_hcc3"]  # ends every connection 30 s after it was made
UNIT = (255,)


async def test_the_simulated_charger_ends_a_connection_after_its_time() -> None:
    rig = rig_of(HCC3, UNIT)
    async with rig.running():
        connection = rig.bus.connection
        connection.update_needs(
            replace(connection.needs, lifetime_s=None)
        )  # a bus that does not know better
        await asyncio.sleep(29.5)
        assert len(rig.simulator.clients) == 1
        await asyncio.sleep(3.0)
        assert len(rig.simulator.clients) == 2
        assert rig.conditions() == [LinkCondition.GOOD], "it is made again before anybody notices"


@pytest.mark.proves("4.16")
async def test_the_connection_is_renewed_before_the_charger_ends_it_and_nobody_notices() -> None:
    rig = rig_of(HCC3, UNIT)
    async with rig.running():
        rig.offer(13_000)
        for _ in range(300):
            before = len(rig.readings())
            await asyncio.sleep(2.0)
            assert len(rig.readings()) > before, "readings never pause"
        assert rig.conditions() == [LinkCondition.GOOD]
        assert 20 <= len(rig.simulator.clients) <= 24
        assert set(rig.simulator.clients) == {1}, "the old one ends before the new one begins"
        assert len(rig.simulator.writes) == 1, "the charger has not restarted: it knows its limit"
        assert rig.events.count(OfferAcknowledged(device=charger_id(CP1), offer_ma=13_000)) == 1


async def test_a_command_reaches_the_charger_at_once_also_while_its_connection_is_worn() -> None:
    async with rig_of(HCC3, UNIT).running() as rig:
        await asyncio.sleep(25.0)
        for step in range(80):
            await asyncio.sleep(0.1)
            offer_ma = 6000 + step % 10 * 1000
            rig.offer(offer_ma)
            await asyncio.sleep(0.02)
            assert rig.chargers[0].offer_ma == offer_ma
        assert len(rig.simulator.clients) == 2
        assert rig.conditions() == [LinkCondition.GOOD]


@pytest.mark.proves("4.16")
async def test_what_a_charger_forgot_while_its_connection_was_renewed_is_corrected() -> None:
    async with rig_of(HCC3, UNIT).running() as rig:
        rig.chargers[0].plug(Vehicle())
        rig.offer(8000)
        await asyncio.sleep(26.9)
        connections = len(rig.simulator.clients)
        rig.chargers[0].restart()
        assert rig.chargers[0].offer_ma == 32_000
        await asyncio.sleep(4.0)
        assert len(rig.simulator.clients) == connections + 1
        assert rig.chargers[0].offer_ma == 8000


async def test_a_charger_that_ends_its_connections_earlier_than_it_should_is_met_again() -> None:
    rig = rig_of(HCC3, UNIT)
    rig.chargers[0].model = replace(rig.chargers[0].model, connection_s=19.7)
    async with rig.running():
        rig.offer(13_000)
        await asyncio.sleep(300.0)
        assert rig.conditions() == [LinkCondition.GOOD]
        assert len(rig.simulator.writes) == 1


async def test_a_charger_that_takes_a_moment_to_be_free_again_is_not_lost() -> None:
    async with rig_of(HCC3, UNIT).running() as rig:
        await asyncio.sleep(26.9)
        await rig.simulator.stop()
        await asyncio.sleep(0.6)
        await rig.simulator.start()
        await asyncio.sleep(10.0)
        assert rig.conditions() == [LinkCondition.GOOD]


async def test_a_charger_that_is_gone_when_its_connection_is_renewed_is_not_reachable() -> None:
    async with rig_of(HCC3, UNIT).running() as rig:
        rig.offer(13_000)
        await asyncio.sleep(26.9)
        await rig.simulator.stop()
        await asyncio.sleep(4.0)
        assert rig.conditions()[-1] is LinkCondition.NOT_REACHABLE
        rig.chargers[0].restart()
        await rig.simulator.start()
        await asyncio.sleep(20.0)
        assert rig.conditions()[-1] is LinkCondition.GOOD
        assert rig.chargers[0].offer_ma == 13_000
