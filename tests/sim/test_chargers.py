"""Simulated chargers are register exact and keep the peculiarities of their makers."""

import pytest

from knxgw.catalogue.points import Table
from knxgw.catalogue.product import Catalogue
from knxgw.catalogue.simulation import SimulatedState
from knxgw.errors import PeerRefusedError
from knxgw.modbus.codec import decode
from knxgw.sim.charger import SimulatedCharger
from knxgw.sim.vehicle import Vehicle

HOLDING, INPUT = Table.HOLDING, Table.INPUT


def charger(catalogue: Catalogue, model_id: str, unit: int | None = None) -> SimulatedCharger:
    model = catalogue.chargers[model_id]
    return SimulatedCharger(model, model.unit_id if unit is None else unit)


def test_every_state_of_every_model_is_simulated(catalogue: Catalogue) -> None:
    for model in catalogue.chargers.values():
        assert set(model.simulation.states) == set(SimulatedState), model.id


@pytest.mark.proves("H.25")
def test_every_readable_point_of_every_model_answers_at_its_address(catalogue: Catalogue) -> None:
    for model in catalogue.chargers.values():
        one = SimulatedCharger(model, model.unit_id)
        one.card = 0x04A1B2C3
        for point in model.points.values():
            if not point.is_readable:
                continue
            unit = model.unit_id if point.unit_id is None else point.unit_id
            block = model.read.block_of(point.table, point.address, point.count)
            address, count = (block or point).address, (block or point).count
            registers = one.read(unit, point.table, address, count)
            start = point.address - address
            decode(point, registers[start : start + point.count])  # does not raise


@pytest.mark.proves("H.25")
def test_a_keba_answers_single_values_of_two_registers_only(catalogue: Catalogue) -> None:
    one = charger(catalogue, "keba_p30")
    assert one.read(255, HOLDING, 1000, 2) == [0, 1]
    for address, count in ((1000, 1), (1000, 4), (1001, 2), (999, 2)):
        with pytest.raises(PeerRefusedError):
            one.read(255, HOLDING, address, count)
    with pytest.raises(PeerRefusedError):
        one.write(255, HOLDING, 5004, 16, [16_000])
    with pytest.raises(PeerRefusedError, match="out of range"):
        one.write(255, HOLDING, 5004, 6, [3000])
    with pytest.raises(PeerRefusedError):
        one.read(255, HOLDING, 1500, 2)  # nobody has shown a card


@pytest.mark.proves("H.25")
def test_an_alfen_allows_reserved_registers_in_a_block(catalogue: Catalogue) -> None:
    one = charger(catalogue, "alfen_eve")
    block = one.read(1, HOLDING, 1200, 16)
    assert block[0] == 1
    assert block[1] == 0x4100, "A and a zero byte"
    assert one.read(200, HOLDING, 157, 11)[:2] == [0x4143, 0x4530]


def test_an_alfen_falls_back_to_its_safe_current_when_its_setpoint_is_not_renewed(
    catalogue: Catalogue,
) -> None:
    one = charger(catalogue, "alfen_eve")
    one.write(1, HOLDING, 1210, 16, [0x4180, 0])
    one.plug(Vehicle())
    one.advance(59.0)
    assert one.offer_ma == 16_000
    one.advance(61.0)
    assert one.offer_ma == 6000
    assert one.read(1, HOLDING, 1208, 2) == [0, 0]


def test_a_keba_falls_back_only_when_its_fail_safe_is_armed(catalogue: Catalogue) -> None:
    one = charger(catalogue, "keba_p30")
    one.write(255, HOLDING, 5004, 6, [16_000])
    one.advance(700.0)
    assert one.offer_ma == 16_000
    one.write(255, HOLDING, 5016, 6, [8000])
    one.write(255, HOLDING, 5018, 6, [60])
    one.advance(759.0)
    assert one.offer_ma == 16_000
    one.advance(761.0)
    assert one.offer_ma == 8000


@pytest.mark.proves("H.25")
def test_a_goe_takes_single_registers_with_function_16_only(catalogue: Catalogue) -> None:
    one = charger(catalogue, "goe_charger")
    with pytest.raises(PeerRefusedError):
        one.write(1, HOLDING, 299, 6, [10])
    one.write(1, HOLDING, 299, 16, [10])
    assert one.offer_ma == 10_000
    one.write(1, HOLDING, 337, 16, [1])
    assert one.offer_ma == 0
    with pytest.raises(PeerRefusedError):
        one.read(1, HOLDING, 100, 1)
    assert one.read(1, INPUT, 100, 1) == [1]


def test_a_vehicle_follows_its_offer_after_a_second_and_stops_when_full(
    catalogue: Catalogue,
) -> None:
    one = charger(catalogue, "abb_terra_ac")
    one.write(1, HOLDING, 0x4100, 16, [0, 16_000])
    car = Vehicle(capacity_wh=1000, charge_wh=900)
    one.plug(car)
    one.advance(0.9)
    assert car.draw_ma == 0
    one.advance(10.0)
    one.note_request(10.0)
    assert car.draw_ma == 16_000
    for second in range(11, 120):
        one.note_request(float(second))
    assert car.draw_ma == 0
    assert one.state is SimulatedState.WAITING
    assert one.session_wh == pytest.approx(100, rel=0.2)


def test_a_single_phase_car_draws_on_one_terminal(catalogue: Catalogue) -> None:
    one = charger(catalogue, "goe_charger")
    one.plug(Vehicle(phases=1))
    one.advance(20.0)
    assert one.phases_ma[0] > 0
    assert one.phases_ma[1:] == (0.0, 0.0)
