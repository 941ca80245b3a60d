"""Poll plans: the fewest reads a model allows, state and currents first."""

import itertools

import pytest

from knxgw.catalogue.points import PollClass
from knxgw.catalogue.product import Catalogue
from knxgw.charging.scope import PointNumber
from knxgw.errors import PeerRefusedError
from knxgw.modbus.interpreter import Interpreter
from knxgw.modbus.plan import Block, PollSchedule, plan_blocks
from knxgw.modbus.requests import Read
from tests.support.devices import driver as make_driver


def blocks_of(catalogue: Catalogue, model_id: str) -> tuple[Block, ...]:
    model = catalogue.chargers[model_id]
    wanted = sorted(Interpreter("x", model).wanted_points)
    return plan_blocks(model, unit_id=model.unit_id, address_offset=0, wanted=wanted)


@pytest.mark.proves("H.13")
def test_a_keba_is_read_value_by_value(catalogue: Catalogue) -> None:
    blocks = blocks_of(catalogue, "keba_p30")
    assert all(block.count == 2 and len(block.points) == 1 for block in blocks)
    fast = {block.points[0].name for block in blocks if block.poll is PollClass.FAST}
    assert fast == {"state", "plug", "current_l1", "current_l2", "current_l3"}


@pytest.mark.proves("H.13")
def test_an_alfen_socket_needs_two_reads_and_its_station_two(catalogue: Catalogue) -> None:
    blocks = blocks_of(catalogue, "alfen_eve")
    spans = {(b.unit_id, b.address, b.count) for b in blocks}
    assert (1, 320, 58) in spans, "currents, powers and energies together"
    assert (1, 1200, 12) in spans, "availability, state and setpoint together"
    assert len([b for b in blocks if b.unit_id == 1]) == 2
    assert len([b for b in blocks if b.unit_id == 200]) == 2


@pytest.mark.proves("H.13")
def test_an_abb_is_read_within_its_block(catalogue: Catalogue) -> None:
    blocks = blocks_of(catalogue, "abb_terra_ac")
    assert [(b.address, b.count) for b in blocks] == [(0x4000, 0x20)]


def test_no_block_of_any_model_is_larger_than_it_allows(catalogue: Catalogue) -> None:
    for model in catalogue.models:
        wanted = sorted(Interpreter("x", model).wanted_points)
        for block in plan_blocks(model, unit_id=1, address_offset=0, wanted=wanted):
            assert block.count <= model.read.max_registers
            assert all(
                block.address <= p.address and p.address + p.count <= block.address + block.count
                for p in block.points
            )


def run_schedule(schedule: PollSchedule, seconds: float) -> list[tuple[float, str]]:
    now_s, asked = 0.0, []
    while now_s < seconds:
        block = schedule.next_block(now_s)
        if block is None:
            now_s = max(now_s + 0.001, min(schedule.due_at(), seconds))
            continue
        schedule.mark_requested(block, now_s)
        asked.append((now_s, block.points[0].name))
    return asked


@pytest.mark.proves("H.13")
def test_keba_reads_keep_their_distance_and_state_and_currents_come_first(
    catalogue: Catalogue,
) -> None:
    schedule = PollSchedule(blocks_of(catalogue, "keba_p30"), min_interval_s=0.5)
    asked = run_schedule(schedule, 120.0)
    distances = [b[0] - a[0] for a, b in itertools.pairwise(asked)]
    assert min(distances) >= 0.5
    assert {name for _, name in asked[:5]} == {
        "state", "plug", "current_l1", "current_l2", "current_l3"
    }  # fmt: skip
    assert asked[4][0] <= 2.0, "the first look at state and currents is done after 2 s"
    states = [at_s for at_s, name in asked if name == "state"]
    assert max(b - a for a, b in itertools.pairwise(states)) < 5.0
    assert {"power", "energy_total", "energy_session", "error_1"} <= {name for _, name in asked}


def test_a_device_without_limits_is_read_every_second(catalogue: Catalogue) -> None:
    schedule = PollSchedule(blocks_of(catalogue, "abb_terra_ac"), min_interval_s=0.0)
    asked = run_schedule(schedule, 60.0)
    assert 59 <= len(asked) <= 61


def test_a_refused_block_is_read_point_by_point_and_the_absent_ones_are_left_out(
    catalogue: Catalogue,
) -> None:
    driver = make_driver(PointNumber(1), catalogue.chargers["abb_terra_ac"], unit_id=1)
    driver.opened()
    request = driver.next_request(0.0)
    assert isinstance(request, Read)
    driver.failed(request, PeerRefusedError("illegal address", 2), 0.0)
    seen = set()
    for tick in range(100):
        request = driver.next_request(float(tick))
        if not isinstance(request, Read):
            continue
        name = request.block.points[0].name
        seen.add(name)
        if name == "current_l3":
            driver.failed(request, PeerRefusedError("illegal address", 2), float(tick))
        else:
            driver.read_done(request, [0] * request.block.count, float(tick))
    assert {"state", "current_l1", "current_l3", "power"} <= seen
    later = [driver.next_request(200.0) for _ in range(3)]
    assert all(not isinstance(j, Read) or j.block.points[0].name != "current_l3" for j in later)
