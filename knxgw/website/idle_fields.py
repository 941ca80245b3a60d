"""Which fields of a form have no effect in a draft, and why. Pure.

The conditions are those of `parameters.yaml`; a form folds such fields, with the reason and a link to the field
that decides it. Source: website 43.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from knxgw.catalogue.needs import Need
from knxgw.catalogue.product import Catalogue
from knxgw.config.convert import Value, convert
from knxgw.config.not_allowed import NotAllowedError
from knxgw.config.without_effect import unmet
from knxgw.config.yaml_places import Path, dotted, parameter_key
from knxgw.website.config_form import POINTS, Field, FieldGroup
from knxgw.website.language import Language


class Idle(NamedTuple):
    """Why something has no effect, as a sentence, and the field that decides it."""

    text: str
    words: str  # of the field
    path: str  # of the link to it


class Fold(NamedTuple):
    """Fields of a group that stand together: shown, or folded for the same reason."""

    fields: tuple[Field, ...]
    why: Idle | None  # they are folded


class KnownOfText:
    """What the text of a configuration says, right or wrong; for `without_effect.unmet`."""

    def __init__(self, data: Mapping[str, Any], catalogue: Catalogue) -> None:
        self._data, self._catalogue = data, catalogue
        self._parameters = {one.key: one for one in catalogue.parameters}

    def count(self, name: str) -> int:
        """Return how many entries a list has."""
        found = self._data.get(name)
        return len(found) if isinstance(found, list) else 0

    def says(self, path: Path) -> bool:
        """Tell whether anything stands there."""
        return self._at(path) not in (None, "")

    def value(self, path: Path) -> Value:
        """Return what holds there; None: nothing, or what stands there is wrong."""
        parameter = self._parameters[parameter_key(path)]
        found = self._at(path) if self.says(path) else parameter.default
        if not isinstance(found, str):
            return None
        try:
            return convert(parameter, found, self._catalogue)
        except NotAllowedError:
            return None

    def _at(self, path: Path) -> object:
        found: Any = self._data
        for step in path:
            if isinstance(found, list) and isinstance(step, int):
                found = found[step] if step < len(found) else None
            elif isinstance(found, Mapping):
                found = found.get(step)
            else:
                return None
        return found


def idle_in(
    section: Path,
    groups: Iterable[FieldGroup],
    data: Mapping[str, Any],
    catalogue: Catalogue,
    words: Language,
) -> Mapping[str, Idle]:
    """Return what has no effect in a form, by the name of each field and the dotted key of each group.

    `section`: the place of the form, ("charging_points", 0).
    """
    known = KnownOfText(data, catalogue)
    places = [place_of(section, group) for group in groups]
    places += [field.path for group in groups for field in group.fields]
    found = {}
    for place in places:
        need = unmet(place, catalogue.needs, known)
        if need is not None:
            found[dotted(place)] = _said(need, section, catalogue, words)
    return found


def place_of(section: Path, group: FieldGroup) -> Path:
    """Return the place of a group of a form."""
    return (*section, *group.key.split(".")) if group.key else section


def folds(
    group: FieldGroup, why: Idle | None, idle: Mapping[str, Idle], wrong: Collection[str]
) -> list[Fold]:
    """Return the fields of a group: those that are shown, then folded ones, those with the same reason together.

    A value that is given, or wrong, is shown in any case. `why`: the reason of the whole group, which is
    folded by itself.
    """
    found: dict[Idle | None, list[Field]] = {None: []}
    for field in group.fields:
        reason = idle.get(field.name)
        is_folded = not field.value and field.name not in wrong and reason != why
        found.setdefault(reason if is_folded else None, []).append(field)
    return [Fold(tuple(fields), reason) for reason, fields in found.items() if fields]


def _said(need: Need, section: Path, catalogue: Catalogue, words: Language) -> Idle:
    """Return a condition that is not met as a form says it."""
    key = need.keys[0]
    (deciding,) = [one for one in catalogue.parameters if one.key == key]
    reason = need.reason.in_language(words.code)
    head, is_of_list, rest = key.partition("[].")
    if not is_of_list:
        place: Path = tuple(key.split("."))
        form = f"/config/form/{place[0]}"
    else:
        entry = section[1] if section[0] == head else 0
        place = (head, entry, *rest.split("."))
        form = f"/config/form/{POINTS}/{int(entry) + 1}"
    anchor = f"#{quote(dotted(place))}"
    is_here = place[: len(section)] == section
    return Idle(
        text=words.text("Without effect: {reason}.", reason=reason),
        words=deciding.text.in_language(words.code),
        path=anchor if is_here else f"{form}{anchor}",
    )
