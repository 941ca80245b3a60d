"""KNX IP Secure as ETS sets it: properties 79 and 91 to 97 of the KNXnet/IP parameter object."""

import pytest
from xknx.telegram.address import IndividualAddress

from knxgw.device.ip_secure import ADDRESSES as WRITTEN
from knxgw.device.ip_secure import NOTHING_WRITTEN, ip_security
from knxgw.knx.frames import Security
from tests.support.knx_device_rig import DeviceRig, Tool

ADDRESSES = tuple(IndividualAddress(f"1.1.{number}") for number in (241, 242, 243))
MANAGER, USER = "11" * 16, "22" * 16


@pytest.fixture
def rig() -> DeviceRig:
    return DeviceRig()


def tool_of(rig: DeviceRig) -> Tool:
    return Tool(rig, security=Security.TOOL_KEY).connect()


def test_nothing_is_secured_before_ets_says_so() -> None:
    found = ip_security({**NOTHING_WRITTEN, WRITTEN: b""}, ADDRESSES)
    assert (found.users, found.tunnels, found.secured_families) == ({}, {}, frozenset())


def test_what_ets_writes_says_users_tunnels_and_families_and_survives_a_power_cut(
    rig: DeviceRig,
) -> None:
    tool = tool_of(rig)
    for asked, code in (
        (f"01ce000b00105c010001{'33' * 16}", "00"),
        (f"01ce000b00105d030001{MANAGER}{USER}{'00' * 16}", "00"),  # user 3 has no password
        ("01ce000b001061030001020103020401", "00"),  # users 2, 3 and 4, places 1, 2 and 1
        ("01ce000b00104f0200010203", "00"),  # place 1 is the second, place 2 the third tunnel
    ):
        answer = tool.ask(asked)
        assert answer is not None
        assert answer.endswith(code), answer
    for family in ("03", "04"):
        assert tool.ask(f"01d4000b00105e0000{family}01") == f"01d6000b00105e0000{family}"
    assert tool.ask("01d5000b00105e000004") == "01d6000b00105e00000401"
    assert tool.ask("01d5000b00105e000005") == "01d6000b00105e00000500"
    for one in (rig, DeviceRig(rig.disk)):
        found = ip_security(one.model.kept, ADDRESSES)
        assert found.device_code.hex() == "33" * 16
        assert {user: code.hex() for user, code in found.users.items()} == {1: MANAGER, 2: USER}
        assert found.tunnels == {
            2: {ADDRESSES[1]},
            3: {ADDRESSES[2]},
            4: {ADDRESSES[1]},
        }
        assert found.secured_families == {3, 4}
        assert MANAGER not in repr(found)


def test_without_places_a_user_has_the_tunnel_of_that_number(rig: DeviceRig) -> None:
    tool_of(rig).ask("01ce000b0010610200010201" + "0309")
    assert ip_security(rig.model.kept, ADDRESSES).tunnels == {2: {ADDRESSES[0]}}


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("01d4000b00105e00", "01d6000b00105ef8"),
        ("01d4000b00105e00000101", "01d6000b00105ef8"),  # there is no family 1
        ("01d4000b00105e00010401", "01d6000b00105ef201"),  # nor another service
        ("01d5000b00105e000104", "01d6000b00105ef201"),
        ("01d5000b00105e0000", "01d6000b00105ef8"),
    ],
)
def test_a_command_that_cannot_be_is_refused(rig: DeviceRig, asked: str, answer: str) -> None:
    assert tool_of(rig).ask(asked) == answer


def test_a_family_is_served_plain_again(rig: DeviceRig) -> None:
    tool = tool_of(rig)
    for version in ("01", "00"):
        tool.ask(f"01d4000b00105e000004{version}")
    assert ip_security(rig.model.kept, ADDRESSES).secured_families == frozenset()


def test_hashes_and_keys_cannot_be_read(rig: DeviceRig) -> None:
    tool = tool_of(rig)
    tool.ask(f"01ce000b00105d010001{MANAGER}")
    for number in (91, 92, 93):
        assert tool.ask(f"01cc000b0010{number:02x}010001") == f"01cd000b0010{number:02x}000001"


def test_places_count_the_addresses_that_ets_has_written_also_those_that_are_none(
    rig: DeviceRig,
) -> None:
    rig.model.keep(WRITTEN, bytes.fromhex("ffff11f211f3"))
    rig.model.keep("ip_parameter.tunnelling_users", bytes((2, 2, 3, 3, 4, 1)))
    assert ip_security(rig.model.kept, ADDRESSES).tunnels == {
        2: {ADDRESSES[1]},
        3: {ADDRESSES[2]},
    }
