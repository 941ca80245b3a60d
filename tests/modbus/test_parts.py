"""Values that a meter gives in parts, and registers it does not have."""

from dataclasses import replace

import pytest

from knxgw.catalogue.device_model import DeviceModel
from knxgw.catalogue.product import Catalogue
from knxgw.charging.events import ChargerSeen, LinkCondition
from knxgw.charging.quantities import Quantity, Value
from knxgw.charging.scope import PointNumber
from knxgw.errors import PeerRefusedError
from knxgw.modbus.interpreter import Interpreter
from knxgw.modbus.requests import Read
from knxgw.sim.charger import SimulatedCharger
from knxgw.sim.meter import SimulatedMeter
from knxgw.sim.vehicle import Vehicle
from tests.modbus.driving import Drive
from tests.support.devices import driver as make_driver
from tests.support.talk import box_in_use


def drive(model: DeviceModel) -> Drive:
    driver = make_driver(PointNumber(1), model, unit_id=1)
    return Drive(driver, SimulatedMeter(model, 1, box_in_use()))


@pytest.mark.proves("4.42")
def test_a_value_is_computed_only_from_parts_that_were_all_read_again(catalogue: Catalogue) -> None:
    meter = Interpreter("meter", catalogue.meters["sma_home_manager"])
    assert meter.update({"power_import": 500}) == {}
    assert meter.update({"power_export": 200}) == {Quantity.POWER: 300}
    assert meter.update({"power_import": 700}) == {}, "the export is that of the last value"
    assert meter.update({"power_export": None}) == {}, "nor does one that is not available help"
    assert meter.update({"power_export": 0}) == {}, "its import was used up"
    assert meter.update({"power_import": 0, "power_export": 900}) == {Quantity.POWER: -900}


def test_after_a_lost_connection_no_part_of_before_counts(catalogue: Catalogue) -> None:
    meter = Interpreter("meter", catalogue.meters["sma_home_manager"])
    meter.update({"power_import": 500})
    meter.forget()
    assert meter.update({"power_export": 200}) == {}


def test_parts_of_phases_give_their_sum_only_without_one_of_the_device(
    catalogue: Catalogue,
) -> None:
    ksem = catalogue.meters["tq_em300_kostal_ksem"]
    values = Interpreter("meter", ksem).update({"power_import_l1": 15_000, "power_export_l1": 5000})
    assert values == {Quantity.POWER_L1: 1000}
    without = {name: one for name, one in ksem.computed.items() if name != "power"}
    alone = Interpreter("meter", replace(ksem, computed=without))
    assert alone.update({"power_import_l1": 15_000, "power_export_l1": 5000}) == {
        Quantity.POWER_L1: 1000
    }, "L1 alone is no sum"
    alone.update({"power_import_l2": 0, "power_export_l2": 5000})
    values = alone.update({"power_import_l3": 20_000, "power_export_l3": 0})
    assert values == {Quantity.POWER_L3: 2000, Quantity.POWER: 2500}


def test_both_directions_are_read_in_one_request(catalogue: Catalogue) -> None:
    it = drive(catalogue.meters["dzg_dvh4013"])
    assert it.run(10)[Quantity.POWER] == 6900
    assert (0, 4) in it.reads


def test_a_meter_that_has_none_of_its_registers_is_not_taken_as_good(catalogue: Catalogue) -> None:
    it = drive(catalogue.meters["sma_home_manager"])
    it.refuse = lambda _job: 2
    assert it.run(30) == {}
    assert it.condition() is LinkCondition.COMM


@pytest.mark.parametrize("code", [2, 4])
def test_a_register_that_must_be_there_is_a_wrong_answer_while_others_are_good(
    catalogue: Catalogue, code: int
) -> None:
    sdm = catalogue.meters["eastron_sdm630"]
    energy = sdm.points["energy_total"]
    it = drive(sdm)

    def refuse(request: Read) -> int | None:
        return code if any(p.name == "energy_total" for p in request.block.points) else None

    it.refuse = refuse
    assert it.run(30)[Quantity.CURRENT_L1] == 10_000
    assert it.condition() is LinkCondition.GOOD, "some meters do without it"
    points = {**sdm.points, "energy_total": replace(energy, is_required=True)}
    it = drive(replace(sdm, points=points))
    it.refuse = refuse
    assert it.run(30)[Quantity.CURRENT_L1] == 10_000
    assert it.condition() is LinkCondition.COMM
    it.refuse = lambda _job: None
    it.run(30)
    assert it.condition() is LinkCondition.GOOD


def bender(catalogue: Catalogue, *, software_before_522: bool) -> dict[Quantity, Value]:
    """Return what a box tells whose meter knows the sums and L1 only."""
    model = catalogue.chargers["bender_cc612_mennekes_professional"]
    box = SimulatedCharger(model, 255)
    box.plug(Vehicle(maximum_ma=10_000))
    driver = make_driver(PointNumber(1), model, unit_id=255)
    driver.opened()
    driver.want(16_000)
    reported: dict[Quantity, Value] = {}
    nothing = [0xFFFF, 0xFFFF]
    new = range(218, 222)
    now_s = 0.0
    while now_s < 60:
        request = driver.next_request(now_s)
        now_s += 0.05
        box.advance(now_s)
        if not isinstance(request, Read):
            if request is not None:
                place = request.unit_id, request.table, request.address, request.function
                box.write(*place, list(request.registers))
                driver.write_done(request, now_s)
            continue
        block = request.block
        addresses = range(block.address, block.address + block.count)
        if software_before_522 and not set(addresses).isdisjoint(new):
            events = driver.failed(request, PeerRefusedError("not there", 2), now_s)
        else:
            answer = box.read(block.unit_id, block.table, block.address, block.count)
            for low in (208, 210):  # power L2, L3
                if low in addresses and not software_before_522:
                    answer[low - block.address : low - block.address + 2] = nothing
            events = driver.read_done(request, answer, now_s)
        for event in events:
            if isinstance(event, ChargerSeen):
                reported.update(event.values)
    return reported


def test_a_separate_sum_is_used_where_the_meter_provides_one_phase_only(
    catalogue: Catalogue,
) -> None:
    reported = bender(catalogue, software_before_522=False)
    assert reported[Quantity.POWER] == 6900
    assert reported[Quantity.POWER_L1] == 2300
    assert Quantity.POWER_L2 not in reported


def test_without_a_register_of_its_own_the_sum_is_made_from_the_phases(
    catalogue: Catalogue,
) -> None:
    reported = bender(catalogue, software_before_522=True)
    assert reported[Quantity.POWER] == 6900
    assert reported[Quantity.POWER_L2] == 2300
    assert isinstance(reported[Quantity.ENERGY], int)
