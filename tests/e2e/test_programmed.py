"""A gateway that xknx programs over each way that leads to it, and what it does afterwards, also after a power cut."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from knxgw.catalogue.load import catalogue
from knxgw.config.parameter_memory import image_of
from tests.support.ets_image import texts_of_file
from tests.support.knxd import Knxd
from tests.support.line_tool import tables
from tests.support.netns import BusNamespace, wait_for_line
from tests.support.peers import require_peers

pytestmark = [pytest.mark.peers, pytest.mark.real, pytest.mark.long]
SITE = """
device: {{name: Garage}}
knx: {{link: routing, local_ip: {address}, individual_address: 1.1.20, server_port: {port}}}
website: {{listen: "127.0.0.1:8080"}}
load_management: {{mode: "off"}}
charging_points:
  - {{number: 1, model: goe_charger, connection: {{type: tcp, host: 127.0.0.1, port: 5020, unit: 1}}}}
group_objects: {{507: [1/1/200]}}
"""
TOOL = (sys.executable, "-m", "tests.support.programming_tool")
READ_AND_SEND = 0x4F  # transmit, read, communication; low priority
DOWNLOAD_S = 120.0
WAYS = ("routing:{address}", "udp:{address}:{port}", "tcp:{address}:{port}", "udp:{address}:3671")
OWN_PORT = 3672  # knxd has the usual one


@pytest.fixture
def host() -> Iterator[BusNamespace]:
    require_peers("knxd")
    with BusNamespace() as namespace:
        yield namespace


def test_xknx_programs_the_gateway_over_every_way_and_a_power_cut_changes_nothing(
    host: BusNamespace, tmp_path: Path
) -> None:
    site = tmp_path / "site.yaml"
    text = SITE.format(address=host.address, port=OWN_PORT)
    site.write_text(text, encoding="utf-8")
    state, log = tmp_path / "state", tmp_path / "gateway.log"
    run = (sys.executable, "-m", "knxgw", "run", "--config", str(site), "--state", str(state))
    with Knxd(host, tmp_path):
        for number, way in enumerate(WAYS, 1):
            gateway = host.popen(*run, stdout=log)
            wait_for_line(log, "KNXnet/IP server: listens", 30.0)
            address = f"2/{number}/200"
            contents = {
                4: image_of(texts_of_file(text), catalogue()),
                **tables({507: (address, READ_AND_SEND, 1)}),
            }
            file = tmp_path / "contents.json"
            file.write_text(json.dumps({k: v.hex() for k, v in contents.items()}), "ascii")
            at = way.format(address=host.address, port=OWN_PORT)
            done = host.run(*TOOL, at, str(file), "1/1/200", address, timeout_s=DOWNLOAD_S)
            assert done.returncode == 0, (way, done.stdout, done.stderr, log.read_text())
            said = done.stdout.splitlines()
            assert said[-2].endswith("1/1/200: None"), said
            assert not said[-1].endswith("None"), said
            # the power goes, and comes again
            gateway.kill()
            gateway.wait()
            log.unlink()
            gateway = host.popen(*run, stdout=log)
            wait_for_line(log, "KNXnet/IP server: listens", 30.0)
            file.write_text("{}", "ascii")
            read = host.run(*TOOL, at, str(file), address, timeout_s=30.0)
            assert not read.stdout.rstrip().endswith("None"), (way, read.stdout, log.read_text())
            host.stop(gateway)
            log.unlink()
