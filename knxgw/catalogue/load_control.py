"""Reads how the current of a model is set, and its fail-safe: `control` and `watchdog`."""

from collections.abc import Mapping

from knxgw.catalogue.control import (
    Control,
    StepValue,
    Watchdog,
    WatchdogTrigger,
    WriteStep,
    ZeroMeaning,
)
from knxgw.catalogue.fields import flag_of, number_of, text_of
from knxgw.catalogue.points import Point
from knxgw.catalogue.yaml_tree import Node

_CONTROL_KEYS = (
    "resolution_a",
    "minimum_a",
    "maximum_a",
    "zero_a",
    "offer",
    "pause",
    "unlock",
    "start_stop",
    "read_back",
)


_WATCHDOG_KEYS = (
    "trigger",
    "timeout_s",
    "refresh_s",
    "arm",
    "refresh",
    "fallback",
    "timeout_point",
    "remaining_point",
    "fallback_point",
)


def read_control(root: Node, points: Mapping[str, Point]) -> Control | None:
    """Return how the current of a charger is set; None where the file does not say."""
    node = root.require("control")
    if node is None:
        return None
    node.only_keys(_CONTROL_KEYS)
    zero = node.require("zero_a")
    meaning = zero.choice([meaning.value for meaning in ZeroMeaning]) if zero else None
    control = Control(
        resolution_ma=round(number_of(node, "resolution_a", 1.0, low=0) * 1000),
        minimum_ma=round(number_of(node, "minimum_a", 6.0, low=0) * 1000),
        maximum_ma=round(number_of(node, "maximum_a", 32.0, low=0) * 1000),
        zero=ZeroMeaning(meaning) if meaning else ZeroMeaning.FORBIDDEN,
        offer=_read_steps(node, "offer", points),
        pause=_read_steps(node, "pause", points),
        unlock=_read_steps(node, "unlock", points),
        has_start_stop=flag_of(node, "start_stop"),
        read_back=_point_name(node, "read_back", points),
    )
    if not control.offer:
        node.report("no write offers a current", "add `offer: [{point: …, value: offer}]`")
    if control.is_power and control.read_back and points[control.read_back].unit != "W":
        node.report("what is written as a power must be read back as one", "give it `unit: W`")
    if not control.pause:
        node.report("nothing says how to pause", "add `pause: [{point: …, value: 0}]`")
    return control


def _read_steps(node: Node, name: str, points: Mapping[str, Point]) -> tuple[WriteStep, ...]:
    """Return a list of write steps; what cannot be written or read back is reported."""
    child = node.get(name)
    steps: list[WriteStep] = []
    for item in child.items() if child else ():
        item.only_keys(("point", "value", "read_back"))
        point = _point_name(item, "point", points)
        read_back = _point_name(item, "read_back", points)
        value_node = item.require("value")
        if point is None or value_node is None:
            continue
        if read_back is not None and not points[read_back].is_readable:
            item.report(f"point {read_back!r} cannot be read back", "give it `access: rw` or `ro`")
        if not points[point].is_writable:
            item.report(f"point {point!r} is read only", "give it `access: rw` or `wo`")
        word = value_node.text()
        if word == StepValue.OFFER_POWER and points[point].unit != "W":
            item.report(
                f"point {point!r} does not count in watts", "give it `unit: W`, and a scale"
            )
        if word in {value.value for value in StepValue}:
            steps.append(WriteStep(point=point, value=StepValue(word), read_back=read_back))
        elif (number := value_node.number()) is not None:
            steps.append(WriteStep(point=point, value=number, read_back=read_back))
    return tuple(steps)


def read_watchdog(root: Node, points: Mapping[str, Point]) -> Watchdog | None:
    """Return the fail-safe of a charger, None: it has none that is known."""
    node = root.get("watchdog")
    if node is None:
        return None
    node.only_keys(_WATCHDOG_KEYS)
    trigger = node.require("trigger")
    word = trigger.choice([trigger.value for trigger in WatchdogTrigger]) if trigger else None
    return Watchdog(
        trigger=WatchdogTrigger(word) if word else WatchdogTrigger.NONE,
        timeout_s=number_of(node, "timeout_s", 60.0, low=0),
        refresh_s=number_of(node, "refresh_s", 20.0, low=0),
        arm=_read_steps(node, "arm", points),
        refresh=_read_steps(node, "refresh", points),
        fallback=text_of(node, "fallback"),
        timeout_point=_point_name(node, "timeout_point", points),
        remaining_point=_point_name(node, "remaining_point", points),
        fallback_point=_point_name(node, "fallback_point", points),
    )


def _point_name(node: Node, name: str, points: Mapping[str, Point]) -> str | None:
    """Return the name of an existing point; None: the key is missing."""
    child = node.get(name)
    if child is None:
        return None
    return child.choice(tuple(points))
