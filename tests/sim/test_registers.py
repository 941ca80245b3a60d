"""What a simulated device answers to tools that read and write it in their own way."""

import struct

import pytest

from knxgw.catalogue.device_model import DeviceModel
from knxgw.catalogue.points import Table
from knxgw.catalogue.product import Catalogue
from knxgw.errors import PeerRefusedError
from knxgw.modbus.requests import ILLEGAL_FUNCTION, ILLEGAL_VALUE
from knxgw.sim.charger import SimulatedCharger
from knxgw.sim.meter import SimulatedMeter
from knxgw.sim.modbus_server import ModbusSimulator
from knxgw.sim.registers import RegisterImage
from knxgw.sim.vehicle import Vehicle
from tests.support.talk import box_in_use

HOLDING, INPUT = Table.HOLDING, Table.INPUT
# Each as a client library of the maker or a collection of facts reads it:
# aiophoenixcontactcharx, enovates-modbus, sungrow-modbus, Victron's dbus-modbus-client.
BLOCKS = [
    ("phoenix_charx", HOLDING, 100, 68),
    ("phoenix_charx", HOLDING, 1100, 24),
    ("phoenix_charx", HOLDING, 1232, 77),
    ("enovates", HOLDING, 0, 2),
    ("enovates", HOLDING, 50, 7),
    ("enovates", HOLDING, 200, 18),
    ("enovates", HOLDING, 300, 8),
    ("enovates", HOLDING, 5000, 80),
    ("sungrow_ac", INPUT, 21215, 21),
    ("sungrow_ac", INPUT, 21261, 12),
    ("sungrow_ac", INPUT, 21299, 27),
    ("sungrow_ac", HOLDING, 21202, 30),
    ("abb_terra_ac", HOLDING, 0x4000, 33),
    ("schneider_evlink_pro_ac", HOLDING, 2999, 125),
    ("schneider_evlink_pro_ac", HOLDING, 4000, 80),
    ("cg_em24_e1", INPUT, 0, 11),
    ("cg_em24_e1", HOLDING, 12, 6),
    ("cg_em24_e1", HOLDING, 0x000B, 1),
    ("cg_em24_e1", HOLDING, 0x5000, 7),
    ("cg_em24_e1", HOLDING, 0xA000, 1),
    ("cg_em340_em540", HOLDING, 0, 50),
    ("cg_em24_rs485", INPUT, 40, 11),
    ("cg_em110_em112", HOLDING, 0, 6),
]


def image(catalogue: Catalogue, name: str) -> RegisterImage:
    """Return a simulated device of a charger's or a meter's model."""
    if name in catalogue.chargers:
        model = catalogue.chargers[name]
        return SimulatedCharger(model, model.unit_id)
    model = catalogue.meters[name]
    return meter(model)


def meter(model: DeviceModel, place: int = 0) -> SimulatedMeter:
    """Return a meter behind a charger that gives 10 A on each phase."""
    return SimulatedMeter(model, 1, box_in_use(), place)


@pytest.mark.parametrize(("name", "table", "address", "count"), BLOCKS)
@pytest.mark.proves("H.25")
def test_a_block_over_gaps_is_answered_where_the_real_device_does(
    catalogue: Catalogue, name: str, table: Table, address: int, count: int
) -> None:
    one = image(catalogue, name)
    unit = min(one.unit_ids)
    assert len(one.read(unit, table, address, count)) == count


def test_registers_between_points_show_what_the_maker_says(catalogue: Catalogue) -> None:
    charx = image(catalogue, "phoenix_charx").read(255, HOLDING, 1232, 77)
    assert charx[1248 - 1232] == 0, "an apparent power that nobody reads"
    assert charx[1299 - 1232] == int.from_bytes(b"A1", "big")
    evlink = image(catalogue, "schneider_evlink_pro_ac")
    assert evlink.read(evlink.unit_id, HOLDING, 3200, 23)[-1] == 0xFFFF
    identity = image(catalogue, "cg_em24_e1").read(1, HOLDING, 0x000B, 1)
    assert identity == [1648]


@pytest.mark.parametrize(
    "name", ["siemens_pac1600_7kt1665", "be_mpm3pm", "cg_em340_em540", "victron_gx_grid_meter"]
)
def test_functions_3_and_4_give_the_same_where_programs_use_either(
    catalogue: Catalogue, name: str
) -> None:
    one = image(catalogue, name)
    points = [point for point in one.model.points.values() if point.name.startswith("current_l")]
    assert points
    for point in points:
        there = [
            one.read(min(one.unit_ids), table, point.address, point.count)
            for table in (HOLDING, INPUT)
        ]
        assert there[0] == there[1]


def test_a_second_controller_has_its_blocks_where_its_points_are(catalogue: Catalogue) -> None:
    second = SimulatedCharger(catalogue.chargers["phoenix_charx"], 255, 1000)
    assert len(second.read(255, HOLDING, 2232, 77)) == 77
    with pytest.raises(PeerRefusedError):
        second.read(255, HOLDING, 1232, 77)


def test_a_block_that_leaves_the_range_is_refused(catalogue: Catalogue) -> None:
    one = image(catalogue, "phoenix_charx")
    for address, count in ((1231, 4), (1300, 20), (168, 1)):
        with pytest.raises(PeerRefusedError):
            one.read(255, HOLDING, address, count)
    with pytest.raises(PeerRefusedError) as refused:
        image(catalogue, "cg_em24_e1").read(1, INPUT, 0, 12)
    assert refused.value.code == ILLEGAL_VALUE, "it takes 11 registers at most"


@pytest.mark.proves("H.25")
def test_every_model_takes_the_functions_its_maker_names_and_refuses_the_other(
    catalogue: Catalogue,
) -> None:
    tried = 0
    for model in catalogue.chargers.values():
        control, functions = model.control, model.write.functions
        step = control.offer_step if control else None
        if step is None or model.points[step.point].count != 1:
            continue
        point = model.points[step.point]
        one = SimulatedCharger(model, model.unit_id)
        raw = round((6 * 230 if point.unit == "W" else 6 - point.add) / point.scale)
        for function in (6, 16):
            if not functions or function in functions:
                one.write(model.unit_id, point.table, point.address, function, [raw])
                tried += 1
                continue
            with pytest.raises(PeerRefusedError) as refused:
                one.write(model.unit_id, point.table, point.address, function, [raw])
            assert refused.value.code == ILLEGAL_FUNCTION, model.id
    assert tried > 30


def test_of_a_write_that_is_refused_nothing_is_taken(catalogue: Catalogue) -> None:
    box = SimulatedCharger(catalogue.chargers["innogy_ebox"], 1)
    too_much = struct.unpack(">2H", struct.pack(">f", 50.0))
    ten = struct.unpack(">2H", struct.pack(">f", 10.0))
    with pytest.raises(PeerRefusedError) as refused:
        box.write(1, HOLDING, 1012, 16, [*ten, *too_much])
    assert refused.value.code == ILLEGAL_VALUE
    assert box.offer_ma == 32_000, "as after power-up"


@pytest.mark.proves("H.25")
def test_no_simulated_charger_exceeds_its_hardware_whatever_is_written(
    catalogue: Catalogue,
) -> None:
    for model in catalogue.chargers.values():
        one = SimulatedCharger(model, model.unit_id)
        one.plug(Vehicle(maximum_ma=80_000))
        control = model.control
        assert control is not None
        assert control.offer_step is not None
        point = model.points[control.offer_step.point]
        most = 63 * 230 * 3 if point.unit == "W" else 63
        one._written[point.name] = round((most - point.add) / point.scale)
        one._written |= {
            test.point: test.values[0] for test in model.simulation.enabled_if if test.values
        }
        for second in range(60):
            one.note_request(float(second))
        hardware_ma = float(model.simulation.constants.get("current_max_hw", 32)) * 1000
        assert one.offer_ma <= hardware_ma, model.id
        assert max(one.phases_ma) <= hardware_ma, model.id


def test_a_read_back_of_its_own_shows_what_the_hardware_allows(catalogue: Catalogue) -> None:
    one = SimulatedCharger(catalogue.chargers["keba_p30"], 255)
    one.write(255, HOLDING, 5004, 6, [63_000])
    assert one.offer_ma == 32_000
    assert one.read(255, HOLDING, 1100, 2) == [0, 32_000]


# --- SunSpec: a tool walks along the chain and reads each model as a whole


def models_of(simulator: ModbusSimulator, base: int) -> dict[int, list[list[int]]]:
    """Return every model behind the marker, as a client that scans a device reads it."""
    assert simulator.answer(1, 3, base, 2) == [0x5375, 0x6E53]
    found: dict[int, list[list[int]]] = {}
    at = base + 2
    while True:
        head = simulator.answer(1, 3, at, 2)
        assert isinstance(head, list), f"no header at {at}"
        number, length = head
        if number == 0xFFFF:
            return found
        answers = [
            simulator.answer(1, 3, start, min(at + 2 + length, start + 125) - start)
            for start in range(at, at + 2 + length, 125)
        ]
        body: list[int] = []
        for answer in answers:
            assert isinstance(answer, list), f"model {number} at {at} is refused"
            body += answer
        found.setdefault(number, []).append(body)
        at += 2 + length


@pytest.mark.parametrize("name", ["sunspec_meter_201_204", "sunspec_meter_211_214"])
@pytest.mark.parametrize("places", [(0,), (0, 1), (2,)])
def test_a_sunspec_device_gives_every_model_of_its_chain_whole(
    catalogue: Catalogue, name: str, places: tuple[int, ...]
) -> None:
    model = catalogue.meters[name]
    assert model.chain is not None
    images = [meter(model, place) for place in places]
    simulator = ModbusSimulator(images, host="127.0.0.1", port=1, now_s=lambda: 0.0)
    found = models_of(simulator, model.chain.bases[0])
    common = found.pop(1)
    assert b"".join(word.to_bytes(2, "big") for word in common[0][2:18]).startswith(b"SunSpec")
    [meters] = found.values()
    assert len(meters) == len(model.connectors)
    for place, body in enumerate(meters):
        is_empty = set(body[2:6]) <= {0x8000, 0x7FC0, 0}
        assert is_empty is (place not in places), f"meter {place + 1}"
    assert {len(body) for body in meters} == {2 + model.chain.length}
    across = simulator.answer(1, 3, model.chain.bases[0], 125)
    assert isinstance(across, list), "a piece that ends within a model"
    assert across[4 + 66] == model.chain.models[0]
    first = model.chain.bases[0] + 4 + 66
    both = simulator.answer(1, 3, first + 60, 125)  # from within one meter into the next
    assert both == (meters[0] + meters[1])[60 : 60 + 125]
