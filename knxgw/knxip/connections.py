"""Connections: opened, kept alive, ended, from either side.

Source: [knxnetip].
"""

from collections.abc import Callable, Collection

from xknx.knxip import (
    ConnectionStateRequest,
    ConnectionStateResponse,
    ConnectRequestType,
    ConnectResponse,
    ConnectResponseData,
    DisconnectRequest,
    DisconnectResponse,
    ErrorCode,
    KNXIPServiceType,
)
from xknx.knxip.knxip_enum import TunnellingLayer
from xknx.telegram.address import IndividualAddress

from knxgw.knxip.admission import Admission
from knxgw.knxip.channel import SILENCE_S, Channel, Kind
from knxgw.knxip.effects import Closed, Effect, Opened, Send
from knxgw.knxip.numbered import MANAGEMENT_PATIENCE, TUNNEL_PATIENCE, Sender
from knxgw.knxip.ports import Description
from knxgw.knxip.requests import Connect, UnknownProtocol
from knxgw.knxip.statistics import Statistics
from knxgw.knxip.wire import (
    Place,
    answer_place,
    frame_of,
    framed,
    is_of_transport,
    own_endpoint,
)

HIGHEST_NUMBER = 255
_BASIC, _EXTENDED = 2, 4  # octets of the options of a tunnel
_TYPES = {
    Kind.TUNNEL: ConnectRequestType.TUNNEL_CONNECTION,
    Kind.MANAGEMENT: ConnectRequestType.DEVICE_MGMT_CONNECTION,
}


class Connections:
    """All connections of the server."""

    def __init__(
        self,
        own: Place,
        describe: Callable[[], Description],
        statistics: Statistics,
        most_management: int,
        admission: Callable[[Place], Admission],
    ) -> None:
        """Serve at `own`, with at most that many device management connections at once.

        `admission`: what somebody may open.
        """
        self._own, self._describe, self._statistics = own, describe, statistics
        self._admission = admission
        self._most_management = most_management
        self._channels: dict[int, Channel] = {}
        self._last_number = 0

    @property
    def channels(self) -> Collection[Channel]:
        """Return the open ones."""
        return tuple(self._channels.values())

    @property
    def used_addresses(self) -> frozenset[IndividualAddress]:
        """Return the addresses of open tunnels."""
        return frozenset(one.address for one in self._channels.values() if one.address is not None)

    def is_open(self, channel: Channel) -> bool:
        """Tell whether a connection is there, and not another one by its number."""
        return self._channels.get(channel.number) is channel

    def find(self, number: int, source: Place) -> Channel | None:
        """Return the connection of that number if the source has a say in it."""
        channel = self._channels.get(number)
        if channel is None or not channel.is_of(source):
            self._statistics.strangers += 1
            return None
        return channel

    def connect(
        self, request: Connect | UnknownProtocol, source: Place, now_s: float, *, is_held: bool
    ) -> list[Effect]:
        """Answer CONNECT_REQUEST; `is_held`: the way back takes nothing more for now."""
        if isinstance(request, UnknownProtocol):
            return [self._refused(ErrorCode.E_HOST_PROTOCOL_TYPE, source)]
        control = answer_place(request.control_endpoint, source)
        endpoints = (request.control_endpoint, request.data_endpoint)
        if not all(is_of_transport(one, source) for one in endpoints):
            return [self._refused(ErrorCode.E_HOST_PROTOCOL_TYPE, source)]
        granted = self._granted(request, self._admission(source))
        number = self._free_number()
        if isinstance(granted, ErrorCode):
            return [self._refused(granted, control)]
        if number is None:
            return [self._refused(ErrorCode.E_NO_MORE_CONNECTIONS, control)]
        kind, address = granted
        patience = TUNNEL_PATIENCE if kind is Kind.TUNNEL else MANAGEMENT_PATIENCE
        channel = Channel(
            number=number,
            kind=kind,
            opener=source,
            control=control,
            data=answer_place(request.data_endpoint, source),
            sender=Sender(number, patience if source.stream is None else None),
            heard_at=now_s,
            address=address,
        )
        channel.sender.is_held = is_held
        self._channels[number] = channel
        self._last_number = number
        self._statistics.connections += 1
        response = ConnectResponse(
            number,
            data_endpoint=own_endpoint(self._own, source),
            crd=ConnectResponseData(_TYPES[kind], address),
        )
        return [Send(control, frame_of(response)), Opened(channel)]

    def state(self, request: ConnectionStateRequest, source: Place, now_s: float) -> list[Effect]:
        """Answer CONNECTIONSTATE_REQUEST, the heartbeat."""
        number = request.communication_channel_id
        channel = self.find(number, source)
        status = ErrorCode.E_CONNECTION_ID
        if channel is not None:
            channel.heard_at = now_s
            status = ErrorCode.E_NO_ERROR
        to = answer_place(request.control_endpoint, source)
        return [Send(to, frame_of(ConnectionStateResponse(number, status)))]

    def disconnect(self, request: DisconnectRequest, source: Place) -> list[Effect]:
        """Answer DISCONNECT_REQUEST."""
        number = request.communication_channel_id
        to = answer_place(request.control_endpoint, source)
        channel = self.find(number, source)
        if channel is None:
            return [Send(to, frame_of(DisconnectResponse(number, ErrorCode.E_CONNECTION_ID)))]
        self._statistics.disconnected_by_client += 1
        return [Send(to, frame_of(DisconnectResponse(number))), self._closed(channel)]

    def end(self, channel: Channel) -> list[Effect]:
        """End a connection from our side; whether the client answers makes no difference."""
        own = own_endpoint(self._own, channel.opener)
        farewell = Send(channel.control, frame_of(DisconnectRequest(channel.number, own)))
        return [farewell, self._closed(channel)]

    def lose_stream(self, stream: int) -> list[Effect]:
        """End the connections of a TCP connection that has closed."""
        return [self._closed(one) for one in self.channels if one.opener.stream == stream]

    def lose_session(self, place: Place) -> list[Effect]:
        """End the connections of a session that is no more."""
        return [self._closed(one) for one in self.channels if one.opener == place]

    def tick(self, now_s: float) -> list[Effect]:
        """Repeat what was not acknowledged; end connections of clients that are gone."""
        effects: list[Effect] = []
        for channel in self.channels:
            effects += [Send(channel.data, raw) for raw in channel.sender.tick(now_s)]
            effects += self.end_if_lost(channel)
            if self.is_open(channel) and now_s >= channel.heard_at + SILENCE_S:
                self._statistics.heartbeats_missed += 1
                effects += self.end(channel)
        return effects

    def end_if_lost(self, channel: Channel) -> list[Effect]:
        """End a connection whose client acknowledges nothing."""
        if not channel.sender.has_failed:
            return []
        self._statistics.acknowledgements_missed += 1
        return self.end(channel)

    def due_at(self) -> float | None:
        """Return when `tick` has to be called [s]."""
        return min((one.due_at() for one in self._channels.values()), default=None)

    def _granted(
        self, request: Connect, admission: Admission
    ) -> tuple[Kind, IndividualAddress | None] | ErrorCode:
        if request.kind == ConnectRequestType.DEVICE_MGMT_CONNECTION.value:
            return admission.to_management or self._management(request.options)
        addresses = self._describe().tunnel_addresses
        if request.kind == ConnectRequestType.TUNNEL_CONNECTION.value and addresses:
            if admission.to_tunnels is not None:
                return admission.to_tunnels
            allowed = tuple(one for one in addresses if admission.allows(one))
            address = self._tunnel_address(request.options, allowed)
            return address if isinstance(address, ErrorCode) else (Kind.TUNNEL, address)
        return ErrorCode.E_CONNECTION_TYPE

    def _management(self, options: bytes) -> tuple[Kind, None] | ErrorCode:
        if options:
            return ErrorCode.E_CONNECTION_OPTION
        count = sum(one.kind is Kind.MANAGEMENT for one in self._channels.values())
        if count >= self._most_management:
            return ErrorCode.E_NO_MORE_CONNECTIONS
        return Kind.MANAGEMENT, None

    def _tunnel_address(
        self, options: bytes, addresses: tuple[IndividualAddress, ...]
    ) -> IndividualAddress | ErrorCode:
        if len(options) not in (_BASIC, _EXTENDED):
            return ErrorCode.E_CONNECTION_OPTION
        if options[0] != TunnellingLayer.DATA_LINK_LAYER.value:
            return ErrorCode.E_TUNNELLING_LAYER  # raw, bus monitor, and what nobody knows
        used = self.used_addresses
        if len(options) == _BASIC:
            free = (one for one in addresses if one not in used)
            return next(free, ErrorCode.E_NO_MORE_CONNECTIONS)
        wanted = IndividualAddress.from_knx(options[2:])
        if wanted not in addresses:
            return ErrorCode.E_NO_TUNNELLING_ADDRESS
        return ErrorCode.E_CONNECTION_IN_USE if wanted in used else wanted

    def _free_number(self) -> int | None:
        """Return a number that was not used for long: a client that is gone may still use the last one."""
        numbers = (
            (self._last_number + step) % HIGHEST_NUMBER + 1 for step in range(HIGHEST_NUMBER)
        )
        return next((one for one in numbers if one not in self._channels), None)

    def _refused(self, status: ErrorCode, to: Place) -> Send:
        """Answer with two octets; xknx writes an endpoint and an address even then."""
        self._statistics.connections_refused += 1
        return Send(to, framed(KNXIPServiceType.CONNECT_RESPONSE, bytes((0, status.value))))

    def _closed(self, channel: Channel) -> Closed:
        del self._channels[channel.number]
        return Closed(channel)
