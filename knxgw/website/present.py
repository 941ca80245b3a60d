"""What the live pages show: words and figures in one language, made from what the gateway is. Pure.

The only place that formats a value of the Status and point pages. The pages are made from it, and
live pages get its differences; so a page that was open for hours equals a fresh one. Keys are
paths in `data-bind` of the templates. Maps, not lists: an entry keeps its key, and keys sort as
the entries stand on the page. What is not there is left out.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from knxgw.catalogue.codes import NO_ERROR, ChargingState, LoadManagementState, Reason
from knxgw.station.view import (
    FaultView,
    LimitView,
    LoadManagementView,
    PhaseView,
    PointView,
    SiteView,
)
from knxgw.website.device_facts import DeviceFacts
from knxgw.website.language import UNKNOWN, Language, marked
from knxgw.website.panel_words import panel_words

Shown = dict[str, Any]
BAR_UNITS = 1000  # the width of a bar, whatever the limit is
_WAITING = (Reason.WAITING_FOR_CURRENT, Reason.LOCK_OUT)
_SHAPES: Mapping[int | None, str] = {  # of a state; colour comes last
    ChargingState.CHARGE: "bolt",
    ChargingState.CHARGE_REDUCED: "bolt-down",
    ChargingState.CHARGE_VENTILATION: "bolt-fan",
    ChargingState.CONNECTED: "plug",
    ChargingState.MANUAL_START: "plug-play",
    ChargingState.AVAILABLE: "ring",
    ChargingState.START_UP: "ring-dotted",
    ChargingState.INTERRUPTION: "bars",
    ChargingState.CANCELLED: "bars-crossed",
    ChargingState.ERROR: "octagon",
    ChargingState.NOT_AVAILABLE: "octagon",
    ChargingState.ILLEGAL: "octagon",
}
_TONES = {
    "bolt": "good", "bolt-down": "good", "bolt-fan": "good", "plug": "accent", "plug-play": "accent",
    "ring": "muted", "ring-dotted": "muted", "bars": "warning", "bars-crossed": "warning",
    "octagon": "bad", "link-broken": "bad", "check": "good",
}  # fmt: skip


def present(
    site: SiteView, facts: DeviceFacts, language: Language, now: datetime, *, is_ready: bool
) -> Shown:
    """Return everything that Status and the pages of the points show; `now` is aware UTC."""
    return {
        "layout": ",".join(str(point.number) for point in site.points),
        "name": site.name,
        "banner": _banner(site, facts, language, now),
        "mains": _mains(site.load_management, site, language),
        "points": {str(point.number): _point(point, site, language, now) for point in site.points},
        "general": _general(site, facts, language, now, is_ready=is_ready),
        "panel": panel_words(facts.panel, language),
        "device": _device(facts, language, now),
    }


# --- faults ---------------------------------------------------------------------------------------


def _banner(site: SiteView, facts: DeviceFacts, language: Language, now: datetime) -> Shown:
    """Return the present faults of all scopes, the most severe first, and what else is to be known."""
    found: list[tuple[str, FaultView, int | None]] = [
        (language.text("Device"), fault, None) for fault in site.faults
    ]
    for point in site.points:
        name = language.text("Charging point {number}", number=point.number)
        found += [(name, fault, point.number) for fault in point.faults]
    found.sort(key=lambda one: (-one[1].severity, one[2] or 0))
    faults = {
        f"{rank:02}-{number or 0}-{fault.code}": _fault(fault, scope, number, language, now)
        for rank, (scope, fault, number) in enumerate(found)
    }
    notices = [*site.messages, *facts.warnings]
    return {
        "tone": _severity_tone(site.severity) if found else ("warning" if notices else "good"),
        "faults": faults,
        "has_faults": bool(faults),
        "notices": {f"{rank:02}": {"text": text} for rank, text in enumerate(notices)},
        "has_notices": bool(notices),
    }


def _severity_tone(severity: int) -> str:
    return "bad" if severity >= 60 else "warning"


def _fault(
    fault: FaultView, scope: str, number: int | None, language: Language, now: datetime
) -> Shown:
    return {
        "scope": scope,
        "title": fault.title,
        "code": " ".join(filter(None, (fault.code, fault.info))),
        "since": language.text("since {time}", time=language.moment(fault.since, now))
        if fault.since
        else "",
        "severity": language.text("Severity {number}", number=fault.severity),
        "tone": _severity_tone(fault.severity),
        "cause": fault.cause,
        "remedy": fault.remedy,
        "help": f"/help/{fault.code.replace(' ', '-')}",
        "point": "" if number is None else f"/points/{number}",
    }


def _last_fault(fault: str, faults: Sequence[FaultView], language: Language) -> str:
    """Return the fault line: the present one, or the last one since the start."""
    if faults:
        return fault
    if fault == NO_ERROR:
        return language.text("No fault")
    return language.text("None now; last: {fault}", fault=fault)


# --- mains connection -----------------------------------------------------------------------------


def _mains(shared: LoadManagementView | None, site: SiteView, language: Language) -> Shown:
    grid = language.text("active") if site.grid_control else language.text("off")
    if shared is None:
        return {"is_managed": False, "grid_control": grid, "is_grid_controlled": site.grid_control}
    meter = None if shared.meter_age_s is None else round(shared.meter_age_s)
    is_normal = shared.state == LoadManagementState.NORMAL
    return {
        "is_managed": True,
        "grid_control": grid,
        "is_grid_controlled": site.grid_control,
        "state": shared.state_words,
        "tone": "good" if is_normal else "warning",
        "limit": language.ampere(shared.limit_ma),
        "fuse": language.ampere(shared.fuse_ma),
        "reserve": language.ampere(shared.reserve_ma),
        "meter": language.text("Smart meter not heard yet")
        if meter is None
        else language.text("Smart meter {seconds} s ago", seconds=meter),
        "is_meter_old": meter is None or meter > 30,
        "high_power": ""
        if shared.high_power_s is None
        else language.text("{time} left", time=language.duration(shared.high_power_s)),
        "phases": {
            phase.name.lower(): _phase(phase, shared.limit_ma, shared.fuse_ma, site, language)
            for phase in shared.phases
        },
    }


def _phase(
    phase: PhaseView, limit_ma: int, fuse_ma: int | None, site: SiteView, language: Language
) -> Shown:
    scale_ma = max(limit_ma, fuse_ma or 0, phase.measured_ma or 0, 1)
    base_ma = max(0, phase.base_ma or 0)
    left, bars = 0, {}
    width = min(BAR_UNITS, base_ma * BAR_UNITS // scale_ma)
    bars["base"] = {"x": left, "width": width}
    left += width
    for point in site.points:
        width = max(0, phase.shares_ma.get(point.number, 0)) * BAR_UNITS // scale_ma
        width = min(width, BAR_UNITS - left)
        bars[str(point.number)] = {"x": left, "width": width}
        left += width
    shown_ma = phase.measured_ma
    return {
        "name": phase.name,
        "figure": f"{language.ampere(shown_ma)[:-2] if shown_ma is not None else UNKNOWN} / "
        f"{language.ampere(limit_ma)}",
        "measured": language.ampere(phase.measured_ma),
        "base": language.ampere(phase.base_ma),
        "available": language.ampere(phase.available_ma),
        "allocated": language.ampere(phase.allocated_ma),
        "mark": min(BAR_UNITS, limit_ma * BAR_UNITS // scale_ma),
        "tone": "bad" if shown_ma is not None and shown_ma > limit_ma else "good",
        "bars": bars,
    }


# --- charging points ------------------------------------------------------------------------------


def _point(point: PointView, site: SiteView, language: Language, now: datetime) -> Shown:
    unreachable = point.condition not in ("good", "starting")
    shape = "link-broken" if unreachable else _SHAPES.get(point.state, "ring-dotted")
    if point.complete and point.state == ChargingState.CONNECTED:
        shape = "check"
    age_s = point.age_s
    currents = {
        f"l{n}": _terminal(n, current, point, language)
        for n, current in enumerate(point.phases_ma[: point.installed.phases], 1)
    }
    return {
        "title": f"{point.number} {point.name}",
        "name": point.name,
        "model": point.model,
        "shape": shape,
        "tone": _TONES[shape],
        "state": state_line(point, language),
        "is_old": age_s is not None and age_s > 10,
        "age": "" if age_s is None else language.text("values {seconds} s old", seconds=age_s),
        "power": language.watt(point.power_w),
        "offer": language.ampere(point.offer_ma),
        "why": why(point, language),
        "why_tone": "muted" if point.state == ChargingState.AVAILABLE else "info",
        "question": language.text("Why {current}?", current=language.ampere(point.offer_ma)),
        "setpoint": language.ampere(point.setpoint_ma),
        "current": language.ampere(point.current_ma),
        "currents": currents,
        "energy": language.kwh(point.energy_wh),
        **_session(point, language, now),
        "fault": _last_fault(point.fault, point.faults, language),
        "fault_tone": "bad" if point.fault_present else "muted",
        "faults": {
            f"{rank:02}-{fault.code}": _fault(fault, point.name, point.number, language, now)
            for rank, fault in enumerate(point.faults)
        },
        "limits": {
            f"{rank:02}": _limit(limit, language) for rank, limit in enumerate(point.limits)
        },
        "can": {action.value: True for action in point.actions},
        "details": _details(point, language),
    }


def state_line(point: PointView, language: Language) -> str:
    """Return the state in words, with the value of GO 50 in brackets."""
    value = "" if point.state is None else f" ({point.state})"
    return f"{point.state_words}{value}"


def why(point: PointView, language: Language) -> str:
    """Return the sentence that says why the point gets what it gets."""
    if point.state == ChargingState.AVAILABLE or point.reason_code == Reason.NO_VEHICLE:
        return language.text("No vehicle is plugged in.")
    if point.offer_ma is None or point.reason_code is None:
        return language.text("Not known yet.")
    reason = point.reason
    if point.is_charging and point.offer_ma > 0 and point.current_ma == 0:
        return language.text(
            "The vehicle draws nothing: {current} are offered.",
            current=language.ampere(point.offer_ma),
        )
    if point.offer_ma == 0:
        return language.text("No current: {reason}.", reason=reason)
    return language.text(
        "{current} because of: {reason}.", current=language.ampere(point.offer_ma), reason=reason
    )


def _terminal(number: int, current_ma: int | None, point: PointView, language: Language) -> Shown:
    scale_ma = max(point.installed.maximum_ma, point.offer_ma or 0, current_ma or 0, 1)
    return {
        "name": f"L{number}",
        "figure": language.ampere(current_ma),
        "width": max(0, current_ma or 0) * BAR_UNITS // scale_ma,
        "mark": (point.offer_ma or 0) * BAR_UNITS // scale_ma,
    }


def _limit(limit: LimitView, language: Language) -> Shown:
    cap = UNKNOWN if limit.cap_ma is None else language.ampere(limit.cap_ma)
    until = (
        ""
        if limit.ends_in_s is None
        else language.text("{time} left", time=language.duration(limit.ends_in_s))
    )
    return {
        "words": limit.words, "cap": cap, "until": until, "is_effective": limit.is_effective,
        "mark": "▸" if limit.is_effective else "",
    }  # fmt: skip


def _session(point: PointView, language: Language, now: datetime) -> Shown:
    session = point.session
    if session is None:
        return {"session": language.kwh(point.session_wh), "session_time": "",
                "session_title": language.text("Session")}  # fmt: skip
    title = language.text("Session") if session.is_open else language.text("Last session")
    times = language.moment(session.started_at, now) if session.started_at else ""
    if session.ended_at is not None:
        times = f"{times} – {language.clock(session.ended_at)}"
    return {
        "session": language.kwh(session.energy_wh),
        "session_time": language.duration(session.duration_s),
        "session_title": title,
        "session_times": times,
    }


def _details(point: PointView, language: Language) -> Shown:
    """Return the rows of the point's page that are not on its card; what is not known is left out."""
    detail, installed = point.detail, point.installed
    temperature = detail.temperature_c
    rows = [
        ("model", language.text("Charger"), point.model),
        ("address", language.text("Address"), installed.address),
        ("meter", language.text("Electricity meter"), installed.meter),
        ("serial", language.text("Serial number"), detail.serial),
        ("firmware", language.text("Firmware of the charger"), detail.firmware),
        ("range", language.text("Range"),
         f"{language.ampere(installed.minimum_ma)} – {language.ampere(installed.maximum_ma)}"),
        ("setpoint", language.text("Setpoint reported by the charger"),
         None if point.setpoint_ma is None else language.ampere(point.setpoint_ma)),
        ("powers", language.text("Power L1 / L2 / L3"), _each(detail.powers_w, language.watt)),
        ("energies", language.text("Energy L1 / L2 / L3"), _each(detail.energies_wh, language.kwh)),
        ("energy", language.text("Meter reading"),
         None if point.energy_wh is None else language.kwh(point.energy_wh)),
        ("lifetime", language.text("Energy since commissioning"),
         None if detail.lifetime_wh is None else language.kwh(detail.lifetime_wh)),
        ("temperature", language.text("Temperature inside"),
         None if temperature is None else f"{language.number(temperature, 1)}\u202f°C"),
        ("evccid", language.text("EVCCID of the vehicle"), detail.evccid),
        ("card", language.text("RFID card"),
         None if detail.card is None else f"…{detail.card}"),
        ("priority", language.text("Priority"),
         language.text("has priority") if installed.is_prioritised else None),
    ]  # fmt: skip
    return {
        f"{rank:02}": {"name": name, "value": value}
        for rank, (_, name, value) in enumerate(rows)
        if value
    }


def _each(values: Sequence[int | None], write: Callable[[int | None], str]) -> str | None:
    if not any(value is not None for value in values):
        return None
    return " / ".join(write(value) for value in values)


_LINKS = {
    "routing": "KNXnet/IP routing",
    "tunnelling": "KNXnet/IP tunnelling (UDP)",
    "tunnelling_tcp": "KNXnet/IP tunnelling (TCP)",
}
_CLOCKS = {
    "ntp": marked("set by a time server"),
    "knx": marked("set by a telegram on KNX"),
    "system": marked("clock of the device, without a time server"),
    None: marked("not set"),
}


# --- device ---------------------------------------------------------------------------------------


def _general(
    site: SiteView, facts: DeviceFacts, language: Language, now: datetime, *, is_ready: bool
) -> Shown:
    if not site.is_configured:
        state, tone = language.text("Not configured"), "warning"
    elif is_ready:
        state, tone = language.text("Ready"), "good"
    else:
        state, tone = language.text("Starting"), "warning"
    return {
        "state": state,
        "tone": tone,
        "fault": _last_fault(site.fault, site.faults, language),
        "fault_tone": "bad" if site.fault_present else "good",
        "start": language.moment(facts.started_at, now),
        "clock": "" if site.clock_is_valid else language.text("The clock is not set."),
    }


def _device(facts: DeviceFacts, language: Language, now: datetime) -> Shown:
    is_up = facts.knx_since_s is not None
    rows = [
        (language.text("Serial number"), facts.serial),
        (language.text("Firmware"), facts.version),
        (language.text("Started"), language.moment(facts.started_at, now)
         if facts.started_at else None),
        (language.text("Uptime"), language.duration(facts.up_s)),
        (language.text("IP address"), ", ".join(facts.addresses)),
        (language.text("KNX link"), _LINKS.get(facts.knx_link or "", facts.knx_link)),
        (language.text("Connected to KNX for"),
         language.duration(facts.knx_since_s) if is_up else None),
        (language.text("Individual address"), facts.individual_address),
        (language.text("KNX Secure"),
         language.text("yes") if facts.is_secure else language.text("no")),
        (language.text("Time"), language.text(_CLOCKS[facts.clock_source])),
    ]  # fmt: skip
    return {
        "knx": language.text("KNX connected") if is_up else language.text("KNX not connected"),
        "knx_tone": "good" if is_up else "bad",
        "rows": {
            f"{rank:02}": {"name": name, "value": value}
            for rank, (name, value) in enumerate(rows)
            if value
        },
    }
