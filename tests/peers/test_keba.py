"""keba-modbus-client and our KEBA KeContact P30 and P40."""

import pytest

from knxgw.catalogue.codes import ChargingState
from knxgw.catalogue.points import Table
from knxgw.charging.quantities import Quantity
from knxgw.sim.vehicle import VOLTAGE_V
from tests.peers.device import (
    DRAWN_MA,
    DRAWN_W,
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

NOT_READY, READY, CHARGING, ERROR, SUSPENDED = 1, 2, 3, 4, 5  # words of the library
CABLE_AT_STATION, CABLE_LOCKED = 1, 7


@pytest.mark.proves("H.45")
@pytest.mark.parametrize("model_id", ["keba_p30", "keba_p40"])
async def test_the_library_reads_what_the_charger_does(model_id: str) -> None:
    box = served_charger(model_id)
    box.charger.card = 0x04A1B2C3
    async with serving(box), running(ENVIRONMENT, "keba", box.port) as peer:
        free = await peer.ask("read")
        assert free["chargingState"]["state"] == NOT_READY
        assert free["cableState"]["state"] == CABLE_AT_STATION
        assert free["activePower"] == 0

        box.charger.plug(thirsty())
        box.let_pass()
        charging = await peer.ask("read")
        assert charging["chargingState"]["state"] == CHARGING
        assert charging["cableState"]["state"] == CABLE_LOCKED
        assert charging["activePower"] == DRAWN_W
        assert charging["totalEnergy"] == pytest.approx(box.charger.energy_wh / 1000, abs=0.01)
        # The library takes the session's 0.1 Wh for Wh; its own total is right, and both registers
        # follow one rule (KEBA's guide; evcc and OpenEMS read both as 0.1 Wh).
        assert charging["chargedEnergy"] / 10 == pytest.approx(
            box.charger.session_wh / 1000, abs=0.002
        )
        assert charging["maxSupportedCurrent"] == charging["maxChargingCurrent"] == 32

        seen = box.seen_by_gateway()
        assert seen[Quantity.STATE] == ChargingState.CHARGE
        assert seen[Quantity.CONNECTED]
        assert currents_of(seen) == [DRAWN_MA] * 3
        assert seen[Quantity.POWER] == charging["activePower"]
        assert seen[Quantity.SERIAL] == str(charging["serialNumber"])
        assert seen[Quantity.RFID] == charging["RFIDcard"]
        assert seen[Quantity.SETPOINT] == 1000 * charging["maxChargingCurrent"]

        box.charger.plug(sated())
        box.let_pass()
        assert (await peer.ask("read"))["chargingState"]["state"] == READY
        assert box.seen_by_gateway()[Quantity.STATE] == ChargingState.CONNECTED
        session_kwh = (await peer.ask("read"))["chargedEnergy"]
        box.charger.unplug()
        free = await peer.ask("read")
        assert free["cableState"]["state"] == CABLE_AT_STATION
        assert free["chargedEnergy"] == session_kwh > 0, "kept until the next session"
        assert box.seen_by_gateway()[Quantity.STATE] == ChargingState.AVAILABLE
        box.charger.plug(thirsty())

        box.charger.has_error = True
        assert (await peer.ask("read"))["chargingState"]["state"] == ERROR
        box.charger.has_error = False
        box.charger.authorised = False
        refused = await peer.ask("read")
        assert refused["chargingState"]["state"] == NOT_READY
        assert refused["cableState"]["state"] == CABLE_LOCKED
        assert box.seen_by_gateway()[Quantity.STATE] == ChargingState.MANUAL_START


@pytest.mark.proves("H.45")
async def test_the_firmware_of_a_p30_is_the_one_the_library_reads() -> None:
    box = served_charger("keba_p30")
    box.charger.card = 1
    async with serving(box), running(ENVIRONMENT, "keba", box.port) as peer:
        firmware = (await peer.ask("read"))["firmwareVersion"]
    assert box.seen_by_gateway()[Quantity.FIRMWARE] == firmware == "3.10.42"


@pytest.mark.proves("H.45")
async def test_what_the_library_commands_is_what_the_charger_does() -> None:
    box = served_charger("keba_p30")
    box.charger.card = 1
    box.charger.plug(thirsty())
    async with serving(box), running(ENVIRONMENT, "keba", box.port) as peer:
        await peer.ask("set_current", current=8)
        box.let_pass()
        read = await peer.ask("read")
        assert box.drawn_ma() == [8000] * 3
        assert read["maxChargingCurrent"] == 8
        assert read["activePower"] == 3 * 8 * VOLTAGE_V

        await peer.ask("disable")
        box.let_pass()
        read = await peer.ask("read")
        assert read["chargingState"]["state"] == SUSPENDED
        assert read["activePower"] == 0
        assert box.seen_by_gateway()[Quantity.STATE] == ChargingState.INTERRUPTION

        await peer.ask("enable")
        box.let_pass()
        assert (await peer.ask("read"))["chargingState"]["state"] == CHARGING

        await peer.ask("set_kwh", kwh=5)
        assert box.written("energy_limit_write") == 5000
        await peer.ask("unlock")
        assert box.written("unlock") == 0


@pytest.mark.proves("H.46")
async def test_registers_as_the_library_takes_them_are_read_right() -> None:
    """It has no encoder: it is asked where it looks for a value, and what it reads there."""
    box = served_charger("keba_p30")
    values = {
        "charging_state_raw": 3,
        "_cable_state_raw": 5,
        "serial_number": 99_999_999,
        "firmware_version": 0x03_0A_34_00,
        "max_charging_current": 63_000,
        "active_power": 43_500_120,  # mW
        "total_energy": 0xFFFF_FFFE,  # 0.1 Wh
        "rfidcard": 0x0000_00A7,
        "charged_energy": 1_234_567,  # 0.1 Wh
    }
    async with serving(box), running(ENVIRONMENT, "keba", box.port) as peer:
        encoded = await peer.ask("encode", values=values)
    image = Encoded(charger_of("keba_p30"))
    read = {}
    for name, one in zip(values, encoded, strict=True):
        image.lay(one["address"], one["registers"], Table.HOLDING, one["unit"])
        read[name] = one["read"]
    seen = seen_by_gateway(image)
    assert seen[Quantity.STATE] == ChargingState.CHARGE
    assert seen[Quantity.CONNECTED]
    assert seen[Quantity.SERIAL] == str(read["serial_number"]) == "99999999"
    assert seen[Quantity.FIRMWARE] == read["firmware_version"] == "3.10.52"
    assert seen[Quantity.SETPOINT] == 1000 * read["max_charging_current"] == 63_000
    assert seen[Quantity.POWER] == round(read["active_power"]) == 43_500
    assert seen[Quantity.ENERGY] == 429_496_729_400
    assert read["total_energy"] == pytest.approx(429_496.7294, abs=0.01)
    assert seen[Quantity.RFID] == read["rfidcard"] == "000000A7"
    assert seen[Quantity.SESSION_ENERGY] == 123_456_700
