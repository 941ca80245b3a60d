"""aiophoenixcontactcharx and our Phoenix Contact CHARX SEC."""

from typing import Any

import pytest

from knxgw.catalogue.codes import ChargingState
from knxgw.catalogue.points import Table
from knxgw.charging.quantities import Quantity, Value
from knxgw.sim.vehicle import VOLTAGE_V
from tests.peers.device import (
    DRAWN_MA,
    Encoded,
    charger_of,
    currents_of,
    sated,
    seen_by_gateway,
    served_charger,
    serving,
    thirsty,
)
from tests.peers.environments import CURRENT as ENVIRONMENT
from tests.peers.peer import running

pytestmark = [pytest.mark.peers, pytest.mark.real]

UNIT = 1  # the library always asks this one; others ask 255
STATES = {  # what the gateway makes of each vehicle status of the library
    "A1": ChargingState.AVAILABLE,
    "A2": ChargingState.AVAILABLE,
    "B1": ChargingState.MANUAL_START,
    "B2": ChargingState.CONNECTED,
    "C1": ChargingState.INTERRUPTION,
    "C2": ChargingState.CHARGE,
    "D1": ChargingState.INTERRUPTION,
    "D2": ChargingState.CHARGE_VENTILATION,
    "E0": ChargingState.ERROR,
    "F0": ChargingState.NOT_AVAILABLE,
    "IN": ChargingState.START_UP,
}


@pytest.mark.proves("H.45")
async def test_the_library_reads_and_commands_what_the_charger_does() -> None:
    box = served_charger("phoenix_charx", UNIT)
    async with serving(box), running(ENVIRONMENT, "charx", box.port) as peer:
        station = await peer.ask("station")
        assert (station["num_controllers"], station["software_version"]) == (1, "V1.5.0")
        assert station["availability"]
        assert (await peer.ask("configuration", point=1))["charging_point"] == 1
        free = await peer.ask("read", point=1)
        assert free["vehicle_status"] == "A1"
        assert free["watchdog_timer_s"] == 65535, "off, as delivered"
        assert free["available"]

        box.charger.plug(thirsty())
        await peer.ask("command", name="set_charging_release", arguments=[1, True])
        await peer.ask("command", name="set_max_current", arguments=[1, 9])
        box.let_pass(10)
        read = await peer.ask("read", point=1)
        assert read["vehicle_status"] == "C2"
        assert [read[f"current_l{n}_ma"] for n in (1, 2, 3)] == [9000] * 3
        assert [read[f"voltage_l{n}_mv"] for n in (1, 2, 3)] == [1000 * VOLTAGE_V] * 3
        assert read["active_power_mw"] == 3 * 9000 * VOLTAGE_V
        assert read["energy_active_wh"] == round(box.charger.energy_wh)
        assert read["session_energy_wh"] == round(box.charger.session_wh)
        assert (read["charging_release"], read["max_current_a"]) == (True, 9)
        assert read["error_code"] == 0

        seen = box.seen_by_gateway()
        assert seen[Quantity.STATE] == ChargingState.CHARGE
        assert currents_of(seen) == [9000] * 3
        assert seen[Quantity.SETPOINT] == 9000
        assert seen[Quantity.FIRMWARE] == station["software_version"]

        await peer.ask("command", name="set_charging_release", arguments=[1, False])
        box.let_pass(10)
        read = await peer.ask("read", point=1)
        assert (read["vehicle_status"], read["active_power_mw"]) == ("C1", 0)
        assert box.seen_by_gateway()[Quantity.STATE] == ChargingState.INTERRUPTION

        box.charger.plug(sated())
        await peer.ask("command", name="set_charging_release", arguments=[1, True])
        box.let_pass(10)
        assert (await peer.ask("read", point=1))["vehicle_status"] == "B2"
        assert box.seen_by_gateway()[Quantity.STATE] == ChargingState.CONNECTED
        box.charger.unplug()
        assert (await peer.ask("read", point=1))["vehicle_status"] == "A1"

        await peer.ask("command", name="set_availability", arguments=[1, False])
        assert box.written("availability") == 0

        box.charger.has_error = True
        assert (await peer.ask("read", point=1))["vehicle_status"] == "E0"


@pytest.mark.proves("H.45")
async def test_a_watchdog_set_by_the_library_falls_back_to_its_current() -> None:
    box = served_charger("phoenix_charx", UNIT)
    box.charger.plug(thirsty())
    async with serving(box), running(ENVIRONMENT, "charx", box.port) as peer:
        await peer.ask("command", name="set_charging_release", arguments=[1, True])
        await peer.ask("command", name="set_watchdog", arguments=[1, 60, 8])
        await peer.ask("command", name="set_max_current", arguments=[1, 16])
        read = await peer.ask("read", point=1)
        assert (read["watchdog_current_a"], read["watchdog_timer_s"]) == (8, 60)
        box.let_pass(50)
        assert box.drawn_ma() == [DRAWN_MA] * 3
        box.let_pass(30)
        assert box.drawn_ma() == [8000] * 3


@pytest.mark.proves("H.46")
@pytest.mark.parametrize("connector", [1, 12])
async def test_registers_laid_out_by_the_library_are_read_right(connector: int) -> None:
    values = {
        "CP_CURRENT_L1": 79_999,
        "CP_CURRENT_L2": 0,
        "CP_CURRENT_L3": 6001,
        "CP_ACTIVE_POWER": 55_200_400,
        "CP_ENERGY_ACTIVE": 5_000_000_123,  # more than two registers hold
        "CP_SESSION_ENERGY": 70_000,  # more than one register holds
        "CP_CHARGING_DURATION": 90_061,
        "CP_EVCC_ID": "DE0123456789",
        "CP_LAST_RFID": "04A1B2C3",
        "CP_ERROR_CODE": 1 << 26 | 1,
        "CP_MAX_CURRENT": 80,
        "CP_VEHICLE_STATUS": "C2",
    }
    unknown = {"CP_CURRENT_L1": 6000, "CP_CURRENT_L2": -1, "CP_CURRENT_L3": -1}
    async with running(ENVIRONMENT, "charx", 1) as peer:
        encoded = await peer.ask("encode", point=connector, values=values)
        not_known = await peer.ask("encode", point=connector, values=values | unknown)
        states = {
            state: await peer.ask(
                "encode", point=connector, values=values | {"CP_VEHICLE_STATUS": state}
            )
            for state in await peer.ask("states")
        }
    offset = 1000 * (connector - 1)

    def seen(block: dict[str, Any]) -> dict[Quantity, Value]:
        image = Encoded(charger_of("phoenix_charx", UNIT, offset), offset)
        image.lay(block["address"], block["registers"], Table.HOLDING)
        return seen_by_gateway(image, offset=offset)

    read, decoded = seen(encoded), encoded["decoded"]
    assert currents_of(read) == [decoded[f"current_l{n}_ma"] for n in (1, 2, 3)]
    assert currents_of(read) == [79_999, 0, 6001]
    assert read[Quantity.POWER] == round(decoded["active_power_mw"] / 1000) == 55_200
    assert read[Quantity.ENERGY] == 1000 * decoded["energy_active_wh"] == 5_000_000_123_000
    assert read[Quantity.SESSION_ENERGY] == 1000 * decoded["session_energy_wh"] == 70_000_000
    assert read[Quantity.SESSION_DURATION] == decoded["charging_duration_s"] == 90_061
    assert read[Quantity.EVCCID] == decoded["last_evcc_id"]
    assert read[Quantity.RFID] == decoded["last_rfid"] == "04A1B2C3"
    assert read[Quantity.SETPOINT] == 1000 * decoded["max_current_a"] == 80_000
    assert int(str(read[Quantity.FAULT_INFO_1]), 16) == decoded["error_code"] == 1 << 26 | 1

    read, decoded = seen(not_known), not_known["decoded"]
    assert decoded["current_l2_ma"] is decoded["current_l3_ma"] is None
    assert currents_of(read) == [6000, None, None]
    assert Quantity.CURRENT not in read, "a sum with an unknown phase is unknown"

    assert set(states) == set(STATES)
    for state, expected in STATES.items():
        assert states[state]["decoded"]["vehicle_status"] == state
        assert seen(states[state])[Quantity.STATE] == expected, state
