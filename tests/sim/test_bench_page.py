"""The page about the bench: what it shows is so. Every example of it is run, or read."""

import re
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from knxgw.dlm.settings import Settings
from knxgw.sim.bench import read_expectations, read_happenings, read_scenario
from knxgw.sim.bench.read_scenario import parse_scenario
from knxgw.sim.bench.read_settings import read_settings
from knxgw.sim.bench.report import run_scenario
from tools.pages.bench import with_output

PAGE = Path(__file__).parents[2] / "docs/bench.md"
TEXT = PAGE.read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
SNIPPETS = sorted(set(re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL))))
SITE = "duration_s: 3000\npoints: 2\n"


def text_of(snippet: str) -> str | None:
    """Return a scenario with what an example in a line says; None: it is no such example."""
    try:
        found = yaml.safe_load(snippet)
    except yaml.YAMLError:
        return None
    if not isinstance(found, dict) or None in found.values():
        return None
    keys, text = set(found), None
    if snippet.startswith("{"):
        if "at" in keys and keys & set(read_happenings._READERS):
            text = f"{SITE}events: [{snippet}]"
        elif keys & set(read_expectations._READERS):
            text = f"{SITE}expect: [{snippet}]"
    elif keys == {"car"} and isinstance(found["car"], dict):
        text = f"points: [{{{snippet}}}]"
    elif keys <= {*read_scenario._KEYS} and snippet.endswith(("}", "]")):
        text = snippet if "points" in keys else f"points: 2\n{snippet}"
    return text


IN_A_LINE = [text for text in map(text_of, SNIPPETS) if text]


@pytest.mark.parametrize("text", EXAMPLES)
def test_an_example_goes_as_expected(text: str) -> None:
    scenario = parse_scenario(text)
    assert scenario.about
    assert scenario.expectations
    assert run_scenario(scenario).failures == ()


def test_there_is_an_example_for_each_task_and_they_are_short() -> None:
    assert len(EXAMPLES) >= 10
    assert all(len(text.splitlines()) <= 15 for text in EXAMPLES)


def test_what_an_example_prints_is_what_the_page_shows() -> None:
    assert "```text\nboiler: passed" in TEXT
    assert with_output(TEXT) == TEXT, "run `make generate`"


@pytest.mark.parametrize("text", IN_A_LINE)
def test_an_example_in_a_line_can_be_read(text: str) -> None:
    assert parse_scenario(text).points


def test_there_are_many_of_them() -> None:
    assert len(IN_A_LINE) >= 60


def test_the_page_names_every_number_of_load_management_with_its_default() -> None:
    named = set(re.findall(r"`([a-z_]+)`", TEXT))
    scenario = parse_scenario("settings: {restart_s: 1}")
    assert scenario.settings == {"restart_s": 1.0}
    elsewhere = set(read_settings.__globals__["_NOT_HERE"])
    own = {one.name: one.default for one in fields(Settings) if one.name not in elsewhere}
    assert own.keys() <= named
    for row in re.findall(r"^\| ((?:`[a-z_]+`(?:, )?)+) \|[^|]*\| ([^|]+) \|$", TEXT, re.MULTILINE):
        names = re.findall(r"`([a-z_]+)`", row[0])
        if not set(names) <= own.keys():
            continue
        words = ["off" if own[name] is False else f"{own[name]:g}" for name in names]
        assert row[1] == ", ".join(words)
