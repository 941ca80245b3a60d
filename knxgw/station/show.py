"""Makes what people see of the station: `station/view.py`, with words in one language. Pure.

What a charging point measures is shown as it was last *published*, so that pages and group objects agree: a
value that is not known, or stale, is None there. A *scope* is one charging point, or the whole device.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

from knxgw.catalogue.codes import NO_ERROR, ChargingState, FaultCode, Reason
from knxgw.catalogue.text import Text
from knxgw.catalogue.texts import Texts
from knxgw.charging.events import LinkCondition
from knxgw.charging.point import ChargingPoint
from knxgw.charging.quantities import PHASE_CURRENTS
from knxgw.charging.scope import DEVICE, PointNumber, Scope, point_scope
from knxgw.config.device_address import SERIAL_LINE
from knxgw.config.model import Connection
from knxgw.dlm.follows import Answer
from knxgw.dlm.meter import age_s, is_alive
from knxgw.dlm.participant import Participant
from knxgw.dlm.state import LoadManagement
from knxgw.station.actions import possible_actions
from knxgw.station.limits import EffectiveLimit, limits_of
from knxgw.station.load_management import mains_phase_count, wired_phases
from knxgw.station.load_management_values import load_management_state
from knxgw.station.model import Station
from knxgw.station.view import (
    DetailView,
    FaultView,
    InstalledView,
    LimitView,
    LoadManagementView,
    PhaseView,
    PointView,
    SessionView,
    SiteView,
)

FaultTimes = Mapping[tuple[Scope, FaultCode], datetime | None]  # since when [UTC]; None: not known
SHOWN_CARD_CHARACTERS = 4  # the last ones: a card is never shown as a whole
_NO_TIMES: FaultTimes = MappingProxyType({})
_NO_ANSWER = (FaultCode.NOT_REACHABLE, FaultCode.COMM, FaultCode.WRONG_CHARGER)
# by the reason of a limit: the faults that cause it, at the charging point or at the whole device
_FAULTS_BEHIND: Mapping[Reason, tuple[FaultCode, ...]] = {
    Reason.CONFIGURATION: (FaultCode.DLM_ASSOCIATION,),
    Reason.FAULT: (FaultCode.CHARGER_ERROR,),
    Reason.INTERNAL_ERROR: (FaultCode.CONTACT_SUPPORT,),
    Reason.METER_LOST: (FaultCode.SMART_METER_TIMEOUT,),
    Reason.INVALID_CURRENT: (FaultCode.DLM_INVALID_CURRENT,),
    Reason.NOT_REACHABLE: _NO_ANSWER,
    Reason.CHARGER_SILENT: _NO_ANSWER,
}


class _Look(NamedTuple):
    """What a view is made from: which station, when [monotonic s], and in which language."""

    station: Station
    now_s: float
    language: str
    fault_times: FaultTimes


def view(
    station: Station,
    now_s: float,
    language: str = "en",
    fault_times: FaultTimes = _NO_TIMES,
) -> SiteView:
    """Return what the station shows now, with words in `language` (en, de).

    `fault_times`: since when each fault has been present [aware UTC], by scope and code; None or missing: not
    known.
    """
    look = _Look(station, now_s, language, fault_times)
    return SiteView(
        name=station.configuration.device.name,
        grid_control=station.operation.is_grid_control_active,
        fault=station.faults.text,
        fault_present=station.faults.is_present,
        messages=_messages(station, language),
        load_management=_load_management_view(look),
        points=tuple(_point_view(look, number, point) for number, point in station.points.items()),
        faults=_fault_views(look, DEVICE),
        language=language,
        time_zone=station.configuration.device.time_zone,
        severity=station.severity,
        clock_is_valid=station.operation.clock is not None,
    )


def _fault_views(look: _Look, scope: Scope) -> tuple[FaultView, ...]:
    """Return the present faults of a scope (the device, or a charging point) in words, the most severe first.

    Among equals the newest comes first, as in the fault text of the scope (`FaultRegister.current`).
    `CHARGER_ERROR` comes with the error codes that the charger itself reports (`info`).
    """
    station, language = look.station, look.language
    # those of the device, unless the scope is a charging point
    register, own_codes = station.faults, ""
    for number, point in station.points.items():
        if point_scope(number) == scope:
            register, own_codes = point.faults, " ".join(_own_error_codes(station, number))
    severities = register.severities
    newest_first = tuple(reversed(register.present))
    shown = sorted(newest_first, key=lambda code: -severities[code])
    definitions = station.configuration.product.faults.definitions
    return tuple(
        FaultView(
            code=code.value,
            severity=severities[code],
            title=definitions[code].title.in_language(language),
            cause=definitions[code].cause.in_language(language),
            remedy=definitions[code].remedy.in_language(language),
            since=look.fault_times.get((scope, code)),
            info=own_codes if code is FaultCode.CHARGER_ERROR else "",
            about="; ".join(_what_is_wrong(station, scope, code, language)),
        )
        for code in shown
    )


def _what_is_wrong(station: Station, scope: Scope, code: FaultCode, language: str) -> Iterator[str]:
    """Yield what the configuration says about a fault, in words, such as which devices it concerns.

    Only faults of the configuration have such words; any other fault yields nothing.
    """
    for fault in station.configuration.faults:
        fault_scope = DEVICE if fault.point is None else point_scope(PointNumber(fault.point))
        if (fault_scope, fault.code) == (scope, code):
            yield fault.message.in_language(language)


def _own_error_codes(station: Station, number: PointNumber) -> list[str]:
    """Return the error codes that the charger itself reports, four at most; stale ones are left out."""
    codes = [  # the published value is None once the reading is stale
        station.last_published(point_scope(number), f"fault_info_{part}") for part in range(1, 5)
    ]
    return [str(code) for code in codes if code]


def unconfigured_view(texts: Texts, language: str = "en") -> SiteView:
    """Return what is shown of a device that is not configured: nothing but the message that says so."""
    return SiteView(
        name="knxgw",
        grid_control=False,
        fault=NO_ERROR,
        fault_present=False,
        messages=(texts.messages.not_configured.in_language(language),),
        load_management=None,
        points=(),
        language=language,
        is_configured=False,
    )


def _messages(station: Station, language: str) -> tuple[str, ...]:
    """Return the sentences at the head of the status page: what a person must mend or know.

    They are about faults of the configuration, stored state that was lost, and a smart meter whose values do
    not follow the chargers.
    """
    messages = [fault.message.in_language(language) for fault in station.configuration.faults]
    if FaultCode.STATE_LOST in station.faults.present:
        texts = station.configuration.product.texts.messages
        messages.append(texts.state_lost.in_language(language))
    messages += _messages_on_wrong_meter(station, language)
    return tuple(messages)


def _messages_on_wrong_meter(station: Station, language: str) -> list[str]:
    """Return sentences about a smart meter whose values do not follow the chargers, and what helps.

    Load management checks on each phase whether the meter moves as the chargers do. For each of two findings there
    is at most one sentence, which names the phases: those that move the wrong way (a current transformer is
    reversed), and those that stand still. Empty: neither was found, or load management is off.
    """
    phases = () if station.load_management is None else station.load_management.phases
    texts = station.configuration.product.texts.messages
    messages = []
    for finding, text in (
        (Answer.WRONG_WAY, texts.meter_reversed),
        (Answer.STILL, texts.meter_frozen),
    ):
        names = [
            f"L{number}"
            for number, phase in enumerate(phases, 1)
            if phase.follow_check.finding is finding
        ]
        if names:
            messages.append(text.filled(phases=", ".join(names)).in_language(language))
    return messages


def _load_management_view(look: _Look) -> LoadManagementView | None:
    """Return what is shown of load management, with words in the language of `look`; None: it is off."""
    station, now_s, language = look.station, look.now_s, look.language
    load_management, settings = station.load_management, station.load_management_settings
    if load_management is None or settings is None:
        return None
    texts = station.configuration.product.texts.load_management
    state = load_management_state(station, now_s)
    high_power_left_s = load_management.high_power_until - now_s
    has_meter = settings.static_limit_ma is None
    given = station.configuration.load_management
    return LoadManagementView(
        state_words=texts[state].in_language(language),
        state=int(state),
        fuse_ma=given.fuse_ma,
        reserve_ma=given.reserve_ma,
        turn=None if load_management.turn is None else load_management.turn.number,
        high_power_s=high_power_left_s if high_power_left_s > 0 else None,
        limit_ma=settings.limit_ma,
        meter_age_s=age_s(load_management.meter, settings, now_s),
        # without a meter, no silence of it must be shown
        is_meter_alive=not has_meter or is_alive(load_management.meter, settings, now_s),
        has_meter=has_meter,
        phases=tuple(
            _phase_view(station, load_management, index) for index in range(settings.phases)
        ),
    )


def _phase_view(station: Station, load_management: LoadManagement, index: int) -> PhaseView:
    """Return what is shown of a phase of the mains connection (`index`: 0 to 2), in mA; None: not known.

    That is: the current measured last (however old), the base load, what was available in the last cycle, the sum
    of the offers to points that take part, and the draw of each charging point on this phase (`shares_ma`); a draw
    of 0 or an unknown one is left out there.
    """
    value = load_management.meter.values[index]
    available = load_management.outcome.available_ma
    participants = load_management.participants.values()
    return PhaseView(
        name=f"L{index + 1}",
        measured_ma=value.current_ma if value else None,
        base_ma=load_management.phases[index].base_ma,
        available_ma=max(0, available[index]) if available else None,  # as group objects 500 to 502
        # an offer to a point that takes no part waits for a vehicle that may come: it does not count
        allocated_ma=sum(
            one.offer_ma for one in participants if one.takes_part and index in one.phases
        ),
        shares_ma={
            number: drawn_ma
            for number, participant in load_management.participants.items()
            if (drawn_ma := _draw_on_phase_ma(station, PointNumber(number), participant, index))
        },
    )


def _draw_on_phase_ma(
    station: Station, number: PointNumber, participant: Participant, index: int
) -> int | None:
    """Return what a charging point draws on a phase of the mains connection [mA]; `index`: 0 to 2.

    Its currents are published by terminal, so the terminal is looked up that is wired to this phase. None:
    there is none, or its current is not measured or not fresh.
    """
    # for each terminal (L1, L2, L3 of the point): the phase of the mains connection that it is wired to
    phases_by_terminal = participant.settings.wired_phases
    if index not in phases_by_terminal:
        return None
    terminal = phases_by_terminal.index(index)
    return _published_integer(station, number, PHASE_CURRENTS[terminal].value)


def _point_view(look: _Look, number: PointNumber, point: ChargingPoint) -> PointView:
    """Return what is shown of a charging point: mostly what is published for it, with words where needed.

    Units are in the names of the fields. None: not known, or stale.
    """
    station, now_s, language = look.station, look.now_s, look.language
    texts = point.installation.product.texts
    state = _published_integer(station, number, "state")
    decision = point.control.decision
    phases = [_published_integer(station, number, quantity.value) for quantity in PHASE_CURRENTS]
    return PointView(
        number=number,
        name=point.settings.name,
        model=point.settings.model.title,
        state=state,
        state_words=_state_text(point, state).in_language(language),
        connected=point.process.is_connected,
        condition=point.link.condition.value,
        offer_ma=decision.offer_ma if decision else None,
        reason=texts.reasons[decision.reason].words.in_language(language) if decision else "",
        setpoint_ma=_published_integer(station, number, "setpoint_state"),
        phases_ma=(phases[0], phases[1], phases[2]),
        current_ma=_published_integer(station, number, "current"),
        power_w=_published_integer(station, number, "power"),
        energy_wh=_wh(_published_integer(station, number, "energy")),
        session_wh=_wh(_published_integer(station, number, "energy_last_charge")),
        interruption=point.control.is_interrupted,
        complete=point.process.is_complete,
        fault=point.faults.text,
        fault_present=point.faults.is_present,
        fault_infos=tuple(_own_error_codes(station, number)),
        faults=_fault_views(look, point_scope(number)),
        ages_s={
            quantity.value: max(0, round(now_s - point.readings.read_at[quantity]))
            for quantity in point.readings.values
        },
        reason_code=int(decision.reason) if decision else None,
        wanted_ma=point.control.setpoint_ma,
        is_charging=state is not None and ChargingState(state).is_charging,
        limits=tuple(
            LimitView(
                reason=int(one.reason),
                words=texts.reasons[one.reason].words.in_language(language),
                cap_ma=one.cap_ma,
                is_effective=one.is_effective,
                since=_limit_since(look, number, one),
                ends_in_s=one.ends_in_s,
            )
            for one in limits_of(station, point, now_s)
        ),
        actions=possible_actions(station, point, now_s),
        installed=_installed_view(station, point),
        detail=_detail_view(station, number, point),
        session=_session_view(point),
    )


def _limit_since(look: _Look, number: PointNumber, limit: EffectiveLimit) -> datetime | None:
    """Return since when a limit of a charging point has held [aware UTC]; None: not known.

    If the limit has no instant of its own, that of a fault that can cause it counts (`_FAULTS_BEHIND`): the first
    that is known, not the earliest. For each fault, in the order given there, the charging point comes before the
    whole device.
    """
    if limit.began_at is not None:
        return look.station.now(limit.began_at)
    scopes = (point_scope(number), DEVICE)
    keys = [(scope, code) for code in _FAULTS_BEHIND.get(limit.reason, ()) for scope in scopes]
    known_times = (at for key in keys if (at := look.fault_times.get(key)) is not None)
    return next(known_times, None)


def _installed_view(station: Station, point: ChargingPoint) -> InstalledView:
    """Return what is shown of the installation of a charging point, as it is configured.

    That is: how many phases it uses, and which of the mains connection (1 to 3) each terminal is wired to; its
    minimum (rounded up to a step of the charger) and its maximum; whether it has priority; the model of the electricity
    meter behind it (None: there is none); and the Modbus address of its charger.
    """
    settings = point.settings
    meter = settings.meter.model if settings.meter is not None else None
    connection = settings.connection
    host = "" if connection.host is None else f"{connection.host}:{connection.port}"
    return InstalledView(
        phases=settings.phases,
        minimum_ma=point.limits.lowest_ma,
        maximum_ma=point.limits.maximum_ma,
        is_prioritised=station.configuration.load_management.priority == settings.number,
        meter=meter.title if meter is not None else None,
        address=_address(connection, host or SERIAL_LINE),
        host=host,
        unit=connection.unit,
        connector=connection.connector,
        mains_phases=tuple(
            phase + 1 for phase in wired_phases(settings, mains_phase_count(station))
        ),
    )


def _address(connection: Connection, where: str) -> str:
    """Return the Modbus address of a charger as an installer writes it: "host:port, unit 1, connector 2".

    It is for programs: pages say it in their language (`website/place_words.py`). `where`: host and port, or
    the serial line. A connector is named where it is not the first.
    """
    named = f", connector {connection.connector}" if connection.connector > 1 else ""
    return f"{where}, unit {connection.unit}{named}"


def _detail_view(station: Station, number: PointNumber, point: ChargingPoint) -> DetailView:
    """Return what is shown of a charging point only on request.

    That is: powers, energies, temperature and its warning, the identities of vehicle, charger and card, and the
    charger's firmware.
    None: not known, or stale. Of the card that enabled charging only the last four characters are shown.
    """
    scope, settings = point_scope(number), point.settings
    hundredths = _published_integer(station, number, "temperature")  # of a degree Celsius
    is_hot = station.last_published(scope, "temperature_warning")
    phases = range(1, settings.phases + 1)
    card = _published_text(station, scope, "rfid")
    return DetailView(
        powers_w=tuple(_published_integer(station, number, f"power_l{phase}") for phase in phases),
        energies_wh=tuple(
            _wh(_published_integer(station, number, f"energy_l{phase}")) for phase in phases
        ),
        lifetime_wh=_wh(_published_integer(station, number, "energy_lifetime")),
        temperature_c=None if hundredths is None else hundredths / 100,
        is_hot=is_hot if isinstance(is_hot, bool) else None,
        evccid=_published_text(station, scope, "evccid"),
        serial=_published_text(station, scope, "serial"),
        firmware=_published_text(station, scope, "firmware"),
        card=card[-SHOWN_CARD_CHARACTERS:] if card else None,
    )


def _session_view(point: ChargingPoint) -> SessionView | None:
    """Return the current session of a charging point, or its last one; None: there was none yet."""
    session = point.session.latest
    if session is None:
        return None
    return SessionView(
        is_open=session.is_open,
        started_at=session.started_at,
        # while a session is open, this only says when current flowed last: it is no end yet
        ended_at=None if session.is_open else session.ended_at,
        duration_s=session.duration_s,
        energy_wh=round(session.energy_mwh / 1000),
    )


def _published_text(station: Station, scope: Scope, key: str) -> str | None:
    """Return the text published for a group object, by scope and key; None: there is none, or it is empty."""
    value = station.last_published(scope, key)
    return value if isinstance(value, str) and value else None


def _state_text(point: ChargingPoint, state: int | None) -> Text:
    """Return the words for a charging state, in all languages.

    For None they say that the state was not read yet, or is not known any more.
    """
    texts = point.installation.product.texts
    if state is not None:
        return texts.states[ChargingState(state)].name
    has_just_started = point.link.condition is LinkCondition.STARTING
    return texts.status.state_not_read_yet if has_just_started else texts.status.state_not_known


def _published_integer(station: Station, number: PointNumber, key: str) -> int | None:
    """Return the value published for a group object of a charging point, if it is an integer; else None.

    `number`: of the charging point. `key`: of the group object; its unit is that of `point_values`, such as mA for
    a current or mWh for an energy.
    """
    value = station.last_published(point_scope(number), key)
    # a flag is no integer here, although Python's `bool` is an `int`
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _wh(energy_mwh: int | None) -> int | None:
    """Return an energy in mWh as Wh; None stays None."""
    return None if energy_mwh is None else round(energy_mwh / 1000)
