"""Devices that are configured twice or do not go together; pure."""

from knxgw.catalogue.called import called, spoken
from knxgw.catalogue.codes import FaultCode
from knxgw.catalogue.device_model import DeviceKind
from knxgw.catalogue.messages import Listed, Message, message
from knxgw.config import devices as configured
from knxgw.config.build import Draft
from knxgw.config.check_lines import Device, check_lines
from knxgw.config.device_address import device_address
from knxgw.config.devices import DeviceRole
from knxgw.config.model import Configuration, ConfigurationFault, ConnectionKind
from knxgw.config.report import Report

_OVER_TCP, _CHANGE_ONE = message("connect_over_tcp"), message("change_one")


def device_faults(draft: Draft, report: Report) -> list[ConfigurationFault]:
    """Return `Conf Charger` and `Conf EMeter`; each names both devices."""
    devices = _devices(draft)
    faults = [*_used_twice(devices, report)]
    faults += _mixed_line(draft.configuration, devices, report)
    faults += _priority(draft, report)
    check_lines(draft.configuration.serial, devices, report)
    return faults


def _devices(draft: Draft) -> list[Device]:
    """Return every device as findings name it, that of load management first."""
    found = [
        _as_device(one, draft)
        for one in configured.devices(draft.configuration)
        if one.role is not DeviceRole.SUBMETER  # no source names one yet
    ]
    return sorted(found, key=lambda one: one.point is not None)


def _as_device(device: configured.Device, draft: Draft) -> Device:
    """Return a device with its name in messages, and the key of its section."""
    name, key = message("device_smart_meter"), "load_management.smart_meter"
    if device.point is not None:
        name, key = message("device_point", number=device.point), draft.keys[device.point]
    if device.point is not None and device.role is DeviceRole.POINT_METER:
        name, key = message("device_point_meter", number=device.point), f"{key}.meter"
    return Device(
        name=name, key=key, point=device.point, model=device.model, connection=device.connection
    )


def _used_twice(devices: list[Device], report: Report) -> list[ConfigurationFault]:
    """Return the faults of devices that share an address with an earlier one."""
    faults = []
    first: dict[tuple[str, int, int, int], Device] = {}
    for device in devices:
        address = device_address(device.connection, device.model)
        earlier = first.setdefault(address, device)
        if earlier is not device:
            faults.append(_collision(earlier, device, report))
    return faults


def _collision(earlier: Device, later: Device, report: Report) -> ConfigurationFault:
    """Report two devices at one address; return the fault."""
    kinds = {earlier.model.kind, later.model.kind}
    code = FaultCode.CONF_E_METER if kinds == {DeviceKind.METER} else FaultCode.CONF_CHARGER
    what = message("has_same_address", device=later.name, earlier=earlier.name)
    report.error(
        f"{later.key}.connection",
        "same_device_address",
        code=code,
        what=what,
        earlier=report.place(f"{earlier.key}.connection"),
    )
    return _fault(code, later, earlier, what)


def _fault(code: FaultCode, marked: Device, other: Device, what: Message) -> ConfigurationFault:
    """Return a fault that blocks the charging points of both devices."""
    points = {device.point for device in (marked, other) if device.point is not None}
    return ConfigurationFault(
        code=code, point=marked.point, blocked_points=frozenset(points), message=what.as_text
    )


def _mixed_line(
    configuration: Configuration, devices: list[Device], report: Report
) -> list[ConfigurationFault]:
    """Return the faults of devices on one line that differ in model, protocol or framing."""
    if configuration.serial is None:
        return []
    protocol = configuration.serial.protocol
    on_line = [d for d in devices if d.connection.kind is ConnectionKind.SERIAL]
    chargers = [device for device in on_line if device.model.kind is DeviceKind.CHARGER]
    return [
        *(
            _two_models(chargers[0], d, report)
            for d in chargers
            if d.model.id != chargers[0].model.id
        ),
        *(_other_protocol(d, protocol, report) for d in on_line if not _has_protocol(d, protocol)),
        *(
            _other_framing(on_line[0], d, report)
            for d in on_line
            if d.model.framing is not on_line[0].model.framing
        ),
    ]


def _has_protocol(device: Device, protocol: str) -> bool:
    """Tell whether a device speaks the protocol of the line."""
    return any(transport.value == protocol for transport in device.model.transports)


def _two_models(first: Device, device: Device, report: Report) -> ConfigurationFault:
    """Report a charger that is of another model than the first one on the line."""
    what = message(
        "two_models_on_line",
        device=device.name,
        model=called(device.model),
        first=first.name,
        first_model=called(first.model),
    )
    return _on_line(f"{device.key}.model", device, first, what, _OVER_TCP, report)


def _other_protocol(device: Device, protocol: str, report: Report) -> ConfigurationFault:
    """Report a device that does not speak the protocol of the line."""
    what = message(
        "other_protocol_on_line",
        device=device.name,
        model=called(device.model),
        spoken=Listed(spoken(device.model), "and"),
        protocol=protocol,
    )
    return _on_line(f"{device.key}.connection", device, device, what, _CHANGE_ONE, report)


def _other_framing(first: Device, device: Device, report: Report) -> ConfigurationFault:
    """Report a device whose frames differ from those of the first device on the line."""
    what = message(
        "other_framing_on_line",
        device=device.name,
        model=called(device.model),
        first=first.name,
        first_model=called(first.model),
    )
    return _on_line(f"{device.key}.connection", device, first, what, _OVER_TCP, report)


def _on_line(  # noqa: PLR0913, PLR0917 - a fault, and how it is said
    key: str, device: Device, other: Device, what: Message, remedy: Message, report: Report
) -> ConfigurationFault:
    """Report a fault of a device on the serial line, and return it."""
    report.error(key, "fault", remedy=remedy, code=FaultCode.CONF_CHARGER, what=what)
    return _fault(FaultCode.CONF_CHARGER, device, other, what)


def _priority(draft: Draft, report: Report) -> list[ConfigurationFault]:
    """Return the fault of a priority for a charging point that is switched off, if it is."""
    priority = draft.configuration.load_management.priority
    if priority is None or priority not in draft.disabled:
        return []
    what = message("priority_disabled", number=priority, reason=draft.disabled[priority])
    report.error(
        "load_management.priority",
        "fault",
        remedy=message("prioritise_another"),
        code=FaultCode.CONF_CHARGER,
        what=what,
    )
    return [
        ConfigurationFault(
            code=FaultCode.CONF_CHARGER,
            point=None,
            blocked_points=frozenset(),
            message=what.as_text,
        )
    ]
