"""The building and its smart meter: what flows where, and how the meter tells it."""

from itertools import pairwise
from pathlib import Path

import pytest
from xknx.telegram.apci import GroupValueRead, GroupValueResponse

from knxgw.sim.house import House
from knxgw.sim.knx_meter import KnxMeter
from knxgw.sim.vehicle import Vehicle
from tests.support.world import Heard, World, from_payload

POINT = (
    "  - {{number: {number}, model: abb_terra_ac, connection: {{host: 127.0.0.1, port: {port}}}, "
    "phases: {phases}, phase_rotation: '{rotation}'}}\n"
)
SITE = """
knx: {{link: none}}
load_management: {{mode: dynamic, fuse_a: 63, reserve_a: 3, smart_meter: {{{meter}}}}}
charging_points:
{points}group_objects: {{10: [1/0/10, 1/7/10], 11: [1/0/11], 12: [1/0/12], 20: [1/0/20], 50: [1/1/50],
  501: [2/0/1], 502: [2/0/2], 503: [2/0/3], 504: [2/0/4]}}
"""
ADDRESSES = ("1/0/10", "1/0/11", "1/0/12")


def site(meter: str, *points: tuple[int, str]) -> str:
    """Return a site; of each charging point the phases that are wired, and their rotation."""
    lines = [
        POINT.format(number=n, port=5020 + n, phases=phases, rotation=rotation)
        for n, (phases, rotation) in enumerate(points or ((3, "123"),), start=1)
    ]
    return SITE.format(meter=meter, points="".join(lines))


class Metered:
    """A world with the simulated smart meter on its line."""

    def __init__(self, text: str, state: Path, *, run_gateway: bool = False) -> None:
        self.world = World(text, state, run_gateway=False)
        self.world.strict = False
        self._run_gateway = run_gateway

    async def __aenter__(self) -> "Metered":
        world = await self.world.__aenter__()
        settings = world.configuration.load_management.smart_meter
        assert settings is not None
        self.house = world.site.house
        self.meter = KnxMeter(self.house, settings, world.configuration, world.line.join("1.1.30"))
        self._running = world._group.create_task(self.meter.run())
        if self._run_gateway:
            world.start_gateway()
            await world.until(lambda: world.gateway.is_ready, 60.0)
        return self

    async def __aexit__(self, *error: object) -> None:
        self._running.cancel()
        await self.world.__aexit__(None, None, None)

    def heard(self, address: str) -> list[Heard]:
        return [one for one in self.world.heard if one.address == address and one.is_write]


# --- what flows


@pytest.mark.parametrize(
    ("rotation", "phases", "vehicle", "expected"),
    [
        ("123", 3, 3, (14, 15, 16)),
        ("231", 3, 3, (14, 15, 16)),
        ("123", 3, 1, (14, 5, 6)),
        ("231", 3, 1, (4, 15, 6)),
        ("312", 3, 1, (4, 5, 16)),
        ("312", 3, 2, (14, 5, 16)),
        ("231", 2, 3, (4, 15, 16)),
        ("321", 1, 3, (4, 5, 16)),
    ],
)
@pytest.mark.proves("H.91")
async def test_the_mains_connection_carries_a_car_on_the_phases_its_terminals_are_on(
    rotation: str, phases: int, vehicle: int, expected: tuple[int, int, int], tmp_path: Path
) -> None:
    text = site("interval_s: 10", (phases, rotation))
    async with World(text, tmp_path, run_gateway=False) as world:
        house, charger = world.site.house, world.charger()
        house.set_base([4000, 5000, 6000])
        charger.plug(Vehicle(phases=vehicle, maximum_ma=10_000))
        await world.sleep(20.0)
        assert [round(one / 1000) for one in house.phases_ma()] == list(expected)


async def test_energy_counts_only_the_phases_that_are_wired(tmp_path: Path) -> None:
    async with World(site("interval_s: 10", (1, "123")), tmp_path, run_gateway=False) as world:
        world.charger().plug(Vehicle(phases=3, maximum_ma=10_000))
        await world.sleep(20.0)
        before_wh = world.charger().session_wh
        await world.sleep(36.0)  # before its watchdog falls back
        assert world.charger().session_wh - before_wh == pytest.approx(23, rel=0.02)


async def test_a_connection_of_one_phase_carries_every_charging_point_on_it(
    tmp_path: Path,
) -> None:
    text = site("interval_s: 10, phases: 1", (1, "231"), (3, "312"))
    async with World(text, tmp_path, run_gateway=False) as world:
        house = world.site.house
        assert house.phases_ma() == (4000, 0, 0)
        house.set_base([2000, 2000, 2000])
        for number in (1, 2):
            world.charger(number).plug(Vehicle(maximum_ma=10_000))
        await world.sleep(20.0)
        assert house.phases_ma() == (22_000, 0, 0)


@pytest.mark.proves("H.91")
async def test_a_meter_on_modbus_shows_the_rotated_phases(tmp_path: Path) -> None:
    text = site(
        "source: modbus, model: eastron_sdm630, connection: "
        "{type: rtu_over_tcp, host: 127.0.0.1, port: 5040, unit: 1}",
        (3, "231"),
    )
    async with World(text, tmp_path) as world:
        world.strict = False
        world.charger().plug(Vehicle(phases=1, maximum_ma=10_000))
        await world.sleep(60.0)
        shares = world.gateway.view().load_management
        assert shares is not None
        measured = [one.measured_ma for one in shares.phases]
        assert measured == [4000, 14_000, 4000]
        assert [one.base_ma for one in shares.phases] == [4000, 4000, 4000]


# --- how the meter on KNX tells it


@pytest.mark.parametrize(
    ("measurement", "dpt", "expected"),
    [
        ("current", "7.012", [8500, 0, 12_250]),
        ("current", "9.021", [8500, -3000, 12_250]),
        ("current", "14.019", [8.5, -3.0, 12.25]),
        ("power", "9.024", [1.955, -0.69, 2.8175]),
        ("power", "14.056", [1955, -690, 2818]),
    ],
)
@pytest.mark.proves("H.91")
async def test_values_come_in_the_datapoint_type_of_the_site_with_their_sign(
    measurement: str, dpt: str, expected: list[float], tmp_path: Path
) -> None:
    text = site(f"interval_s: 7, measurement: {measurement}, dpt: '{dpt}'")
    async with Metered(text, tmp_path) as it:
        it.house.set_base([8500, -3000, 12_250])
        await it.world.sleep(30.0)
        for address, value in zip(ADDRESSES, expected, strict=True):
            heard = it.heard(address)
            assert from_payload(dpt, heard[-1].payload) == pytest.approx(value, rel=0.005)
            spacings = [b.at_s - a.at_s for a, b in pairwise(heard)]
            assert spacings == pytest.approx([7.0] * len(spacings))
            assert len(heard) >= 4


async def test_a_meter_of_one_phase_tells_one_value(tmp_path: Path) -> None:
    async with Metered(site("phases: 1"), tmp_path) as it:
        await it.world.sleep(30.0)
        assert [len(it.heard(address)) > 0 for address in ADDRESSES] == [True, False, False]


async def test_with_in_operation_values_come_on_change_and_object_20_at_the_interval(
    tmp_path: Path,
) -> None:
    text = site("interval_s: 10, monitoring: values_and_in_operation")
    async with Metered(text, tmp_path) as it:
        await it.world.sleep(60.5)
        assert [len(it.heard(one)) for one in ADDRESSES] == [1, 1, 1]
        alive = [one.at_s for one in it.heard("1/0/20")]
        assert len(alive) == 7
        assert alive[-1] - alive[0] == pytest.approx(60.0)
        it.house.set_base([4000, 9000, 4300])
        await it.world.sleep(1.5)
        assert [len(it.heard(one)) for one in ADDRESSES] == [1, 2, 1]


async def test_a_read_is_answered(tmp_path: Path) -> None:
    async with Metered(site("interval_s: 600"), tmp_path) as it:
        await it.world.sleep(1.0)
        it.house.set_base([0, 7000, 0])
        await it.world.send("1/0/11", GroupValueRead())
        await it.world.sleep(0.1)
        [answer] = [one for one in it.world.heard if isinstance(one.apci, GroupValueResponse)]
        assert from_payload("14.019", answer.payload) == 7.0
        it.meter.is_silent = True
        await it.world.send("1/0/11", GroupValueRead())
        await it.world.sleep(0.1)
        assert len([h for h in it.world.heard if isinstance(h.apci, GroupValueResponse)]) == 1


@pytest.mark.proves("H.91")
async def test_load_management_can_be_rehearsed_with_it(tmp_path: Path) -> None:
    text = site("interval_s: 2", (3, "123"), (3, "231"))
    async with Metered(text, tmp_path, run_gateway=True) as it:
        for number in (1, 2):
            it.world.charger(number).plug(Vehicle())
        await it.world.sleep(180.0)
        assert [it.world.charger(n).offer_ma for n in (1, 2)] == [16_000, 16_000]
        it.house.set_base([40_000, 4000, 4000])
        await it.world.sleep(30.0)
        assert max(it.house.phases_ma()) <= 60_000
        assert all(it.world.charger(n).offer_ma >= 6000 for n in (1, 2))
        it.meter.is_silent = True
        await it.world.sleep(60.0)
        assert [it.world.charger(n).offer_ma for n in (1, 2)] == [6000, 6000]
        it.meter.is_silent = False
        it.house.set_base([4000, 4000, 4000])
        await it.world.sleep(180.0)
        assert [it.world.charger(n).offer_ma for n in (1, 2)] == [16_000, 16_000]


async def test_a_line_that_was_cut_is_joined_again(tmp_path: Path) -> None:
    async with Metered(site("interval_s: 2"), tmp_path) as it:
        await it.world.sleep(5.0)
        it.world.line.cut()
        await it.world.sleep(5.0)
        it.world.line.mend()
        await it.world._peer.open(it.world._hear, lambda: None)
        before = len(it.heard("1/0/10"))
        await it.world.sleep(15.0)
        assert len(it.heard("1/0/10")) > before


def test_a_meter_measures_what_flows_until_it_is_wrong() -> None:
    house = House({})
    house.set_base([1000, -2000, 3000])
    assert house.measured_ma() == (1000, -2000, 3000)
    house.reverse_meter([1, 2])
    assert house.measured_ma() == (-1000, 2000, 3000)
    house.freeze_meter()
    house.set_base([5000, 5000, 5000])
    assert house.measured_ma() == (-1000, 2000, 3000)
    assert house.phases_ma() == (5000, 5000, 5000)
    house.mend_meter()
    assert house.measured_ma() == (5000, 5000, 5000)
