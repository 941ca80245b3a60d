"""What the gateway writes to a charger is what client libraries of others read there."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from knxgw.charging.scope import PointNumber
from knxgw.sim.vehicle import VOLTAGE_V
from tests.peers.device import Served, served_charger, serving, thirsty
from tests.peers.environments import CURRENT, PYTHON_3_13, Environment
from tests.peers.peer import Peer, require, running
from tests.support.devices import driver as make_driver
from tests.support.talk import Talk

pytestmark = [pytest.mark.peers, pytest.mark.real]

LED_S = 60.0  # until everything is written and the vehicle has followed, at the slowest model
OFFER_A, WATCHDOG_S, MINIMUM_A = 9, 60, 8  # the minimum is what a charger shall fall back to
CHARGING, SUSPENDED = 3, 5  # states of a KEBA

Look = Callable[[Peer], Awaitable[dict[str, Any]]]


class Leader:
    """A gateway's driver for a charger that is served to somebody else as well."""

    def __init__(self, box: Served) -> None:
        self._box = box
        image = box.image
        driver = make_driver(
            PointNumber(1), image.model, unit_id=image.unit_id, minimum_ma=1000 * MINIMUM_A
        )
        self._talk = Talk(driver, image)

    def lead(self, offer_ma: int) -> None:
        """Have the charger offer a current, and wait until the vehicle has it."""
        self._talk.driver.want(offer_ma)
        self._talk.until(self._talk.now_s + LED_S)
        self._box.now_s = self._talk.now_s


async def keba(peer: Peer) -> dict[str, Any]:
    read = await peer.ask("read")
    return {
        "offer_a": read["maxChargingCurrent"],
        "state": read["chargingState"]["state"],
        "power_w": read["activePower"],
    }


async def elli(peer: Peer) -> dict[str, Any]:
    read = await peer.ask("read")
    return {
        "offer_a": read["current_limit"],
        "fallback_a": read["failsafe_current"],
        "watchdog_s": read["watchdog_timeout"],
        "power_w": read["power"],
    }


async def alfen(peer: Peer) -> dict[str, Any]:
    read = await peer.ask("read", batches=[5, 7])
    return {
        "offer_a": read["modbus_slave_max_current"],
        "applied_a": read["actual_applied_max_current"],
        "is_valid": read["modbus_slave_max_current_valid_time"] > 0,
        "power_w": read["real_power_sum"],
    }


async def charx(peer: Peer) -> dict[str, Any]:
    read = await peer.ask("read", point=1)
    return {
        "offer_a": read["max_current_a"],
        "released": read["charging_release"],
        "fallback_a": read["watchdog_current_a"],
        "watchdog_s": read["watchdog_timer_s"],
        "power_w": read["active_power_mw"] / 1000,
    }


async def enovates(peer: Peer) -> dict[str, Any]:
    return {
        "offer_a": await peer.ask("limit") / 1000,
        "offered_a": await peer.ask("offered") / 1000,
        "power_w": (await peer.ask("read", name="Measurements"))["charger_active_power_total"],
    }


async def sungrow(peer: Peer) -> dict[str, Any]:
    read = await peer.ask("read")
    return {
        "offer_a": read["output_current_setting"],
        "stopped": read["stopped"],
        "power_w": read["charging_power"],
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """How a library looks at a model, and what it must see beside 9 A, or 0 A, and the power."""

    model_id: str
    environment: Environment
    script: str
    look: Look
    unit: int = 1
    led: Mapping[str, Any]
    paused: Mapping[str, Any]


ARMED = {"fallback_a": MINIMUM_A, "watchdog_s": WATCHDOG_S}
LIBRARIES = [
    Library(
        model_id="keba_p30", environment=CURRENT, script="keba", look=keba, unit=255,
        led={"state": CHARGING}, paused={"offer_a": OFFER_A, "state": SUSPENDED},
    ),
    Library(
        model_id="elli_charger_2", environment=CURRENT, script="elli", look=elli,
        led=ARMED, paused={"offer_a": 0, **ARMED},
    ),
    Library(
        model_id="alfen_eve", environment=CURRENT, script="alfen", look=alfen,
        led={"applied_a": OFFER_A, "is_valid": True},
        paused={"offer_a": 0, "applied_a": 0, "is_valid": True},
    ),
    Library(
        model_id="phoenix_charx", environment=CURRENT, script="charx", look=charx,
        led={"released": True, **ARMED}, paused={"offer_a": 0, "released": False, **ARMED},
    ),
    Library(
        model_id="enovates", environment=PYTHON_3_13, script="enovates", look=enovates,
        led={"offered_a": OFFER_A}, paused={"offer_a": 0, "offered_a": 0},
    ),
    Library(
        model_id="sungrow_ac", environment=PYTHON_3_13, script="sungrow", look=sungrow, unit=248,
        led={"stopped": False}, paused={"offer_a": OFFER_A, "stopped": True},
    ),
]  # fmt: skip


@pytest.mark.proves("H.45")
@pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library.model_id)
async def test_a_library_reads_what_the_gateway_has_written(library: Library) -> None:
    require(library.environment)
    box = served_charger(library.model_id, library.unit)
    box.charger.card = 1  # the KEBA library cannot do without
    box.charger.plug(thirsty())
    leader = Leader(box)
    where = box.port, library.unit
    async with serving(box), running(library.environment, library.script, *where) as peer:
        leader.lead(1000 * OFFER_A)
        led = {"offer_a": OFFER_A, "power_w": 3 * OFFER_A * VOLTAGE_V, **library.led}
        assert await library.look(peer) == led
        leader.lead(0)
        assert await library.look(peer) == {"power_w": 0, **library.paused}
        leader.lead(1000 * OFFER_A)
        assert await library.look(peer) == led
