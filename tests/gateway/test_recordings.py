"""What a running gateway records: telegrams of both directions, and the plot."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from knxgw.catalogue.codes import Reason
from knxgw.monitoring.log_ring import LogRecorder
from knxgw.monitoring.plot_ring import DAY, HOUR
from knxgw.monitoring.plot_sample import BASE, LIMIT, MEASURED, Trace, of_point, offer_of
from knxgw.monitoring.telegrams import HIDDEN, Service, TelegramLine, lines_of
from knxgw.sim.vehicle import Vehicle
from knxgw.store.history import whole_wh
from knxgw.store.runs import RunEnding, StartCause
from tests.gateway.test_load_management import DYNAMIC, House
from tests.support.world import World

TURNED = DYNAMIC.replace(
    "model: abb_terra_ac,", 'model: abb_terra_ac, phase_rotation: "231", phases: 1,'
)


class TurnedHouse(House):
    """The second charging point has its only terminal on L2."""

    def load_a(self) -> tuple[float, ...]:
        one, two = (self.world.charger(number).phases_ma for number in (1, 2))
        drawn = (one[0], one[1] + two[0], one[2])
        return tuple(self.base_a + ma / 1000 for ma in drawn)


async def last_line(world: World, address: str, language: str = "en") -> TelegramLine:
    await world.sleep(0.1)
    rows = world.gateway.recorder.telegrams.ring.rows()
    lines = lines_of(rows, world.gateway.objects.interpret, language)
    return [line for line in lines if line.address == address][-1]


async def test_telegrams_of_both_directions_are_kept_with_their_meaning(tmp_path: Path) -> None:
    async with World(DYNAMIC, tmp_path) as world:
        world.strict = False
        recorder, objects = world.gateway.recorder, world.gateway.objects
        at = world.clock()
        await world.write("1/0/10", 32.5, "14.019")
        meter = await last_line(world, "1/0/10", "de")
        await world.read("1/1/50")
        lines = lines_of(recorder.telegrams.ring.rows(), objects.interpret, "de")
        assert (meter.value, meter.meaning.dpt, meter.source) == ("32,5 A", "14.019", "1.1.9")
        assert not meter.telegram.is_sent
        assert at <= meter.telegram.at <= world.clock()
        asked = [line for line in lines if line.address == "1/1/50"]
        assert [line.telegram.service for line in asked[-2:]] == [Service.READ, Service.RESPONSE]
        assert asked[-1].telegram.is_sent
        assert asked[-1].source == "1.1.20"
        assert asked[-1].meaning.name.startswith("One: ")
        assert recorder.telegrams.news(meter.telegram.address).received >= 1


async def test_a_telegram_to_an_address_of_others_is_kept_without_a_meaning(tmp_path: Path) -> None:
    async with World(DYNAMIC, tmp_path) as world:
        world.strict = False
        await world.write("9/1/1", True)
        line = await last_line(world, "9/1/1")
        assert (line.meaning.name, line.value, line.raw) == ("", "", "01")


WITH_A_CARD = DYNAMIC.replace("group_objects: {", "group_objects: {84: [1/1/84], ").replace(
    "model: alfen_eve", "model: keba_p30"
)


async def test_a_card_is_never_shown_as_a_whole(tmp_path: Path) -> None:
    async with World(WITH_A_CARD, tmp_path) as world:
        world.strict = False
        await world.write("1/1/84", "DEADBEEF", "16.001")
        line = await last_line(world, "1/1/84")
        assert line.meaning.name.endswith("RFID tag")
        assert (line.value, line.raw) == ("…BEEF", HIDDEN)


async def test_the_plot_shows_mains_building_points_and_limit(tmp_path: Path) -> None:
    async with World(TURNED, tmp_path) as world:
        world.strict = False
        house = TurnedHouse(world, 5.0)
        feeding = world._group.create_task(house.run())
        for number in (1, 2):
            world.charger(number).plug(Vehicle())
        await world.sleep(130)
        recorder = world.gateway.recorder
        plot = recorder.read_plot(HOUR)
        values = plot.data.values
        assert values[Trace(LIMIT, 0)][-2] == 32_000
        assert values[Trace(BASE, 0)][-2] == pytest.approx(5000, abs=500)
        on_l2 = values[Trace(of_point(2), 1)][-2]
        assert on_l2 == pytest.approx(world.charger(2).phases_ma[0], abs=500)
        assert Trace(of_point(2), 0) not in values
        one, two = world.gateway.view().points
        assert two.installed.mains_phases == (2,)
        assert one.installed.mains_phases == (1, 2, 3)
        assert (one.offer_ma or 0) > 0
        assert values[Trace(offer_of(1), 0)][-2] == one.offer_ma
        assert values[Trace(MEASURED, 0)][-2] == pytest.approx(1000 * house.load_a()[0], abs=1500)
        begin = plot.first_at.timestamp() + (HOUR.steps - 1) * HOUR.step_s
        assert 0 <= world.clock().timestamp() - begin < HOUR.step_s
        day = recorder.read_plot(DAY).data
        assert day.highest[Trace(BASE, 0)][-1] is not None
        recent = values[Trace(BASE, 0)][-50:-1]
        assert None not in recent  # no step is missed
        # a meter that has gone silent leaves a gap and no old value
        house.is_silent = True
        await world.sleep(40)
        silent = recorder.read_plot(HOUR).data.values
        assert silent[Trace(MEASURED, 0)][-2] is None
        assert silent[Trace(BASE, 0)][-2] is None
        assert silent[Trace(LIMIT, 0)][-2] == 32_000
        feeding.cancel()


async def test_a_device_without_configuration_records_telegrams_and_an_empty_plot(
    tmp_path: Path,
) -> None:
    async with World(DYNAMIC, tmp_path) as world:
        world.strict = False
        await world.change(None)
        await world.sleep(10)
        values = world.gateway.recorder.read_plot(HOUR).data.values
        assert all(row[-2] is None for row in values.values())
        await world.write("1/0/10", 1.0, "14.019")
        assert (await last_line(world, "1/0/10")).raw == "3F 80 00 00"


async def test_the_history_tells_power_card_and_end_of_a_session(tmp_path: Path) -> None:
    async with World(DYNAMIC, tmp_path) as world:
        world.strict = False
        feeding = world._group.create_task(House(world, 5.0).run())
        world.charger(1).plug(Vehicle())
        await world.sleep(120)
        await world.write("1/1/55", True)
        await world.sleep(30)
        world.charger(1).unplug()
        await world.sleep(10)
        feeding.cancel()
        (entry,) = world.gateway.history.sessions().entries
        assert entry.row.highest_power_w is not None
        assert 3000 < entry.row.highest_power_w < 12_000
        assert (entry.row.ending, entry.row.held_by) == ("held back", Reason.INTERRUPTION)
        (month,) = world.gateway.history.months(ZoneInfo("Europe/Berlin"), world.clock())
        assert (month.sessions, month.energy_wh) == (1, whole_wh(entry.row.energy_mwh))


async def test_a_start_knows_how_the_run_before_ended(tmp_path: Path) -> None:
    async with World(DYNAMIC, tmp_path) as world:
        world.strict = False
        causes = [world.gateway.start_cause]
        world.gateway.note_ending(RunEnding.RESTARTED)
        for _ in range(2):
            await world.stop_gateway()
            world.start_gateway()
            causes.append(world.gateway.start_cause)
            await world.until(lambda: world.gateway.is_ready)
        assert causes == [StartCause.FIRST, StartCause.RESTARTED, StartCause.STOPPED]
        assert world.gateway.facts().start_cause == "stopped"
        runs = [entry.row for entry in world.gateway.history.runs().entries]
        assert [run.ending for run in runs] == [None, "stopped", "restarted"]
        assert all(run.started_at for run in runs)


async def test_a_card_that_enables_charging_is_in_no_line_of_the_log(tmp_path: Path) -> None:
    recorder = LogRecorder()
    recorder.begin()
    try:
        async with World(WITH_A_CARD, tmp_path, log=recorder) as world:
            world.strict = False
            recorder.extend(0.0)
            charger = world.charger(1)
            feeding = world._group.create_task(House(world, 5.0).run())
            await world.sleep(30)
            charger.card = 0xDEADBEEF
            charger.plug(Vehicle())
            await world.sleep(60)
            telegrams = [
                line
                for line in lines_of(
                    world.gateway.recorder.telegrams.ring.rows(),
                    world.gateway.objects.interpret,
                    "en",
                )
                if line.address == "1/1/84"
            ]
            assert telegrams[-1].value == "…BEEF"
            assert (telegrams[-1].raw, telegrams[-1].telegram.is_sent) == (HIDDEN, True)
            feeding.cancel()
    finally:
        recorder.end()
    lines = "\n".join(one.row.text for one in recorder.ring.rows())
    assert "1/1/84" in lines
    assert "DEADBEEF" not in lines
    assert "0x44,0x45,0x41,0x44" not in lines
