"""A second source gives the same configuration as a file, through the same assembly."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import Phase, given, settings

from knxgw.catalogue.load import catalogue
from knxgw.catalogue.messages import Message
from knxgw.config.assemble import assemble
from knxgw.config.load import parse_configuration
from knxgw.config.model import Configuration, ConfigurationSource
from knxgw.config.not_allowed import NotAllowedError
from knxgw.config.report import Report, parameter_and_entry
from knxgw.config.schema import build_schema
from knxgw.config.values import read_values
from knxgw.errors import EtsParameter, Finding, Severity
from tests.config import test_faults_and_warnings, test_values_and_defaults
from tests.config.random_sites import sites
from tests.support.ets_memory import EtsMemory, EtsSection

ROOT = Path(__file__).parents[2]
FILES = [*sorted((ROOT / "examples").glob("*.yaml")), ROOT / "docs/config-example.yaml"]
TEXTS = {
    "the example of the design": test_values_and_defaults.EXAMPLE,
    **{name: text for name, (text, _) in test_faults_and_warnings.WARNINGS.items()},
}
del TEXTS["an address given twice"]  # a table of ETS has each once


def from_file(text: str) -> tuple[Configuration | None, tuple[Finding, ...]]:
    """Return what the reader of files makes of a text."""
    loaded = parse_configuration(text, catalogue(), is_offline=True)
    return loaded.configuration, loaded.findings


def from_ets(site: dict[str, Any]) -> tuple[Configuration | None, tuple[Finding, ...]]:
    """Return what the numbers of a memory give."""
    memory = EtsMemory.of(site, catalogue())
    numbers = {one.key: one.ets_id for one in catalogue().parameters}

    def place(key: str) -> EtsParameter:
        parameter, entry = parameter_and_entry(key)
        return EtsParameter(numbers.get(parameter), entry, key)

    report = Report(place)
    source = EtsSection(memory.values(), catalogue())
    values = read_values(build_schema(catalogue().parameters), source, catalogue(), report)
    links = memory.group_objects()
    ets = ConfigurationSource.ETS
    found = assemble(values, links, catalogue(), report, source=ets)
    return found, tuple(report.findings)


def what(finding: Finding) -> tuple[str, str, Severity]:
    """Return about what a finding is, and what it says, wherever that stands."""
    assert isinstance(finding.words, Message)
    return finding.key, finding.words.id, finding.severity


def assert_same(text: str) -> Configuration | None:
    """Compare both sources; return the configuration."""
    wanted, said_of_file = from_file(text)
    found, said_of_ets = from_ets(yaml.load(text, Loader=yaml.BaseLoader))  # noqa: S506 - texts only
    if wanted is None:
        assert found is None
        return None
    assert found == replace(wanted, source=ConfigurationSource.ETS)
    assert sorted(map(what, said_of_ets)) == sorted(map(what, said_of_file))
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_shipped_file_means_the_same_as_the_numbers_of_ets(path: Path) -> None:
    assert assert_same(path.read_text(encoding="utf-8")) is not None


@pytest.mark.parametrize("text", TEXTS.values(), ids=list(TEXTS))
def test_a_site_of_the_tests_means_the_same_as_the_numbers_of_ets(text: str) -> None:
    assert assert_same(text) is not None


@pytest.mark.long
def test_sites_drawn_at_random_mean_the_same_as_the_numbers_of_ets() -> None:
    runnable = 0

    @settings(max_examples=200, phases=(Phase.explicit, Phase.generate))
    @given(sites())
    def same(site: dict[str, Any]) -> None:
        nonlocal runnable
        runnable += assert_same(json.dumps(site)) is not None

    same()
    assert runnable >= 100, "else nothing was compared"


def test_what_ets_could_not_keep_is_not_compared() -> None:
    with pytest.raises(NotAllowedError):
        EtsMemory.of({"device": {"alive_cycle_s": "1"}}, catalogue())
