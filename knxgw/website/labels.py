"""What forms call the parameters of the configuration, for whatever speaks of one by its key. Pure."""

import re
from collections.abc import Mapping, Sequence
from functools import cache

from knxgw.catalogue.load import catalogue
from knxgw.catalogue.parameters import ParameterDefinition
from knxgw.config.edit_yaml import NotEditableError, values_of
from knxgw.config.schema import GROUP_OBJECTS
from knxgw.website.config_form import POINTS
from knxgw.website.language import LANGUAGES, Language, marked

SECTIONS = {
    "device": marked("Device"),
    "knx": marked("KNX connection"),
    "website": marked("Website"),
    "firmware": marked("Firmware"),
    "serial": marked("Serial line"),
    "load_management": marked("Load management"),
    "grid_supporting_control": marked("Grid-supporting control"),
    "panel": marked("Front panel (LEDs and button)"),
}
_POINT = re.compile(rf"{POINTS}\[(\d{{1,3}})\](?:\.(.+))?")
_OBJECT = re.compile(rf"{GROUP_OBJECTS}\.(\d+)")


def label_of(key: str, language: str) -> str:
    """Return what forms call a parameter, "": there is none of that key.

    `key`: as `parameters.yaml` has it, or with the entry of a list in its brackets.
    """
    found = _parameters().get(re.sub(r"\[\d+\]", "[]", key))
    return "" if found is None else found.text.in_language(language)


def label_of_choice(key: str, value: str, language: str) -> str:
    """Return what forms call a value of a parameter; the value, where they have no word for it."""
    found = _parameters().get(key)
    choices = () if found is None else found.choices
    return next((one.text.in_language(language) for one in choices if one.value == value), value)


def place_words(key: str, words: Language, points: Sequence[object] = ()) -> str:
    """Return what people call the place of a finding: a field, with its charging point; else a section.

    `key`: of the finding, dotted, with the entry of a list from 0. `points`: the numbers of the charging points
    in the order of the file; without them they are counted. A key that no form has stays as it is.
    """
    if (found := _OBJECT.match(key)) is not None:
        return words.text("Group object {number}", number=found[1])
    if (found := _POINT.fullmatch(key)) is None:
        return label_of(key, words.code) or _section(key, words)
    entry = int(found[1])
    number = points[entry] if entry < len(points) else entry + 1
    point = words.text("Charging point {number}", number=str(number))
    if found[2] is None:
        return point
    return f"{point}: {label_of(key, words.code) or found[2]}"


def is_default_name(name: str, number: int) -> bool:
    """Tell whether a charging point has no name of its own: none, or its number in any language."""
    titles = (Language(code).text("Charging point {number}", number=number) for code in LANGUAGES)
    return not name or name in titles


def path_of_form(key: str) -> str:
    """Return the form of the key of a finding, "": it has none."""
    if _OBJECT.match(key) is not None:
        return "/config/objects"
    if (found := _POINT.fullmatch(key)) is not None:
        return f"/config/form/{POINTS}/{int(found[1]) + 1}"
    section = key.split(".", maxsplit=1)[0]
    return f"/config/form/{section}" if section in SECTIONS else ""


def points_in(text: str) -> tuple[object, ...]:
    """Return the numbers of the charging points in the order of a text; "?": it gives none."""
    try:
        found = values_of(text).get(POINTS)
    except NotEditableError:
        return ()
    entries = found if isinstance(found, list) else []
    return tuple(one.get("number", "?") if isinstance(one, Mapping) else "?" for one in entries)


def _section(key: str, words: Language) -> str:
    """Return the name of a section, of a key that is one; any other key as it is."""
    return words.text(SECTIONS[key]) if key in SECTIONS else key


@cache
def _parameters() -> Mapping[str, ParameterDefinition]:
    return {one.key: one for one in catalogue().parameters}
