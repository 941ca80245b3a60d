"""A gateway that is killed while a tool downloads it, over a tunnel of its own server.

Whatever the moment, each object is loaded with the previous octets or of the download, being loaded, or
unloaded; the individual address is there, and the next download is good.
"""

import asyncio
import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from xknx import XKNX
from xknx.exceptions import XKNXException
from xknx.telegram import IndividualAddress

from knxgw.catalogue.load import catalogue
from knxgw.config.parameter_memory import image_of
from knxgw.device.download import Stage, stage_of
from knxgw.device.identity import Identity
from knxgw.device.kept_state import restore
from knxgw.device.model import DeviceModel, Outside
from knxgw.store.knx_device_files import KnxDeviceFiles
from tests.support.ets_image import texts_of_file
from tests.support.line_tool import tables
from tests.support.processes import Running, free_port
from tests.support.programming_tool import config_of, download
from tests.torture.journal import BrokenStateError

READY_TIMEOUT_S = 30.0
READ_AND_SEND = 0x4F
SITE = """
device: {{name: {name}}}
knx: {{link: none, individual_address: 1.1.20, server_port: {knx}}}
website: {{listen: "127.0.0.1:{web}"}}
load_management: {{mode: "off"}}
charging_points:
  - {{number: 1, model: goe_charger, connection: {{type: tcp, host: 127.0.0.1, port: 1, unit: 1}}}}
group_objects: {{507: [1/1/200]}}
"""


@dataclass(slots=True, kw_only=True)
class Tally:
    """What the kills have met."""

    seed: int
    kills: int = 0
    loaded: int = 0  # the device was loaded as a whole, before or after
    loading: int = 0

    def line(self) -> str:
        """Return all of it on one line."""
        return (
            f"seed {self.seed}: {self.kills} kills in a download, {self.loaded} times the device was "
            f"loaded, {self.loading} times it was being loaded"
        )


class Downloads:
    """One device in a folder, what is downloaded to it, and its end again and again."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.tally = Tally(seed=seed)
        self._dice = random.Random(seed)  # noqa: S311 - no secret
        self._state, self._file = folder / "state", folder / "site.yaml"
        self._log = folder / "gateway.log"
        self._port = free_port()
        text = SITE.format(name="Before", knx=self._port, web=free_port())
        self._file.write_text(text, encoding="utf-8")
        self._contents = [_contents(text, name, sub) for name, sub in (("One", 1), ("Two", 2))]
        self._took_s = 0.0  # a whole download

    def run(self, kills: int, say: Callable[[str], None]) -> None:
        """Kill so often, and look after each. Raises: BrokenStateError."""
        asyncio.run(self._whole(self._contents[0]))
        for number in range(kills):
            asyncio.run(self._killed(self._contents[(number + 1) % 2]))
            self.tally.kills += 1
            self._look()
        asyncio.run(self._whole(self._contents[0]))
        say(self.tally.line())

    async def _whole(self, contents: Mapping[int, bytes]) -> None:
        running = self._started()
        try:
            async with XKNX(connection_config=config_of(f"udp:127.0.0.1:{self._port}")) as xknx:
                began_s = perf_counter()
                await download(xknx, contents)
                self._took_s = perf_counter() - began_s
            await asyncio.sleep(1.0)
        finally:
            running.process.kill()
            running.process.wait()
        if stage_of(self._stored()) is not Stage.LOADED:
            raise BrokenStateError("a whole download is not loaded")

    async def _killed(self, contents: Mapping[int, bytes]) -> None:
        running = self._started()
        xknx = XKNX(connection_config=config_of(f"udp:127.0.0.1:{self._port}"))
        try:
            await xknx.start()
            with suppress(XKNXException, TimeoutError):
                async with asyncio.timeout(self._dice.uniform(0.05, 1.1 * self._took_s)):
                    await download(xknx, contents)
        finally:
            running.process.kill()
            running.process.wait()
            with suppress(XKNXException, TimeoutError):
                async with asyncio.timeout(3.0):
                    await xknx.stop()

    def _started(self) -> Running:
        running = Running(
            self._log, "run", "--config", str(self._file), "--state", str(self._state)
        )
        running.wait_to_say("KNXnet/IP server: listens", READY_TIMEOUT_S)
        return running

    def _stored(self) -> DeviceModel:
        """Return the device as its next start will find it. Raises: BrokenStateError."""
        files = KnxDeviceFiles(self._state)
        model = DeviceModel(
            catalogue().interface_objects, Identity(serial_number=bytes(6)), Outside()
        )
        if not restore(model, files.state(), files.segment):
            raise BrokenStateError("what is stored of the device is damaged")
        return model

    def _look(self) -> None:
        model = self._stored()
        if model.individual_address != IndividualAddress("1.1.20").raw:
            raise BrokenStateError("the individual address is another one")
        for index, one in model.loadables.items():
            wholes = [contents[index] for contents in self._contents if index in contents]
            if one.is_loaded and one.segment.content not in wholes:
                raise BrokenStateError(f"object {index} is loaded with half of a download")
        stage = stage_of(model)
        self.tally.loaded += stage is Stage.LOADED
        self.tally.loading += stage is Stage.LOADING


def _contents(text: str, name: str, sub: int) -> dict[int, bytes]:
    texts = texts_of_file(text) | {"device.name": name}
    linked = {507: (f"2/{sub}/200", READ_AND_SEND, 1)}
    return {4: image_of(texts, catalogue()), **tables(linked)}
