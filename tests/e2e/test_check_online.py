"""`knxgw check --online` beside a KNX installation of others: knxd with its tunnels, xknx on secure routing."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.keyring import Backbone, KeyringData, write_keyring
from tests.support.knxd import Knxd
from tests.support.netns import BusNamespace, wait_for_line
from tests.support.peers import require_peers
from tests.support.talking import TalkingProcess

pytestmark = [pytest.mark.peers, pytest.mark.real]

SITE = """
device: {{name: Test}}
knx: {{{knx}}}
website: {{listen: "127.0.0.1:8080"}}
load_management:
  mode: dynamic
  fuse_a: 50
  smart_meter: {{source: knx, phases: 3, dpt: "14.019", interval_s: 5}}
charging_points:
  - {{number: 1, model: goe_charger, connection: {{type: tcp, host: 127.0.0.1, port: 5020, unit: 1}}}}
group_objects: {{10: [1/0/1], 11: [1/0/2], 12: [1/0/3]}}
"""
METER = (sys.executable, "-m", "bench.knx_latency", "responder", "--address")
VALUES = "1/0/1=7.5,1/0/2=8.5,1/0/3=9.5"
RECORDER = (sys.executable, "-m", "tests.support.bus_recorder")
ROUTING_TOOL = (sys.executable, "-m", "tests.support.routing_tool")
KEY, OTHER_KEY = bytes(range(40, 56)), bytes(range(60, 76))
GROUP = "224.0.23.12"
PASSWORD = "a word for keyrings"  # noqa: S105 - made up here


class Said(NamedTuple):
    """What the command said."""

    findings: str
    progress: str
    code: int


@pytest.fixture
def host() -> Iterator[BusNamespace]:
    require_peers("knxd")
    with BusNamespace() as namespace:
        yield namespace


def check(host: BusNamespace, folder: Path, knx: str) -> Said:
    """Check a site on the network of a namespace."""
    file = folder / "site.yaml"
    file.write_text(SITE.format(knx=f"{knx}, local_ip: {host.address}"), encoding="utf-8")
    command = (sys.executable, "-m", "knxgw", "check", "--online", str(file))
    done = host.run(*command, timeout_s=60)
    assert "Traceback" not in done.stderr, done.stderr
    return Said(done.stdout, done.stderr, done.returncode)


def tunnel(knxd: Knxd, kind: str = "tunnelling") -> str:
    return f'link: {kind}, gateway: "{knxd.gateway}"'


@contextmanager
def meter(host: BusNamespace, folder: Path, *way: str) -> Iterator[None]:
    """Let somebody answer reads of the smart meter."""
    log = folder / "meter.log"
    process = host.popen(*METER, VALUES, "--local-ip", host.address, *way, stdout=log)
    try:
        wait_for_line(log, "ready")
        yield
    finally:
        host.stop(process)


@pytest.mark.long
def test_a_free_tunnel_of_knxd_is_used_and_given_back(host: BusNamespace, tmp_path: Path) -> None:
    with (
        Knxd(host, tmp_path, routing=True, client_addresses="1.1.240:1") as knxd,
        meter(host, tmp_path, "--routing"),
    ):
        for _ in range(2):  # there is one tunnel: the first check has given it back
            said = check(host, tmp_path, tunnel(knxd))
            assert "KNX connection: connected with the individual address 1.1.240" in said.progress
            assert "smart meter on KNX: measures L1" in said.progress
            assert "warning: knx" not in said.findings, said.findings
            assert said.code == 0


@pytest.mark.long
def test_knxd_whose_tunnels_are_taken_is_said_so(host: BusNamespace, tmp_path: Path) -> None:
    with Knxd(host, tmp_path, routing=False, client_addresses="1.1.240:2") as knxd:
        clients = []
        for number in range(2):
            output = tmp_path / f"bus-{number}.jsonl"
            way = ("--gateway", knxd.gateway, "--local-ip", host.address, "--output", str(output))
            clients.append(host.popen(*RECORDER, *way, stdout=tmp_path / "clients.log"))
            wait_for_line(output, "ready")
        said = check(host, tmp_path, tunnel(knxd))
        assert f"all tunnels of {knxd.gateway} are taken" in said.findings
        assert "smart meter on KNX: not looked at, there is no KNX connection" in said.findings
        host.stop(clients.pop())  # it says that it leaves
        said = check(host, tmp_path, tunnel(knxd))
        assert "connected with the individual address 1.1.24" in said.progress
        host.stop(*clients)


@pytest.mark.long
def test_a_tunnel_that_is_not_the_wanted_one_is_a_note(host: BusNamespace, tmp_path: Path) -> None:
    with Knxd(host, tmp_path, routing=False, client_addresses="1.1.240:1") as knxd:
        said = check(host, tmp_path, f"{tunnel(knxd)}, individual_address: 1.1.77")
        assert (
            "note: knx.individual_address: the interface gives us the tunnel 1.1.240, not 1.1.77"
            in said.findings
        )
        said = check(host, tmp_path, f"{tunnel(knxd)}, individual_address: 1.1.240")
        assert "individual_address" not in said.findings


@pytest.mark.long
def test_knxd_has_no_tunnels_over_tcp(host: BusNamespace, tmp_path: Path) -> None:
    with Knxd(host, tmp_path, routing=False) as knxd:
        said = check(host, tmp_path, tunnel(knxd, "tunnelling_tcp"))
        assert "labknxd has no tunnels over TCP; choose the tunnel over UDP" in said.findings
        gateway = knxd.gateway
    said = check(host, tmp_path, f'link: tunnelling, gateway: "{gateway}"')
    assert f"no KNX IP interface answers at {gateway}" in said.findings


@pytest.mark.long
def test_knxd_as_a_router_is_found_also_from_another_group(
    host: BusNamespace, tmp_path: Path
) -> None:
    with Knxd(host, tmp_path, routing=True), meter(host, tmp_path, "--routing"):
        routing = "link: routing, individual_address: 1.1.20"
        said = check(host, tmp_path, routing)
        assert "connected with the individual address 1.1.20" in said.progress
        assert "measures L1" in said.progress
        assert "warning: knx" not in said.findings, said.findings
        said = check(host, tmp_path, f"{routing}, multicast_group: 239.1.2.3")
        assert f"the KNX IP router labknxd uses the multicast group {GROUP}" in said.findings
        assert "no values have come" in said.progress


def keyring(folder: Path, key: bytes) -> Path:
    """Write a keyring of a secured backbone, with its password beside it."""
    folder.mkdir()
    data = KeyringData(backbone=Backbone(key=key, multicast_address=GROUP, latency_ms=500))
    ring = write_keyring(folder / "house.knxkeys", data, PASSWORD)
    (folder / "password").write_text(PASSWORD, encoding="utf-8")
    for private in (ring, folder / "password"):
        private.chmod(0o600)
    return ring


@pytest.mark.long
@pytest.mark.parametrize("fits", [True, False], ids=["fits", "of another project"])
def test_a_keyring_for_secured_routing(host: BusNamespace, tmp_path: Path, *, fits: bool) -> None:
    theirs = keyring(tmp_path / "theirs", KEY)
    ours = keyring(tmp_path / "ours", KEY if fits else OTHER_KEY)
    way = ("--local-ip", host.address, "--keyring", str(theirs), "--every", "0.5", "1/0/1")
    peer = TalkingProcess(host, (*ROUTING_TOOL, *way))
    try:
        peer.line_with("ready")
        said = check(
            host,
            tmp_path,
            f"link: routing, individual_address: 1.1.20, keyring: {ours}, "
            f"keyring_password_file: {ours.with_name('password')}",
        )
    finally:
        peer.kill()
    assert "connected with the individual address 1.1.20" in said.progress
    if fits:
        assert "measures L1" in said.progress
        assert "does not open" not in said.findings
    else:
        assert "no values have come" in said.progress
        assert "telegrams come that the keyring does not open" in said.findings
    for secret in (PASSWORD, KEY.hex(), OTHER_KEY.hex()):
        assert secret not in said.findings + said.progress
