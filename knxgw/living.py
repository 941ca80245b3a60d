"""A device that lives, with its website: puts the gateway, the accounts and the pages together."""

import asyncio
import logging
import os
import sys
from collections.abc import AsyncIterator, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NoReturn, TypeVar

import click

from knxgw.announcement import Announcement
from knxgw.appliance_test import Appliance
from knxgw.catalogue.load import catalogue
from knxgw.commissioning import SettingUp, own_networks
from knxgw.config.model import Configuration, PanelSettings
from knxgw.device.download import Stage
from knxgw.factory_reset import FactoryReset
from knxgw.firmware import panel_text
from knxgw.firmware.boot_disk import BootDisk
from knxgw.firmware.notify import ALIVE, READY, tell
from knxgw.gateway import KEEP_LINK, Gateway, World
from knxgw.host.clock import system_clock
from knxgw.host.gpio_panel import GpioPanel
from knxgw.host.network import OwnAddress, adapter_link, own_addresses
from knxgw.host.on_loop import wait_on
from knxgw.host.panel_environment import of_machine, panel_settings, words_of
from knxgw.host.service import ServiceManager, answers_health, tell_health
from knxgw.ip_by_tools import IpByTools
from knxgw.judgement import Prepared, identity
from knxgw.knx_device_facts import knx_device_facts
from knxgw.knx_server import KnxServer
from knxgw.links.modbus_buses import ModbusBuses
from knxgw.machine import Machine
from knxgw.monitoring.log_ring import SIMPLE, LogRecorder
from knxgw.monitoring.self_test import Row, of_certificate
from knxgw.pressed_button import PressedButton
from knxgw.programmed import Programmed
from knxgw.service import Service
from knxgw.store.certificate_files import CertificateFiles
from knxgw.store.database import Database
from knxgw.store.runs import RunEnding
from knxgw.store.unapplied_file import UnappliedFile
from knxgw.trial_reads import TrialReads
from knxgw.updating import Surroundings, Updating, update_settings
from knxgw.website.access.accounts import Accounts
from knxgw.website.bridge import Bridge, DeviceControl, Diagnostics, MachineControl, Reach, Setup
from knxgw.website.device_facts import AdapterFacts, DeviceFacts
from knxgw.website.encryption import Encryption
from knxgw.website.knx_facts import KnxDeviceFacts
from knxgw.website.listener import EVERYWHERE, Listener
from knxgw.website.names import certificate_names, host_names
from knxgw.website.recordings import Objects, Requests, SelfTest, Telegrams
from knxgw.website.serving import serve
from knxgw.website.unapplied import Unapplied

log = logging.getLogger(__name__)
ADDRESSES_S = 30.0  # how often it is looked for the addresses of the machine
T = TypeVar("T")
PAGE_WAITS_S = 20.0
ENCRYPTS_AFTER_S = 1.0  # for the page that asked for it to load all it needs
RENEWAL_CHECK_S = 86_400.0
RESET_LOOK_S = 2.0
DRAFTS_S = 30.0  # at most, what is typed is lost by a power cut


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
    """A device that lives, and its website; both take another configuration while they do."""

    def __init__(
        self,
        prepared: Prepared,
        store: Store,
        group: asyncio.TaskGroup,
        device: DeviceControl,
        panel: GpioPanel,
    ) -> None:
        manager = ServiceManager.of(os.environ)
        firmware = BootDisk(store.database.directory, None)
        world = World(
            link=prepared.link,
            database=store.database,
            executor=store.executor,
            log=store.log,
            update_failed=bool(manager.slot) and firmware.load().has_returned,
            contact=panel,
        )
        self._prepared, self._panel = prepared, panel
        self._loop = asyncio.get_running_loop()
        self.encryption = Encryption(
            CertificateFiles(store.database.directory),
            names=lambda: certificate_names(self.gateway.configuration),
            now=system_clock,
            on_change=self._encrypt_soon,
        )
        self.encryption.take(prepared.certificate)
        self.gateway = gateway = Gateway(prepared.configuration, catalogue(), world)
        self.accounts = accounts = Accounts(
            gateway.account_store,
            store.database.directory,
            now=gateway.valid_now,
            now_s=asyncio.get_running_loop().time,
        )
        gateway.panel.on_outcome = PressedButton(gateway.panel, accounts, device, group).carry_out
        store.log.scrubber.learn_made(accounts.initial)
        self._unapplied_file = UnappliedFile(store.database.directory)
        self._unapplied = Unapplied(self._unapplied_file.read())
        self._kept = self._unapplied.told()
        self._executor, self._directory = store.executor, store.database.directory
        self._updating = Updating(
            Surroundings(
                slot=manager.slot,
                disk=firmware,
                settings=lambda: update_settings(gateway.configuration),
                restart=device.restart,
                configuration=lambda: self._prepared.file,
            )
        )
        self._announcement = announcement = Announcement(
            store.database.directory,
            lambda: gateway.configuration,
            lambda: self._prepared.listener,
            system_clock,
        )
        self.machine = Machine(
            store.database.directory,
            lambda: gateway.configuration,
            accounts.note_of_host,
            on_moved=self.encryption.renew_if_due,  # its certificate names the addresses
        )
        host = self.machine.for_pages(partial(gateway.note_ending, RunEnding.REBOOTED))
        appliance = Appliance(slot=manager.slot, disk=firmware, host=host)
        service = Service(gateway, group, self._test_certificate, panel.test, appliance.rows)
        self._trials = TrialReads(lambda: _buses_of(gateway), group)
        wait = partial(wait_on, asyncio.get_running_loop(), limit_s=PAGE_WAITS_S)
        self._bridge = Bridge(
            view=gateway.view,
            facts=self._facts,
            is_ready=lambda: gateway.is_ready,
            act=gateway.act,
            accounts=accounts,
            now_s=asyncio.get_running_loop().time,
            utc_now=system_clock,
            device=replace(
                device,
                set_programming=gateway.set_programming,
                set_logging=partial(set_logging, store.log, asyncio.get_running_loop()),
            ),
            reach=Reach(
                host_names=lambda: host_names(gateway.configuration) | announcement.host_names,
                introduction=announcement.introduction,
                trusted_proxy=lambda: _trusted_proxy(gateway.configuration),
                certificate=lambda: self.encryption.current,
                redirects=lambda: self.encryption.redirects,
                encryption=self.encryption,
                identity=identity(prepared.file),
            ),
            diagnostics=Diagnostics(
                plot=gateway.recorder.read_plot,
                telegrams=Telegrams(
                    kept=gateway.recorder.telegrams, interpret=gateway.objects.interpret
                ),
                requests=Requests(
                    kept=gateway.recorder.requests,
                    explain=service.explain,
                    devices=service.device_names,
                    read_once=lambda *what: wait(service.read_registers(*what)),
                ),
                objects=Objects(
                    listed=service.list_objects,
                    read=lambda number: wait(service.read_object(number)),
                    send=lambda number: wait(service.send_object(number)),
                    write=lambda number, text: wait(service.write_object(number, text)),
                ),
                logs=store.log,
                self_test=SelfTest(
                    progress=lambda: service.self_test.progress, start=service.start_self_test
                ),
                history=gateway.history,
                knx_device=lambda: wait(self._knx_device()),
            ),
            setup=Setup(
                unapplied=self._unapplied,
                commissioning=SettingUp(
                    gateway, group, device.networks or own_networks
                ).for_pages(),
                trials=self._trials.for_pages(),
                configuration=self._configuration_text,
            ),
            machine=MachineControl(
                firmware=self._updating.for_pages(),
                host=host,
                has_button=lambda: gateway.panel.has_button,
            ),
        )
        self._warnings = prepared.warnings
        self._addresses: tuple[OwnAddress, ...] = ()
        self._adapters: tuple[AdapterFacts, ...] = ()
        self._looked_up_at: float | None = None  # [s] of uptime
        self._group = group
        self._serving = asyncio.Lock()
        self._is_ending = self._is_resetting = False
        self._running = group.create_task(gateway.run(), name="gateway")
        self._showing = group.create_task(panel.run(gateway.leds), name="front panel")
        self._website = self._served(prepared.listener)
        self._renewing = group.create_task(self._keep_certificate(), name="certificate")
        self._keeping = group.create_task(self._keep_unapplied(), name="drafts")
        self._firmware = firmware
        if manager.slot:
            self._take_panel(prepared.configuration)
        gateway.programmed.on_stage = partial(_note_stage, accounts)
        self.knx_server = KnxServer(
            gateway,
            lambda: prepared.listener.address.host,
            is_ip_settable=lambda: self.machine.is_settable,
        )
        by_tools = IpByTools(gateway.programmed, self.machine, accounts.note_of_host)
        self._background = [
            group.create_task(self.knx_server.run(), name="KNXnet/IP server"),
            group.create_task(
                tell_health(manager, tell, self._is_served, notes=(READY, ALIVE)), name="health"
            ),
            group.create_task(self._updating.look_daily(), name="firmware"),
            group.create_task(announcement.run(), name="discovery"),
            group.create_task(self._watch_for_reset(device), name="reset"),
            group.create_task(self.machine.look_after(), name="machine"),
            group.create_task(by_tools.look_after(), name="IP settings of tools"),
        ]

    async def _is_served(self) -> bool:
        return await answers_health(*self._prepared.listener.address)

    async def _knx_device(self) -> KnxDeviceFacts:
        """Return what people see of the KNX device."""
        return knx_device_facts(self.gateway, self.knx_server)

    def _take_panel(self, configuration: Configuration | None) -> None:
        """Use the lines of a configuration, and let the launcher know of them."""
        settings = _panel_of(configuration)
        self._panel.take(settings)
        self._executor.submit(self._firmware.note_panel, panel_text.write(words_of(settings)))

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

    def _configuration_text(self) -> str:
        """Return what stands in the configuration file now. Raises: OSError."""
        file = self._prepared.file
        return "" if file is None else file.read_text(encoding="utf-8", errors="replace")

    def _facts(self) -> DeviceFacts:
        """Return what people see of the device; its addresses are looked up now and then."""
        facts = self.gateway.facts()
        if self._looked_up_at is None or facts.up_s - self._looked_up_at >= ADDRESSES_S:
            self._looked_up_at = facts.up_s
            self._addresses = own_addresses() if self._is_on_the_network() else ()
            self._adapters = _adapters_of(self._addresses)
        return replace(
            facts,
            warnings=tuple(one for one in self._warnings if not self.encryption.has_settled(one)),
            addresses=tuple(one.address for one in self._addresses),
            macs=tuple(sorted({one.mac for one in self._addresses if one.mac})),
            adapters=self._adapters,
        )

    def _is_on_the_network(self) -> bool:
        """Tell whether the website answers at the addresses of the machine."""
        configuration = self.gateway.configuration
        return configuration is None or configuration.website.host in EVERYWHERE

    def _served(self, listener: Listener) -> asyncio.Task[NoReturn]:
        return self._group.create_task(serve(self._bridge, listener), name="website")

    async def take(self, following: Prepared, current: Prepared) -> None:
        """Go on with what was prepared; what cannot be done is raised, and nothing has changed."""
        link = KEEP_LINK if following.link is current.link else following.link
        await self.gateway.change(following.configuration, link)
        self._prepared = following
        self._take_panel(following.configuration)
        self._warnings = following.warnings
        self._announcement.look_again()
        is_moved = following.listener is not current.listener
        was_encrypted = self.encryption.current is not None
        self.encryption.take(following.certificate)
        # a renewed certificate is there for the next connection
        if is_moved or (following.certificate is not None) != was_encrypted:
            await self._serve_anew(current.listener if is_moved else None)

    async def _serve_anew(self, given_up: Listener | None = None) -> None:
        """Serve the website from the beginning; `given_up`: a listener that it had before."""
        async with self._serving:
            self._website.cancel()
            await asyncio.wait([self._website])
            if given_up is not None:
                given_up.close()
            self._website = self._served(self._prepared.listener)

    def _encrypt_soon(self) -> None:
        """Serve the website by https, once the page that asked for it is there; from any thread."""
        self._loop.call_soon_threadsafe(
            self._loop.call_later, ENCRYPTS_AFTER_S, self._begin_to_encrypt
        )

    def _begin_to_encrypt(self) -> None:
        if not self._is_ending:
            self._group.create_task(self._serve_anew(), name="encrypt")

    async def _keep_certificate(self) -> NoReturn:
        """Renew the device's own certificate in time, however long the device runs."""
        while True:
            await asyncio.sleep(RENEWAL_CHECK_S)
            await asyncio.to_thread(self.encryption.renew_if_due)

    async def _keep_unapplied(self) -> NoReturn:
        """Keep drafts for the time after a restart, now and then: a card wears out by every write."""
        while True:
            await asyncio.sleep(DRAFTS_S)
            self._keep_what_was_begun()

    async def _watch_for_reset(self, device: DeviceControl) -> NoReturn:
        """Reset the device when the command asks for it."""
        reset = FactoryReset(self._directory)
        while True:
            await asyncio.sleep(RESET_LOOK_S)
            if not self._is_ending and reset.is_asked:
                self._is_resetting = self._is_resetting or self._begin_to_reset(device)

    @staticmethod
    def _begin_to_reset(device: DeviceControl) -> bool:
        if device.can_restart:
            device.reset()
        else:
            log.warning(
                "a factory reset was asked for: it is done at the next start of the program"
            )
        return True

    def _keep_what_was_begun(self) -> None:
        begun = self._unapplied.told()
        if begun != self._kept:
            self._kept = begun
            self._executor.submit(self._unapplied_file.write, begun)

    def end(self) -> None:
        """Let both end in order."""
        self._is_ending = True
        self._keep_what_was_begun()
        self._keeping.cancel()
        self._trials.end()
        self._updating.close()
        self._running.cancel()
        self._showing.cancel()
        self._renewing.cancel()
        for task in self._background:
            task.cancel()
        self._website.cancel()


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


def set_logging(
    log_recorder: LogRecorder,
    loop: asyncio.AbstractEventLoop,
    is_extended: bool,  # noqa: FBT001 - a mode is one or the other
) -> None:
    """Log everything for an hour at most, or only what matters; safe from any thread."""
    if is_extended:
        loop.call_soon_threadsafe(lambda: log_recorder.extend(loop.time()))
    else:
        loop.call_soon_threadsafe(log_recorder.set_mode, SIMPLE)


def _note_stage(accounts: Accounts, stage: Stage) -> None:
    """Let the history tell what ETS has made of the device."""
    action = {Stage.LOADED: "ets_loaded", Stage.UNTOUCHED: "ets_unloaded"}.get(stage)
    if action is not None:
        accounts.note_of_host(action)


def _adapters_of(addresses: Iterable[OwnAddress]) -> tuple[AdapterFacts, ...]:
    """Return how the adapters that have these addresses are connected, as far as the system tells."""
    names = dict.fromkeys(one.adapter for one in addresses)
    links = [link for name in names if (link := adapter_link(name)) is not None]
    return tuple(
        AdapterFacts(name=one.adapter, is_up=one.is_up, mbit_s=one.mbit_s) for one in links
    )


def _buses_of(gateway: Gateway) -> ModbusBuses | None:
    return None if gateway.application is None else gateway.application.buses


def _panel_of(configuration: Configuration | None) -> PanelSettings | None:
    """Return the lines of button and LEDs: of the configuration, else of the machine."""
    return panel_settings(configuration, of_machine(panel_text.VARIABLE, panel_text.read))


def _trusted_proxy(configuration: Configuration | None) -> str | None:
    return None if configuration is None else configuration.website.trusted_proxy


def take_password(accounts: Accounts, password: str) -> None:
    """Do what the owner does after the start: log in with the initial password, and change it."""
    initial, here = accounts.made_initial, "127.0.0.1"
    if initial is not None:
        token = accounts.log_in(initial, address=here).token
        accounts.change_password(token, "", password, address=here)
        accounts.log_off(token, address=here)


def show_device_certificate(programmed: Programmed) -> None:
    """Show a new device certificate once to whoever starts the gateway in a terminal, and in no log."""
    if programmed.made_certificate is None:
        return
    if sys.stderr.isatty():
        click.echo(f"device certificate for KNX Secure: {programmed.made_certificate}", err=True)
    log.info("this device has a certificate for KNX Secure: `knxgw device-certificate` shows it")


def show_initial_password(accounts: Accounts) -> None:
    """Show the initial password once to whoever starts the gateway in a terminal, and in no log."""
    if accounts.made_initial is not None and sys.stderr.isatty():
        click.echo(f"initial password of the website: {accounts.made_initial}", err=True)
    if accounts.notice().initial_holds:
        log.info(
            "nobody has logged in to the website yet: `knxgw password --initial` shows its password"
        )
