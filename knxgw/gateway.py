"""Composition root: configuration to parts to tasks. Decides nothing itself."""

import asyncio
import gc
import logging
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

from knxgw.catalogue.model import Catalogue
from knxgw.charging.words import LinkCondition, PointNumber
from knxgw.config.devices import charger_id
from knxgw.config.model import Configuration
from knxgw.device.panel import Leds, PanelState, Phase, leds
from knxgw.errors import GatewayError
from knxgw.host.clock import is_synchronised, system_clock
from knxgw.links.keep_alive import keep_alive
from knxgw.links.knx_group_communication import GroupCommunication
from knxgw.links.knx_numbers import SecureNumbers
from knxgw.links.knx_port import BusAttachment, KnxPort
from knxgw.links.modbus import quiet_pymodbus
from knxgw.links.modbus_buses import make_buses
from knxgw.modbus.driver import Driver
from knxgw.objects.server import ObjectServer
from knxgw.objects.table import build_table
from knxgw.station.initial import initial, unknown_in
from knxgw.station.model import (
    EARLIEST_VALID,
    GENERAL,
    Ask,
    ClockSet,
    ClockSource,
    Effect,
    Event,
    FaultChanged,
    Note,
    NoteLevel,
    Offer,
    Publish,
    Remember,
    SessionClosed,
    Started,
    StateLost,
    Stopping,
    Unlock,
)
from knxgw.station.owner import Inbox, Owner
from knxgw.station.view import SiteView, view
from knxgw.store.database import Database, FaultRow, SessionRow
from knxgw.store.keeper import Keeper

log = logging.getLogger(__name__)
MODBUS_LAST_DELAY_S = 15.0
KNX_LAST_DELAY_S = 10.0  # who is back is heard within the time of a link check
CLOCK_CHECK_S = 10.0
CLOCK_DRIFT_S = 1.0
STORE_S = 1.0  # for what waits to be stored at the end
NOT_POLLED = (LinkCondition.NOT_REACHABLE, LinkCondition.WRONG_MODEL)
GOODBYE_S = 0.8  # for the last writes to the chargers


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What the gateway needs from outside; tests hand in a simulated one."""

    link: BusAttachment | None
    database: Database  # open; it outlives the gateway, and so does the executor
    wall_clock: Callable[[], datetime] = system_clock
    is_synchronised: Callable[[], bool] = is_synchronised  # a time server sets the wall clock
    executor: Executor = field(default_factory=lambda: ThreadPoolExecutor(1, "store"))


class Gateway:
    """One running gateway."""

    def __init__(self, configuration: Configuration, catalogue: Catalogue, world: World) -> None:
        """Put the parts together; nothing is written to a charger yet."""
        quiet_pymodbus()
        self.configuration = configuration
        self._world = world
        self._loop = loop = asyncio.get_running_loop()
        self._inbox = Inbox()
        self._database = world.database
        self._keeper = Keeper(self._database, world.executor, lambda: self._inbox.put(StateLost()))
        self._end_faults_of_before()
        if world.link is not None:
            numbers = self._database.load_numbers()
            world.link.keep_numbers(
                SecureNumbers(numbers, self._keeper, self._valid_now, loop.time)
            )
        records = self._stored()
        station = initial(configuration, records, loop.time(), self._valid_now())
        self._owner = Owner(station, self._inbox, self._carry_out)
        self.objects = ObjectServer(
            build_table(configuration, catalogue),
            ZoneInfo(configuration.device.time_zone),
            world.link.response_limits if world.link else None,
        )
        self.buses = make_buses(configuration, self._inbox.put)
        self._bus_of = {driver: bus for bus in self.buses for driver in bus.drivers}
        self._chargers = {d.device: d for d in self._bus_of if d.model.control is not None}
        self._knx = KnxPort(world.link) if world.link else None
        if self._knx is not None:
            GroupCommunication(self._knx, self.objects, self._inbox.put).join()
        self._started_s = loop.time()
        self._was_ready = False  # once: a lost KNX link is no new start

    # --- what others may see

    @property
    def knx_is_up(self) -> bool:
        """Tell whether telegrams are answered."""
        return self._knx is not None and self._knx.is_up

    @property
    def is_ready(self) -> bool:
        """Tell whether telegrams are answered and the first poll of every charger is done.

        A charger that cannot be reached does not hold the others up.
        """
        if self._knx is not None and not self._knx.is_up:
            return False
        return self._is_polled

    @property
    def was_ready(self) -> bool:
        """Tell whether it has been ready since its start."""
        return self._was_ready

    @property
    def _is_polled(self) -> bool:
        """Tell whether the first poll of every charger that can be reached is done."""
        return all(
            driver.first_cycle_done or driver.condition in NOT_POLLED for driver in self._bus_of
        )

    @property
    def _chargers_know(self) -> bool:
        """Tell whether every charger that can be reached was told what is to be left behind."""
        stopping = self._owner.station.stopping  # what came before it is decided, too
        return stopping and all(driver.is_settled for driver in self._chargers.values())

    def view(self) -> SiteView:
        """Return what the site looks like now."""
        return view(self._owner.station, self._loop.time(), self.configuration.device.language)

    def leds(self) -> Leds:
        """Return which LEDs of the front panel are lit now; safe from any thread."""
        knx = self._knx
        state = PanelState(
            phase=Phase.RUNNING if self._was_ready or self._is_polled else Phase.STARTING,
            knx_connected=self.knx_is_up,
            knx_lost_s=knx.lost_s if knx else None,
            telegram_s=knx.telegram_s if knx else None,
            fault_flashes=self._owner.station.fault_flashes,
        )
        return leds(state, self._loop.time())

    def command(self, event: Event) -> None:
        """Hand the station a command of another source than KNX."""
        self._inbox.put(event)

    # --- life

    async def run(self) -> NoReturn:
        """Run until cancelled; then tell the chargers what shall hold, and close."""
        try:
            async with asyncio.TaskGroup() as group:
                self._inbox.put(Started())
                if self._state_was_damaged:
                    self._inbox.put(StateLost())
                group.create_task(self._owner.run(), name="station")
                group.create_task(self._keeper.run(), name="store")
                group.create_task(self._watch_clock(), name="clock")
                group.create_task(self._settle_memory(), name="memory")
                for bus in self.buses:
                    session = keep_alive(
                        bus.name,
                        bus.run,
                        last_delay_s=MODBUS_LAST_DELAY_S,
                        on_failure=bus.failed,
                    )
                    group.create_task(session, name=bus.name)
                if self._knx is not None:
                    knx = keep_alive(
                        "KNX",
                        self._knx.run,
                        last_delay_s=KNX_LAST_DELAY_S,
                        on_failure=self._knx.failed,
                    )
                    group.create_task(knx, name="knx")
                await self._until_cancelled()
        finally:
            await self._close()
        raise GatewayError("the gateway's tasks ended")  # they never do

    async def _until_cancelled(self) -> NoReturn:
        """Wait for the end; then, while the buses still work, leave the chargers safe.

        Their fail-safe and watchdogs stay armed.
        Source: load-management 16.
        """
        try:
            await asyncio.Event().wait()
        finally:
            loop = asyncio.get_running_loop()
            self._inbox.put(Stopping())
            last_s = loop.time() + GOODBYE_S
            while loop.time() < last_s and not self._chargers_know:  # noqa: ASYNC110 - many parts
                await asyncio.sleep(0.02)
        raise GatewayError("the gateway waits no longer")  # it waits for ever

    async def _close(self) -> None:
        """Store what waits."""
        try:
            async with asyncio.timeout(STORE_S):
                await self._keeper.flush()
        except TimeoutError:
            log.exception("the state could not be stored within %.1f s", STORE_S)
        self._keeper.leave()

    async def _watch_clock(self) -> NoReturn:
        """Tell the station when the wall clock was set or has jumped."""
        loop = asyncio.get_running_loop()
        while True:
            now = self._valid_now()
            if now is not None and self._is_news(now, loop.time()):
                source = ClockSource.NTP if self._world.is_synchronised() else ClockSource.SYSTEM
                self._inbox.put(ClockSet(now=now, source=source))
            await asyncio.sleep(CLOCK_CHECK_S)

    def _is_news(self, now: datetime, now_s: float) -> bool:
        clock = self._owner.station.clock
        if clock is None or clock.source is not ClockSource.NTP:
            return True
        return abs((now - clock.at_monotonic(now_s)).total_seconds()) > CLOCK_DRIFT_S

    async def _settle_memory(self) -> None:
        """Take what was loaded at start out of the garbage collector's rounds.

        A full collection would otherwise look at every module and model again and hold up
        answers for tens of milliseconds; so would one right now.
        """
        while not self.is_ready:  # noqa: ASYNC110 - readiness is the sum of many parts
            await asyncio.sleep(0.1)
        loop = asyncio.get_running_loop()
        self._was_ready = True
        log.info("ready after %.1f s", loop.time() - self._started_s)
        gc.freeze()

    def _stored(self) -> dict[PointNumber, dict[str, Any]]:
        """Return what was stored; of a damaged file what is missing counts as not known."""
        records = {PointNumber(n): one for n, one in self._database.load_records().items()}
        aside, self._database.put_aside = self._database.put_aside, None
        self._state_was_damaged = aside is not None
        if aside is not None:
            log.warning(
                "the state file was damaged and was put aside as %s; a new one was begun", aside
            )
            numbers = [PointNumber(point.number) for point in self.configuration.points]
            records = {number: {} for number in (GENERAL, *numbers)} | records
        for scope, names in unknown_in(self.configuration, records).items():
            what = "grid-supporting control" if scope == GENERAL else f"cp{scope}"
            log.warning(
                "%s: what was stored cannot be read (%s); what may have held it back does, "
                "until it is told otherwise",
                what,
                "nothing of it" if "schema" in names else ", ".join(names),
            )
        return records

    def _end_faults_of_before(self) -> None:
        """Note that faults of the run before are over: what still holds is raised anew."""
        now = self._valid_now()
        at = now.isoformat() if now else None
        for point, code in self._database.open_faults():
            self._keeper.add_fault(FaultRow(at=at, point=point, code=code, present=False))

    def _valid_now(self) -> datetime | None:
        now = self._world.wall_clock()
        return now if now >= EARLIEST_VALID else None

    # --- effects

    def _carry_out(self, effect: Effect) -> None:
        match effect:
            case Publish(point=point, key=key, value=value):
                self.objects.publish(point, key, value, asyncio.get_running_loop().time())
                if self._knx is not None:
                    self._knx.wake()
            case Offer(point=point, offer_ma=offer_ma):
                self._tell_charger(point, partial(Driver.want, offer_ma=offer_ma))
            case Ask(point=point, key=key):
                self.objects.ask(point, key)
                if self._knx is not None:
                    self._knx.wake()
            case Unlock(point=point):
                self._tell_charger(point, Driver.unlock)
            case Note(text=text, level=level):
                detail = level is NoteLevel.DETAIL
                log.log(logging.DEBUG if detail else logging.INFO, "%s", text)
            case Remember() | SessionClosed() | FaultChanged():
                self._store(effect)

    def _tell_charger(self, point: PointNumber, tell: Callable[[Driver], None]) -> None:
        driver = self._chargers.get(charger_id(point))  # none: its transport is not available yet
        if driver is not None:
            tell(driver)
            self._bus_of[driver].wake()

    def _store(self, effect: Remember | SessionClosed | FaultChanged) -> None:
        match effect:
            case Remember(point=point, record=record):
                self._keeper.remember(point, record)
            case SessionClosed(point=point, session=session):
                row = SessionRow(
                    point=point,
                    started_at=session.started_at.isoformat() if session.started_at else None,
                    ended_at=session.ended_at.isoformat() if session.ended_at else None,
                    duration_s=session.duration_s,
                    energy_mwh=session.energy_mwh,
                )
                self._keeper.add_session(row)
            case FaultChanged(point=point, code=code, present=present, at=moment):
                where = f"cp{point}" if point else "general"
                detail = effect.level is NoteLevel.DETAIL
                level = logging.DEBUG if detail else logging.WARNING
                own = f" ({effect.own_code})" if effect.own_code else ""
                word = "raised" if present else "cleared"
                log.log(level, "%s: fault %s %s%s", where, code, word, own)
                at = moment.isoformat() if moment else None
                self._keeper.add_fault(FaultRow(at=at, point=point, code=code, present=present))
