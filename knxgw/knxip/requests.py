"""What clients ask, read from their frames: a value, or a DecodeError; never anything else.

xknx reads what has a fixed form. What it refuses as a whole where the standard wants an answer is read here:
connection types and layers nobody knows, search parameters, features of a tunnel.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from xknx.knxip import (
    HPAI,
    ConnectionStateRequest,
    DescriptionRequest,
    DisconnectRequest,
    DisconnectResponse,
    ErrorCode,
    HostProtocol,
    SearchRequest,
)
from xknx.knxip import KNXIPServiceType as Service

from knxgw.errors import DecodeError
from knxgw.knxip.wire import PARSE_ERRORS, unframed

CONNECTION_HEADER = 4  # octets
_NO_ERROR = ErrorCode.E_NO_ERROR.value
_PROTOCOLS = {one.value for one in HostProtocol}
_NUMBERED = (
    Service.TUNNELLING_REQUEST,
    Service.DEVICE_CONFIGURATION_REQUEST,
    Service.TUNNELLING_FEATURE_GET,
    Service.TUNNELLING_FEATURE_SET,
)
_ACKNOWLEDGEMENTS = (Service.TUNNELLING_ACK, Service.DEVICE_CONFIGURATION_ACK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter of an extended search (SRP)."""

    kind: int  # known or not
    is_mandatory: bool
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtendedSearch:
    """SEARCH_REQUEST_EXTENDED."""

    discovery_endpoint: HPAI
    parameters: tuple[Parameter, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Connect:
    """CONNECT_REQUEST."""

    control_endpoint: HPAI
    data_endpoint: HPAI
    kind: int  # connection type, known or not
    options: bytes  # what follows the type in the connection request information


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownProtocol:
    """CONNECT_REQUEST with an endpoint that is neither UDP nor TCP."""


class Numbered(NamedTuple):
    """A request with a connection header: tunnelling, device configuration, features of a tunnel."""

    service: Service
    channel: int
    counter: int
    content: bytes  # what follows the header


class Acknowledged(NamedTuple):
    """TUNNELLING_ACK or DEVICE_CONFIGURATION_ACK."""

    service: Service
    channel: int
    counter: int
    is_good: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Unserved:
    """A frame of a service that clients do not ask for here, or that nobody knows (None)."""

    service: Service | None


ByXknx = (
    SearchRequest
    | DescriptionRequest
    | ConnectionStateRequest
    | DisconnectRequest
    | DisconnectResponse
)
Request = ByXknx | ExtendedSearch | Connect | UnknownProtocol | Numbered | Acknowledged | Unserved

_BY_XKNX: dict[Service, Callable[[], ByXknx]] = {
    Service.SEARCH_REQUEST: SearchRequest,
    Service.DESCRIPTION_REQUEST: DescriptionRequest,
    Service.CONNECTIONSTATE_REQUEST: ConnectionStateRequest,
    Service.DISCONNECT_REQUEST: DisconnectRequest,
    Service.DISCONNECT_RESPONSE: DisconnectResponse,
}


def read_request(raw: bytes) -> Request:
    """Return what a frame asks. Raises: DecodeError."""
    service, body = unframed(raw)
    if service in _NUMBERED:
        return _numbered(service, body)
    if service in _ACKNOWLEDGEMENTS:
        return _acknowledged(service, body)
    try:
        return _read(service, body)
    except PARSE_ERRORS as err:
        raise DecodeError(f"{raw.hex()}: {err}") from err


def _read(service: Service | None, body: bytes) -> Request:
    if service is Service.SEARCH_REQUEST_EXTENDED:
        return _extended_search(body)
    if service is Service.CONNECT_REQUEST:
        return _connect(body)
    if service is None or service not in _BY_XKNX:
        return Unserved(service=service)
    request = _BY_XKNX[service]()
    request.from_knx(body)
    return request


def _numbered(service: Service, body: bytes) -> Numbered:
    if len(body) < CONNECTION_HEADER or body[0] != CONNECTION_HEADER:
        raise DecodeError(f"no connection header: {body.hex()}")
    return Numbered(service, body[1], body[2], body[CONNECTION_HEADER:])


def _acknowledged(service: Service, body: bytes) -> Acknowledged:
    if len(body) != CONNECTION_HEADER or body[0] != CONNECTION_HEADER:
        raise DecodeError(f"no connection header: {body.hex()}")
    return Acknowledged(service, body[1], body[2], body[3] == _NO_ERROR)


def _endpoint(body: bytes) -> HPAI:
    endpoint = HPAI()
    endpoint.from_knx(body)
    return endpoint


def _connect(body: bytes) -> Connect | UnknownProtocol:
    control, data, information = body[:8], body[8:16], body[16:]
    if not {control[1], data[1]} <= _PROTOCOLS and control[0] == data[0] == HPAI.LENGTH:
        return UnknownProtocol()
    if not 2 <= information[0] <= len(information):
        raise DecodeError(f"no connection request information: {information.hex()}")
    return Connect(
        control_endpoint=_endpoint(control),
        data_endpoint=_endpoint(data),
        kind=information[1],
        options=information[2 : information[0]],
    )


def _extended_search(body: bytes) -> ExtendedSearch:
    parameters: list[Parameter] = []
    at = HPAI.LENGTH
    while at < len(body):
        length = body[at]
        if not 2 <= length <= len(body) - at:
            raise DecodeError(f"no search parameter: {body[at:].hex()}")
        kind = body[at + 1]
        parameters.append(
            Parameter(kind=kind & 0x7F, is_mandatory=kind > 0x7F, data=body[at + 2 : at + length])
        )
        at += length
    return ExtendedSearch(discovery_endpoint=_endpoint(body), parameters=tuple(parameters))
