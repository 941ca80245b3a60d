"""One open connection of a client."""

from dataclasses import dataclass
from enum import Enum

from xknx.knxip import KNXIPServiceType
from xknx.telegram.address import IndividualAddress

from knxgw.knxip.numbered import Sender
from knxgw.knxip.ports import PropertyAddress
from knxgw.knxip.wire import Place

MOST_UNDER_WAY = 64  # requests of one client that are being carried out
MOST_QUEUED = 256  # frames that wait for one client; what comes later is lost
SILENCE_S = 120.0  # without a word, and the client is gone


_TUNNELLING = KNXIPServiceType.TUNNELLING_REQUEST
_CONFIGURATION = KNXIPServiceType.DEVICE_CONFIGURATION_REQUEST


class Kind(Enum):
    """What a connection is for."""

    TUNNEL = "tunnel"
    MANAGEMENT = "device management"


@dataclass(slots=True, kw_only=True, eq=False)
class Channel:
    """A connection, from CONNECT_RESPONSE to its end; an object of its own each time a number is used."""

    number: int  # 1 to 255
    kind: Kind
    opener: Place  # who has asked for it
    control: Place  # the client's control endpoint
    data: Place  # the client's data endpoint
    sender: Sender
    heard_at: float  # when the client said something last [s]
    address: IndividualAddress | None = None  # of a tunnel
    expected: int = 0  # counter of the next request of the client
    under_way: int = 0  # its requests that are being carried out
    writes: PropertyAddress | None = None  # that its client is just writing
    announced: dict[int, bytes] | None = None  # features as last said; None: not wanted

    def is_of(self, source: Place) -> bool:
        """Tell whether somebody has a say in it: the TCP connection and session, or the host, that has opened it.

        Of a host any port: ETS asks for the state of a connection from its data endpoint.
        """
        if self.opener.stream is not None or source.stream is not None:
            opened_in = self.opener.stream, self.opener.session
            return opened_in == (source.stream, source.session)
        return self.opener.ip == source.ip

    @property
    def request_service(self) -> KNXIPServiceType:
        """Return the service by which both sides speak in it."""
        return _TUNNELLING if self.kind is Kind.TUNNEL else _CONFIGURATION

    @property
    def has_room(self) -> bool:
        """Tell whether one more frame may wait for a client that is slow."""
        return self.sender.waiting < MOST_QUEUED

    @property
    def takes_requests(self) -> bool:
        """Tell whether one more request may be carried out: each has an answer that will wait, too."""
        return (
            self.under_way < MOST_UNDER_WAY and self.sender.waiting < MOST_QUEUED + MOST_UNDER_WAY
        )

    def due_at(self) -> float:
        """Return when something of it is overdue [s]."""
        silent_at = self.heard_at + SILENCE_S
        return silent_at if self.sender.due_at is None else min(silent_at, self.sender.due_at)
