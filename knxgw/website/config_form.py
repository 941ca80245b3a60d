"""The forms of the configuration: one field for each parameter, from `parameters.yaml` alone. Pure.

A form belongs to a section of the file: `device`, `knx`, ..., or one entry of `charging_points`. A field
says its control, words, help, bounds and default; what was typed becomes edits of the text, in which comments
and order stay. Source: website 43.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from knxgw.catalogue.device_model import DeviceKind, DeviceModel
from knxgw.catalogue.parameters import ParameterDefinition, ParameterType
from knxgw.catalogue.product import Catalogue
from knxgw.catalogue.search import names_of
from knxgw.config.convert import Endpoint, convert
from knxgw.config.not_allowed import NotAllowedError
from knxgw.config.numbers import is_doubtful, whole
from knxgw.config.values import completed
from knxgw.config.yaml_places import Path, dotted, parameter_key
from knxgw.website.language import Language

POINTS = "charging_points"
MOST_POINTS = 5
MOST_RADIOS = 4  # choices beyond that are a list
_DECIMAL = re.compile(r"[+-]?[0-9]+[.,][0-9]+")
_NUMBER_PATTERN = r"[+\-]?[0-9]+([.,][0-9]+)?([eE][+\-]?[0-9]+)?|0[xX][0-9A-Fa-f]+"
_PATTERNS = {  # of texts: what no pattern takes is wrong, but not all that one takes is right
    ParameterType.HOST: r"[A-Za-z0-9_.\-]+",
    ParameterType.WEB_ADDRESS: r"https://\S+",
    ParameterType.HOSTS: r"[A-Za-z0-9_.\-,\s]+",
    ParameterType.ENDPOINT: r"[A-Za-z0-9_.\-]*(:\s*[+]?[0-9]+)?",
    ParameterType.INDIVIDUAL_ADDRESS: r"[0-9]+\.[0-9]+\.[0-9]+",
    ParameterType.TIME_ZONE: r"[A-Za-z0-9_+\-\/.]+",
}
_NUMBERS = frozenset({ParameterType.INTEGER, ParameterType.NUMBER})
_YES_AND_NO = {
    "en": {"true": "yes", "false": "no"},
    "de": {"true": "ja", "false": "nein"},
}


class Control(StrEnum):
    """How a value is entered."""

    RADIO = "radio"
    SELECT = "select"
    MODEL = "model"  # a list by manufacturer
    NUMBER = "number"
    TEXT = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """A value that can be chosen."""

    value: str
    words: str
    names: str = ""  # by which somebody may look for a model


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Values under a common heading, such as a manufacturer; "": without one."""

    heading: str
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One parameter in a form."""

    name: str  # the key in the file, with the entry of a list: "charging_points[0].minimum_a"
    path: Path
    control: Control
    words: str
    help: str
    unit: str
    value: str  # as the file says it; "": it says nothing
    shown: str  # the value with the decimal sign of the page
    default: str  # in words; "": there is none
    low: str  # "" where there is no bound
    high: str
    extent: tuple[str, ...]  # low and high of a number with the decimal sign of the page; else ()
    step: str  # "1": whole numbers; "any"
    keys: str  # the keyboard of a phone: "numeric", "decimal", "text"
    longest: str  # characters of a text; "" where there is no bound
    pattern: str  # that a text has; "" where it may be anything
    is_required: bool
    choices: tuple[Options, ...]
    models: str = ""  # the kind of the models to choose from: "charger", "meter"
    differs: bool = False  # from its default, which it could have again


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldGroup:
    """Fields that belong together: those of one level of the file."""

    key: str  # below the section: "", "connection", "sending.current"
    fields: tuple[Field, ...]

    @property
    def is_given(self) -> bool:
        """Tell whether the file says anything of it."""
        return any(field.value for field in self.fields)


def sections(catalogue: Catalogue) -> tuple[str, ...]:
    """Return the sections that have a form, in the order of the file; `charging_points` among them."""
    heads = (parameter.key.split(".")[0].removesuffix("[]") for parameter in catalogue.parameters)
    return tuple(dict.fromkeys(heads))


def groups_of(
    section: str, entry: int | None, data: Mapping[str, Any], catalogue: Catalogue, language: str
) -> tuple[FieldGroup, ...]:
    """Return the fields of a section, in groups.

    `entry`: of a list, from 0. `data`: what the file says. Raises: KeyError: there is no such section.
    """
    head = section if entry is None else f"{section}[]"
    parameters = [one for one in catalogue.parameters if one.key.startswith(f"{head}.")]
    if not parameters:
        raise KeyError(section)
    groups: dict[str, list[Field]] = {}
    for parameter in parameters:
        *between, leaf = parameter.key.removeprefix(f"{head}.").split(".")
        path: Path = (section, *(() if entry is None else (entry,)), *between, leaf)
        groups.setdefault(".".join(between), []).append(
            _field(parameter, path, _value_at(data, path), catalogue, language)
        )
    return tuple(FieldGroup(key=key, fields=tuple(fields)) for key, fields in groups.items())


def changes_of(
    groups: Iterable[FieldGroup], typed: Mapping[str, str], catalogue: Catalogue
) -> dict[Path, object | None]:
    """Return what was typed and differs from the file, by its path; None: the default holds again.

    `typed`: by name of the field; one that is missing was not on the page.
    """
    parameters = {parameter.key: parameter for parameter in catalogue.parameters}
    found: dict[Path, object | None] = {}
    for group in groups:
        for field in group.fields:
            text = typed.get(field.name, field.shown).strip()
            if text != field.shown:
                found[field.path] = _written(parameters[parameter_key(field.path)], text)
    return found


def _value_at(data: Mapping[str, Any], path: Path) -> str:
    """Return what a file says at a path, "" where it says nothing, as it may be typed."""
    found: Any = data
    for step in path:
        if isinstance(step, int):
            found = found[step] if isinstance(found, list) and step < len(found) else None
        else:
            found = found.get(step) if isinstance(found, Mapping) else None
    if found is None:
        return ""
    if isinstance(found, bool):
        return "true" if found else "false"
    if isinstance(found, list):
        return ", ".join(map(str, found))
    return str(found)


def _field(
    parameter: ParameterDefinition, path: Path, value: str, catalogue: Catalogue, language: str
) -> Field:
    choices = _with_what_stands_there(_choices(parameter, catalogue, language), value)
    is_text = parameter.type is ParameterType.TEXT
    return Field(
        name=dotted(path),
        path=path,
        control=_control(parameter, choices),
        words=parameter.text.in_language(language),
        help=parameter.help.in_language(language),
        unit=parameter.unit or "",
        value=value,
        shown=_shown(parameter, value, language),
        default=_default(parameter, language),
        low=_bound(parameter.low),
        high=_bound(parameter.high),
        extent=_extent(parameter, language),
        step="1" if parameter.type is ParameterType.INTEGER else "any",
        keys=_keys(parameter),
        longest=_bound(parameter.high) if is_text else "",
        pattern=_pattern(parameter),
        is_required=parameter.is_required,
        choices=choices,
        models=_kind_of_models(parameter),
        differs=_differs(parameter, value, catalogue),
    )


def _differs(parameter: ParameterDefinition, value: str, catalogue: Catalogue) -> bool:
    """Tell whether a value is another one than the default, however it is written."""
    if not value or parameter.default is None:
        return False
    try:
        given = convert(parameter, value, catalogue)
        default = convert(parameter, parameter.default, catalogue)
        return (completed(given, default) if isinstance(given, Endpoint) else given) != default
    except NotAllowedError:
        return True


def _shown(parameter: ParameterDefinition, value: str, language: str) -> str:
    """Return a value as it stands in a field: whoever reads and types on a German page uses a comma.

    No browser does that by itself: it goes by its own language, and drops a sign that is none there.
    """
    if parameter.type not in _NUMBERS or not _DECIMAL.fullmatch(value):
        return value
    return value.replace(".", Language(language).decimal_sign)


def _extent(parameter: ParameterDefinition, language: str) -> tuple[str, ...]:
    bounds = _bound(parameter.low), _bound(parameter.high)
    if parameter.type not in _NUMBERS or not all(bounds):
        return ()
    return tuple(_shown(parameter, one, language) for one in bounds)


def _keys(parameter: ParameterDefinition) -> str:
    """Return which keyboard a phone shows: those for numbers have neither letters nor a sign before the number."""
    if parameter.choices or parameter.low is None or parameter.low < 0:
        return "text"
    return "numeric" if parameter.type is ParameterType.INTEGER else "decimal"


def _control(parameter: ParameterDefinition, choices: tuple[Options, ...]) -> Control:
    match parameter.type:
        case ParameterType.MODEL:
            return Control.MODEL
        case ParameterType.INTEGER | ParameterType.NUMBER:
            return Control.NUMBER
        case ParameterType.CHOICE | ParameterType.BOOLEAN:
            count = sum(len(one.options) for one in choices)
            return Control.RADIO if count <= MOST_RADIOS else Control.SELECT
        case _:
            return Control.TEXT


def _choices(
    parameter: ParameterDefinition, catalogue: Catalogue, language: str
) -> tuple[Options, ...]:
    if parameter.type is ParameterType.MODEL:
        return _models(parameter, catalogue)
    if parameter.type is ParameterType.BOOLEAN:
        words = _YES_AND_NO[language].items()
        return (
            Options(
                heading="", options=tuple(Option(value=value, words=text) for value, text in words)
            ),
        )
    options = tuple(
        Option(value=choice.value, words=choice.text.in_language(language))
        for choice in parameter.choices
    )
    return (Options(heading="", options=options),) if options else ()


def _with_what_stands_there(choices: tuple[Options, ...], value: str) -> tuple[Options, ...]:
    """Return choices with what the file says, though it is none of them: else the form would drop it."""
    known = {option.value for group in choices for option in group.options}
    if not choices or not value or value in known:
        return choices
    return (Options(heading="", options=(Option(value=value, words=value),)), *choices)


def _pattern(parameter: ParameterDefinition) -> str:
    """Return what a browser compares a text with, spaces around it left out; "": nothing."""
    if parameter.type in _NUMBERS:
        words = "".join(f"|{re.escape(choice.value)}" for choice in parameter.choices)
        return rf"\s*({_NUMBER_PATTERN}{words})\s*"
    pattern = _PATTERNS.get(parameter.type)
    return rf"\s*({pattern})\s*" if pattern else ""


def _kind_of_models(parameter: ParameterDefinition) -> str:
    if parameter.type is not ParameterType.MODEL:
        return ""
    return DeviceKind.CHARGER if parameter.key == f"{POINTS}[].model" else DeviceKind.METER


def _models(parameter: ParameterDefinition, catalogue: Catalogue) -> tuple[Options, ...]:
    """Return the models of a kind, by manufacturer; (?) stands at one that no second source confirms."""
    is_charger = _kind_of_models(parameter) == DeviceKind.CHARGER
    models = catalogue.chargers if is_charger else catalogue.meters
    makers: dict[str, list[DeviceModel]] = {}
    for model in sorted(models.values(), key=lambda one: (one.manufacturer.casefold(), one.model)):
        makers.setdefault(model.manufacturer, []).append(model)
    return tuple(
        Options(
            heading=maker,
            options=tuple(
                Option(
                    value=one.id,
                    words=f"{one.model}{'' if one.is_confirmed else ' (?)'}",
                    names=names_of(one),
                )
                for one in ours
            ),
        )
        for maker, ours in makers.items()
    )


def _default(parameter: ParameterDefinition, language: str) -> str:
    if parameter.default is None:
        return ""
    if parameter.type is ParameterType.BOOLEAN:
        return _YES_AND_NO[language][parameter.default]
    named = [one for one in parameter.choices if one.value == parameter.default]
    if named:
        return named[0].text.in_language(language)
    default = _shown(parameter, parameter.default, language)
    return f"{default} {parameter.unit}" if parameter.unit else default


def _bound(value: float | None) -> str:
    return "" if value is None else f"{value:.12g}"


def _written(parameter: ParameterDefinition, text: str) -> object | None:
    """Return what the file is to say for a text that was typed; None: nothing.

    A number with a comma is one as well. What is no number is written as it is: the check says what is wrong.
    So it does of 1.250, where that may be 1250: in a file only a comma leaves it open.
    """
    if not text:
        return None
    if parameter.type in _NUMBERS:
        if (number := whole(text)) is not None:
            return number
        if is_doubtful(parameter, text):
            return text.replace(".", ",")
        if _DECIMAL.fullmatch(text):
            return float(text.replace(",", "."))
    if parameter.type is ParameterType.BOOLEAN and text in {"true", "false"}:
        return text == "true"
    return text
