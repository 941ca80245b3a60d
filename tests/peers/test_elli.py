"""elli-2-modbus and our Elli Charger 2; the library's own simulator and our gateway."""

import pytest

from knxgw.catalogue.codes import ChargingState
from knxgw.catalogue.load import catalogue
from knxgw.charging.quantities import Quantity
from knxgw.config.model import ConnectionKind
from knxgw.links.modbus_endpoint import TcpEndpoint
from tests.peers.device import (
    DRAWN_MA,
    DRAWN_W,
    HOST,
    currents_of,
    sated,
    served_charger,
    serving,
    thirsty,
)
from tests.peers.environments import CURRENT as ENVIRONMENT
from tests.peers.peer import running
from tests.support.devices import driver as make_driver
from tests.support.modbus_rig import CP1, BusRig

pytestmark = [pytest.mark.peers, pytest.mark.real]

A1, A2, B1, B2, C2, ERROR = 2, 3, 4, 5, 7, 11  # states of the library


@pytest.mark.proves("H.45")
async def test_the_library_reads_what_the_charger_does() -> None:
    box = served_charger("elli_charger_2")
    async with serving(box), running(ENVIRONMENT, "elli", box.port) as peer:
        free = await peer.ask("read")
        assert (free["connected"], free["charging"], free["problem"]) == (False, False, False)
        assert free["state"] in (A1, A2)

        box.charger.plug(thirsty())
        box.let_pass(10)
        charging = await peer.ask("read")
        assert charging["state"] == C2
        assert (charging["connected"], charging["charging"]) == (True, True)
        assert charging["currents"] == [DRAWN_MA / 1000] * 3
        assert charging["voltages"] == [230, 230, 230]
        assert charging["power"] == DRAWN_W
        assert charging["energy_total"] == pytest.approx(box.charger.energy_wh / 1000, abs=0.001)
        assert charging["pcb_temperature"] == 32.5
        assert charging["layout_version"] == "1.0.0"
        assert (charging["min_current"], charging["max_current"]) == (6, 16)

        seen = box.seen_by_gateway()
        assert seen[Quantity.STATE] == ChargingState.CHARGE
        assert currents_of(seen) == [DRAWN_MA] * 3
        assert seen[Quantity.POWER] == charging["power"]
        assert seen[Quantity.TEMPERATURE] == 100 * charging["pcb_temperature"]
        assert seen[Quantity.SETPOINT] == 1000 * charging["current_limit"]

        box.charger.plug(sated())
        box.let_pass(10)
        waiting = await peer.ask("read")
        assert (waiting["state"], waiting["connected"], waiting["charging"]) == (B2, True, False)
        assert box.seen_by_gateway()[Quantity.STATE] == ChargingState.CONNECTED
        box.charger.unplug()
        assert not (await peer.ask("read"))["connected"]
        assert box.seen_by_gateway()[Quantity.STATE] == ChargingState.AVAILABLE

        box.charger.has_error = True
        broken = await peer.ask("read")
        assert broken["state"] == ERROR
        assert broken["problem"]
        assert box.seen_by_gateway()[Quantity.STATE] == ChargingState.ERROR


@pytest.mark.proves("H.45")
async def test_what_the_library_commands_is_what_the_charger_does() -> None:
    box = served_charger("elli_charger_2")
    box.charger.plug(thirsty())
    async with serving(box), running(ENVIRONMENT, "elli", box.port) as peer:
        await peer.ask("set_current", amps=7.3)
        box.let_pass(10)
        read = await peer.ask("read")
        assert read["current_limit"] == 7.3
        assert read["currents"] == [7.3] * 3
        assert box.drawn_ma() == [7300] * 3
        assert (read["watchdog_timeout"], read["failsafe_current"]) == (15, 0), "as delivered"
        box.let_pass(20)
        assert max(box.drawn_ma()) == 0
        assert (await peer.ask("read"))["current_limit"] == 7.3
        box.let_pass(10)
        assert box.drawn_ma() == [7300] * 3, "a request was enough"

        await peer.ask("stop")
        box.let_pass(10)
        read = await peer.ask("read")
        assert (read["state"], read["allowed"]) == (B1, False)
        assert max(box.drawn_ma()) == 0

        await peer.ask("set_failsafe_current", amps=6)
        await peer.ask("set_watchdog_timeout", seconds=20)
        await peer.ask("set_current", amps=10)
        read = await peer.ask("read")
        assert (read["failsafe_current"], read["watchdog_timeout"]) == (6, 20)
        assert box.written("failsafe_current") == 6
        assert box.written("failsafe_timeout") == 20

        box.let_pass(15)
        assert box.drawn_ma() == [10_000] * 3
        box.let_pass(15)  # nobody has asked for longer than the watchdog waits
        assert box.drawn_ma() == [6000] * 3


@pytest.mark.proves("H.45")
async def test_the_charger_refuses_what_the_librarys_charger_refuses() -> None:
    box = served_charger("elli_charger_2")
    writes = [(258, 4), (261, 320), (262, 170), (259, 1)]
    async with serving(box), running(ENVIRONMENT, "elli", box.port) as ours:
        refusals = [await ours.ask("write", address=a, value=v) for a, v in writes]
        port = await ours.ask("simulate")
        async with running(ENVIRONMENT, "elli", port) as theirs:
            assert refusals == [await theirs.ask("write", address=a, value=v) for a, v in writes]


def gateway_at(port: int) -> BusRig:
    """Return bus and driver of a gateway on a real wire."""
    endpoint = TcpEndpoint(host=HOST, port=port, kind=ConnectionKind.TCP)
    return BusRig(endpoint, [make_driver(CP1, catalogue().chargers["elli_charger_2"], unit_id=1)])


@pytest.mark.proves("H.45", "H.46")
async def test_the_gateway_reads_and_leads_the_librarys_own_charger() -> None:
    async with (
        running(ENVIRONMENT, "elli", 1) as peer,
        gateway_at(await peer.ask("simulate")).asking() as gateway,
    ):
        await gateway.until(lambda: gateway.last(Quantity.STATE) == ChargingState.AVAILABLE)
        gateway.offer(10_500)
        await gateway.until(lambda: gateway.last(Quantity.SETPOINT) == 10_500)
        await peer.ask("plug", vehicle=True)
        await gateway.until(lambda: gateway.last(Quantity.STATE) == ChargingState.CHARGE)
        await gateway.until(lambda: currents_of(gateway.values()) == [10_500] * 3)
        shown = await peer.ask("show")
        assert shown["holding"] == {"257": 60_000, "261": 105, "262": 60}

        gateway.offer(0)
        await gateway.until(lambda: gateway.last(Quantity.STATE) == ChargingState.CONNECTED)
        await gateway.until(lambda: currents_of(gateway.values()) == [0] * 3)
        shown = await peer.ask("show")
        assert shown["holding"]["261"] == 0
        energy = gateway.last(Quantity.ENERGY)
        assert isinstance(energy, int)
        assert 1_234_567_000 <= energy <= 1000 * shown["energy_vah"]
        assert {address for address, _ in shown["writes"]} == {257, 261, 262}
