"""Reads what happens in a scenario: the entries of `events` and `periodic`."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from knxgw.catalogue.yaml_tree import Node
from knxgw.charging.events import GridMeterReading
from knxgw.charging.scope import PointNumber
from knxgw.sim.bench.fields import (
    Place,
    current_ma,
    number_or_nan,
    optional_ma,
    phase_of,
    point_of,
    seconds,
    until_of,
)
from knxgw.sim.bench.read_charging import VEHICLE_WORDS, read_charger, read_reports
from knxgw.sim.bench.read_configuration import read_configuration
from knxgw.sim.bench.scenario import (
    BaseChanged,
    CarMoved,
    ClockStepped,
    Happening,
    Restarted,
    Told,
)
from knxgw.sim.bench.telegrams import TYPES
from knxgw.station.model import (
    GridControlCommanded,
    HighPowerStarted,
    InOperationSeen,
    InterruptionCommanded,
    SetpointCommanded,
    StartStopCommanded,
)

Reader = Callable[[Node, Node, Place, float], Happening | None]


@dataclass(frozen=True, slots=True)
class Word:
    """How something that happens is read, and what goes along with it."""

    read: Reader
    options: tuple[str, ...] = ()


_OPTIONS = ("at", "until", "point", "phase", "off_s", "to_a")


def read_happenings(root: Node, place: Place) -> tuple[Happening, ...]:
    """Return everything that happens, in the order of the file."""
    found: list[Happening] = []
    events = root.get("events")
    for node in events.items() if events else ():
        found += _read(node, place)
    periodic = root.get("periodic")
    for node in periodic.items() if periodic else ():
        found += _periodic(node)
    return tuple(found)


def _read(node: Node, place: Place) -> Iterator[Happening]:
    """Give what an entry lets happen: its begin, and its end where that happens by itself."""
    children = node.only_keys((*_OPTIONS, *_READERS))
    words = [word for word in _READERS if word in children]
    if len(words) != 1:
        known = ", ".join(_READERS)
        node.report(f"expected one thing that happens, got {len(words)}", f"known are: {known}")
        return
    at = node.require("at")
    at_s = at.number(None, place.duration_s) if at else None
    if at_s is None:
        return
    (word,) = words
    _check_options(word, children)
    happening = _READERS[word].read(children[word], node, place, at_s)
    if happening is None:
        return
    yield happening
    until_s = until_of(node, at_s) if word in _ENDS else None
    if until_s is not None:
        yield _taken_back(happening, until_s)


def _check_options(word: str, children: Mapping[str, Node]) -> None:
    """Report what goes along with something else only: nobody would look at it."""
    options = _READERS[word].options
    for option in _OPTIONS[1:]:
        if option not in children or option in options:
            continue
        if option == "until":
            known = ", ".join(name for name, one in _READERS.items() if "until" in one.options)
            children[option].report(
                f"`{word}` has no end", f"write a second event; these have an end: {known}"
            )
            continue
        remedy = f"known are: {', '.join(options)}" if options else "leave it out"
        children[option].report(f"`{word}` has no `{option}`", remedy)


def _base(value: Node, node: Node, _place: Place, at_s: float) -> Happening:
    return BaseChanged(happens_at=at_s, load_ma=_phases(value, node))


def _added(value: Node, node: Node, _place: Place, at_s: float) -> Happening:
    return BaseChanged(happens_at=at_s, load_ma=_phases(value, node), is_added=True)


def _phases(value: Node, node: Node) -> tuple[int | None, int | None, int | None]:
    phase = phase_of(node)
    if value.is_list:
        items = value.items()
        if len(items) != 3:
            value.report(f"expected 3 values, got {len(items)}", "write L1, L2 and L3")
            return None, None, None
        if phase is not None:
            node.mapping()["phase"].report("a list has all phases", "leave `phase` out")
        one, two, three = (current_ma(item, None) for item in items)
        return one, two, three
    load_ma = current_ma(value, None)
    if phase is None:
        return load_ma, load_ma, load_ma
    return (
        load_ma if phase == 0 else None,
        load_ma if phase == 1 else None,
        load_ma if phase == 2 else None,
    )


def _high_power(value: Node, _node: Node, _place: Place, at_s: float) -> Happening | None:
    """Return the message; a 0 does nothing, as on the bus."""
    return Told(happens_at=at_s, event=HighPowerStarted()) if value.boolean() else None


def _grid_control(value: Node, _node: Node, _place: Place, at_s: float) -> Happening:
    return Told(happens_at=at_s, event=GridControlCommanded(is_active=bool(value.boolean())))


def _interruption(value: Node, node: Node, place: Place, at_s: float) -> Happening:
    point = PointNumber(point_of(node, place))
    event = InterruptionCommanded(point=point, is_active=bool(value.boolean()))
    return Told(happens_at=at_s, event=event)


def _setpoint(value: Node, node: Node, place: Place, at_s: float) -> Happening:
    """Return the command; what is no current reaches the station as None, as from the bus."""
    setpoint_a = number_or_nan(value)
    usable = math.isfinite(setpoint_a) and setpoint_a >= 0
    point = PointNumber(point_of(node, place))
    setpoint_ma = round(setpoint_a * 1000) if usable else None
    return Told(happens_at=at_s, event=SetpointCommanded(point=point, setpoint_ma=setpoint_ma))


def _start_stop(value: Node, node: Node, place: Place, at_s: float) -> Happening:
    point = PointNumber(point_of(node, place))
    start = value.choice(("start", "stop")) == "start"
    return Told(happens_at=at_s, event=StartStopCommanded(point=point, is_start=start))


def _in_operation(_value: Node, _node: Node, _place: Place, at_s: float) -> Happening:
    return Told(happens_at=at_s, event=InOperationSeen())


def _meter_value(value: Node, node: Node, place: Place, at_s: float) -> Happening:
    """Return a telegram of the smart meter beside those it sends by itself: A, or W."""
    phase, kind = phase_of(node), TYPES[place.dpt]
    number = number_or_nan(value)
    if not kind.is_signed:
        number = abs(number)
    telegram = GridMeterReading(
        phase=phase or 0,
        value=number if kind.is_power else number * 1000,
        is_power=kind.is_power,
        may_saturate=kind.saturating,
    )
    return Told(happens_at=at_s, event=telegram)


def _gateway(value: Node, node: Node, _place: Place, at_s: float) -> Happening:
    value.choice(("restart",))
    return Restarted(happens_at=at_s, off_s=seconds(node, "off_s", 0.0))


def _clock_step(value: Node, _node: Node, _place: Place, at_s: float) -> Happening:
    return ClockStepped(happens_at=at_s, step_s=value.number() or 0.0)


_READERS: Mapping[str, Word] = {
    "base_a": Word(_base, ("phase",)),
    "base_added_a": Word(_added, ("phase", "until")),
    "high_power": Word(_high_power),
    "grid_control": Word(_grid_control, ("until",)),
    "interruption": Word(_interruption, ("point", "until")),
    "setpoint_a": Word(_setpoint, ("point",)),
    "start_stop": Word(_start_stop, ("point",)),
    "in_operation": Word(_in_operation),
    "meter_value": Word(_meter_value, ("phase",)),
    **{word: Word(read, ("point", "until")) for word, read in VEHICLE_WORDS.items()},
    "charger": Word(read_charger, ("point", "until", "off_s", "to_a")),
    "reports": Word(read_reports, ("point", "until")),
    "gateway": Word(_gateway, ("off_s",)),
    "configuration": Word(read_configuration, ("off_s",)),
    "clock_step_s": Word(_clock_step),
}


# Those whose end is an event of its own.
_ENDS = ("car", "interruption", "grid_control", "base_added_a")


def _taken_back(happening: Happening, at_s: float) -> Happening:
    """Return the event that takes another one back."""
    match happening:
        case CarMoved(plugged=plugged):
            return replace(happening, happens_at=at_s, plugged=not plugged)
        case BaseChanged(load_ma=load_ma):
            one, two, three = (None if ma is None else -ma for ma in load_ma)
            return replace(happening, happens_at=at_s, load_ma=(one, two, three))
        case Told(event=(InterruptionCommanded() | GridControlCommanded()) as event):
            back = replace(event, is_active=not event.is_active)
            return replace(happening, happens_at=at_s, event=back)
        case _:
            raise TypeError(f"nothing takes this back: {happening}")


def _periodic(node: Node) -> Iterator[Happening]:
    """Give the steps of a load that goes on and off."""
    node.only_keys(("from", "to", "on_s", "off_s", "add_a", "phase"))
    value = node.require("add_a")
    on_s, off_s = seconds(node, "on_s", 20.0, 0.1), seconds(node, "off_s", 20.0, 0.1)
    at_s, to_s = seconds(node, "from", 0.0), seconds(node, "to", 0.0)
    if value is None or optional_ma(node, "add_a", 0, None) == 0:
        return
    load_ma = _phases(value, node)
    while at_s < to_s:
        begin = BaseChanged(happens_at=at_s, load_ma=load_ma, is_added=True)
        yield begin
        yield _taken_back(begin, min(to_s, at_s + on_s))
        at_s += on_s + off_s
