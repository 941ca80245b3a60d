"""Risks of the wires that devices share: settings of the line, guests on it, other clients; pure."""

from dataclasses import dataclass

from knxgw.catalogue.called import called
from knxgw.catalogue.device_model import DeviceKind, DeviceModel, SerialDefaults, Transport
from knxgw.catalogue.messages import Listed, Message, message
from knxgw.config.model import Connection, ConnectionKind, SerialLine
from knxgw.config.report import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One configured Modbus device and the charging point it belongs to."""

    name: Message
    key: str
    point: int | None  # None: the smart meter
    model: DeviceModel
    connection: Connection

    @property
    def is_on_line(self) -> bool:
        """Tell whether it is on the RS485 line of the gateway."""
        return self.connection.kind is ConnectionKind.SERIAL


def check_lines(line: SerialLine | None, devices: list[Device], report: Report) -> None:
    """Warn about settings and devices that will not work together in practice."""
    on_line = [device for device in devices if device.is_on_line]
    if line is not None:
        _warn_about_mixed_settings(on_line, report)
        for device in on_line:
            _warn_about_settings(device, line, report)
    chargers = {d.point for d in on_line if d.model.kind is DeviceKind.CHARGER}
    for device in on_line:
        if device.model.kind is DeviceKind.METER and device.point not in chargers:
            report.warning(f"{device.key}.connection.type", "meter_on_line", device=device.name)
    for device in devices:
        _warn_about_other_clients(device, report)


def _warn_about_mixed_settings(on_line: list[Device], report: Report) -> None:
    """Name devices that can share a line only after one of them was set differently."""
    framings: dict[str, Device] = {}
    for device in on_line:
        if device.model.serial is not None:
            framings.setdefault(device.model.serial.framing, device)
    if len(framings) > 1:
        needs = tuple(
            message("device_framing", device=d.name, model=called(d.model), framing=framing)
            for framing, d in framings.items()
        )
        report.warning("serial.parity", "different_parities", needs=Listed(needs))


def _warn_about_settings(device: Device, line: SerialLine, report: Report) -> None:
    """Warn about a device that is delivered with other settings than those of the line."""
    delivered = device.model.serial
    if delivered is None:
        return
    ours = SerialDefaults(
        baud=line.baud,
        data_bits=line.data_bits,
        parity=line.parity,
        stop_bits=line.stop_bits,
    )
    if ours != delivered:
        report.warning(
            f"{device.key}.connection",
            "different_line_settings",
            device=device.name,
            model=called(device.model),
            delivered=str(delivered),
            line=str(ours),
        )


def _warn_about_other_clients(device: Device, report: Report) -> None:
    """Warn that a device accepts a single client only."""
    single = device.model.max_clients == 1 and Transport.TCP in device.model.transports
    if single and not device.is_on_line:
        report.warning(
            f"{device.key}.connection",
            "one_client_only",
            device=device.name,
            model=called(device.model),
        )
