"""Where a device is on its connection, in words; pure."""

from knxgw.catalogue.messages import Message, message
from knxgw.config.model import Connection


def place_of(one: Connection) -> Message:
    """Return unit and connector as a form asks for them; the first connector is not named."""
    if one.connector > 1:
        return message("where_connector", unit=one.unit, connector=one.connector)
    return message("where_unit", unit=one.unit)
