"""Which model answers is found out by its answers, over the whole catalogue."""

import itertools

import pytest

from knxgw.catalogue.device_model import DeviceKind, DeviceModel
from knxgw.catalogue.load import catalogue
from knxgw.catalogue.points import Table
from knxgw.errors import LinkTimeoutError, PeerRefusedError
from knxgw.modbus.probing import Candidate, Probing
from knxgw.modbus.requests import Read
from knxgw.sim.charger import SimulatedCharger
from knxgw.sim.meter import SimulatedMeter
from knxgw.sim.registers import RegisterImage

MODELS = tuple(model for model in catalogue().models if model.chain is None)
TOO_LITTLE = {"sma_home_manager"}  # power and energy alone could be anything


def device_of(model: DeviceModel, unit: int) -> RegisterImage:
    """Return the simulated device; a meter shows what a charger beside it draws."""
    if model.kind is DeviceKind.CHARGER:
        return SimulatedCharger(model, unit)
    charger = SimulatedCharger(catalogue().chargers["goe_charger"], 1)
    return SimulatedMeter(model, unit, charger)


def probe(device: RegisterImage, units: list[int], *, every_unit: bool = False) -> Probing:
    """Let a probe ask a device until it is done; it must only read."""
    probing = Probing(MODELS, units, timeout_s=1.0, must_probe_all=every_unit)
    now_s = 0.0
    while not probing.is_done:
        now_s = max(now_s, probing.due_at(now_s))
        request = probing.next_request(now_s)
        if request is None:
            continue
        assert isinstance(request, Read)
        block = request.block
        try:
            if block.unit_id not in device.unit_ids:
                probing.failed(request, LinkTimeoutError("nobody there"), now_s)
                now_s += 1.0
                continue
            registers = device.read(block.unit_id, block.table, block.address, block.count)
            probing.read_done(request, registers, now_s)
        except PeerRefusedError as err:
            probing.failed(request, err, now_s)
        now_s += 0.01
    return probing


def registers_of(model: DeviceModel) -> set[tuple[object, ...]]:
    """Return where a model has what it measures, and how it is encoded."""
    return {(p.table, p.address, p.type, p.scale) for p in model.points.values() if p.is_readable}


def best_of(probing: Probing) -> list[Candidate]:
    """Return the candidates nobody is better than."""
    candidates = probing.candidates
    return [one for one in candidates if one.score >= candidates[0].score - 0.01]


@pytest.mark.proves("4.15")
@pytest.mark.parametrize("model", MODELS, ids=lambda model: f"{model.kind}-{model.id}")
def test_a_device_is_recognised_as_its_model(model: DeviceModel) -> None:
    probing = probe(device_of(model, model.unit_id), [model.unit_id])
    best = best_of(probing)
    assert model.id in {one.model.id for one in best}
    likely = all(one.is_likely for one in best)
    assert likely is (model.id not in TOO_LITTLE), [(o.model.id, o.reasons) for o in best]


@pytest.mark.parametrize("raw", [0, 1, 0xFFFF])
def test_a_device_that_shows_one_number_everywhere_is_nothing_we_know(raw: int) -> None:
    class Blank(SimulatedCharger):
        def read(self, unit: int, table: Table, address: int, count: int) -> list[int]:
            return [raw] * count

    probing = probe(Blank(catalogue().chargers["goe_charger"], 1), [1])
    assert [one.model.id for one in probing.candidates if one.is_likely] == []


def test_two_models_with_the_same_registers_are_distinguished_by_their_identity() -> None:
    for model_id in ("keba_p30", "keba_p40"):
        probing = probe(device_of(catalogue().chargers[model_id], 255), [255])
        assert [one.model.id for one in best_of(probing)] == [model_id]


def test_an_absent_unit_costs_two_questions() -> None:
    probing = probe(device_of(catalogue().chargers["goe_charger"], 1), [7, 8, 9])
    assert probing.asked == 2 * 3
    assert not probing.has_answered
    assert probing.candidates == ()


def test_the_search_ends_at_the_first_unit_that_is_recognised_unless_all_are_wanted() -> None:
    device = device_of(catalogue().meters["eastron_sdm630"], 2)
    assert probe(device, [1, 2, 3, 4]).progress == (2, 4)
    assert probe(device, [1, 2, 3, 4], every_unit=True).progress == (4, 4)


def test_a_device_is_asked_no_faster_than_its_model_allows() -> None:
    device = device_of(catalogue().chargers["keba_p30"], 255)
    probing = Probing(MODELS, [255], timeout_s=1.0)
    now_s, asked_s, paces = 0.0, [], set()
    while not probing.is_done:
        now_s = max(now_s, probing.due_at(now_s))
        request = probing.next_request(now_s)
        if isinstance(request, Read):
            block = request.block
            asked_s.append(now_s)
            paces.add(probing.pace)
            try:
                registers = device.read(255, block.table, block.address, block.count)
                probing.read_done(request, registers, now_s)
            except PeerRefusedError as err:
                probing.failed(request, err, now_s)
    gaps_s = [later - earlier for earlier, later in itertools.pairwise(asked_s)]
    recognised = next(n for n, gap in enumerate(gaps_s) if gap >= 0.5 - 1e-9)
    assert all(gap >= 0.5 - 1e-9 for gap in gaps_s[recognised:])
    assert asked_s[-1] < 60.0
    assert paces == {"", "one in 0.5 s, as KEBA requires"}, "who waits is told what for"
