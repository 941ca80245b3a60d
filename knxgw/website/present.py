"""What the live pages show: words and figures in one language, made from what the gateway is. Pure.

The only place that formats a value of the Status and point pages. The pages are made from it, and
live pages get its differences; so a page that was open for hours equals a fresh one. Keys are
paths in `data-bind` of the templates. Maps, not lists: an entry keeps its key, and keys sort as
the entries stand on the page. What is not there is left out.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from knxgw.catalogue.codes import FaultCode, LoadManagementState
from knxgw.charging.scope import DEVICE, point_scope
from knxgw.errors import Finding, with_remedy
from knxgw.monitoring.csv_table import plain_text
from knxgw.station.view import (
    FaultView,
    LoadManagementView,
    PhaseView,
    SiteView,
)
from knxgw.website.device_facts import DeviceFacts
from knxgw.website.device_words import cause_words, device_lines, held_words
from knxgw.website.labels import place_words
from knxgw.website.language import UNKNOWN, Language
from knxgw.website.panel_words import panel_words
from knxgw.website.present_faults import LastFaults, fault_lines, last_fault, severity_tone
from knxgw.website.present_point import BAR_UNITS, present_point

Shown = dict[str, Any]
STUCK_S = 5.0  # the station is looked at each second


def present(  # noqa: PLR0913 - everything that pages are made of
    site: SiteView,
    facts: DeviceFacts,
    language: Language,
    now: datetime,
    *,
    is_ready: bool,
    last_faults: LastFaults = MappingProxyType({}),
    confirm_until: datetime | None = None,
) -> Shown:
    """Return everything that Status and the pages of the points show; `now` is aware UTC.

    `confirm_until`: until when the last change of the configuration must be confirmed, None: it need not be.

    Control characters, and those that turn the direction of writing, are left out of every text: names and
    codes come from chargers, cards and files.
    """
    return _plain(
        {
            "layout": ",".join(str(point.number) for point in site.points),
            "name": site.name,
            "printed_at": language.moment(now, None),
            "banner": _banner(site, facts, language, now),
            "mains": _mains(site.load_management, site, language, now),
            "points": {
                str(point.number): present_point(
                    point, language, now, last_faults.get(point_scope(point.number))
                )
                for point in site.points
            },
            "general": {
                **_general(site, facts, language, now, is_ready=is_ready),
                "fault": last_fault(
                    site.faults, site.fault, last_faults.get(DEVICE), language, now
                ),
            },
            "panel": panel_words(facts.panel, language),
            "device": _device(facts, language, now),
            "change": {"words": confirm_words(confirm_until, language)},
        }
    )


def confirm_words(until: datetime | None, language: Language) -> str:
    """Return what becomes of a change that waits for a confirmation; "": none waits."""
    if until is None:
        return ""
    return language.text(
        "The last change may cut off a browser. Without a confirmation by {time}, the device returns to the configuration before.",
        time=language.moment(until, None),
    )


def _plain(shown: Shown) -> Shown:
    """Return the same with nothing in its texts that is not shown as text."""
    return {
        key: _plain(value)
        if isinstance(value, dict)
        else plain_text(value)
        if isinstance(value, str)
        else value
        for key, value in shown.items()
    }


# --- faults ---------------------------------------------------------------------------------------


def _banner(site: SiteView, facts: DeviceFacts, language: Language, now: datetime) -> Shown:
    """Return the present faults of all scopes, the most severe first, and what else is to be known."""
    found: list[tuple[str, FaultView, int | None]] = [
        (language.text("Device"), _with_silence(fault, site, language, now), None)
        for fault in site.faults
    ]
    for point in site.points:
        name = language.text("Charging point {number}", number=point.number)
        found += [(name, fault, point.number) for fault in point.faults]
    found.sort(key=lambda one: (-one[1].severity, one[2] or 0))
    faults = {
        f"{rank:02}-{number or 0}-{fault.code}": fault_lines(fault, scope, number, language, now)
        for rank, (scope, fault, number) in enumerate(found)
    }
    messages = [text for text in site.messages if not any(text in one.about for _, one, _ in found)]
    if facts.is_held_by_ets:  # a configuration is missing only because of that
        more = language.text("Diagnostics, KNX device, says more.")
        messages = [f"{held_words(facts, language)}. {more}"]
    points = [point.number for point in site.points]  # in the order of the configuration
    notices = [*messages, *(_warning(one, points, language) for one in facts.warnings)]
    if facts.stuck_s > STUCK_S:
        stuck = language.duration(facts.stuck_s)
        notices.insert(0, language.text("The gateway has not reacted for {time}.", time=stuck))
    return {
        "tone": severity_tone(site.severity) if found else ("warning" if notices else "good"),
        "faults": faults,
        "has_faults": bool(faults),
        "notices": {f"{rank:02}": {"text": text} for rank, text in enumerate(notices)},
        "has_notices": bool(notices),
    }


def _with_silence(fault: FaultView, site: SiteView, language: Language, now: datetime) -> FaultView:
    """Return a fault; that of the smart meter says when the meter was heard last."""
    shared = site.load_management
    if fault.code != FaultCode.SMART_METER_TIMEOUT or shared is None or shared.meter_age_s is None:
        return fault
    heard_at = now - timedelta(seconds=shared.meter_age_s)
    last = language.text("last value: {time}", time=language.moment(heard_at, now))
    return replace(fault, about=last)


# --- mains connection -----------------------------------------------------------------------------


def _warning(finding: Finding, points: Sequence[int], language: Language) -> str:
    said = with_remedy(*finding.said(language.code, in_form=True))
    place = place_words(finding.key, language, points)
    return f"{place}: {said}" if place else said


def _mains(
    shared: LoadManagementView | None, site: SiteView, language: Language, now: datetime
) -> Shown:
    grid = language.text("active") if site.grid_control else language.text("off")
    if shared is None:
        return {"is_managed": False, "grid_control": grid, "is_grid_controlled": site.grid_control}
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
        "meter": _meter(shared, language, now),
        "meter_tone": "muted" if shared.is_meter_alive else "warning",
        "turn": ""
        if shared.turn is None
        else language.text("Its turn: charging point {number}", number=shared.turn),
        "high_power": ""
        if shared.high_power_s is None
        else language.text("{time} left", time=language.duration(shared.high_power_s)),
        "phases": {
            phase.name.lower(): _phase(phase, shared, site, language) for phase in shared.phases
        },
    }


def _meter(shared: LoadManagementView, language: Language, now: datetime) -> str:
    """Return how old the values of the smart meter are; since when it is silent, if they do not count."""
    if not shared.has_meter:
        return language.text("Without a smart meter")
    if shared.meter_age_s is None:
        return language.text("Smart meter not heard yet")
    if shared.is_meter_alive:
        return language.text("Smart meter {time} ago", time=language.duration(shared.meter_age_s))
    heard_at = now - timedelta(seconds=shared.meter_age_s)
    return language.text("Smart meter silent since {time}", time=language.moment(heard_at, now))


def _phase(
    phase: PhaseView, shared: LoadManagementView, site: SiteView, language: Language
) -> Shown:
    """Return what is shown of a phase. What a silent meter said is grey, and draws no bar."""
    limit_ma, is_fresh = shared.limit_ma, shared.is_meter_alive
    scale_ma = max(limit_ma, shared.fuse_ma or 0, phase.measured_ma or 0, 1)
    base_ma = max(0, phase.base_ma or 0) if is_fresh else 0
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
    free_ma = None if shown_ma is None or not is_fresh else max(0, limit_ma - shown_ma)
    return {
        "name": phase.name,
        "figure": f"{language.ampere(shown_ma)[:-2] if shown_ma is not None else UNKNOWN} / "
        f"{language.ampere(limit_ma)}",
        "measured": language.ampere(phase.measured_ma),
        "base": language.ampere(phase.base_ma),
        "points": language.ampere(sum(phase.shares_ma.values())),
        "free": language.ampere(free_ma),
        "limit": language.ampere(limit_ma),
        "available": language.ampere(phase.available_ma),
        "allocated": language.ampere(phase.allocated_ma),
        "mark": min(BAR_UNITS, limit_ma * BAR_UNITS // scale_ma),
        "tone": _tone_of_phase(shown_ma, limit_ma, is_fresh=is_fresh),
        "bars": bars,
    }


def _tone_of_phase(measured_ma: int | None, limit_ma: int, *, is_fresh: bool) -> str:
    if not is_fresh:
        return "muted"
    return "bad" if measured_ma is not None and measured_ma > limit_ma else "good"


# --- device ---------------------------------------------------------------------------------------


def _general(
    site: SiteView, facts: DeviceFacts, language: Language, now: datetime, *, is_ready: bool
) -> Shown:
    if facts.is_held_by_ets:
        state, tone = language.text("Held by ETS"), "warning"
    elif not site.is_configured:
        state, tone = language.text("Not configured"), "warning"
    elif is_ready:
        state, tone = language.text("Ready"), "good"
    else:
        state, tone = language.text("Starting"), "warning"
    return {
        "state": state,
        "tone": tone,
        "is_held_by_ets": facts.is_held_by_ets,
        "fault_tone": "bad" if site.fault_present else "good",
        "start": language.moment(facts.started_at, now),
        "cause": cause_words(facts.start_cause, language),
        "clock": "" if site.clock_is_valid else language.text("The clock is not set."),
    }


def _device(facts: DeviceFacts, language: Language, now: datetime) -> Shown:
    is_up = facts.knx_up_s is not None
    return {
        "knx": language.text("KNX connected") if is_up else language.text("KNX not connected"),
        "knx_tone": "good" if is_up else "bad",
        "rows": {
            f"{rank:02}": {"name": name, "value": value}
            for rank, (name, value) in enumerate(device_lines(facts, language, now))
            if value
        },
    }
