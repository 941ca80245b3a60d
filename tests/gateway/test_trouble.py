"""Trouble in virtual time: lost links, stale values, bad telegrams, restarts, faulty configurations."""

from pathlib import Path

import pytest
from xknx.dpt import DPTArray, DPTBinary
from xknx.telegram.apci import GroupValueWrite

from knxgw.sim.vehicle import Vehicle
from tests.support.world import World, from_payload

OBJECTS = ", ".join(
    f"{number + 50 * (point - 1)}: [1/{point}/{number}]"
    for point in (1, 2)
    for number in (50, 51, 52, 53, 54, 55, 56, 59, 60, 61, 62, 66, 70, 74, 76, 77, 78, 80, 94, 95)
    if (point, number) != (1, 54) and (point, number) != (2, 59)
)
SITE = f"""
device: {{name: Test, time_zone: Europe/Berlin}}
knx: {{link: none}}
load_management: {{mode: "off"}}
charging_points:
  - {{number: 1, name: One, model: keba_p30, connection: {{type: tcp, host: 127.0.0.1, port: 5021, unit: 255}}}}
  - {{number: 2, name: Two, model: goe_charger, connection: {{type: tcp, host: 127.0.0.1, port: 5022, unit: 1}}}}
group_objects: {{1: [1/0/1], 2: [1/0/2], 8: [1/0/8], 9: [1/0/9], {OBJECTS}}}
"""


def text(payload: object) -> str:
    return str(from_payload("16.001", payload))  # type: ignore[arg-type]


@pytest.mark.proves("2.63", "7.64")
async def test_a_charger_that_is_gone_gives_no_stale_values_and_comes_back(tmp_path: Path) -> None:
    async with World(SITE, tmp_path) as world:
        world.strict = False
        server = world.site.endpoint_of(2)  # type: ignore[arg-type]
        await server.stop()
        await world.until(lambda: world.last("1/2/94") == DPTBinary(1), 10)
        assert text(world.last("1/2/95")) == "NotReachable"
        assert await world.read("1/2/50") is None
        assert await world.read("1/2/62") is None
        assert await world.read("1/2/56") == DPTBinary(0), "this the gateway knows by itself"
        assert await world.read("1/1/50") == DPTArray((5,)), "the other one goes on"
        world.skip()
        await server.start()
        await world.until(lambda: world.last("1/2/94") == DPTBinary(0), 30)
        await world.sleep(5)
        assert await world.read("1/2/50") == DPTArray((5,))
        again = [h for h in world.since() if h.address in {"1/2/50", "1/2/51", "1/2/52"}]
        assert again == [], "what did not change is not said again"
        assert text(await world.read("1/2/95")) == "NotReachable", "the last fault stays readable"


async def test_a_cut_line_heals_and_says_only_what_changed(tmp_path: Path) -> None:
    async with World(SITE, tmp_path) as world:
        world.strict = False
        world.line.cut()
        world.charger(2).plug(Vehicle())
        await world.sleep(20)
        assert world.charger(2).vehicle.draw_ma == 16_000  # type: ignore[union-attr]
        world.line.mend()
        await world._peer.open(world._hear, lambda: None)
        world.skip()
        await world.sleep(40)
        states = {h.address: h.payload for h in world.since() if h.address[:4] in {"1/1/", "1/2/"}}
        assert states["1/2/50"] == DPTArray((8,))
        assert "1/1/50" not in states


async def test_an_interruption_is_kept_over_a_restart(tmp_path: Path) -> None:
    async with World(SITE, tmp_path) as world:
        world.strict = False
        world.charger(2).plug(Vehicle())
        await world.write("1/2/60", 10.0, "14.019")
        await world.write("1/2/55", True)
        await world.sleep(2)
        await world.stop_gateway()
        world.charger(2).restart()
        world.start_gateway()
        await world.until(lambda: world.gateway.is_ready)
        await world.sleep(2)
        assert await world.read("1/2/50") == DPTArray((11,))
        assert await world.read("1/2/56") == DPTBinary(1)
        assert world.charger(2).offer_ma == 0
        await world.write("1/2/55", False)
        await world.sleep(2)
        assert world.charger(2).offer_ma == 10_000, "the previous setpoint"


@pytest.mark.long
@pytest.mark.proves("3.57")
async def test_a_session_goes_on_over_a_restart(tmp_path: Path) -> None:
    async with World(SITE, tmp_path) as world:
        world.strict = False
        world.charger(1).plug(Vehicle())
        await world.sleep(180)
        await world.stop_gateway()
        await world.sleep(60)
        world.start_gateway()
        await world.until(lambda: world.gateway.is_ready)
        await world.sleep(180)
        world.charger(1).unplug()
        await world.sleep(30)
        duration_s = from_payload("13.100", await world.read("1/1/78"))
        assert isinstance(duration_s, int)
        assert 390 <= duration_s <= 435
        energy_wh = from_payload("13.010", await world.read("1/1/74"))
        assert isinstance(energy_wh, int)
        assert energy_wh == pytest.approx(11_040 * 420 / 3600, abs=60)
        start = await world.read("1/1/76")
        assert isinstance(start, DPTArray)
        assert start.value[0] >> 5 == 1, "Monday"
        assert start.value[0] & 0x1F == 7, "06:00 UTC is 7 o'clock in Berlin in winter"
        end = await world.read("1/1/77")
        assert isinstance(end, DPTArray)
        assert end.value[1] in (6, 7)


async def test_start_and_stop_and_unlock(tmp_path: Path) -> None:
    site = SITE.replace("port: 5022, unit: 1}", "port: 5022, unit: 1}, start: manual")
    async with World(site, tmp_path) as world:
        world.strict = False
        world.charger(2).plug(Vehicle())
        await world.until(lambda: world.last("1/2/50") == DPTArray((7,)), 10)
        assert world.charger(2).offer_ma == 0
        await world.write("1/2/54", True, "1.010")
        await world.until(lambda: world.last("1/2/50") == DPTArray((8,)), 30)
        await world.write("1/2/54", True, "1.010")
        await world.until(lambda: world.last("1/2/95") is not None, 5)
        await world.until(lambda: text(world.last("1/2/95")) == "OpNotPossible", 5)
        await world.write("1/2/54", False, "1.010")
        await world.until(lambda: world.last("1/2/50") == DPTArray((4,)), 30)
        await world.write("1/2/54", True, "1.010")
        await world.sleep(10)
        assert world.charger(2).offer_ma == 0, "cancelled until plugged in again"
        world.charger(2).unplug()
        await world.until(lambda: world.last("1/2/50") == DPTArray((5,)), 10)
        world.charger(2).plug(Vehicle())
        await world.until(lambda: world.last("1/2/50") == DPTArray((7,)), 10)


async def test_unlock_is_ignored_while_charging(tmp_path: Path) -> None:
    async with World(SITE, tmp_path) as world:
        world.strict = False
        world.charger(1).plug(Vehicle())
        await world.sleep(40)
        await world.write("1/1/59", True, "1.017")
        await world.sleep(20)
        writes = [w for w in world.site.endpoint_of(1).writes if w[2] == 5012]  # type: ignore[arg-type]
        assert writes == []


async def test_a_setpoint_is_clamped_and_reported(tmp_path: Path) -> None:
    async with World(SITE, tmp_path) as world:
        world.strict = False
        for wanted_a, offered_ma in ((11.3, 11_000), (4.0, 6000), (40.0, 16_000)):
            await world.write("1/2/60", wanted_a, "14.019")
            await world.sleep(3)
            assert world.charger(2).offer_ma == offered_ma, wanted_a
        assert text(await world.read("1/2/95")) == "ValOutOfRange"
        assert await world.read("1/2/94") == DPTBinary(0), "for information only"
        await world.write("1/2/60", float("nan"), "14.019")
        await world.write("1/2/60", -1.0, "14.019")
        await world.sleep(3)
        assert world.charger(2).offer_ma == 16_000


@pytest.mark.proves("H.6")
async def test_telegrams_of_the_wrong_length_are_dropped_counted_and_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with World(SITE, tmp_path) as world:
        world.strict = False
        for _ in range(3):
            await world.send("1/2/55", GroupValueWrite(DPTArray((1, 2))))
            await world.send("1/2/60", GroupValueWrite(DPTArray((1,))))
            await world.send("1/2/60", GroupValueWrite(DPTBinary(1)))
        await world.sleep(2)
        assert world.gateway.objects.wrong_telegrams == 9
        dropped = [r for r in caplog.records if "telegram dropped" in r.getMessage()]
        assert len(dropped) == 2, "once for each object"
        assert world.charger(2).offer_ma == 16_000
        assert await world.read("1/2/56") == DPTBinary(0)


async def test_grid_supporting_control_of_6_a_and_its_end(tmp_path: Path) -> None:
    async with World(SITE, tmp_path) as world:
        world.strict = False
        await world.write("1/0/1", True)
        await world.sleep(11)
        assert world.charger(1).offer_ma == world.charger(2).offer_ma == 6000
        assert await world.read("1/0/2") == DPTBinary(1)
        await world.write("1/2/60", 12.0, "14.019")
        await world.sleep(3)
        assert world.charger(2).offer_ma == 6000
        await world.write("1/0/1", False)
        await world.sleep(11)
        assert world.charger(1).offer_ma == 16_000
        assert world.charger(2).offer_ma == 12_000, "a setpoint of meanwhile applies at the end"


@pytest.mark.proves("5.5")
async def test_a_charger_configured_twice_is_never_written_to(tmp_path: Path) -> None:
    site = SITE.replace("model: goe_charger", "model: keba_p30").replace(
        "port: 5022, unit: 1", "port: 5021, unit: 255"
    )
    site = site.replace("104: [1/2/54],", "")
    async with World(site, tmp_path) as world:
        world.strict = False
        await world.sleep(20)
        assert world.site.endpoint_of(1).writes == []  # type: ignore[arg-type]
        assert world.last("1/0/8") == DPTBinary(1)
        assert text(world.last("1/0/9")) == "Conf Charger"
        assert text(world.last("1/2/95")) == "Conf Charger"


@pytest.mark.proves("2.9", "7.72")
async def test_an_electricity_meter_speaks_for_its_charging_point(tmp_path: Path) -> None:
    meter = "{model: eastron_sdm630, connection: {type: tcp, host: 127.0.0.1, port: 5031, unit: 1}}"
    site = SITE.replace("port: 5022, unit: 1}", f"port: 5022, unit: 1}}, meter: {meter}")
    async with World(site, tmp_path) as world:
        world.strict = False
        world.charger(2).plug(Vehicle())
        await world.sleep(20)
        assert from_payload("7.012", await world.read("1/2/62")) == 48_000
        await world.site.servers[next(k for k in world.site.servers if k[1] == 5031)].stop()
        await world.until(lambda: text(world.last("1/2/95")) == "EMeterNotReach", 20)
        assert await world.read("1/2/62") is None
        assert await world.read("1/2/50") == DPTArray((8,))


async def test_a_meter_behind_a_serial_server_is_read_by_rtu_over_tcp(tmp_path: Path) -> None:
    meter = "{model: eastron_sdm630, connection: {type: rtu_over_tcp, host: 127.0.0.1, port: 5031, unit: 1}}"
    site = SITE.replace("port: 5022, unit: 1}", f"port: 5022, unit: 1}}, meter: {meter}")
    async with World(site, tmp_path) as world:
        world.strict = False
        world.charger(2).plug(Vehicle())
        await world.sleep(20)
        assert from_payload("9.024", await world.read("1/2/66")) == pytest.approx(11.04, abs=0.02)
        assert await world.read("1/2/94") == DPTBinary(0)


async def test_a_charger_on_a_line_whose_device_file_is_missing_is_not_reachable(
    tmp_path: Path,
) -> None:
    site = SITE.replace(
        "model: goe_charger, connection: {type: tcp, host: 127.0.0.1, port: 5022, unit: 1}",
        "model: abb_terra_ac, connection: {type: serial, unit: 1}",
    )
    site = site.replace("104: [1/2/54], ", "") + "serial: {port: /dev/no-such-line}\n"
    async with World(site, tmp_path) as world:
        world.strict = False
        assert text(world.last("1/2/95")) == "NotReachable"
        assert await world.read("1/1/50") == DPTArray((5,))
