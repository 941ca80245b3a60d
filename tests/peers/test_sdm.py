"""sdm-modbus and our meters of Eastron and Carlo Gavazzi."""

from collections.abc import Mapping
from typing import Any

import pytest

from knxgw.catalogue.device_model import DeviceModel
from knxgw.catalogue.load import catalogue
from knxgw.catalogue.points import RegisterType, Table
from knxgw.charging.quantities import PHASE_ENERGIES, PHASE_POWERS, Quantity
from knxgw.config.model import ConnectionKind
from knxgw.sim.meter import SimulatedMeter
from knxgw.sim.vehicle import VOLTAGE_V
from tests.peers.device import (
    DRAWN_MA,
    DRAWN_W,
    HOST,
    Encoded,
    Served,
    ServedOnLine,
    currents_of,
    metered,
    seen_by_gateway,
    served_meter,
    serving,
)
from tests.peers.environments import PYMODBUS_3_6 as ENVIRONMENT
from tests.peers.peer import running

pytestmark = [pytest.mark.peers, pytest.mark.real]

CLASSES = {  # our model: the library's
    "eastron_sdm630": "SDM630",
    "eastron_sdm72dm_v2": "SDM72V2",
    "eastron_sdm72d_m": "SDM72",
    "eastron_sdm120": "SDM120",
    "eastron_sdm230": "SDM230",
    "cg_em340_em540": "GNM3D",  # Garo sells the EM340 under this name
}
NAMES = {  # our points, and what the library calls them in one or the other of its meters
    "current_l1": ("l1_current", "current"),
    "current_l2": ("l2_current",),
    "current_l3": ("l3_current",),
    "voltage_l1": ("l1_voltage", "l1n_voltage", "voltage"),
    "voltage_l2": ("l2_voltage", "l2n_voltage"),
    "voltage_l3": ("l3_voltage", "l3n_voltage"),
    "power_l1": ("l1_power_active", "power_active"),
    "power_l2": ("l2_power_active",),
    "power_l3": ("l3_power_active",),
    "power": ("total_power_active", "total_power", "power_active"),
    "energy_total": ("import_energy_active",),
    "energy_total_l1": ("l1_import_energy_active",),
    "energy_total_l2": ("l2_import_energy_active",),
    "energy_total_l3": ("l3_import_energy_active",),
}
KINDS = {"FLOAT32": RegisterType.F32, "INT32": RegisterType.I32}
IN_OUR_UNIT = {"kWh": 1000.0}
AS_A_WHOLE = ("eastron_sdm630", "cg_em340_em540")  # of the others nobody knows what gaps show


def name_in(fields: Mapping[str, Any], point: str) -> str:
    """Return what the library calls a point in one of its meters."""
    return next(name for name in NAMES[point] if name in fields)


def is_read(read: Mapping[str, float], model: DeviceModel, served: Served) -> None:
    """See that what the library reads is what the meter measures."""
    expected = {"energy_total": served.charger.energy_wh / 1000, "power": DRAWN_W}
    for phase in ("l1", "l2", "l3"):
        expected[f"current_{phase}"] = DRAWN_MA / 1000
        expected[f"voltage_{phase}"] = VOLTAGE_V
        expected[f"power_{phase}"] = DRAWN_W / 3
        expected[f"energy_total_{phase}"] = served.charger.energy_wh / 3000
    for point in model.points.keys() & NAMES.keys():
        value = read[name_in(read, point)]
        assert value == pytest.approx(expected[point], abs=0.1), (model.id, point)


@pytest.mark.proves("H.45")
async def test_the_library_reads_what_a_meter_measures_through_a_serial_server() -> None:
    async with running(ENVIRONMENT, "sdm") as peer:
        for model_id, class_name in CLASSES.items():
            meter = served_meter(model_id, ConnectionKind.RTU_OVER_TCP)
            model = meter.image.model
            fields = await peer.ask("fields", model=class_name)
            keys = [name_in(fields, point) for point in model.points if point in NAMES]
            async with serving(meter):
                where = {"host": HOST, "port": meter.port, "framer": "rtu"}
                assert await peer.ask("connect", model=class_name, **where)
                is_read(await peer.ask("read", keys=keys), model, meter)
                if model_id in AS_A_WHOLE:
                    is_read(await peer.ask("read_all"), model, meter)


@pytest.mark.proves("H.45")
async def test_the_library_reads_what_a_meter_measures_over_tcp() -> None:
    meter = served_meter("cg_em340_em540")
    async with serving(meter), running(ENVIRONMENT, "sdm") as peer:
        assert await peer.ask("connect", model="GNM3D", host=HOST, port=meter.port)
        is_read(await peer.ask("read_all"), meter.image.model, meter)


@pytest.mark.proves("H.45")
async def test_the_library_reads_what_a_meter_measures_on_a_serial_line() -> None:
    meter = ServedOnLine("eastron_sdm630")
    async with serving(meter), running(ENVIRONMENT, "sdm") as peer:
        where = {"device": meter.device, "baud": meter.baud, "parity": "N"}
        assert await peer.ask("connect", model="SDM630", **where)
        is_read(await peer.ask("read_all"), meter.image.model, meter)


@pytest.mark.proves("H.46")
async def test_every_point_of_ours_is_where_the_library_looks_for_it() -> None:
    async with running(ENVIRONMENT, "sdm") as peer:
        for model_id, class_name in CLASSES.items():
            fields = await peer.ask("fields", model=class_name)
            for name, point in catalogue().meters[model_id].points.items():
                if name not in NAMES:
                    continue
                theirs = fields[name_in(fields, name)]
                place = point.table.value, point.address, point.count
                assert place == (theirs["table"], theirs["address"], theirs["count"]), name
                assert point.type == KINDS[theirs["kind"]], name
                ours = IN_OUR_UNIT.get(theirs["unit"], 1.0) * theirs["scale"]
                assert point.scale == pytest.approx(ours), (model_id, name)


@pytest.mark.proves("H.46")
async def test_registers_the_library_encodes_are_read_right() -> None:
    values = {
        "l1_current": 62.5,
        "l2_current": 0.0,
        "l3_current": -6.25,
        "l1_power_active": 14_375.5,
        "l2_power_active": 0.0,
        "l3_power_active": -1437.5,
        "import_energy_active": 123_456.7,  # kWh
        "l1_import_energy_active": 100_000.5,
        "l2_import_energy_active": 0.0,
        "l3_import_energy_active": 0.1,
    }
    async with running(ENVIRONMENT, "sdm") as peer:
        for model_id, total in (("eastron_sdm630", "total_power_active"), ("cg_em340_em540", "power_active")):  # fmt: skip
            laid = values | {total: 12_938.0}
            model = catalogue().meters[model_id]
            image = Encoded(SimulatedMeter(model, model.unit_id, metered()))
            for address, registers in await peer.ask("encode", model=CLASSES[model_id], values=laid):  # fmt: skip
                image.lay(address, registers, Table.INPUT)
            seen = seen_by_gateway(image)
            assert currents_of(seen) == [62_500, 0, -6250]
            assert seen[Quantity.CURRENT] == 56_250
            assert [seen[one] for one in PHASE_POWERS] == [
                pytest.approx(value, abs=1) for value in (14_375.5, 0, -1437.5)
            ]
            assert seen[Quantity.POWER] == 12_938
            assert seen[Quantity.ENERGY] == pytest.approx(123_456_700_000, rel=1e-7)
            assert [seen[one] for one in PHASE_ENERGIES] == [
                pytest.approx(value, rel=1e-6) for value in (100_000_500_000, 0, 100_000)
            ]
