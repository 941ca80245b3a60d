"""Scenarios of load management: run, printed, judged."""

from collections.abc import Sequence
from pathlib import Path

import click

from knxgw.errors import ConfigError
from knxgw.sim.bench.read_scenario import load_scenario
from knxgw.sim.bench.report import as_json as results_as_json
from knxgw.sim.bench.report import as_text, run_scenario
from knxgw.sim.bench.scenario import Scenario


def run_bench(paths: Sequence[Path], *, as_json: bool) -> int:
    """Run scenario files and print what came of them; return the exit status.

    All files are read before the first one runs: 2 if one of them is faulty.
    """
    scenarios = _scenarios(paths)
    if scenarios is None:
        return 2
    results = []
    for scenario in scenarios:
        results.append(run_scenario(scenario))
        if not as_json:
            click.echo(as_text(results[-1]) + "\n")
    if as_json:
        click.echo(results_as_json(results))
    return 0 if all(result.passed for result in results) else 1


def _scenarios(paths: Sequence[Path]) -> list[Scenario] | None:
    """Return the scenarios of some files; None, and every mistake is printed, if one is faulty."""
    scenarios, faulty = [], False
    for path in paths:
        try:
            scenarios.append(load_scenario(path))
        except ConfigError as err:
            faulty = True
            for finding in err.findings:
                click.echo(str(finding), err=True)
    return None if faulty else scenarios
