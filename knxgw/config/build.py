"""Makes a `Configuration` from checked values; what no single value shows is reported here."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass

from knxgw.catalogue.model import Catalogue
from knxgw.config.build_load_management import build_load_management, check_priority
from knxgw.config.build_points import PointList, build_points
from knxgw.config.model import (
    Configuration,
    ConfigurationSource,
    ConnectionKind,
    DeviceSettings,
    GroupObjectLink,
    KnxLinkKind,
    KnxSettings,
    MeterSettings,
    SerialLine,
)
from knxgw.config.report import Report
from knxgw.config.values import Values

NEW_DEVICE_ADDRESS = "15.15.255"  # individual address of a device nobody programmed
_TUNNELS = (KnxLinkKind.TUNNELLING, KnxLinkKind.TUNNELLING_TCP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A configuration before its checks, with what only its source knows."""

    configuration: Configuration
    keys: Mapping[int, str]  # charging point -> key of its entry
    disabled: Mapping[int, str]  # charging point -> why it does not exist


def build_draft(
    values: Values,
    group_objects: Mapping[int, GroupObjectLink],
    *,
    catalogue: Catalogue,
    report: Report,
    source: ConfigurationSource,
) -> Draft:
    """Return the configuration before its checks."""
    device = _device(values.sections["device"])
    unnamed = catalogue.product.texts.names.charging_point.in_language(device.language)
    found = build_points(values.lists["charging_points"], unnamed, report)
    load_management = values.sections["load_management"]
    check_priority(load_management, found.keys, report)
    listen = values.sections["website"].endpoint("listen")
    control = values.sections["grid_supporting_control"]
    configuration = Configuration(
        device=device,
        knx=_knx(values.sections["knx"], report),
        website_host=listen.host or "",
        website_port=listen.port or 0,
        serial=_serial(values.sections["serial"]),
        load_management=build_load_management(load_management, catalogue, report),
        grid_setpoint_ma=int(control.text("setpoint_a")) * 1000,
        points=tuple(found.points),
        group_objects=group_objects,
        source=source,
        product=catalogue.product,
    )
    _check_serial(configuration, found, report)
    return Draft(configuration=configuration, keys=found.keys, disabled=found.disabled)


def _device(values: Values) -> DeviceSettings:
    return DeviceSettings(
        name=values.text("name"),
        time_zone=values.text("time_zone"),
        language=values.text("language"),
        alive_cycle_s=values.number("alive_cycle_s"),
    )


def _knx(values: Values, report: Report) -> KnxSettings:
    link = KnxLinkKind(values.text("link"))
    if link is KnxLinkKind.TPUART:
        report.error(
            values.key_of("link"),
            "tpuart is not available in this version",
            "use tunnelling or routing, through a KNX IP interface or router",
        )
    gateway = values.endpoint("gateway")
    if link in _TUNNELS and "gateway" not in values.given_names:
        report.error(
            values.key_of("gateway"),
            f"is missing, link {link.value} needs it",
            "add `gateway: host` of the KNX IP interface",
        )
    _check_local_ip(values, report)
    _check_multicast(values, report)
    return KnxSettings(
        link=link,
        gateway_host=gateway.host,
        gateway_port=gateway.port or 0,
        local_ip=values.optional_text("local_ip"),
        individual_address=_individual_address(values, link, report),
        multicast_group=values.text("multicast_group"),
        keyring=values.optional_text("keyring"),
        keyring_password_file=_password_file(values, report),
    )


def _individual_address(values: Values, link: KnxLinkKind, report: Report) -> str | None:
    address = values.optional_text("individual_address")
    if address is not None or "individual_address" in values.given_names:
        return address
    key = values.key_of("individual_address")
    if link is not KnxLinkKind.ROUTING:
        return None
    report.warning(
        key, f"is missing, {NEW_DEVICE_ADDRESS} of a new device is used", "add one such as 1.1.20"
    )
    return NEW_DEVICE_ADDRESS


def _check_local_ip(values: Values, report: Report) -> None:
    text = values.optional_text("local_ip")
    if text is not None and _ipv4(text) is None:
        report.error(
            values.key_of("local_ip"),
            f"{text!r} is not an IPv4 address",
            "write the address of the network card",
        )


def _ipv4(text: str) -> ipaddress.IPv4Address | None:
    try:
        return ipaddress.IPv4Address(text)
    except ValueError:
        return None


def _check_multicast(values: Values, report: Report) -> None:
    text = values.text("multicast_group")
    address = _ipv4(text)
    if address is None or not address.is_multicast:
        report.error(
            values.key_of("multicast_group"),
            f"{text!r} is no multicast address",
            "allowed: 224.0.0.0 to 239.255.255.255, usually 224.0.23.12",
        )


def _password_file(values: Values, report: Report) -> str | None:
    if "keyring" in values.given_names and "keyring_password_file" not in values.given_names:
        report.warning(
            values.key_of("keyring_password_file"),
            "is missing, the keyring's password must be in KNXGW_KEYRING_PASSWORD",
            "or write it into a file of its own and name that file here",
        )
    return values.optional_text("keyring_password_file")


def _serial(values: Values) -> SerialLine | None:
    if not values.given:
        return None
    return SerialLine(
        port=values.optional_text("port") or "",
        protocol=values.text("protocol"),
        baud=values.integer("baud"),
        data_bits=values.integer("data_bits"),
        parity=values.text("parity"),
        stop_bits=values.integer("stop_bits"),
    )


def _check_serial(configuration: Configuration, found: PointList, report: Report) -> None:
    if configuration.serial is not None:
        if configuration.serial.protocol == "rtu" and configuration.serial.data_bits != 8:
            report.error("serial.data_bits", "Modbus RTU needs 8 data bits", "write 8")
        return
    smart_meter = configuration.load_management.smart_meter
    devices: list[tuple[str, MeterSettings | None]] = [
        ("load_management.smart_meter", smart_meter.meter if smart_meter else None)
    ]
    devices += [(f"{found.keys[point.number]}.meter", point.meter) for point in found.points]
    on_line = [key for key, meter in devices if meter and _is_serial(meter.connection.kind)]
    on_line += [found.keys[p.number] for p in found.points if _is_serial(p.connection.kind)]
    for key in on_line:
        report.error(
            f"{key}.connection.type",
            "there is no serial line",
            "add a section `serial: {port: /dev/…}`",
        )


def _is_serial(kind: ConnectionKind) -> bool:
    return kind is ConnectionKind.SERIAL
