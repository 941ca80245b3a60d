"""Every fault of `faults.py`, on every transport: its code in time, nobody else disturbed, healed."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest

from knxgw.catalogue.load import catalogue
from knxgw.charging.events import ChargerConditionChanged, ChargerSeen, DeviceEvent, LinkCondition
from knxgw.charging.quantities import Quantity, Value
from knxgw.charging.scope import PointNumber
from knxgw.config.devices import charger_id
from knxgw.links.modbus import ModbusBus, quiet_pymodbus
from knxgw.sim.charger import SimulatedCharger
from tests.links.faults import COMM, FAULTS, LOST, NONE, PERIOD_S, TRANSACTION_S, Fault
from tests.links.faulty_peer import FaultyPeer
from tests.support.devices import driver as make_driver
from tests.support.modbus_rig import CP1, CP2, PORT, endpoint_of, kept_alive
from tests.support.one_of_each import one_of_each

MODEL = catalogue().chargers["abb_terra_ac"]
HIT, OTHER = CP1, CP2
SHOWN_A = {HIT: 7, OTHER: 9}  # of each phase
FINE_S, LASTS_S, QUIET_S = 6.0, 25.0, 10.0
CONDITIONS = {COMM: LinkCondition.COMM, LOST: LinkCondition.NOT_REACHABLE, NONE: LinkCondition.GOOD}

_POINTS = {charger_id(point): point for point in (HIT, OTHER)}


class Noted:
    """What a bus told, and when."""

    def __init__(self) -> None:
        self.conditions: dict[PointNumber, list[tuple[float, LinkCondition]]] = {HIT: [], OTHER: []}
        self.readings: dict[PointNumber, list[tuple[float, Value]]] = {HIT: [], OTHER: []}

    def __call__(self, event: DeviceEvent) -> None:
        """Take an event."""
        now_s = asyncio.get_running_loop().time()
        match event:
            case ChargerConditionChanged(device=device, condition=condition):
                self.conditions[_POINTS[device]].append((now_s, condition))
            case ChargerSeen(device=device, values=values) if Quantity.CURRENT in values:
                self.readings[_POINTS[device]].append((now_s, values[Quantity.CURRENT]))

    def condition(self, point: PointNumber) -> LinkCondition:
        """Return what a link is now."""
        return self.conditions[point][-1][1]

    def longest_gap_s(self, point: PointNumber, from_s: float, to_s: float) -> float:
        """Return the longest time without a reading."""
        times = [at_s for at_s, _ in self.readings[point] if from_s < at_s < to_s]
        return max(b - a for a, b in pairwise([from_s, *times, to_s]))


class Site:
    """Two chargers behind one endpoint that can be out of order."""

    def __init__(self, transport: str) -> None:
        quiet_pymodbus()
        self.chargers: dict[int, SimulatedCharger] = {
            unit: SimulatedCharger(MODEL, unit) for unit in (HIT, OTHER)
        }
        for unit, charger in self.chargers.items():
            for phase in (1, 2, 3):
                charger.show(f"current_l{phase}", SHOWN_A[PointNumber(unit)])
            charger.show("power", 3 * 230 * SHOWN_A[PointNumber(unit)])
        self.peer = FaultyPeer(transport=transport, port=PORT, images=self.chargers)
        self.drivers = [make_driver(point, MODEL, unit_id=point) for point in (HIT, OTHER)]
        self.noted = Noted()
        self.bus = ModbusBus(endpoint_of(transport), drivers=self.drivers, on_event=self.noted)

    def want(self, offer_ma: int) -> None:
        """Offer both a current."""
        for driver in self.drivers:
            driver.want(offer_ma)
        self.bus.wake()

    def begin(self, fault: Fault) -> None:
        """Let the fault come."""
        units = frozenset({int(HIT)}) if fault.hits_unit else None
        self.peer.begin(fault.behave, fault.door, units)
        self.peer.ends_s = fault.ends_s
        if fault.hangs_up:
            self.peer.hang_up()


@asynccontextmanager
async def asked(site: Site) -> AsyncIterator[Site]:
    """Run devices and bus."""
    listener = site.peer.listen()
    assert await listener.listen()
    try:
        async with kept_alive(site.bus):
            yield site
    finally:
        listener.close()


CASES = [(fault, transport) for fault in FAULTS for transport in fault.on]
EACH_FAULT = one_of_each(
    CASES, lambda case: case[0].name, lambda case: f"{case[1]}-{case[0].name}", unpacked=True
)


@pytest.mark.proves("H.16", "H.17", "4.12", "4.13", "4.17")
@pytest.mark.parametrize(("fault", "transport"), EACH_FAULT)
async def test_a_fault_has_its_code_in_time_disturbs_nobody_else_and_heals(
    fault: Fault, transport: str
) -> None:
    async with asked(Site(transport)) as site:
        noted, loop = site.noted, asyncio.get_running_loop()
        site.want(16_000)
        await asyncio.sleep(FINE_S)
        assert {noted.condition(HIT), noted.condition(OTHER)} == {LinkCondition.GOOD}

        begun_s = loop.time()
        site.begin(fault)
        site.want(10_000)
        await asyncio.sleep(max(LASTS_S, fault.within_s + QUIET_S))
        code = fault.code_on(transport)
        came = [
            at_s - begun_s
            for at_s, condition in noted.conditions[HIT]
            if at_s >= begun_s and condition is CONDITIONS[code]
        ]
        others = {c for at_s, c in noted.conditions[HIT] if at_s >= begun_s}
        if code == NONE:
            assert others == set(), "it is no fault"
            assert noted.longest_gap_s(HIT, begun_s, loop.time()) <= fault.gap_s
        else:
            assert came, others
            assert came[0] <= fault.within_s
            assert others <= {CONDITIONS[code], LinkCondition.GOOD}, "one fault has one code"
            if not fault.passes:
                assert noted.condition(HIT) is CONDITIONS[code]
        if fault.hits_unit:
            assert [c for at_s, c in noted.conditions[OTHER] if at_s >= begun_s] == []
            assert noted.longest_gap_s(OTHER, begun_s, loop.time()) <= PERIOD_S + TRANSACTION_S

        ended_s = loop.time()
        site.peer.end()
        site.want(12_000)
        await asyncio.sleep(fault.heals_s)
        assert {noted.condition(HIT), noted.condition(OTHER)} == {LinkCondition.GOOD}
        assert [one.offer_ma for one in site.chargers.values()] == [12_000, 12_000]
        await asyncio.sleep(3.0)
        assert noted.longest_gap_s(HIT, loop.time() - 3.0, loop.time()) <= PERIOD_S
        assert noted.readings[HIT][-1][0] > ended_s
        assert shown(noted.readings[HIT]) == {3000 * SHOWN_A[HIT]}
        assert shown(noted.readings[OTHER]) == {3000 * SHOWN_A[OTHER]}


def shown(readings: Sequence[tuple[float, Value]]) -> set[Value]:
    """Return the values of readings."""
    return {value for _, value in readings}


def test_there_are_enough_of_them_and_each_has_its_name() -> None:
    names = [fault.name for fault in FAULTS]
    assert len(set(names)) == len(names) >= 60
    assert MODEL.response_timeout_s == TRANSACTION_S
