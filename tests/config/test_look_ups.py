"""Every look-up of a value names a parameter of its type, and every finding a key that exists.

A look-up of what is no parameter raises an error; here every one of them is carried out.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from knxgw.catalogue.load import catalogue
from knxgw.config.load import parse_configuration
from knxgw.config.schema import build_schema
from knxgw.config.values import Values
from knxgw.errors import Severity
from tests.config.sites import HOME, points, read
from tests.config.test_faults_and_warnings import WARNINGS
from tests.config.test_manual_meter import MISTAKES as WRONG_METERS
from tests.config.test_manual_meter import SMART_METER
from tests.config.test_manual_meter import site as meter_site
from tests.config.test_meter_ratio import site as rated_site
from tests.config.test_mistakes import MISTAKES
from tests.config.test_values_and_defaults import EXAMPLE
from tests.support.everything import EVERYTHING_BOX, models

ROOT = Path(__file__).parents[2]
ROOM = ROOT / "knxgw" / "config"
LOOK_UPS = {
    *("number", "optional_number", "integer", "optional_integer"),
    *("thousandths", "optional_thousandths", "text", "optional_text", "model", "endpoint"),
    *("is_given", "is_wrong", "key_of"),
}


class Site(NamedTuple):
    """A call in the program."""

    file: str
    first_line: int
    last_line: int


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Yield the calls of methods in the modules that make a configuration."""
    for path in sorted(ROOM.glob("*.py")):
        if path.name == "values.py" or path.name.startswith("yaml_"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                yield path.name, node


def look_ups() -> set[Site]:
    """Return where a value is looked up."""
    return {
        Site(file, node.lineno, node.end_lineno or node.lineno)
        for file, node in calls()
        if isinstance(node.func, ast.Attribute)
        and node.func.attr in LOOK_UPS
        and len(node.args) == 1
    }


def texts() -> Iterator[str]:
    """Yield files that have everything, right and wrong."""
    yield EXAMPLE
    for path in sorted((ROOT / "examples").glob("*.yaml")):
        yield path.read_text(encoding="utf-8")
    for text, _ in (*WARNINGS.values(), *MISTAKES.values()):
        yield text
    for manual, _ in WRONG_METERS.values():
        yield meter_site(manual)
    for model in ("abb_b23_b24_a43", "chint_dtsu666", "sbc_ale3"):  # every kind of transformers
        yield rated_site(model, "ratio: 40, ")
        yield rated_site(model)
    yield SMART_METER.replace("{MANUAL}", "{function: 4, current: {type: f32, l1: 0}}")
    yield HOME.replace("192.168.1.10", "192.168.1.10, keyring: /none.knxkeys")
    yield HOME + "load_management: {mode: dynamic, fuse_a: 35, smart_meter: {ratio: 2}}\n"


def too_low_for_its_model() -> list[str]:
    """Return the mistakes of a site whose minimum is below what the model can be told."""
    catalogue = models(EVERYTHING_BOX.replace("minimum_a: 6", "minimum_a: 8"))
    text = points("number: 1, model: everything_box, connection: {host: 10.0.0.1}")
    loaded = parse_configuration(text, catalogue, name="site.yaml")
    assert loaded.configuration is None
    return [str(one) for one in loaded.findings if one.severity is Severity.ERROR]


def test_a_minimum_below_that_of_the_model_is_a_mistake() -> None:
    assert too_low_for_its_model() == [
        "site.yaml:3: error: charging_points[0].minimum_a: 6 A is below the lowest setpoint of "
        "everything_box; at least 8 A"
    ]


def test_every_look_up_names_a_parameter_of_its_type(monkeypatch: pytest.MonkeyPatch) -> None:
    used: set[tuple[str, int]] = set()

    def spied(name: str) -> None:
        look_up = getattr(Values, name)

        def spy(values: Values, parameter: str) -> object:
            frame = sys._getframe(1)
            used.add((Path(frame.f_code.co_filename).name, frame.f_lineno))
            return look_up(values, parameter)

        monkeypatch.setattr(Values, name, spy)

    for name in LOOK_UPS:
        spied(name)
    for text in texts():
        read(text)
    too_low_for_its_model()
    never = [
        f"{site.file}:{site.first_line}"
        for site in sorted(look_ups())
        if not any((site.file, n) in used for n in range(site.first_line, site.last_line + 1))
    ]
    assert never == [], "nothing of these texts gets there"


def test_a_name_that_is_no_parameter_and_a_wrong_type_are_errors() -> None:
    section = build_schema(catalogue().parameters).sections["load_management"]
    values = Values("load_management", section, is_present=False)
    for look_up in (values.optional_number, values.optional_text, values.is_given, values.key_of):
        with pytest.raises(KeyError):
            look_up("reserve")
    with pytest.raises(TypeError):
        values.text("reserve_a")
    with pytest.raises(TypeError):
        values.number("mode")


def known_keys() -> set[str]:
    """Return the keys of all parameters and sections, without their indices."""
    keys = {"group_objects"}
    for parameter in catalogue().parameters:
        steps = parameter.key.replace("[]", "").split(".")
        keys |= {".".join(steps[: n + 1]) for n in range(len(steps))}
    return keys


def test_every_finding_is_about_a_key_that_exists() -> None:
    known = known_keys()
    said = 0
    for file, node in calls():
        if not (isinstance(node.func, ast.Attribute) and node.func.attr in {"error", "warning"}):
            continue
        match node.args[0]:
            case ast.Constant(value=str(key)) if key:
                assert key in known, f"{file}:{node.lineno}"
                said += 1
            case ast.JoinedStr(values=[*_, ast.Constant(value=end)]):
                ends = re.sub(r"^\.", "", str(end))
                assert any(one.endswith(f".{ends}") for one in known), f"{file}:{node.lineno}"
                said += 1
            case _:
                pass
    assert said > 10
