"""Reads the configuration file: every mistake at once, each with its line and a remedy."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import yaml

from knxgw.catalogue.messages import Message, message
from knxgw.catalogue.product import Catalogue
from knxgw.catalogue.yaml_loader import Loader
from knxgw.catalogue.yaml_tree import Node, parse_tree
from knxgw.config.assemble import assembled
from knxgw.config.check_files import check_files, warn_about_readers
from knxgw.config.model import Configuration, ConfigurationSource
from knxgw.config.report import Report
from knxgw.config.schema import GROUP_OBJECTS, build_schema
from knxgw.config.values import read_values
from knxgw.config.yaml_links import read_group_objects
from knxgw.config.yaml_places import YamlPlaces
from knxgw.config.yaml_values import YamlFile, YamlSection
from knxgw.errors import FileLine, Finding, Severity, Worded

LARGEST_FILE = 1_000_000  # bytes; a site needs a few thousand
DEEPEST_NESTING = 50  # levels; a site needs six


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedConfiguration:
    """What a file says. `configuration` is None if the file must be corrected before a start."""

    configuration: Configuration | None
    findings: tuple[Finding, ...]  # by line; faults of the configuration are errors here too
    places: YamlPlaces
    understood: Configuration | None = (
        None  # also of a file with mistakes; None: it has no keys and values
    )

    def finding(self, key: str, words: Worded, severity: Severity = Severity.ERROR) -> Finding:
        """Return a finding of somebody else about a key of this file."""
        return Finding(place=self.places.place(key), words=words, severity=severity)

    def located(self, finding: Finding) -> Finding:
        """Return a finding about a key with the place of the key in this file."""
        return replace(finding, place=self.places.place(finding.place.key))


def load_configuration(
    path: Path, catalogue: Catalogue, *, is_offline: bool = False
) -> LoadedConfiguration:
    """Read a configuration file; anything wrong with it becomes a finding.

    `is_offline`: the files it names may be on another machine.
    """
    return read_configuration(path, catalogue, is_offline=is_offline).loaded


class ReadFile(NamedTuple):
    """The text of a configuration file, "" where it cannot be read, and what it says."""

    text: str
    loaded: LoadedConfiguration


def read_configuration(path: Path, catalogue: Catalogue, *, is_offline: bool = False) -> ReadFile:
    """Return the text of a configuration file, and what it says.

    A file that cannot be read, is too large or no UTF-8 has a finding and no configuration.
    """
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
        text = data.decode("utf-8-sig") if len(data) <= LARGEST_FILE else None
    except OSError as err:
        words = message("file_unreadable", reason=err.strerror or str(err))
        return ReadFile("", _unreadable(path, words))
    except UnicodeDecodeError as err:
        line = err.object[: err.start].count(b"\n") + 1
        return ReadFile("", _unreadable(path, message("file_not_utf8"), line))
    if text is None:
        return ReadFile("", _unreadable(path, message("file_too_large")))
    loaded = parse_configuration(
        text, catalogue, name=str(path), directory=path.parent, is_offline=is_offline
    )
    return ReadFile(text, loaded)


def parse_configuration(
    text: str,
    catalogue: Catalogue,
    *,
    name: str = "configuration",
    directory: Path | None = None,
    is_offline: bool = False,
) -> LoadedConfiguration:
    """Read the text of a configuration file; relative paths in it start at `directory`.

    `is_offline`: the files it names may be on another machine.
    """
    places = YamlPlaces(file=name)
    report = Report(places.place)
    root = _parse(text, name, report)
    if root is None or not root.is_mapping:
        if root is not None:
            report.error("", "expected_site")
        return LoadedConfiguration(
            configuration=None, findings=_in_order(report), places=YamlPlaces(file=name)
        )
    schema = build_schema(catalogue.parameters)
    file = YamlFile(
        catalogue=catalogue, report=report, places=places, directory=directory or Path()
    )
    values = read_values(schema, YamlSection(file, schema, root), catalogue, report)
    links = read_group_objects(root.get(GROUP_OBJECTS), file)
    if not is_offline:
        check_files(file.named_files, report)
    warn_about_readers(file.named_files, report)
    found = assembled(values, links, catalogue, report, source=ConfigurationSource.FILE)
    return LoadedConfiguration(
        configuration=found.configuration,
        understood=found.understood,
        findings=_in_order(report),
        places=places,
    )


def _in_order(report: Report) -> tuple[Finding, ...]:
    """Return the findings by line."""
    return tuple(sorted(report.findings, key=lambda finding: finding.line))


def _parse(text: str, name: str, report: Report) -> Node | None:
    """Return the located tree, or None with a finding."""
    try:
        if not _is_too_deep(text):
            return parse_tree(text, report, name=name)
    except (RecursionError, UnicodeError):
        pass  # lone surrogates, a key that contains itself
    report.error("", "yaml_cannot_be_parsed")
    return None


def _is_too_deep(text: str) -> bool:
    """Tell whether levels nest deeper than the YAML library can compose (it would crash)."""
    depth = 0
    try:
        for event in yaml.parse(text, Loader=Loader):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            if depth > DEEPEST_NESTING:
                return True
    except yaml.YAMLError:
        return False  # the parser says what is wrong, and where
    return False


def _unreadable(path: Path, words: Message, line: int = 1) -> LoadedConfiguration:
    """Return the result for a file that cannot be read as a configuration."""
    finding = Finding(place=FileLine(str(path), line, ""), words=words)
    return LoadedConfiguration(
        configuration=None, findings=(finding,), places=YamlPlaces(file=str(path))
    )
