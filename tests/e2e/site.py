"""The site of the end-to-end tests: real processes in a network namespace they share."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.netns import BusNamespace, Namespace, wait_for_line
from tests.support.talking import TalkingProcess

SITE = """
device: {{name: End to end, time_zone: Europe/Berlin}}
knx: {{{knx}}}
website: {{listen: "127.0.0.1:8080"}}
load_management: {{mode: "off"}}
charging_points:
  - {{number: 1, name: Left, model: keba_p30, connection: {{type: tcp, host: 127.0.0.1, port: 5021, unit: 255}}}}
  - {{number: 2, name: Right, model: alfen_eve, connection: {{type: tcp, host: 127.0.0.1, port: 5022, unit: 1}}}}
group_objects:
  50: [1/1/50]
  51: [1/1/51]
  52: [1/1/52]
  94: [1/1/94]
  95: [1/1/95]
  100: [1/2/50, 1/7/50]
  101: [1/2/51]
  102: [1/2/52]
  103: [1/2/53]
  105: [1/2/55]
  106: [1/2/56]
  110: [1/2/60]
  111: [1/2/61]
  112: [1/2/62]
  116: [1/2/66]
  120: [1/2/70]
  130: [1/2/80]
  144: [1/2/94]
  145: [1/2/95]
"""
COMMAND = [sys.executable, "-m", "knxgw"]
ALFEN_PORT = 5022
ALFEN_SETPOINT = 1210


class Simulator:
    """`knxgw sim` as a process of its own, steered through its standard input."""

    def __init__(self, host: Namespace, site: Path) -> None:
        self._host = host
        self._site = site
        self.start()

    def start(self) -> None:
        """Start it and wait until it listens."""
        self._process = TalkingProcess(self._host, (*COMMAND, "sim", "--site", str(self._site)))
        self._process.line_with("help, quit")

    def say(self, line: str) -> None:
        """Type a line and wait for "ok"."""
        self._process.tell(line)
        self._process.line_with("ok")

    def kill(self) -> None:
        """Take its power away."""
        self._process.kill()


@contextmanager
def running_site(host: BusNamespace, directory: Path, knx: str) -> Iterator[Simulator]:
    """Run simulators and a gateway in a namespace until the block ends."""
    site = directory / "site.yaml"
    site.write_text(SITE.format(knx=knx), encoding="utf-8")
    simulator = Simulator(host, site)
    log = directory / "gateway.log"
    arguments = ["run", "--config", str(site), "--state", str(directory / "state")]
    gateway = host.popen(*COMMAND, *arguments, stdout=log)
    try:
        wait_for_line(log, "ready after", timeout_s=20.0)
        yield simulator
    finally:
        host.stop(gateway)
        simulator.kill()
        text = log.read_text(encoding="utf-8")
        assert "Traceback" not in text, text
        assert " ERROR " not in text, text
