"""Any sequence of edits says what the same edits make of plain data; each parameter at its bounds too."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path as File
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DataObject, SearchStrategy

from knxgw.catalogue.device_model import DeviceModel
from knxgw.catalogue.load import catalogue
from knxgw.catalogue.parameters import ParameterDefinition, ParameterType
from knxgw.catalogue.yaml_tree import parse_tree
from knxgw.config.convert import Endpoint
from knxgw.config.edit_yaml import NotEditableError, Path, edited, values_of
from knxgw.config.load import parse_configuration
from knxgw.config.report import Report
from knxgw.config.schema import build_schema
from knxgw.config.values import read_values
from knxgw.config.yaml_places import YamlPlaces
from knxgw.config.yaml_values import YamlFile, YamlSection
from knxgw.errors import Problems
from tests.config.random_sites import sites
from tests.config.test_edit_yaml import FILES, difference, leaves, text_of
from tests.gateway.test_every_parameter_is_read import BASES, OTHERS, changed
from tests.support.one_of_each import in_turn

KEYS = [one.key.replace("[]", ".0") for one in catalogue().parameters]
PARAMETERS: list[Path] = [
    tuple(int(step) if step == "0" else step for step in key.split(".")) for key in KEYS
]
VALUES: SearchStrategy[object] = (
    st.text(min_size=1, max_size=12).filter(lambda one: one not in {"null", "~"})
    | st.sampled_from(["off", "1/0/3", "14.019", "0x10", "1_000", "12:30", "# a", "a: b", "- a"])
    | st.integers(-(10**9), 10**9)
    | st.booleans()
    | st.decimals(-1000, 1000, places=3).map(float)
    | st.lists(st.sampled_from(["1/2/3", "a b", "on"]), min_size=1, max_size=3)
)
LAYOUTS: tuple[dict[str, Any], ...] = (
    {"default_flow_style": False},
    {"default_flow_style": None},
    {"default_flow_style": True, "width": 60},
    {"default_flow_style": False, "indent": 4, "line_break": "\r\n"},
    {"default_flow_style": False, "default_style": '"', "explicit_start": True},
)


def sections(data: Any, path: Path = ()) -> Iterator[Path]:
    """Yield the path of everything that a text says."""
    if path:
        yield path
    if isinstance(data, dict):
        for name, one in data.items():
            yield from sections(one, (*path, name))
    elif isinstance(data, list):
        for at, one in enumerate(data):
            yield from sections(one, (*path, at))


def put(data: Any, path: Path, value: object) -> None:
    """Set a value in plain data."""
    *way, last = path
    for step, following in zip(way, path[1:], strict=True):
        new: Any = [] if isinstance(following, int) else {}
        if isinstance(data, list) and step == len(data):
            data.append(new)
        elif isinstance(data, dict) and data.get(step) is None:
            data[step] = new
        data = data[step]
    if isinstance(data, list) and last == len(data):
        data.append(value)
    else:
        data[last] = value


def remove(data: Any, path: Path) -> None:
    """Remove a key or entry from plain data, and what is empty then."""
    ways = [data]
    for step in path[:-1]:
        ways.append(ways[-1][step])
    for around, step in zip(reversed(ways), reversed(path), strict=True):
        del around[step]
        if around:
            return


def as_text(value: object) -> object:
    if isinstance(value, list):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def edits_at_random(data: DataObject, text: str) -> str:
    """Make some edits of a text and of its data; both say the same at each step."""
    plain = values_of(text)
    for _ in range(data.draw(st.integers(1, 5))):
        there = list(sections(plain))
        ends = [path for path, _ in leaves(plain)]
        kinds = ["add", *(["change", "remove"] if there and ends else [])]
        kind = data.draw(st.sampled_from(kinds))
        if kind == "remove":
            path = data.draw(st.sampled_from(there))
            text = edited(text, {path: None})
            remove(plain, path)
        else:
            path = data.draw(st.sampled_from(PARAMETERS if kind == "add" else ends))
            value = data.draw(VALUES)
            try:
                after = edited(text, {path: value})
            except NotEditableError as err:
                assert "where keys and values belong" in str(err) or "no such entry" in str(err)  # noqa: PT017
                continue
            is_scalar = not isinstance(value, list)
            gone, _ = difference(text, after)
            if is_scalar and kind == "change" and len(gone) > 1:
                assert any(len(str(one)) > 40 or "\n" in str(one) for _, one in leaves(plain))
            text = after
            put(plain, path, as_text(value))
        assert values_of(text) == _with_numbers(plain, values_of(text))
    return text


def _with_numbers(plain: Any, said: Any) -> Any:
    """Return plain data with numbers in the notation of the text, if they are the same."""
    if isinstance(plain, dict) and isinstance(said, dict):
        return {name: _with_numbers(one, said.get(name)) for name, one in plain.items()}
    if isinstance(plain, list) and isinstance(said, list) and len(plain) == len(said):
        return [_with_numbers(one, other) for one, other in zip(plain, said, strict=True)]
    try:
        return said if float(plain) == float(said) else plain
    except (TypeError, ValueError):
        return (
            said if (plain, said) in {("true", "on"), ("false", "off"), ("false", "no")} else plain
        )


@given(data=st.data())
def test_edits_of_the_files_people_have(data: DataObject) -> None:
    edits_at_random(data, text_of(data.draw(st.sampled_from(FILES))))


@pytest.mark.long
@given(data=st.data(), site=sites(), layout=st.sampled_from(LAYOUTS))
def test_edits_of_any_site_in_any_layout(
    data: DataObject, site: dict[str, Any], layout: dict[str, Any]
) -> None:
    edits_at_random(data, yaml.safe_dump(site, sort_keys=False, allow_unicode=True, **layout))


@given(data=st.data())
def test_several_edits_at_once_are_the_same_as_one_after_the_other(data: DataObject) -> None:
    text = text_of(data.draw(st.sampled_from(FILES)))
    ends = [path for path, _ in leaves(values_of(text))]
    paths = data.draw(st.lists(st.sampled_from(ends), unique=True, min_size=1, max_size=6))
    changes = {path: data.draw(VALUES) for path in paths}
    after = text
    for path, value in changes.items():
        after = edited(after, {path: value})
    assert edited(text, changes) == after
    gone, new = difference(text, after)
    assert len(gone) <= len(changes)
    assert len(new) == len(gone)


@given(text=st.text() | st.text("ab:-#{}[]&*!|>'\"?,\n\t \r%~<"), value=VALUES)
def test_any_text_is_edited_or_refused(text: str, value: object) -> None:
    try:
        after = edited(text, {("a", "b"): value})
        before = values_of(text)
    except NotEditableError:
        return
    put(before, ("a", "b"), as_text(value))
    assert values_of(after) == _with_numbers(before, values_of(after))
    assert edited(after, {("a", "b"): value}) == after


# --- each parameter at its bounds ---------------------------------------------------------------------


def at_bounds(parameter: ParameterDefinition) -> list[object]:
    """Return lowest, highest and default value, and each choice, as a form has them."""
    values: list[object] = [one.value for one in parameter.choices]
    low, high = parameter.low, parameter.high
    match parameter.type:
        case ParameterType.INTEGER:
            values += [int(one) for one in (low, high) if one is not None]
        case ParameterType.NUMBER:
            values += [float(one) for one in (low, high) if one is not None]
            values += [(low or 0) + 0.001, (high or 1) - 0.001]
        case ParameterType.TEXT:
            values += ["x" * int(low or 1), "ä" * int(high or 30), "12:30", "off", "a: #b", "0x10"]
        case ParameterType.HOST if parameter.key.endswith(".connection.host"):
            values.append("10.0.0.77")  # no device is reached at a multicast address
        case kind:
            values += OTHERS.get(kind, ())
    default = parameter.default or ""
    if default.startswith(":"):  # of an address without default only the port
        default = f"10.0.0.8{default}"
    return [*values, *([default] if default else [])]


def value_of(text: str, path: Path, directory: File) -> Any:
    """Return the value of a parameter as the reader of configurations takes it."""
    places = YamlPlaces(file="site.yaml")
    report = Report(places.place)
    top = parse_tree(text, Problems(), name="site.yaml")
    assert top is not None
    schema = build_schema(catalogue().parameters)
    file = YamlFile(catalogue=catalogue(), report=report, places=places, directory=directory)
    values = read_values(schema, YamlSection(file, schema, top), catalogue(), report)
    *way, name = [step for step in path if isinstance(step, str)]
    for step in way:
        values = values.lists[step][0] if step in values.lists else values.sections[step]
    assert values.is_given(name)
    assert not values.is_wrong(name)
    return values._values[name]


def is_meant(read: Any, value: object, directory: File) -> bool:
    """Tell whether the reader took the value that was given."""
    given = str(value)
    meant: tuple[object, ...] = (given, str(directory / given))
    match read:
        case DeviceModel():
            read = read.id
        case Endpoint():
            read = f"{read.host}:{read.port}"
        case tuple():
            read, meant = list(read), (value,)
        case bool():
            read = str(read).lower()
            meant = (given.lower(),)
        case float() | int():
            meant = (float(given),)
        case None:  # a word in the place of a number
            return isinstance(value, str)
        case _:
            pass
    return read in meant


def unshared(data: dict[str, Any]) -> Any:
    """Return a copy in which nothing stands twice: it would be dumped as anchor and alias."""
    return json.loads(json.dumps(data))


TEXTS = {
    "a new file": "",
    "a file with comments": text_of(FILES[0]),
    "another": text_of(FILES[-1]),
    "braces": json.dumps(BASES[2]),
    "lines": yaml.safe_dump(unshared(BASES[2]), default_flow_style=False),
}


def _named(path: Path, start: str) -> str:
    return f"{KEYS[PARAMETERS.index(path)]}-{start}"


@pytest.mark.parametrize(("path", "start"), in_turn(PARAMETERS, list(TEXTS), name=_named))
def test_each_parameter_at_its_bounds_is_read_as_it_was_given(
    path: Path, start: str, tmp_path: File
) -> None:
    parameter = catalogue().parameters[PARAMETERS.index(path)]
    values = [one for one in at_bounds(parameter) if _fits(parameter, one)]
    assert values
    for value in values:
        text = edited(TEXTS[start], {path: value})
        assert is_meant(value_of(text, path, tmp_path), value, tmp_path), (value, text)


def _fits(parameter: ParameterDefinition, value: object) -> bool:
    """Tell whether a model is one of the right kind."""
    if parameter.type is not ParameterType.MODEL:
        return True
    models = catalogue().meters if "meter" in parameter.key else catalogue().chargers
    return value in models


@cache
def sites_as_text() -> list[str]:
    return ["# a site\n" + yaml.safe_dump(unshared(one), default_flow_style=None) for one in BASES]


@pytest.mark.long
@pytest.mark.parametrize("path", PARAMETERS, ids=KEYS)
def test_an_edited_file_gives_the_configuration_of_the_same_data(
    path: Path, tmp_path: File
) -> None:
    for name in ("keys", "other"):
        (tmp_path / name).write_text("for the tests")
    parameter = catalogue().parameters[PARAMETERS.index(path)]
    for base, text in zip(BASES, sites_as_text(), strict=True):
        for value in at_bounds(parameter):
            data = json.dumps(changed(base, parameter.key, value))
            by_edit, by_data = (
                parse_configuration(one, catalogue(), directory=tmp_path)
                for one in (edited(text, {path: value}), data)
            )
            assert by_edit.configuration == by_data.configuration
            found, expected = (
                sorted(f"{one.key} {one.problem}" for one in loaded.findings)
                for loaded in (by_edit, by_data)
            )
            assert found == expected
