"""Frames that somebody has changed, from the octets of a wire to the device: nothing escapes, nothing is half done."""

import random
from collections.abc import Iterator

import pytest
from hypothesis import settings
from xknx.cemi import CEMIFrame, CEMILData
from xknx.exceptions import CouldNotParseCEMI, UnsupportedCEMIMessage
from xknx.telegram.address import GroupAddress

from knxgw.catalogue.interface_objects import LoadState
from knxgw.knx.frames import Security
from knxgw.knx.raw_service import apdu_of
from knxgw.knx.secure_apdu import DATA_BY_TOOL, Envelope, SyncRequest, seal, seal_sync_request
from knxgw.links.knx import XknxLink
from knxgw.links.knx_data_secure import DataSecureStage
from knxgw.links.knx_secure_groups import GroupKeys
from knxgw.links.knx_tool_key import ToolAccess
from tests.device.test_group_object_diagnostics import objects
from tests.device.test_management_services import COMPLETED, START, UNLOAD, allocation, control
from tests.support.knx_device_rig import FDSK, SERIAL, DeviceRig
from tests.support.knxip_server import MemoryStore, numbers_of

IS_FUZZ = settings.get_current_profile_name() == "fuzz"
MUTANTS = 100_000 if IS_FUZZ else 2_000
APDUS = [
    *("0300", "0302", "03d500381001", "03d5000b1001", "03d504071001", "03d5041b1001", "03d800360c"),
    *("03d100ffffffff", "03d7000e100104", "03d7064c1001" + "41", "0380", "03810400", "03810700"),
    *("01fd20004000", "01fb02004000" + "0102", "020ca000", "0284a000" + "00010a03", "02c1024000"),
    *("01cc000000100b010001", "01ce0011001038010001" + "00" * 16, "01d200000010360000", "01d400110010050400"),
    *(control(index, value) for index in range(6) for value in (START, allocation(64), COMPLETED, UNLOAD)),
    *(f"03dc{SERIAL.hex()}", f"03de{SERIAL.hex()}110500000000", "0100", "00c01105"),
    *("01c8000000b001", "03da000117010a03", "03c0", "02ff", "03f19000"),
    *("02c703420000003701", "02c70342000100093201", "02c7034200020032", "02c703420003000932", "02c7034200041101"),
    *("01d4001100100504" + "00" * 9, "01d40011001033000001", "01d40011001033000000", "01d500110010370000" + "00"),
    *("01ce00110010360100000000", "01ce00110010350100010003" + "11" * 16, "01ce001100103d04000100030003"),
    *("01d4000b00105e00000401", "01d5000b00105e000004", "01ce000b00105d030001" + "22" * 48, "01ce000b0010610200010201" + "0302"),
    *("02c8034200000032", "02c8034200010032", "01d400090010420000003701", "01d5000900104200010032"),
]  # fmt: skip


class Wire(XknxLink):
    """The receiving side of a link, without a wire."""

    async def _connect(self) -> None:
        raise NotImplementedError

    async def _send(self, frame: CEMIFrame) -> None:
        raise NotImplementedError

    async def _disconnect(self) -> None:
        raise NotImplementedError


def frames() -> list[bytes]:
    """Return good frames: connections, requests with numbers, without a connection, by broadcast."""
    found = [
        bytes.fromhex("2900b06011011105" + tail)
        for tail in ("0080", "0081", "00c2", "00c6", "00c3")
    ]
    for apdu in APDUS:
        raw = bytes.fromhex(apdu)
        for first in (0x00, 0x00, 0x40, 0x44):  # without a connection, and with the first numbers
            body = bytes([len(raw) - 1, first | raw[0]]) + raw[1:]
            found.append(bytes.fromhex("2900306011011105") + body)
        found.append(bytes.fromhex("2900b0e011010000") + bytes([len(raw) - 1]) + raw)
    return found


def mutants(count: int, seed: int) -> Iterator[bytes]:
    """Yield frames of which half are changed."""
    chance = random.Random(seed)  # noqa: S311 - to be the same again
    good = frames()
    for _ in range(count):
        frame = bytearray(chance.choice(good))
        match chance.randrange(8):
            case 0:
                frame[chance.randrange(len(frame))] = chance.randrange(256)
            case 1:
                del frame[chance.randrange(len(frame)) :]
            case 2:
                frame += chance.randbytes(chance.randrange(1, 260))
            case 3:
                at = chance.randrange(len(frame))
                frame[at:at] = chance.randbytes(chance.randrange(1, 5))
            case _:
                pass  # it stays good
        yield bytes(frame)


@pytest.mark.parametrize("seed", range(4))
def test_no_frame_of_a_wire_brings_the_device_down(seed: int) -> None:
    rig, wire = DeviceRig(), Wire()
    rig.group_objects = objects()
    answers = 0

    security = Security.PLAIN

    def take(data: CEMILData) -> None:
        nonlocal answers
        answers += len(rig.receive(data, security))

    wire._on_frame = take
    for number, frame in enumerate(mutants(MUTANTS // 4, seed)):
        security = (Security.PLAIN, Security.TOOL_KEY)[
            number % 2
        ]  # who has the key may say anything, too
        wire._received(frame)
        rig.wait(0.01)
        if rig.device.individual_address.raw != 0x1105:  # a mutant has programmed another one
            rig.model.set_individual_address(0x1105)
        for one in rig.model.loadables.values():
            octets = one.segment.octets
            assert octets is None or octets <= one.segment.arena.octets
            assert (one.state is LoadState.UNLOADED) <= (octets is None)
    assert answers > MUTANTS // 40, "the device was reached"
    assert rig.ask("0300") == "034057b0"
    rig.model.unsaved.is_state = True
    rig.ask("0300")
    again = DeviceRig(rig.disk)
    assert {index: one.state for index, one in again.model.loadables.items()} == {
        index: one.state for index, one in rig.model.loadables.items()
    }


def sealed_frames() -> list[bytes]:
    """Return good frames as a tool secures them, each with a number of its own."""
    found = []
    for number, raw in enumerate(frames(), 1):
        data = _data_of(raw)
        if data is None or data.payload is None:
            continue
        envelope, plain = Envelope.of(data), apdu_of(data)
        if number % 5 == 0:
            asked = SyncRequest(number, (bytes(6), SERIAL)[number % 2], bytes(6))
            apdu = seal_sync_request(FDSK, envelope, asked)
        else:
            apdu = seal(FDSK, envelope, number, plain, DATA_BY_TOOL)
        head = bytes([0x29, 0, raw[2] & 0x7F]) + raw[3:8]  # an extended frame
        tpci = raw[9] & 0xFC
        found.append(head + bytes([len(apdu) - 1, tpci | apdu[0]]) + apdu[1:])
    return found


@pytest.mark.parametrize("seed", range(2))
async def test_what_was_changed_or_recorded_is_never_opened(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - to be the same again
    said = {apdu_of(data) for data in map(_data_of, frames()) if data is not None}
    good, wire, accepted = sealed_frames(), Wire(), []
    keys = {GroupAddress("1/2/3"): bytes(16)}
    stage = DataSecureStage(GroupKeys(keys=keys, senders={}), ToolAccess(FDSK, SERIAL))
    stage.keep_numbers(numbers_of(MemoryStore({"own": 1})))

    def take(data: CEMILData) -> None:
        found = stage.received(data)
        if found is not None and found[1] is Security.TOOL_KEY:
            accepted.append((apdu_of(data), apdu_of(found[0])))

    wire._on_frame = take
    for at in range(MUTANTS // 2):
        frame = bytearray(good[at * len(good) // (MUTANTS // 2)])
        for _ in range(chance.randrange(3)):
            frame[chance.randrange(10, len(frame))] = chance.randrange(256)
        if chance.randrange(4) == 0:
            del frame[chance.randrange(len(frame)) :]
        wire._received(bytes(frame))
    assert len(accepted) > len(good) // 8, "the tool was heard"
    assert {plain for _, plain in accepted} <= said
    assert len(accepted) == len({sealed for sealed, _ in accepted}), "each of them once"


def _data_of(raw: bytes) -> CEMILData | None:
    try:
        found = CEMIFrame.from_knx(raw).data
    except (CouldNotParseCEMI, UnsupportedCEMIMessage):
        return None
    return found if isinstance(found, CEMILData) else None
