"""The management services, octet by octet: the requests and answers of the reference."""

import pytest

from knxgw.device.memory import crc16
from knxgw.device.services import EraseCode
from tests.support.knx_device_rig import SERIAL, DeviceRig, Tool

START, COMPLETED, UNLOAD = (f"{event:02x}" + "00" * 9 for event in (1, 2, 4))


def allocation(octets: int, fill: int | None = None) -> str:
    """Return the load control that allocates memory."""
    filled = "0000" if fill is None else f"01{fill:02x}"
    return f"030b{octets:08x}{filled}0000"


def control(index: int, value: str) -> str:
    return f"03d7{index:02x}051001{value}"


@pytest.fixture
def rig() -> DeviceRig:
    return DeviceRig()


@pytest.fixture
def tool(rig: DeviceRig) -> Tool:
    return Tool(rig).connect()


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        ("0300", "034057b0"),
        ("0302", "037f57b0"),
        ("03d500381001", "03d60038100100fe"),
        ("03d500c81001", "03d600c80001"),
        ("03d500381000", "03d6003810000001"),
        ("03d500382001", "03d600380001"),
        ("03d500381002", "03d600380002"),
        ("03d5091d1001", "03d6091d0001"),
        ("03d500531001", "03d60053100157b0"),
        ("03d5000b1001", f"03d6000b1001{SERIAL.hex()}"),
        ("03d5000c1001", "03d6000c100100fa"),
        ("03d500471000", "03d6004710000009"),
        ("03d500479001", "03d600479001000000010002000900030004000b00080011"),
        ("03d800360000"[:10], "03d900360bb3000133"),
        ("03d8000001", "03d900080184000130"),
        ("03d802170000"[:10], "03d9021703090fff3f"),
        ("03d8007f00", "03d9007f0000000000"),
        ("03d8050500", "03d905050180000133"),
        ("02c0024000", "02c1004000"),
        ("03d100ffffffff", "03d200"),
        ("03d10012345678", "03d203"),
        ("02044000", "02404000"),
        ("01fd02004000", "01fefd004000"),
        ("01fb020040000005", "01fcfd004000"),
        ("01fd00004000", "01fef2004000"),
        ("01cc000000100b010001", f"01cd000000100b010001{SERIAL.hex()}"),
        ("01cc0011001035010001", "01cd0011001035000001"),
        ("01ce00000010380100010000", "01cf0000001038010001fb"),
        ("01d200000010360000", "01d30000001036000b00000000b3000133"),
        ("01d200120010360000", "01d3001200103600000000000000000000"),
        ("02c7003300", "02c90033"),
        ("02c8003300", "02c90033"),
        ("01d4001100100504", "01d60011001005fc"),
        ("01d4000100100504", "01d60001001005fe"),
        ("02c70405", "02c90405"),
    ],
)
def test_each_request_has_the_answer_of_the_reference(
    tool: Tool, request_: str, answer: str
) -> None:
    assert tool.ask(request_) == answer


@pytest.mark.parametrize(
    "request_", ["03c001", "01c0", "0080", "0000", "03ff00", "0282", "02824000"]
)
def test_what_is_no_request_of_ours_is_acknowledged_and_has_no_answer(
    tool: Tool, request_: str
) -> None:
    assert tool.ask(request_) is None


def test_without_a_connection_the_answer_is_the_same(rig: DeviceRig) -> None:
    assert rig.ask("0300") == "034057b0"
    assert rig.ask("03d500c81001") == "03d600c80001"


def test_an_answer_that_does_not_fit_says_so(tool: Tool) -> None:
    tool.ask(control(4, START))
    tool.ask(control(4, allocation(0x400)))
    assert tool.ask("01fd" + "fa" + "004000") == "01fef4004000"
    answer = tool.ask("01fd" + "f9" + "004000")
    assert answer is not None
    assert answer.startswith("01fe00004000")
    assert len(bytes.fromhex(answer)) == 255


def test_verify_mode_answers_a_write_with_what_is_there(tool: Tool) -> None:
    tool.ask(control(1, START))
    tool.ask(control(1, allocation(12, fill=0)))
    write = "028ca000" + "000500010002000300040005"
    assert tool.ask(write) is None
    assert tool.ask("03d7000e100104") == "03d6000e100104"
    assert tool.ask(write) == "024ca000" + "000500010002000300040005"
    assert tool.ask("0281b000" + "00") == "0240b000"
    assert tool.ask("020ca000") == "024ca000000500010002000300040005"


def test_a_write_is_done_as_a_whole_or_not_at_all(tool: Tool) -> None:
    tool.ask(control(1, START))
    tool.ask(control(1, allocation(4, fill=0)))
    assert tool.ask("01fb0400a000" + "00010a03") == "01fc0000a000"
    assert tool.ask("01fb0500a000" + "1122334455") == "01fcfd00a000"
    assert tool.ask("01fb0400a001" + "11223344") == "01fcfd00a001"
    assert tool.ask("01fb0300a000" + "1122") == "01fcf200a000"
    assert tool.ask("01fd0400a000") == "01fe0000a00000010a03"


def test_memory_is_written_only_while_its_object_is_loaded(tool: Tool) -> None:
    tool.ask(control(1, START))
    tool.ask(control(1, allocation(4, fill=0)))
    tool.ask(control(1, COMPLETED))
    assert tool.ask("01fb0400a000" + "00010a03") == "01fcf900a000"
    assert tool.ask("0284a000" + "00010a03") is None
    assert tool.ask("01fd0400a000") == "01fe0000a00000000000"


def test_the_memory_control_block_is_there_once_an_object_is_loaded(tool: Tool) -> None:
    assert tool.ask("03d5041b1001") == "03d6041b0001"
    tool.ask(control(4, START))
    assert tool.ask(control(4, allocation(9))) == "03d60405100102"
    tool.ask("0289" + "4000" + b"123456789".hex())
    assert tool.ask("03d5041b1001") == "03d6041b0001"
    assert tool.ask(control(4, COMPLETED)) == "03d60405100101"
    assert tool.ask("03d5041b1001") == "03d6041b1001" + "0000000900ffe5cc"
    assert tool.ask("03d5041b1000") == "03d6041b10000001"
    assert tool.ask("03d504071001") == "03d60407100100004000"


@pytest.mark.parametrize(
    ("content", "check"),
    [
        (b"123456789", 0xE5CC),
        (b"", 0x1D0F),
        (b"\0\5", 0xD465),
        (bytes.fromhex("000500010002000300040005"), 0xC913),
        (bytes(256), 0x42DB),
    ],
)
def test_the_check_sum_is_that_of_ets(content: bytes, check: int) -> None:
    assert crc16(content) == check


# --- restart and master reset


def test_a_restart_has_no_answer_and_ends_connection_and_programming_mode(rig: DeviceRig) -> None:
    rig.is_programming = True
    tool = Tool(rig).connect()
    tool.ask("03d7000e100104")
    assert tool.ask("0380") is None
    assert rig.restarts == 1
    assert not rig.is_programming
    assert not rig.device.is_connected
    assert rig.ask("03d5000e1001") == "03d6000e100100"


@pytest.mark.parametrize(
    ("request_", "answer", "is_done"),
    [
        ("03810100", "03a1000001", True),
        ("03810700", "03a1000001", True),
        ("03810400", "03a1000000", True),
        ("03810000", "03a1020000", False),
        ("03810800", "03a1020000", False),
        ("0381ff00", "03a1020000", False),
        ("03810701", "03a1030000", False),
    ],
)
def test_a_master_reset_is_answered_before_it_happens(
    rig: DeviceRig, request_: str, answer: str, *, is_done: bool
) -> None:
    assert Tool(rig).connect().ask(request_) == answer
    assert rig.restarts == int(is_done)


def loaded(rig: DeviceRig) -> Tool:
    """Load every object with a little of everything; return the tool."""
    tool = Tool(rig).connect()
    tool.ask("03d100ffffffff")
    contents = {4: (0x4000, "0102"), 3: (0x8000, "00011700"), 1: (0xA000, "00010a03")}
    contents[2] = (0xC000, "000100010001")
    for index, (address, content) in contents.items():
        tool.ask(control(index, START))
        tool.ask(control(index, allocation(len(content) // 2)))
        tool.ask(f"{0x0280 + len(content) // 2:04x}{address:04x}{content}")
    tool.ask("03d7040d1001" + "00fa250010")
    for index in contents:
        assert tool.ask(control(index, COMPLETED)) == f"03d6{index:02x}05100101"
    return tool


def states(rig: DeviceRig) -> str:
    return "".join(str(int(rig.model.loadables[index].state)) for index in (1, 2, 3, 4))


@pytest.mark.parametrize(
    ("code", "states_after", "address"),
    [
        (EraseCode.CONFIRMED_RESTART, "1111", "1105"),
        (EraseCode.FACTORY_RESET, "0000", "ffff"),
        (EraseCode.RESET_ADDRESS, "1111", "ffff"),
        (EraseCode.RESET_APPLICATION, "1110", "1105"),
        (EraseCode.RESET_PARAMETERS, "1110", "1105"),
        (EraseCode.RESET_LINKS, "1111", "1105"),
        (EraseCode.FACTORY_RESET_BUT_ADDRESS, "0000", "1105"),
    ],
)
def test_each_erase_code_erases_what_it_is_for(
    code: EraseCode, states_after: str, address: str
) -> None:
    rig = DeviceRig()
    loaded(rig).ask(f"0381{code:02x}00")
    again = DeviceRig(rig.disk)  # also after a power cut
    for one in (rig, again):
        assert states(one) == states_after
        assert f"{one.model.individual_address:04x}" == address
        counter = int.from_bytes(one.model.kept["device.download_counter"], "big")
        assert counter == int(code is not EraseCode.CONFIRMED_RESTART)


def test_a_reset_of_links_empties_the_tables(rig: DeviceRig) -> None:
    loaded(rig).ask("03810600")
    assert rig.ask("03d501171000") == "03d6011710000000"
    assert rig.ask("03d502171000") == "03d6021710000000"


def test_a_reset_of_the_application_in_a_download_lets_it_go_on(rig: DeviceRig) -> None:
    tool = Tool(rig).connect()
    tool.ask(control(4, START))
    tool.ask(control(4, allocation(256)))
    assert tool.ask("03810400") == "03a1000000"
    tool.connect()
    assert tool.ask("03d504051001") == "03d60405100102"
    assert tool.ask("03d504071001") == "03d60407100100004000"
