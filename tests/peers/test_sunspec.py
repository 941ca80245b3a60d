"""pysunspec2 and our SunSpec meters: its definitions, its scan, and registers it encodes."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from knxgw.catalogue.device_model import DeviceModel
from knxgw.catalogue.load import catalogue
from knxgw.catalogue.points import RegisterType, Table
from knxgw.charging.quantities import PHASE_ENERGIES, PHASE_POWERS, Quantity, Value
from knxgw.config.model import ConnectionKind
from knxgw.sim.meter import SimulatedMeter
from knxgw.sim.vehicle import VOLTAGE_V
from tests.peers.device import (
    DRAWN_MA,
    DRAWN_W,
    Encoded,
    currents_of,
    metered,
    seen_by_gateway,
    served_meter,
    serving,
)
from tests.peers.environments import CURRENT as ENVIRONMENT
from tests.peers.peer import running

pytestmark = [pytest.mark.peers, pytest.mark.real]

INTEGERS, FLOATS = "sunspec_meter_201_204", "sunspec_meter_211_214"
NAMES = {  # our points, and their names in the definitions
    "current_l1": "AphA",
    "current_l2": "AphB",
    "current_l3": "AphC",
    "voltage_l1": "PhVphA",
    "voltage_l2": "PhVphB",
    "voltage_l3": "PhVphC",
    "power": "W",
    "power_l1": "WphA",
    "power_l2": "WphB",
    "power_l3": "WphC",
    "energy_total": "TotWhImp",
    "energy_total_l1": "TotWhImpPhA",
    "energy_total_l2": "TotWhImpPhB",
    "energy_total_l3": "TotWhImpPhC",
    "sf_current": "A_SF",
    "sf_voltage": "V_SF",
    "sf_power": "W_SF",
    "sf_energy": "TotWh_SF",
}
TYPES = {
    "int16": RegisterType.I16,
    "sunssf": RegisterType.I16,
    "acc32": RegisterType.U32,
    "float32": RegisterType.F32,
}
UNITS = {"A", "V", "W", "Wh"}
COMMON = 1  # the model that tells who the device is


def sunspec_models() -> list[DeviceModel]:
    """Return every model of ours that is looked for along a chain."""
    return [model for model in catalogue().models if model.chain is not None]


@pytest.mark.proves("H.46")
async def test_every_point_of_ours_is_that_of_the_definitions() -> None:
    async with running(ENVIRONMENT, "sunspec", 1, 1) as peer:
        for model in sunspec_models():
            assert model.chain is not None
            definitions = await peer.ask("definitions", models=list(model.chain.models))
            for number, points in definitions.items():
                length = max(one["address"] + one["count"] for one in points.values())
                assert model.chain.length + 2 == length, number
                for name, point in model.points.items():
                    theirs = points[NAMES[name]]
                    where = number, name
                    assert (point.address, point.count) == (theirs["address"], theirs["count"]), (
                        where
                    )
                    assert point.type == TYPES[theirs["type"]], where
                    assert point.table is Table.HOLDING
                    scale = NAMES[point.scale_from] if point.scale_from else None
                    assert scale == theirs["scale"], where
                    assert point.scale == 1, where
                    assert point.unit == (theirs["unit"] if theirs["unit"] in UNITS else None), (
                        where
                    )


@pytest.mark.proves("H.45")
@pytest.mark.parametrize("model_id", [INTEGERS, FLOATS])
async def test_a_scan_finds_what_a_meter_measures(model_id: str) -> None:
    meter = served_meter(model_id, ConnectionKind.TCP)
    chain = meter.image.model.chain
    assert chain is not None
    unit = meter.image.unit_id
    async with serving(meter), running(ENVIRONMENT, "sunspec", meter.port, unit) as peer:
        common, first, *others = await peer.ask("scan")
    assert (common["id"], common["wrong"]) == (COMMON, "")
    assert (first["id"], first["length"], first["wrong"]) == (chain.models[0], chain.length, "")
    assert {one["id"] for one in others} <= set(chain.models)
    points = first["points"]
    assert [points[name] for name in ("AphA", "AphB", "AphC")] == [DRAWN_MA / 1000] * 3
    assert [points[name] for name in ("PhVphA", "PhVphB", "PhVphC")] == [VOLTAGE_V] * 3
    assert points["W"] == pytest.approx(DRAWN_W, abs=5)
    for name in ("WphA", "WphB", "WphC"):
        assert points[name] == pytest.approx(DRAWN_W / 3, abs=5)
    assert points["TotWhImp"] == pytest.approx(meter.charger.energy_wh, rel=1e-6)
    assert points["TotWhImpPhA"] == pytest.approx(meter.charger.energy_wh / 3, rel=1e-5)
    for one in others:
        assert not any(one["points"].get(name) for name in NAMES.values()), "nobody has it here"

    seen = meter.seen_by_gateway()
    assert currents_of(seen) == [1000 * points[name] for name in ("AphA", "AphB", "AphC")]
    assert seen[Quantity.POWER] == points["W"]


def seen(
    model_id: str, registers: Sequence[int], base: int = 40_000, place: int = 0
) -> dict[Quantity, Value]:
    """Return what the gateway reads of one meter of an encoded chain."""
    model = catalogue().meters[model_id]
    image = Encoded(SimulatedMeter(model, model.unit_id, metered()), alone=True)
    image.lay(base, registers, Table.HOLDING)
    return seen_by_gateway(image, offset=place)


SCALES: Mapping[str, float] = {"A_SF": -2, "V_SF": -1, "W_SF": 0, "TotWh_SF": 0}
WHOLE: Mapping[str, Any] = {
    "AphA": 62.5, "AphB": 0.0, "AphC": -6.25,
    "PhVphA": 231.5, "PhVphB": 230.0, "PhVphC": 229.0,
    "W": 12_938.0, "WphA": 14_375.0, "WphB": 0.0, "WphC": -1437.0,
    "TotWhImp": 4_000_000_000, "TotWhImpPhA": 3_999_999_999,
}  # fmt: skip


@pytest.mark.proves("H.46")
async def test_integers_the_library_encodes_are_read_right_at_every_scale() -> None:
    async with running(ENVIRONMENT, "sunspec", 1, 1) as peer:
        registers = await peer.ask("encode", chain=[[203, {**SCALES, **WHOLE}]])
        for base in (40_000, 50_000, 0):
            read = seen(INTEGERS, registers, base)
            assert currents_of(read) == [62_500, 0, -6250]
            assert read[Quantity.CURRENT] == 56_250
            assert read[Quantity.POWER] == 12_938
            assert [read[one] for one in PHASE_POWERS] == [14_375, 0, -1437]
            assert read[Quantity.ENERGY] == 4_000_000_000_000
            assert read[Quantity.ENERGY_L1] == 3_999_999_999_000

        coarse = {"A_SF": 0, "V_SF": 0, "W_SF": 2, "TotWh_SF": 3}
        values = {"AphA": 400.0, "AphB": 399.0, "AphC": 32_767 - 1, "W": -1_234_500.0, "TotWhImp": 9_876_543_000}  # fmt: skip
        read = seen(INTEGERS, await peer.ask("encode", chain=[[204, {**coarse, **values}]]))
        assert currents_of(read) == [400_000, 399_000, 32_766_000]
        assert read[Quantity.POWER] == -1_234_500
        assert read[Quantity.ENERGY] == 9_876_543_000_000

        fine = {"A_SF": -3, "V_SF": -2, "W_SF": -1, "TotWh_SF": -1}
        values = {"AphA": 0.001, "AphB": 32.766, "AphC": -32.766, "W": 3276.6, "TotWhImp": 0.5}
        read = seen(INTEGERS, await peer.ask("encode", chain=[[202, {**fine, **values}]]))
        assert currents_of(read) == [1, 32_766, -32_766]
        assert read[Quantity.POWER] == 3277
        assert read[Quantity.ENERGY] == 500


@pytest.mark.proves("H.46")
async def test_what_the_library_leaves_out_is_not_there() -> None:
    scales = {"A_SF": -2, "V_SF": -1, "W_SF": 0}
    single = {"AphA": 10.25, "PhVphA": 230.0, "WphA": 2357.0, "W": 2357.0}
    async with running(ENVIRONMENT, "sunspec", 1, 1) as peer:
        read = seen(INTEGERS, await peer.ask("encode", chain=[[201, {**scales, **single}]]))
        assert currents_of(read) == [10_250, None, None]
        assert read[Quantity.POWER] == 2357
        assert Quantity.ENERGY not in read
        assert not set(PHASE_ENERGIES) & set(read)

        read = seen(FLOATS, await peer.ask("encode", chain=[[211, single]]))
        assert currents_of(read) == [10_250, None, None]
        assert read[Quantity.POWER] == 2357
        assert Quantity.ENERGY not in read


@pytest.mark.proves("H.46")
async def test_floats_the_library_encodes_are_read_right() -> None:
    async with running(ENVIRONMENT, "sunspec", 1, 1) as peer:
        for number in (213, 212, 214):
            read = seen(FLOATS, await peer.ask("encode", chain=[[number, WHOLE]]))
            assert currents_of(read) == [62_500, 0, -6250]
            assert read[Quantity.POWER] == 12_938
            assert [read[one] for one in PHASE_POWERS] == [14_375, 0, -1437]
            assert read[Quantity.ENERGY] == pytest.approx(4e12, rel=1e-7)


@pytest.mark.proves("H.46")
async def test_the_meter_of_a_longer_chain_is_found() -> None:
    """Behind an inverter, between models of other kinds, the second and the third."""
    one = {**SCALES, "AphA": 1.0, "AphB": 1.0, "AphC": 1.0, "W": 690.0}
    two = {**SCALES, "AphA": 2.0, "AphB": 2.0, "AphC": 2.0, "W": -1380.0}
    inverter: dict[str, float] = {"A_SF": -1, "A": 20.0, "W_SF": 0, "W": 5000.0}
    chain = [[103, inverter], [120, {}], [203, one], [124, {}], [201, two], [204, one]]
    async with running(ENVIRONMENT, "sunspec", 1, 1) as peer:
        registers = await peer.ask("encode", chain=chain)
    for place, expected in ((0, one), (1, two), (2, one)):
        read = seen(INTEGERS, registers, place=place)
        assert currents_of(read) == [1000 * expected[name] for name in ("AphA", "AphB", "AphC")]
        assert read[Quantity.POWER] == expected["W"]
