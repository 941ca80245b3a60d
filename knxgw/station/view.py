"""What the station looks like to people: frozen plain data for website, terminal and API."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from knxgw.catalogue.codes import NO_ERROR, ChargingState, FaultCode
from knxgw.catalogue.faults import Faults
from knxgw.catalogue.text import Text
from knxgw.catalogue.texts import Texts
from knxgw.charging.events import LinkCondition
from knxgw.charging.faults import FaultRegister
from knxgw.charging.point import ChargingPoint
from knxgw.charging.quantities import PHASE_CURRENTS
from knxgw.charging.scope import PointNumber, point_scope
from knxgw.dlm.follows import Answer
from knxgw.dlm.meter import age_s
from knxgw.dlm.state import LoadManagement
from knxgw.station.load_management import load_management_state
from knxgw.station.model import Station


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultView:
    """A present fault in words."""

    code: str
    severity: int
    title: str
    cause: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PointView:
    """One charging point; currents mA, power W, energies Wh, None where not known."""

    number: int
    name: str
    model: str
    state: int | None
    state_words: str
    connected: bool | None
    condition: str
    offer_ma: int | None
    reason: str
    setpoint_ma: int | None  # as the charger reports it
    phases_ma: tuple[int | None, int | None, int | None]
    current_ma: int | None
    power_w: int | None
    energy_wh: int | None
    session_wh: int | None
    interruption: bool
    complete: bool
    fault: str  # last or current code
    fault_present: bool
    fault_infos: tuple[str, ...]
    faults: tuple[FaultView, ...] = ()  # present ones, the most severe first
    ages_s: Mapping[str, int] = field(default_factory=dict)  # of what was read, by its name

    @property
    def age_s(self) -> int | None:
        """Return the age of the oldest value that moves [s], None while none was read."""
        moving = [self.ages_s[name] for name in _MOVING if name in self.ages_s]
        return max(moving, default=None)


_MOVING = ("state", "setpoint", "current", "current_l1", "current_l2", "current_l3", "power")


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseView:
    """One phase of the mains connection [mA]; None where not known."""

    name: str  # "L1"
    measured_ma: int | None
    base_ma: int | None  # the building without the chargers
    available_ma: int | None
    allocated_ma: int  # offered to those who charge


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadManagementView:
    """Load management."""

    state_words: str
    limit_ma: int
    meter_age_s: float | None
    phases: tuple[PhaseView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteView:
    """The whole site."""

    name: str
    grid_control: bool
    fault: str  # last or current code, of the whole device
    fault_present: bool
    messages: tuple[str, ...]  # what a person must mend or know, in words
    load_management: LoadManagementView | None  # None: load management is off
    points: tuple[PointView, ...]
    faults: tuple[FaultView, ...] = ()  # present ones of the whole device, the most severe first
    language: str = "en"  # of the words here, and of the pages that show them


def view(station: Station, now_s: float, language: str = "en") -> SiteView:
    """Return what the station shows now, with words in `language` (en, de)."""
    return SiteView(
        name=station.configuration.device.name,
        grid_control=station.grid_control,
        fault=station.faults.text,
        fault_present=station.faults.is_present,
        messages=_messages(station, language),
        load_management=_load_management_view(station, now_s, language),
        points=tuple(
            _point_view(station, number, point, now_s, language)
            for number, point in station.points.items()
        ),
        faults=_fault_views(station.faults, station.configuration.product.faults, language),
        language=language,
    )


def _fault_views(register: FaultRegister, faults: Faults, language: str) -> tuple[FaultView, ...]:
    """Return the present faults of a register in words, the most severe first."""
    severities = register.severities
    shown = sorted(register.present, key=lambda code: -severities[code])
    return tuple(
        FaultView(
            code=code.value,
            severity=severities[code],
            title=faults.definitions[code].title.in_language(language),
            cause=faults.definitions[code].cause.in_language(language),
            remedy=faults.definitions[code].remedy.in_language(language),
        )
        for code in shown
    )


def unconfigured_view(texts: Texts, language: str = "en") -> SiteView:
    """Return what is shown of a device that is not configured."""
    return SiteView(
        name="knxgw",
        grid_control=False,
        fault=NO_ERROR,
        fault_present=False,
        messages=(texts.messages.not_configured.in_language(language),),
        load_management=None,
        points=(),
        language=language,
    )


def _messages(station: Station, language: str) -> tuple[str, ...]:
    """Return the sentences at the head of the status page: what a person must mend or know."""
    messages = [fault.message.in_language(language) for fault in station.configuration.faults]
    if FaultCode.STATE_LOST in station.faults.present:
        texts = station.configuration.product.texts.messages
        messages.append(texts.state_lost.in_language(language))
    messages += _wrong_meter(station, language)
    return tuple(messages)


def _wrong_meter(station: Station, language: str) -> list[str]:
    """Return which phases of the smart meter do not follow the chargers, why, and what helps."""
    phases = () if station.load_management is None else station.load_management.phases
    texts = station.configuration.product.texts.messages
    messages = []
    for answer, text in (
        (Answer.WRONG_WAY, texts.meter_reversed),
        (Answer.STILL, texts.meter_frozen),
    ):
        names = [f"L{n}" for n, one in enumerate(phases, 1) if one.follow_check.finding is answer]
        if names:
            messages.append(text.filled(phases=", ".join(names)).in_language(language))
    return messages


def _load_management_view(
    station: Station, now_s: float, language: str
) -> LoadManagementView | None:
    load_management, settings = station.load_management, station.load_management_settings
    if load_management is None or settings is None:
        return None
    texts = station.configuration.product.texts.load_management
    return LoadManagementView(
        state_words=texts[load_management_state(station, now_s)].in_language(language),
        limit_ma=settings.limit_ma,
        meter_age_s=age_s(load_management.meter, settings, now_s),
        phases=tuple(_phase_view(load_management, index) for index in range(settings.phases)),
    )


def _phase_view(load_management: LoadManagement, index: int) -> PhaseView:
    value = load_management.meter.values[index]
    available = load_management.available_ma
    participants = load_management.participants.values()
    return PhaseView(
        name=f"L{index + 1}",
        measured_ma=value.current_ma if value else None,
        base_ma=load_management.phases[index].base_ma,
        available_ma=available[index] if available else None,
        allocated_ma=sum(m.offer_ma for m in participants if m.takes_part and index in m.phases),
    )


def _point_view(
    station: Station, number: PointNumber, point: ChargingPoint, now_s: float, language: str
) -> PointView:
    texts = point.installation.product.texts
    state = _published(station, number, "state")
    decision = point.control.decision
    phases = [_published(station, number, quantity.value) for quantity in PHASE_CURRENTS]
    infos = [station.told(point_scope(number), f"fault_info_{part}") for part in range(1, 5)]
    return PointView(
        number=number,
        name=point.settings.name,
        model=f"{point.settings.model.manufacturer} {point.settings.model.model}",
        state=state,
        state_words=_state_text(point, state).in_language(language),
        connected=point.process.connected,
        condition=point.link.condition.value,
        offer_ma=decision.offer_ma if decision else None,
        reason=texts.reasons[decision.reason].words.in_language(language) if decision else "",
        setpoint_ma=_published(station, number, "setpoint_state"),
        phases_ma=(phases[0], phases[1], phases[2]),
        current_ma=_published(station, number, "current"),
        power_w=_published(station, number, "power"),
        energy_wh=_wh(_published(station, number, "energy")),
        session_wh=_wh(_published(station, number, "energy_last_charge")),
        interruption=point.control.is_interrupted,
        complete=point.process.is_complete,
        fault=point.faults.text,
        fault_present=point.faults.is_present,
        fault_infos=tuple(str(info) for info in infos if info),
        faults=_fault_views(point.faults, point.installation.product.faults, language),
        ages_s={
            quantity.value: max(0, round(now_s - point.readings.read_at[quantity]))
            for quantity in point.readings.values
        },
    )


def _state_text(point: ChargingPoint, state: int | None) -> Text:
    texts = point.installation.product.texts
    if state is not None:
        return texts.states[ChargingState(state)].name
    is_new = point.link.condition is LinkCondition.STARTING
    return texts.status.state_not_read_yet if is_new else texts.status.state_not_known


def _published(station: Station, number: PointNumber, key: str) -> int | None:
    value = station.told(point_scope(number), key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _wh(energy_mwh: int | None) -> int | None:
    return None if energy_mwh is None else round(energy_mwh / 1000)
