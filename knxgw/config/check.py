"""The rules over a whole configuration: its faults, and risks worth a warning; pure."""

from knxgw.catalogue.called import called
from knxgw.catalogue.codes import FaultCode
from knxgw.catalogue.messages import message
from knxgw.catalogue.product import Catalogue
from knxgw.config.build import Draft
from knxgw.config.check_devices import device_faults
from knxgw.config.check_knx import check_knx
from knxgw.config.check_limits import check_limits
from knxgw.config.check_objects import association_faults, check_links
from knxgw.config.model import ChargingStart, ConfigurationFault, PointSettings
from knxgw.config.report import Report

_GIVE_A_MODEL = message("give_one_a_model")
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
    """Return the fault of a configuration without a charging point, if it has none."""
    if draft.configuration.points:
        return []
    what = message("no_charger_configured")
    report.error(
        "charging_points", "fault", remedy=_GIVE_A_MODEL, code=FaultCode.CONF_NO_CHARGER, what=what
    )
    return [
        ConfigurationFault(
            code=FaultCode.CONF_NO_CHARGER,
            point=None,
            blocked_points=frozenset(),
            message=what.as_text,
        )
    ]


def _check_surroundings(draft: Draft, report: Report) -> None:
    """Warn about points that are switched off, and a website that others can reach."""
    for number, reason in draft.disabled.items():
        report.warning(draft.keys[number], "point_disabled", number=number, reason=reason)
    for point in draft.configuration.points:
        _check_point(point, draft.keys[point.number], report)


def _check_point(point: PointSettings, key: str, report: Report) -> None:
    """Warn about a meter or a manual start that has no effect."""
    if point.meter and point.model.capabilities >= _MEASURES_ITSELF:
        report.warning(f"{key}.meter", "meter_not_needed", model=called(point.model))
    if point.start is ChargingStart.MANUAL and "start_stop" not in point.capabilities:
        report.warning(f"{key}.start", "start_not_awaited", model=called(point.model))
