"""What the endpoint wants done in the world; carried out in order by `server.py`."""

from dataclasses import dataclass
from typing import NamedTuple

from xknx.cemi import CEMILData

from knxgw.knxip.cemi import ManagementRequest
from knxgw.knxip.channel import Channel
from knxgw.knxip.wire import Place


class Send(NamedTuple):
    """A frame goes out."""

    to: Place
    raw: bytes


@dataclass(frozen=True, slots=True)
class Opened:
    """A connection is there: a tunnel joins the line."""

    channel: Channel


@dataclass(frozen=True, slots=True)
class Closed:
    """A connection is no more; what its client has asked before is still done."""

    channel: Channel


class Transmit(NamedTuple):
    """A tunnel sends on the line; `KnxIpEndpoint.transmitted` wants to know what became of it."""

    channel: Channel
    data: CEMILData
    cemi: bytes  # as its client has sent it


@dataclass(frozen=True, slots=True)
class Manage:
    """A client asks the device; `KnxIpEndpoint.managed` wants the answer."""

    channel: Channel
    request: ManagementRequest


Effect = Send | Opened | Closed | Transmit | Manage
