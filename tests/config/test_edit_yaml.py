"""Editing the text of a configuration: what was not meant stays byte for byte."""

import time
from difflib import ndiff
from functools import cache
from pathlib import Path as File
from typing import Any

import pytest
import yaml

from knxgw.catalogue.load import catalogue
from knxgw.config.edit_yaml import NotEditableError, Path, edited, values_of
from knxgw.config.load import DEEPEST_NESTING, LARGEST_FILE
from knxgw.config.yaml_places import dotted

ROOT = File(__file__).parents[2]
FILES = (
    *sorted((ROOT / "examples").glob("*.yaml")),
    *sorted((ROOT / "tests/config/old").glob("*.yaml")),
    ROOT / "docs/config-example.yaml",
)
files = pytest.mark.parametrize("file", FILES, ids=lambda one: str(one.name))


@cache
def text_of(file: File) -> str:
    return file.read_bytes().decode()


def leaves(data: Any, path: Path = ()) -> list[tuple[Path, str]]:
    """Return every single value of a text with its path."""
    if isinstance(data, dict):
        return [leaf for name, one in data.items() for leaf in leaves(one, (*path, name))]
    if isinstance(data, list):
        return [leaf for at, one in enumerate(data) for leaf in leaves(one, (*path, at))]
    return [(path, data)]


def difference(before: str, after: str) -> tuple[list[str], list[str]]:
    """Return the lines that are gone and those that are new."""
    lines = list(ndiff(before.splitlines(keepends=True), after.splitlines(keepends=True)))
    gone, new = ([one[2:] for one in lines if one.startswith(sign)] for sign in "-+")
    return gone, new


def is_part_of(lines: list[str], whole: list[str]) -> bool:
    """Tell whether lines stand in a text in this order, with others between them."""
    rest = iter(whole)
    return all(line in rest for line in lines)


# --- the files people have -------------------------------------------------------------------------


@files
def test_another_value_changes_its_line_and_no_other(file: File) -> None:
    text = text_of(file)
    found = leaves(values_of(text))
    assert len(found) > 20
    for path, _ in found:
        gone, new = difference(text, edited(text, {path: "something else"}))
        assert (len(gone), len(new)) == (1, 1), dotted(path)
        comment = gone[0].partition("#")[2]
        assert new[0].partition("#")[2] == comment
        assert new[0].startswith(gone[0][: len(gone[0]) - len(gone[0].lstrip())])


@files
def test_what_is_removed_takes_its_own_lines_only(file: File) -> None:
    text = text_of(file)
    lines = text.splitlines(keepends=True)
    sections = {
        path[:end] for path, _ in leaves(values_of(text)) for end in range(1, len(path) + 1)
    }
    for path in sections:
        after = edited(text, {path: None}).splitlines(keepends=True)
        gone, new = difference(text, "".join(after))
        if not new:
            assert is_part_of(after, lines)
        else:  # in braces, or beside a dash
            assert len(new) == 1
            assert is_part_of([*new[0]], [*"".join(gone)])
        above = [one for one in gone if one.lstrip().startswith("#")]
        assert len(path) == 1 or not above, "comments on lines of their own stay"


@files
def test_a_new_key_is_one_more_line(file: File) -> None:
    text = text_of(file)
    there = values_of(text)
    for parameter in catalogue().parameters:
        if "[]" in parameter.key:
            continue
        path = tuple(parameter.key.split("."))
        if _has(there, path):
            continue
        after = edited(text, {path: "new"})
        gone, new = difference(text, after)
        assert len(gone) <= 1  # in braces the line is another
        assert gone or is_part_of(text.splitlines(), after.splitlines())
        assert sum("new" in one for one in new) == 1


@files
def test_the_same_values_give_the_same_text(file: File) -> None:
    text = text_of(file)
    assert edited(text, {}) is text
    values = values_of(text)
    same = {path: _typed(value) for path, value in leaves(values)}
    assert edited(text, same) == text
    assert edited(text, {(name,): one for name, one in values.items()}) == text


def _has(data: Any, path: Path) -> bool:
    for step in path:
        if not isinstance(data, dict) or step not in data:
            return False
        data = data[step]
    return True


def _typed(text: str) -> object:
    """Return a value as a form may have it."""
    try:
        return float(text)
    except ValueError:
        return {"true": True, "on": True, "off": "off"}.get(text, text)


@files
def test_a_new_charging_point_and_its_end(file: File) -> None:
    text = text_of(file)
    points = values_of(text)["charging_points"]
    new = {"number": 9, "model": "keba_p30", "connection": {"host": "10.0.0.9"}}
    more = edited(text, {("charging_points", len(points)): new})
    assert difference(text, more)[0] == []
    assert values_of(more)["charging_points"][-1]["connection"] == {"host": "10.0.0.9"}
    assert edited(more, {("charging_points", len(points)): None}) == text


# --- ways to write a file ----------------------------------------------------------------------------

Changes = dict[Path, object]
LAYOUTS: dict[str, tuple[str, Changes, str]] = {
    "a comment before the next section belongs to it": (
        "knx:\n  link: none   # for now\n\n# --- two ---\nserial:\n  port: /x\n",
        {("knx", "gateway"): "10.0.0.1", ("knx", "link"): "tunnelling"},
        "knx:\n  link: tunnelling # for now\n  gateway: 10.0.0.1\n\n# --- two ---\nserial:\n  port: /x\n",
    ),
    "a comment stays when what stands before it goes": (
        "knx: {link: none}\n\n# --- two ---\nserial:\n  port: /x\n\n# --- three ---\n",
        {("knx",): None},
        "\n# --- two ---\nserial:\n  port: /x\n\n# --- three ---\n",
    ),
    "the last section goes, comments remain": (
        "# site\nserial:\n  port: /x  # line\n# end\n",
        {("serial", "port"): None},
        "# site\n# end\n",
    ),
    "aligned values": (
        "device:\n  name:      House\n  language:  de\n",
        {("device", "name"): "Yard"},
        "device:\n  name:      Yard\n  language:  de\n",
    ),
    "braces with spaces": (
        "device: { name: a,language:   de }\n",
        {("device", "time_zone"): "UTC"},
        "device: { name: a, time_zone: UTC,language:   de }\n",
    ),
    "braces over lines": (
        "device: {name: a,   # one\n  language: de,  # two\n}   # three\n",
        {("device", "name"): None, ("device", "language"): "en"},
        "device: {   # one\n  language: en,  # two\n}   # three\n",
    ),
    "the last in braces": (
        "device: {name: a,   # one\n  language: de}\n",
        {("device", "language"): None},
        "device: {name: a,   # one\n  }\n",
    ),
    "empty braces": ("knx: {}\n", {("knx", "link"): "none"}, "knx: {link: none}\n"),
    "list at the column of its key, four spaces": (
        "charging_points:\n- number: 1\n  connection:\n      host: a\n",
        {("charging_points", 1): {"number": 2, "connection": {"host": "b"}}},
        "charging_points:\n- number: 1\n  connection:\n      host: a\n"
        "- number: 2\n  connection:\n      host: b\n",
    ),
    "entries in braces": (
        "charging_points:\n  - {number: 1}\n",
        {("charging_points", 1, "number"): 2},
        "charging_points:\n  - {number: 1}\n  - {number: 2}\n",
    ),
    "the key beside the dash goes": (
        "charging_points:\n  - number: 1   # one\n    name: a\n",
        {("charging_points", 0, "number"): None},
        "charging_points:\n  - name: a\n",
    ),
    "a comment between stays": (
        "charging_points:\n  - number: 1   # one\n    # two\n    name: a\n",
        {("charging_points", 0, "number"): None},
        "charging_points:\n  - \n    # two\n    name: a\n",
    ),
    "a key comes beside the dash": (
        "charging_points:\n  - name: a\n",
        {("charging_points", 0, "number"): 1},
        "charging_points:\n  - number: 1\n    name: a\n",
    ),
    "entries are named as they stand before": (
        "charging_points:\n  - number: 1\n  - number: 2\n  - number: 3\n",
        {
            ("charging_points", 0): None,
            ("charging_points", 2, "number"): 7,
            ("charging_points", 1, "number"): None,
        },
        "charging_points:\n  - number: 7\n",
    ),
    "line ends and BOM": (
        "\ufeffknx:\r\n  link: none # c\r\ndevice: {name: a}\r\n",
        {("knx", "link"): "routing", ("knx", "gateway"): "a", ("device",): None},
        "\ufeffknx:\r\n  link: routing # c\r\n  gateway: a\r\n",
    ),
    "no line end at the end": ("knx:\n  link: none", {("knx", "gateway"): "a"}, "knx:\n  link: none\n  gateway: a"),
    "document marks": ("---\nknx:\n  link: none\n...\n", {("knx", "gateway"): "a"}, "---\nknx:\n  link: none\n  gateway: a\n...\n"),
    "an empty section": ("knx:   # later\n  # nothing\nserial: ~\n", {("knx", "link"): "none", ("serial", "port"): "/x"}, "knx:   # later\n  link: none\n  # nothing\nserial:\n  port: /x\n"),
    "an empty value": ("knx:\n  link:   # to be chosen\n", {("knx", "link"): "none"}, "knx:\n  link: none # to be chosen\n"),
    "quotes": ("device: {name: 'a', language: \"de\"}\n", {("device", "name"): "it's", ("device", "language"): "en"}, "device: {name: 'it''s', language: \"en\"}\n"),
    "a text over lines": ("device:\n  name: >-  # c\n    long\n    name\n\n# d\nknx: {link: none}\n", {("device", "name"): "short"}, "device:\n  name: short\n\n# d\nknx: {link: none}\n"),
    "the first section has a comment of its own": (
        "# The site.\n\n# how it is reached\nknx:\n  link: none\n",
        {("device", "name"): "a"},
        "# The site.\n\ndevice:\n  name: a\n\n# how it is reached\nknx:\n  link: none\n",
    ),
    "JSON": ('{"knx": {"link": "none"}}', {("knx", "link"): "routing", ("knx", "gateway"): "a"}, '{"knx": {"link": "routing", gateway: a}}'),
    "only comments": ("# to be written\n", {("knx", "link"): "none"}, "# to be written\nknx:\n  link: none\n"),
    "a section comes back to nothing": ("knx: {link: none}\n", {("knx", "link"): None}, ""),
    "nothing to remove": ("knx:\n  link: none\n", {("serial", "port"): None, ("charging_points", 0): None}, "knx:\n  link: none\n"),
    "an anchor elsewhere": (
        "knx: &k {link: none}\nserial: {port: /x}\n",
        {("serial", "port"): "/y"},
        "knx: &k {link: none}\nserial: {port: /y}\n",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYOUTS)
def test_layout_stays(name: str) -> None:
    before, changes, after = LAYOUTS[name]
    assert edited(before, changes) == after


def test_an_empty_text_becomes_a_file_in_the_order_of_the_product() -> None:
    keys = [one.key.replace("[]", ".0") for one in catalogue().parameters]
    paths = [tuple(int(step) if step == "0" else step for step in key.split(".")) for key in keys]
    text = edited("", dict.fromkeys(reversed(paths), "x"))
    written = [path for path, _ in leaves(values_of(text))]
    order = _first_places(paths)
    assert written == sorted(
        paths, key=lambda path: [order[path[: n + 1]] for n in range(len(path))]
    )
    assert text.startswith("device:\n  name: x\n")
    assert "\n\nknx:\n  link: x\n" in text


def _first_places(paths: list[Path]) -> dict[Path, int]:
    order: dict[Path, int] = {}
    for path in paths:
        for end in range(1, len(path) + 1):
            order.setdefault(path[:end], len(order))
    return order


# --- what a value means --------------------------------------------------------------------------------

TRAPS = (
    *("off", "on", "no", "yes", "Yes", "true", "False", "1/0/3", "231", "14.019", "0x10", "1_000"),
    *("12:30", "1e3", "0o17", "007", "+5", ".5", ".inf", ".nan", "-", "?", ":", "a: b", "a #b", "#a"),
    *("2024-01-01", "<<", "=", "*a", "&a", "!a", "%a", "@a", "`a", "[a]", "{a}", "a,b", "a]", "'a", '"a'),
    *("it's", 'say "a"', "a\\b", "Ä €", "😀", "a\nb", "a\tb", "\x07", "\x85", "\u2028", "\ufeffa", "a:"),
    *("10.0.0.1:502", "Null", "NULL", "nil", "---", "...", "a" * 500, " a", "a ", "--- a", "|", ">", "y"),
)  # fmt: skip
IN_PLACES = {
    "section": "device:\n  name: a   # c\n",
    "braces": "device: {name: a, language: de}\n",
    "single quotes": "device: {name: 'a'}\n",
    "double quotes": 'device:\n  name: "a"\n',
    "new": "",
    "new in braces": "device: {}",
}


@pytest.mark.parametrize("place", IN_PLACES)
def test_a_text_is_the_same_text_to_every_reader(place: str) -> None:
    for value in TRAPS:
        after = edited(IN_PLACES[place], {("device", "name"): value})
        assert values_of(after)["device"]["name"] == value, after
        assert yaml.safe_load(after)["device"]["name"] == value, after  # YAML 1.1 with its types


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *[(True, "true"), (False, "false"), (16, "16"), (0, "0"), (-5, "-5"), (10**15, "1" + "0" * 15)],
        *[(16.0, "16"), (6.5, "6.5"), (0.1 + 0.2, "0.3"), (1e-7, "0.0000001"), (1e16, "1" + "0" * 16)],
        *[(-0.25, "-0.25"), (100.0, "100"), (1 / 3, "0.333333333333333")],
    ],
)  # fmt: skip
def test_numbers_are_written_without_noise(value: object, text: str) -> None:
    assert edited("a: {b: x}", {("a", "b"): value}) == f"a: {{b: {text}}}"


@pytest.mark.parametrize(
    ("text", "value"),
    [("0x10", 16), ("16.0", 16.0), ("1.60e1", 16.0), ("On", True), ("no", False), ('"16"', 16)],
)
def test_another_notation_of_the_same_value_stays(text: str, value: object) -> None:
    assert edited(f"a: {text}", {("a",): value}) == f"a: {text}"


@pytest.mark.parametrize(
    ("text", "value"), [("1_000", 1000), ("16.0", 16), ("yes", 1), ("1", True)]
)
def test_what_the_reader_would_not_take_is_written_again(text: str, value: object) -> None:
    assert edited(f"a: {text}", {("a",): value}) != f"a: {text}"


# --- what is refused -------------------------------------------------------------------------------------

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{one}: &{one} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, one in zip("abcdefgh", "bcdefghi", strict=True)
)
ANY: Changes = {("knx", "link"): "none"}
REFUSED: dict[str, tuple[str, Changes, str]] = {
    "no YAML": ("knx: [\n", ANY, "not valid YAML"),
    "no mapping": ("- 1\n", ANY, "expected keys and values"),
    "a text": ("hello\n", ANY, "expected keys and values"),
    "two documents": ("a: 1\n---\nb: 2\n", ANY, "several YAML documents"),
    "too large": (f"# {'x' * LARGEST_FILE}\n", ANY, "too large"),
    "too deep": ("[" * (DEEPEST_NESTING + 1), ANY, "cannot be parsed"),
    "far too deep": ("[" * 100_000, ANY, "cannot be parsed"),
    "a bomb": (BOMB, ANY, "cannot be parsed"),
    "a list that contains itself": ("a: &a [*a]\n", ANY, "cannot be parsed"),
    "undefined alias": ("a: *b\n", ANY, "undefined alias"),
    "half a character": ("a: \ud800\n", ANY, "cannot be parsed"),
    "a section as key": ("{[a]: b}", ANY, "cannot be parsed"),
    "in an alias": ("a: &a {link: x}\nknx: *a\n", ANY, "knx cannot be edited here"),
    "in an anchor": ("knx: &a {link: x}\n", ANY, "knx cannot be edited here"),
    "an anchored value": ("knx: {link: &a x}\n", ANY, "knx.link cannot be edited here"),
    "an anchor below goes": ("knx: {link: &a x}\nb: *a\n", {("knx",): None}, "anchor"),
    "merge key": ("a: &a {x: y}\nknx: {<<: *a}\n", ANY, "knx cannot be edited here"),
    "given twice": ("knx: {link: a, link: b}\n", ANY, "knx.link cannot be edited here: it is given twice"),
    "a value with a section below": ("knx: none\n", ANY, "knx cannot be edited here"),
    "a section over a value": ("knx: none\n", {("knx",): {"link": "a"}}, "knx cannot be edited here"),
    "a key of a list": ("knx: [a]\n", ANY, "knx.link cannot be edited"),
    "no such entry": ("charging_points: [a]\n", {("charging_points", 2): "b"}, "charging_points[2] cannot"),
    "counted from behind": ("charging_points: [a]\n", {("charging_points", -1): "b"}, "charging_points[-1]"),
    "no such entry in a new list": ("", {("charging_points", 1): "b"}, "charging_points[1] cannot"),
    "unusual": ("knx:\n  ? link\n  : a\n", {("knx", "gateway"): "b"}, "knx.gateway cannot be edited here"),
    "a text that means nothing": ("", {("device", "name"): "~"}, "'~' means that nothing is given"),
    "no text": ("", {("device", "name"): ""}, "means that nothing is given"),
    "no number": ("", {("device", "name"): float("nan")}, "nan is not a number"),
    "half a character as value": ("", {("device", "name"): "\udc00"}, "cannot be shown"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_cause_and_remedy(name: str) -> None:
    text, changes, said = REFUSED[name]
    began_s = time.process_time()
    with pytest.raises(NotEditableError) as raised:
        edited(text, changes)
    assert time.process_time() - began_s < 1
    assert said in str(raised.value)
    assert raised.value.words.remedy("de", in_file=True) or "undefined" in said
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("value", [object(), b"x"])
def test_what_is_no_value_is_our_own_mistake(value: object) -> None:
    with pytest.raises(TypeError):
        edited("", {("device", "name"): value})


def test_a_path_names_something() -> None:
    with pytest.raises(ValueError, match="names a key"):
        edited("", {(): "x"})


def test_an_edit_takes_a_moment() -> None:
    text = max(map(text_of, FILES), key=len)
    changes = {path: f"{value}x" for path, value in leaves(values_of(text))[:10]}
    edited(text, changes)
    took_s = []
    for _ in range(3):
        began_s = time.process_time()
        edited(text, changes)
        took_s.append(time.process_time() - began_s)
    assert min(took_s) < 0.1


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("", {}),
        ("# nothing\n", {}),
        ("a: 35\nb: off\nc: 'no'\nd: ~\ne:\nf: 0x10\n", {"a": "35", "b": "off", "c": "no", "d": None, "e": None, "f": "0x10"}),
        ("a: [1/0/3, 2]\nb: {c: 1_000}\n", {"a": ["1/0/3", "2"], "b": {"c": "1_000"}}),
        ("a: &a {x: 1}\nb: *a\n", {"a": {"x": "1"}, "b": {"x": "1"}}),
        ("a: 1\na: 2\n", {"a": "1"}),
    ],
)  # fmt: skip
def test_values_are_texts_as_written(text: str, data: dict[str, Any]) -> None:
    assert values_of(text) == data
