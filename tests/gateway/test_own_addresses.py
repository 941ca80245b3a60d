"""The machine's own addresses, as pages show them."""

from ipaddress import ip_address
from pathlib import Path

import pytest

from knxgw.host import network
from knxgw.host.network import adapter_link, own_addresses


def test_only_addresses_that_others_can_reach_are_told() -> None:
    for one in own_addresses():
        address = ip_address(one.address)
        assert not address.is_loopback
        assert not address.is_link_local
        assert one.mac == "" or len(one.mac.split(":")) >= 6


def test_how_an_adapter_is_connected_is_what_the_system_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "ADAPTERS", tmp_path)
    for name, state, speed in (
        ("eth0", "up", "1000"),
        ("eth1", "down", "-1"),
        ("veth", "unknown", ""),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "operstate").write_text(f"{state}\n")
        if speed:
            (tmp_path / name / "speed").write_text(f"{speed}\n")
    assert adapter_link("eth0") == ("eth0", True, 1000)
    assert adapter_link("eth1") == ("eth1", False, None)
    assert adapter_link("veth") == ("veth", True, None)
    assert adapter_link("gone") is None
