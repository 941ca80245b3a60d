"""Whether the currents of a configuration fit the mains connection; pure."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from knxgw.catalogue.called import called
from knxgw.catalogue.control import WithoutGateway
from knxgw.catalogue.messages import Listed, message
from knxgw.config.build import Draft
from knxgw.config.model import (
    SMART_METER_7012_MA,
    LoadManagementMode,
    LoadManagementSettings,
    PointSettings,
)
from knxgw.config.report import Report
from knxgw.errors import Severity

_OF_MAINS = (".fuse_a", ".reserve_a", ".static_limit_a")
_OF_POINTS = ("].minimum_a", "].maximum_a")
HIGHEST_7012_MA = 65_535  # unsigned 16 bit


def check_limits(draft: Draft, report: Report) -> None:
    """Warn where currents of the chargers do not fit the mains connection, or not their datapoint type.

    That are their minima, what they take without the gateway, and the values of the smart meter.
    """
    configuration = draft.configuration
    if any(
        one.severity is Severity.ERROR and _is_current(one.place.key) for one in report.findings
    ):
        return  # of values that are impossible nothing follows
    _check_minimums(configuration.load_management, configuration.points, report)
    _check_fallbacks(configuration.load_management, configuration.points, report)
    _check_smart_meter(configuration.load_management, report)
    for point in configuration.points:
        _check_current_type(point, draft.keys[point.number], report)


def _is_current(key: str) -> bool:
    """Tell whether a key is that of a current which limits the mains connection or a charging point."""
    return (key.startswith("load_management.") and key.endswith(_OF_MAINS)) or key.endswith(
        _OF_POINTS
    )


def _check_current_type(point: PointSettings, key: str, report: Report) -> None:
    """Warn where the current of all phases of a charging point may be above what 7.012 can show."""
    total_ma = point.maximum_ma * point.phases
    too_much = point.dpts.current == "7.012" and total_ma > HIGHEST_7012_MA
    if too_much and "current" in point.capabilities:
        report.warning(f"{key}.dpt.current", "current_type_too_small", sum=total_ma / 1000)


def phase_minimums(points: tuple[PointSettings, ...]) -> tuple[int, int, int]:
    """Return the sum of minimum currents [mA] on (L1, L2, L3), by wiring and rotation."""
    return _phase_sums(points, lambda point: point.minimum_ma)


def fallback_ma(point: PointSettings) -> int | None:
    """Return what a charger may take [mA] when the gateway is gone; None: it is not known here."""
    match point.model.without_gateway:
        case WithoutGateway.KEEPS_OFFER:
            return point.maximum_ma
        case WithoutGateway.MINIMUM:
            return point.minimum_ma
        case WithoutGateway.SET_IN_CHARGER:
            return None


def _phase_sums(
    points: tuple[PointSettings, ...], current_ma: Callable[[PointSettings], int]
) -> tuple[int, int, int]:
    """Return what the points may draw together on each phase of the mains [mA]."""
    sums = [0, 0, 0]
    for point in points:
        for phase in point.phase_rotation[: point.phases]:
            sums[int(phase) - 1] += current_ma(point)
    return sums[0], sums[1], sums[2]


def _check_fallbacks(
    settings: LoadManagementSettings, points: tuple[PointSettings, ...], report: Report
) -> None:
    """Warn where the chargers together take too much without the gateway, or may do so.

    One whose safe current is set at the device takes its minimum at least, its maximum at most: more is
    not known. Source: load-management 16 (orderly shutdown).
    """
    limit = _limit(settings)
    if limit is None:
        return
    unknown = _named(p for p in points if fallback_ma(p) is None)
    least = _phase_sums(points, lambda point: fallback_ma(point) or point.minimum_ma)
    most = _phase_sums(points, lambda point: fallback_ma(point) or point.maximum_ma)
    if over := _above(least, limit.limit_ma):
        held = Listed(tuple(p.number for p in points if p.model.watchdog is None))
        report.warning(
            limit.key,
            "fallback_above_limit",
            over=over,
            limit=limit.limit_ma / 1000,
            held=message("fallback_held", points=held) if held.items else "",
            unknown=message("fallback_unknown", points=unknown) if unknown.items else "",
        )
    elif over := _above(most, limit.limit_ma):
        report.warning(
            limit.key,
            "fallback_may_be_above_limit",
            points=unknown,
            over=over,
            limit=limit.limit_ma / 1000,
        )


def _named(points: Iterable[PointSettings]) -> Listed:
    """Return charging points with their models, for a message."""
    return Listed(
        tuple(message("point_and_model", number=p.number, model=called(p.model)) for p in points)
    )


def _above(sums: tuple[int, int, int], limit_ma: int) -> Listed | None:
    """Return the phases whose sum exceeds a limit, None: none does."""
    over = tuple(
        message("phase_current", phase=phase, current=ma / 1000)
        for phase, ma in enumerate(sums, 1)
        if ma > limit_ma
    )
    return Listed(over) if over else None


def _check_minimums(
    settings: LoadManagementSettings, points: tuple[PointSettings, ...], report: Report
) -> None:
    """Warn where the minima together reach the limit: then nothing is left to distribute."""
    limit = _limit(settings)
    if limit is None:
        return
    if over := _above(phase_minimums(points), limit.limit_ma - 1):
        report.warning(limit.key, "minimums_reach_limit", over=over, limit=limit.limit_ma / 1000)


def _limit(settings: LoadManagementSettings) -> "_Limit | None":
    """Return the limit per phase and the key that sets it; None: there is no fuse."""
    if settings.mode is LoadManagementMode.STATIC and settings.static_limit_ma is not None:
        return _Limit("load_management.static_limit_a", settings.static_limit_ma)
    limit_ma = settings.fuse_limit_ma
    return None if limit_ma is None else _Limit("load_management.fuse_a", limit_ma)


class _Limit(NamedTuple):
    """The limit of the mains connection per phase [mA], and the key of the file that sets it."""

    key: str
    limit_ma: int


def _check_smart_meter(settings: LoadManagementSettings, report: Report) -> None:
    """Warn about a datapoint type that cannot show the limit."""
    meter, limit_ma = settings.smart_meter, settings.fuse_limit_ma
    if meter is None or limit_ma is None or meter.source != "knx":
        return
    if meter.dpt == "7.012" and limit_ma > SMART_METER_7012_MA:
        report.warning(
            "load_management.smart_meter.dpt",
            "smart_meter_type_too_small",
            limit=limit_ma / 1000,
            used=SMART_METER_7012_MA / 1000,
        )
