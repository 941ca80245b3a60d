"""The endpoint without a socket: frames of clients in, what goes out as xknx reads it, time by hand."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from xknx.cemi import CEMIFrame, CEMILData, CEMIMessageCode
from xknx.knxip import (
    HPAI,
    ConnectRequest,
    ConnectRequestInformation,
    ConnectResponse,
    HostProtocol,
    KNXIPBody,
    KNXIPFrame,
    TunnellingAck,
    TunnellingRequest,
)
from xknx.knxip.knxip_enum import ConnectRequestType
from xknx.telegram.address import GroupAddress, IndividualAddress
from xknx.telegram.apci import APCI, GroupValueRead
from xknx.telegram.tpci import TDataGroup, TDataIndividual

from knxgw.knx.ip_security import IpSecurity
from knxgw.knxip.channel import Channel
from knxgw.knxip.effects import Closed, Effect, Manage, Opened, Send, Transmit
from knxgw.knxip.endpoint import KnxIpEndpoint
from knxgw.knxip.statistics import Statistics
from knxgw.knxip.wire import Place
from tests.support.knxip_device import description

SERVER = Place("192.168.0.20", 3671)
CLIENT = Place("192.168.0.10", 50_000)  # where its control endpoint is
DATA = Place("192.168.0.10", 50_001)  # its data endpoint
OTHER = Place("192.168.0.11", 50_000)
STREAM = Place("192.168.0.10", 50_002, 7)  # a TCP connection
BACK = HPAI()  # "the way back"
BACK_BY_TCP = HPAI(protocol=HostProtocol.IPV4_TCP)
TUNNEL = ConnectRequestInformation()
MANAGEMENT = ConnectRequestInformation(ConnectRequestType.DEVICE_MGMT_CONNECTION)
OK = bytes.fromhex("00")
T = TypeVar("T")


def hpai(place: Place) -> HPAI:
    """Return how a client names an endpoint of its own."""
    return BACK_BY_TCP if place.stream is not None else HPAI(place.ip, place.port)


def raw(body: KNXIPBody) -> bytes:
    """Return the frame of a body."""
    return KNXIPFrame.init_from_body(body).to_knx()


def body(frame: bytes) -> KNXIPBody:
    """Return the body of a frame, which has to be whole."""
    read, rest = KNXIPFrame.from_knx(frame)
    assert not rest
    return read.body


def connect(cri: ConnectRequestInformation, control: Place, data: Place) -> bytes:
    """Return a CONNECT_REQUEST."""
    return raw(ConnectRequest(hpai(control), hpai(data), cri))


def group_read(destination: str = "1/2/3", source: str = "0.0.0") -> CEMILData:
    """Return a telegram that reads a group address."""
    return telegram(GroupAddress(destination), GroupValueRead(), source)


def telegram(
    destination: GroupAddress | IndividualAddress, payload: APCI, source: str = "0.0.0"
) -> CEMILData:
    """Return a telegram."""
    is_group = isinstance(destination, GroupAddress)
    return CEMILData(
        src_addr=IndividualAddress(source),
        dst_addr=destination,
        tpci=TDataGroup() if is_group else TDataIndividual(),
        payload=payload,
    )


def cemi(data: CEMILData, code: CEMIMessageCode = CEMIMessageCode.L_DATA_REQ) -> bytes:
    """Return the cEMI message of a telegram."""
    return CEMIFrame(code=code, data=data).to_knx()


@dataclass(frozen=True)
class Sent:
    """A frame that went out."""

    to: Place
    raw: bytes

    @property
    def body(self) -> Any:
        """Return what xknx reads in it."""
        return body(self.raw)


class Trial:
    """An endpoint, and what it did."""

    def __init__(self, secure: IpSecurity | None = None, **changes: Any) -> None:
        self.now_s = 1000.0
        self.said = description(**changes)
        self.secure = secure or IpSecurity()
        self.statistics = Statistics()
        self.endpoint = KnxIpEndpoint(
            SERVER, lambda: self.said, self.statistics, secure=lambda: self.secure
        )
        self.sent: list[Sent] = []
        self.effects: list[Effect] = []

    def describe(self, **changes: Any) -> None:
        """Let the device be another one."""
        self.said = replace(self.said, **changes)

    def say(
        self, frame: KNXIPBody | bytes, source: Place = CLIENT, *, by_multicast: bool = False
    ) -> list[Sent]:
        """Say something to the server; return what it sends then."""
        frame = frame if isinstance(frame, bytes) else raw(frame)
        return self.take(self.endpoint.take(frame, source, self.now_s, by_multicast=by_multicast))

    def take(self, effects: Iterable[Effect]) -> list[Sent]:
        """Note what the server does; return what it sends."""
        effects = list(effects)
        sent = [Sent(one.to, one.raw) for one in effects if isinstance(one, Send)]
        self.sent += sent
        self.effects += effects
        return sent

    def wait(self, seconds: float) -> list[Sent]:
        """Let time pass, with all that becomes due in it; return what is sent."""
        end_s = self.now_s + seconds
        sent: list[Sent] = []
        while (due_at := self.endpoint.due_at()) is not None and due_at <= end_s:
            self.now_s = max(due_at, self.now_s)
            sent += self.take(self.endpoint.tick(self.now_s))
        self.now_s = end_s
        return sent

    def opened(
        self,
        cri: ConnectRequestInformation = TUNNEL,
        control: Place = CLIENT,
        data: Place = DATA,
    ) -> ConnectResponse:
        """Open a connection; return the answer."""
        (answer,) = self.say(connect(cri, control, data), control)
        response = answer.body
        assert isinstance(response, ConnectResponse)
        return response

    def channel(self, number: int = 1) -> Channel:
        """Return a connection."""
        (found,) = (one for one in self.endpoint.channels if one.number == number)
        return found

    def tunnel(self, source: Place = DATA) -> "Client":
        """Open a tunnel; return its client."""
        data = source if source.stream is not None else DATA
        control = source if source.stream is not None else CLIENT
        return Client(self, self.opened(TUNNEL, control, data).communication_channel, data)

    def of(self, kind: type[T]) -> list[T]:
        """Return the effects of one kind."""
        return [one for one in self.effects if isinstance(one, kind)]

    @property
    def transmitted(self) -> list[Transmit]:
        """Return what tunnels have put on the line."""
        return self.of(Transmit)

    @property
    def managed(self) -> list[Manage]:
        """Return what the device was asked."""
        return self.of(Manage)

    @property
    def changes(self) -> list[str]:
        """Return which connections were opened and closed, in order."""
        return [
            f"{type(one).__name__} {one.channel.number}"
            for one in self.effects
            if isinstance(one, Opened | Closed)
        ]


class Client:
    """A client of a tunnel that counts as it should."""

    def __init__(self, trial: Trial, number: int, place: Place) -> None:
        self.trial, self.number, self.place = trial, number, place
        self.counter = 0

    @property
    def channel(self) -> Channel:
        """Return the server's side of it."""
        return self.trial.channel(self.number)

    def request(self, message: bytes) -> list[Sent]:
        """Send a cEMI message."""
        sent = self.trial.say(TunnellingRequest(self.number, self.counter, message), self.place)
        self.counter = (self.counter + 1) & 0xFF
        return sent

    def acknowledge(self, counter: int) -> list[Sent]:
        """Acknowledge a request of the server."""
        return self.trial.say(TunnellingAck(self.number, counter), self.place)

    def hear(self, data: CEMILData) -> list[Sent]:
        """Let the line bring a frame."""
        trial = self.trial
        return trial.take(trial.endpoint.indicate(self.channel, data, trial.now_s))
