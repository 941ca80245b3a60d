"""The station as it begins: new, or with what was stored. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from knxgw.catalogue.codes import FaultCode
from knxgw.catalogue.object_keys import GRID_CONTROL, INTERRUPTION, SETPOINT
from knxgw.charging.faults import FaultRegister
from knxgw.charging.point import ChargingPoint, new_point
from knxgw.charging.record_reader import RecordReader
from knxgw.charging.records import HOLDING_KEYS, read_record, restored
from knxgw.charging.scope import DEVICE, PointNumber, Scope, point_scope
from knxgw.config.devices import devices
from knxgw.config.model import Configuration, KnxLinkKind, PointSettings
from knxgw.dlm.settings import Settings
from knxgw.station import load_management
from knxgw.station.model import ClockSource, Operation, Site, Station, WallClock

CONFIGURATION_FAULTS = (  # only another configuration ends them
    FaultCode.CONF_NO_CHARGER,
    FaultCode.CONF_CHARGER,
    FaultCode.CONF_E_METER,
    FaultCode.DLM_ASSOCIATION,
)
RESTORE_S = 4.0  # how long the bus has to answer what holds; then what was stored counts
RESTORE_LAST_S = 8.5  # the same from the start on, where the bus cannot even be asked what holds


def initial(
    configuration: Configuration,
    records: Mapping[Scope, Mapping[str, Any]],
    now_s: float,
    now: datetime | None,
    load_management_settings: Settings | None = None,
) -> Station:
    """Return the station as it begins: as it was stored, or new where there is no record.

    `records`: by scope. `now`: the wall-clock time [aware UTC], None: not valid. `load_management_settings`:
    given, they take the place of those that follow from the configuration.
    """
    points = {
        PointNumber(settings.number): stored_point(
            configuration, configured_point(configuration, settings), records, now, now_s
        )
        for settings in configuration.points
    }
    management_settings = load_management_settings or load_management.load_management_settings(
        configuration
    )
    # a record that does not say it (None) counts as active, until the bus says otherwise; without a group
    # address nothing could say so
    is_grid_control_active = (
        configuration.is_linked(GRID_CONTROL) and _stored_grid_control(records) is not False
    )
    is_bus_asked = asks_for_grid_control(configuration)
    station = Station(
        site=Site(
            configuration=configuration,
            devices={one.id: one for one in devices(configuration)},
            load_management_settings=management_settings,
        ),
        points=points,
        faults=FaultRegister(severities=configuration.product.faults.general),
        operation=Operation(
            is_grid_control_active=is_grid_control_active,
            # the longest wait for the answer: `BusAsked` shortens it once the bus can be asked
            restore_until=now_s + RESTORE_LAST_S if is_bus_asked else None,
            clock=WallClock(time=now, set_at=now_s, source=ClockSource.SYSTEM) if now else None,
        ),
        load_management=load_management.start(management_settings, points, now_s)
        if management_settings
        else None,
    )
    if unknown_in(configuration, records):
        station = state_lost(station)
    return with_configuration_faults(station)


def configured_point(configuration: Configuration, settings: PointSettings) -> ChargingPoint:
    """Return a charging point as it is configured, of which nothing else is known yet.

    A fault of the configuration may block it: then its charger is left alone.
    """
    is_blocked = any(settings.number in fault.blocked_points for fault in configuration.faults)
    zone = ZoneInfo(configuration.device.time_zone)
    return new_point(settings, configuration.product, is_blocked=is_blocked, zone=zone)


def stored_point(
    configuration: Configuration,
    new: ChargingPoint,
    records: Mapping[Scope, Mapping[str, Any]],
    now: datetime | None,
    now_s: float,
) -> ChargingPoint:
    """Return the charging point `new` with what was stored of it; as it is if there is no record.

    `records`: by scope. An interruption or a setpoint of 0 A that no telegram can end is left out.
    """
    number = PointNumber(new.settings.number)
    record = records.get(point_scope(number))
    if record is None:
        return new
    stored = restored(new, record, now, now_s, linked_holds(configuration, number))
    return without_unlinked(configuration, stored)


def unknown_in(
    configuration: Configuration, records: Mapping[Scope, Mapping[str, Any]]
) -> Mapping[Scope, tuple[str, ...]]:
    """Return the names of the fields that cannot be read in the stored records, by scope; {}: all can be.

    A scope without a record has nothing to be read. The device's record matters only while grid control has
    a group address.
    """
    point_scopes = [point_scope(point.number) for point in configuration.points]
    unknown = {
        scope: read_record(records[scope]).unknown_fields
        for scope in point_scopes
        if scope in records
    }
    is_linked = configuration.is_linked(GRID_CONTROL)
    if is_linked and _stored_grid_control(records) is None:
        unknown[DEVICE] = ("grid_control",)
    return {scope: names for scope, names in unknown.items() if names}


def _stored_grid_control(records: Mapping[Scope, Mapping[str, Any]]) -> bool | None:
    """Return whether grid-supporting control was active by the device's record; without a record it was not.

    None: there is a record, but what it says of it cannot be read.
    """
    if DEVICE not in records:
        return False
    return RecordReader(records[DEVICE]).flag("grid_control")


def linked_holds(configuration: Configuration, number: PointNumber) -> frozenset[str]:
    """Return the commands that can hold a charging point back and whose group object has an address, by key.

    They are start/stop, interruption and setpoint (`HOLDING_KEYS`). Without an address no telegram could end
    what such a command began.
    """
    return frozenset(key for key in HOLDING_KEYS if configuration.is_linked(key, number))


def state_lost(station: Station) -> Station:
    """Return the station with the fault `STATE_LOST`: of what was stored, something could not be used."""
    return replace(station, faults=station.faults.set(FaultCode.STATE_LOST, is_present=True))


def without_unlinked(configuration: Configuration, point: ChargingPoint) -> ChargingPoint:
    """Return a charging point without an interruption or a setpoint of 0 A that no telegram can end.

    The group object that would end it has no address (any more). Such a setpoint becomes the maximum.
    """
    linked = linked_holds(configuration, PointNumber(point.settings.number))  # keys with an address
    if INTERRUPTION not in linked:
        point = replace(point, control=replace(point.control, is_interrupted=False))
    if point.control.setpoint_ma == 0 and SETPOINT not in linked:
        point = replace(
            point,
            control=replace(
                point.control, setpoint_ma=point.limits.maximum_ma, is_setpoint_given=False
            ),
        )
    return point


def asks_for_grid_control(configuration: Configuration) -> bool:
    """Tell whether the bus is asked at the start whether the grid operator limits the site."""
    is_linked = configuration.is_linked(GRID_CONTROL)
    return is_linked and configuration.knx.link is not KnxLinkKind.NONE


def with_configuration_faults(station: Station) -> Station:
    """Return the station with the faults that its configuration has, all of them set for the whole device.

    One that concerns a charging point is set there as well.
    """
    for fault in station.configuration.faults:
        code = fault.code
        station = replace(station, faults=station.faults.set(code, is_present=True))
        if fault.point is not None and (number := PointNumber(fault.point)) in station.points:
            point = station.points[number]
            marked = replace(point, faults=point.faults.set(code, is_present=True))
            station = station.with_point(number, marked)
    return station
