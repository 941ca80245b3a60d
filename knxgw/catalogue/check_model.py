"""Checks a model file as a whole: mistakes that no single key shows; pure."""

import itertools
import re
from collections.abc import Iterable, Mapping

from knxgw.catalogue.check_states import check_states
from knxgw.catalogue.control import (
    FEED_LATE_SPACINGS,
    Control,
    StepValue,
    Watchdog,
    WatchdogTrigger,
    WriteStep,
    ZeroMeaning,
)
from knxgw.catalogue.device_model import DeviceModel
from knxgw.catalogue.points import Point, RegisterType
from knxgw.catalogue.yaml_tree import Node

# What points of a standard name count in, and what steps write [unit by word].
_UNITS: Mapping[str, tuple[str, ...]] = {
    r"current_(l[123]|sum|offered|max_hw|min_hw)|cable_limit": ("A",),
    r"power(_\w+)?": ("W",),
    r"energy_\w+": ("Wh",),
    r"voltage_\w+": ("V",),
    r"temperature": ("°C",),
    r"session_(duration|start|end)|setpoint_valid_s": ("s",),
}
_STEP_UNITS: Mapping[StepValue, tuple[str, ...]] = {
    StepValue.OFFER: ("A",),
    StepValue.MINIMUM: ("A", "W"),
    StepValue.WATCHDOG: ("s", "ms"),
}
LARGEST_STEP = 1000  # of a phase, in steps of its sum: 1 W and 1 mW, or 1 kWh and 1 Wh
_VIEWS = {  # points of different kinds may look at the same registers
    **dict.fromkeys((RegisterType.STR, RegisterType.STRW, RegisterType.BYTES), "text"),
    **dict.fromkeys((RegisterType.CHAR_LO, RegisterType.CHAR_HI), "text"),
    **dict.fromkeys((RegisterType.BITS16, RegisterType.BITS32), "bits"),
}


def check_model(model: DeviceModel, root: Node) -> None:
    """Report the mistakes of a model as a whole."""
    points = root.mapping()["points"].mapping()
    _check_numbers(model, points)
    _check_registers(model, points)
    _check_phases(model, points)
    if model.control is not None:
        _check_steps(model, model.control, root)
        _check_zero(model, model.control, root)
    if model.watchdog is not None:
        _check_feeding(model, model.watchdog, root.mapping()["watchdog"])
    if "state" in model.points:
        check_states(model, root)


def _check_numbers(model: DeviceModel, nodes: Mapping[str, Node]) -> None:
    """Report codes that no register can show, a scale of 0, and a unit that the name contradicts."""
    for point in model.points.values():
        if any(not codes or codes.stop > 1 << 16 * point.count for codes in point.invalid):
            nodes[point.name].mapping()["invalid"].report(
                f"nothing that {point.count} registers can show",
                "write all bits of the registers, and the smaller end of a range first",
            )
        if point.scale == 0:
            nodes[point.name].report(
                "scale 0 makes every value 0", "write what gives the unit, or leave it out"
            )
        for pattern, units in _UNITS.items():
            if re.fullmatch(pattern, point.name) and point.unit not in units:
                nodes[point.name].report(
                    f"counts in {point.unit or 'nothing that is named'}, where {units[0]} is meant",
                    f"write `unit: {units[0]}`, with a `scale` that gives it",
                )


def _check_registers(model: DeviceModel, nodes: Mapping[str, Node]) -> None:
    """Report two points on one register, unless one is the read-back of the other."""
    for first, second in itertools.combinations(model.points.values(), 2):
        if _is_overlapping(first, second) and not _may_share_registers(first, second):
            nodes[second.name].report(
                f"register {max(first.address, second.address)} already belongs to {first.name!r}",
                f"check the addresses and types of both (`{first.name}` has {first.count} from "
                f"{first.address} on)",
            )


def _is_overlapping(one: Point, other: Point) -> bool:
    """Tell whether two points have a register in common."""
    is_same_table = (one.table, one.unit_id, one.is_relative) == (
        other.table,
        other.unit_id,
        other.is_relative,
    )
    one_end, other_end = one.address + one.count, other.address + other.count
    return is_same_table and one.address < other_end and other.address < one_end


def _may_share_registers(one: Point, other: Point) -> bool:
    """Tell whether two points may have a register in common.

    One is a text or bits and the other is not, they are other bits of it, or one is the read-back of the
    other.
    """
    if _VIEWS.get(one.type, "number") != _VIEWS.get(other.type, "number"):
        return True
    if one.extract is not None and other.extract is not None:
        bits, other_bits = (
            part.extract.mask << part.extract.shift for part in (one, other) if part.extract
        )
        return not bits & other_bits
    is_same_value = (one.address, one.count, one.type) == (other.address, other.count, other.type)
    return is_same_value and one.is_writable != other.is_writable


def _check_phases(model: DeviceModel, nodes: Mapping[str, Node]) -> None:
    """Report phases that count otherwise than each other, or by far otherwise than their sum."""
    for name in ("current", "power", "energy_total", "voltage"):
        phases = [p for n in (1, 2, 3) if (p := model.points.get(f"{name}_l{n}"))]
        for phase in phases[1:]:
            if _encoding(phase) != _encoding(phases[0]):
                nodes[phase.name].report(
                    f"counts differently from {phases[0].name!r}",
                    "give it the same type, scale, orders and invalid codes, or check both",
                )
        total = model.points.get(name)
        if total is not None and phases:
            _check_steps_of_sum(total, phases[0], nodes)


def _check_steps_of_sum(total: Point, phase: Point, nodes: Mapping[str, Node]) -> None:
    """Report a phase whose steps are far from those of its sum, where both scales stand in the file."""
    if total.scale == 0 or total.scale_from or phase.scale_from:
        return
    times, most = phase.scale / total.scale, _most_times(total, phase)
    if not 1 / most <= abs(times) <= most:
        nodes[phase.name].report(
            f"a step is {times:g} times that of {total.name!r}, whose part it is",
            "compare both scales with the source, and a phase with a display",
        )


def _encoding(point: Point) -> tuple[object, ...]:
    """Return everything that says how the registers of a point are read as a number."""
    orders = point.word_order, point.byte_order
    return (
        point.type,
        point.scale,
        point.scale_from,
        point.add,
        point.ratio_points,
        orders,
        point.invalid,
    )


def _most_times(total: Point, phase: Point) -> float:
    """Return the largest factor between the step of a sum and that of a phase; 1 for floats."""
    floats = (RegisterType.F32, RegisterType.F64)
    return 1 if total.type in floats and phase.type in floats else LARGEST_STEP


def _check_steps(model: DeviceModel, control: Control, root: Node) -> None:
    """Report a step that writes something else than its point counts in, or takes."""
    for section, name, steps in _step_lists(control, model.watchdog):
        node = root.mapping()[section].mapping().get(name)
        for step, item in zip(steps, node.items() if node else (), strict=False):
            _check_step(model, step, item)


def _check_step(model: DeviceModel, step: WriteStep, item: Node) -> None:
    """Report one step whose point has another unit, or does not take the fixed value that is written."""
    point, value = model.points[step.point], step.value
    if isinstance(value, StepValue):
        units = _STEP_UNITS.get(value)
        if units and point.unit not in units:
            item.report(
                f"{value} is written to {point.name!r}, whose unit is {point.unit or 'missing'}",
                f"give the point `unit: {units[0]}`, with a `scale` that gives it",
            )
    fixed = value if isinstance(value, float) else None
    if value is StepValue.WATCHDOG and model.watchdog is not None:
        fixed = model.watchdog.timeout_s
    if fixed is not None and not _is_in_range(point, fixed):
        item.report(
            f"{fixed:g} is outside of what {point.name!r} takes",
            f"{_range(point)}; correct the step, or `low` and `high` of the point",
        )


def _step_lists(
    control: Control, watchdog: Watchdog | None
) -> Iterable[tuple[str, str, tuple[WriteStep, ...]]]:
    """Yield section, key and steps of every list of steps in a model file."""
    yield from (("control", name, getattr(control, name)) for name in ("offer", "pause", "unlock"))
    if watchdog is not None:
        yield from (("watchdog", name, getattr(watchdog, name)) for name in ("arm", "refresh"))


def _is_in_range(point: Point, value: float) -> bool:
    """Tell whether a value is within `low` and `high` of a point."""
    too_low = point.low is not None and value < point.low
    return not too_low and (point.high is None or value <= point.high)


def _range(point: Point) -> str:
    """Return in words which values a point takes."""
    low = "" if point.low is None else f"from {point.low:g} "
    return f"it takes {low}" + ("on" if point.high is None else f"to {point.high:g}")


def _check_zero(model: DeviceModel, control: Control, root: Node) -> None:
    """Report where 0 may be written to a charger that takes it for no limit, or does not take it.

    That is where the point of an offer may be 0, and where a step writes it although the offer is 0: in a
    pause, a release of the cable, or to the watchdog.
    """
    if control.zero is ZeroMeaning.PAUSES:
        return
    what = "unlimited" if control.zero is ZeroMeaning.UNLIMITED else "not taken"
    carriers = {step.point for step in control.offer if step.is_offer}
    for name in sorted(carriers):
        low = model.points[name].low
        if low is None or low <= 0:
            root.mapping()["points"].mapping()[name].report(
                f"may be written 0, which is {what}", "write the lowest value it takes, as `low: 6`"
            )
    for section, name, steps in _steps_during_pause(control, model.watchdog):
        for step in steps:
            is_zero = step.value == 0 or (step.is_offer and name != "offer")
            if step.point in carriers and is_zero:
                root.mapping()[section].mapping()[name].report(
                    f"writes 0 to {step.point!r} while the charging point pauses, where 0 is {what}",
                    "pause it by another register, or write `zero_a: pauses` if 0 does pause it",
                )


def _steps_during_pause(
    control: Control, watchdog: Watchdog | None
) -> Iterable[tuple[str, str, tuple[WriteStep, ...]]]:
    """Yield what `_step_lists` does, without a feeding that is repeated during an offer only."""
    by_offer = watchdog is not None and watchdog.trigger is WatchdogTrigger.OFFER
    for section, name, steps in _step_lists(control, watchdog):
        if not (name == "refresh" and by_offer):
            yield section, name, steps


def _check_feeding(model: DeviceModel, watchdog: Watchdog, node: Node) -> None:
    """Report a watchdog that may not be fed in time."""
    if watchdog.trigger is WatchdogTrigger.NONE:
        return
    latest_s = watchdog.refresh_s + FEED_LATE_SPACINGS * model.write.min_interval_s
    if latest_s >= watchdog.timeout_s:
        node.report(
            f"fed after {latest_s:g} s at worst, where writes keep a distance of "
            f"{model.write.min_interval_s:g} s; it falls back after {watchdog.timeout_s:g} s",
            f"make `refresh_s` and {FEED_LATE_SPACINGS} times `write.min_interval_s` less",
        )
    _check_refresh(model, watchdog, node)
    if watchdog.refresh_s >= watchdog.timeout_s / 2:
        (node.get("refresh_s") or node).report(
            f"fed every {watchdog.refresh_s:g} s, a watchdog of {watchdog.timeout_s:g} s trips "
            "when one telegram is late",
            f"write less than half of the timeout: refresh_s below {watchdog.timeout_s / 2:g}",
        )
    if watchdog.trigger is WatchdogTrigger.STEPS and not watchdog.refresh:
        node.report("nothing feeds the watchdog", "add `refresh: [{point: …, value: …}]`")


def _check_refresh(model: DeviceModel, watchdog: Watchdog, node: Node) -> None:
    """Report steps that are never written to feed a watchdog."""
    offered = {step.point for step in model.control.offer} if model.control else set()
    for step in watchdog.refresh:
        if watchdog.trigger is WatchdogTrigger.OFFER and step.point not in offered:
            node.mapping()["refresh"].report(
                f"{step.point!r} is not a step of `offer`, so it is not repeated with it",
                "name a step of `offer`, or write `trigger: steps`",
            )
        if watchdog.trigger is WatchdogTrigger.ANY_REQUEST:
            node.mapping()["refresh"].report(
                f"{step.point!r} is never written: any request feeds it", "leave `refresh` out"
            )
