"""Data Secure with the tool key: published vectors both ways, and everything else is refused.

Source of the vectors: KNX AN158 (the first two), and a synthetic commissioning exchange that was
computed with the construction of AN158 by a program of its own.
"""

from copy import copy

import pytest
from xknx.cemi import CEMIFrame, CEMILData
from xknx.secure.data_secure_asdu import SecureData, SecurityControlField
from xknx.telegram.address import GroupAddress, IndividualAddress
from xknx.telegram.apci import (
    APCI,
    DeviceDescriptorRead,
    FunctionPropertyExtCommand,
    FunctionPropertyExtStateResponse,
    IndividualAddressSerialWrite,
    PropertyValueResponse,
    PropertyValueWrite,
    ReturnCode,
    SecureAPDU,
)
from xknx.telegram.tpci import TAck, TDataConnected, TDataGroup, TDataIndividual

from knxgw.knx.frames import Outgoing, Security
from knxgw.links.knx_data_secure import DataSecureStage
from knxgw.links.knx_numbers import SecureNumbers
from knxgw.links.knx_tool_key import ToolAccess
from tests.support.knxip_server import MemoryStore
from tests.support.stub_device import frame

KEY = bytes(range(16))
TOOL, DEVICE = "15.15.103", "15.15.0"  # FF67 and FF00 of the application note
READ = DeviceDescriptorRead(descriptor=0)
VALUE = bytes(range(0x20, 0x30))
WRITE = PropertyValueWrite(object_index=5, property_id=0x35, count=1, start_index=1, data=VALUE)
RESPONSE = PropertyValueResponse(
    object_index=5, property_id=0x35, count=1, start_index=1, data=VALUE
)
SECURITY_MODE_ON = FunctionPropertyExtCommand(
    interface_object_type=17, object_instance=1, property_id=51, data=bytes((0, 0, 1))
)
IS_ON = FunctionPropertyExtStateResponse(
    interface_object_type=17,
    object_instance=1,
    property_id=51,
    return_code=ReturnCode.E_SUCCESS,
    data=bytes(1),
)
ADDRESS = IndividualAddressSerialWrite(
    serial=bytes.fromhex("00fa01020304"), address=IndividualAddress("1.1.5")
)
SECURED = {
    "write of a property": (
        frame(TOOL, DEVICE, TDataIndividual(), WRITE),
        4,
        "90 000000000004 6767242a2308ca76a11774214ee4cf5d94909f743d05 0d8fc168",
    ),
    "its response": (
        frame(DEVICE, TOOL, TDataIndividual(), RESPONSE),
        3,
        "90 000000000003 706f533105503557cb2b24f1dd341b60b7e017ecd6b0 6849a72b",
    ),
    "security mode on, in a connection": (
        frame("1.1.1", "1.1.5", TDataConnected(sequence_number=2), SECURITY_MODE_ON),
        0x0040102EA9CF,
        "90 0040102ea9cf cff1bc43eace52704d3d c73fc63e",
    ),
    "its response, in a connection": (
        frame("1.1.5", "1.1.1", TDataConnected(sequence_number=2), IS_ON),
        2,
        "90 000000000002 c3fb10157136ca20c2 92b4c953",
    ),
}
vectors = pytest.mark.parametrize("name", SECURED)


def stage_of(
    tool_key: bytes | None = KEY, store: MemoryStore | None = None, own: int = 1
) -> DataSecureStage:
    """Return a stage whose next number is `own`."""
    store = store or MemoryStore()
    stage = DataSecureStage(tool=None if tool_key is None else ToolAccess(tool_key))
    stage.keep_numbers(
        SecureNumbers({"own to tools": own} | store.numbers, store, lambda: None, lambda: 0.0)
    )
    return stage


async def sealed(data: CEMILData, number: int = 5, key: bytes = KEY) -> CEMILData:
    """Return a frame as a tool secures it."""
    secured = await stage_of(key, own=number).outgoing(Outgoing(data, Security.TOOL_KEY))
    assert secured is not None
    return secured


def sealed_as(control: int, data: CEMILData) -> CEMILData:
    """Return a frame that xknx has secured with the tool key and any security control field."""
    assert data.payload is not None
    field = SecurityControlField.from_knx(control)
    secured = SecureData.init_from_plain_apdu(
        key=KEY,
        apdu=data.payload.to_knx(),
        scf=field,
        sequence_number=5,
        address_fields_raw=data.src_addr.to_knx() + data.dst_addr.to_knx(),
        address_type=data.address_type,
        frame_format=data.flags.frame_format,
        tpci=data.tpci,
    )
    sent = copy(data)
    sent.payload = SecureAPDU(scf=field, secured_data=secured)
    return sent


@vectors
async def test_published_frames_are_made_bit_for_bit(name: str) -> None:
    data, number, expected = SECURED[name]
    secured = await sealed(data, number)
    assert secured.payload is not None
    assert bytes(secured.payload.to_knx()) == bytes.fromhex("03f1" + expected)


@vectors
def test_published_frames_are_read(name: str) -> None:
    data, _number, secured = SECURED[name]
    on_the_line = CEMILData(
        flags=data.flags,
        src_addr=data.src_addr,
        dst_addr=data.dst_addr,
        tpci=data.tpci,
        payload=APCI.from_knx(bytes.fromhex("03f1" + secured)),
    )
    read = stage_of().received(CEMILData.from_knx(on_the_line.to_knx()))
    assert read is not None
    assert (read[0].payload, read[1]) == (data.payload, Security.TOOL_KEY)


def test_a_secured_broadcast_is_read() -> None:
    raw = "290030e0110100001a03f1900040102ea9cedfed5ec84878263700e36aa42ce924a35d20"
    data = CEMIFrame.from_knx(bytes.fromhex(raw)).data
    assert isinstance(data, CEMILData)
    read = stage_of().received(data)
    assert read is not None
    assert (read[0].payload, read[1]) == (ADDRESS, Security.TOOL_KEY)


async def test_a_recorded_frame_is_refused_after_a_restart_too() -> None:
    store = MemoryStore()
    stage = stage_of(store=store)
    secured = await sealed(frame(TOOL, DEVICE, TDataIndividual(), READ), 7)
    assert stage.received(secured) is not None
    assert stage.received(secured) is None
    assert await stage.secure_tools()
    restarted = stage_of(store=MemoryStore(store.numbers))
    assert restarted.received(secured) is None
    other = await sealed(frame("15.15.104", DEVICE, TDataIndividual(), READ), 1)
    assert restarted.received(other) is not None, "each tool has numbers of its own"
    newer = await sealed(frame(TOOL, DEVICE, TDataIndividual(), READ), 8)
    assert restarted.received(newer) is not None


async def test_what_no_tool_sends_here_is_refused_and_counted() -> None:
    individual = frame(TOOL, DEVICE, TDataIndividual(), READ)
    to_a_group = frame(TOOL, GroupAddress("1/1/1"), TDataGroup(), READ)
    stage = stage_of()
    refused = [
        await sealed(individual, key=bytes(16)),
        await sealed(to_a_group),
        *[sealed_as(control, individual) for control in (0x80, 0x92, 0x93, 0x98, 0x10)],
    ]
    for number, secured in enumerate(refused, start=1):
        assert stage.received(secured) is None
        assert stage.insecure == number
    assert stage.received(await sealed(individual, 1)) is not None, "none of them moved a number"
    assert stage.received(sealed_as(0x90, individual)) is not None, "data with the tool key it is"


@pytest.mark.parametrize("at", ["source", "destination", "connection", "ciphertext"])
async def test_a_frame_that_was_changed_on_its_way_is_refused(at: str) -> None:
    secured = await sealed(frame(TOOL, DEVICE, TDataConnected(sequence_number=1), READ))
    match at:
        case "source":
            secured.src_addr = IndividualAddress("15.15.104")
        case "destination":
            secured.dst_addr = IndividualAddress("15.15.1")
        case "connection":
            secured.tpci = TDataConnected(sequence_number=2)
        case _:
            raw = bytearray(secured.to_knx())
            raw[-6] ^= 1
            secured = CEMILData.from_knx(bytes(raw))
    assert stage_of().received(secured) == (secured, Security.REFUSED)


async def test_a_tool_key_can_come_change_and_go_while_the_device_runs() -> None:
    store = MemoryStore()
    stage = stage_of(None, store)
    ask = frame(TOOL, DEVICE, TDataIndividual(), READ)
    answer = Outgoing(frame(DEVICE, TOOL, TDataIndividual(), READ), Security.TOOL_KEY)
    assert stage.received(await sealed(ask, 1)) is None
    assert await stage.outgoing(answer) is None
    for number, key in ((2, KEY), (3, bytes(16))):
        stage.use_tool(ToolAccess(key))
        assert stage.received(await sealed(ask, number, key)) is not None
        assert await stage.outgoing(answer) is not None
    assert stage.received(await sealed(ask, 4, KEY)) is None, "the previous key is no key"
    stage.use_tool(None)
    assert await stage.outgoing(answer) is None


async def test_frames_of_the_transport_layer_itself_go_as_they_are() -> None:
    data = frame(DEVICE, TOOL, TAck(sequence_number=1))
    secured = await stage_of().outgoing(Outgoing(data, Security.TOOL_KEY))
    assert secured is data


async def test_no_number_is_used_twice_where_neither_disk_nor_clock_remember() -> None:
    answer = Outgoing(frame(DEVICE, TOOL, TDataIndividual(), READ), Security.TOOL_KEY)
    store = MemoryStore()
    store.is_full = True
    for _start in range(2):
        stage = DataSecureStage(tool=ToolAccess(KEY))
        stage.keep_numbers(SecureNumbers({}, store, lambda: None, lambda: 0.0))
        assert await stage.outgoing(answer) is None
    store.is_full = False
    numbers = []
    for _start in range(2):
        stage = DataSecureStage(tool=ToolAccess(KEY))
        stage.keep_numbers(SecureNumbers(dict(store.numbers), store, lambda: None, lambda: 0.0))
        secured = await stage.outgoing(answer)
        assert secured is not None
        assert secured.payload is not None
        numbers.append(int.from_bytes(secured.payload.to_knx()[3:9], "big"))
    assert 0 < numbers[0] < numbers[1]
