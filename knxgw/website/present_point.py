"""A charging point in words and figures of one language. Pure; see `present`."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from knxgw.catalogue.codes import ChargingState, FaultCode, Reason
from knxgw.station.view import DetailView, LimitView, PointView
from knxgw.website.language import UNKNOWN, Language, marked
from knxgw.website.place_words import installed_at
from knxgw.website.present_faults import fault_lines, last_fault

Shown = dict[str, Any]
BAR_UNITS = 1000  # the width of a bar, whatever the limit is
METER_FAULTS: Mapping[str, str] = {  # what is wrong with the meter of a charging point
    FaultCode.E_METER_NOT_REACHABLE: marked("no connection"),
    FaultCode.E_METER_COMM: marked("wrong answers"),
    FaultCode.E_METER_ERROR: marked("reports an error"),
}
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


def present_point(
    point: PointView,
    language: Language,
    now: datetime,
    stored_fault: tuple[str, datetime | None] | None = None,
) -> Shown:
    """Return everything that the card and the page of a charging point show; `now` is aware UTC.

    `stored_fault`: the last one of the history, with its time.
    """
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
        "age": ""
        if age_s is None
        else language.text("values {time} old", time=language.duration(age_s)),
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
        "fault": last_fault(point.faults, point.fault, stored_fault, language, now),
        "fault_tone": "bad" if point.fault_present else "muted",
        "faults": {
            f"{rank:02}-{fault.code}": fault_lines(fault, point.name, point.number, language, now)
            for rank, fault in enumerate(point.faults)
        },
        "limits": {
            f"{rank:02}": _limit(limit, language, now) for rank, limit in enumerate(point.limits)
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
        "{current} – {reason}.", current=language.ampere(point.offer_ma), reason=reason
    )


def _terminal(number: int, current_ma: int | None, point: PointView, language: Language) -> Shown:
    scale_ma = max(point.installed.maximum_ma, point.offer_ma or 0, current_ma or 0, 1)
    return {
        "name": f"L{number}",
        "figure": language.ampere(current_ma),
        "width": max(0, current_ma or 0) * BAR_UNITS // scale_ma,
        "mark": (point.offer_ma or 0) * BAR_UNITS // scale_ma,
    }


def _limit(limit: LimitView, language: Language, now: datetime) -> Shown:
    cap = UNKNOWN if limit.cap_ma is None else language.ampere(limit.cap_ma)
    times = []
    if limit.since is not None:
        times.append(language.text("since {time}", time=language.moment(limit.since, now)))
    if limit.ends_in_s is not None:
        times.append(language.text("{time} left", time=language.duration(limit.ends_in_s)))
    return {
        "words": limit.words, "cap": cap, "times": " · ".join(times), "is_effective": limit.is_effective,
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
    rows = [
        ("model", language.text("Charger"), point.model),
        ("address", language.text("Address"), installed_at(installed, language)),
        ("meter", language.text("Electricity meter"), _meter(point, language)),
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
        ("temperature", language.text("Temperature inside"), _temperature(detail, language)),
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


def _meter(point: PointView, language: Language) -> str | None:
    """Return the model of the electricity meter, and what is wrong with its connection."""
    model, present = point.installed.meter, {fault.code for fault in point.faults}
    if model is None:
        return None
    wrong = next((words for code, words in METER_FAULTS.items() if code in present), None)
    return model if wrong is None else f"{model}: {language.text(wrong)}"


def _temperature(detail: DetailView, language: Language) -> str | None:
    """Return the temperature inside the charger, and whether it has reached its warning."""
    if detail.temperature_c is None:
        return language.text("too hot") if detail.is_hot else None
    figure = f"{language.number(detail.temperature_c, 1)}\u202f°C"
    return f"{figure}, {language.text('too hot')}" if detail.is_hot else figure


def _each(values: Sequence[int | None], write: Callable[[int | None], str]) -> str | None:
    if not any(value is not None for value in values):
        return None
    return " / ".join(write(value) for value in values)
