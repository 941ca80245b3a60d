"""The KNX device as tools meet it: addresses, downloads, power cuts; frames of ETS from the reference."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xknx.cemi import CEMILData
from xknx.telegram.address import IndividualAddress
from xknx.telegram.tpci import TDataBroadcast, TDataConnected

from knxgw.catalogue.interface_objects import LoadState
from knxgw.device.knx_device import BROADCAST, Send, Wait
from knxgw.device.tables import bits_of, links_of, size_code
from knxgw.knx.raw_service import apdu_of
from tests.device.test_management_services import COMPLETED, START, UNLOAD, allocation, control
from tests.support.knx_device_rig import DEVICE, OTHER, SERIAL, TOOL, DeviceRig, Disk, Tool

UNASSIGNED = IndividualAddress("15.15.255")


@pytest.fixture
def rig() -> DeviceRig:
    return DeviceRig()


# --- the individual address


def test_only_a_device_in_programming_mode_answers_and_takes_an_address(rig: DeviceRig) -> None:
    assert rig.broadcast("0100") == []
    rig.broadcast("00c01107")
    assert rig.device.individual_address == DEVICE
    rig.is_programming = True
    assert rig.broadcast("0100") == ["0140"]
    assert rig.broadcast("00c01107") == []
    assert str(rig.device.individual_address) == "1.1.7"
    assert rig.is_programming, "until it restarts"
    assert str(DeviceRig(rig.disk).device.individual_address) == "1.1.7"


def test_a_device_is_found_and_addressed_by_its_serial_number(rig: DeviceRig) -> None:
    serial = SERIAL.hex()
    assert rig.broadcast(f"03dc{serial}") == [f"03dd{serial}00000000"]
    assert rig.broadcast("03dc00fa99999999") == []
    rig.broadcast("03de00fa99999999" + "110700000000")
    assert rig.device.individual_address == DEVICE
    rig.broadcast(f"03de{serial}" + "110700000000")
    assert str(rig.device.individual_address) == "1.1.7"


def test_an_address_is_not_taken_where_that_is_forbidden(rig: DeviceRig) -> None:
    tool = Tool(rig).connect()
    assert tool.ask("03d7000810010000") == "03d600080001", "it has not authorized"
    tool.ask("03d100ffffffff")
    assert tool.ask("03d7000810010000") == "03d6000810010000"
    rig.is_programming = True
    rig.broadcast("00c01107")
    assert rig.device.individual_address == DEVICE


@pytest.mark.parametrize(
    ("operand", "is_programming", "address", "is_answered"),
    [
        ("01", True, DEVICE, True),
        ("01", False, DEVICE, False),
        ("02", False, UNASSIGNED, True),
        ("02", False, DEVICE, False),
        ("03", False, DEVICE, False),
        ("fe", True, DEVICE, False),
    ],
)
def test_serial_numbers_are_said_by_whom_the_question_is_for(
    operand: str, address: IndividualAddress, *, is_programming: bool, is_answered: bool
) -> None:
    rig = DeviceRig(address=address)
    rig.is_programming = is_programming
    answer = f"01c9000000b0{operand}{SERIAL.hex()}"
    assert rig.broadcast(f"01c8000000b0{operand}") == ([answer] if is_answered else [])


def test_serial_numbers_are_said_after_a_while_because_others_say_theirs(rig: DeviceRig) -> None:
    rig.is_programming = True
    out = rig.device.receive(_broadcast(rig, "01c8000000b001"), rig.now_s)
    assert [one.wait for one in out if isinstance(one, Send)] == [Wait(0.5, TOOL)]
    out = rig.device.receive(_broadcast(rig, "01c8000000b00105"), rig.now_s)
    assert [one.wait for one in out if isinstance(one, Send)] == [Wait(2.5, TOOL)]


def _broadcast(rig: DeviceRig, apdu: str) -> CEMILData:
    return rig.frame(TDataBroadcast(), apdu, destination=BROADCAST)


def test_group_addresses_that_are_used_are_said(rig: DeviceRig) -> None:
    assert rig.broadcast("03da000117010a03") == []
    download(Tool(rig).connect(), rig)
    assert rig.broadcast("03da000117010a03") == ["03db000117010a03"]
    assert rig.broadcast("03da000117000a02") == []
    assert rig.broadcast("03da000117010a02") == ["03db000117010a02"]
    assert rig.broadcast("03da000217010a03") == []


def test_another_device_with_our_address_is_noted(rig: DeviceRig) -> None:
    frame = rig.frame(TDataConnected(0), "0300", source=DEVICE)
    assert rig.receive(frame) == []
    assert rig.ask("03d5000e1001") == "03d6000e100102"


# --- a download as ETS does it


def test_the_download_of_ets_6_from_the_reference_runs_through(rig: DeviceRig) -> None:
    tool = Tool(rig).connect()
    # 1: unload
    assert tool.ask("0300") == "034057b0"
    assert tool.ask("03d500381001") == "03d60038100100fe"
    assert tool.ask("03d100ffffffff") == "03d200"
    for index in range(1, 6):
        assert tool.ask(control(index, UNLOAD)) == f"03d6{index:02x}05100100"
    assert tool.ask("03d700361001" + "00") == "03d60036100100"
    tool.disconnect()
    # 2: the address by the button
    tool.connect()
    assert tool.ask("0300") == "034057b0"
    rig.is_programming = True
    assert rig.broadcast("0100") == ["0140"]
    tool.disconnect()
    tool.connect()
    assert tool.ask("03d5000b1001") == f"03d6000b1001{SERIAL.hex()}"
    assert tool.ask("0380") is None
    tool.connect()
    assert tool.ask("0300") == "034057b0"
    tool.disconnect()
    # 3: a reset in the middle of loading
    tool.connect()
    assert tool.ask("03d100ffffffff") == "03d200"
    assert tool.ask("03d8021700") == "03d9021703090fff3f"
    for number in ("0b", "0c", "19", "4e", "0f"):
        answer = tool.ask(f"03d500{number}1001")
        assert answer is not None
        assert answer.startswith(f"03d600{number}1001")
    for index in (5, 4, 3, 2, 1):
        tool.ask(control(index, UNLOAD))
    assert tool.ask(control(4, START)) == "03d60405100102"
    assert tool.ask(control(4, "030b0000010000000000")) == "03d60405100102"
    assert tool.ask("03810400") == "03a1000000"
    # 4: the rest
    tool.connect()
    tool.ask("03d100ffffffff")
    for index, octets in ((3, 0x94), (1, 0x0C), (2, 0x16)):
        tool.ask(control(index, START))
        assert tool.ask(control(index, allocation(octets))) == f"03d6{index:02x}05100102"
    parameters = bytes(range(256))
    where = int(str(tool.ask("03d504071001"))[-4:], 16)
    for begin in range(0, 256, 63):
        part = parameters[begin : begin + 63]
        tool.ask(f"{0x280 + len(part):04x}{where + begin:04x}{part.hex()}")
    objects = bytes.fromhex("0049170017031707") + bytes(0x94 - 8)
    for begin in range(0, len(objects), 63):
        part = objects[begin : begin + 63]
        tool.ask(f"{0x280 + len(part):04x}{0x8000 + begin:04x}{part.hex()}")
    assert tool.ask("03d5000e1001") == "03d6000e100100"
    tool.ask("0296c000" + "00050001000100030002000400030004000500050005")
    tool.ask("028ca000" + "000508010802080308040805")
    assert tool.ask("03d7040d1001" + "00fa250010") == "03d6040d100100fa250010"
    for index in (4, 3, 2, 1):
        assert tool.ask(control(index, COMPLETED)) == f"03d6{index:02x}05100101"
    assert tool.ask("0380") is None
    assert rig.model.is_configured
    again = DeviceRig(rig.disk)
    assert again.model.is_configured
    assert again.model.loadables[4].segment.content == parameters


CONTENTS = {  # of a small device: index: address, content
    4: (0x4000, bytes(range(64))),
    3: (0x8000, bytes.fromhex("0003" + "1700" + "4f08" + "0000")),
    1: (0xA000, bytes.fromhex("0002" + "0a03" + "0a04")),
    2: (0xC000, bytes.fromhex("0003" + "00010001" + "00020002" + "00010002")),
}


def download(tool: Tool, rig: DeviceRig) -> None:
    """Load everything, as a tool does it."""
    for index in (4, 3, 2, 1):
        tool.ask(control(index, UNLOAD))
    for index, (address, content) in CONTENTS.items():
        tool.ask(control(index, START))
        tool.ask(control(index, allocation(len(content), fill=0)))
        for begin in range(0, len(content), 16):
            part = content[begin : begin + 16]
            tool.ask(f"{0x280 + len(part):04x}{address + begin:04x}{part.hex()}")
    for index in CONTENTS:
        tool.ask(control(index, COMPLETED))
    tool.ask("0380")


def test_a_partial_download_finds_its_memory_where_and_as_it_was(rig: DeviceRig) -> None:
    download(Tool(rig).connect(), rig)
    tool = Tool(rig).connect()
    assert tool.ask(control(4, START)) == "03d60405100102"
    tool.ask("02814004" + "ff")
    tool.ask(control(4, COMPLETED))
    changed = bytearray(CONTENTS[4][1])
    changed[4] = 0xFF
    assert rig.model.loadables[4].segment.content == bytes(changed)
    for event in (UNLOAD, START, allocation(64)):
        tool.ask(control(4, event))
    assert tool.ask("03d504071001") == "03d60407100100004000"
    tool.ask(control(4, COMPLETED))
    assert rig.model.loadables[4].segment.content == bytes(changed)


class PowerCutError(BaseException):
    """The power goes."""


def test_a_power_cut_at_any_frame_of_a_download_leaves_no_half_device_that_runs() -> None:
    whole = DeviceRig()
    tool = Tool(whole).connect()
    frames = 0
    ask = tool.ask

    def count(apdu: str) -> str | None:
        nonlocal frames
        frames += 1
        return ask(apdu)

    tool.ask = count  # type: ignore[method-assign]
    download(tool, whole)
    assert whole.model.is_configured
    generator = random.Random(19)  # noqa: S311 - a seed, no secret
    for cut in range(frames):
        disk = Disk(dict(whole.disk.files))
        rig = DeviceRig(disk)
        tool = Tool(rig).connect()
        _cut_off_after(tool, cut)
        with pytest.raises(PowerCutError):
            download(tool, rig)
        _assert_whole_or_not_loaded(DeviceRig(disk), whole)
    for _ in range(200):  # and at any write to the disk
        disk = Disk(dict(whole.disk.files))
        writes = generator.randrange(8)

        def cut_off(_name: str) -> None:
            nonlocal writes
            writes -= 1
            if writes < 0:
                raise PowerCutError

        disk.before_write = cut_off
        rig = DeviceRig(disk)
        with pytest.raises(PowerCutError):
            download(Tool(rig).connect(), rig)
        disk.before_write = lambda _name: None
        again = DeviceRig(disk)
        _assert_whole_or_not_loaded(again, whole)
        download(Tool(again).connect(), again)
        assert again.model.is_configured, "and the next download is good"


def _cut_off_after(tool: Tool, count: int) -> None:
    ask, left = tool.ask, count

    def until_the_end(apdu: str) -> str | None:
        nonlocal left
        if left == 0:
            raise PowerCutError
        left -= 1
        return ask(apdu)

    tool.ask = until_the_end  # type: ignore[method-assign]


def _assert_whole_or_not_loaded(rig: DeviceRig, whole: DeviceRig) -> None:
    for index, one in rig.model.loadables.items():
        if one.is_loaded:
            assert one.segment.content == whole.model.loadables[index].segment.content
    assert rig.device.individual_address == DEVICE


def test_a_file_that_was_damaged_unloads_its_object(rig: DeviceRig) -> None:
    download(Tool(rig).connect(), rig)
    rig.disk.files["segment-4"] = b"\xff" + rig.disk.files["segment-4"][1:]
    again = DeviceRig(rig.disk)
    assert again.model.loadables[4].state is LoadState.UNLOADED
    assert again.model.loadables[1].is_loaded
    assert not again.model.is_configured


@pytest.mark.parametrize(
    ("index", "content", "error"),
    [(1, "00020a040a03", "0f"), (1, "00090a03", "0d"), (2, "0002" + "00010001", "0d")],
)
def test_a_table_that_cannot_be_right_is_not_taken(
    rig: DeviceRig, index: int, content: str, error: str
) -> None:
    tool = Tool(rig).connect()
    address = CONTENTS[index][0]
    octets = len(content) // 2
    tool.ask(control(index, START))
    tool.ask(control(index, allocation(octets)))
    tool.ask(f"{0x280 + octets:04x}{address:04x}{content}")
    assert tool.ask(control(index, COMPLETED)) == f"03d6{index:02x}05100103"
    assert tool.ask(f"03d5{index:02x}1c1001") == f"03d6{index:02x}1c1001{error}"
    assert tool.ask(control(index, UNLOAD)) == f"03d6{index:02x}05100100"


events = st.sampled_from(
    [
        START,
        COMPLETED,
        UNLOAD,
        allocation(64),
        allocation(64, fill=0),
        allocation(0x10000),
        "03" + "00" * 9,
        "07" + "00" * 9,
        "00" * 10,
    ]
)
EXPECTED = {  # state, event: state; the table of the reference
    (0, "01"): 2, (1, "01"): 2, (2, "02"): 1, (1, "03"): 3, (1, "04"): 0, (2, "04"): 0, (3, "04"): 0,
    **{(state, "07"): 3 for state in range(4)},
}  # fmt: skip


@given(st.lists(st.tuples(st.sampled_from((1, 2, 3, 4, 5)), events), max_size=30))
@settings(deadline=None)
def test_load_events_in_any_order_follow_the_table(asked: list[tuple[int, str]]) -> None:
    rig = DeviceRig()
    tool = Tool(rig).connect()
    for index, event in asked:
        before = rig.model.loadables[index].state
        answer = tool.ask(control(index, event))
        state = rig.model.loadables[index].state
        assert answer == f"03d6{index:02x}051001{int(state):02x}"
        if before is LoadState.LOADING and event[:2] == "03":
            is_room = index != 5 and event[:12] != allocation(0x10000)[:12]
            assert state is (
                LoadState.LOADING if event[2:4] == "0b" and is_room else LoadState.ERROR
            )
        else:
            assert int(state) == EXPECTED.get((int(before), event[:2]), int(before))
        if state is LoadState.UNLOADED:
            assert rig.model.loadables[index].segment.address == 0


# --- tables


def test_the_tables_lead_from_addresses_to_group_objects() -> None:
    links = links_of(CONTENTS[1][1], CONTENTS[2][1], CONTENTS[3][1])
    assert dict(links.addresses) == {1: (0x0A03,), 2: (0x0A04, 0x0A03)}, "the first one is sent to"
    assert set(links.objects) == {1, 2}
    second = links.objects[2]
    assert (second.transmit, second.read, second.write) == (True, True, False)
    assert (links.objects[1].bits, second.bits) == (1, 16)


@pytest.mark.parametrize(
    ("code", "bits"),
    [
        (0, 1),
        (5, 6),
        (7, 8),
        (8, 16),
        (11, 48),
        (14, 112),
        (15, 40),
        (20, 104),
        (21, 120),
        (255, 2016),
    ],
)
def test_sizes_of_group_objects_have_the_codes_of_the_reference(code: int, bits: int) -> None:
    assert bits_of(code) == bits
    assert size_code(bits) == code


# --- frames at random


FRAGMENTS = st.sampled_from(
    [bytes([one]) for one in (0x00, 0x01, 0x02, 0x03, 0x05, 0x38, 0x81, 0xC0, 0xD5, 0xD7, 0xFF)]
)


@given(
    st.lists(
        st.one_of(st.binary(max_size=30), st.lists(FRAGMENTS, max_size=20).map(b"".join)),
        max_size=20,
    )
)
@settings(deadline=None)
def test_no_apdu_brings_the_device_down_or_into_a_half_state(apdus: list[bytes]) -> None:
    rig = DeviceRig()
    tool = Tool(rig).connect()
    for number, apdu in enumerate(apdus):
        if len(apdu) < 2:
            continue
        raw = bytes([apdu[0] & 0b11]) + apdu[1:]
        rig.receive(rig.frame(TDataConnected(number % 16), raw.hex()))
        rig.receive(_broadcast(rig, raw.hex()))
        rig.ask(raw.hex())
        for one in rig.model.loadables.values():
            assert len(one.segment.content) <= one.segment.arena.octets
    assert rig.ask("0300") == "034057b0"
    again = DeviceRig(rig.disk, address=rig.device.individual_address)
    assert [one.state for one in again.model.loadables.values() if one.is_loaded] == [
        one.state for one in rig.model.loadables.values() if one.is_loaded
    ]
    tool.disconnect()


def test_a_second_tool_is_turned_away_while_the_first_one_works(rig: DeviceRig) -> None:
    Tool(rig).connect()
    with pytest.raises(AssertionError):
        Tool(rig, OTHER).connect()
    assert apdu_of(rig.receive(rig.frame(TDataConnected(0), "0300"))[1]).hex() == "034057b0"
