"""Reads the points of a device model and the comparisons that refer to them."""

import re
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from knxgw.catalogue.device_model import MAX_REGISTERS
from knxgw.catalogue.fields import choice_of, flag_of, number_of, optional_number
from knxgw.catalogue.load_codes import read_codes, read_invalid, read_raws
from knxgw.catalogue.load_conditions import read_comparisons
from knxgw.catalogue.points import (
    Computed,
    Extract,
    Order,
    Point,
    PollClass,
    RegisterType,
    Table,
    TextFormat,
)
from knxgw.catalogue.yaml_tree import Node

_KEYS = (
    "address",
    "table",
    "type",
    "count",
    "scale",
    "scale_from",
    "times",
    "add",
    "unit",
    "access",
    "write_function",
    "extract",
    "codes",
    "word_order",
    "byte_order",
    "string_order",
    "unit_id",
    "relative",
    "low",
    "high",
    "invalid",
    "zero",
    "valid_if",
    "optional",
    "required",
    "poll",
    "format",
    "confidence",
    "note",
)
_COMPUTED_KEYS = ("plus", "minus", "unit", "confidence", "note")
_UNITS = ("A", "V", "W", "Wh", "s", "ms", "°C", "Hz", "%", "var", "VA")
_COUNTS = {"u16": 1, "i16": 1, "u32": 2, "i32": 2, "u48": 3, "u64": 4, "i64": 4, "f32": 2, "f64": 4}
_COUNTS |= {"bool": 1, "bits16": 1, "bits32": 2, "char_lo": 1, "char_hi": 1, "bcd_hms32": 2}
_COUNTS |= {"t5": 2, "t6": 2}
_TEXTS = ("str", "strw", "char_lo", "char_hi", "bytes")

# How often a point of a standard name is read unless its file says otherwise.
_POLL = {
    PollClass.FAST: r"state|plug|availability|enable|session_control|current_(l[123]|sum)|"
    r"error_[1-4]|setpoint_read|current_offered",
    PollClass.NORMAL: r"power(_import|_export)?(_l[123])?|energy_.*|session_.*|rfid|evccid|voltage_l[123]",
    PollClass.SLOW: r"temperature(_warning)?|failsafe_.*|setpoint_valid_s",
    PollClass.ONCE: r"serial|firmware|model|current_max_hw",
}
# What we do not publish is not read, unless a rule of the file needs it.
_UNUSED = r"voltage_.*|current_max_hw|model|failsafe_.*|soc"


def read_points(root: Node, interface: Node) -> Mapping[str, Point]:
    """Return the points by name."""
    defaults = {}
    for name in ("word_order", "byte_order"):
        child = interface.get(name)
        defaults[name] = (child.choice(tuple(Order)) if child else None) or "big"
    points = {}
    for name, node in root.mapping().items():
        point = None if _is_computed(node) else _read_point(name, node, defaults)
        if point:
            points[name] = point
    for name, node in root.mapping().items():
        child = node.get("valid_if")
        if child and name in points:
            points[name] = replace(points[name], valid_if=read_comparisons(child, points))
    for point in points.values():
        _check_scale_from(point, points, root)
        _check_times(point, points, root)
    return MappingProxyType(points)


def read_computed(root: Node, points: Mapping[str, Point]) -> Mapping[str, Computed]:
    """Return the values that are made of several points, by name."""
    computed = {}
    for name, node in root.mapping().items():
        if _is_computed(node):
            node.only_keys(_COMPUTED_KEYS)
            plus, minus = _read_parts(node, "plus", points), _read_parts(node, "minus", points)
            if len({*plus, *minus}) < len(plus) + len(minus):
                node.report("a part is named twice", "name each point once")
            computed[name] = Computed(name=name, plus=plus, minus=minus)
    return MappingProxyType(computed)


def _is_computed(node: Node) -> bool:
    """Tell whether a point is computed from others and not read."""
    return node.is_mapping and not {"plus", "minus"}.isdisjoint(node.mapping())


def _read_parts(node: Node, key: str, points: Mapping[str, Point]) -> tuple[str, ...]:
    """Return the names of the numeric points that a computed value adds or subtracts."""
    child = node.get(key)
    parts = []
    for item in child.items() if child else ():
        point = points.get(item.text())
        if point is None:
            item.report(f"point {item.text()!r} does not exist", "name a point of this file")
        elif not point.is_readable or point.type in _TEXTS:
            item.report(f"point {point.name!r} is not a number that is read", "name another point")
        else:
            parts.append(point.name)
    return tuple(parts)


def _check_scale_from(point: Point, points: Mapping[str, Point], root: Node) -> None:
    """Report an exponent that one request cannot read together with its value."""
    if point.scale_from is None:
        return
    exponent, node = points.get(point.scale_from), root.mapping()[point.name]
    where = node.mapping()["scale_from"]
    if exponent is None:
        where.report(f"point {point.scale_from!r} does not exist", "name a point of this file")
    elif (exponent.type, exponent.is_readable) != (RegisterType.I16, True):
        where.report(
            f"{exponent.name!r} is not an exponent", "name a point of type i16 that is read"
        )
    elif (exponent.table, exponent.unit_id, exponent.is_relative) != (
        point.table,
        point.unit_id,
        point.is_relative,
    ):
        where.report(f"{exponent.name!r} is not in the same table", "name one beside the value")


def _check_times(point: Point, points: Mapping[str, Point], root: Node) -> None:
    """Report what stands in `times` of a point and cannot be a ratio of transformers."""
    for name in point.ratio_points:
        ratio, where = points.get(name), root.mapping()[point.name].mapping()["times"]
        if ratio is None:
            where.report(f"point {name!r} does not exist", "name a point of this file")
        elif (
            not ratio.is_readable or ratio.type in _TEXTS or ratio.ratio_points or ratio.scale_from
        ):
            where.report(f"{name!r} is no ratio", "name a plain number that is read")
        elif not ratio.is_required or ratio.poll is PollClass.NEVER:
            where.report(
                f"nothing is reported as long as {name!r} is not known",
                "give it `required: true`, and a `poll` such as slow",
            )
        elif point.add:
            where.report("a multiple of something with an offset has no meaning", "leave `add` out")


def _read_point(name: str, node: Node, defaults: Mapping[str, str]) -> Point | None:
    """Return a point; what its entry leaves out is taken from `defaults` of the model."""
    node.only_keys(_KEYS)
    address = node.require("address")
    table_node = node.require("table")
    type_node = node.require("type")
    if not (address and table_node and type_node):
        return None
    table = table_node.choice(tuple(Table))
    kind = type_node.choice(tuple(RegisterType))
    number = address.integer(0, 65535)
    if table is None or kind is None or number is None:
        return None
    access = choice_of(node, "access", ("ro", "rw", "wo"), "ro")
    function = node.get("write_function")
    byte_order = choice_of(node, "byte_order", tuple(Order), defaults["byte_order"])
    unit_id = node.get("unit_id")
    return Point(
        name=name,
        table=Table(table),
        address=number,
        count=_read_count(node, kind),
        type=RegisterType(kind),
        scale=number_of(node, "scale", 1.0),
        scale_from=scale_from.text() if (scale_from := node.get("scale_from")) else None,
        ratio_points=tuple(item.text() for item in times.items())
        if (times := node.get("times"))
        else (),
        add=number_of(node, "add", 0.0),
        unit=choice_of(node, "unit", _UNITS, "") or None,
        is_readable=access != "wo",
        is_writable=access != "ro",
        write_function=function.integer(5, 16) if function else None,
        extract=_read_extract(node),
        codes=read_codes(node),
        word_order=Order(choice_of(node, "word_order", tuple(Order), defaults["word_order"])),
        byte_order=Order(byte_order),
        string_order=Order(choice_of(node, "string_order", tuple(Order), byte_order)),
        unit_id=unit_id.integer(0, 255) if unit_id else None,
        is_relative=flag_of(node, "relative"),
        low=optional_number(node, "low"),
        high=optional_number(node, "high"),
        invalid=read_invalid(node, name, kind),
        zero=read_raws(node, "zero"),
        is_optional=flag_of(node, "optional"),
        is_required=flag_of(node, "required"),
        poll=_read_poll(name, node, is_readable=access != "wo"),
        format=TextFormat(choice_of(node, "format", tuple(TextFormat), "plain")),
        confidence=choice_of(node, "confidence", ("high", "medium", "low"), "medium"),
        note=child.text() if (child := node.get("note")) else "",
    )


def _read_count(node: Node, kind: str) -> int:
    """Return how many registers a point has: most types know it themselves."""
    child = node.get("count")
    fixed = _COUNTS.get(kind)
    if child is None:
        if fixed is None:
            node.report(f"type {kind} needs a count", "add `count: registers`")
        return fixed or 1
    count = child.integer(1, MAX_REGISTERS) or 1
    if fixed is not None and count != fixed:
        child.report(f"type {kind} has {fixed} registers, not {count}", "leave the count out")
    return count


def _read_extract(node: Node) -> Extract | None:
    """Return which bits of the raw value count; None: all of them."""
    child = node.get("extract")
    if child is None:
        return None
    children = child.only_keys(("shift", "mask"))
    shift = children["shift"].integer(0, 63) if "shift" in children else 0
    mask = children["mask"].integer(1) if "mask" in children else None
    if mask is None:
        child.report("a mask is missing", "add `mask: 0x…`")
    return Extract(shift=shift or 0, mask=mask or 0xFFFF)


def _read_poll(name: str, node: Node, *, is_readable: bool) -> PollClass:
    """Return how often a point is read: as the file says, else by its name."""
    child = node.get("poll")
    if child and (word := child.choice(tuple(PollClass))):
        return PollClass(word)
    if not is_readable or re.fullmatch(_UNUSED, name):
        return PollClass.NEVER
    for poll, pattern in _POLL.items():
        if re.fullmatch(pattern, name):
            return poll
    return PollClass.NEVER
