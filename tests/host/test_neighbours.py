"""The kernel's table says whether another machine of the network is there."""

from ipaddress import IPv4Address
from pathlib import Path

import pytest

from knxgw.host.neighbours import is_there, knock

TABLE = """IP address       HW type     Flags       HW address            Mask     Device
192.168.1.1      0x1         0x2         aa:bb:cc:dd:ee:ff     *        eth0
192.168.1.9      0x1         0x0         00:00:00:00:00:00     *        eth0
192.168.1.10     0x1         what        00:00:00:00:00:00     *        eth0
cut off
"""


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.168.1.1", True),
        ("192.168.1.9", False),
        ("192.168.1.10", False),
        ("192.168.1.2", False),
    ],
)
def test_who_has_a_hardware_address_is_there(
    tmp_path: Path, address: str, *, expected: bool
) -> None:
    (tmp_path / "proc/net").mkdir(parents=True)
    (tmp_path / "proc/net/arp").write_text(TABLE)
    assert is_there(IPv4Address(address), tmp_path) is expected


def test_without_a_table_nobody_is_there(tmp_path: Path) -> None:
    assert not is_there(IPv4Address("192.168.1.1"), tmp_path)


def test_a_knock_needs_no_rights_and_no_answer() -> None:
    knock(IPv4Address("127.0.0.1"))
