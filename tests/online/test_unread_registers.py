"""A meter of which some registers answer and others do not, in virtual time without a wire."""

import struct
from collections.abc import Callable, Sequence

import pytest

from knxgw.config.devices import DeviceRole, devices
from knxgw.errors import LinkError, PeerError, PeerRefusedError
from knxgw.links.modbus_endpoint import TcpEndpoint
from knxgw.modbus.examination import Examination
from knxgw.modbus.requests import ILLEGAL_ADDRESS, Read
from knxgw.online.modbus_devices import ExaminedDevice, examined_device
from knxgw.online.unread_registers import unread_registers
from tests.online.looking import HEAD, point, read

NO_VALUE = float("nan")
BY_HAND = (
    "manual: {function: 4, current: {type: f32, l1: 6, l2: 8, l3: 10},"
    " power: {type: f32, l1: 12, l2: 14, l3: 60000}}"
)
SITE = (
    "load_management:\n  mode: dynamic\n  fuse_a: 50\n  smart_meter: {{source: modbus, {meter}, "
    "connection: {{type: tcp, host: 192.0.2.1, port: 502, unit: 1}}}}\n"
)
Answer = Sequence[int] | PeerError | LinkError
LONGEST_S = 60.0


def meter(described: str) -> ExaminedDevice:
    """Return the smart meter of a site, which nobody has asked yet."""
    text = HEAD + point(1, "goe_charger", "192.0.2.2", 502, 1) + SITE.format(meter=described)
    configuration = read(text).configuration
    assert configuration is not None
    found = next(one for one in devices(configuration) if one.role is DeviceRole.GRID_METER)
    endpoint = TcpEndpoint(host="192.0.2.1", port=502)
    return examined_device(found, configuration, (found.model,), endpoint)


def examined(device: ExaminedDevice, answer: Callable[[Read], Answer]) -> list[tuple[str, str]]:
    """Answer an examination to its end; return the keys and texts of what was found."""
    examination, now_s = device.examination, 0.0
    examination.opened()
    while not examination.is_done and now_s < LONGEST_S:
        now_s = max(now_s, examination.due_at(now_s))
        request = examination.next_request(now_s)
        if isinstance(request, Read):
            now_s = _answered(examination, request, answer(request), now_s)
        else:
            now_s += 0.05
    assert examination.is_done
    found = unread_registers(device.device, device.key, examination)
    return [(key, words.problem()) for key, words in found]


def _answered(examination: Examination, request: Read, answer: Answer, now_s: float) -> float:
    """Hand over an answer; return when it has come."""
    if isinstance(answer, PeerError | LinkError):
        now_s += 0.05 if isinstance(answer, PeerError) else 1.5
        examination.failed(request, answer, now_s)
        return now_s
    examination.read_done(request, answer, now_s + 0.05)
    return now_s + 0.05


def registers(count: int, value: float = 5.0) -> Sequence[int]:
    """Return floats in registers, the last ones of a block with a value."""
    return struct.unpack(f">{count}H", struct.pack(">f", value) * (count // 2))


def is_far(request: Read) -> bool:
    return request.block.address == 60000


@pytest.mark.proves("W64")
@pytest.mark.parametrize(
    "error", [PeerRefusedError("no such register", ILLEGAL_ADDRESS), LinkError("no answer")]
)
def test_a_register_that_refuses_or_is_silent_is_named_at_its_key(error: Answer) -> None:
    found = examined(
        meter(BY_HAND), lambda one: error if is_far(one) else registers(one.block.count)
    )
    key = "load_management.smart_meter.manual.power.l3"
    assert found == [(key, "L3: register 60000 of the power does not answer")]


def test_a_read_that_fails_once_is_made_again_and_says_nothing() -> None:
    failures = [LinkError("lost on the way")]

    def answer(request: Read) -> Answer:
        return failures.pop() if is_far(request) and failures else registers(request.block.count)

    assert examined(meter(BY_HAND), answer) == []
    assert failures == []


def test_a_register_that_answers_without_a_value_is_named() -> None:
    found = examined(
        meter(BY_HAND),
        lambda one: registers(one.block.count, NO_VALUE if is_far(one) else 5.0),
    )
    assert [text for _, text in found] == [
        "L3: register 60000 answers, but says that it has no value"
    ]


def test_a_meter_with_all_values_says_nothing() -> None:
    assert examined(meter(BY_HAND), lambda one: registers(one.block.count)) == []


def test_of_a_model_of_the_catalogue_only_a_phase_beside_others_is_named() -> None:
    model = meter("model: eastron_sdm630")
    currents = {name: one.address for name, one in model.device.model.points.items()}

    def answer(request: Read) -> Answer:
        names = {one.name for one in request.block.points}
        lacks = {"current_l2", "energy_total"}  # an energy may be missing in a variant
        if names & lacks:
            return PeerRefusedError("no such register", ILLEGAL_ADDRESS)
        return registers(request.block.count)

    found = examined(model, answer)
    said = f"L2: register {currents['current_l2']} of the current does not answer"
    assert ("load_management.smart_meter", said) in found
    assert all("L2" in text for _, text in found)
