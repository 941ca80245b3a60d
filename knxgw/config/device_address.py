"""Where a configured Modbus device really answers; pure.

A model may address its second socket by unit, by port or by registers.
"""

from typing import NamedTuple

from knxgw.catalogue.device_model import Connector, DeviceModel
from knxgw.config.model import Connection

SERIAL_LINE = "serial line"


class DeviceAddress(NamedTuple):
    """Two devices are the same only if all four are equal.

    Source: product 4.
    """

    host: str  # or the serial line
    port: int
    unit: int
    register_offset: int


def device_address(connection: Connection, model: DeviceModel) -> DeviceAddress:
    """Return where the socket that `connection` names answers."""
    connector = _connector(connection, model)
    unit = connection.unit
    if connector.unit_id is not None and connector.number != 1:
        unit = connector.unit_id
    host = SERIAL_LINE if connection.host is None else connection.host.lower().rstrip(".")
    return DeviceAddress(
        host, connection.port + connector.port_offset, unit, connector.address_offset
    )


def _connector(connection: Connection, model: DeviceModel) -> Connector:
    """Return the connector of a connection; an unknown one was reported: the first stands in."""
    for connector in model.connectors:
        if connector.number == connection.connector:
            return connector
    return model.connectors[0]
