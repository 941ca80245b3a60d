"""The worked examples of the reference (10.1, 10.2, 10.5), octet by octet, as the device hears and says them.

Where our device is another one than that of the examples, the octets are ours: its memory begins elsewhere, an
index is another one, a restart takes 1 s.
"""

import pytest
from xknx.cemi import CEMIFrame, CEMILData, CEMIMessageCode
from xknx.telegram.tpci import TConnect, TDataConnected

from tests.device.test_management_services import COMPLETED, START, UNLOAD, allocation, control
from tests.support.knx_device_rig import DeviceRig, Tool

TABLE = "000500010002000300040005"


@pytest.fixture
def rig() -> DeviceRig:
    return DeviceRig()


@pytest.fixture
def tool(rig: DeviceRig) -> Tool:
    return Tool(rig).connect()


def hear(rig: DeviceRig, frame: str) -> list[str]:
    """Hand the device a cEMI frame; return those that it says."""
    data = CEMIFrame.from_knx(bytes.fromhex(frame)).data
    assert isinstance(data, CEMILData)
    return [indication(one) for one in rig.receive(data)]


def indication(data: CEMILData) -> str:
    return CEMIFrame(code=CEMIMessageCode.L_DATA_IND, data=data).to_knx().hex()


# --- 10.1, APDUs in a connection


def test_an_object_is_loaded_and_unloaded(tool: Tool) -> None:
    assert tool.ask("03d7" + "04051001" + "01000000000000000000") == "03d60405100102"
    assert tool.ask("03d7" + "04051001" + "030b0000010000000000") == "03d60405100102"
    assert tool.ask("03d7" + "04051001" + "030b0000010001000000") == "03d60405100102"
    assert tool.ask("03d5" + "04071001") == "03d6" + "04071001" + "00004000"
    assert tool.ask("03d7" + "04051001" + "02000000000000000000") == "03d60405100101"
    assert tool.ask("03d7" + "04051001" + "04000000000000000000") == "03d60405100100"
    assert tool.ask("03d5" + "04071001") == "03d6" + "04071001" + "00000000"


def test_the_memory_control_block_of_nine_octets(tool: Tool) -> None:
    tool.ask(control(4, START))
    tool.ask(control(4, allocation(9)))
    tool.ask("01fb09004000" + b"123456789".hex())
    tool.ask(control(4, COMPLETED))
    assert tool.ask("03d5" + "041b1001") == "03d6" + "041b1001" + "00000009" + "00ff" + "e5cc"


def test_memory_is_written_and_read(tool: Tool) -> None:
    tool.ask(control(1, START))
    tool.ask(control(1, allocation(12)))
    assert tool.ask("028c" + "a000" + TABLE) is None
    assert tool.ask("020c" + "a000") == "024c" + "a000" + TABLE
    assert tool.ask("0202" + "a000") == "0242" + "a000" + "0005"
    assert tool.ask("01fb" + "02" + "00a000" + "0005") == "01fc" + "00" + "00a000"
    assert tool.ask("01fd" + "02" + "00a000") == "01fe" + "00" + "00a000" + "0005"
    assert tool.ask(control(1, UNLOAD)) == "03d60105100100"


def test_the_device_starts_again(tool: Tool) -> None:
    assert tool.ask("0381" + "0700") == "03a1" + "00" + "0001"
    assert tool.rig.restarts == 1
    tool.connect()
    assert tool.ask("0380") is None
    assert tool.rig.restarts == 2


# --- 10.1, APDUs to all devices


def test_individual_addresses_are_told_and_given(rig: DeviceRig) -> None:
    assert rig.broadcast("0100") == []
    rig.is_programming = True
    assert rig.broadcast("0100") == ["0140"]
    assert rig.broadcast("00c0" + "1106") == []
    assert str(rig.device.individual_address) == "1.1.6"
    assert rig.broadcast("03dc" + "00fa01020304") == ["03dd" + "00fa01020304" + "0000" + "0000"]
    assert rig.broadcast("03de" + "00fa01020304" + "1105" + "00000000") == []
    assert str(rig.device.individual_address) == "1.1.5"


def test_devices_in_programming_mode_say_their_serial_numbers(rig: DeviceRig) -> None:
    assert rig.broadcast("01c8" + "0000" + "00b0" + "01") == []
    rig.is_programming = True
    answer = "01c9" + "0000" + "00b0" + "01" + "00fa01020304"
    assert rig.broadcast("01c8" + "0000" + "00b0" + "01") == [answer]


def test_a_scan_for_group_addresses_finds_those_that_are_used(rig: DeviceRig) -> None:
    tool = Tool(rig).connect()
    tool.ask(control(1, START))
    tool.ask(control(1, allocation(4)))
    tool.ask("01fb" + "04" + "00a000" + "0001" + "0a03")
    tool.ask(control(1, COMPLETED))
    assert rig.broadcast("03da" + "0001" + "17" + "01" + "0a03") == ["03db" + "0001" + "17010a03"]
    assert rig.broadcast("03da" + "0001" + "17" + "01" + "0a04") == []


# --- 10.2, cEMI


def test_a_device_in_programming_mode_answers_all(rig: DeviceRig) -> None:
    rig.is_programming = True
    assert hear(rig, "2900" + "b0e011010000" + "010100") == ["2900" + "b0e011050000" + "010140"]


def test_a_tool_connects_asks_and_goes(rig: DeviceRig) -> None:
    assert hear(rig, "2900" + "b06011011105" + "0080") == []
    assert rig.device.is_connected
    assert hear(rig, "2900" + "b06011011105" + "014300") == [
        "2900" + "b06011051101" + "00c2",
        "2900" + "b06011051101" + "03434057b0",
    ]
    assert hear(rig, "2900" + "b06011011105" + "00c2") == []
    assert hear(rig, "2900" + "b06011011105" + "014f00") == ["2900" + "b06011051101" + "00cf"], (
        "the fourth is not the next one"
    )
    assert hear(rig, "2900" + "b06011011105" + "0081") == []
    assert not rig.device.is_connected


def test_a_second_tool_is_told_to_go(rig: DeviceRig) -> None:
    hear(rig, "2900" + "b06011011105" + "0080")
    assert hear(rig, "2900" + "b06011021105" + "0080") == ["2900" + "b06011051102" + "0081"]


def test_long_requests_and_answers_are_extended_frames(rig: DeviceRig) -> None:
    hear(rig, "2900" + "b06011011105" + "0080")
    octets = bytes(range(20)).hex()
    write = "2900" + "306011011105" + "19" + "41fb" + "14" + "001000" + octets
    assert hear(rig, write) == [
        "2900" + "b06011051101" + "00c2",
        "2900" + "b06011051101" + "05" + "41fc" + "fd" + "001000",
    ], "nobody has allocated it"
    tool = Tool(rig).connect()
    tool.ask(control(4, START))
    tool.ask(control(4, allocation(20)))
    tool.ask("01fb" + "14" + "004000" + octets)
    frames = rig.receive(
        rig.frame(TDataConnected(tool.number), "01fd" + "14" + "004000", source=tool.address)
    )
    said = "41" if tool.number == 0 else f"{0x41 | tool.number << 2:02x}"
    assert indication(frames[1]) == (
        "2900" + "306011051101" + "19" + said + "fe" + "00" + "004000" + octets
    )


def test_each_control_frame_is_read_as_it_is_written(rig: DeviceRig) -> None:
    connect = rig.frame(TConnect())
    assert indication(connect) == "2900" + "b06011011105" + "0080"
