"""Makes the connection of a Modbus device from its section and its model; pure."""

from dataclasses import dataclass

from knxgw.catalogue.called import called, spoken
from knxgw.catalogue.device_model import Connector, DeviceModel, Transport
from knxgw.catalogue.messages import Listed, Message, message
from knxgw.config.model import Connection, ConnectionKind
from knxgw.config.report import Report
from knxgw.config.values import Values

NO_HOST = "0.0.0.0"  # noqa: S104 - in a configuration it means "no device", nothing is bound to it
HIGHEST_CLIENT_ADDRESS = 247  # on a serial line, by the Modbus specification
_SERIAL_TRANSPORTS = frozenset({Transport.RTU, Transport.ASCII})
_NEEDED = {
    ConnectionKind.TCP: frozenset({Transport.TCP}),
    ConnectionKind.RTU_OVER_TCP: frozenset({Transport.RTU}),
    ConnectionKind.SERIAL: _SERIAL_TRANSPORTS,
}


@dataclass(frozen=True, slots=True)
class Disabled:
    """The device is switched off in the configuration, and why."""

    reason: Message


def build_connection(
    values: Values, model: DeviceModel, report: Report
) -> Connection | Disabled | None:
    """Return where the device answers, or why it is switched off; None: its host or address is wrong.

    Mistakes go to the report.
    """
    kind = ConnectionKind(values.text("type"))
    unit = values.optional_integer("unit")
    host = values.optional_text("host")
    _check_transport(values, kind, model, report)
    connector = _connector(values, model, report)
    if kind is ConnectionKind.SERIAL:
        return _on_the_line(values, unit, connector, report)
    if values.is_wrong("host"):
        return None
    if host is None or host == NO_HOST:
        return Disabled(message("host_is_zero") if host else message("no_host_given"))
    port = values.optional_integer("port")
    _check_unit(values, unit, connector, model, report)
    return Connection(
        kind=kind,
        host=host,
        port=model.port if port is None else port,
        unit=model.unit_id if unit is None else unit,
        connector=connector.number,
    )


def _on_the_line(
    values: Values, unit: int | None, connector: Connector, report: Report
) -> Connection | Disabled | None:
    """Return the place of a device on the serial line, or why it is switched off.

    None: its address is wrong, which was reported. One without an address, or with 0, is switched off.
    """
    if values.is_wrong("unit"):
        return None
    if not unit:
        if unit is None:
            return Disabled(message("no_client_address_given"))
        return Disabled(message("client_address_is_zero"))
    if unit > HIGHEST_CLIENT_ADDRESS:
        report.error(
            values.key_of("unit"), "no_client_address", unit=unit, highest=HIGHEST_CLIENT_ADDRESS
        )
    return Connection(
        kind=ConnectionKind.SERIAL, host=None, port=0, unit=unit, connector=connector.number
    )


def _check_transport(
    values: Values, kind: ConnectionKind, model: DeviceModel, report: Report
) -> None:
    """Report a connection of a kind that the model does not speak."""
    if _NEEDED[kind].intersection(model.transports):
        return
    offered = Listed(spoken(model))
    if kind is ConnectionKind.TCP and Transport.RTU in model.transports:
        if values.optional_text("host") in {None, NO_HOST}:
            return
        report.warning(
            values.key_of("type"), "needs_translating_gateway", model=called(model), offered=offered
        )
    else:
        report.error(
            values.key_of("type"),
            "transport_not_spoken",
            model=called(model),
            kind=kind.value,
            offered=offered,
        )


def _connector(values: Values, model: DeviceModel, report: Report) -> Connector:
    """Return the chosen connector; one that the model does not have is reported."""
    number = values.integer("connector")
    for connector in model.connectors:
        if connector.number == number:
            return connector
    known = Listed(tuple(connector.number for connector in model.connectors))
    report.error(
        values.key_of("connector"),
        "no_such_connector",
        model=called(model),
        number=number,
        known=known,
    )
    return model.connectors[0]


def _check_unit(
    values: Values, unit: int | None, connector: Connector, model: DeviceModel, report: Report
) -> None:
    """Warn about a unit id that the connector overrules."""
    if connector.number == 1 or connector.unit_id is None or unit is None:
        return
    if unit not in {connector.unit_id, model.unit_id}:
        report.warning(
            values.key_of("unit"),
            "unit_without_effect",
            unit=unit,
            connector=connector.number,
            model=called(model),
            answers=connector.unit_id,
        )
