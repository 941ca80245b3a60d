"""alfen-eve-modbus-tcp and our Alfen Eve."""

import math

import pytest

from knxgw.catalogue.codes import ChargingState
from knxgw.catalogue.points import Table
from knxgw.charging.quantities import PHASE_POWERS, Quantity
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
from tests.peers.environments import CURRENT as ENVIRONMENT
from tests.peers.peer import running

pytestmark = [pytest.mark.peers, pytest.mark.real]

# The library's own blocks, each of which it reads in one request.
IDENTITY, STATION, METER, VALUES, POWERS, ENERGIES, SOCKET = range(1, 8)
STATES = {  # what the gateway makes of each Mode 3 state of the library
    "A": ChargingState.AVAILABLE,
    "B1": ChargingState.MANUAL_START,
    "B2": ChargingState.CONNECTED,
    "C1": ChargingState.INTERRUPTION,
    "C2": ChargingState.CHARGE,
    "D1": ChargingState.INTERRUPTION,
    "D2": ChargingState.CHARGE_VENTILATION,
    "E": ChargingState.AVAILABLE,
    "F": ChargingState.ERROR,
}


@pytest.mark.proves("H.45")
async def test_the_library_reads_and_commands_what_the_charger_does() -> None:
    box = served_charger("alfen_eve")
    async with serving(box), running(ENVIRONMENT, "alfen", box.port) as peer:
        assert (await peer.ask("read", batches=[SOCKET]))["mode_3_state"] == "A"

        box.charger.plug(thirsty())
        assert await peer.ask("set_current", amps=9.4)
        box.let_pass(10)
        read = await peer.ask("read", batches=[METER, VALUES, POWERS, ENERGIES, SOCKET])
        assert read["mode_3_state"] == "C2"
        for phase in ("L1", "L2", "L3"):
            assert read[f"current_phase_{phase}"] == pytest.approx(9.4)
            assert read[f"voltage_phase_{phase}N"] == VOLTAGE_V
            assert read[f"real_power_phase_{phase}"] == pytest.approx(9.4 * VOLTAGE_V)
        assert read["real_power_sum"] == pytest.approx(3 * 9.4 * VOLTAGE_V)
        assert read["real_energy_delivered_sum"] == box.charger.energy_wh
        assert read["modbus_slave_max_current"] == pytest.approx(9.4)
        assert read["actual_applied_max_current"] == pytest.approx(9.4)
        assert read["modbus_slave_received_setpoint_accounted_for"] == 1
        assert read["charge_using_1_or_3_phases"] == 3
        assert read["availability"] == 1
        assert read["modbus_slave_max_current_valid_time"] == 50
        station = await peer.ask("read", batches=[IDENTITY, STATION])

        seen = box.seen_by_gateway()
        assert seen[Quantity.SERIAL] == station["c_station_serial_number"] == "ACE0123456"
        assert seen[Quantity.FIRMWARE] == station["c_firmware_version"]
        assert seen[Quantity.TEMPERATURE] == 100 * station["temperature"]

        box.let_pass(40)
        # Nothing was written for longer than the setpoint is valid: the safe current is in force.
        read = await peer.ask("read", batches=[SOCKET])
        assert read["modbus_slave_max_current_valid_time"] == 0
        assert read["actual_applied_max_current"] == read["active_load_balancing_safe_current"] == 6
        assert box.drawn_ma() == [6000] * 3

        await peer.ask("pause")
        box.let_pass(10)
        read = await peer.ask("read", batches=[SOCKET, POWERS])
        assert read["mode_3_state"] == "C1"
        assert read["real_power_sum"] == 0
        assert await peer.ask("applied") == 0
        assert box.seen_by_gateway()[Quantity.STATE] == ChargingState.INTERRUPTION

        box.charger.plug(sated())
        await peer.ask("set_current", amps=16)
        box.let_pass(10)
        assert (await peer.ask("read", batches=[SOCKET]))["mode_3_state"] == "B2"
        assert box.seen_by_gateway()[Quantity.STATE] == ChargingState.CONNECTED
        box.charger.unplug()
        assert (await peer.ask("read", batches=[SOCKET]))["mode_3_state"] == "A"

        box.charger.has_error = True
        assert (await peer.ask("read", batches=[SOCKET]))["mode_3_state"] == "F"


@pytest.mark.proves("H.46")
async def test_registers_the_library_encodes_are_read_right() -> None:
    values = {
        "mode_3_state": "C2",
        "availability": 1,
        "current_phase_L1": 31.75,
        "current_phase_L2": 0.0,
        "current_phase_L3": 6.125,
        "real_power_phase_L1": 7302.5,
        "real_power_phase_L2": -12.0,
        "real_power_phase_L3": 1408.75,
        "real_power_sum": 8699.25,
        "real_energy_delivered_sum": 98_765_432.125,
        "real_energy_delivered_phase_L1": 1e9,
        "modbus_slave_max_current": 31.9,
        "c_station_serial_number": "ACE9876543210ABCDEFGHI",  # fills its 11 registers
        "c_firmware_version": "7.2.0-5432",
        "temperature": -7.25,
    }
    box = served_charger("alfen_eve")
    async with serving(box), running(ENVIRONMENT, "alfen", box.port) as peer:
        encoded = await peer.ask("encode", values=values)
        not_measured = await peer.ask(
            "encode",
            values={"current_phase_L2": math.nan, "real_power_sum": math.nan},
        )
        states = {
            state: await peer.ask("encode", values={"mode_3_state": state})
            for state in await peer.ask("states")
        }
    image = Encoded(charger_of("alfen_eve"))
    for unit, address, registers in encoded:
        image.lay(address, registers, Table.HOLDING, unit)
    seen = seen_by_gateway(image)
    assert seen[Quantity.STATE] == ChargingState.CHARGE
    assert currents_of(seen) == [31_750, 0, 6125]
    assert seen[Quantity.CURRENT] == 37_875
    assert [seen[phase] for phase in PHASE_POWERS] == [7302, -12, 1409]
    assert seen[Quantity.POWER] == 8699
    assert seen[Quantity.ENERGY] == 98_765_432_125
    assert seen[Quantity.ENERGY_L1] == 10**12
    assert seen[Quantity.SETPOINT] == 31_900
    assert seen[Quantity.SERIAL] == "ACE9876543210ABCDEFGHI"
    assert seen[Quantity.FIRMWARE] == "7.2.0-5432"
    assert seen[Quantity.TEMPERATURE] == -725

    for unit, address, registers in not_measured:
        image.lay(address, registers, Table.HOLDING, unit)
    seen = seen_by_gateway(image)
    assert currents_of(seen) == [31_750, None, 6125]
    assert Quantity.CURRENT not in seen, "a sum with an unknown phase is unknown"
    assert Quantity.POWER not in seen

    assert set(states) == set(STATES)
    for state, expected in STATES.items():
        for unit, address, registers in states[state]:
            image.lay(address, registers, Table.HOLDING, unit)
        assert seen_by_gateway(image)[Quantity.STATE] == expected, state
