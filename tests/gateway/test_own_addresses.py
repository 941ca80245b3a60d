"""The machine's own addresses, as pages show them."""

from ipaddress import ip_address
from pathlib import Path

import pytest

from knxgw.host import network
from knxgw.host.network import adapter_index, adapter_link, is_of_people, own_addresses
from knxgw.seen_device import SeenDevice
from tests.support.world import World


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


def test_people_look_for_a_device_behind_real_adapters_not_behind_those_of_containers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "ADAPTERS", tmp_path)

    def adapter(name: str, flags: int) -> Path:
        (tmp_path / name).mkdir()
        (tmp_path / name / "flags").write_text(f"{flags:#x}\n")
        return tmp_path / name

    (adapter("eth0", 0x1003) / "device").mkdir()
    adapter("eth0@if7", 0x1003)  # of a container, seen from inside
    adapter("wg0", 0x0091)  # one peer, no multicast
    adapter("ppp0", 0x1091)
    adapter("lo", 0x0009)
    adapter("veth1", 0x1003)
    for bridge, members in (("br0", ("eth0", "veth1")), ("docker0", ("veth1",)), ("virbr0", ())):
        place = adapter(bridge, 0x1003)
        (place / "bridge").mkdir()
        (place / "brif").mkdir()
        for member in members:
            (place / "brif" / member).mkdir()
    everyone = (*(one.name for one in tmp_path.iterdir()), "not told")
    found = {name for name in everyone if is_of_people(name)}
    assert found == {"eth0", "eth0@if7", "veth1", "br0", "not told"}


def test_an_adapter_that_is_gone_has_no_number() -> None:
    assert adapter_index("lo") > 0
    assert adapter_index("not there") == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "gateway.example"])
async def test_a_website_that_answers_at_one_address_only_says_which(
    tmp_path: Path, host: str
) -> None:
    text = f"knx: {{link: none}}\nwebsite: {{listen: '{host}:8080'}}\ncharging_points: []\n"
    async with World(text, tmp_path) as world:
        facts = SeenDevice(world.gateway, (), lambda warnings: warnings).facts()
        assert facts.addresses == (host,)
        assert facts.macs == ()


@pytest.mark.parametrize(("is_own", "source"), [(True, "website"), (False, "file")])
async def test_the_configuration_of_the_device_itself_is_no_file_of_the_host(
    tmp_path: Path,
    is_own: bool,  # noqa: FBT001 - a case of the table
    source: str,
) -> None:
    async with World("knx: {link: none}\ncharging_points: []\n", tmp_path) as world:
        seen = SeenDevice(world.gateway, (), lambda warnings: warnings, lambda: is_own)
        assert seen.facts().configuration_source == source
