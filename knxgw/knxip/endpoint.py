"""The whole server without a socket: frames in, effects out, time as an argument.

Nothing that comes from the network raises here: what cannot be read is counted and dropped.
"""

from collections.abc import Callable, Collection

from xknx.cemi import CEMILData
from xknx.knxip import (
    ConnectionStateRequest,
    DescriptionRequest,
    DisconnectRequest,
    DisconnectResponse,
    SearchRequest,
)
from xknx.knxip import KNXIPServiceType as Service
from xknx.telegram.address import IndividualAddress

from knxgw.errors import DecodeError
from knxgw.knx.frames import Outcome
from knxgw.knx.ip_security import IpSecurity
from knxgw.knxip.admission import Admission, admission_of, plain_admission
from knxgw.knxip.cemi import data_confirmation, read_management
from knxgw.knxip.channel import Channel, Kind
from knxgw.knxip.connections import Connections
from knxgw.knxip.discovery import Discovery
from knxgw.knxip.effects import Effect, Manage, Send, Transmit
from knxgw.knxip.features import feature_response, news
from knxgw.knxip.numbered import Verdict, judged
from knxgw.knxip.ports import Description, PropertyAddress
from knxgw.knxip.requests import (
    CONNECTION_HEADER,
    Acknowledged,
    Connect,
    ExtendedSearch,
    Numbered,
    Request,
    UnknownProtocol,
    Unserved,
    read_request,
)
from knxgw.knxip.secure_sessions import Ended, Inner, Result, SecureSessions
from knxgw.knxip.statistics import Statistics
from knxgw.knxip.tunnelling import asked_for, indication
from knxgw.knxip.wire import Place, framed, unframed

MOST_MANAGEMENT = 4  # device management connections
_OF_SESSIONS = (Service.SESSION_REQUEST, Service.SECURE_WRAPPER)
_SECURE = range(Service.SECURE_WRAPPER.value, Service.TIMER_NOTIFY.value + 1)


class KnxIpEndpoint:
    """What the server knows: its connections, and how to answer."""

    def __init__(
        self,
        own: Place,
        describe: Callable[[], Description],
        statistics: Statistics,
        most_management: int = MOST_MANAGEMENT,
        secure: Callable[[], IpSecurity] = IpSecurity,
    ) -> None:
        """Answer for the device that `describe` describes, at the UDP endpoint `own`; `secure`: of KNX IP Secure."""
        self._own, self._describe, self._statistics = own, describe, statistics
        self._secure = secure
        self._sessions = SecureSessions(describe, secure, statistics)
        self._connections = Connections(own, describe, statistics, most_management, self._admission)
        self._discovery = Discovery(own, describe, statistics)
        self._held: set[int] = set()  # TCP connections that take nothing for now

    @property
    def streams_in_use(self) -> frozenset[int]:
        """Return the TCP connections that have connections or sessions open."""
        openers = (one.opener.stream for one in self._connections.channels)
        in_use = frozenset(one for one in openers if one is not None)
        return in_use | self._sessions.streams_in_use

    @property
    def channels(self) -> Collection[Channel]:
        """Return the open connections."""
        return self._connections.channels

    @property
    def used_addresses(self) -> frozenset[IndividualAddress]:
        """Return the addresses of open tunnels."""
        return self._connections.used_addresses

    def due_at(self) -> float | None:
        """Return when `tick` has to be called [s]; None: nothing is awaited."""
        moments = (self._connections.due_at(), self._sessions.due_at())
        return min((one for one in moments if one is not None), default=None)

    def take(
        self, raw: bytes, source: Place, now_s: float, *, by_multicast: bool = False
    ) -> list[Effect]:
        """Take a frame of anybody; `by_multicast`: it was for everybody who listens to searches."""
        if source == self._own:
            return []  # our own, come back
        try:
            request = read_request(raw)
            if by_multicast and not isinstance(request, SearchRequest | ExtendedSearch):
                return []  # others listen to the group for what is not a search
            if isinstance(request, Unserved) and request.service in _OF_SESSIONS:
                return self._in_session(raw, source, now_s)
            return self._answer(request, source, now_s)
        except DecodeError:
            self._statistics.malformed += 1
            return []

    def transmitted(
        self, channel: Channel, cemi: bytes, outcome: Outcome, now_s: float
    ) -> list[Effect]:
        """Take what became of a frame that a tunnel sent; its client hears whether it is on the line."""
        if channel.address is None:
            return []
        is_good = outcome is Outcome.CONFIRMED
        confirmation = data_confirmation(cemi, channel.address, is_good=is_good)
        return self.managed(channel, confirmation, now_s)

    def managed(self, channel: Channel, cemi: bytes | None, now_s: float) -> list[Effect]:
        """Take the answer to a request; None: it is done, and nothing is to be said."""
        channel.under_way -= 1
        if cemi is None or not self._connections.is_open(channel):
            return []
        return self._send(channel, channel.request_service, cemi, now_s)

    def say(self, channel: Channel, cemi: bytes, now_s: float) -> list[Effect]:
        """Send a client what it has not asked for just now."""
        if not self._connections.is_open(channel):
            return []
        if not channel.has_room:
            self._statistics.answers_lost += 1
            return []
        return self._send(channel, channel.request_service, cemi, now_s)

    def inform(self, about: PropertyAddress, cemi: bytes, now_s: float) -> list[Effect]:
        """Tell the clients of the device management about a property, but whoever has just written it."""
        effects: list[Effect] = []
        for channel in self._connections.channels:
            if channel.kind is Kind.MANAGEMENT and channel.writes != about:
                effects += self.say(channel, cemi, now_s)
        return effects

    def indicate(self, channel: Channel, data: CEMILData, now_s: float) -> list[Effect]:
        """Hand a frame of the line to the client of a tunnel."""
        if not self._connections.is_open(channel):
            return []
        cemi = indication(channel, data, self._statistics)
        if cemi is None:
            return []
        return self._send(channel, Service.TUNNELLING_REQUEST, cemi, now_s)

    def described_again(self, now_s: float) -> list[Effect]:
        """Tell clients that want to know what has changed of their tunnel."""
        effects: list[Effect] = []
        for channel in self._connections.channels:
            for content in news(self._describe(), channel) if channel.has_room else ():
                effects += self._send(channel, Service.TUNNELLING_FEATURE_INFO, content, now_s)
        return effects

    def hold(self, stream: int) -> None:
        """Send nothing to the tunnels of a TCP connection for now: its client is slow."""
        self._held.add(stream)
        for channel in self._connections.channels:
            if channel.opener.stream == stream:
                channel.sender.is_held = True

    def release(self, stream: int, now_s: float) -> list[Effect]:
        """Go on after `hold`."""
        self._held.discard(stream)
        effects: list[Effect] = []
        for channel in self._connections.channels:
            if channel.opener.stream == stream:
                channel.sender.is_held = False
                effects += [Send(channel.data, raw) for raw in channel.sender.flush(now_s)]
        return effects

    def sealed(self, send: Send) -> bytes | None:
        """Return a frame for a session as it goes out; None: that is no more."""
        return self._sessions.sealed(send.to, send.raw)

    def lose_stream(self, stream: int) -> list[Effect]:
        """Take the end of a TCP connection."""
        self._held.discard(stream)
        self._sessions.lose_stream(stream)
        return self._connections.lose_stream(stream)

    def tick(self, now_s: float) -> list[Effect]:
        """Do what is due."""
        effects = self._connections.tick(now_s)
        return effects + self._of_sessions(self._sessions.tick(now_s), now_s)

    def end(self) -> list[Effect]:
        """End all connections, and the sessions that they are in."""
        effects: list[Effect] = []
        for channel in self._connections.channels:
            effects += self._sealed(self._connections.end(channel))
        return effects + self._of_sessions(self._sessions.end(), 0.0)

    # --- KNX IP Secure

    def admit_again(self, now_s: float) -> list[Effect]:
        """End what could not be opened any more: by users of before, or plain where that is secured now."""
        effects = self._of_sessions(self._sessions.end_changed(), now_s)
        for channel in self._connections.channels:
            if not self._admission(channel.opener).still_admits(channel):
                effects += self._sealed(self._connections.end(channel))
        return effects

    def _in_session(self, raw: bytes, source: Place, now_s: float) -> list[Effect]:
        """Take the begin of a session, or a frame in one. Raises: DecodeError."""
        service, body = unframed(raw)
        if service is Service.SESSION_REQUEST:
            return self._of_sessions(self._sessions.begin(body, source, now_s), now_s)
        return self._of_sessions(self._sessions.take(raw, source, now_s), now_s)

    def _of_sessions(self, results: list[Result], now_s: float) -> list[Effect]:
        effects: list[Effect] = []
        for one in results:
            match one:
                case Inner(frame, place):
                    effects += self._answer(read_request(frame), place, now_s)
                case Ended(place):
                    effects += self._connections.lose_session(place)
                case Send():
                    effects.append(one)
        return effects

    def _sealed(self, effects: list[Effect]) -> list[Effect]:
        """Return effects whose frames are sealed already: their session ends before they are sent."""
        sealed: list[Effect] = []
        for one in effects:
            if isinstance(one, Send) and one.to.session is not None:
                raw = self.sealed(one)
                sealed += [] if raw is None else [Send(one.to._replace(session=None), raw)]
            else:
                sealed.append(one)
        return sealed

    def _admission(self, source: Place) -> Admission:
        settings = self._secure()
        if source.session is None:
            return plain_admission(settings)
        return admission_of(self._sessions.user_of(source), settings)

    def _answer(self, request: Request, source: Place, now_s: float) -> list[Effect]:
        effects: list[Effect] = []
        match request:
            case Numbered():
                effects = self._numbered(request, source, now_s)
            case Acknowledged():
                effects = self._acknowledged(request, source, now_s)
            case SearchRequest() | ExtendedSearch() | DescriptionRequest():
                used = self._connections.used_addresses
                effects = self._discovery.answer(request, source, used, now_s)
            case ConnectionStateRequest():
                effects = self._connections.state(request, source, now_s)
            case Connect() | UnknownProtocol():
                is_held = source.stream in self._held
                effects = self._connections.connect(request, source, now_s, is_held=is_held)
            case DisconnectRequest():
                effects = self._connections.disconnect(request, source)
            case Unserved():
                self._count_unserved(request)
            case DisconnectResponse():
                pass  # the connection was closed when we said so
        return effects

    def _numbered(self, request: Numbered, source: Place, now_s: float) -> list[Effect]:
        channel = self._connections.find(request.channel, source)
        if channel is None:
            return []
        if (request.service is Service.DEVICE_CONFIGURATION_REQUEST) != (
            channel.kind is Kind.MANAGEMENT
        ):
            self._statistics.other_messages += 1
            return []
        channel.heard_at = now_s
        if source.stream is not None:
            return self._obey(channel, request, now_s)
        verdict = judged(request.counter, channel.expected)
        if verdict is Verdict.REPEATED:
            self._statistics.repeated += 1
            return [_acknowledgement(channel, request)]
        if verdict is Verdict.WRONG or not self._takes(channel):
            self._statistics.out_of_order += verdict is Verdict.WRONG
            return []  # not acknowledged: what was not taken comes again
        channel.expected = (channel.expected + 1) & 0xFF
        return [_acknowledgement(channel, request), *self._obey(channel, request, now_s)]

    def _takes(self, channel: Channel) -> bool:
        if not channel.takes_requests:
            self._statistics.not_taken += 1
        return channel.takes_requests

    def _obey(self, channel: Channel, request: Numbered, now_s: float) -> list[Effect]:
        try:
            match request.service:
                case Service.TUNNELLING_REQUEST:
                    return self._tunnelled(channel, request.content, now_s)
                case Service.DEVICE_CONFIGURATION_REQUEST:
                    return self._managed(channel, request.content)
                case _:
                    return self._feature(channel, request, now_s)
        except DecodeError:  # its acknowledgement goes out all the same
            self._statistics.malformed += 1
            return []

    def _tunnelled(self, channel: Channel, cemi: bytes, now_s: float) -> list[Effect]:
        asked = asked_for(channel, cemi, self._statistics)
        if asked is None:
            return []
        if isinstance(asked, bytes):
            return self.say(channel, asked, now_s)
        channel.under_way += 1
        return [Transmit(channel, asked, cemi)]

    def _managed(self, channel: Channel, cemi: bytes) -> list[Effect]:
        request = read_management(cemi)
        if request is None:
            self._statistics.other_messages += 1
            return []
        if not self._takes(channel):
            return []
        self._statistics.management_requests += 1
        channel.under_way += 1
        return [Manage(channel, request)]

    def _feature(self, channel: Channel, request: Numbered, now_s: float) -> list[Effect]:
        content = feature_response(self._describe(), channel, request.service, request.content)
        if not self._takes(channel):
            return []
        return self._send(channel, Service.TUNNELLING_FEATURE_RESPONSE, content, now_s)

    def _acknowledged(self, request: Acknowledged, source: Place, now_s: float) -> list[Effect]:
        channel = self._connections.find(request.channel, source)
        if channel is None:
            return []
        if (request.service is Service.TUNNELLING_ACK) != (channel.kind is Kind.TUNNEL):
            self._statistics.other_messages += 1
            return []
        channel.heard_at = now_s
        frames = channel.sender.acknowledge(request.counter, now_s, is_good=request.is_good)
        sent: list[Effect] = [Send(channel.data, raw) for raw in frames]
        return sent + self._connections.end_if_lost(channel)

    def _send(
        self, channel: Channel, service: Service, content: bytes, now_s: float
    ) -> list[Effect]:
        frames = channel.sender.put(service, content, now_s)
        return [Send(channel.data, raw) for raw in frames]

    def _count_unserved(self, request: Unserved) -> None:
        if request.service is not None and request.service.value in _SECURE:
            self._statistics.secure += 1
        else:
            self._statistics.unserved += 1


def _acknowledgement(channel: Channel, request: Numbered) -> Send:
    is_management = channel.kind is Kind.MANAGEMENT
    service = Service.DEVICE_CONFIGURATION_ACK if is_management else Service.TUNNELLING_ACK
    body = bytes((CONNECTION_HEADER, channel.number, request.counter, 0))
    return Send(channel.data, framed(service, body))
