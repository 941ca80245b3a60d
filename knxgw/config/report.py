"""Collects findings about one source of a configuration, with the line of each key; pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from knxgw.errors import Finding, Severity


def line_of(key: str, lines: Mapping[str, int]) -> int:
    """Return the line of a key, or of the nearest section around it."""
    while key:
        if key in lines:
            return lines[key]
        key = key[: max(key.rfind("."), key.rfind("["), 0)]
    return 1


@dataclass(slots=True, kw_only=True)
class Report:
    """The findings so far, and where each key stands.

    A key that does not stand in the file is reported where the section around it stands.
    """

    file: str
    lines: dict[str, int] = field(default_factory=dict)  # dotted key -> line, from 1
    findings: list[Finding] = field(default_factory=list)

    @property
    def has_errors(self) -> bool:
        """Tell whether anything stops the start so far."""
        return any(finding.severity is Severity.ERROR for finding in self.findings)

    def error(self, key: str, problem: str, remedy: str = "") -> None:
        """Note a mistake."""
        self._add(key, problem, remedy, Severity.ERROR)

    def warning(self, key: str, problem: str, remedy: str = "") -> None:
        """Note a risk."""
        self._add(key, problem, remedy, Severity.WARNING)

    def line(self, key: str) -> int:
        """Return the line of a key, or of the nearest section around it."""
        return line_of(key, self.lines)

    def _add(self, key: str, problem: str, remedy: str, severity: Severity) -> None:
        self.findings.append(
            Finding(
                file=self.file,
                line=self.line(key),
                key=key,
                problem=problem,
                remedy=remedy,
                severity=severity,
            )
        )
