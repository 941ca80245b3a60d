"""Which hosts and lines a device reaches with a configuration; pure."""

from collections.abc import Iterator
from typing import NamedTuple

from knxgw.config.devices import devices, key_of
from knxgw.config.model import Configuration, ConnectionKind, KnxLinkKind

KNX_ID = "knx"


class Reached(NamedTuple):
    """Something at the other end of a connection."""

    id: str  # of the device, as `config.devices` has it, or `KNX_ID`
    key: str  # that names where it is
    host: str | None  # None: on the serial line


def reached(configuration: Configuration) -> Iterator[Reached]:
    """Yield each Modbus device, and the KNX IP interface of a tunnel."""
    for device in devices(configuration):
        if device.connection.kind is ConnectionKind.SERIAL:
            yield Reached(device.id, "serial.port", None)
        else:
            key = f"{key_of(device, configuration)}.connection.host"
            yield Reached(device.id, key, device.connection.host)
    knx = configuration.knx
    if knx.gateway_host is not None and knx.link not in {KnxLinkKind.NONE, KnxLinkKind.ROUTING}:
        yield Reached(KNX_ID, "knx.gateway", knx.gateway_host)
