"""The site for programs: codes and numbers, no words, with the JSON schema of it. Pure.

The tables below make both, so that the schema cannot say anything else than the values. Maps, not
lists, where something has a number or a name of its own: a merge patch then says the one that
changed. What is not known is left out. A new field goes into its table; a field, once given, keeps
its name and its meaning. Source: product 5.16.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from knxgw.catalogue.codes import FaultCode
from knxgw.catalogue.faults import Faults
from knxgw.charging.events import LinkCondition
from knxgw.charging.scope import DEVICE, PointNumber, Scope, point_scope
from knxgw.config.model import KnxLinkKind
from knxgw.device.panel import Led, Meaning
from knxgw.errors import Finding, Severity
from knxgw.station.actions import Action
from knxgw.station.model import ClockSource
from knxgw.station.view import (
    FaultView,
    LimitView,
    LoadManagementView,
    PhaseView,
    PointView,
    SessionView,
    SiteView,
)
from knxgw.store.runs import StartCause
from knxgw.website.device_facts import DeviceFacts, PanelFacts
from knxgw.website.json_shapes import (
    BOOLEAN,
    INTEGER,
    NUMBER,
    PHASES,
    ROUNDED,
    TEXT,
    TIME,
    Json,
    Kind,
    by_phase,
    codes_of,
    known,
    listed,
    mapped,
    maybe,
    named,
    noted,
    one_of,
    shape,
)
from knxgw.website.present import STUCK_S
from knxgw.website.present_faults import LastFaults


class DeviceState(StrEnum):
    """How far the device is."""

    NOT_CONFIGURED = "not_configured"
    STARTING = "starting"
    READY = "ready"


class FaultFacts(NamedTuple):
    """A fault that is present, or the last one of its scope."""

    code: str
    severity: int
    is_present: bool
    since: datetime | None = None  # aware UTC
    info: str = ""  # the device's own code


PastFaults = Mapping[Scope, FaultFacts]


class _Site(NamedTuple):
    """All that a value is made from; `now` is aware UTC."""

    site: SiteView
    facts: DeviceFacts
    now: datetime
    is_ready: bool
    past: PastFaults


class _Point(NamedTuple):
    point: PointView
    now: datetime
    past: FaultFacts | None


class _Limit(NamedTuple):
    limit: LimitView
    now: datetime


class _Mains(NamedTuple):
    shared: LoadManagementView
    points: frozenset[int]  # those that may be seen
    now: datetime


class _Phase(NamedTuple):
    phase: PhaseView
    points: frozenset[int]


# --- what the tables use -----------------------------------------------------------------------


def _after(now: datetime, lasts_s: float | None) -> datetime | None:
    return None if lasts_s is None else now + timedelta(seconds=lasts_s)


def _before(now: datetime, lasted_s: float | None) -> datetime | None:
    return None if lasted_s is None else now - timedelta(seconds=lasted_s)


def _faults(present: Iterable[FaultView], past: FaultFacts | None) -> Iterator[FaultFacts]:
    """Yield the present faults of a scope, or the last one where none is present."""
    for one in present:
        yield FaultFacts(one.code, one.severity, is_present=True, since=one.since, info=one.info)
        past = None
    if past is not None:
        yield past


def _state(of: _Site) -> DeviceState:
    if not of.site.is_configured:
        return DeviceState.NOT_CONFIGURED
    return DeviceState.READY if of.is_ready else DeviceState.STARTING


def _shared(of: _Site) -> _Mains | None:
    shared = of.site.load_management
    if shared is None:
        return None
    return _Mains(shared, frozenset(one.number for one in of.site.points), of.now)


def _points(of: _Site) -> dict[int, _Point]:
    return {
        one.number: _Point(one, of.now, of.past.get(point_scope(PointNumber(one.number))))
        for one in of.site.points
    }


# --- tables: name, kind, where it comes from ---------------------------------------------------

_ARGUMENTS: Kind[str] = shape(known("info", noted(TEXT, "the device's own code"), str))
_FAULT: Kind[FaultFacts] = shape(
    known("code", noted(codes_of(FaultCode), "as group objects 9 and 95"), lambda of: of.code),
    known("severity", noted(INTEGER, "0 to 100"), lambda of: of.severity),
    known("present", BOOLEAN, lambda of: of.is_present),
    maybe("since", TIME, lambda of: of.since),
    maybe("args", _ARGUMENTS, lambda of: of.info or None),
)
_LIMIT: Kind[_Limit] = shape(
    known("reason", noted(INTEGER, "as group object 511"), lambda of: of.limit.reason),
    maybe("ma", noted(INTEGER, "what this limit alone allows"), lambda of: of.limit.cap_ma),
    known("effective", BOOLEAN, lambda of: of.limit.is_effective),
    maybe("since", TIME, lambda of: of.limit.since),
    maybe("until", TIME, lambda of: _after(of.now, of.limit.ends_in_s)),
)
_SESSION: Kind[SessionView] = shape(
    known("open", BOOLEAN, lambda of: of.is_open),
    maybe("started_at", TIME, lambda of: of.started_at),
    maybe("ended_at", TIME, lambda of: of.ended_at),
    known("duration_s", INTEGER, lambda of: of.duration_s),
    known("energy_wh", INTEGER, lambda of: of.energy_wh),
)
_POINT: Kind[_Point] = shape(
    known("name", TEXT, lambda of: of.point.name),
    known("model", TEXT, lambda of: of.point.model),
    known("condition", codes_of(LinkCondition), lambda of: of.point.condition),
    known("actions", listed(codes_of(Action)), lambda of: of.point.actions),
    maybe("state", noted(INTEGER, "as group object 50"), lambda of: of.point.state),
    maybe("connected", BOOLEAN, lambda of: of.point.connected),
    known("complete", BOOLEAN, lambda of: of.point.complete),
    known("interruption", BOOLEAN, lambda of: of.point.interruption),
    maybe("offer_ma", INTEGER, lambda of: of.point.offer_ma),
    maybe("reason", noted(INTEGER, "as group object 511"), lambda of: of.point.reason_code),
    known("limits", listed(named("limit", _LIMIT)),
          lambda of: [_Limit(one, of.now) for one in of.point.limits]),
    maybe("setpoint_ma", INTEGER, lambda of: of.point.setpoint_ma),
    known("setpoint_commanded_ma", INTEGER, lambda of: of.point.wanted_ma),
    maybe("current_ma", INTEGER, lambda of: of.point.current_ma),
    maybe("currents_ma", by_phase(INTEGER), lambda of: of.point.phases_ma),
    maybe("power_w", INTEGER, lambda of: of.point.power_w),
    maybe("powers_w", by_phase(INTEGER), lambda of: of.point.detail.powers_w),
    maybe("energy_wh", INTEGER, lambda of: of.point.energy_wh),
    maybe("energies_wh", by_phase(INTEGER), lambda of: of.point.detail.energies_wh),
    maybe("lifetime_wh", INTEGER, lambda of: of.point.detail.lifetime_wh),
    maybe("session_wh", INTEGER, lambda of: of.point.session_wh),
    maybe("session", _SESSION, lambda of: of.point.session),
    maybe("age_s", noted(NUMBER, "of the oldest value that moves"), lambda of: of.point.age_s),
    known("faults", listed(named("fault", _FAULT)),
          lambda of: list(_faults(of.point.faults, of.past))),
    maybe("temperature_c", NUMBER, lambda of: of.point.detail.temperature_c),
    maybe("temperature_warning", BOOLEAN, lambda of: of.point.detail.is_hot),
    maybe("serial", TEXT, lambda of: of.point.detail.serial),
    maybe("firmware", TEXT, lambda of: of.point.detail.firmware),
    maybe("evccid", TEXT, lambda of: of.point.detail.evccid),
    maybe("card", noted(TEXT, "its last four characters"), lambda of: of.point.detail.card),
    known("address", TEXT, lambda of: of.point.installed.address),
    maybe("meter", noted(TEXT, "its model"), lambda of: of.point.installed.meter),
    known("phases", INTEGER, lambda of: of.point.installed.phases),
    known("mains_phases", noted(listed(one_of(PHASES)), "by its terminals"),
          lambda of: [PHASES[n - 1] for n in of.point.installed.mains_phases
                     if 1 <= n <= len(PHASES)]),
    known("minimum_ma", INTEGER, lambda of: of.point.installed.minimum_ma),
    known("maximum_ma", INTEGER, lambda of: of.point.installed.maximum_ma),
    known("priority", BOOLEAN, lambda of: of.point.installed.is_prioritised),
)  # fmt: skip
_PHASE: Kind[_Phase] = shape(
    maybe("measured_ma", INTEGER, lambda of: of.phase.measured_ma),
    maybe("base_ma", noted(INTEGER, "the building without the chargers"),
          lambda of: of.phase.base_ma),
    maybe("available_ma", INTEGER, lambda of: of.phase.available_ma),
    known("allocated_ma", INTEGER, lambda of: of.phase.allocated_ma),
    known("points_ma", noted(mapped(INTEGER), "drawn on this phase, by charging point"),
          lambda of: {number: drawn for number, drawn in of.phase.shares_ma.items()
                      if number in of.points}),
)  # fmt: skip
_MAINS: Kind[_Mains] = shape(
    known("state", noted(INTEGER, "as group object 504"),
          lambda of: of.shared.state),
    known("limit_ma", INTEGER, lambda of: of.shared.limit_ma),
    maybe("fuse_ma", INTEGER, lambda of: of.shared.fuse_ma),
    known("reserve_ma", INTEGER, lambda of: of.shared.reserve_ma),
    known("has_meter", BOOLEAN, lambda of: of.shared.has_meter),
    known("meter_alive", noted(BOOLEAN, "its values may be taken for those of now"),
          lambda of: of.shared.is_meter_alive),
    maybe("meter_age_s", ROUNDED, lambda of: of.shared.meter_age_s),
    maybe("turn", noted(INTEGER, "the charging point that another one has just yielded to"),
          lambda of: of.shared.turn),
    maybe("high_power_until", TIME, lambda of: _after(of.now, of.shared.high_power_s)),
    maybe("phases", by_phase(_PHASE),
          lambda of: [_Phase(one, of.points) for one in of.shared.phases]),
)  # fmt: skip
_WARNING: Kind[Finding] = shape(
    known("about", noted(TEXT, "the key of the configuration"), lambda of: of.key),
    known("severity", codes_of(Severity), lambda of: of.severity),
)
_DEVICE: Kind[_Site] = shape(
    known("name", TEXT, lambda of: of.site.name),
    known("state", codes_of(DeviceState), _state),
    known("version", TEXT, lambda of: of.facts.version),
    maybe("serial", TEXT, lambda of: of.facts.serial),
    maybe("started_at", TIME, lambda of: of.facts.started_at),
    known("start_cause", codes_of(StartCause), lambda of: of.facts.start_cause),
    maybe("clock", one_of(one.name.lower() for one in ClockSource),
          lambda of: of.facts.clock_source),
    known("time_zone", TEXT, lambda of: of.site.time_zone),
    known("language", TEXT, lambda of: of.site.language),
    known("addresses", listed(TEXT), lambda of: of.facts.addresses),
    known("macs", listed(TEXT), lambda of: of.facts.macs),
    known("grid_control", BOOLEAN, lambda of: of.site.grid_control),
    maybe("stuck_s", noted(ROUNDED, "how long it has not reacted"),
          lambda of: of.facts.stuck_s if of.facts.stuck_s > STUCK_S else None),
    known("warnings", listed(_WARNING), lambda of: of.facts.warnings),
)  # fmt: skip
_KNX: Kind[_Site] = shape(
    maybe("link", codes_of(KnxLinkKind), lambda of: of.facts.knx_link),
    known("connected", BOOLEAN, lambda of: of.facts.knx_up_s is not None),
    maybe("connected_at", TIME, lambda of: _before(of.now, of.facts.knx_up_s)),
    maybe("individual_address", TEXT, lambda of: of.facts.individual_address),
    known("secure", BOOLEAN, lambda of: of.facts.is_secure),
)
_PATTERN = codes_of(Led)
_PANEL: Kind[PanelFacts] = shape(
    known("prog", _PATTERN, lambda of: of.programming.value),
    known("app", _PATTERN, lambda of: of.app.value),
    known("com", _PATTERN, lambda of: of.com.value),
    known("meaning", codes_of(Meaning), lambda of: of.meaning.value),
    known("programming_mode", BOOLEAN, lambda of: of.is_programming),
)
_SITE: Kind[_Site] = shape(
    known("device", _DEVICE, lambda of: of),
    known("knx", _KNX, lambda of: of),
    known("panel", _PANEL, lambda of: of.facts.panel),
    maybe("sharing", noted(_MAINS, "left out where load management is off"), _shared),
    known("faults", listed(named("fault", _FAULT)),
          lambda of: list(_faults(of.site.faults, of.past.get(DEVICE)))),
    known("points", mapped(named("point", _POINT)), _points),
)  # fmt: skip
_HEAD: Kind[Mapping[str, str]] = shape(
    known("id", noted(TEXT, "of this value: a stream goes on `after` it"), lambda of: of["id"]),
    known("at", noted(Kind({"type": "string", "format": "date-time"}, str), "when it was made"),
          lambda of: of["at"]),
)  # fmt: skip


def _schema() -> Json:
    head, site = _HEAD.schema, _SITE.schema
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A site of knxgw",
        "type": "object",
        "required": [*head["required"], *site["required"]],
        "properties": {**head["properties"], **site["properties"]},
        "$defs": {"fault": _FAULT.schema, "limit": _LIMIT.schema, "point": _POINT.schema},
    }


SCHEMA: Json = _schema()  # of a whole value, with `id` and `at`


def site_value(  # noqa: PLR0913 - everything that it is made of
    site: SiteView,
    facts: DeviceFacts,
    now: datetime,
    *,
    is_ready: bool,
    past: PastFaults = MappingProxyType({}),
    points: Collection[int] | None = None,
) -> Json:
    """Return the site for programs, without `id` and `at`, which whoever hands it out adds.

    `now` is aware UTC. `points`: the charging points that may be seen, None: all of them.
    """
    seen = tuple(one for one in site.points if points is None or one.number in points)
    written: Json = _SITE.write(_Site(replace(site, points=seen), facts, now, is_ready, past))
    return written


def past_faults(site: SiteView, stored: LastFaults, known_ones: Faults) -> PastFaults:
    """Return the last fault of each scope: that of the history, or the one of this start."""
    scopes = {DEVICE: (site.fault, known_ones.general)} | {
        point_scope(PointNumber(one.number)): (one.fault, known_ones.charging_point)
        for one in site.points
    }
    found = {}
    for scope, (shown, severities) in scopes.items():
        code, at = stored.get(scope, (shown, None))
        severity = next((value for known, value in severities.items() if known.value == code), None)
        if severity is not None:
            found[scope] = FaultFacts(code, severity, is_present=False, since=at)
    return found
