"""Reads the configuration file: every mistake at once, each with its line and a remedy."""

from dataclasses import dataclass, replace
from pathlib import Path

from knxgw.catalogue.model import Catalogue
from knxgw.catalogue.yaml_tree import Node, Problems, parse_tree
from knxgw.config.build import build_draft
from knxgw.config.check import check_draft
from knxgw.config.group_objects import read_group_objects
from knxgw.config.model import Configuration
from knxgw.config.report import Report
from knxgw.config.schema import GROUP_OBJECTS, build_schema
from knxgw.config.values import ValuesReader
from knxgw.errors import Finding

LARGEST_FILE = 1_000_000  # bytes; a site needs a few thousand


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedConfiguration:
    """What a file says. `configuration` is None if the file must be mended before a start."""

    configuration: Configuration | None
    findings: tuple[Finding, ...]  # by line; faults of the configuration are errors here too


def load_configuration(path: Path, catalogue: Catalogue) -> LoadedConfiguration:
    """Read a configuration file; anything wrong with it becomes a finding."""
    try:
        data = path.read_bytes()
        text = data.decode("utf-8-sig") if len(data) <= LARGEST_FILE else None
    except OSError as err:
        return _unreadable(path, f"cannot be read: {err.strerror}", "check its name and rights")
    except UnicodeDecodeError as err:
        line = err.object[: err.start].count(b"\n") + 1
        return _unreadable(path, "is not UTF-8 text", "save it as UTF-8", line)
    if text is None:
        return _unreadable(path, "is too large for a configuration", "name another file")
    return parse_configuration(text, catalogue, name=str(path), directory=path.parent)


def parse_configuration(
    text: str, catalogue: Catalogue, *, name: str = "configuration", directory: Path | None = None
) -> LoadedConfiguration:
    """Read the text of a configuration file; relative paths in it start at `directory`."""
    report = Report(file=name)
    root = _parse(text, report)
    if root is None:
        return LoadedConfiguration(configuration=None, findings=tuple(report.findings))
    schema = build_schema(catalogue.parameters)
    values = ValuesReader(catalogue, report).read(schema, root, extra=(GROUP_OBJECTS,))
    links = root.get(GROUP_OBJECTS) if root.is_mapping else None
    draft = build_draft(
        values,
        read_group_objects(links, catalogue, report),
        catalogue=catalogue,
        report=report,
        directory=directory or Path(),
    )
    must_be_mended = report.has_errors
    faults = check_draft(draft, catalogue, report)
    findings = tuple(sorted(report.findings, key=lambda finding: finding.line))
    configuration = replace(draft.configuration, faults=faults)
    return LoadedConfiguration(
        configuration=None if must_be_mended else configuration, findings=findings
    )


def _parse(text: str, report: Report) -> Node | None:
    """Return the located tree, or None with a finding."""
    problems = Problems()
    problems.findings = report.findings
    try:
        return parse_tree(text, problems, name=report.file)
    except (RecursionError, UnicodeError):
        report.error("", "not valid YAML: it cannot be parsed", "check brackets and characters")
        return None


def _unreadable(path: Path, problem: str, remedy: str, line: int = 1) -> LoadedConfiguration:
    finding = Finding(file=str(path), line=line, key="", problem=problem, remedy=remedy)
    return LoadedConfiguration(configuration=None, findings=(finding,))
