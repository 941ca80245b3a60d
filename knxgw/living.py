"""A device that lives, with its website: puts the gateway, the accounts and the pages together."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from knxgw.announcement import Announcement
from knxgw.appliance_test import Appliance
from knxgw.catalogue.load import catalogue
from knxgw.commissioning import KeptCharges, SettingUp
from knxgw.config.model import Configuration, PanelSettings
from knxgw.device.download import Stage
from knxgw.errors import Finding
from knxgw.factory_reset import FactoryReset
from knxgw.firmware import panel_text
from knxgw.firmware.boot_disk import BootDisk
from knxgw.firmware.notify import ALIVE, READY, tell
from knxgw.gateway import KEEP_LINK, Gateway, World
from knxgw.host.clock import system_clock
from knxgw.host.gpio_panel import GpioPanel
from knxgw.host.panel_environment import of_machine, panel_settings, words_of
from knxgw.host.service import ServiceManager, answers_health, tell_health
from knxgw.ip_by_tools import IpByTools
from knxgw.judgement import Prepared
from knxgw.kept_drafts import KeptDrafts
from knxgw.knx_server import KnxServer
from knxgw.links.modbus_buses import ModbusBuses
from knxgw.machine import Machine
from knxgw.monitoring.log_ring import LogRecorder
from knxgw.monitoring.self_test import Row, of_certificate
from knxgw.monitoring.test_charge_record import recalled
from knxgw.page_functions import control_of, diagnostics_of, reach_of
from knxgw.pressed_button import PressedButton
from knxgw.seen_device import SeenDevice
from knxgw.served_website import ServedWebsite, renew_in_time
from knxgw.service import Service
from knxgw.store.certificate_files import CertificateFiles
from knxgw.store.database import Database
from knxgw.store.kept_file import FIRST_CHARGES, UNAPPLIED, KeptFile
from knxgw.store.runs import RunEnding
from knxgw.trial_reads import TrialReads
from knxgw.updating import Surroundings, Updating, update_settings
from knxgw.website.access.accounts import Accounts
from knxgw.website.answered import without_doubts
from knxgw.website.bridge import Bridge, DeviceControl, MachineControl, Setup
from knxgw.website.encryption import Encryption
from knxgw.website.names import certificate_names

log = logging.getLogger(__name__)
RESET_LOOK_S = 2.0
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """What is stored, and the one thread that writes it; it outlives a configuration."""

    database: Database
    executor: Executor
    log: LogRecorder  # what was logged since it was opened


@contextmanager
def open_store(directory: Path) -> Iterator[Store]:
    """Open the state of a directory for the length of a block. Raises: GatewayError."""
    database = Database(directory)
    executor = ThreadPoolExecutor(1, "store")
    recorder = LogRecorder()
    recorder.begin()
    try:
        yield Store(database=database, executor=executor, log=recorder)
    finally:
        recorder.end()
        executor.shutdown(wait=False)
        database.close()


class Living:
    """A device that lives, and its website; both take another configuration while they do.

    What it owns: the `gateway`; the `accounts` of the website, its `encryption` and the `drafts` that people have begun; the
    `machine` that they run on; and beside them what serves tools, tells the network of the device, and updates it. The
    pages get none of these, only a `Bridge` of functions. Everything that runs is a task of one group, until `end`.
    """

    def __init__(
        self,
        prepared: Prepared,
        store: Store,
        group: asyncio.TaskGroup,
        device: DeviceControl,
        panel: GpioPanel,
    ) -> None:
        """Put the parts together, each after those that it asks, and start them.

        `device`: what pages may do to it.
        """
        self._prepared, self._store, self._group, self._panel = prepared, store, group, panel
        self._manager = ServiceManager.of(os.environ)
        self._firmware = BootDisk(store.database.directory, None)
        self.encryption = self._new_encryption()
        self.gateway = Gateway(prepared.configuration, catalogue(), self._world())
        self.accounts = self._new_accounts(device)
        unapplied = KeptFile(store.database.directory, UNAPPLIED)
        self.drafts = KeptDrafts(unapplied, store.executor)
        self._updating = self._new_updating(device)
        self._announcement = self._new_announcement()
        self.machine = Machine(
            store.database.directory,
            lambda: self.gateway.configuration,
            self.accounts.note_of_host,
            on_moved=self.encryption.renew_if_due,  # its certificate names the addresses
        )
        self._trials = TrialReads(
            lambda: _buses_of(self.gateway), group, refuses=device.surroundings.refuses
        )
        self._seen = SeenDevice(
            self.gateway,
            prepared.warnings,
            self._still_hold,
            is_own=lambda: device.configuring.has_file and not device.configuring.place(),
        )
        self.knx_server = KnxServer(
            self.gateway,
            lambda: prepared.listener.address.host,
            is_ip_settable=lambda: self.machine.is_settable,
        )
        bridge = self._bridge(device)
        # from here on it lives: charging first, then what people see, then the rest
        self._running = [
            self._task("gateway", self.gateway.run()),
            self._task("front panel", panel.run(self.gateway.leds)),
        ]
        self._website = ServedWebsite(bridge, prepared.listener, group)
        self._running += self._background(device)
        if self._manager.slot:
            self._take_panel(prepared.configuration)

    # --- the parts

    def _world(self) -> World:
        """Return what the gateway gets from outside."""
        return World(
            link=self._prepared.link,
            database=self._store.database,
            executor=self._store.executor,
            log=self._store.log,
            update_failed=bool(self._manager.slot) and self._firmware.load().has_returned,
            contact=self._panel,
        )

    def _new_encryption(self) -> Encryption:
        """Return the encryption of the website, with the certificate that was judged at the start."""
        encryption = Encryption(
            CertificateFiles(self._store.database.directory),
            names=lambda: certificate_names(self.gateway.configuration),
            now=system_clock,
            on_change=self._encrypt_soon,
        )
        encryption.take(self._prepared.certificate)
        return encryption

    def _encrypt_soon(self) -> None:
        self._website.encrypt_soon()  # it is there once somebody can ask for that

    def _new_accounts(self, device: DeviceControl) -> Accounts:
        """Return the accounts: the button at the device may restore them, and no log shows their password."""
        accounts = Accounts(
            self.gateway.account_store,
            self._store.database.directory,
            now=self.gateway.valid_now,
            now_s=asyncio.get_running_loop().time,
        )
        panel = self.gateway.panel
        panel.on_outcome = PressedButton(panel, accounts, device, self._group).carry_out
        self.gateway.programmed.on_stage = partial(_note_stage, accounts)
        self._store.log.scrubber.learn_made(accounts.initial)
        return accounts

    def _new_updating(self, device: DeviceControl) -> Updating:
        """Return what updates the firmware, where a launcher starts it from a slot."""
        return Updating(
            Surroundings(
                slot=self._manager.slot,
                disk=self._firmware,
                settings=lambda: update_settings(self.gateway.configuration),
                restart=device.restart,
                configuration=lambda: self._prepared.file,
            )
        )

    def _new_announcement(self) -> Announcement:
        """Return what tells the networks of this device where its website is."""
        return Announcement(
            self._store.database.directory,
            lambda: self.gateway.configuration,
            lambda: self._prepared.listener,
            system_clock,
        )

    # --- what pages get

    def _bridge(self, device: DeviceControl) -> Bridge:
        """Return all that pages may ask."""
        gateway = self.gateway
        host = self.machine.for_pages(partial(gateway.note_ending, RunEnding.REBOOTED))
        appliance = Appliance(slot=self._manager.slot, disk=self._firmware, host=host)
        service = Service(
            gateway, self._group, self._test_certificate, self._panel.test, appliance.rows
        )
        return Bridge(
            view=gateway.view,
            facts=self._seen.facts,
            is_ready=lambda: gateway.is_ready,
            act=gateway.act,
            accounts=self.accounts,
            now_s=asyncio.get_running_loop().time,
            utc_now=system_clock,
            device=control_of(gateway, self._store.log, device),
            reach=reach_of(gateway, self.encryption, self._announcement, self._prepared.file),
            diagnostics=diagnostics_of(gateway, self.knx_server, service, self._store.log),
            setup=self._setup(device),
            machine=MachineControl(
                firmware=self._updating.for_pages(),
                host=host,
                has_button=lambda: gateway.panel.has_button,
            ),
        )

    def _setup(self, device: DeviceControl) -> Setup:
        """Return what pages have for another configuration."""
        file = KeptFile(self._store.database.directory, FIRST_CHARGES)
        executor = self._store.executor
        kept = KeptCharges(recalled(file.read()), lambda tests: executor.submit(file.write, tests))
        self._setting_up = SettingUp(self.gateway, self._group, device.surroundings, kept)
        return Setup(
            unapplied=self.drafts.unapplied,
            commissioning=self._setting_up.for_pages(),
            trials=self._trials.for_pages(),
            configuration=self._configuration_text,
        )

    def _still_hold(self, warnings: tuple[Finding, ...]) -> tuple[Finding, ...]:
        """Return the warnings of a start that nothing has disproved since."""
        left = tuple(one for one in warnings if not self.encryption.has_settled(one))
        return without_doubts(left, self.gateway.configuration, self._setting_up.answered())

    def _configuration_text(self) -> str:
        """Return what stands in the configuration file now. Raises: OSError."""
        file = self._prepared.file
        return "" if file is None else file.read_text(encoding="utf-8", errors="replace")

    def _test_certificate(self) -> Row:
        """Judge the certificate of the website by the clock of the machine, as browsers do."""
        certificate, now = self.encryption.current, system_clock()
        if certificate is None:
            return of_certificate(is_used=False, is_valid=False, ends_soon=False)
        return of_certificate(
            is_used=True,
            is_valid=certificate.valid_from <= now < certificate.valid_until,
            ends_soon=certificate.ends_soon(now),
        )

    # --- life

    def _background(self, device: DeviceControl) -> list[asyncio.Task[NoReturn]]:
        """Start what goes on beside charging and the website, for as long as the device lives."""
        by_tools = IpByTools(self.gateway.programmed, self.machine, self.accounts.note_of_host)
        health = tell_health(self._manager, tell, self._is_served, notes=(READY, ALIVE))
        reset = FactoryReset(self._store.database.directory)
        return [
            self._task("certificate", renew_in_time(self.encryption)),
            self._task("drafts", self.drafts.look_after()),
            self._task("KNXnet/IP server", self.knx_server.run()),
            self._task("health", health),
            self._task("firmware", self._updating.look_daily()),
            self._task("discovery", self._announcement.run()),
            self._task("reset", _watch_for_reset(reset, device)),
            self._task("machine", self.machine.look_after()),
            self._task("IP settings of tools", by_tools.look_after()),
        ]

    def _task(self, name: str, what: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        return self._group.create_task(what, name=name)

    async def _is_served(self) -> bool:
        return await answers_health(*self._prepared.listener.address)

    def _take_panel(self, configuration: Configuration | None) -> None:
        """Use the lines of a configuration, and let the launcher know of them."""
        settings = _panel_of(configuration)
        self._panel.take(settings)
        words = panel_text.write(words_of(settings))
        self._store.executor.submit(self._firmware.note_panel, words)

    async def take(self, following: Prepared, current: Prepared) -> None:
        """Go on with what was prepared; what cannot be done is raised, and nothing has changed."""
        link = KEEP_LINK if following.link is current.link else following.link
        await self.gateway.change(following.configuration, link)
        self._prepared = following
        self._take_panel(following.configuration)
        self._seen.warnings = following.warnings
        self._announcement.look_again()
        is_moved = following.listener is not current.listener
        was_encrypted = self.encryption.current is not None
        self.encryption.take(following.certificate)
        # a renewed certificate is there for the next connection
        if is_moved or (following.certificate is not None) != was_encrypted:
            given_up = current.listener if is_moved else None
            await self._website.serve_again(following.listener, given_up)

    def end(self) -> None:
        """Let both end in order."""
        self.drafts.keep()
        self._trials.end()
        self._setting_up.end()
        self._updating.close()
        for task in self._running:
            task.cancel()
        self._website.end()


@asynccontextmanager
async def living(
    prepared: Prepared,
    store: Store,
    device: DeviceControl | None = None,
    panel: GpioPanel | None = None,
) -> AsyncIterator[Living]:
    """Run what was prepared for as long as the block lasts; `device`: what pages may do to it.

    `panel`: the real front panel, None: on the GPIO lines of this machine.
    """
    panel = panel or GpioPanel()
    settings = _panel_of(prepared.configuration)
    async with panel.held(settings), asyncio.TaskGroup() as group:
        device_and_website = Living(prepared, store, group, device or DeviceControl(), panel)
        try:
            yield device_and_website
        finally:
            device_and_website.end()


async def _watch_for_reset(reset: FactoryReset, device: DeviceControl) -> NoReturn:
    """Reset the device, once, when the command asks for it."""
    is_resetting = False
    while True:
        await asyncio.sleep(RESET_LOOK_S)
        if is_resetting or not reset.is_asked:
            continue
        is_resetting = True
        if device.can_restart:
            device.reset()
        else:
            log.warning(
                "a factory reset was asked for: it is done at the next start of the program"
            )


def _note_stage(accounts: Accounts, stage: Stage) -> None:
    """Let the history tell what ETS has made of the device."""
    action = {Stage.LOADED: "ets_loaded", Stage.UNTOUCHED: "ets_unloaded"}.get(stage)
    if action is not None:
        accounts.note_of_host(action)


def _buses_of(gateway: Gateway) -> ModbusBuses | None:
    return None if gateway.application is None else gateway.application.buses


def _panel_of(configuration: Configuration | None) -> PanelSettings | None:
    """Return the lines of button and LEDs: of the configuration, else of the machine."""
    return panel_settings(configuration, of_machine(panel_text.VARIABLE, panel_text.read))
