"""What goes on beside a running device while it is set up: searches, the online check, the first charge.

One of each kind at a time. Nothing here touches a charger but to read it: the first charge and "which one is
this?" ask the station as a person does on a page.
"""

import asyncio
import logging
from collections.abc import Callable, Container, Coroutine, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from knxgw.catalogue.load import catalogue
from knxgw.catalogue.messages import Message
from knxgw.charging.events import LinkCondition
from knxgw.config.devices import devices
from knxgw.config.model import Configuration, Connection, ConnectionKind
from knxgw.config.reached import reached
from knxgw.errors import LinkError, Place
from knxgw.gateway import Gateway
from knxgw.held_devices import (
    KnownState,
    addresses_beside,
    known_by,
    known_values,
    used_lines,
    used_places,
)
from knxgw.host.network import own_addresses
from knxgw.host.on_loop import begun_on
from knxgw.host.serial_lines import serial_lines
from knxgw.host.subnets import subnets_of
from knxgw.monitoring.device_search import SearchProgress
from knxgw.monitoring.device_watch import WatchProgress
from knxgw.monitoring.online_check import State
from knxgw.monitoring.test_charge import Progress, TestCharge, TestRun
from knxgw.monitoring.test_charge_record import record
from knxgw.online.check import OnlineCheck, Scope
from knxgw.online.device_search import DeviceSearch, ports_of
from knxgw.online.device_watch import DeviceWatch
from knxgw.online.held_connections import NOT_ASKED
from knxgw.online.ports import Ports
from knxgw.station.actions import Action
from knxgw.station.view import PointView
from knxgw.website.answered import Place as Answered
from knxgw.website.commissioning import (
    UNCONFINED,
    CheckProgress,
    Commissioning,
    KnxProgress,
    Network,
    SearchPlaces,
    Surroundings,
)

log = logging.getLogger(__name__)
LOOK_S = 0.5  # between two looks of a first charge
IDENTIFY_S = 10.0  # that a charging point is interrupted, so that a person sees which one it is
CHECK_S = 60.0
WATCH_S = 300.0  # that devices are watched at most
UNASKED_S = 30.0  # no page has looked for so long: nobody watches any more
BEGINS_S = 5.0  # that a page waits for something to begin
_FAILED = "the set-up: %s failed: please report this"


def own_networks() -> tuple[Network, ...]:
    """Return the networks of this machine, with the ports at which models answer as they are delivered."""
    ports = ports_of(catalogue().models)
    return tuple(
        Network(name=str(one.network), hosts=one.hosts(), ports=ports)
        for one in subnets_of(own_addresses())
    )


class KeptCharges(NamedTuple):
    """First charges of earlier starts, and where those of this one are kept (`test_charge_record`)."""

    recalled: Mapping[int, Progress]  # by number of the charging point
    keep: Callable[[Mapping[str, Any]], object]


NO_KEPT_CHARGES = KeptCharges({}, lambda _: None)


class SettingUp:
    """The set-up of one device, on its loop; `for_pages` may be called from any thread."""

    def __init__(
        self,
        gateway: Gateway,
        group: asyncio.TaskGroup,
        surroundings: Surroundings | None = None,
        kept_charges: KeptCharges = NO_KEPT_CHARGES,
    ) -> None:
        around = surroundings or UNCONFINED
        self._gateway = gateway
        self._group = group
        self._loop = asyncio.get_running_loop()
        self._networks = around.networks or own_networks
        self._confined, self._refuses = around.confined, around.refuses
        ports = Ports()
        self._ports = (
            ports if around.search_knx is None else replace(ports, search=around.search_knx)
        )
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._search: DeviceSearch | None = None
        self._has_answered: set[Answered] = set()  # Modbus TCP
        self._searches = 0
        self._check = CheckProgress()
        self._watch: DeviceWatch | None = None
        self._watches = 0
        self._watch_asked_at = 0.0  # by a page
        self._addresses = NOT_ASKED  # of the hosts of what is watched
        self._knx = KnxProgress()
        self._run = TestRun(kept_charges.recalled)
        self._keep_charges = kept_charges.keep
        self._charge: TestCharge | None = None
        self._identified: int | None = None

    def for_pages(self) -> Commissioning:
        """Return what pages may ask; safe from any thread."""
        return Commissioning(
            places=self._places,
            search_network=self._soon(self._search_network),
            search_address=self._soon(self._search_address),
            search_line=self._soon(self._search_line),
            search=self._search_progress,
            cancel_search=self._soon(self._cancel_search),
            answered=self.answered,
            start_check=self._soon(self._start_check),
            check=lambda: self._check,
            cancel_check=self._soon(self._cancel_check),
            start_watch=self._soon(self._start_watch),
            watch=self._watch_progress,
            search_knx=self._soon(self._search_knx),
            knx=lambda: self._knx,
            start_charge=self._soon(self._start_charge),
            charge=lambda: self._run.progress,
            end_charge=self._soon(self._end_charge),
            charges=lambda: dict(self._run.protocol),
            identify=self._soon(self._identify),
            identified=lambda: self._identified,
        )

    def end(self) -> None:
        """End everything that goes on: the device ends."""
        for task in self._tasks.values():
            task.cancel()

    def _soon(self, what: Callable[..., None]) -> Callable[..., None]:
        return partial(begun_on, self._loop, what, limit_s=BEGINS_S)

    def _begin(self, kind: str, running: Coroutine[Any, Any, None]) -> None:
        """Begin something, unless the same goes on. An error of its own is no reason to end the device."""
        if self._goes_on(kind):
            running.close()
            return

        async def guarded() -> None:
            try:
                await running
            except Exception:
                log.exception(_FAILED, kind)

        self._tasks[kind] = self._group.create_task(guarded(), name=kind)

    def _goes_on(self, kind: str) -> bool:
        task = self._tasks.get(kind)
        return task is not None and not task.done()

    def _cancel(self, kind: str) -> bool:
        """End something; tell whether it went on."""
        if not self._goes_on(kind):
            return False
        return self._tasks[kind].cancel()

    # --- devices

    def _places(self) -> SearchPlaces:
        names = tuple(one.name for one in self._networks())
        return SearchPlaces(networks=names, lines=serial_lines())

    def _search_progress(self) -> SearchProgress:
        return SearchProgress() if self._search is None else self._search.progress

    def _search_network(self, name: str) -> None:
        network = next((one for one in self._networks() if one.name == name), None)
        if network is not None:  # else it is none of ours any more
            self._begin_search(lambda one: one.in_network(network.hosts, network.ports))

    def _search_address(self, host: str, port: int, units: tuple[int, ...] | None) -> None:
        self._begin_search(
            lambda one: one.at_address(host, port, units), host, refused=self._refuses(host)
        )

    def _search_line(self, line: str) -> None:
        self._begin_search(lambda one: one.on_line(line), refused=self._refuses(None))

    def _begin_search(
        self,
        look: Callable[[DeviceSearch], Coroutine[Any, Any, None]],
        host: str | None = None,
        *,
        refused: Message | None = None,
    ) -> None:
        if self._goes_on("search"):
            return
        self._cancel("watch")  # many devices take one connection only
        self._searches += 1
        earlier = self._search_progress().known
        search = DeviceSearch(catalogue().models, number=self._searches)
        search.remember(earlier)
        self._search = search
        if refused is not None:
            search.refuse(refused)
            return

        async def run() -> None:
            search.used = await used_places(self._gateway.configuration, host)
            search.used_lines = used_lines(self._gateway.configuration)
            search.leave_out_used()
            try:
                await look(search)
            finally:
                found = search.progress.found
                self._note_answers(one.connection for one in found if one.model is not None)

        self._begin("search", run())

    def _cancel_search(self) -> None:
        if self._cancel("search") and self._search is not None:
            self._search.cancelled()

    def _note_answers(self, connections: Iterable[Connection]) -> None:
        for one in connections:
            if one.kind is ConnectionKind.TCP and one.host is not None:
                self._has_answered.add((one.host, one.port, one.unit))

    def answered(self) -> frozenset[Answered]:
        """Return where a device has answered Modbus TCP: found, checked, or used by the gateway; from any thread."""
        running, application = self._gateway.configuration, self._gateway.application
        if running is not None and application is not None:
            buses = application.buses
            drivers = ((one.connection, buses.driver_of(one.id)) for one in devices(running))
            self._note_answers(
                where
                for where, driver in drivers
                if driver is not None and driver.condition is LinkCondition.GOOD
            )
        return frozenset(tuple(self._has_answered))

    # --- the online check

    def _start_check(
        self,
        configuration: Configuration,
        place: Callable[[str], Place],
        text_sum: str,
        only: Container[str] | None,
    ) -> None:
        if self._goes_on("check"):
            return
        self._cancel("watch")
        configuration = self._confined(configuration)
        number = self._check.number + 1
        self._check = CheckProgress(number=number, is_running=True, text_sum=text_sum)
        online = OnlineCheck(
            configuration,
            tuple(catalogue().models),
            place=place,
            on_change=lambda _one: self._show_check(online),
            ports=self._ports,
        )
        self._begin("check", self._checked(online, configuration, only))

    async def _checked(
        self, online: OnlineCheck, configuration: Configuration, only: Container[str] | None
    ) -> None:
        try:
            addresses = await addresses_beside(self._gateway.configuration, configuration)
            known: dict[str, KnownState] = known_by(self._gateway, configuration, addresses)
            known |= {
                id_: (State.SKIPPED, why) for id_, why in self._refused(configuration).items()
            }
            await online.run(CHECK_S, scope=Scope(only=only, known=known))
        finally:
            self._show_check(online)
            good = {one.id for one in self._check.seen if one.state is State.GOOD}
            self._note_answers(one.connection for one in devices(configuration) if one.id in good)
            self._check = replace(self._check, is_running=False)

    def _refused(self, configuration: Configuration) -> dict[str, Message]:
        """Return what of a configuration is not reached from here, and why."""
        whys = {one.id: self._refuses(one.host) for one in reached(configuration)}
        return {id_: why for id_, why in whys.items() if why is not None}

    def _show_check(self, online: OnlineCheck) -> None:
        self._check = replace(self._check, seen=tuple(online.board.seen.values()))

    def _cancel_check(self) -> None:
        if self._cancel("check"):
            self._check = replace(self._check, is_running=False, was_cancelled=True)

    # --- devices that somebody watches

    def _watch_progress(self) -> WatchProgress:
        self._watch_asked_at = self._loop.time()
        return WatchProgress() if self._watch is None else self._watch.progress

    def _start_watch(self, configuration: Configuration, only: Container[str]) -> None:
        self._cancel("watch")
        before = self._tasks.pop("watch", None)
        self._watches += 1
        self._watch_asked_at = self._loop.time()
        refused = self._refused(configuration)
        self._watch = DeviceWatch(
            configuration,
            {one.id for one in devices(configuration) if one.id in only and one.id not in refused},
            number=self._watches,
            known=lambda: known_values(self._gateway, configuration, self._addresses),
        )
        self._begin("watch", self._watched(self._watch, configuration, before))

    async def _watched(
        self, watch: DeviceWatch, configuration: Configuration, before: asyncio.Task[None] | None
    ) -> None:
        in_force = self._gateway.configuration

        def goes_on() -> bool:  # the gateway needs the connections of what has come into force
            is_asked = self._loop.time() - self._watch_asked_at < UNASKED_S
            return is_asked and self._gateway.configuration is in_force

        try:
            if before is not None:
                await asyncio.wait([before])
            if self._goes_on("check"):
                await asyncio.wait([self._tasks["check"]])
            self._addresses = await addresses_beside(in_force, configuration)
            await watch.run(WATCH_S, goes_on)
        finally:
            watch.end()

    # --- KNX interfaces

    def _search_knx(self, local_ip: str | None) -> None:
        if self._goes_on("knx"):
            return
        self._knx = KnxProgress(number=self._knx.number + 1, is_running=True)
        self._begin("knx", self._found_knx(local_ip))

    async def _found_knx(self, local_ip: str | None) -> None:
        trouble = ""
        try:
            self._knx = replace(self._knx, devices=tuple(await self._ports.search(local_ip)))
        except (LinkError, OSError) as err:
            trouble = str(err)
        finally:
            self._knx = replace(self._knx, is_running=False, trouble=trouble)

    # --- the first charge

    def _point(self, number: int) -> PointView | None:
        points = self._gateway.view(None).points
        return next((one for one in points if one.number == number), None)

    def _start_charge(self, number: int, text_sum: str = "") -> None:
        first = self._point(number)
        if first is None or self._goes_on("charge"):
            return
        test = TestCharge(
            first,
            number=self._run.progress.number + 1,
            now_s=self._loop.time(),
            began_at=self._ports.wall_clock(),
            text_sum=text_sum,
        )
        self._charge = test
        self._run.show(test.progress)
        self._begin("charge", self._charged(test, number))

    async def _charged(self, test: TestCharge, number: int) -> None:
        try:
            while not test.is_done:
                await asyncio.sleep(LOOK_S)
                for action, setpoint_ma in test.look(self._point(number), self._loop.time()):
                    self._gateway.act(number, action, setpoint_ma)
                self._run.show(test.progress)
        finally:  # the device ends, or a person ends the test
            for action, setpoint_ma in test.end():
                self._gateway.act(number, action, setpoint_ma)
            self._run.show(test.progress)
            self._keep_charges(record(self._run.protocol))

    def _end_charge(self) -> None:
        self._cancel("charge")

    # --- which one is this?

    def _identify(self, number: int) -> None:
        point = self._point(number)
        if point is not None and Action.INTERRUPT in point.actions:
            self._begin("identify", self._interrupted(number))

    async def _interrupted(self, number: int) -> None:
        self._identified = number
        self._gateway.act(number, Action.INTERRUPT, None)
        try:
            await asyncio.sleep(IDENTIFY_S)
        finally:
            self._gateway.act(number, Action.RESUME, None)
            self._identified = None
