"""Every model of the catalogue: its sources, its points at their limits, its simulator, its driver."""

import asyncio
import math
import re
import shutil
import socket
from collections.abc import Hashable, Iterator, Mapping
from contextlib import suppress

import pytest

from knxgw.catalogue.codes import ChargingState
from knxgw.catalogue.device_model import DeviceKind, DeviceModel
from knxgw.catalogue.load import catalogue
from knxgw.catalogue.points import Point, RegisterType, Table
from knxgw.catalogue.simulation import SimulatedState
from knxgw.charging.events import ChargerSeen
from knxgw.charging.quantities import PHASE_CURRENTS, PHASE_POWERS, Quantity, Value
from knxgw.charging.scope import PointNumber
from knxgw.links.modbus import quiet_pymodbus
from knxgw.modbus.codec import Raw, decode, encode, unscaled
from knxgw.modbus.interpreter import Interpreter
from knxgw.modbus.plan import Block, plan_blocks
from knxgw.modbus.rules import rule_points
from knxgw.sim.charger import SimulatedCharger
from knxgw.sim.meter import SimulatedMeter
from knxgw.sim.modbus_server import ModbusSimulator
from knxgw.sim.registers import RegisterImage
from knxgw.sim.vehicle import VOLTAGE_V, Vehicle
from tests.modbus.driving import Drive
from tests.support.devices import driver as make_driver
from tests.support.one_of_each import kind_of_charger, one_of_each
from tests.support.peers import require_peers
from tests.support.talk import Talk, settled_s

HOST = "127.0.0.1"
MODELS = catalogue().models
CHARGERS = tuple(catalogue().chargers.values())
BY_ADDRESS = [model for model in MODELS if model.chain is None]  # the others look for theirs
DRAWN_MA = 10_000
WHOLE = {
    RegisterType.U16: (0, 2**16 - 1),
    RegisterType.I16: (-(2**15), 2**15 - 1),
    RegisterType.U32: (0, 2**32 - 1),
    RegisterType.I32: (-(2**31), 2**31 - 1),
    RegisterType.U48: (0, 2**48 - 1),
    RegisterType.U64: (0, 2**64 - 1),
    RegisterType.I64: (-(2**63), 2**63 - 1),
    RegisterType.BITS16: (0, 2**16 - 1),
    RegisterType.BITS32: (0, 2**32 - 1),
    RegisterType.BOOL: (0, 1),
    RegisterType.BCD_HMS32: (0, 9999 * 3600 + 59 * 60 + 59),
}
MEASURED = (RegisterType.T5, RegisterType.T6)


def name_of(model: DeviceModel) -> str:
    return f"{model.kind.value}-{model.id}"


# --- what it says of itself ----------------------------------------------------------------------


@pytest.mark.proves("4.14")
def test_every_model_names_its_sources_and_how_sure_each_point_is() -> None:
    for model in MODELS:
        assert model.sources, f"{model.id}: write `sources:`, each with document or file"
        assert all(source.strip() for source in model.sources), f"{model.id}: an empty source"
        for point in model.points.values():
            assert point.confidence in ("high", "medium", "low"), (
                f"{model.id}: write `confidence:` of {point.name} as high, medium or low"
            )


def test_no_two_models_of_a_kind_have_the_same_number_for_ets() -> None:
    for models in (catalogue().chargers, catalogue().meters):
        first: dict[int, str] = {}
        for model in models.values():
            other = first.setdefault(model.ets_id, model.id)
            assert other == model.id, (
                f"{model.id}: ets_id {model.ets_id} is that of {other}; take one that no model "
                f"of the kind has or had, such as {max(m.ets_id for m in models.values()) + 1}"
            )


PILOT = {"B1", "B2", "C1", "C2", "D1", "D2"}  # of IEC 61851-1, where a station tells its side, too


def test_who_tells_states_of_the_control_pilot_knows_all_of_them() -> None:
    for model in CHARGERS:
        codes = set(model.points["state"].codes)
        if codes & PILOT:
            assert codes >= PILOT, f"{model.id}: add {sorted(PILOT - codes)} to `codes` of state"
            assert codes & {"A", "A1"}, f"{model.id}: add A, or A1 and A2, to `codes` of state"


def test_every_code_has_a_state_and_a_meaning() -> None:
    for model in CHARGERS:
        if any(rule.state is None for rule in model.state_rules):
            for code, meaning in model.points["state"].codes.items():
                assert meaning.state is not None, f"{model.id}: write `{code}: {{…, state: N}}`"
                assert meaning.meaning, f"{model.id}: say what {code} means"


# --- its points at their limits ------------------------------------------------------------------


def limits_of(point: Point) -> Iterator[Raw]:
    """Give the raw values at the ends of what a point can carry, and of what the device takes."""
    if point.type in WHOLE:
        lowest, highest = WHOLE[point.type]
        if point.extract is not None:
            lowest, highest = 0, point.extract.mask
        yield from (lowest, highest)
    elif point.type is RegisterType.F32:
        yield from (0.0, -1.5, float.fromhex("0x1.fffffep+127"))
    elif point.type is RegisterType.F64:
        yield from (0.0, -1.5, math.ulp(0.0), 1.7e308)
    elif point.type in MEASURED:
        yield from (0.0, 1.0, 8388607.0)
    elif point.type is RegisterType.BYTES:
        yield "AB" * 2 * point.count
    else:
        per_register = 2 if point.type is RegisterType.STR else 1
        yield from ("", "x" * per_register * point.count)
    if point.type not in (RegisterType.STR, RegisterType.BYTES):
        yield from (unscaled(point, end) for end in (point.low, point.high) if end is not None)


@pytest.mark.proves("4.14")
@pytest.mark.parametrize("model", MODELS, ids=name_of)
def test_every_point_encodes_and_decodes_at_its_limits(model: DeviceModel) -> None:
    for point in model.points.values():
        for raw in limits_of(point):
            registers = encode(point, raw)
            assert len(registers) == point.count, point.name
            assert all(0 <= register < 2**16 for register in registers), point.name
            bits = 0
            ordered = registers if point.word_order.value == "big" else registers[::-1]
            for register in ordered:
                bits = bits << 16 | register
            expected = None if point.is_invalid(bits) else raw
            assert decode(point, registers) == expected, (point.name, raw)


# --- its simulator and its driver ----------------------------------------------------------------


class Life(Talk):
    """A charger's driver and its simulator, without a bus between them."""

    def __init__(self, model: DeviceModel) -> None:
        self.image = SimulatedCharger(model, model.unit_id)
        self.values: dict[Quantity, Value] = {}
        super().__init__(make_driver(PointNumber(1), model, unit_id=model.unit_id), self.image)

    def live(self, seconds: float) -> None:
        """Do all that the driver wants done."""
        self.events.clear()
        self.until(self.now_s + seconds)
        for event in self.events:
            if isinstance(event, ChargerSeen):
                self.values.update(event.values)

    def state(self) -> Value | None:
        """Return the state it was last seen in."""
        return self.values.get(Quantity.STATE)


def assert_phases_fit(values: Mapping[Quantity, Value]) -> None:
    """See that powers and currents of the phases can be those of the sums, and of each other."""
    powers = [value for one in PHASE_POWERS if isinstance(value := values.get(one), int)]
    currents = [value for one in PHASE_CURRENTS if isinstance(value := values.get(one), int)]
    power, current = values.get(Quantity.POWER), values.get(Quantity.CURRENT)
    if len(powers) == 3 and power is not None:
        assert sum(powers) == pytest.approx(power, rel=0.05), (
            "the powers of the phases are not those of the sum: see `scale` of both"
        )
    if len(currents) == 3 and current is not None:
        assert sum(currents) == pytest.approx(current, rel=0.05)
    for amount, drawn in zip(powers, currents, strict=False):
        assert amount == pytest.approx(drawn / 1000 * VOLTAGE_V, rel=0.1), (
            "current times voltage is not the power of a phase: see `scale` of both"
        )


@pytest.mark.proves("4.14", "H.63")
@pytest.mark.parametrize("model", catalogue().meters.values(), ids=name_of)
def test_the_phases_of_a_meter_fit_their_sum(model: DeviceModel) -> None:
    charger = SimulatedCharger(catalogue().chargers["goe_charger"], 1)
    charger.plug(Vehicle(capacity_wh=1e9, maximum_ma=DRAWN_MA))
    charger.advance(30.0)
    values = Drive(
        make_driver(PointNumber(1), model, unit_id=model.unit_id),
        SimulatedMeter(model, model.unit_id, charger),
    ).run(40)
    assert "power" not in model.capabilities or Quantity.POWER in values
    assert_phases_fit(values)


@pytest.mark.proves("4.14")
@pytest.mark.parametrize("model", one_of_each(CHARGERS, kind_of_charger, name_of))
def test_driver_and_simulator_agree_from_plugging_in_to_unplugging(model: DeviceModel) -> None:
    life = Life(model)
    life.live(10)
    assert_free(life)
    life.image.plug(Vehicle(capacity_wh=1e9, maximum_ma=DRAWN_MA))
    life.driver.want(16_000)
    life.live(settled_s(model) + 30.0)
    values = life.values
    assert life.state() in (ChargingState.CHARGE, ChargingState.CHARGE_REDUCED), (
        f"state {life.state()} while it is told 16 A: do the steps of `offer` write all that "
        "`enabled_if` of the simulator wants, and do `state_rules` know `charging`?"
    )
    for phase in PHASE_CURRENTS:
        if phase in values:
            assert values[phase] == pytest.approx(DRAWN_MA, abs=500), (
                f"{phase} is {values[phase]} mA where {DRAWN_MA} flow: its `scale` must give A"
            )
    if Quantity.POWER in values:
        expected_w = 3 * DRAWN_MA * VOLTAGE_V / 1000
        assert values[Quantity.POWER] == pytest.approx(expected_w, rel=0.02), (
            "`scale` of power must give W"
        )
    assert_phases_fit(values)
    assert "current_l1" not in model.capabilities or Quantity.CURRENT_L1 in values
    assert "power" not in model.capabilities or Quantity.POWER in values
    life.driver.want(0)
    life.live(20)
    assert max(life.image.phases_ma) == 0, "the steps of `pause` let current flow"
    life.image.unplug()
    life.live(10)
    assert_free(life)


def assert_free(life: Life) -> None:
    """See that a charger without a vehicle is told as one."""
    assert life.state() == ChargingState.AVAILABLE, (
        f"state {life.state()} without a vehicle: what `available` of the simulator shows must be "
        "state 5 by `state_rules` and `codes`"
    )
    assert not life.values.get(Quantity.CONNECTED), (
        "connected without a vehicle: add what `available` shows to `plug_rules`, as false"
    )


@pytest.mark.proves("4.14")
@pytest.mark.parametrize("model", CHARGERS, ids=name_of)
def test_every_simulated_state_tells_whether_a_vehicle_is_connected(model: DeviceModel) -> None:
    charger = SimulatedCharger(model, model.unit_id)
    for state, shown in model.simulation.states.items():
        if state is SimulatedState.ERROR:
            continue
        raws = {
            name: shown.get(name, charger.raw_value(model.points[name]))
            for name in rule_points(model) | {"state"}
        }
        values = Interpreter("cp1", model).update(raws)
        is_plugged = state is not SimulatedState.AVAILABLE
        assert values.get(Quantity.CONNECTED, 0) == is_plugged, (
            f"{state} shows {dict(shown)}: `plug_rules` must say connected: {is_plugged}"
        )
        flows = values[Quantity.STATE] in (
            ChargingState.CHARGE,
            ChargingState.CHARGE_REDUCED,
            ChargingState.CHARGE_VENTILATION,
        )
        assert flows is (state is SimulatedState.CHARGING), (
            f"{state} shows {dict(shown)}, which is state {values[Quantity.STATE]}"
        )


@pytest.mark.proves("4.13")
@pytest.mark.parametrize("model", one_of_each(CHARGERS, kind_of_charger, name_of))
def test_what_is_not_available_is_not_told(model: DeviceModel) -> None:
    life = Life(model)
    life.image.plug(Vehicle(capacity_wh=1e9, maximum_ma=DRAWN_MA))
    life.driver.want(16_000)
    life.live(150)
    life.image.is_blank = True
    life.values.clear()
    life.live(60)
    expected_w = 3 * DRAWN_MA * VOLTAGE_V / 1000
    for quantity, value in life.values.items():
        if quantity in PHASE_CURRENTS and value is not None:
            assert value == pytest.approx(DRAWN_MA, abs=500), quantity
        elif quantity is Quantity.POWER and value is not None:
            assert value == pytest.approx(expected_w, rel=0.02)
    life.image.is_blank = False
    life.live(30)
    if "current_l1" in model.capabilities:
        assert life.values[Quantity.CURRENT_L1] == pytest.approx(DRAWN_MA, abs=500)


# --- its simulator, read by somebody else --------------------------------------------------------

_TABLES = {Table.COIL: "0", Table.DISCRETE: "1", Table.INPUT: "3", Table.HOLDING: "4"}


def unit_of(model: DeviceModel) -> int:
    """Return its unit, or one that mbpoll can ask for: it knows 0 to 247, and 255."""
    return model.unit_id if model.unit_id <= 247 or model.unit_id == 255 else 1


def image_of(model: DeviceModel) -> RegisterImage:
    """Return the simulator of a model, with a vehicle that draws."""
    unit = unit_of(model)
    if model.kind is DeviceKind.CHARGER:
        charger = SimulatedCharger(model, unit)
        image: RegisterImage = charger
    else:
        charger = SimulatedCharger(catalogue().chargers["goe_charger"], 1)
        image = SimulatedMeter(model, unit, charger)
    charger.plug(Vehicle(capacity_wh=1e9, maximum_ma=DRAWN_MA))
    charger.advance(30.0)
    return image


def blocks_of(model: DeviceModel) -> list[Block]:
    """Return a request of each table the gateway reads."""
    wanted = sorted(Interpreter("catalogue", model).wanted_points)
    blocks = plan_blocks(model, unit_id=unit_of(model), address_offset=0, wanted=wanted)
    return list({(block.unit_id, block.table): block for block in blocks}.values())


async def mbpoll(port: int, block: Block) -> list[int]:
    """Return the registers or bits of a block as mbpoll reads them."""
    process = await asyncio.create_subprocess_exec(
        str(shutil.which("mbpoll")),
        *("-m", "tcp", "-p", str(port), "-a", str(block.unit_id), "-0", "-q", "-1"),
        *("-t", _TABLES[block.table], "-r", str(block.address), "-c", str(block.count), HOST),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    return [int(one) for one in re.findall(r"^\[\d+\]:\s+(\d+)", output.decode(), re.MULTILINE)]


def kind_of_blocks(model: DeviceModel) -> Hashable:
    """Return what tells apart models whose registers are served in different ways."""
    blocks = {(block.table, block.count == 1) for block in blocks_of(model)}
    return frozenset(blocks), unit_of(model) == 1, model.wake_after_s is None


@pytest.mark.real
@pytest.mark.peers
@pytest.mark.proves("H.25")
@pytest.mark.parametrize("model", one_of_each(BY_ADDRESS, kind_of_blocks, name_of))
async def test_mbpoll_reads_what_the_simulator_shows(model: DeviceModel) -> None:
    require_peers("mbpoll")
    quiet_pymodbus()
    image = image_of(model)
    with socket.socket() as free:
        free.bind((HOST, 0))
        port = int(free.getsockname()[1])
    server = ModbusSimulator([image], host=HOST, port=port, now_s=lambda: 30.0)
    await server.start()
    try:
        blocks = blocks_of(model)
        if model.wake_after_s is not None:  # the first request only wakes it up
            with suppress(AssertionError):
                await mbpoll(port, blocks[0])
        for block in blocks:
            shown = image.read(block.unit_id, block.table, block.address, block.count)
            assert await mbpoll(port, block) == shown, (block.table, block.address)
    finally:
        await server.stop()


@pytest.mark.real
@pytest.mark.proves("H.25")
@pytest.mark.parametrize("model", [m for m in MODELS if m.max_clients == 1], ids=name_of)
async def test_a_device_that_takes_one_client_drops_the_one_it_had(model: DeviceModel) -> None:
    quiet_pymodbus()
    with socket.socket() as free:
        free.bind((HOST, 0))
        port = int(free.getsockname()[1])
    server = ModbusSimulator([image_of(model)], host=HOST, port=port, now_s=lambda: 30.0)
    await server.start()
    try:
        async with asyncio.timeout(10):
            heard, first = await asyncio.open_connection(HOST, port)
            _, second = await asyncio.open_connection(HOST, port)
            assert await heard.read() == b"", "closed by the device"
            assert not second.is_closing()
            for client in (first, second):
                client.close()
                await client.wait_closed()
    finally:
        await server.stop()


def ends_of_range(point: Point) -> list[int]:
    """Return the raw numbers that a whole number of its type cannot go beyond."""
    lowest, highest = WHOLE[point.type]
    return [highest] if lowest == 0 else [lowest, highest]


@pytest.mark.proves("4.13", "H.60")
@pytest.mark.parametrize("model", MODELS, ids=name_of)
def test_a_full_register_is_no_measurement(model: DeviceModel) -> None:
    measured = re.compile(r"(power|voltage|energy)(_\w+)?|current_(l[123]|sum)|temperature|serial")
    for point in model.points.values():
        if measured.fullmatch(point.name) and point.is_readable and point.type in WHOLE:
            for raw in ends_of_range(point):
                assert decode(point, encode(point, raw)) is None, (
                    f"{model.id}: {point.name} takes {raw} for a measurement"
                )
