"""enovates-modbus and our Enovates box."""

import pytest

from knxgw.catalogue.codes import ChargingState
from knxgw.catalogue.points import Table
from knxgw.charging.quantities import Quantity
from knxgw.sim.vehicle import VOLTAGE_V
from tests.peers.device import (
    Encoded,
    charger_of,
    currents_of,
    sated,
    seen_by_gateway,
    served_charger,
    serving,
    thirsty,
)
from tests.peers.environments import PYTHON_3_13 as ENVIRONMENT
from tests.peers.peer import running

pytestmark = [pytest.mark.peers, pytest.mark.real]

STATES = {  # what the gateway makes of each Mode 3 state of the library
    "A1": ChargingState.AVAILABLE,
    "A2": ChargingState.AVAILABLE,
    "B1": ChargingState.MANUAL_START,
    "B2": ChargingState.CONNECTED,
    "C1": ChargingState.INTERRUPTION,
    "C2": ChargingState.CHARGE,
    "D1": ChargingState.INTERRUPTION,
    "D2": ChargingState.CHARGE_VENTILATION,
    "E": ChargingState.ERROR,
    "F": ChargingState.NOT_AVAILABLE,
}
UNPLUGGED = ("A1", "A2")
MEASUREMENTS = {
    "current_l1": 32_000,
    "current_l2": 0,
    "current_l3": 33_500,  # above what a signed register holds
    "voltage_l1": 230,
    "voltage_l2": 231,
    "voltage_l3": 229,
    "charger_active_power_total": 22_080,
    "charger_active_power_l1": 7360,
    "charger_active_power_l2": -3,
    "charger_active_power_l3": 7700,
    "installation_current_l1": -70_000,
    "installation_current_l2": 70_000,
    "installation_current_l3": 1,
    "active_energy_import_total": 2_147_483_000,
}
MODE_3 = {"state_num": 5, "state_str": "C2", "pwm_amp": 0, "pwm": 0, "pp": 0, "CP_pos": 6, "CP_neg": -12}  # fmt: skip
DIAGNOSTICS = {
    "manufacturer": "Enovates NV",
    "vendor_id": "ENO",
    "serial_nr": "ENO-0123456789-ABCDEFGHIJKLMNOPQ",  # fills its 16 registers
    "model_id": "ENO one",
    "firmware_version": "4.10.2",
}


@pytest.mark.proves("H.45")
async def test_the_library_reads_and_commands_what_the_charger_does() -> None:
    box = served_charger("enovates")
    async with serving(box), running(ENVIRONMENT, "enovates", box.port) as peer:
        assert await peer.ask("version"), "a map the library knows"
        free = await peer.ask("read", name="Mode3Details")
        assert free["state_str"] == free["state_num"] == "A1"

        box.charger.plug(thirsty())
        await peer.ask("set_limit", limit=8765)
        box.let_pass(10)
        mode_3 = await peer.ask("read", name="Mode3Details")
        assert mode_3["state_str"] == mode_3["state_num"] == "C2"
        measured = await peer.ask("read", name="Measurements")
        assert [measured[f"current_l{n}"] for n in (1, 2, 3)] == [8765] * 3
        assert [measured[f"voltage_l{n}"] for n in (1, 2, 3)] == [VOLTAGE_V] * 3
        assert measured["charger_active_power_total"] == round(3 * 8.765 * VOLTAGE_V)
        assert measured["active_energy_import_total"] == round(box.charger.energy_wh)
        assert await peer.ask("limit") == 8765
        assert await peer.ask("offered") == 8765
        state = await peer.ask("read", name="State")
        assert (state["number_of_phases"], state["max_amp_per_phase"]) == (3, 32)
        reported = await peer.ask("read", name="Diagnostics")
        assert (await peer.ask("read", name="TransactionToken"))["transaction_token"] == ""

        seen = box.seen_by_gateway()
        assert seen[Quantity.STATE] == ChargingState.CHARGE
        assert currents_of(seen) == [8765] * 3
        assert seen[Quantity.SETPOINT] == 8765
        assert seen[Quantity.SERIAL] == reported["serial_nr"] == "EN0123456789"
        assert seen[Quantity.FIRMWARE] == reported["firmware_version"]

        await peer.ask("set_limit", limit=0)
        box.let_pass(10)
        assert (await peer.ask("read", name="Mode3Details"))["state_str"] == "C1"
        assert (await peer.ask("read", name="Measurements"))["current_l1"] == 0

        box.charger.plug(sated())
        await peer.ask("set_limit", limit=16_000)
        box.let_pass(10)
        assert (await peer.ask("read", name="Mode3Details"))["state_str"] == "B2"
        assert box.seen_by_gateway()[Quantity.STATE] == ChargingState.CONNECTED
        box.charger.unplug()
        assert (await peer.ask("read", name="Mode3Details"))["state_str"] == "A1"

        box.charger.has_error = True
        broken = await peer.ask("read", name="Mode3Details")
        assert broken["state_str"] == broken["state_num"] == "E"


@pytest.mark.proves("H.46")
async def test_registers_laid_out_by_the_library_are_read_right() -> None:
    async with running(ENVIRONMENT, "enovates", 1) as peer:
        maps = {"Measurements": MEASUREMENTS, "Mode3Details": MODE_3, "Diagnostics": DIAGNOSTICS}
        limits = {"EMSLimit": {"ems_limit": -1}, "CurrentOffered": {"active_current_offered": 0}}
        blocks = await peer.ask("encode", values=maps | limits)
        numbers = await peer.ask("states")
        states = {}
        for name, number in numbers.items():
            details = MODE_3 | {"state_num": number, "state_str": name}
            (states[name],) = await peer.ask("encode", values={"Mode3Details": details})
    image = Encoded(charger_of("enovates"))
    decoded: dict[str, object] = {}
    for block in blocks:
        image.lay(block["address"], block["registers"], Table.HOLDING)
        decoded |= block["decoded"]
    assert decoded["current_l3"] == 33_500, "the library reads its own registers as they were meant"
    seen = seen_by_gateway(image)
    assert seen[Quantity.STATE] == ChargingState.CHARGE
    assert currents_of(seen) == [32_000, 0, 33_500]
    assert seen[Quantity.POWER] == 22_080
    assert seen[Quantity.ENERGY] == 2_147_483_000_000
    assert seen[Quantity.SERIAL] == decoded["serial_nr"] == DIAGNOSTICS["serial_nr"]
    assert seen[Quantity.FIRMWARE] == "4.10.2"

    assert set(states) == set(STATES)
    for name, expected in STATES.items():
        block = states[name]
        assert block["decoded"]["state_str"] == block["decoded"]["state_num"] == name
        image.lay(block["address"], block["registers"], Table.HOLDING)
        seen = seen_by_gateway(image)
        assert seen[Quantity.STATE] == expected, name
        if expected not in (ChargingState.ERROR, ChargingState.NOT_AVAILABLE):
            assert seen[Quantity.CONNECTED] == (name not in UNPLUGGED), name
