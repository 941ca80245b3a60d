"""A gateway of one test module, with simulated chargers: it may be killed, started again and given commands."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

from bench.interruption import SiteThread
from knxgw.charging.scope import PointNumber
from knxgw.sim.charger import SimulatedCharger
from tests.browser.site import DemoSite, cookie_of
from tests.support.processes import Running, free_port, gateway, health, process
from tests.support.visitor import PASSWORD, Visitor
from tests.support.waiting import wait_until

SITE = """
device: {{name: Own garage, time_zone: Europe/Berlin}}
knx: {{link: none, individual_address: 1.1.20, server_port: {knx}}}
website: {{listen: "127.0.0.1:{web}"}}
load_management: {{mode: "off"}}
charging_points:
  - {{number: 1, name: One, model: goe_charger, connection: {{type: tcp, host: 127.0.0.1, port: {port}, unit: 1}}}}
"""


class Device:
    """The gateway, its chargers, and a log-in of its owner."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._port = free_port()
        self._knx_port = free_port()
        self.text = SITE.format(web=self._port, port=free_port(), knx=self._knx_port)
        self._file = folder / "site.yaml"
        self._file.write_text(self.text, encoding="utf-8")
        self._chargers = SiteThread(self.text)
        self._process = ExitStack()
        self.running: Running
        self.session = ""

    @classmethod
    @contextmanager
    def running_in(cls, folder: Path) -> Iterator[Self]:
        """Give a device with a vehicle that charges, for the length of a block."""
        found = cls(folder)
        try:
            found._chargers.plug_everywhere()
            found.start()
            visitor = Visitor(found._port)
            visitor.first_log_in(folder / "state")
            name = cookie_of(f"http://127.0.0.1:{found._port}")
            (found.session,) = [one.value or "" for one in visitor.cookies if one.name == name]
            yield found
        finally:
            found._process.close()
            found._chargers.stop()

    def start(self) -> None:
        """Start the gateway and wait until it is ready."""
        self.running = self._process.enter_context(gateway(self._file, self.folder / "state"))
        wait_until(lambda: health(self._port) == 200, 30.0, lambda: self.running.said)

    def end(self, number: signal.Signals) -> None:
        """End the gateway by a signal."""
        self.running.end(number, 10.0)

    @property
    def site(self) -> DemoSite:
        """Return where it answers."""
        return DemoSite(f"http://127.0.0.1:{self._port}", PASSWORD, self.running)

    @contextmanager
    def knx_tool(self, *arguments: str) -> Iterator[Running]:
        """Give a KNX tool that does something with the device, as a process; it ends with the block."""
        way = ("--way", f"udp:127.0.0.1:{self._knx_port}")
        output = self.folder / "tool.log"
        with process(output, *way, *arguments, module="tools.knx_tool") as tool:
            yield tool

    @contextmanager
    def loading(self, text: str) -> Iterator[Running]:
        """Give a KNX tool that loads a configuration, as ETS would."""
        file = self.folder / "loaded.yaml"
        file.write_text(text, encoding="utf-8")
        with self.knx_tool("load", str(file)) as tool:
            yield tool

    def charger(self, number: int) -> SimulatedCharger:
        """Return a simulated charger."""
        return self._chargers.site.chargers[PointNumber(number)]
