"""What any process sees of a machine's network: machines as folders."""

from ipaddress import IPv4Address
from pathlib import Path

import pytest

from knxgw.host.manager import Manager
from knxgw.host.network_files import FOLDER
from knxgw.host.seen import SeenNetwork, see_network
from tests.host.test_adapters_and_managers import CONFIGURED, ETH0, ROUTES, add, write


@pytest.mark.proves("W40")
def test_with_resolved_the_name_servers_are_those_of_networkd(tmp_path: Path) -> None:
    add(tmp_path, "eth0", 2, "device")
    write(tmp_path, "proc/net/route", ROUTES)
    write(
        tmp_path,
        "run/systemd/netif/links/2",
        CONFIGURED.format(f"/{FOLDER}/10-knxgw.network")
        + "DHCP_LEASE=/run/systemd/netif/leases/2\n",
    )
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/resolv.conf").symlink_to("../run/systemd/resolve/stub-resolv.conf")
    assert see_network(root=tmp_path) == SeenNetwork(
        manager=Manager.NETWORKD,
        adapter=ETH0,
        gateway=IPv4Address("192.0.2.254"),
        name_servers=("192.0.2.53", "192.0.2.54"),
        uses_name_servers=True,
        is_leased=True,
    )


def test_without_resolved_they_are_those_of_the_host(tmp_path: Path) -> None:
    add(tmp_path, "eth0", 2, "device")
    write(
        tmp_path,
        "etc/resolv.conf",
        "# of the host\nsearch example.org\nnameserver 192.0.2.99\nnameserver\n",
    )
    found = see_network(root=tmp_path)
    assert (found.name_servers, found.uses_name_servers) == (("192.0.2.99",), False)
    assert found.gateway is None


def test_a_machine_without_an_adapter_has_nothing_to_see(tmp_path: Path) -> None:
    assert see_network(root=tmp_path) == SeenNetwork(manager=Manager.UNKNOWN)
