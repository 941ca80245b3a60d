"""Group objects as people look at them: value, sender, why one is missing; read, send, write."""

import re
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from xknx.dpt import DPTArray, DPTBinary
from xknx.telegram.apci import GroupValueRead, GroupValueWrite

from knxgw.catalogue.codes import Reason
from knxgw.catalogue.load import catalogue
from knxgw.errors import RejectedError
from knxgw.monitoring.objects import Absence, ObjectLine, chosen_objects, objects_csv
from knxgw.objects.codec import encode_for_people
from knxgw.objects.listing import MOST_POINTS
from knxgw.objects.meaning import meaning_of
from knxgw.objects.table import build_table
from tests.config.sites import configuration
from tests.gateway.test_load_management import DYNAMIC
from tests.support.world import World, to_payload

SITE = DYNAMIC.replace("group_objects: {", "group_objects: {1: [1/0/1], ")


def line(world: World, number: int, language: str = "en") -> ObjectLine:
    return next(one for one in world.service.list_objects(language) if one.number == number)


@pytest.mark.proves("W34")
async def test_every_object_stands_there_once_with_its_value_or_the_reason(tmp_path: Path) -> None:
    async with World(SITE, tmp_path) as world:
        world.strict = False
        lines = world.service.list_objects("en")
        expected = sorted(
            definition.number_of(point)
            for definition in catalogue().objects
            for point in (range(1, MOST_POINTS + 1) if definition.is_per_point else (1,))
        )
        assert [one.number for one in lines] == expected
        by_absence = {one.absence for one in lines}
        assert by_absence == {None, *Absence}
        assert all(one.reason for one in lines if one.absence is Absence.NOT_THERE)
        state = line(world, 50)
        assert (state.addresses, state.point) == (("1/1/50",), 1)
        assert (state.value("de"), state.value("en")) == ("5 (Verfügbar)", "5 (Available)")
        assert state.name.startswith("One: ")
        assert state.changed_at is not None
        assert state.sent >= 1
        setpoint = line(world, 60, "de")
        assert setpoint.absence is Absence.NOT_THERE
        assert setpoint.reason is not None
        assert line(world, 51).absence is Absence.NO_ADDRESS
        assert line(world, 200 + 50).absence is Absence.NOT_CONFIGURED
        assert chosen_objects(lines, "1/1/50") == (state,)
        assert all(one.absence for one in chosen_objects(lines, only_missing=True))
        table = "".join(objects_csv(lines, "de", ZoneInfo("Europe/Berlin"))).split("\r\n")
        assert len(table) == len(lines) + 2


async def test_an_input_shows_what_was_written_last_and_by_whom(tmp_path: Path) -> None:
    async with World(SITE, tmp_path) as world:
        world.strict = False
        await world.write("1/0/10", 12.5, "14.019")
        await world.sleep(0.1)
        meter = line(world, 10)
        assert (meter.value("de"), meter.sender, meter.received) == ("12,5 A", "1.1.9", 1)
        assert (meter.can_write, meter.can_send) == (True, False)
        await world.send("1/0/10", GroupValueWrite(DPTBinary(1)))
        await world.sleep(0.1)
        assert line(world, 10).wrong == 1


@pytest.mark.proves("W34")
async def test_a_value_that_is_a_code_has_its_word(tmp_path: Path) -> None:
    async with World(SITE, tmp_path) as world:
        world.strict = False
        assert line(world, 504).value("en") == "3 (smart meter silent or wrong: minimum)"
        assert line(world, 504).value("de").startswith("3 (Smart Meter")
        assert re.fullmatch(r"\d+ \([^)]+\)", line(world, 511).value("de"))


def test_a_code_that_is_not_known_stands_alone() -> None:
    (one,) = (one for one in build_table(configuration(SITE), catalogue()) if one.number == 511)
    assert one.words.keys() == {int(reason) for reason in Reason}
    assert meaning_of(one, (15,)).value("en") == "15 (maximum of the charging point)"
    assert meaning_of(one, (99,)).value("en") == "99"


@pytest.mark.proves("W34")
async def test_a_person_reads_sends_and_writes_on_the_bus(tmp_path: Path) -> None:
    async with World(SITE, tmp_path) as world:
        world.strict = False
        world.skip()
        await world.service.read_object(10)
        await world.service.send_object(50)
        await world.sleep(0.5)
        heard = world.since()
        assert [(one.address, type(one.apci)) for one in heard] == [
            ("1/0/10", GroupValueRead),
            ("1/1/50", GroupValueWrite),
        ]
        await world.service.write_object(1, "1")
        await world.sleep(0.5)
        assert world.gateway.application is not None
        assert world.gateway.application.station.operation.is_grid_control_active
        written = [one for one in world.since() if one.address == "1/0/1"]
        assert [one.payload for one in written] == [to_payload("1.001", True)]
        await world.service.write_object(1, "off")
        await world.sleep(0.5)
        assert not world.gateway.application.station.operation.is_grid_control_active


async def test_what_cannot_be_done_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    async with World(SITE, tmp_path) as world:
        world.strict = False
        world.skip()
        for refused in (
            world.service.write_object(50, "1"),  # an output
            world.service.write_object(1, "perhaps"),
            world.service.write_object(4711, "1"),
            world.service.read_object(50),
            world.service.send_object(1),
        ):
            with pytest.raises(RejectedError):
                await refused
        await world.sleep(1.0)
        assert world.since() == []


@pytest.mark.parametrize(
    ("dpt", "text", "payload"),
    [
        ("1.001", "Ein", DPTBinary(1)),
        ("14.019", "12,5", DPTArray((0x41, 0x48, 0, 0))),
        ("7.012", "16000", DPTArray((0x3E, 0x80))),
        (None, "7", DPTArray(7)),
        ("16.001", "Hällo", to_payload("16.001", "Hällo")),
    ],
)
def test_a_typed_value_becomes_a_payload(
    dpt: str | None, text: str, payload: DPTArray | DPTBinary
) -> None:
    assert encode_for_people(dpt, text) == payload


@pytest.mark.parametrize(
    ("dpt", "text"),
    [
        ("1.001", "2"),
        ("7.012", "70000"),
        ("7.012", "x"),
        (None, "256"),
        ("14.019", ""),
        ("14.019", "nan"),
        ("14.056", "-inf"),
        ("14.056", "1e999"),
        ("19.001", "now"),
    ],
)
def test_a_typed_value_that_does_not_fit_is_refused(dpt: str | None, text: str) -> None:
    with pytest.raises(RejectedError):
        encode_for_people(dpt, text)
