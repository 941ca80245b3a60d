"""The station as it begins: new, or with what was stored. Pure.

Some commands *hold* a charging point back: stop, interruption, and a setpoint of 0 A. The last two end only
with another telegram to the same group object. So they are restored only while that object has a group address
(is *linked*): without one, nothing on the bus could ever end them.

A record may be damaged, or come from a newer version. A field that cannot be read counts as holding the charging
point back, if the command is linked, so that no vehicle gets more current than before.
"""

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
# how long the bus has to answer whether grid control is active; then what was stored counts
BUS_ANSWER_S = 4.0
# the longest wait for that answer from the start on, also if the KNX link does not even come up
LONGEST_BUS_WAIT_S = 8.5


def initial(
    configuration: Configuration,
    records: Mapping[Scope, Mapping[str, Any]],
    now_s: float,
    now: datetime | None,
    load_management_settings: Settings | None = None,
) -> Station:
    """Return the station as it begins: with what was stored, or new where there is no record.

    It has the faults of its configuration, and `STATE_LOST` if part of a record cannot be read. `records`: the
    stored ones, by scope. `now`: the wall-clock time [aware UTC]; None: not valid. `load_management_settings`: if
    given, they replace those that follow from the configuration.
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
    # a record that cannot be read (None) counts as active, until the bus says otherwise; without a group
    # address the bus could never say so
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
            waits_for_bus_until=now_s + LONGEST_BUS_WAIT_S if is_bus_asked else None,
            clock=WallClock(time=now, set_at=now_s, source=ClockSource.SYSTEM) if now else None,
        ),
        load_management=load_management.start(management_settings, points, now_s)
        if management_settings
        else None,
    )
    if unreadable_fields(configuration, records):  # people must be told that something is missing
        station = with_state_lost(station)
    return with_configuration_faults(station)


def configured_point(configuration: Configuration, settings: PointSettings) -> ChargingPoint:
    """Return a charging point as it is configured; nothing has been read, commanded or restored yet.

    A fault of the configuration may block the point. Then nothing is ever written to its charger.
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
    """Return a charging point with what was stored of it; as it is if there is no record.

    `new`: the point as it is configured. `records`: those of all scopes. `now`: the wall-clock time; None: not
    valid. An interruption or a setpoint of 0 A that no telegram could end is not restored.
    """
    number = PointNumber(new.settings.number)
    record = records.get(point_scope(number))
    if record is None:
        return new
    stored = restored(new, record, now, now_s, linked_holding_keys(configuration, number))
    return without_endless_holds(configuration, stored)


def unreadable_fields(
    configuration: Configuration, records: Mapping[Scope, Mapping[str, Any]]
) -> Mapping[Scope, tuple[str, ...]]:
    """Return which fields of the stored records cannot be read, by scope; empty: all can be.

    A scope without a record has no such fields. Of the device's record only grid control matters, and only
    while it has a group address.
    """
    point_scopes = [point_scope(point.number) for point in configuration.points]
    unreadable = {
        scope: read_record(records[scope]).unknown_fields
        for scope in point_scopes
        if scope in records
    }
    is_linked = configuration.is_linked(GRID_CONTROL)
    if is_linked and _stored_grid_control(records) is None:
        unreadable[DEVICE] = ("grid_control",)
    return {scope: names for scope, names in unreadable.items() if names}


def _stored_grid_control(records: Mapping[Scope, Mapping[str, Any]]) -> bool | None:
    """Return whether grid-supporting control was active, by the record of the device.

    Without a record it was not. None: there is a record, but this field of it cannot be read.
    """
    if DEVICE not in records:
        return False
    return RecordReader(records[DEVICE]).flag("grid_control")


def linked_holding_keys(configuration: Configuration, number: PointNumber) -> frozenset[str]:
    """Return which of the commands that hold a charging point back have a group address.

    The result has the keys of their group objects, out of start/stop, interruption and setpoint. Only a command
    with an address can have come before the restart, and can be taken back after it.
    """
    return frozenset(key for key in HOLDING_KEYS if configuration.is_linked(key, number))


def with_state_lost(station: Station) -> Station:
    """Return the station with the fault `STATE_LOST`: part of what was stored could not be used."""
    return replace(station, faults=station.faults.set(FaultCode.STATE_LOST, is_present=True))


def without_endless_holds(configuration: Configuration, point: ChargingPoint) -> ChargingPoint:
    """Return a charging point without an interruption or a setpoint of 0 A that could never end.

    That is so if the group object has no address (any more): no telegram can come. Such a setpoint becomes the
    maximum. Any other setpoint stays, because the vehicle can charge with it.
    """
    linked_keys = linked_holding_keys(configuration, PointNumber(point.settings.number))
    if INTERRUPTION not in linked_keys:
        point = replace(point, control=replace(point.control, is_interrupted=False))
    if point.control.setpoint_ma == 0 and SETPOINT not in linked_keys:
        point = replace(
            point,
            control=replace(
                point.control, setpoint_ma=point.limits.maximum_ma, is_setpoint_given=False
            ),
        )
    return point


def asks_for_grid_control(configuration: Configuration) -> bool:
    """Tell whether the gateway asks the bus if grid-supporting control is active.

    It does if there is a KNX link, and the group object has an address: when it starts, or when it gets such a
    configuration after one without that. Then it waits for the answer.
    """
    is_linked = configuration.is_linked(GRID_CONTROL)
    return is_linked and configuration.knx.link is not KnxLinkKind.NONE


def with_configuration_faults(station: Station) -> Station:
    """Return the station with the faults of its configuration set.

    Each is set for the whole device. A fault that concerns a charging point is set there as well.
    """
    for fault in station.configuration.faults:
        code = fault.code
        station = replace(station, faults=station.faults.set(code, is_present=True))
        if fault.point is not None and (number := PointNumber(fault.point)) in station.points:
            point = station.points[number]
            marked = replace(point, faults=point.faults.set(code, is_present=True))
            station = station.with_point(number, marked)
    return station
