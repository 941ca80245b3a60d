"""A running station goes on with another configuration: what stays, what begins, what ends. Pure.

A charging point whose charger stays the same goes on with what is known of it, under its new settings: the
setpoint is kept within the new limits, and a vehicle that waits for a start command may be released. If only
the electricity meter behind the charger is another one, what that measures is unknown until it is read. If the
charging point gets another charger, it goes on as after a restart: what is stored of it holds, but what the new
charger does is unknown until it has been read. The session goes on in each case, because the vehicle is still
plugged in. A charging point that is removed ends its session, and its charger gets a last offer that is safe
without the gateway, as at the end of the process.

In names and arguments, `before` is the station before the change; `old` and `new` are the same charging
point, or the same setting, before and after it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from knxgw.catalogue.codes import FaultCode
from knxgw.catalogue.object_keys import GRID_CONTROL, IN_OPERATION, SMART_METER
from knxgw.charging import session as sessions
from knxgw.charging.faults import FaultRegister
from knxgw.charging.point import ChargingPoint
from knxgw.charging.precedence import decide
from knxgw.charging.records import restored, to_record
from knxgw.charging.scope import DEVICE, PointNumber, point_scope
from knxgw.charging.states import Process
from knxgw.config.devices import devices
from knxgw.config.model import Configuration, PointSettings
from knxgw.dlm.reconfigure import reconfigured as load_management_reconfigured
from knxgw.dlm.settings import Settings
from knxgw.dlm.state import LoadManagement
from knxgw.station import load_management
from knxgw.station.control_inputs import constraints_of, requested
from knxgw.station.derive import EVERYTHING, derive
from knxgw.station.initial import (
    BUS_ANSWER_S,
    CONFIGURATION_FAULTS,
    asks_for_grid_control,
    configured_point,
    linked_holding_keys,
    stored_point,
    unreadable_fields,
    with_configuration_faults,
    with_state_lost,
    without_endless_holds,
)
from knxgw.station.model import (
    ConfigurationChanged,
    Effect,
    FaultChanged,
    LeaveBehind,
    Remember,
    SessionClosed,
    Site,
    Station,
)

# the group objects by which KNX delivers the values of the smart meter
METER_OBJECTS = (*SMART_METER, IN_OPERATION)
# faults of the electricity meter behind a charging point
METER_FAULTS = (FaultCode.E_METER_NOT_REACHABLE, FaultCode.E_METER_COMM, FaultCode.E_METER_ERROR)


def reconfigure(
    before: Station, event: ConfigurationChanged, now_s: float
) -> tuple[Station, tuple[Effect, ...]]:
    """Return the station as it goes on with another configuration, and the effects of the change.

    First come the effects for what ends: last offers to chargers that the gateway does not control any more,
    and sessions and faults of removed charging points. Then everything is derived again.
    """
    station = _with_configuration(before, event, now_s)
    if unreadable_fields(event.configuration, event.records):  # of an added charging point
        station = with_state_lost(station)
    last_offers = _last_offers(before, station)
    effects_of_removed = _effects_of_removed_points(before, station, now_s)
    reference = replace(before, points=_points_to_compare_with(before, station))
    # the table of group objects is a new one, so it gets every value; it sends only what it has not sent yet
    unpublished = replace(station, output=replace(station.output, published={}))
    derived, effects = derive(reference, unpublished, EVERYTHING, now_s)
    return derived, (*last_offers, *effects_of_removed, *effects)


def _points_to_compare_with(
    before: Station, station: Station
) -> Mapping[PointNumber, ChargingPoint]:
    """Return each present charging point as it was before the change, for `derive` to find what has changed.

    An added point has no state of before. It is taken as it is now, but without its faults, so that `derive`
    reports these as new.
    """
    return {
        number: before.points.get(number)
        or replace(point, faults=replace(point.faults, present=()))
        for number, point in station.points.items()
    }


def _with_configuration(before: Station, event: ConfigurationChanged, now_s: float) -> Station:
    """Return the station with another configuration, and with all that is still true under it.

    That goes for charging points, submeters, load management, faults and grid control. Nothing is derived yet:
    the decisions, and what was published, are still those of before.
    """
    configuration = event.configuration
    points = _configured_points(before, event, now_s)
    management_settings = load_management.load_management_settings(configuration)
    new_devices = {one.id: one for one in devices(configuration)}
    same_submeters = {
        name: state
        for name, state in before.submeters.items()
        if new_devices.get(name) == before.site.devices[name]
    }
    scopes = {DEVICE, *map(point_scope, points)}
    # those of removed points are left out: if such a point comes back later, its record is stored again
    kept_records = {
        scope: one for scope, one in before.output.remembered.items() if scope in scopes
    }
    return _without_old_faults(
        replace(
            before,
            site=Site(
                configuration=configuration,
                devices=new_devices,
                load_management_settings=management_settings,
            ),
            points=points,
            submeters=same_submeters,
            operation=replace(
                before.operation,
                # without a group address, no telegram could end it: so it ends now
                is_grid_control_active=before.operation.is_grid_control_active
                and configuration.is_linked(GRID_CONTROL),
                waits_for_bus_until=_waits_for_bus_until(before, configuration, now_s),
            ),
            load_management=_continued_load_management(
                before, configuration, management_settings, points, now_s
            ),
            observations={},  # the next cycle observes all charging points
            output=replace(before.output, remembered=kept_records),
        )
    )


def _configured_points(
    before: Station, event: ConfigurationChanged, now_s: float
) -> Mapping[PointNumber, ChargingPoint]:
    """Return the charging points of the new configuration, by number.

    One that was there before goes on. An added one begins with what was stored of it, if it existed earlier
    (`event.records`).
    """
    configuration = event.configuration
    points: dict[PointNumber, ChargingPoint] = {}
    for settings in configuration.points:
        number = PointNumber(settings.number)
        new = configured_point(configuration, settings)
        old = before.points.get(number)
        if old is not None:
            points[number] = _continued_point(before, configuration, old, new, now_s)
        else:
            points[number] = stored_point(
                configuration, new, event.records, before.now(now_s), now_s
            )
    return points


def _waits_for_bus_until(
    before: Station, configuration: Configuration, now_s: float
) -> float | None:
    """Return until when the station waits for the bus to say if grid control is active [monotonic s].

    None: there is no wait. If only the new configuration asks the bus, the wait begins now. If the one before
    asked it, too, its wait goes on, or stays over.
    """
    if not asks_for_grid_control(configuration):
        return None
    if asks_for_grid_control(before.configuration):
        return before.operation.waits_for_bus_until
    return now_s + BUS_ANSWER_S


def _without_old_faults(station: Station) -> Station:
    """Return the station with the faults of its new configuration in place of those of the one before.

    While load management is off, the faults that its cycles find are cleared, too: no cycle would do that any
    more.
    """
    is_managed = station.load_management is not None
    ended_codes = (*CONFIGURATION_FAULTS, *(() if is_managed else load_management.DEVICE_FAULTS))
    points = {}
    for number, point in station.points.items():
        faults = _without_faults(point.faults, ended_codes)
        points[number] = point if faults is point.faults else replace(point, faults=faults)
    device_faults = _without_faults(station.faults, ended_codes)
    return with_configuration_faults(replace(station, faults=device_faults, points=points))


def _without_faults(faults: FaultRegister, codes: Iterable[FaultCode]) -> FaultRegister:
    """Return a register with some faults cleared; the same one if none of them is present."""
    for code in codes:
        faults = faults.set(code, is_present=False)
    return faults


# --- charging points -----------------------------------------------------------------------------


def is_same_charger(old: PointSettings, new: PointSettings) -> bool:
    """Tell whether a charging point still has the same charger: the same model at the same address.

    Then what is known of the charger holds; else the old one gets a last offer.
    """
    return old.model == new.model and old.connection == new.connection


def _continued_point(
    before: Station,
    configuration: Configuration,
    old: ChargingPoint,
    new: ChargingPoint,
    now_s: float,
) -> ChargingPoint:
    """Return the charging point `old` as it goes on under another configuration.

    `new`: the same point as that configures it. With the same charger, what is known of the point stays, except
    for what its new settings and another electricity meter change (`_with_same_charger`). With another charger it
    goes on as after a restart, and so it does if the configuration begins or ceases to block it. In both cases an
    interruption or a setpoint of 0 A ends if its group object has no address any more: no telegram could end it.
    """
    number = PointNumber(new.settings.number)
    linked_keys, now = linked_holding_keys(configuration, number), before.now(now_s)
    continued = _as_after_restart(old, new, linked_keys, now, now_s)
    is_blocked_as_before = old.installation.is_blocked == new.installation.is_blocked
    if is_blocked_as_before and is_same_charger(old.settings, new.settings):
        continued = _with_same_charger(old, continued)
    return without_endless_holds(configuration, continued)


def _as_after_restart(
    old: ChargingPoint,
    new: ChargingPoint,
    linked_keys: frozenset[str],
    now: datetime | None,
    now_s: float,
) -> ChargingPoint:
    """Return `new` with what a restart would restore of `old`, from the record that would be stored of it.

    Other than in a restart, the vehicle has been there all the time, so the instants of its session and its
    card are kept as well. No fault is present at first: each is reported again when it occurs. `linked_keys`:
    which of start/stop, interruption and setpoint have a group address.
    """
    kept = restored(new, to_record(old), now, now_s, linked_keys)
    return replace(
        kept,
        session=replace(
            kept.session,
            began_at=old.session.began_at,
            is_restored=old.session.is_restored,
            drew_at=old.session.drew_at,
        ),
        process=replace(
            kept.process,
            card=replace(kept.process.card, enabled_by=old.process.card.enabled_by),
        ),
        faults=replace(old.faults, present=()),
    )


def _with_same_charger(old: ChargingPoint, new: ChargingPoint) -> ChargingPoint:
    """Return the point `old`, whose charger stays, with what other settings change: limits, zone, setpoint.

    `new`: the same point as after a restart. It has the setpoint that KNX gave, clamped to the new limits, or the
    new maximum. A vehicle that waits for a start command is released if none is needed any more. If the
    electricity meter behind the charger is another one, what it measures is unknown at first, and the energy
    counters go on from what was stored (`_with_other_meter`).
    """
    stage = old.process.stage
    if stage is Process.WAITING and not new.is_started_manually:
        stage = Process.FREE
    carried = replace(
        old,
        installation=replace(
            old.installation, settings=new.settings, limits=new.limits, zone=new.installation.zone
        ),
        control=replace(
            old.control,
            setpoint_ma=new.control.setpoint_ma,
            is_setpoint_given=new.control.is_setpoint_given,
            wake_at=0.0,  # other settings may change that instant: `derive` finds it again
        ),
        process=replace(old.process, stage=stage),
    )
    is_same_meter = old.settings.meter == new.settings.meter
    return carried if is_same_meter else _with_other_meter(carried, old, new)


def _with_other_meter(
    carried: ChargingPoint, old: ChargingPoint, new: ChargingPoint
) -> ChargingPoint:
    """Return the point `carried` with the electricity meter of `new` in place of that of `old`.

    What either meter supplies is unknown until it is read: its values, their times and how far apart readings came
    are dropped. The faults of the old meter end. The energy counters are those of `new`: they go on from what a
    restart would have stored. `old`, `new`: the same point before the change, and as after a restart.
    """
    metered = old.metered_quantities | new.metered_quantities
    readings = old.readings
    return replace(
        carried,
        readings=replace(
            carried.readings,
            values={one: value for one, value in readings.values.items() if one not in metered},
            read_at={one: at for one, at in readings.read_at.items() if one not in metered},
            spacings_s={
                one: spacings for one, spacings in readings.spacings_s.items() if one not in metered
            },
        ),
        energy=replace(
            carried.energy,
            lifetime_counter=new.energy.lifetime_counter,
            power_counter=new.energy.power_counter,
            counters=new.energy.counters,
        ),
        faults=_without_faults(old.faults, METER_FAULTS),
    )


# --- load management -----------------------------------------------------------------------------


def _continued_load_management(
    before: Station,
    configuration: Configuration,
    settings: Settings | None,
    points: Mapping[PointNumber, ChargingPoint],
    now_s: float,
) -> LoadManagement | None:
    """Return load management as it goes on with other settings and charging points; None: it is off now.

    If it was off before, it starts. Otherwise it goes on with what it knows, provided that the same meter
    measures the mains connection in the same way; if not, it *begins again*. That is as at a start, but for what
    safety demands: no participant gets more than it had before, a lock-out goes on where there is a meter, and no
    vehicle starts before the meter has measured.
    """
    old, old_settings = before.load_management, before.load_management_settings
    if settings is None:
        return None
    if old is None or old_settings is None:
        return load_management.start(settings, points, now_s)
    wanted_participants = load_management.settings_of_participants(points, settings)
    is_same_measurement = _keeps_meaning_of_values(
        old_settings, settings
    ) and _has_same_meter_setup(before.configuration, configuration)
    previous_participants = [one.settings for one in old.participants.values()]
    if (settings, wanted_participants) == (old_settings, previous_participants) and (
        is_same_measurement
    ):
        return replace(old, due_at=now_s)  # nothing that concerns it has changed
    return load_management_reconfigured(
        old, settings, wanted_participants, now_s, is_same_measurement=is_same_measurement
    )


def _keeps_meaning_of_values(old: Settings, new: Settings) -> bool:
    """Tell whether the settings of load management give a value of the smart meter the same meaning as before.

    If not, load management begins again (`_continued_load_management`).
    """
    return (
        # a static limit takes the place of a meter: either both have one, or neither
        (old.static_limit_ma is None) == (new.static_limit_ma is None)
        and old.phases == new.phases
        and old.saturating == new.saturating  # whether its highest value may stand for more
        and old.monitoring is new.monitoring  # what its silence means
    )


def _has_same_meter_setup(old: Configuration, new: Configuration) -> bool:
    """Tell whether the smart meter is configured as before: all its settings, and its group addresses.

    If not, load management begins again (`_continued_load_management`). So it does with another interval, although
    the meter may be the same; and with another group address, because something else may send there.
    """
    before, after = old.load_management.smart_meter, new.load_management.smart_meter
    if before != after:
        return False
    return all(old.link_of(key) == new.link_of(key) for key in METER_OBJECTS)


# --- what ends -----------------------------------------------------------------------------------


def _last_offers(before: Station, after: Station) -> list[Effect]:
    """Return the last offer to each charger that the gateway does not control any more.

    The charger was removed or replaced, or a fault of the configuration blocks it from now on. Its last offer
    is the one that it would get if the gateway stopped, which is safe without the gateway.
    """
    stopping = replace(
        before, operation=replace(before.operation, is_stopping=True, waits_for_bus_until=None)
    )
    effects: list[Effect] = []
    for number, point in before.points.items():
        new = after.points.get(number)
        was_controlled = not point.installation.is_blocked
        is_still_controlled = (
            new is not None
            and not new.installation.is_blocked
            and is_same_charger(point.settings, new.settings)
        )
        if is_still_controlled or not was_controlled:
            continue
        decision = decide(point.limits, constraints_of(stopping, point), requested(stopping, point))
        effects.append(LeaveBehind(point=number, offer_ma=decision.offer_ma))
    return effects


def _effects_of_removed_points(before: Station, after: Station, now_s: float) -> list[Effect]:
    """Return the effects for charging points that the configuration does not contain any more.

    Their faults end. An open session is closed; it goes to the history, as does an ended one that still waits for
    its times (`is_unreported`). After that the stored record says that the session is over, in case the
    charging point comes back.
    """
    at = before.now(now_s)
    effects: list[Effect] = []
    for number, point in before.points.items():
        if number in after.points:
            continue
        effects += [
            FaultChanged(scope=point_scope(number), code=code, is_present=False, at=at)
            for code in point.faults.present
        ]
        session = point.session.latest
        if session is None or not (session.is_open or point.session.is_unreported):
            continue
        closed = session
        if session.is_open:
            closed = sessions.close(session, sessions.SessionEnding.REMOVED)
        effects.append(SessionClosed(point=number, session=closed))
        over = replace(
            point,
            session=replace(point.session, latest=closed, is_unreported=False),
            process=replace(point.process, has_charged=False),  # as by unplugging
        )
        effects.append(Remember(scope=point_scope(number), record=to_record(over)))
    return effects
