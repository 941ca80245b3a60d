"""Faults in words, as pages show them at the device and at a charging point. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from knxgw.catalogue.codes import NO_ERROR
from knxgw.charging.scope import Scope
from knxgw.station.view import FaultView
from knxgw.website.language import Language

Shown = dict[str, Any]


def severity_tone(severity: int) -> str:
    """Return the tone of a severity: from 60 on something does not work."""
    return "bad" if severity >= 60 else "warning"


def fault_lines(
    fault: FaultView, scope: str, number: int | None, language: Language, now: datetime
) -> Shown:
    """Return what a page says of a present fault of a scope; `number`: of the charging point, if it is one."""
    return {
        "scope": scope,
        "title": fault.title,
        "about": f"– {fault.about}" if fault.about else "",
        "code": " ".join(filter(None, (fault.code, fault.info))),
        "since": language.text("since {time}", time=language.moment(fault.since, now))
        if fault.since
        else "",
        "severity": language.text("Severity {number}", number=fault.severity),
        "tone": severity_tone(fault.severity),
        "cause": fault.cause,
        "remedy": fault.remedy,
        "help": f"/help/{fault.code.replace(' ', '-')}",
        "point": "" if number is None else f"/points/{number}",
    }


LastFaults = Mapping[Scope, tuple[str, datetime | None]]  # code and time [aware UTC]


def last_fault(
    faults: Sequence[FaultView],
    shown: str,
    stored: tuple[str, datetime | None] | None,
    language: Language,
    now: datetime,
) -> str:
    """Return the fault line of a scope: the present one, or the last one since commissioning.

    `shown` is the text of the group object, which knows of this start only; `stored` comes from the history.
    Source: [reference-manual] 11.1.
    """
    if faults:
        return shown
    code, at = stored or (shown, None)
    if code == NO_ERROR:
        return language.text("No fault")
    when = "" if at is None else f", {language.moment(at, now)}"
    last = f"{code}{when}"
    return language.text("None now; last: {fault}", fault=last)
