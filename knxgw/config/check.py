"""The rules over a whole configuration: its faults, and risks worth a warning; pure."""

from knxgw.catalogue.codes import FaultCode
from knxgw.catalogue.model import Catalogue
from knxgw.config.build import Draft
from knxgw.config.check_devices import device_faults
from knxgw.config.check_knx import check_knx
from knxgw.config.check_limits import check_limits
from knxgw.config.check_objects import association_faults, check_links
from knxgw.config.model import (
    ChargingStart,
    ConfigurationFault,
    PointSettings,
)
from knxgw.config.report import Report

_MEASURES_ITSELF = frozenset({"current", "energy"})


def check_draft(
    draft: Draft, catalogue: Catalogue, report: Report
) -> tuple[ConfigurationFault, ...]:
    """Return the faults the gateway starts with; faults and risks go to the report.

    When the file has mistakes already, what may only follow from them is not reported.
    """
    is_clean = not report.has_errors
    faults = [*device_faults(draft, report), *association_faults(draft, report)]
    if is_clean:
        faults += _no_charger(draft, report)
        check_links(draft, catalogue, report)
    check_limits(draft, report)
    check_knx(draft.configuration.knx, report)
    _check_surroundings(draft, report)
    return tuple(faults)


def _no_charger(draft: Draft, report: Report) -> list[ConfigurationFault]:
    if draft.configuration.points:
        return []
    message = "no charging point is completely configured"
    report.error(
        "charging_points",
        f"{FaultCode.CONF_NO_CHARGER}: {message}",
        "give one a model and the address of it",
    )
    return [
        ConfigurationFault(
            code=FaultCode.CONF_NO_CHARGER, point=None, blocked_points=frozenset(), message=message
        )
    ]


def _check_surroundings(draft: Draft, report: Report) -> None:
    for number, reason in draft.disabled.items():
        report.warning(draft.keys[number], f"charging point {number} is disabled: {reason}")
    for point in draft.configuration.points:
        _check_point(point, draft.keys[point.number], report)
    host = draft.configuration.website_host
    if not (host.startswith("127.") or host == "localhost"):
        report.warning(
            "website.listen",
            f"the website can be reached from the network at {host} without encryption",
            "listen on 127.0.0.1 behind a proxy with TLS, or keep the network closed",
        )


def _check_point(point: PointSettings, key: str, report: Report) -> None:
    if point.meter and point.model.capabilities >= _MEASURES_ITSELF:
        report.warning(
            f"{key}.meter", f"{point.model.id} measures itself", "the meter is not needed"
        )
    if point.start is ChargingStart.MANUAL and "start_stop" not in point.capabilities:
        report.warning(
            f"{key}.start",
            f"{point.model.id} cannot wait for a start: charging begins by itself",
            "write start: automatic",
        )
