"""The device: what lives from power-on to the end, whatever it is configured to do.

It owns the connection with KNX, the group object server, the inbox of the station, all that is stored, and the
clock. What a configuration makes of it is its `Application`, which may change, begin or end while the device
lives.
"""

import asyncio
import gc
import logging
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NoReturn

from knxgw import __version__
from knxgw.application import Application, Surroundings
from knxgw.catalogue.product import Catalogue
from knxgw.charging.records import without_commands
from knxgw.charging.scope import PointNumber
from knxgw.config.model import Configuration
from knxgw.config.summary import serial_line_text
from knxgw.device.download import Stage, stage_of
from knxgw.device.front_panel import ButtonContact, FrontPanel
from knxgw.device.identity import Traffic
from knxgw.device.model import Outside
from knxgw.device.panel import Leds, PanelState, Phase, leds, meaning, patterns
from knxgw.errors import GatewayError
from knxgw.host.clock import boot_id, is_synchronised, system_clock
from knxgw.knx_connection import KnxConnection, Served
from knxgw.lasting_state import LastingState
from knxgw.links.knx_object_diagnostics import DiagnosedObjects
from knxgw.links.knx_port import BusAttachment, KnxPort
from knxgw.links.modbus import quiet_pymodbus
from knxgw.links.modbus_request_tap import RequestTap
from knxgw.monitoring.log_ring import LogRecorder
from knxgw.monitoring.plot_ring import HOUR
from knxgw.monitoring.plot_sample import sample
from knxgw.monitoring.recorder import Recorder
from knxgw.objects.server import ObjectServer
from knxgw.programmed import Programmed
from knxgw.programmed import Surroundings as Programming
from knxgw.station.actions import Action, command_of
from knxgw.station.model import (
    EARLIEST_VALID,
    BusAsked,
    ClockSet,
    ClockSource,
    StateLost,
    UpdateFailed,
)
from knxgw.station.owner import Inbox
from knxgw.station.show import unconfigured_view
from knxgw.station.view import SiteView
from knxgw.store.database import Database
from knxgw.store.runs import RunEnding
from knxgw.website.device_facts import DeviceFacts, PanelFacts

log = logging.getLogger(__name__)
CLOCK_CHECK_S = 10.0
ALIVE_S = 1.0
CLOCK_DRIFT_S = 1.0
RETURNING_S = 10.0  # that the LEDs say it, after a firmware was given up


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What the gateway needs from outside; tests hand in a simulated one."""

    link: BusAttachment | None
    database: Database  # open; it outlives the gateway, and so does the executor
    wall_clock: Callable[[], datetime] = system_clock
    is_synchronised: Callable[[], bool] = is_synchronised  # a time server sets the wall clock
    boot_id: Callable[[], str] = boot_id  # which start of the machine it is
    log: LogRecorder = field(default_factory=LogRecorder)  # of a test: one that hears nothing
    contact: ButtonContact | None = None  # of a real programming button
    update_failed: bool = False  # a new firmware was given up, and this one is back
    executor: Executor = field(default_factory=lambda: ThreadPoolExecutor(1, "store"))


class KeepLink:
    """Stands for the KNX link there is."""


KEEP_LINK = KeepLink()


class Gateway:
    """One running device."""

    def __init__(
        self, configuration: Configuration | None, catalogue: Catalogue, world: World
    ) -> None:
        """Put the parts together; nothing is written to a charger yet.

        Without a configuration it is a device that is not programmed yet: reachable on KNX, and
        otherwise at rest.
        """
        quiet_pymodbus()
        self.world, self.catalogue = world, catalogue
        self._loop = asyncio.get_running_loop()
        self.inbox = Inbox()
        self.objects = ObjectServer()
        self.recorder = Recorder(world.wall_clock, self._loop.time)
        self._state = LastingState(world.database, world.executor, self.valid_now, self._lost_state)
        self.account_store, self.history = self._state.accounts, self._state.history
        self.programmed = Programmed(self._around_device(), configuration)
        self._knx = KnxConnection(self._served_on_knx(), world.link)
        self.line = self._knx.line  # it outlives each link
        self._surroundings = self._around_application()
        self.application: Application | None = None
        effective = self.programmed.configuration()
        if effective is not None:
            self.application = self._new_application(effective)
        self._changing = asyncio.Lock()
        self._group: asyncio.TaskGroup | None = None  # while it runs
        self._tasks: dict[str, asyncio.Task[NoReturn]] = {}  # those that may be exchanged
        self._running_since, self._started_at = self._loop.time(), self.valid_now()
        self._alive_at = self._loop.time()  # when the loop was last seen to turn
        self._was_ready = False  # once: a lost KNX link is no new start
        self.start_cause = self._state.begin_run(world.boot_id())
        self.panel = FrontPanel(
            world.contact,
            now_s=self._loop.time,
            soon=self._loop.call_soon_threadsafe,
            is_power_on=self._state.runs.is_power_on,
        )

    # --- what the parts get of each other

    def _around_application(self) -> Surroundings:
        """Return what an application has of its device."""
        return Surroundings(
            catalogue=self.catalogue,
            inbox=self.inbox,
            objects=self.objects,
            wake_knx=self.wake_knx,
            store_writer=self._state.writer,
            now=self.valid_now,
            on_exchange=RequestTap(self.recorder.requests.note, self.world.wall_clock).of_bus,
            on_card=self.world.log.scrubber.learn_card,
        )

    def _around_device(self) -> Programming:
        """Return what the KNX device has around it; it asks for that only once the gateway is whole."""
        return Programming(
            directory=self.world.database.directory,
            catalogue=self.catalogue,
            executor=self.world.executor,
            outside=Outside(
                is_programming=lambda: self.panel.is_programming,
                set_programming=self.set_programming,
                group_objects=self._diagnosed_objects,
                traffic=self._traffic,
            ),
            now=self.valid_now,
            learn_key=self.world.log.scrubber.learn_key,
        )

    def _served_on_knx(self) -> Served:
        """Return who speaks on KNX."""
        return Served(
            objects=self.objects,
            inbox=self.inbox,
            management=self.programmed.management,
            numbers=self._state.numbers,
            recorder=self.recorder,
            learn_secret=self.world.log.scrubber.learn_secret,
            wall_clock=self.world.wall_clock,
        )

    # --- what others may see

    @property
    def configuration(self) -> Configuration | None:
        """Return what holds now, None while the device is not configured."""
        return None if self.application is None else self.application.configuration

    @property
    def knx_is_up(self) -> bool:
        """Tell whether telegrams are answered."""
        return self._knx.is_up

    @property
    def is_ready(self) -> bool:
        """Tell whether telegrams are answered and the first poll of every charger is done.

        A charger that cannot be reached does not hold the others up.
        """
        return self._knx.is_up and self._is_polled

    @property
    def was_ready(self) -> bool:
        """Tell whether it has been ready since its start."""
        return self._was_ready

    @property
    def _is_polled(self) -> bool:
        """Tell whether the first poll of every charger that can be reached is done."""
        return self.application is None or self.application.buses.is_polled

    def view(self, language: str | None = None) -> SiteView:
        """Return what the site looks like now, in a language (en, de), None: that of the device.

        Safe from any thread.
        """
        application = self.application
        if application is None:
            return unconfigured_view(self.catalogue.product.texts, language or "en")
        return application.view(language)

    def leds(self) -> Leds:
        """Return which LEDs of the front panel are lit now; safe from any thread."""
        return leds(self._panel, self._loop.time())

    def facts(self) -> DeviceFacts:
        """Return what people see of the device itself; safe from any thread."""
        now_s, knx, configuration = self._loop.time(), self._knx.port, self.configuration
        panel = self._panel
        shown = patterns(panel, now_s)
        clock = None if self.application is None else self.application.station.operation.clock
        up_since = knx.up_since if knx.is_up else None
        return DeviceFacts(
            version=__version__,
            started_at=self._started_at,
            up_s=now_s - self._running_since,
            stuck_s=now_s - self._alive_at,
            start_cause=self.start_cause.value,
            knx_link=None if configuration is None else configuration.knx.link.value,
            configuration_source=None if configuration is None else configuration.source.value,
            is_being_loaded=self.programmed.stage is Stage.LOADING,
            cannot_run=self.programmed.cannot_run,
            serial=self.programmed.serial_number,
            serial_line=None
            if configuration is None or configuration.serial is None
            else serial_line_text(configuration.serial),
            individual_address=str(knx.individual_address),
            is_secure=knx.is_secure,
            knx_up_s=None if up_since is None else now_s - up_since,
            flow=self._knx.flow(),
            clock_source=None if clock is None else clock.source.name.lower(),
            panel=PanelFacts(
                programming=shown.programming,
                app=shown.app,
                com=shown.com,
                meaning=meaning(panel, now_s),
            ),
        )

    @property
    def _panel(self) -> PanelState:
        knx, application = self._knx.port, self.application
        return self.panel.state(
            PanelState(
                phase=self._phase,
                is_knx_connected=self.knx_is_up,
                knx_lost_at=knx.lost_at,
                telegram_at=knx.telegram_at,
                fault_flashes=application.station.fault_flashes if application else 0,
            )
        )

    @property
    def _phase(self) -> Phase:
        if self.world.update_failed and self._loop.time() - self._running_since < RETURNING_S:
            return Phase.FIRMWARE_REVERTING
        if self.application is None:
            return Phase.NOT_CONFIGURED
        return Phase.RUNNING if self._was_ready or self._is_polled else Phase.STARTING

    def act(self, point: int, action: Action, setpoint_ma: int | None) -> None:
        """Hand the station what a person does at a charging point; safe from any thread."""
        event = command_of(action, PointNumber(point), setpoint_ma)
        self._loop.call_soon_threadsafe(self.inbox.put, event)

    def set_programming(self, is_on: bool) -> None:  # noqa: FBT001 - a mode is on or off
        """Switch the programming mode, as the button does; safe from any thread."""
        self.panel.set_programming(is_on)

    def connected_port(self) -> KnxPort:
        """Return the KNX port, which is connected. Raises: RejectedError."""
        return self._knx.connected_port()

    @property
    def is_on_knx(self) -> bool:
        """Tell whether the device is connected with a KNX installation, and not on a line of its own."""
        return self._knx.is_on_wire

    def _diagnosed_objects(self) -> DiagnosedObjects | None:
        """Return the group objects for tools; None: they do not run, or the site is secured."""
        is_loading = Stage.LOADING in {self.programmed.stage, stage_of(self.programmed.model)}
        if self.application is None or is_loading:
            return None
        return self._knx.diagnosed_objects()

    def _traffic(self) -> Traffic:
        """Return what went over the KNX connection, for tools."""
        return self._knx.traffic()

    def wake_knx(self) -> None:
        """Look for something to send: a value has changed."""
        self._knx.wake()

    async def store_took_s(self) -> float | None:
        """Return how long the disk took to store something [s]; None: it did not."""
        return await self._state.took_s()

    # --- life

    async def run(self) -> NoReturn:
        """Run until cancelled; then leave the chargers safe, and close."""
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                group.create_task(self._state.writer.run(), name="store")
                group.create_task(self._watch_clock(), name="clock")
                group.create_task(self.programmed.management.run(), name="management")
                group.create_task(self._follow_download(), name="download")
                group.create_task(self._settle_memory(), name="memory")
                group.create_task(self._record_plot(), name="plot")
                group.create_task(self._note_alive(), name="alive")
                self._begin("application")
                self._begin("knx")
                await self._until_cancelled()
        except asyncio.CancelledError:
            raise
        except BaseException:
            self.note_ending(RunEnding.FAILED)
            raise
        finally:
            self._group = None
            await self._state.end(self._running_since)
        raise GatewayError("the gateway's tasks ended")  # they never do

    def note_ending(self, ending: RunEnding) -> None:
        """Say how this run will have ended: the history, and the next start, tell it."""
        self._state.note_ending(ending)

    async def _until_cancelled(self) -> NoReturn:
        """Wait for the end; then, while the buses still work, leave the chargers safe."""
        try:
            await asyncio.Event().wait()
        finally:
            if self.application is not None:
                await self.application.leave()
        raise GatewayError("the gateway waits no longer")  # it waits for ever

    async def change(
        self, configuration: Configuration | None, link: BusAttachment | KeepLink | None = KEEP_LINK
    ) -> None:
        """Go on with another configuration, None: with none; the device lives on.

        A `link` that is given takes the place of the one there is; group objects and their values
        stay. Whatever cannot be done is raised, and what ran before runs on.
        """
        async with self._changing:
            joining = None if isinstance(link, KeepLink) else (self._knx.session(link), link)
            before, self.programmed.own = self.programmed.own, configuration
            try:
                await self._change_application(await self.programmed.configuration_soon())
            except BaseException:
                self.programmed.own = before
                raise
            self.programmed.take_own_address()
            if joining is not None:
                await self._finish("knx")
                self._knx.join(*joining)
                self._begin("knx")

    async def _follow_download(self) -> NoReturn:
        """Let the application be what ETS has loaded, and stop it while ETS is at it."""
        while True:
            await self.programmed.other_stage()
            async with self._changing:
                try:
                    await self._change_application(await self.programmed.configuration_soon())
                except Exception:
                    log.exception("what ETS has loaded does not run")
                    self.programmed.cannot_run = True
                    await self._unload()

    async def _change_application(self, configuration: Configuration | None) -> None:
        if configuration is None:
            await self._unload()
            return
        if self.application is not None:
            await self.application.change(configuration, self._state.writer.records)
            return
        self.application = self._new_application(configuration)
        self._begin("application")
        if self.knx_is_up:  # nobody comes onto the line whom it would hear that from
            self.objects.bus_ready()
            self.inbox.put(BusAsked())

    def _new_application(self, configuration: Configuration) -> Application:
        """Return an application that begins with what was stored."""
        stored, was_damaged = self._state.take_records(configuration)
        if self.programmed.is_fully_loaded_again():
            stored = {scope: without_commands(record) for scope, record in stored.items()}
        application = Application(configuration, stored, self._surroundings)
        if was_damaged:
            self.inbox.put(StateLost())
        if self.world.update_failed:
            self.inbox.put(UpdateFailed())
        return application

    async def _unload(self) -> None:
        """End the application: chargers are left safe, group objects fall silent."""
        if self.application is not None:
            await self.application.leave()
            await self._finish("application")
            self._state.end_faults_of(self.application.station)
            self.application = None
            self.inbox.close()
            self.objects.load((), UTC)

    def _begin(self, name: str) -> None:
        """Start what may be exchanged while the device lives, if it is there."""
        if self._group is None:
            return
        if name == "application" and self.application is not None:
            self._tasks[name] = self._group.create_task(self.application.run(), name=name)
        elif name == "knx":
            self._tasks[name] = self._group.create_task(self._knx.run(), name=name)

    async def _finish(self, name: str) -> None:
        task = self._tasks.pop(name, None)
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    def _lost_state(self) -> None:
        self.inbox.put(StateLost())

    async def _watch_clock(self) -> NoReturn:
        """Tell the station when the wall clock was set or has jumped."""
        loop = asyncio.get_running_loop()
        while True:
            now = self.valid_now()
            if now is not None and self._is_news(now, loop.time()):
                source = ClockSource.NTP if self.world.is_synchronised() else ClockSource.SYSTEM
                self.inbox.put(ClockSet(now=now, source=source))
            await asyncio.sleep(CLOCK_CHECK_S)

    def _is_news(self, now: datetime, now_s: float) -> bool:
        clock = None if self.application is None else self.application.station.operation.clock
        if clock is None or clock.source is not ClockSource.NTP:
            return True
        return abs((now - clock.at_monotonic(now_s)).total_seconds()) > CLOCK_DRIFT_S

    async def _note_alive(self) -> NoReturn:
        """Note that the loop turns: pages are made in other threads, and say so if it does not."""
        while True:
            self._alive_at = self._loop.time()
            await asyncio.sleep(ALIVE_S)

    async def _record_plot(self) -> NoReturn:
        """Keep what the plot shows, once in each of its steps."""
        while True:
            now_s = self._loop.time()
            known = {} if self.application is None else sample(self.application.station, now_s)
            self.recorder.plot.put(known, now_s)
            self.world.log.check(now_s)
            await asyncio.sleep(HOUR.step_s - now_s % HOUR.step_s)

    async def _settle_memory(self) -> None:
        """Take what was loaded at start out of the garbage collector's rounds.

        A full collection would otherwise look at every module and model again and hold up
        answers for tens of milliseconds; so would one right now.
        """
        while not self.is_ready:  # noqa: ASYNC110 - readiness is the sum of many parts
            await asyncio.sleep(0.1)
        loop = asyncio.get_running_loop()
        self._was_ready = True
        log.info("ready after %.1f s", loop.time() - self._running_since)
        gc.freeze()

    def valid_now(self) -> datetime | None:
        """Return the wall-clock time, None while it is not valid; safe from any thread."""
        now = self.world.wall_clock()
        return now if now >= EARLIEST_VALID else None
