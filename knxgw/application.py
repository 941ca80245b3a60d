"""What one configuration makes of the device: a station, its group objects, its buses.

It begins when a device is configured and ends when it is not any more. Another configuration in
between changes it while it runs: everything that can fail is done before anything is changed.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

from knxgw.catalogue.codes import FaultCode
from knxgw.catalogue.object_keys import RFID
from knxgw.catalogue.product import Catalogue
from knxgw.charging.scope import Scope, log_name, point_scope
from knxgw.config.model import Configuration
from knxgw.errors import GatewayError
from knxgw.links.modbus import OnExchange
from knxgw.links.modbus_buses import CHECK_EVERY_S, LAST_WRITES_S, ModbusBuses
from knxgw.modbus.driver import Driver
from knxgw.objects.server import ObjectServer
from knxgw.objects.table import GroupObject, build_table
from knxgw.station.initial import initial
from knxgw.station.model import (
    Ask,
    ConfigurationChanged,
    Effect,
    FaultChanged,
    LeaveBehind,
    Note,
    NoteLevel,
    Offer,
    Publish,
    Remember,
    SessionClosed,
    Started,
    Station,
    Stopping,
    Unlock,
)
from knxgw.station.owner import Inbox, Owner
from knxgw.station.show import view
from knxgw.station.view import SiteView
from knxgw.store.database import FaultRow, SessionRow
from knxgw.store.writer import StoreWriter

log = logging.getLogger(__name__)
Records = Mapping[Scope, Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What an application has of its device."""

    catalogue: Catalogue
    inbox: Inbox  # of whatever station there is
    objects: ObjectServer  # it speaks for the objects of whatever is configured
    wake_knx: Callable[[], None]  # there may be something to send
    store_writer: StoreWriter
    now: Callable[[], datetime | None]  # None while the time is not valid
    on_exchange: Callable[[str], OnExchange[Driver]]  # who notes the requests of a bus
    on_card: Callable[[str], None]  # a card that no log may show as a whole


class Application:
    """One configured site, while it runs."""

    def __init__(
        self, configuration: Configuration, records: Records, device: Surroundings
    ) -> None:
        """Begin with what was stored; nothing is written to a charger yet."""
        self.configuration = configuration
        self._device = device
        self._now_s = asyncio.get_running_loop().time  # pages are made in other threads
        station = initial(configuration, records, self._now_s(), device.now())
        self._owner = Owner(station, device.inbox, self._carry_out)
        self._fault_times: dict[tuple[Scope, FaultCode], datetime | None] = {}  # since when present
        table = _table(configuration, device.catalogue)
        self.buses = ModbusBuses(device.inbox.put, device.on_exchange)
        self.buses.configure(configuration)
        device.objects.load(*table)  # last: a configuration that cannot be taken changes nothing
        device.inbox.open()
        device.inbox.put(Started())

    @property
    def station(self) -> Station:
        """Return the station as it is now."""
        return self._owner.station

    def view(self, language: str | None = None) -> SiteView:
        """Return what the site looks like now, in a language (en, de), None: that of the device."""
        language = language or self.configuration.device.language
        return view(self.station, self._now_s(), language, self._fault_times)

    # --- life

    async def run(self) -> NoReturn:
        """Run until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._owner.run(), name="station")
            group.create_task(self.buses.run(), name="buses")
        raise GatewayError("the application's tasks ended")  # they never do

    async def change(self, configuration: Configuration, records: Records) -> None:
        """Go on with another configuration; `records` are the stored ones of its charging points.

        Whatever cannot be done with it is raised before anything has changed. Returns when
        chargers that are not asked any more know what is left behind.
        """
        self._owner.catch_up(self._now_s())
        added = [
            point_scope(point.number)
            for point in configuration.points
            if point.number not in self.station.points
        ]
        new = {scope: records[scope] for scope in added if scope in records}
        event = ConfigurationChanged(configuration=configuration, records=new)
        table = _table(configuration, self._device.catalogue)
        prepared = self._owner.prepare(event, self._now_s())
        renewed = self.buses.configure(configuration)
        # from here on nothing can fail
        self.configuration = configuration
        self._device.objects.load(*table)
        self._owner.take(event, prepared, self._now_s())
        for number in renewed:  # a new driver has no offer yet
            decision = self.station.points[number].control.decision
            if decision is not None:
                self.buses.want(number, decision.offer_ma)
        await self.buses.ended()

    async def leave(self) -> None:
        """Leave the chargers safe while the buses still work; their watchdogs stay armed.

        Source: load-management 16.
        """
        self._device.inbox.put(Stopping())
        give_up_at = self._now_s() + LAST_WRITES_S
        while self._now_s() < give_up_at and not self._is_left_safe:  # noqa: ASYNC110 - many parts
            await asyncio.sleep(CHECK_EVERY_S)

    @property
    def _is_left_safe(self) -> bool:
        """Tell whether every reachable charger has acknowledged its last offer."""
        return self.station.operation.is_stopping and self.buses.is_acknowledged

    # --- effects

    def _carry_out(self, effect: Effect) -> None:
        match effect:
            case Publish(scope=scope, key=key, value=value):
                if key == RFID and isinstance(value, str):
                    self._device.on_card(value)
                self._device.objects.publish(scope, key, value, self._now_s())
                self._device.wake_knx()
            case Offer(point=point, offer_ma=offer_ma):
                self.buses.want(point, offer_ma)
            case LeaveBehind(point=point, offer_ma=offer_ma):
                self.buses.leave_behind(point, offer_ma)
            case Ask(scope=scope, key=key):
                self._device.objects.ask(scope, key)
                self._device.wake_knx()
            case Unlock(point=point):
                self.buses.unlock(point)
            case Note(text=text, level=level):
                detail = level is NoteLevel.DETAIL
                log.log(logging.DEBUG if detail else logging.INFO, "%s", text)
            case Remember() | SessionClosed() | FaultChanged():
                self._store(effect)

    def _store(self, effect: Remember | SessionClosed | FaultChanged) -> None:
        match effect:
            case Remember(scope=scope, record=record):
                self._device.store_writer.save(scope, record)
            case SessionClosed(point=point, session=session):
                row = SessionRow(
                    point=point,
                    started_at=session.started_at.isoformat() if session.started_at else None,
                    ended_at=session.ended_at.isoformat() if session.ended_at else None,
                    duration_s=session.duration_s,
                    energy_mwh=session.energy_mwh,
                    highest_power_w=session.details.highest_power_w,
                    card=session.details.card,
                    ending=session.details.ending,
                    held_by=session.details.held_by,
                )
                self._device.store_writer.add_session(row)
            case FaultChanged(scope=scope, code=code, is_present=present, at=moment):
                detail = effect.level is NoteLevel.DETAIL
                level = logging.DEBUG if detail else logging.WARNING
                own = f" ({effect.own_code})" if effect.own_code else ""
                word = "raised" if present else "cleared"
                log.log(level, "%s: fault %s %s%s", log_name(scope), code, word, own)
                at = moment.isoformat() if moment else None
                if present:
                    self._fault_times[scope, code] = moment
                else:
                    self._fault_times.pop((scope, code), None)
                row_of_fault = FaultRow(at=at, scope=scope, code=code, present=present)
                self._device.store_writer.add_fault(row_of_fault)


def _table(
    configuration: Configuration, catalogue: Catalogue
) -> tuple[tuple[GroupObject, ...], ZoneInfo]:
    """Return the group objects of a configuration, and the time zone in which they speak."""
    return build_table(configuration, catalogue), ZoneInfo(configuration.device.time_zone)
