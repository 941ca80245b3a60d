"""The Modbus monitor names and decodes what is asked, for every model, and never shows a card."""

import pytest

from knxgw.catalogue.device_model import DeviceModel
from knxgw.catalogue.load import catalogue
from knxgw.catalogue.points import Table
from knxgw.modbus.explain import explain, is_hidden
from knxgw.modbus.plan import plan_blocks
from knxgw.modbus.requests import Read
from knxgw.modbus.spare_reads import spare_block
from knxgw.modbus.writing import Write
from knxgw.monitoring.telegrams import HIDDEN

MODELS = catalogue().chargers
WITH_CARD = [model for model in MODELS.values() if any(map(is_hidden, model.points.values()))]


@pytest.mark.parametrize("model", catalogue().models, ids=lambda model: model.id)
def test_every_point_of_every_block_is_named_with_its_raw_value(model: DeviceModel) -> None:
    wanted = sorted(name for name, point in model.points.items() if point.is_readable)
    for block in plan_blocks(model, unit_id=1, address_offset=0, wanted=wanted):
        words = explain(Read(block=block), [0x4142] * block.count, model)
        assert [value.name for value in words.values] == [point.name for point in block.points]
        assert all(value.raw for value in words.values)
        unanswered = explain(Read(block=block), (), model)
        assert {value.raw for value in unanswered.values} == {""}


def test_a_value_has_its_unit_and_a_code_its_meaning() -> None:
    model = MODELS["keba_p30"]
    (block,) = plan_blocks(model, unit_id=255, address_offset=0, wanted=["state"])
    (value,) = explain(Read(block=block), [0, 3], model).values
    assert value.raw == "0000 0003"
    assert value.number == 3
    assert value.text
    (block,) = plan_blocks(model, unit_id=255, address_offset=0, wanted=["current_l1"])
    (value,) = explain(Read(block=block), [0, 16_000], model).values
    assert value.value("de") == "16 A"


def test_a_write_is_named_and_scaled() -> None:
    model = MODELS["keba_p30"]
    step = model.control.offer[0] if model.control else None
    assert step is not None
    point = model.points[step.point]
    write = Write(
        unit_id=255, table=point.table, address=point.address, registers=(10_000,), function=6,
        point=point.name, is_urgent=False,
    )  # fmt: skip
    words = explain(write, (), model)
    assert (words.is_write, words.function, words.values[0].name) == (True, 6, point.name)
    assert words.values[0].value("en") == "10 A"
    assert explain(write, (), None).values[0].raw == "2710"


@pytest.mark.parametrize("model", WITH_CARD, ids=lambda model: model.id)
def test_a_card_is_shown_by_its_last_characters_only(model: DeviceModel) -> None:
    point = next(point for point in model.points.values() if is_hidden(point))
    (block,) = plan_blocks(model, unit_id=1, address_offset=0, wanted=[point.name])
    registers = [0x4445, 0x4144, 0x4245, 0x4546] * 8
    (value,) = [
        one
        for one in explain(Read(block=block), registers[: block.count], model).values
        if one.name == point.name
    ]
    assert value.raw == HIDDEN
    assert len(value.text) <= 5
    assert value.number is None


@pytest.mark.parametrize("model", WITH_CARD, ids=lambda model: model.id)
@pytest.mark.parametrize("table", [Table.HOLDING, Table.INPUT])
def test_registers_of_a_card_are_hidden_when_they_are_read_without_their_name(
    model: DeviceModel, table: Table
) -> None:
    point = next(point for point in model.points.values() if is_hidden(point))
    connectors = model.connectors or ()
    for shift in {0, *(one.address_offset for one in connectors)} if point.is_relative else {0}:
        first = max(0, point.address + shift - 2)
        block = spare_block(unit_id=1, table=table, address=first, count=20, most=125)
        values = explain(Read(block=block), [0x1234] * 20, model).values
        hidden = {value.address for value in values if value.raw == HIDDEN}
        start = point.address + shift
        assert set(range(start, min(start + point.count, first + 20))) <= hidden
        assert len(hidden) < 20 or point.count >= 16


def test_registers_without_a_name_stand_one_by_one() -> None:
    block = spare_block(unit_id=1, table=Table.HOLDING, address=5, count=2, most=125)
    values = explain(Read(block=block), [1, 0xABCD], None).values
    assert [(value.address, value.raw) for value in values] == [(5, "0001"), (6, "ABCD")]
