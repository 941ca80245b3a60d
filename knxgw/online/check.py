"""The check of a configuration against the network: everything at once, within one time limit."""

import asyncio
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from knxgw.catalogue.device_model import DeviceModel
from knxgw.catalogue.messages import Message, message
from knxgw.config.devices import Device, DeviceRole, devices
from knxgw.config.model import Configuration, KnxLinkKind
from knxgw.config.objects import smart_meter_on_knx
from knxgw.errors import Place
from knxgw.links.modbus_buses import devices_by_endpoint
from knxgw.monitoring.online_check import Seen, State
from knxgw.online.knx_connection import KNX, METER, KnxLook
from knxgw.online.modbus_devices import EndpointLook, examined_device
from knxgw.online.ports import Ports
from knxgw.online.progress import Board

USUAL_LIMIT_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What of a configuration is looked at."""

    only: Container[str] | None = None  # ids; None: everything
    known: Mapping[str, tuple[State, Message]] = field(default_factory=dict)  # needs no look


EVERYTHING = Scope()


class OnlineCheck:
    """One check; `board` holds at any time what is known, also when it is cancelled."""

    def __init__(
        self,
        configuration: Configuration,
        models: Sequence[DeviceModel],
        *,
        place: Callable[[str], Place],
        on_change: Callable[[Seen], None] = lambda _seen: None,
        ports: Ports | None = None,
    ) -> None:
        """Check what a configuration names.

        `models`: those that may answer instead of the configured one; `place` finds a key in the source of
        the configuration; `on_change` hears of each change.
        """
        self.board = Board(place, on_change)
        self._configuration = configuration
        self._models = models
        self._ports = ports or Ports()
        self._scope = EVERYTHING

    async def run(
        self,
        limit_s: float = USUAL_LIMIT_S,
        *,
        held_by: Message | None = None,
        scope: Scope = EVERYTHING,
    ) -> None:
        """Look at everything; what is not done after `limit_s` stays unfinished.

        `held_by`: the gateway that runs on this machine. It has the connections, so nothing is touched.
        """
        board, self._scope = self.board, scope
        self._list()
        if held_by is not None:
            for id_ in board.seen:
                board.skip(id_, message("online_held", holder=held_by))
            return
        try:
            async with asyncio.timeout(limit_s), asyncio.TaskGroup() as group:
                for bus in self._buses():
                    group.create_task(bus.look())
                if KNX in board.seen and board.is_open(KNX):
                    look = KnxLook(self._configuration, board, self._ports)
                    group.create_task(look.look())
        except TimeoutError:
            pass
        finally:
            board.end_all(message("online_not_finished"))

    def _list(self) -> None:
        """List what is to be looked at."""
        configuration = self._configuration
        for device in devices(configuration):
            self._add(device.id, name_of(device))
        if configuration.knx.link is not KnxLinkKind.NONE:
            self._add(KNX, message("online_knx"))
            if smart_meter_on_knx(configuration.load_management) is not None:
                self._add(METER, message("online_smart_meter_on_knx"))

    def _add(self, seen_id: str, name: Message) -> None:
        only, known = self._scope.only, self._scope.known
        if only is not None and seen_id not in only:
            return
        self.board.add(seen_id, name)
        if seen_id in known:
            self.board.know(seen_id, *known[seen_id])

    def _buses(self) -> Iterator[EndpointLook]:
        """Yield a look at each endpoint; a device that no gateway would poll is left out."""
        configuration, board = self._configuration, self.board
        by_endpoint = devices_by_endpoint(configuration)
        polled = {device.id for shared in by_endpoint.values() for device in shared}
        for device in devices(configuration):
            if device.id not in polled and device.id in board.seen:
                board.skip(device.id, message("online_blocked"))
        for endpoint, shared in by_endpoint.items():
            examined = [
                examined_device(device, configuration, self._models, endpoint)
                for device in shared
                if device.id in board.seen and board.is_open(device.id)
            ]
            if not examined:
                continue
            yield EndpointLook(endpoint, examined, board, self._ports)


def name_of(device: Device) -> Message:
    """Return what a device is called."""
    match device.role:
        case DeviceRole.CHARGER:
            return message("online_charging_point", number=device.point or 0)
        case DeviceRole.POINT_METER:
            return message("online_point_meter", number=device.point or 0)
        case DeviceRole.GRID_METER:
            return message("online_smart_meter")
        case DeviceRole.SUBMETER:
            return message("online_submeter", name=device.name)
