"""From registers that a library of others encodes to what a KNX line is told, in virtual time."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from knxgw.catalogue.codes import ChargingState
from knxgw.catalogue.points import Table
from knxgw.sim.registers import RegisterImage
from tests.peers.device import Encoded
from tests.peers.environments import CURRENT as ENVIRONMENT
from tests.peers.peer import running
from tests.support.virtual_time import run_virtual
from tests.support.world import World, from_payload

pytestmark = [pytest.mark.peers, pytest.mark.real]

SITE = """
knx: {link: none}
charging_points:
  - number: 1
    model: alfen_eve
    connection: {type: tcp, host: 127.0.0.1, port: 5021}
    dpt: {current: "14.019", power: "14.056", energy: "13.010"}
  - number: 2
    model: evse_din
    connection: {type: rtu_over_tcp, host: 127.0.0.1, port: 5022, unit: 1}
    dpt: {current: "14.019", power: "14.056", energy: "13.010"}
    meter: {model: sunspec_meter_201_204, connection: {type: tcp, host: 127.0.0.1, port: 5031, unit: 1}}
group_objects: {LINKS}
"""
OBJECTS = (50, 62, 63, 64, 65, 66, 67, 68, 69, 70, 80, 81)
NUMBERS = [*OBJECTS, *(number + 50 for number in OBJECTS if number not in (50, 80, 81))]
LINKS = ", ".join(f"{number}: [1/{number // 50}/{number}]" for number in NUMBERS)
ALFEN = {
    "mode_3_state": "D2",
    "current_phase_L1": 31.5,
    "current_phase_L2": 6.25,
    "current_phase_L3": 0.0,
    "real_power_phase_L1": 7245.0,
    "real_power_phase_L2": 1437.5,
    "real_power_phase_L3": -2.0,
    "real_power_sum": 8680.5,
    "real_energy_delivered_sum": 12_345_678.0,
    "c_station_serial_number": "ACE7654321",
    "c_firmware_version": "7.2.0-5432",
}
SUNSPEC = {
    "A_SF": -2,
    "V_SF": -1,
    "W_SF": 1,
    "TotWh_SF": 2,
    "AphA": 10.25,
    "AphB": -0.5,
    "AphC": 327.0,
    "W": 77_450.0,
    "WphA": 2360.0,
    "WphB": -120.0,
    "WphC": 75_210.0,
    "TotWhImp": 98_765_400,
}
EXPECTED = {  # object: datapoint type and value [A, W, Wh]
    50: ("5.010", ChargingState.CHARGE_VENTILATION),
    63: ("14.019", 31.5),
    64: ("14.019", 6.25),
    65: ("14.019", 0.0),
    62: ("14.019", 37.75),
    67: ("14.056", 7245),
    68: ("14.056", 1438),
    69: ("14.056", -2),
    66: ("14.056", 8680),
    70: ("13.010", 12_345_678),
    80: ("16.000", "ACE7654321"),
    81: ("16.000", "7.2.0-5432"),
    113: ("14.019", 10.25),
    114: ("14.019", -0.5),
    115: ("14.019", 327.0),
    112: ("14.019", 336.75),
    117: ("14.056", 2360),
    118: ("14.056", -120),
    119: ("14.056", 75_210),
    116: ("14.056", 77_450),
    120: ("13.010", 98_765_400),
}


async def encoded() -> tuple[Any, Any]:
    """Return registers of a charger and of a meter, as two libraries encode them."""
    async with running(ENVIRONMENT, "alfen", 1) as alfen, running(ENVIRONMENT, "sunspec", 1, 1) as sun:  # fmt: skip
        return (
            await alfen.ask("encode", values=ALFEN),
            await sun.ask("encode", chain=[[203, SUNSPEC]]),
        )


def laid(image: RegisterImage, alfen: Any, sunspec: Any) -> RegisterImage:
    """Return what answers in place of a simulated device."""
    if image.model.id == "alfen_eve":
        charger = Encoded(image)
        for unit, address, registers in alfen:
            charger.lay(address, registers, Table.HOLDING, unit)
        return charger
    if image.model.id == "sunspec_meter_201_204":
        meter = Encoded(image, alone=True)
        meter.lay(40_000, sunspec, Table.HOLDING)
        return meter
    return image


async def bus_is_told(state: Path, alfen: Any, sunspec: Any) -> None:
    world = World(SITE.replace("LINKS", LINKS), state, run_gateway=False)
    world.strict = False
    async with world:
        for server in world.site.servers.values():
            server._images = tuple(laid(image, alfen, sunspec) for image in server._images)
        world.start_gateway()
        await world.until(lambda: world.gateway.is_ready, 60.0)
        await world.sleep(30.0)
        for number, (dpt, value) in EXPECTED.items():
            payload = await world.read(f"1/{number // 50}/{number}")
            assert from_payload(dpt, payload) == value, number


@pytest.mark.proves("H.46")
def test_what_libraries_encode_is_what_the_bus_is_told(tmp_path: Path) -> None:
    alfen, sunspec = asyncio.run(encoded())
    run_virtual(bus_is_told(tmp_path, alfen, sunspec))
