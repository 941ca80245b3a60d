"""Which adapter the settings are of, and who manages it: machines as folders."""

from ipaddress import IPv4Address
from pathlib import Path

import pytest

from knxgw.host.adapters import Adapter, adapters, choose, default_routes, read_default_routes
from knxgw.host.manager import Manager, link_state, manager_of, read_link_state

ROUTES = (
    "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
    "eth1\t00000000\t010200C0\t0003\t0\t0\t2048\t00000000\t0\t0\t0\n"
    "eth0\t000200C0\t00000000\t0001\t0\t0\t1024\t00FFFFFF\t0\t0\t0\n"
    "eth0\t00000000\tFE0200C0\t0003\t0\t0\t1024\t00000000\t0\t0\t0\n"
)
ETH0 = Adapter(name="eth0", index=2, is_wired=True, is_device=True)
ETH1 = Adapter(name="eth1", index=3, is_wired=True, is_device=True)
WLAN0 = Adapter(name="wlan0", index=4, is_wired=False, is_device=True)
CONFIGURED = "ADMIN_STATE=configured\nNETWORK_FILE={}\nDNS=192.0.2.53 192.0.2.54\n"


def write(root: Path, path: str, text: str = "") -> None:
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")


def add(root: Path, name: str, index: int, *signs: str, kind: str = "1") -> None:
    """Give the machine an adapter."""
    folder = f"sys/class/net/{name}"
    write(root, f"{folder}/type", f"{kind}\n")
    write(root, f"{folder}/ifindex", f"{index}\n")
    for sign in signs:
        (root / folder / sign).mkdir()


def test_only_what_can_connect_the_machine_to_its_network_is_an_adapter(tmp_path: Path) -> None:
    add(tmp_path, "eth0", 2, "device")
    add(tmp_path, "wlan0", 4, "device", "wireless")
    add(tmp_path, "lo", 1, kind="772")
    add(tmp_path, "docker0", 5, "bridge")
    add(tmp_path, "veth1", 6, "master")
    add(tmp_path, "wg0", 7, kind="65534")
    add(tmp_path, "tap0", 8, "tun_flags")
    assert adapters(tmp_path) == (ETH0, WLAN0)


def test_the_default_route_with_the_least_metric_comes_first(tmp_path: Path) -> None:
    first, second = default_routes(ROUTES)
    assert (first.adapter, first.gateway) == ("eth0", IPv4Address("192.0.2.254"))
    assert (second.adapter, second.metric) == ("eth1", 2048)
    assert read_default_routes(tmp_path) == ()
    write(tmp_path, "proc/net/route", ROUTES)
    assert read_default_routes(tmp_path) == (first, second)


def test_the_adapter_is_the_one_of_our_file_then_of_the_default_route_then_the_only_wired_one() -> (
    None
):
    both, routes = (ETH0, ETH1), default_routes(ROUTES)
    assert choose(both, routes, "eth1") is ETH1
    assert choose(both, routes, "gone") is ETH0
    assert choose(both, ()) is None, "which one cannot be known"
    assert choose((ETH0, WLAN0), ()) is ETH0
    assert choose((WLAN0,), ()) is None
    assert choose((WLAN0,), default_routes(ROUTES.replace("eth0", "wlan0"))) is WLAN0


@pytest.mark.proves("W40")
@pytest.mark.parametrize(
    ("files", "manager"),
    [
        (
            {
                "run/systemd/netif/links/2": CONFIGURED.format(
                    "/etc/systemd/network/10-knxgw.network"
                )
            },
            Manager.NETWORKD,
        ),
        (
            {
                "run/systemd/netif/links/2": CONFIGURED.format(
                    "/lib/systemd/network/80-wired.network"
                )
            },
            Manager.NETWORKD,
        ),
        (
            {"run/systemd/netif/links/2": CONFIGURED.format("/etc/systemd/network/05-lan.network")},
            Manager.OTHER_FILE,
        ),
        (
            {
                "run/systemd/netif/links/2": CONFIGURED.format(
                    "/run/systemd/network/10-netplan-eth0.network"
                )
            },
            Manager.NETPLAN,
        ),
        (
            {
                "run/systemd/netif/links/2": "ADMIN_STATE=unmanaged\n",
                "run/NetworkManager/devices/2": "",
            },
            Manager.NETWORK_MANAGER,
        ),
        ({"run/network/ifstate": "lo=lo\neth0 eth0\n"}, Manager.IFUPDOWN),
        ({"etc/network/interfaces": "auto lo eth0\niface eth0 inet dhcp\n"}, Manager.IFUPDOWN),
        ({".dockerenv": ""}, Manager.CONTAINER),
        (
            {
                ".dockerenv": "",
                "run/systemd/netif/links/2": CONFIGURED.format("/etc/systemd/network/80-x.network"),
            },
            Manager.NETWORKD,  # of a container with a system of its own
        ),
        ({"run/systemd/netif/links/3": CONFIGURED.format("x")}, Manager.UNKNOWN),
        ({}, Manager.UNKNOWN),
    ],
)
def test_only_what_networkd_manages_is_ours(
    tmp_path: Path, files: dict[str, str], manager: Manager
) -> None:
    for path, text in files.items():
        write(tmp_path, path, text)
    assert manager_of(ETH0, tmp_path) is manager


def test_a_machine_without_an_adapter_has_no_manager(tmp_path: Path) -> None:
    assert manager_of(None, tmp_path) is Manager.UNKNOWN


def test_networkd_says_which_name_servers_hold(tmp_path: Path) -> None:
    assert link_state(CONFIGURED.format("a.network")).name_servers == ("192.0.2.53", "192.0.2.54")
    assert read_link_state(ETH0, tmp_path) is None
