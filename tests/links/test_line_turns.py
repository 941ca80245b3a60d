"""Who is asked when a line cannot carry everything: what matters first, commands before all, the dead rarely."""

import asyncio
from collections import Counter
from dataclasses import replace

import pytest

from knxgw.catalogue.device_model import DeviceModel
from knxgw.catalogue.load import catalogue
from knxgw.charging.events import LinkCondition
from knxgw.charging.scope import PointNumber
from knxgw.modbus.driver import Driver
from knxgw.modbus.requests import Read as ReadRequest
from tests.support.modbus_rig import ModbusRig, rig_of

ABB = catalogue().chargers["abb_terra_ac"]
UNITS = range(1, 6)


def slow(model: DeviceModel) -> DeviceModel:
    """Return a model read value by value with 0.1 s of silence: five of them are too much."""
    return replace(model, read=replace(model.read, is_single=True), request_gap_s=0.1)


class _Noting(Driver):
    """A driver that notes what it had read."""

    def __init__(self, driver: Driver) -> None:
        super().__init__(
            driver.device,
            driver.model,
            name=driver.name,
            unit_id=driver.unit_id,
            poll_phase=driver._reader.poll_phase,
        )
        self.asked: list[tuple[float, str]] = []

    def next_request(self, now_s: float) -> object:  # type: ignore[override]
        """Return what the driver wants, and note it."""
        request = super().next_request(now_s)
        name = request.block.points[0].name if isinstance(request, ReadRequest) else "write"
        if request is not None:
            self.asked.append((now_s, name))
        return request


def noting(rig: ModbusRig) -> list[_Noting]:
    """Let a wire's bus be noted."""
    drivers = [_Noting(driver) for driver in rig.drivers]
    rig.bus.drivers = tuple(drivers)
    return drivers


@pytest.mark.proves("H.13", "4.10")
async def test_on_a_full_line_state_and_currents_come_several_times_as_often() -> None:
    rig = rig_of(slow(ABB), UNITS, "rtu")
    drivers = noting(rig)
    async with rig.running():
        await asyncio.sleep(120.0)
    for driver in drivers:
        counted = Counter(name for _, name in driver.asked)
        assert min(counted["state"], counted["current_l1"]) >= 3 * counted["power"]
        assert counted["power"] >= 3, "and what is slow is not forgotten"
        assert counted["serial"] == 1
    totals = [len(driver.asked) for driver in drivers]
    assert max(totals) - min(totals) <= 0.1 * max(totals), "every unit has its share"


@pytest.mark.proves("4.12")
async def test_a_dead_unit_costs_the_others_no_more_than_its_share() -> None:
    counts = []
    for missing in (False, True):
        rig = rig_of(slow(ABB), UNITS, "rtu")
        if missing:
            rig.simulator._images = rig.simulator._images[:-1]
        drivers = noting(rig)
        async with rig.running():
            await asyncio.sleep(60.0)
            counts.append(sum(len(driver.asked) for driver in drivers[:-1]))
        conditions = rig.conditions(UNITS[-1])
        assert conditions == [LinkCondition.NOT_REACHABLE if missing else LinkCondition.GOOD]
    assert counts[1] >= 0.8 * counts[0], counts


@pytest.mark.proves("4.11")
async def test_an_interruption_overtakes_every_other_write_that_waits() -> None:
    """A Heidelberg is told three registers after its first offer, 0.1 s apart."""
    rig = rig_of(catalogue().chargers["heidelberg_energy_control"], UNITS, "rtu")
    async with rig.running():
        await asyncio.sleep(10.0)  # nobody is told anything before it is known who answers
        rig.offer(10_000)
        await rig.until(lambda: len(rig.simulator.writes) >= len(UNITS) + 2)
        said_s, before = asyncio.get_running_loop().time(), len(rig.simulator.writes)
        rig.offer(0, PointNumber(4))
        await rig.until(lambda: len(rig.simulator.writes) > before + 1)
        later = rig.simulator.writes[before:]
        place = next(n for n, write in enumerate(later) if write[1:] == (4, 261, (0,)))
        assert place <= 1, "at most the one that was on its way comes before"
        assert later[place][0] - said_s < 0.25
