"""A site as it can be rehearsed on this computer: every address moved to the loopback interface; pure.

The same file gives the same addresses each time. Hosts become 127.x.x.x with the last three numbers
of their own address, ports that need rights get higher ones, a serial line becomes a pseudo
terminal, and KNX becomes routing on the loopback interface in a multicast group of its own, so that
nothing that is simulated reaches a real installation.
"""

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from knxgw.catalogue.device_model import DeviceModel
from knxgw.config.device_address import device_address
from knxgw.config.devices import Device, DeviceRole, devices
from knxgw.config.model import (
    Configuration,
    Connection,
    ConnectionKind,
    KnxLinkKind,
    KnxSettings,
    MeterSettings,
    SerialLine,
)
from knxgw.config.objects import smart_meter_on_knx
from knxgw.sim.loopback_addresses import (
    FIRST_FREE_PORT,
    LOOPBACK,
    PORT_STEP,
    is_loopback,
    loopback_hosts,
    may_stay_at,
    normal,
    port_step,
)

GATEWAY_ADDRESS = "1.1.20"  # where the site's file gives none
SOCKET = "socket://"

Key = tuple[str | int, ...]  # a number stands for the charging point of that number


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One value of the site's file that is another one in its copy; None: as if it were not there."""

    key: Key
    value: str | int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a device is simulated, and where the site's file says it is."""

    device: str
    simulated: str
    real: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """The site on this computer, and what of its file is different."""

    configuration: Configuration
    edits: tuple[Edit, ...]
    places: tuple[Place, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Device:
    """One Modbus device of the site."""

    name: str
    key: Key  # of its connection
    connection: Connection
    model: DeviceModel


def rehearse(
    configuration: Configuration,
    *,
    name: str,
    line_path: Path,
    may_listen: Callable[[str, int], bool],
) -> Rehearsal:
    """Return the site as it is on this computer.

    `name` tells it from other sites, `line_path` is what a serial adapter becomes; `may_listen` tells
    whether a low port of a loopback address can be used.
    """
    found = list(_devices(configuration))
    moved = _Addresses(found, may_listen)
    edits = [edit for device in found for edit in moved.edits(device)]
    line, line_edits = _line(configuration.serial, line_path, moved)
    knx, knx_edits, notes = _knx(configuration, group_of(name))
    website, website_edits = _website(configuration)
    if website_edits:
        real = f"{configuration.website.host}:{configuration.website.port}"
        notes.append(f"status page: {website_edits[0].value} in place of {real}")
    if any(edit.key[-1] != "port" for edit in line_edits):
        notes.append("serial line: 8 data bits, no parity: a pseudo terminal supports nothing else")
    return Rehearsal(
        configuration=replace(
            _with_connections(configuration, moved),
            serial=line,
            knx=knx,
            website=replace(configuration.website, host=website[0], port=website[1]),
        ),
        edits=(*edits, *line_edits, *knx_edits, *website_edits),
        places=tuple(_place(one, moved, configuration.serial, line) for one in found),
        notes=tuple(notes),
    )


# --- devices ---------------------------------------------------------------------------------


def _devices(configuration: Configuration) -> Iterator[_Device]:
    for device in devices(configuration):
        name, key = _name_and_key(device)
        yield _Device(
            name=name,
            key=(*key, "connection"),
            connection=device.connection,
            model=device.model,
        )


def _name_and_key(device: Device) -> tuple[str, Key]:
    if device.role is DeviceRole.SUBMETER:
        return device.name, (str(device.id),)
    if device.point is None:
        return "the smart meter", ("load_management", "smart_meter")
    name, key = f"charging point {device.point}", ("charging_points", device.point)
    if device.role is DeviceRole.POINT_METER:
        return f"its meter at {name}", (*key, "meter")
    return name, key


def _with_connections(configuration: Configuration, moved: "_Addresses") -> Configuration:
    def meter(settings: MeterSettings | None) -> MeterSettings | None:
        return settings and replace(settings, connection=moved.connection(settings.connection))

    points = tuple(
        replace(point, connection=moved.connection(point.connection), meter=meter(point.meter))
        for point in configuration.points
    )
    load_management = configuration.load_management
    if load_management.smart_meter is not None:
        smart_meter = replace(
            load_management.smart_meter, meter=meter(load_management.smart_meter.meter)
        )
        load_management = replace(load_management, smart_meter=smart_meter)
    submeters = tuple(
        replace(one, meter=replace(one.meter, connection=moved.connection(one.meter.connection)))
        for one in configuration.submeters
    )
    return replace(
        configuration, points=points, load_management=load_management, submeters=submeters
    )


def _place(
    device: _Device, moved: "_Addresses", real: SerialLine | None, line: SerialLine | None
) -> Place:
    there = device_address(moved.connection(device.connection), device.model)
    here = device_address(device.connection, device.model)
    on_line = device.connection.kind is ConnectionKind.SERIAL
    return Place(
        device=f"{device.name} ({device.model.id}, unit {here.unit})",
        simulated=line.port if on_line and line else f"{there.host}:{there.port}",
        real=real.port if on_line and real else f"{here.host}:{here.port}",
    )


# --- addresses -------------------------------------------------------------------------------


class _Addresses:
    """Where every host and port of a site is on this computer."""

    def __init__(self, devices: Sequence[_Device], may_listen: Callable[[str, int], bool]) -> None:
        ports: dict[str, set[int]] = {}
        for one in devices:
            if one.connection.host is not None:
                host, port, _, _ = device_address(one.connection, one.model)
                ports.setdefault(host, set()).update({port, one.connection.port})
        self._hosts = loopback_hosts(ports)
        self._steps = {
            host: port_step(used, lambda port, host=host: may_stay_at(host, port, may_listen))  # type: ignore[misc]  # bound at once
            for host, used in ports.items()
        }

    def of(self, host: str, port: int) -> tuple[str, int]:
        """Return where a host's port is."""
        host = normal(host)
        step = self._steps.get(host, 0) if port < FIRST_FREE_PORT else 0
        return self._hosts.get(host, host), port + step

    def connection(self, connection: Connection) -> Connection:
        """Return a connection as it is on this computer."""
        if connection.host is None:
            return connection
        host, port = self.of(connection.host, connection.port)
        host = connection.host if host == normal(connection.host) else host
        return replace(connection, host=host, port=port)

    def host(self, host: str) -> str:
        """Return what a host becomes that no device named before."""
        return self._hosts.get(normal(host)) or next(iter(loopback_hosts([host]).values()))

    def edits(self, device: _Device) -> Iterator[Edit]:
        """Yield what is different at a device's connection."""
        before, after = device.connection, self.connection(device.connection)
        if after.host != before.host:
            yield Edit(key=(*device.key, "host"), value=after.host)
        if after.port != before.port:
            yield Edit(key=(*device.key, "port"), value=after.port)


# --- line, KNX, website ----------------------------------------------------------------------


def _line(
    line: SerialLine | None, line_path: Path, moved: _Addresses
) -> tuple[SerialLine | None, list[Edit]]:
    """Return the serial line; a pseudo terminal knows neither parity nor seven bits."""
    if line is None:
        return None, []
    if line.port.startswith(SOCKET):
        host, _, port = line.port.removeprefix(SOCKET).rpartition(":")
        there = replace(line, port=f"{SOCKET}{moved.host(host)}:{port}")
    else:
        is_device = line.port.startswith("/dev/") or "://" in line.port
        path = str(line_path) if is_device else line.port
        there = replace(line, port=path, parity="N", data_bits=8)
    names = ("port", "parity", "data_bits")
    return there, [
        Edit(key=("serial", name), value=getattr(there, name))
        for name in names
        if getattr(there, name) != getattr(line, name)
    ]


def group_of(name: str) -> str:
    """Return the multicast group of a site: the same for the same name, hardly ever that of another.

    It is of administrative scope: no installation uses it, and no router passes it on.
    """
    number = zlib.crc32(name.encode("utf-8", "surrogateescape"))
    return f"239.255.{64 + number % 128}.{1 + number // 128 % 254}"


def _knx(configuration: Configuration, group: str) -> tuple[KnxSettings, list[Edit], list[str]]:
    """Return how KNX is reached, and what a person must know about it."""
    knx = configuration.knx
    meter = smart_meter_on_knx(configuration.load_management)
    if knx.link is KnxLinkKind.NONE and meter is None:
        return knx, [], []
    is_here = knx.local_ip is not None and is_loopback(knx.local_ip)
    if knx.link is KnxLinkKind.ROUTING and is_here and knx.keyring is None:
        return knx, [], []
    there = replace(
        knx,
        link=KnxLinkKind.ROUTING,
        local_ip=LOOPBACK,
        multicast_group=group,
        individual_address=knx.individual_address or GATEWAY_ADDRESS,
        keyring=None,
        keyring_password_file=None,
    )
    names = (
        *("link", "local_ip", "multicast_group", "individual_address"),
        *("keyring", "keyring_password_file"),
    )
    edits = [
        Edit(key=("knx", name), value=getattr(there, name))
        for name in names
        if getattr(there, name) != getattr(knx, name)
    ]
    notes = [f"KNX: routing on {LOOPBACK}, multicast group {group}, in place of {knx.link}"]
    if knx.keyring is not None:
        notes.append("KNX Secure is off: the keyring's keys are those of the real installation")
    return there, edits, notes


def _website(configuration: Configuration) -> tuple[tuple[str, int], list[Edit]]:
    host, port = configuration.website.host, configuration.website.port
    if is_loopback(host):
        return (host, port), []
    port += PORT_STEP if port < FIRST_FREE_PORT else 0
    return (LOOPBACK, port), [Edit(key=("website", "listen"), value=f"{LOOPBACK}:{port}")]


def by_place(places: Iterable[Place]) -> Mapping[tuple[str, str], list[str]]:
    """Return the devices that answer at each place, simulated and real."""
    found: dict[tuple[str, str], list[str]] = {}
    for one in places:
        found.setdefault((one.simulated, one.real), []).append(one.device)
    return found
