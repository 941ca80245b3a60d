"""Every electricity meter of the catalogue behind a charger that measures nothing, in virtual time."""

from collections.abc import Hashable
from pathlib import Path

import pytest

from knxgw.catalogue.device_model import DeviceModel, Transport
from knxgw.catalogue.load import catalogue
from knxgw.modbus.codec import decode
from knxgw.sim.vehicle import VOLTAGE_V, Vehicle
from tests.support.one_of_each import in_turn, one_of_each
from tests.support.world import World, configure, from_payload, on_null_modem

MEASURED_S = 30.0  # until a vehicle draws steadily and every register has been read
METERS = tuple(catalogue().meters.values())
MEASURED = {  # object -> datapoint type, what the capability is called
    63: ("14.019", "current_l1"),
    64: ("14.019", "current_l2"),
    65: ("14.019", "current_l3"),
    62: ("14.019", "current"),
    67: ("14.056", "power_l1"),
    68: ("14.056", "power_l2"),
    69: ("14.056", "power_l3"),
    66: ("14.056", "power"),
    71: ("13.010", "energy_l1"),
    72: ("13.010", "energy_l2"),
    73: ("13.010", "energy_l3"),
    70: ("13.010", "energy"),
}
SITE = """
knx: {{link: none}}
charging_points:
  - number: 1
    model: evse_din
    connection: {{type: rtu_over_tcp, host: 127.0.0.1, port: 5021, unit: 1}}
    maximum_a: 16
    dpt: {{current: "14.019", power: "14.056", energy: "13.010"}}
    meter: {meter}
group_objects: {{{links}}}
"""
LINKS = ", ".join(f"{number}: [1/1/{number}]" for number in (*MEASURED, 50, 74, 94, 95))


def site(meter: str) -> str:
    """Return a site with an electricity meter, written as a flow mapping, on port 5031."""
    return SITE.format(meter=meter, links=LINKS)


def of_the_catalogue(model: DeviceModel) -> str:
    """Return the entry of a meter of the catalogue."""
    kind = "tcp" if Transport.TCP in model.transports else "rtu_over_tcp"
    place = f"type: {kind}, host: 127.0.0.1, port: 5031, unit: {model.unit_id}"
    return f"{{model: {model.id}, connection: {{{place}}}}}"


def kind_of_meter(model: DeviceModel) -> Hashable:
    """Return what tells apart meters that are read in different ways."""
    types = {model.points[one].type for one in model.capabilities if one in model.points}
    return model.capabilities, bool(model.chain), frozenset(types), "ct_ratio" in model.points


def expected(world: World, capability: str) -> float:
    """Return what an object must say while a vehicle draws steadily [A, W, Wh]."""
    box = world.charger()
    quantity, _, phase = capability.partition("_")
    amperes = [current / 1000 for current in box.phases_ma]
    if quantity == "energy":
        return box.energy_wh / (3 if phase else 1)
    flowing = amperes[int(phase[1]) - 1] if phase else sum(amperes)
    return flowing * (VOLTAGE_V if quantity == "power" else 1)


async def measured(world: World, number: int) -> float | None:
    """Return what an object answers, None: nothing."""
    payload = await world.read(f"1/1/{number}")
    if payload is None:
        return None
    value = from_payload(MEASURED[number][0], payload)
    assert isinstance(value, int | float)
    return value


async def compare(world: World, capabilities: frozenset[str]) -> None:
    """See that each object says what flows, and that there is none of what is not measured."""
    for number, (_, capability) in MEASURED.items():
        value = await measured(world, number)
        if capability in capabilities:
            assert value == pytest.approx(expected(world, capability), rel=0.01), capability
        else:
            assert value is None, capability


@pytest.mark.proves("4.40")
@pytest.mark.parametrize("model", one_of_each(METERS, kind_of_meter, lambda model: str(model.id)))
async def test_what_a_meter_of_the_catalogue_measures_is_told(
    model: DeviceModel, tmp_path: Path
) -> None:
    async with World(site(of_the_catalogue(model)), tmp_path) as world:
        world.strict = False
        capabilities = model.capabilities
        has_one_phase = "current_l1" in capabilities and "current_l2" not in capabilities
        world.charger().plug(Vehicle(maximum_ma=10_000, phases=1 if has_one_phase else 3))
        await world.sleep(MEASURED_S)
        assert world.charger().phases_ma[0] == pytest.approx(10_000)
        await compare(world, capabilities)
        assert from_payload("1.002", await world.read("1/1/94")) is False


@pytest.mark.proves("H.61")
async def test_a_meter_behind_transformers_tells_what_flows_on_the_line(tmp_path: Path) -> None:
    meter = of_the_catalogue(catalogue().meters["finder_7m38"]).replace(
        ", conn", ", ratio: 40, conn"
    )
    async with World(site(meter), tmp_path) as world:
        world.strict = False
        world.charger().plug(Vehicle(maximum_ma=10_000))
        await world.sleep(MEASURED_S)
        (image,) = world.site.meters.values()
        point = catalogue().meters["finder_7m38"].points["current_l1"]
        registers = image.read(1, point.table, point.address, point.count)
        assert decode(point, registers) == pytest.approx(0.25), "the secondary side"
        await compare(world, catalogue().meters["finder_7m38"].capabilities)


@pytest.mark.proves("H.61")
async def test_a_ratio_that_stands_in_the_meter_is_applied(tmp_path: Path) -> None:
    model = catalogue().meters["chint_dtsu666"]
    async with World(site(of_the_catalogue(model)), tmp_path) as world:
        world.strict = False
        (image,) = world.site.meters.values()
        image.show("ct_ratio", 40)
        world.charger().plug(Vehicle(maximum_ma=10_000))
        await world.sleep(60)
        await compare(world, model.capabilities)


SUNSPEC = [catalogue().meters[name] for name in ("sunspec_meter_201_204", "sunspec_meter_211_214")]


@pytest.mark.proves("4.41")
@pytest.mark.parametrize("model", SUNSPEC, ids=lambda model: str(model.id))
async def test_a_device_without_the_marker_is_a_fault_of_the_meter_until_it_has_one(
    model: DeviceModel, tmp_path: Path
) -> None:
    async with World(site(of_the_catalogue(model)), tmp_path, run_gateway=False) as world:
        world.strict = False
        meter = next(iter(world.site.meters.values()))
        marked, meter.chain = meter.chain, dict.fromkeys(meter.chain, 0)
        world.start_gateway()
        await world.until(lambda: world.gateway.is_ready, 60.0)
        await world.sleep(10)
        assert from_payload("16.001", await world.read("1/1/95")) == "EMeter Comm"
        assert await measured(world, 63) is None
        meter.chain = marked
        await world.sleep(60)
        assert from_payload("1.002", await world.read("1/1/94")) is False
        assert await measured(world, 63) == 0


@pytest.mark.proves("4.41")
async def test_several_meters_behind_one_unit_are_told_apart(tmp_path: Path) -> None:
    place = "host: 127.0.0.1, port: 5031, unit: 1"
    first = f"{{model: sunspec_meter_201_204, connection: {{{place}}}}}"
    second = (
        "  - {number: 2, model: evse_din, "
        "connection: {type: rtu_over_tcp, host: 127.0.0.1, port: 5022, unit: 1}, "
        f"meter: {{model: sunspec_meter_201_204, connection: {{{place}, connector: 2}}}}}}\n"
    )
    text = site(first).replace("group_objects: {", second + "group_objects: {113: [1/2/63], ")
    async with World(text, tmp_path) as world:
        world.strict = False
        world.charger(2).plug(Vehicle(maximum_ma=10_000))
        await world.sleep(30)
        assert await measured(world, 63) == 0
        payload = await world.read("1/2/63")
        assert from_payload("7.012", payload) == 10_000


# --- meters entered by hand ----------------------------------------------------------------------

SDM630 = """function: 4, request_gap_s: 0.1,
      current: {type: f32, l1: 6, l2: 8, l3: 10},
      power: {type: f32, l1: 12, l2: 14, l3: 16},
      energy: {type: f32, scale: 1000, sum: 72, l1: 346, l2: 348, l3: 350}"""
ALL = frozenset(capability for _, capability in MEASURED.values())


def by_hand(manual: str, kind: str = "tcp") -> str:
    """Return the entry of a meter entered by hand."""
    place = f"type: {kind}, host: 127.0.0.1, port: 5031, unit: 1"
    return f"{{manual: {{{manual}}}, connection: {{{place}}}}}"


def gateway_with(world: World, manual: str) -> None:
    """Start a gateway to which the device in the world is entered by hand."""
    (meter,) = (point.meter for point in world.configuration.points if point.meter)
    text = site(by_hand(manual, meter.connection.kind.value))
    world.configuration = on_null_modem(configure(text))
    world.start_gateway()


@pytest.mark.proves("4.43", "4.44")
async def test_the_registers_of_a_known_device_entered_by_hand_tell_the_same(
    tmp_path: Path,
) -> None:
    device = site(of_the_catalogue(catalogue().meters["eastron_sdm630"]))
    async with World(device, tmp_path, run_gateway=False) as world:
        world.strict = False
        gateway_with(world, SDM630)
        world.charger().plug(Vehicle(maximum_ma=10_000))
        await world.sleep(MEASURED_S)
        assert world.charger().phases_ma[0] == pytest.approx(10_000)
        await compare(world, ALL)
        assert from_payload("1.002", await world.read("1/1/94")) is False


VALUES = [  # type, scale, registers
    ("u16", 0.01, 1),
    ("i16", 0.01, 1),
    ("u32", 0.001, 2),
    ("i32", 0.001, 2),
    ("u64", 0.001, 4),
    ("i64", 0.001, 4),
    ("f32", 1, 2),
    ("f64", 0.001, 4),
    ("i32", -0.001, 2),
]
ACCESSES = [(3, "big"), (4, "little"), (4, "big"), (3, "little")]  # function, order


def _kind_of_value(value: tuple[str, float, int], access: tuple[int, str]) -> str:
    return "-".join(map(str, (*value, *access)))


@pytest.mark.proves("4.44")
@pytest.mark.parametrize(("value", "access"), in_turn(VALUES, ACCESSES, name=_kind_of_value))
async def test_every_kind_of_value_is_simulated_and_read(
    value: tuple[str, float, int], access: tuple[int, str], tmp_path: Path
) -> None:
    (kind, scale, step), (function, order) = value, access
    registers = ", ".join(f"l{phase}: {100 + step * phase}" for phase in (1, 2, 3))
    manual = (
        f"function: {function}, word_order: {order}, byte_order: {order}, "
        f"current: {{type: {kind}, scale: {scale}, {registers}}}"
    )
    async with World(site(by_hand(manual)), tmp_path) as world:
        world.strict = False
        world.charger().plug(Vehicle(maximum_ma=10_000))
        await world.sleep(20)
        await compare(world, frozenset({"current", "current_l1", "current_l2", "current_l3"}))


@pytest.mark.proves("4.45", "7.74")
@pytest.mark.parametrize("kind", ["u16", "i32", "u64"])
async def test_the_fault_register_of_a_meter_entered_by_hand_is_told_until_it_is_clear(
    kind: str, tmp_path: Path
) -> None:
    manual = f"{SDM630}, fault: {{type: {kind}, register: 500}}"
    async with World(site(by_hand(manual)), tmp_path) as world:
        world.strict = False
        assert from_payload("16.001", await world.read("1/1/95")) == "No error"
        next(iter(world.site.meters.values())).show("error_1", 4)
        await world.sleep(10)
        assert from_payload("16.001", await world.read("1/1/95")) == "EMeter Error"
        next(iter(world.site.meters.values())).show("error_1", 0)
        await world.sleep(10)
        assert from_payload("1.002", await world.read("1/1/94")) is False


@pytest.mark.proves("4.45", "7.73")
@pytest.mark.parametrize(
    "wrong",
    [
        SDM630.replace("function: 4", "function: 3"),
        "function: 4, current: {type: f32, l1: 9000, l2: 9002, l3: 9004}",
        "function: 4, power: {type: f32, l1: 9000, l2: 9002, l3: 9004}",
        SDM630.replace("sum: 72", "sum: 9000"),
        SDM630.replace("l3: 10}", "l3: 9000}"),
    ],
)
async def test_a_register_that_the_meter_does_not_have_is_a_wrong_answer_for_as_long(
    wrong: str, tmp_path: Path
) -> None:
    device = site(of_the_catalogue(catalogue().meters["eastron_sdm630"]))
    async with World(device, tmp_path, run_gateway=False) as world:
        world.strict = False
        gateway_with(world, wrong)
        for _ in range(3):
            await world.sleep(20)
            assert from_payload("16.001", await world.read("1/1/95")) == "EMeter Comm"
            assert from_payload("1.002", await world.read("1/1/94")) is True
        assert from_payload("5.010", await world.read("1/1/50")) == 5, "the charger is well"


@pytest.mark.proves("7.72")
async def test_a_silent_meter_entered_by_hand_is_not_reachable_until_it_answers(
    tmp_path: Path,
) -> None:
    async with World(site(by_hand(SDM630)), tmp_path) as world:
        world.strict = False
        assert await measured(world, 63) == 0
        server = next(one for one in world.site.servers.values() if one.port == 5031)
        server.misbehaviour.silent = True
        await world.sleep(60)
        assert from_payload("16.001", await world.read("1/1/95")) == "EMeterNotReach"
        assert [await measured(world, number) for number in (62, 63, 66, 70)] == [None] * 4
        server.misbehaviour.silent = False
        await world.sleep(60)
        assert from_payload("1.002", await world.read("1/1/94")) is False
        assert await measured(world, 63) == 0
