"""The device as ETS has programmed it: what is stored of it, who serves its tools, what it is to do.

While ETS loads it, nothing runs. What ETS has loaded to the end is the configuration; else it is that of the
device's own file.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from knxgw.catalogue.product import Catalogue
from knxgw.config.as_text import text_of_loaded
from knxgw.config.from_ets import configuration_from_ets
from knxgw.config.model import Configuration, GroupObjectLink
from knxgw.device.certificate import certificate_text
from knxgw.device.download import APPLICATION, Stage
from knxgw.device.group_object_links import group_object_links
from knxgw.device.identity import Identity, serial_number_of, serial_text
from knxgw.device.kept_state import last_download, restore
from knxgw.device.knx_device import IndividualAddress, KnxDevice
from knxgw.device.model import DeviceModel, Outside
from knxgw.errors import Finding
from knxgw.links.knx_management import KnxManagement
from knxgw.store import fdsk_file
from knxgw.store.device_id import device_id
from knxgw.store.knx_device_files import KnxDeviceFiles

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the device has around it."""

    directory: Path  # of the state
    catalogue: Catalogue
    executor: Executor  # that writes to the disk
    outside: Outside
    now: Callable[[], datetime | None] = lambda: None  # None: the time is not valid
    learn_key: Callable[[bytes], None] = lambda _key: None  # that no log may show


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What ETS had loaded when that began to hold; nothing of it changes while a tool goes on."""

    parameters: bytes  # memory of the parameters
    links: Mapping[int, GroupObjectLink]  # by number of the group object


class Programmed:
    """One device; in the event loop only, but for what says otherwise."""

    def __init__(self, surroundings: Surroundings, own: Configuration | None) -> None:
        """Restore a device; `own`: what its own file says, None: there is none."""
        self._loop = asyncio.get_running_loop()
        self._executor = surroundings.executor
        self._catalogue = surroundings.catalogue
        self._files = KnxDeviceFiles(surroundings.directory)
        self.own = own  # what the device's own file says, None: there is none
        self.findings: tuple[Finding, ...] = ()  # about what ETS has loaded last
        self.cannot_run = False  # with what ETS has loaded last
        self.made_certificate: str | None = None  # at this start
        model = self._restored(surroundings)
        self.management = KnxManagement(
            KnxDevice(model, chance=random.random, switched_on_at=self._loop.time()),
            self._store,
            self._note_stage,
            last_download(self._files.state()),
            surroundings.now,
        )
        self.management.on_key = surroundings.learn_key
        self._holds = self._loaded_now()
        surroundings.outside.sending_number = lambda: self.management.sending_number
        self._has_other_stage = asyncio.Event()
        self.on_stage: Callable[[Stage], None] = lambda _stage: None  # e.g. for the history

    def take_own_address(self) -> None:
        """Take the individual address of the device's own file, once that holds."""
        if self.own is not None:
            self.model.configure_address(self.own.knx.individual_address)

    @property
    def model(self) -> DeviceModel:
        """Return what the device is."""
        return self.management.device.model

    @property
    def serial_number(self) -> str:
        """Return the serial number as ETS shows it: 00FA:12345678."""
        return serial_text(self.model.identity.serial_number)

    @property
    def address(self) -> IndividualAddress:
        """Return the individual address that was programmed, or configured."""
        return self.management.device.individual_address

    def tunnel_addresses(self, most: int, first: int) -> tuple[IndividualAddress, ...]:
        """Return the addresses of the tunnels, as ETS has given them, else on the line of the device."""
        return self.management.device.tunnel_addresses(most, first)

    @property
    def stage(self) -> Stage:
        """Return what ETS has made of the device."""
        return self.management.download.stage

    def is_fully_loaded_again(self) -> bool:
        """Tell, once, whether ETS has loaded everything after it had unloaded everything.

        What people had commanded before does not hold then. Source: load-management 16.50.
        """
        download = self.management.download
        is_new = self.stage is Stage.LOADED and download.is_full
        download.is_full = False
        return is_new

    async def other_stage(self) -> None:
        """Wait until ETS has made something else of the device."""
        await self._has_other_stage.wait()
        self._has_other_stage.clear()

    def configuration(self) -> Configuration | None:
        """Return the configuration that holds; None: the device is not to do anything."""
        return self._of_stage() if self._holds is None else self._understood(self._holds)

    def loaded_text(self) -> str:
        """Return what ETS has loaded as the text of a configuration file, for people; from any thread.

        "": nothing is loaded, or not to the end.
        """
        holds = self._holds  # the memory itself may be written meanwhile
        return (
            "" if holds is None else text_of_loaded(holds.parameters, holds.links, self._catalogue)
        )

    def _of_stage(self) -> Configuration | None:
        return self.own if self.stage is Stage.UNTOUCHED else None

    def _loaded_now(self) -> Loaded | None:
        """Return what ETS has loaded, None: nothing, or not to the end."""
        if self.stage is not Stage.LOADED:
            return None
        parameters = self.model.loadables[APPLICATION].segment.content
        return Loaded(parameters=parameters, links=group_object_links(self.model))

    def _understood(self, holds: Loaded) -> Configuration | None:
        """Return the configuration that was loaded, None: the device cannot run with it."""
        loaded = configuration_from_ets(holds.parameters, holds.links, self._catalogue, self.own)
        self.findings, self.cannot_run = loaded.findings, loaded.configuration is None
        for finding in loaded.findings:
            log.warning("what ETS has loaded: %s", finding)
        return loaded.configuration

    async def configuration_soon(self) -> Configuration | None:
        """Return the same, without holding up the loop while models are looked up."""
        if self._holds is None:
            return self._of_stage()
        found = await self._loop.run_in_executor(self._executor, self._understood, self._holds)
        return found if self.stage is Stage.LOADED else None  # a tool may have begun again

    def _restored(self, surroundings: Surroundings) -> DeviceModel:
        """Return the device as it was stored, or as it is configured at first."""
        directory = surroundings.directory
        serial_number = serial_number_of(device_id(directory).bytes)
        is_new = not (directory / fdsk_file.FILE_NAME).exists()
        fdsk = fdsk_file.fdsk(directory)
        if is_new and fdsk:
            self.made_certificate = certificate_text(serial_number, fdsk)
        model = DeviceModel(
            self._catalogue.interface_objects,
            Identity(serial_number=serial_number, fdsk=fdsk),
            surroundings.outside,
        )
        state = self._files.state()
        if state and not restore(model, state, self._files.segment):
            log.warning("what ETS has written was damaged: the device has to be programmed again")
        if self.own is not None:
            model.configure_address(self.own.knx.individual_address)
        return model

    async def _store(self, state: bytes, segments: Mapping[int, bytes]) -> None:
        write: Callable[[bytes, Mapping[int, bytes]], None] = self._files.write
        await self._loop.run_in_executor(self._executor, write, state, segments)

    def _note_stage(self, stage: Stage) -> None:
        log.info("the KNX device is %s", stage.value)
        self._holds = self._loaded_now()
        self.cannot_run = False  # until somebody has looked
        self.on_stage(stage)
        self._has_other_stage.set()
