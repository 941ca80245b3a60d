"""The security interface object: lines of the reference (10.1), what is kept, and what it says of group objects.

Where our device is another one than that of the examples, the octets are ours: the index of a property, and how many
elements it may have.
"""

import pytest

from knxgw.device.group_object_links import group_object_links
from knxgw.device.secured_groups import secured_groups
from knxgw.device.security import OF_A_DOWNLOAD
from knxgw.knx.frames import Security
from tests.device.test_management_services import COMPLETED, START, UNLOAD, allocation, control
from tests.support.knx_device_rig import FDSK, DeviceRig, Tool

KEY, OTHER_KEY = bytes(range(0x30, 0x40)), bytes(range(0x40, 0x50))


@pytest.fixture
def rig() -> DeviceRig:
    return DeviceRig()


@pytest.fixture
def tool(rig: DeviceRig) -> Tool:
    return Tool(rig, security=Security.TOOL_KEY).connect()


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("01d4001100100504000000000000000000", "01d600110010050000"),  # unload
        ("01d40011001033000001", "01d600110010330000"),  # security mode on
        (f"01ce0011001038010001{KEY.hex()}", "01cf001100103801000100"),
        ("01ce00110010360100000000", "01cf001100103601000000"),  # clear the senders
        ("01ce001100103601000111050040102ea9ce", "01cf001100103601000100"),
        (f"01ce00110010350100010003{KEY.hex()}", "01cf001100103501000100"),
        ("01ce001100103d04000100030003", "01cf001100103d04000100"),
        ("01d200110010" + "3d0000", "01d300110010" + "3d000b" + "00000000" + "91" + "07d0" + "33"),
        ("01d5001100103300" + "00", "01d60011001033" + "000000"),
        ("01d4001100103300" + "0101", "01d60011001033f201"),  # no such service
        ("01d4001100103300" + "0002", "01d60011001033f800"),  # no such mode
        ("01d40011001033", "01d60011001033f8"),
        ("01d5001100103301" + "01", "01d60011001033f201"),
        ("01cc0011001038010001", "01cd0011001038000001"),  # the tool key cannot be read
        ("01cc0011001011010001", "01cd0011001011000001"),
        ("01d5001100100500", "01d600110010050000"),
    ],
)
def test_each_line_of_the_reference_has_its_answer(tool: Tool, asked: str, answer: str) -> None:
    assert tool.ask(asked) == answer


def test_security_mode_is_read_back_as_in_the_reference(tool: Tool) -> None:
    tool.ask("01d40011001033000001")
    assert tool.ask("01d500110010330000") == "01d60011001033000001"
    tool.ask("01d40011001033000000")
    assert tool.ask("01d500110010330000") == "01d60011001033000000"


def test_a_tool_without_the_key_touches_nothing_of_it_even_while_security_mode_is_off(
    rig: DeviceRig,
) -> None:
    plain = Tool(rig).connect()
    before = dict(rig.model.kept)
    for number in (5, 52, 53, 54, 56, 58, 59, 61):
        answer = plain.ask(f"01ce00110010{number:02x}010001" + "01" * 20)
        assert answer == f"01cf00110010{number:02x}010001fc", "access denied"
    assert rig.model.kept == before


def loaded(rig: DeviceRig) -> None:
    """Load two group addresses, with a secured object 1 on the first and a plain object 2 on the second."""
    tool = Tool(rig, security=Security.TOOL_KEY).connect()
    tables = {
        1: "0002" + "0a03" + "0a04",
        2: "0004" + "00010001" + "00020001" + "00010002" + "00020002",
        3: "0002" + "5f07" + "5f07",
        4: "00" * 8,
    }
    for index in tables:
        tool.ask(control(index, UNLOAD))
    tool.ask("01d4001100100504" + "00" * 9)
    for index, content in tables.items():
        tool.ask(control(index, START))
        tool.ask(control(index, allocation(len(content) // 2)))
        where = rig.model.loadables[index].segment.address
        tool.ask(f"01fb{len(content) // 2:02x}{where:06x}{content}")
    tool.ask("01d4001100100501" + "00" * 9)
    tool.ask("01ce001100103601000111050040102ea9ce")
    tool.ask(f"01ce00110010350100010001{KEY.hex()}")
    tool.ask("01ce001100103d0200010300")
    assert tool.ask("01d4001100100502" + "00" * 9) == "01d600110010050001"
    for index in tables:
        tool.ask(control(index, COMPLETED))
    tool.disconnect()


def test_what_was_loaded_says_keys_and_senders_and_survives_a_power_cut(rig: DeviceRig) -> None:
    loaded(rig)
    for one in (rig, DeviceRig(rig.disk)):
        groups = secured_groups(one.model)
        assert groups is not None
        assert dict(groups.keys) == {0x0A03: KEY}
        assert dict(groups.senders) == {0x1105: 0x0040102EA9CE}
        assert KEY.hex() not in repr(groups)


def test_a_group_object_uses_only_addresses_that_are_secured_as_it_is(rig: DeviceRig) -> None:
    loaded(rig)
    links = group_object_links(rig.model)
    assert {number: [str(a) for a in one.addresses] for number, one in links.items()} == {
        1: ["1/2/3"],
        2: ["1/2/4"],
    }


def test_unloading_the_object_forgets_its_keys_and_addresses_are_plain_again(
    rig: DeviceRig,
) -> None:
    loaded(rig)
    tool = Tool(rig, security=Security.TOOL_KEY).connect()
    tool.ask("01d4001100100504" + "00" * 9)
    assert secured_groups(rig.model) is None
    assert {rig.model.kept[name] for name in OF_A_DOWNLOAD} == {b""}
    assert KEY.hex() not in rig.disk.files["state"].decode()
    links = group_object_links(rig.model)
    assert [len(one.addresses) for one in links.values()] == [2, 2]


def test_a_row_of_an_address_that_is_not_there_is_nobodys_key(rig: DeviceRig) -> None:
    loaded(rig)
    tool = Tool(rig, security=Security.TOOL_KEY).connect()
    tool.ask(f"01ce00110010350100020009{OTHER_KEY.hex()}")
    groups = secured_groups(rig.model)
    assert groups is not None
    assert OTHER_KEY not in groups.keys.values()


def test_the_tool_key_is_the_factory_key_until_one_is_written(rig: DeviceRig, tool: Tool) -> None:
    assert rig.model.tool_key == FDSK
    tool.ask(f"01ce0011001038010001{KEY.hex()}")
    assert rig.model.tool_key == KEY
    assert DeviceRig(rig.disk).model.tool_key == KEY


def test_a_master_reset_without_the_address_keeps_the_key_of_the_project(
    rig: DeviceRig, tool: Tool
) -> None:
    tool.ask("01d40011001033000001")
    tool.ask(f"01ce0011001038010001{KEY.hex()}")
    tool.ask("03810700")
    assert (rig.model.is_secure, rig.model.tool_key) == (True, KEY)
    again = Tool(rig, security=Security.TOOL_KEY).connect()
    again.ask("03810200")
    assert (rig.model.is_secure, rig.model.tool_key) == (False, FDSK)
    assert KEY.hex() not in rig.disk.files["state"].decode()
