"""What is given and has no effect, by the conditions of `parameters.yaml`; pure.

The check warns of some of it; the forms of the website fold all of it, with the reason.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

from knxgw.catalogue.device_model import DeviceModel
from knxgw.catalogue.needs import Need
from knxgw.config.convert import Value
from knxgw.config.report import Report
from knxgw.config.values import Values
from knxgw.config.yaml_places import Path, dotted, parameter_key


class Known(Protocol):
    """What is known of a configuration, whatever it is read from."""

    def count(self, name: str) -> int:
        """Return how many entries a list of the configuration has."""

    def says(self, path: Path) -> bool:
        """Tell whether a parameter is given, or anything of a section."""

    def value(self, path: Path) -> Value:
        """Return what holds for a parameter, given or by default; None: nothing, or what is given is wrong."""


def unmet(path: Path, needs: Sequence[Need], known: Known) -> Need | None:
    """Return the condition because of which a parameter or section has no effect; None: it has one.

    Where what decides it is not known, it is taken to have one.
    """
    key = parameter_key(path)
    return next(
        (need for need in needs if need.concerns(key) and not _is_met(need, path, known)), None
    )


def warn_without_effect(values: Values, needs: Sequence[Need], report: Report) -> None:
    """Warn of what somebody may rely on although it has no effect."""
    known = _OfValues(values)
    for need in needs:
        if not need.warns:
            continue
        for key in need.of:
            for path in _paths(key, (), known):
                if known.says(path) and unmet(path, needs, known) is need:
                    report.warning(
                        dotted(path), "without_effect", remedy=need.remedy, reason=need.reason
                    )


def _is_met(need: Need, path: Path, known: Known) -> bool:
    places = [place for key in need.keys for place in _paths(key, path, known)]
    if need.is_given is not None:
        return any(known.says(place) for place in places) is need.is_given
    return any(_fits(need, known.value(place)) for place in places)


def _fits(need: Need, value: Value) -> bool:
    if value is None:
        return True
    if need.supplies is not None:
        return isinstance(value, DeviceModel) and need.supplies in value.capabilities
    return value in need.values


def _paths(key: str, path: Path, known: Known) -> Iterator[Path]:
    """Yield the places of a key: in the entry of a list that a path is in, else in each of its entries."""
    head, is_of_list, rest = key.partition("[].")
    if not is_of_list:
        yield tuple(key.split("."))
        return
    entry = path[1] if len(path) > 1 and path[0] == head else None
    for number in range(known.count(head)) if entry is None else (entry,):
        yield head, number, *rest.split(".")


class _OfValues:
    """What the values of a configuration say."""

    def __init__(self, values: Values) -> None:
        self._values = values

    def count(self, name: str) -> int:
        return len(self._values.lists[name])

    def says(self, path: Path) -> bool:
        around, name = self._around(path), str(path[-1])
        below = around.sections.get(name)
        return around.is_given(name) if below is None else below.is_present

    def value(self, path: Path) -> Value:
        around, name = self._around(path), str(path[-1])
        return None if around.is_wrong(name) else around.any_value(name)

    def _around(self, path: Path) -> Values:
        """Return the section in which the last step of a path stands."""
        found = self._values
        entries: list[Values] = []
        for step in path[:-1]:
            if isinstance(step, int):
                found = entries[step]
            elif step in found.lists:
                entries = found.lists[step]
            else:
                found = found.sections[step]
        return found
