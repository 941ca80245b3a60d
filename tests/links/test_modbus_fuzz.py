"""Random and mutated answers on every transport: no crash, nothing wrong is published, it heals.

A few hundred in the ordinary suite, 10 000 for each transport in `make fuzz`.
"""

import asyncio
import os
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import settings

from knxgw.catalogue.device_model import DeviceModel
from knxgw.catalogue.load import catalogue
from knxgw.catalogue.points import Table
from knxgw.charging.events import (
    ChargerConditionChanged,
    ChargerSeen,
    DeviceEvent,
    LinkCondition,
    OfferAcknowledged,
)
from knxgw.charging.quantities import Quantity, Value
from knxgw.charging.scope import PointNumber
from knxgw.errors import PeerRefusedError
from knxgw.links.modbus import ModbusBus, quiet_pymodbus
from knxgw.modbus.driver import Driver
from knxgw.sim.charger import SimulatedCharger
from tests.links.raw_peer import RawPeer, contents, framed, unframed
from tests.support.devices import driver as make_driver
from tests.support.modbus_rig import PORT, TRANSPORTS, endpoint_of, kept_alive

FEW, FUZZ_FROM = 400, 10_000
CALM_EVERY, CALM_S = 50, 30.0
LATE_S = (0.6, 2.4)
SHOWN_A = {"current_l1": 11, "current_l2": 12, "current_l3": 13}  # by unit: times 1 or 2
KEBA = replace(
    catalogue().chargers["keba_p30"],
    response_timeout_s=0.5,
    read=replace(catalogue().chargers["keba_p30"].read, min_interval_s=0.0),
)
ABB = replace(catalogue().chargers["abb_terra_ac"], response_timeout_s=0.5)
QUANTITIES = {
    "current_l1": Quantity.CURRENT_L1,
    "current_l2": Quantity.CURRENT_L2,
    "current_l3": Quantity.CURRENT_L3,
}


@dataclass
class Device:
    """The units behind the wire, and what may be published of them."""

    transport: str
    chance: random.Random
    images: dict[int, SimulatedCharger]
    is_calm: bool = True
    mutated: int = 0
    kinds: dict[str, int] = field(default_factory=dict)
    last: bytes = b""
    busy_s: float = 0.0
    acknowledged: dict[int, list[tuple[int, ...]]] = field(default_factory=dict)

    def answer(self, request: bytes) -> list[tuple[float, bytes]]:
        """Say the truth, or something else."""
        number, unit, pdu = unframed(self.transport, request)
        truth = self.truth(unit, pdu)
        frame = framed(self.transport, unit, truth, number)
        previous, self.last = self.last, frame
        if self.is_calm:
            self._note_write(unit, pdu, truth)
            return self._in_pieces(frame)
        self.mutated += 1
        kind = self.chance.choice(list(MUTATIONS))
        said = MUTATIONS[kind](self, number, unit, truth, previous)
        while contents(self.transport, said, number, unit) - {truth}:
            said = said[:-1]  # by chance it says something else in good form: nobody could tell
        if kind == "late" or contents(self.transport, said, number, unit):
            self._note_write(unit, pdu, truth)
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        if kind == "twice" and self.transport != "tcp":
            return [(0.001, said)]  # a copy that comes apart, when the next was asked, is an answer
        return [(self.chance.uniform(*LATE_S), said)] if kind == "late" else self._in_pieces(said)

    def truth(self, unit: int, pdu: bytes) -> bytes:
        """Return what the device would say."""
        function, address = pdu[0], int.from_bytes(pdu[1:3], "big")
        image = self.images[unit]
        try:
            if function in (3, 4):
                table = Table.HOLDING if function == 3 else Table.INPUT
                registers = image.read(unit, table, address, int.from_bytes(pdu[3:5], "big"))
                data = b"".join(register.to_bytes(2, "big") for register in registers)
                return bytes((function, len(data))) + data
            image.write(unit, Table.HOLDING, address, function, _written(pdu))
        except PeerRefusedError as err:
            return bytes((function | 0x80, err.code))
        return pdu[:5]

    def _note_write(self, unit: int, pdu: bytes, truth: bytes) -> None:
        if pdu[0] in (6, 16) and truth[0] == pdu[0]:
            self.acknowledged.setdefault(unit, []).append(_written(pdu))

    def _in_pieces(self, said: bytes) -> list[tuple[float, bytes]]:
        now_s = asyncio.get_running_loop().time()
        start_s = max(now_s, self.busy_s)  # what was begun is said to its end first
        cuts = sorted(self.chance.sample(range(len(said) + 1), k=min(2, len(said))))
        parts = (
            [said[: cuts[0]], said[cuts[0] : cuts[1]], said[cuts[1] :]]
            if len(cuts) == 2
            else [said]
        )
        self.busy_s = start_s + 0.001 * (len(parts) + 1)
        wait_s = start_s - now_s
        return [(wait_s + 0.001 * place, part) for place, part in enumerate(parts, start=1) if part]


def _written(pdu: bytes) -> tuple[int, ...]:
    data = pdu[3:5] if pdu[0] == 6 else pdu[6:]
    return tuple(int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2))


Mutation = Callable[[Device, int, int, bytes, bytes], bytes]


def bits(device: Device, number: int, unit: int, truth: bytes, _previous: bytes) -> bytes:
    """Some bits are wrong on their way."""
    said = bytearray(framed(device.transport, unit, truth, number))
    for _ in range(device.chance.randint(1, 4)):
        said[device.chance.randrange(len(said))] ^= 1 << device.chance.randrange(8)
    return bytes(said)


def cut(device: Device, number: int, unit: int, truth: bytes, _previous: bytes) -> bytes:
    """The end, or the beginning, or something between is missing."""
    said = framed(device.transport, unit, truth, number)
    start = device.chance.randrange(len(said))
    return said[:start] + said[start + device.chance.randint(1, len(said)) :]


def noise(device: Device, _number: int, _unit: int, _truth: bytes, _previous: bytes) -> bytes:
    """Anything, of any length."""
    return device.chance.randbytes(device.chance.randrange(300))


def surrounded(device: Device, number: int, unit: int, truth: bytes, _previous: bytes) -> bytes:
    """The truth, with noise before or after it."""
    said = framed(device.transport, unit, truth, number)
    junk = device.chance.randbytes(device.chance.randint(1, 12))
    return junk + said if device.chance.random() < 0.5 else said + junk


def of_unit(device: Device, number: int, unit: int, truth: bytes, _previous: bytes) -> bytes:
    """Another unit says it."""
    other = (unit + device.chance.randint(1, 255)) % 256
    return framed(device.transport, other, truth, number)


def of_function(device: Device, number: int, unit: int, truth: bytes, _previous: bytes) -> bytes:
    """It is the answer to another function."""
    function = device.chance.choice([f for f in range(256) if f not in (truth[0], truth[0] | 0x80)])
    return framed(device.transport, unit, bytes((function,)) + truth[1:], number)


def of_length(device: Device, number: int, unit: int, truth: bytes, _previous: bytes) -> bytes:
    """It says another length than it has, or has another one than was asked for; well framed."""
    change = device.chance.choice([-4, -2, -1, 1, 2, 4])
    says, data = truth[1], truth[2:]
    changed = data[:change] if change < 0 else data + device.chance.randbytes(change)
    if device.chance.random() < 0.5:
        says = (says + change) % 256
    return framed(device.transport, unit, bytes((truth[0], says)) + changed, number)


def of_number(device: Device, number: int, unit: int, truth: bytes, _previous: bytes) -> bytes:
    """It names another transaction, also 0; where there are none, it is another unit's."""
    if device.transport != "tcp":
        return of_unit(device, number, unit, truth, b"")
    other = device.chance.choice([0, (number + device.chance.randint(1, 65534)) % 65536])
    return framed("tcp", unit, truth, other)


def refusal(device: Device, number: int, unit: int, truth: bytes, _previous: bytes) -> bytes:
    """It is an exception, of this function or another one."""
    function = device.chance.choice([truth[0], device.chance.randint(1, 127)]) | 0x80
    code = device.chance.choice([3, 4, 5, 6, 8, 10, 11, 200])
    return framed(device.transport, unit, bytes((function, code)), number)


def twice(device: Device, number: int, unit: int, truth: bytes, _previous: bytes) -> bytes:
    """It is said twice."""
    return framed(device.transport, unit, truth, number) * 2


def before(device: Device, number: int, unit: int, truth: bytes, previous: bytes) -> bytes:
    """What was said before comes again, where numbers tell; else it is cut off."""
    return previous if device.transport == "tcp" else cut(device, number, unit, truth, b"")


def late(device: Device, number: int, unit: int, truth: bytes, _previous: bytes) -> bytes:
    """The truth, when nobody waits for it any more."""
    return framed(device.transport, unit, truth, number)


MUTATIONS: dict[str, Mutation] = {
    one.__name__: one
    for one in (
        bits, cut, noise, surrounded, of_unit, of_function, of_length, of_number, refusal, twice,
        before, late,
    )
}  # fmt: skip


class Judge:
    """Takes what the bus publishes; anything the devices never had is a failure."""

    def __init__(self, device: Device, drivers: dict[int, Driver]) -> None:
        self.device = device
        self.drivers = drivers
        self._unit_of = {driver.device: unit for unit, driver in drivers.items()}
        self.conditions: dict[int, LinkCondition] = {}
        self.seen = dict.fromkeys(drivers, 0)
        self.published = 0

    def take(self, event: DeviceEvent) -> None:
        """Look at one event."""
        unit = self._unit_of[event.device]
        if isinstance(event, ChargerConditionChanged):
            self.conditions[unit] = event.condition
        elif isinstance(event, ChargerSeen):
            self.seen[unit] += 1
            for quantity, value in event.values.items():
                self._check(unit, quantity, value)
        elif isinstance(event, OfferAcknowledged) and event.offer_ma:
            offered = (event.offer_ma,) if unit == 1 else (0, event.offer_ma)
            assert offered in self.device.acknowledged.get(unit, []), event

    def _check(self, unit: int, quantity: Quantity, value: Value) -> None:
        self.published += 1
        possible = POSSIBLE.get(quantity)
        if possible is None:
            return
        assert value in possible[unit], f"unit {unit}: {quantity} {value}"


def partial_sums(unit: int) -> set[Value]:
    """Return what the phases known so far may come to: one may be missing after a refusal."""
    amounts = [amount * unit * 1000 for amount in SHOWN_A.values()]
    sums: set[Value] = {0}
    for amount in amounts:
        sums |= {amount + one for one in sums if isinstance(one, int)}
    return sums


POSSIBLE: dict[Quantity, dict[int, set[Value]]] = {
    **{
        quantity: {unit: {SHOWN_A[name] * unit * 1000} for unit in (1, 2)}
        for name, quantity in QUANTITIES.items()
    },
    Quantity.CURRENT: {unit: partial_sums(unit) for unit in (1, 2)},
    Quantity.STATE: {1: {5}, 2: {5}},
    Quantity.CONNECTED: {1: {0}, 2: {0}},
    Quantity.POWER: {1: {1111}, 2: {2222}},
    Quantity.SESSION_ENERGY: {1: {333_000}, 2: {444_000}},
    Quantity.FAULT_INFO_1: {1: {""}, 2: {""}},
}


def images() -> dict[int, SimulatedCharger]:
    """Return two devices no two values of which are alike."""
    both: dict[int, SimulatedCharger] = {}
    for unit, model in ((1, KEBA), (2, ABB)):
        image = both[unit] = SimulatedCharger(model, unit)
        for name, amount in SHOWN_A.items():
            image.show(name, amount * unit)
        image.show("power", 1111 * unit)
        image.show("energy_session", 333 if unit == 1 else 444)
    return both


def drivers_of(models: dict[int, DeviceModel]) -> dict[int, Driver]:
    """Return one driver for each unit."""
    return {
        unit: make_driver(PointNumber(unit), model, unit_id=unit) for unit, model in models.items()
    }


@pytest.mark.proves("H.17", "4.13")
@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_whatever_is_answered_only_the_truth_is_published_and_it_heals(
    transport: str,
) -> None:
    quiet_pymodbus()
    is_fuzz = settings.default.max_examples >= FUZZ_FROM  # type: ignore[union-attr]
    count = FUZZ_FROM if is_fuzz else FEW
    seed = int.from_bytes(os.urandom(4), "big") if is_fuzz else 4711
    device = Device(transport, random.Random(seed), images())  # noqa: S311 - no secret
    drivers = drivers_of({1: KEBA, 2: ABB})
    judge = Judge(device, drivers)
    peer = RawPeer(PORT, device.answer)
    assert await peer.listen()
    bus = ModbusBus(endpoint_of(transport), drivers=list(drivers.values()), on_event=judge.take)
    try:
        async with kept_alive(bus, last_delay_s=5.0):
            await _alternate(device, judge, bus, count, f"seed {seed}")
    finally:
        peer.close()
    print(f"{transport}: {device.mutated} answers, {judge.published} values, {device.kinds}")  # noqa: T201


async def _alternate(
    device: Device, judge: Judge, bus: ModbusBus[Driver], count: int, where: str
) -> None:
    """Have times of nonsense and calm ones; after each calm one everything is well."""
    offers = [6000, 10_000, 16_000, 0]
    while device.mutated < count:
        device.is_calm = False
        wanted = device.mutated + CALM_EVERY
        while device.mutated < wanted:
            for driver in judge.drivers.values():
                driver.want(device.chance.choice(offers))
            bus.wake()
            await asyncio.sleep(2.0)
        device.is_calm = True
        judge.seen = dict.fromkeys(judge.drivers, 0)
        await asyncio.sleep(CALM_S)
        assert judge.conditions == {1: LinkCondition.GOOD, 2: LinkCondition.GOOD}, where
        assert min(judge.seen.values()) > 5, where
        for unit, driver in judge.drivers.items():
            assert driver.is_acknowledged, f"{where}: unit {unit} is told its offer"
