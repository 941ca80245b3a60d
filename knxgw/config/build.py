"""Makes a `Configuration` from checked values; what no single value shows is reported here."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass

from knxgw.catalogue.messages import Message
from knxgw.catalogue.product import Catalogue
from knxgw.config.build_load_management import build_load_management, check_priority
from knxgw.config.build_panel import build_panel
from knxgw.config.build_points import PointList, build_points
from knxgw.config.model import (
    Configuration,
    ConfigurationSource,
    ConnectionKind,
    DeviceSettings,
    FirmwareSettings,
    GroupObjectLink,
    KnxLinkKind,
    KnxSettings,
    MeterSettings,
    SerialLine,
    WebsiteSettings,
)
from knxgw.config.report import Report
from knxgw.config.values import Values
from knxgw.knx.fixed_values import UNASSIGNED_TEXT

_TUNNELS = (KnxLinkKind.TUNNELLING, KnxLinkKind.TUNNELLING_TCP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A configuration before its checks, with what only its source knows."""

    configuration: Configuration
    keys: Mapping[int, str]  # charging point -> key of its entry
    disabled: Mapping[int, Message]  # charging point -> why it does not exist


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
    control = values.sections["grid_supporting_control"]
    configuration = Configuration(
        device=device,
        knx=_knx(values.sections["knx"], report),
        website=_website(values.sections["website"], report),
        firmware=_firmware(values.sections["firmware"], report),
        serial=_serial(values.sections["serial"]),
        load_management=build_load_management(load_management, catalogue, report),
        grid_setpoint_ma=int(control.text("setpoint_a")) * 1000,
        points=tuple(found.points),
        group_objects=group_objects,
        source=source,
        panel=build_panel(values.sections["panel"], report),
        product=catalogue.product,
    )
    _check_serial(configuration, found, report)
    return Draft(configuration=configuration, keys=found.keys, disabled=found.disabled)


def _website(values: Values, report: Report) -> WebsiteSettings:
    listen = values.endpoint("listen")
    certificate, key = values.optional_text("certificate"), values.optional_text("key")
    if certificate is not None and key is None and not values.is_given("key"):
        report.error(values.key_of("key"), "website_key_missing")
    if key is not None and certificate is None and not values.is_given("certificate"):
        report.error(values.key_of("certificate"), "website_certificate_missing")
    return WebsiteSettings(
        host=listen.host or "",
        port=listen.port or 0,
        host_names=values.hosts("host_names"),
        trusted_proxy=values.optional_text("trusted_proxy"),
        certificate=certificate,
        key=key,
        is_announced=values.flag("discovery"),
    )


def _firmware(values: Values, report: Report) -> FirmwareSettings:
    """Return where firmware comes from."""
    index, proxy = values.optional_text("index") or "", values.endpoint("proxy")
    looks_daily = values.text("check") == "daily"
    if looks_daily and not index and not values.is_given("index"):
        report.error(values.key_of("check"), "firmware_check_without_index")
    return FirmwareSettings(
        index=index,
        proxy=f"http://{proxy.host}:{proxy.port}" if proxy.host else "",
        looks_daily=looks_daily,
    )


def _device(values: Values) -> DeviceSettings:
    """Return the settings of the device itself."""
    return DeviceSettings(
        name=values.text("name"),
        time_zone=values.text("time_zone"),
        language=values.text("language"),
        alive_cycle_s=values.number("alive_cycle_s"),
        ntp_servers=values.hosts("ntp_servers"),
    )


def _knx(values: Values, report: Report) -> KnxSettings:
    """Return the settings of the KNX link; what it needs and lacks is reported."""
    link = KnxLinkKind(values.text("link"))
    if link is KnxLinkKind.TPUART:
        report.error(values.key_of("link"), "tpuart_not_available")
    gateway = values.endpoint("gateway")
    if link in _TUNNELS and not values.is_given("gateway"):
        report.error(values.key_of("gateway"), "gateway_missing", link=link.value)
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
        server_port=values.optional_integer("server_port"),
    )


def _individual_address(values: Values, link: KnxLinkKind, report: Report) -> str | None:
    """Return the individual address; with routing, one that is missing is assumed and reported."""
    address = values.optional_text("individual_address")
    if address is not None or values.is_given("individual_address"):
        return address
    key = values.key_of("individual_address")
    if link is not KnxLinkKind.ROUTING:
        return None
    report.warning(key, "individual_address_missing", address=UNASSIGNED_TEXT)
    return UNASSIGNED_TEXT


def _check_local_ip(values: Values, report: Report) -> None:
    """Report a local address that is no IPv4 address."""
    text = values.optional_text("local_ip")
    if text is not None and _ipv4(text) is None:
        report.error(values.key_of("local_ip"), "local_ip_not_an_address", text=repr(text))


def _ipv4(text: str) -> ipaddress.IPv4Address | None:
    """Return an IPv4 address; None: the text is none."""
    try:
        return ipaddress.IPv4Address(text)
    except ValueError:
        return None


def _check_multicast(values: Values, report: Report) -> None:
    """Report a group that is no multicast address."""
    text = values.text("multicast_group")
    address = _ipv4(text)
    if address is None or not address.is_multicast:
        report.error(values.key_of("multicast_group"), "not_a_multicast_address", text=repr(text))


def _password_file(values: Values, report: Report) -> str | None:
    """Return the file with the keyring's password; a keyring without one is reported."""
    if values.is_given("keyring") and not values.is_given("keyring_password_file"):
        report.warning(values.key_of("keyring_password_file"), "keyring_password_missing")
    return values.optional_text("keyring_password_file")


def _serial(values: Values) -> SerialLine | None:
    """Return the settings of the serial line; None: there is none."""
    if not values.is_present:
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
    """Report devices on a serial line that does not exist, and RTU without 8 data bits."""
    if configuration.serial is not None:
        if configuration.serial.protocol == "rtu" and configuration.serial.data_bits != 8:
            report.error("serial.data_bits", "rtu_needs_8_bits")
        return
    smart_meter = configuration.load_management.smart_meter
    devices: list[tuple[str, MeterSettings | None]] = [
        ("load_management.smart_meter", smart_meter.meter if smart_meter else None)
    ]
    devices += [(f"{found.keys[point.number]}.meter", point.meter) for point in found.points]
    on_line = [key for key, meter in devices if meter and _is_serial(meter.connection.kind)]
    on_line += [found.keys[p.number] for p in found.points if _is_serial(p.connection.kind)]
    for key in on_line:
        report.error(f"{key}.connection.type", "no_serial_line")


def _is_serial(kind: ConnectionKind) -> bool:
    """Tell whether a connection is one on the serial line."""
    return kind is ConnectionKind.SERIAL
