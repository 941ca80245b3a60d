"""`knxgw check`: what would a start say to this file?"""

from collections.abc import Sequence
from pathlib import Path

import click

from knxgw.errors import Finding, Severity
from knxgw.judgement import judge_file


def check_file(file: Path, state: Path | None, *, offline: bool) -> bool:
    """Print every finding; tell whether there is no error."""
    judgement = judge_file(file, state, offline=offline)
    return report(judgement.findings, [f"(--offline): {what}" for what in judgement.left_out])


def report(findings: Sequence[Finding], left_out: Sequence[str]) -> bool:
    """Print findings, what was not checked, and the conclusion; tell whether there is no error."""
    for finding in findings:
        click.echo(str(finding))
    for what in left_out:
        click.echo(f"not checked {what}")
    found = [finding.severity for finding in findings]
    errors = found.count(Severity.ERROR)
    if errors:
        click.echo(f"{errors} error{'s' if errors > 1 else ''}, the file must be corrected")
        return False
    click.echo("good, with warnings" if Severity.WARNING in found else "good")
    return True
