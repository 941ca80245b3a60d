"""A device that a project takes with its certificate, in processes: command, gateway, and xknx as the tool."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import Running, free_port, gateway

pytestmark = [pytest.mark.real, pytest.mark.long]
SITE = """
device: {{name: Garage}}
knx: {{link: none, individual_address: 1.1.20, server_port: {knx}}}
website: {{listen: "127.0.0.1:{web}"}}
load_management: {{mode: "off"}}
charging_points:
  - {{number: 1, model: goe_charger, connection: {{type: tcp, host: 127.0.0.1, port: {port}, unit: 1}}}}
group_objects: {{507: [1/1/200]}}
"""


class Taken:
    """The gateway, and a tool."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.state = folder, folder / "state"
        self.knx_port = free_port()
        self.site = folder / "site.yaml"
        text = SITE.format(knx=self.knx_port, web=free_port(), port=free_port())
        self.site.write_text(text, encoding="utf-8")
        self.loaded = folder / "loaded.yaml"
        self.loaded.write_text(text.replace("Garage", "Yard"), encoding="utf-8")

    def tool(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the KNX tool."""
        way = ("--way", f"udp:127.0.0.1:{self.knx_port}")
        command = (sys.executable, "-m", "tools.knx_tool", *way, *arguments)
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    def certificate(self) -> Path:
        """Return a file with what the command prints."""
        command = (sys.executable, "-m", "knxgw", "device-certificate", "--state", str(self.state))
        shown = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        file = self.folder / "certificate.txt"
        file.write_text(shown.stdout, encoding="utf-8")
        return file


@pytest.fixture
def taken(tmp_path: Path) -> Taken:
    return Taken(tmp_path)


def listening(running: Running) -> None:
    running.wait_to_say("KNXnet/IP server: listens")


def test_a_project_takes_the_device_loads_it_and_a_reset_gives_it_back(taken: Taken) -> None:
    key = taken.folder / "project.key"
    with gateway(taken.site, taken.state) as running:
        listening(running)
        certificate = taken.certificate()
        done = taken.tool("--certificate", str(certificate), "take", "1.1.30", str(key))
        assert done.returncode == 0, (done.stderr, running.said)
        plain = taken.tool("--device", "1.1.30", "load", str(taken.loaded))
        assert plain.returncode != 0
        old_key = ("--certificate", str(certificate), "--device", "1.1.30")
        assert taken.tool(*old_key, "unload").returncode != 0
        done = taken.tool("--key", str(key), "--device", "1.1.30", "load", str(taken.loaded))
        assert done.returncode == 0, (done.stderr, running.said)
        running.wait_to_say("the KNX device is loaded by ETS", 20.0)
        running.end(signal.SIGKILL, 10.0)
        said = running.said
    with gateway(taken.site, taken.state) as running:  # after a power cut
        listening(running)
        plain = taken.tool("--device", "1.1.30", "reset")
        assert plain.returncode != 0
        done = taken.tool("--key", str(key), "--device", "1.1.30", "reset")
        assert done.returncode == 0, (done.stderr, running.said)
        running.wait_to_say("the KNX device is not loaded by ETS", 40.0)
        again = taken.tool("--certificate", str(certificate), "take", "1.1.31", str(key))
        assert again.returncode == 0, (again.stderr, running.said)
        said += running.said
    fdsk = (taken.state / "knxgw.fdsk").read_text().strip()
    (line,) = [
        one for one in certificate.read_text().splitlines() if one.startswith("device certificate")
    ]
    text = line.split()[-1]
    for secret in (fdsk, fdsk.upper(), text, text.replace("-", ""), key.read_text().strip()):
        assert secret not in said
