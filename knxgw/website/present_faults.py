"""Faults in words, as pages show them at the device and at a charging point. Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from knxgw.catalogue.codes import NO_ERROR
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


def last_fault(fault: str, faults: Sequence[FaultView], language: Language) -> str:
    """Return the fault line: the present one, or the last one since the start."""
    if faults:
        return fault
    if fault == NO_ERROR:
        return language.text("No fault")
    return language.text("None now; last: {fault}", fault=fault)
