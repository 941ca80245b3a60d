"""Compares a run with what was expected of it. Pure."""

import math
from collections.abc import Iterable

from knxgw.sim.bench.expectation import (
    Expectation,
    GatewayHas,
    GatewayMeasures,
    OffersAre,
    When,
)
from knxgw.sim.bench.judge_at import EARLY_S, differ, moments, wrong_at, wrong_within
from knxgw.sim.bench.judge_over import WHOLE, wrong_over
from knxgw.sim.bench.recording import Recording
from knxgw.sim.bench.scenario import Scenario


def probes(scenario: Scenario) -> tuple[float, ...]:
    """Return the moments at which the inside of the gateway is looked at."""
    inside = (GatewayMeasures, GatewayHas)
    wanted = [one for one in scenario.expectations if isinstance(one.subject, inside)]
    return tuple(min(one.ends_at + one.late_s, scenario.duration_s) for one in wanted)


def failures(scenario: Scenario, recording: Recording) -> list[str]:
    """Return in words what was not as expected, and the invariants that did not hold."""
    found = []
    for expectation in scenario.expectations:
        problem = _judge(scenario, recording, expectation)
        if problem is not None:
            found.append(f"line {expectation.line}: {expectation.words}: {problem}")
    found += [
        f"invariant {one.invariant} at {one.found_at:.1f} s: {one.words}"
        for one in recording.violations
    ]
    return found


def _judge(scenario: Scenario, recording: Recording, expectation: Expectation) -> str | None:
    """Return what is wrong, None: nothing."""
    subject = expectation.subject
    from_s, to_s = _times(recording, expectation)
    if expectation.when is When.BECOMES:
        return _becomes(recording, expectation, from_s, to_s)
    if isinstance(subject, WHOLE):
        start_s = (
            from_s if expectation.when in (When.DURING, When.BETWEEN) else recording.started_at
        )
        return wrong_over(scenario, recording, subject, start_s, to_s)
    if expectation.when is When.DURING:
        return wrong_within(recording, subject, from_s, to_s)
    if expectation.when is When.BETWEEN and (problem := _too_early(recording, expectation)):
        return problem
    return _reached(recording, expectation, from_s, to_s)


def _too_early(recording: Recording, expectation: Expectation) -> str | None:
    """Return that something held before the first moment.

    Where it may come earlier than stated, it is not so at some moment from then on.
    """
    if not math.isfinite(expectation.begins_at):
        return None
    before_s = expectation.begins_at - EARLY_S
    first_s = before_s - expectation.early_s
    looked_at = moments(recording, expectation.subject, first_s, before_s)
    if any(wrong_at(recording, expectation.subject, at_s) for at_s in looked_at):
        return None
    return f"held before {expectation.begins_at - expectation.early_s:g} s"


def _becomes(
    recording: Recording, expectation: Expectation, from_s: float, to_s: float
) -> str | None:
    """Return that something did not become so, or did not stay so."""
    subject, until_s = expectation.subject, expectation.stays_until
    end_s = recording.ended_at if until_s >= recording.ended_at else until_s - expectation.early_s
    if problem := _too_early(recording, expectation):
        return problem
    if end_s < to_s:  # as it may come later, there is no time left in which it must stay
        return _reached(recording, expectation, max(from_s, recording.started_at), to_s)
    return wrong_within(recording, subject, to_s, end_s)


def _times(recording: Recording, expectation: Expectation) -> tuple[float, float]:
    """Return from when to when to look, with what may happen earlier or later than stated."""
    early_s, late_s = expectation.early_s, expectation.late_s
    from_s, to_s = expectation.begins_at, expectation.ends_at
    if expectation.when is not When.DURING:
        return from_s - early_s, min(to_s + late_s, recording.ended_at)
    is_open = to_s >= recording.ended_at
    return (from_s + late_s if from_s else from_s), (to_s if is_open else to_s - early_s)


def _reached(
    recording: Recording, expectation: Expectation, from_s: float, to_s: float
) -> str | None:
    """Return what is wrong at the end of a time; where it may move, some moment will do."""
    subject = expectation.subject
    looked_at: Iterable[float] = (to_s,)
    if to_s > expectation.ends_at or from_s < expectation.begins_at:
        looked_at = [to_s, *moments(recording, subject, from_s, to_s)]
    problems = [wrong_at(recording, subject, at_s) for at_s in looked_at]
    if all(problems):
        return problems[0]
    if expectation.when is not When.BY or not isinstance(subject, OffersAre):
        return None
    limits = [[log.limits.at(at_s) for log in recording.points] for at_s in looked_at]
    wanted, tolerance_ma = subject.offers_ma, subject.tolerance_ma
    problems = [differ(one, wanted, tolerance_ma, "the chargers announce") for one in limits]
    return problems[0] if all(problems) else None
