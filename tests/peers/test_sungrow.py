"""sungrow-modbus and our Sungrow wallbox. The library writes nothing to a wallbox."""

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
from tests.peers.environments import PYTHON_3_13 as ENVIRONMENT
from tests.peers.peer import running

pytestmark = [pytest.mark.peers, pytest.mark.real]

DIRECT, BEHIND_WINET_S = 248, 3
STATUSES = {  # what the gateway makes of each charging status of the library
    1: ChargingState.AVAILABLE,
    2: ChargingState.CONNECTED,
    3: ChargingState.CHARGE,
    4: ChargingState.INTERRUPTION,
    5: ChargingState.INTERRUPTION,
    6: ChargingState.CANCELLED,
    7: ChargingState.NOT_AVAILABLE,
    8: ChargingState.NOT_AVAILABLE,
    9: ChargingState.ERROR,
}


@pytest.mark.proves("H.45")
async def test_the_library_reads_what_the_charger_does() -> None:
    box = served_charger("sungrow_ac", DIRECT)
    async with serving(box), running(ENVIRONMENT, "sungrow", box.port, DIRECT) as peer:
        assert await peer.ask("units") == DIRECT
        free = await peer.ask("read")
        assert free["charging_status"] == "idle"
        assert free["charger_enabled"]
        assert free["model"] == free["model_name"] == "AC22E-01"
        assert free["phase_count"] == 3
        assert free["rated_current"] == 32

        box.charger.plug(thirsty())
        box.let_pass()
        charging = await peer.ask("read")
        assert (charging["charging_status"], charging["charging"]) == ("charging", True)
        for phase in "abc":
            assert charging[f"phase_{phase}_current"] == DRAWN_MA / 1000
            assert charging[f"phase_{phase}_voltage"] == VOLTAGE_V
        assert charging["charging_power"] == DRAWN_W
        assert charging["lifetime_energy"] == round(box.charger.energy_wh)
        assert charging["session_energy"] == round(box.charger.session_wh)
        assert charging["output_current_setting"] == 32

        seen = box.seen_by_gateway()
        assert seen[Quantity.STATE] == ChargingState.CHARGE
        assert currents_of(seen) == [DRAWN_MA] * 3
        assert seen[Quantity.POWER] == charging["charging_power"]
        assert seen[Quantity.FIRMWARE] == charging["version_string"]
        assert seen[Quantity.SETPOINT] == 32_000

        # As the gateway does it: 21202 is the current, 21211 stops.
        place = DIRECT, Table.HOLDING
        box.charger.write(*place, 21202, 6, [83])
        box.let_pass(10)
        slow = await peer.ask("read")
        assert slow["output_current_setting"] == slow["phase_b_current"] == 8.3
        assert not slow["stopped"]
        box.charger.write(*place, 21211, 6, [1])
        box.let_pass(10)
        stopped = await peer.ask("read")
        assert stopped["stopped"]
        assert stopped["charging_status"] == "suspended by the charge point"
        assert stopped["charging_power"] == 0

        box.charger.plug(sated())
        box.charger.write(*place, 21211, 6, [0])
        box.let_pass(10)
        assert (await peer.ask("read"))["charging_status"] == "standby"
        assert box.seen_by_gateway()[Quantity.STATE] == ChargingState.CONNECTED
        box.charger.unplug()
        assert (await peer.ask("read"))["charging_status"] == "idle"

        box.charger.has_error = True
        assert (await peer.ask("read"))["charging_status"] == "fault"


@pytest.mark.proves("H.45")
async def test_the_library_finds_a_box_behind_a_dongle() -> None:
    box = served_charger("sungrow_ac", BEHIND_WINET_S)
    async with serving(box), running(ENVIRONMENT, "sungrow", box.port, BEHIND_WINET_S) as peer:
        assert await peer.ask("units") == BEHIND_WINET_S
        assert (await peer.ask("read"))["model"] == "AC22E-01"


@pytest.mark.proves("H.46")
async def test_registers_the_library_encodes_are_read_right() -> None:
    values = {
        "phase_a_current": 31.9,
        "phase_b_current": 0.0,
        "phase_c_current": 6.1,
        "charging_power": 70_123,  # the low word comes first
        "lifetime_energy": 280_557,
        "session_energy": 65_536,
        "output_current_setting": 15.1,
        "version_string": "LE-01.1E1.001.",
    }
    async with running(ENVIRONMENT, "sungrow", 1, DIRECT) as peer:
        encoded = await peer.ask("encode", values=values)
        statuses = await peer.ask("statuses")
        states = {}
        for status in map(int, statuses):
            (states[status],) = await peer.ask("encode", values={"charging_status_raw": status})
    image = Encoded(charger_of("sungrow_ac", DIRECT))
    for one in encoded:
        image.lay(one["address"], one["registers"], Table(one["table"]))
    assert [one["decoded"] for one in encoded] == list(values.values())
    seen = seen_by_gateway(image)
    assert currents_of(seen) == [31_900, 0, 6100]
    assert seen[Quantity.POWER] == 70_123
    assert seen[Quantity.ENERGY] == 280_557_000
    assert seen[Quantity.SESSION_ENERGY] == 65_536_000
    assert seen[Quantity.SETPOINT] == 15_100
    assert seen[Quantity.FIRMWARE] == "LE-01.1E1.001."

    assert set(states) == set(STATUSES)
    for status, expected in STATUSES.items():
        one = states[status]
        image.lay(one["address"], one["registers"], Table(one["table"]))
        assert seen_by_gateway(image)[Quantity.STATE] == expected, statuses[str(status)]
