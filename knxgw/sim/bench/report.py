"""A finished run as plain data, and as text for people."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from knxgw.catalogue.codes import Reason
from knxgw.sim.bench.judge import failures, probes
from knxgw.sim.bench.metrics import metrics
from knxgw.sim.bench.recording import Recording
from knxgw.sim.bench.runner import Run
from knxgw.sim.bench.scenario import Scenario

NO_CODE = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a run of a scenario came to."""

    scenario: str
    about: str
    failures: tuple[str, ...]
    expectations: int
    metrics: Mapping[str, object]
    timeline: tuple[Mapping[str, Any], ...]

    @property
    def passed(self) -> bool:
        """Tell whether everything was as expected."""
        return not self.failures


def run_scenario(scenario: Scenario) -> Result:
    """Run a scenario and judge it."""
    recording = Run(scenario, probes(scenario)).run()
    return Result(
        scenario=scenario.name,
        about=scenario.about,
        failures=tuple(failures(scenario, recording)),
        expectations=len(scenario.expectations),
        metrics=metrics(scenario, recording),
        timeline=tuple(_rows(recording)),
    )


def as_json(results: list[Result]) -> str:
    """Return the results as JSON: a list of {scenario, passed, failures, metrics, timeline}."""
    rows = [
        {
            "scenario": one.scenario,
            "passed": one.passed,
            "failures": list(one.failures),
            "metrics": one.metrics,
            "timeline": list(one.timeline),
        }
        for one in results
    ]
    return json.dumps(rows, ensure_ascii=False, indent=1)


def _rows(recording: Recording) -> Iterator[dict[str, Any]]:
    """Give a row for every moment at which something that people look at changed."""
    moments = {0.0, recording.ended_at, *(at for at in recording.happenings if at >= 0)}
    for log in recording.points:
        moments |= {at_s for at_s, _ in log.offers.changes(0.0, recording.ended_at)}
    moments |= {fault.changed_at for fault in recording.faults if fault.changed_at >= 0}
    for (_, key), line in recording.objects.items():
        if key == "state":
            moments |= {at_s for at_s, _ in line.changes(0.0, recording.ended_at)}
    numbers = range(1, len(recording.points) + 1)
    for at_s in sorted(moments):
        yield {
            "at_s": round(at_s, 3),
            "offers_a": [log.offers.at(at_s) / 1000 for log in recording.points],
            "draws_a": [round(log.draw.at(at_s) / 1000, 2) for log in recording.points],
            "load_a": [round(curve.at(at_s) / 1000, 2) for curve in recording.load],
            "states": [recording.object_at(number, "state", at_s) for number in numbers],
            "reasons": [_reason(recording.object_at(n, "reason", at_s)) for n in numbers],
            "faults": _faults(recording, at_s),
        }


def _reason(value: object) -> str:
    return Reason(value).name.lower() if isinstance(value, int) else NO_CODE


def _faults(recording: Recording, at_s: float) -> list[str]:
    present: dict[tuple[int, str], bool] = {}
    for fault in recording.faults:
        if fault.changed_at <= at_s:
            present[fault.point, fault.code.value] = fault.present
    return [
        f"CP{point} {code}" if point else code for (point, code), is_so in present.items() if is_so
    ]


# --- for people ----------------------------------------------------------------------------------


def as_text(result: Result) -> str:
    """Return the verdict, the timeline as a table, and the figures."""
    head = f"{result.scenario}: {'passed' if result.passed else 'FAILED'}"
    lines = [f"{head}, {result.expectations} expectations", f"  {result.about}"]
    lines += [f"  failed: {failure}" for failure in result.failures]
    lines += ["", *_table(result), "", *_figures(result.metrics)]
    return "\n".join(lines)


def _table(result: Result) -> Iterator[str]:
    yield f"{'time':>9}  {'offers A':<24} {'line A':<20} {'states':<12} reasons, faults"
    for row in result.timeline:
        offers = "/".join(f"{ma:g}" for ma in row["offers_a"])
        load = "/".join(f"{ma:.1f}" for ma in row["load_a"])
        states = "/".join("-" if state is None else str(state) for state in row["states"])
        words = " ".join([*_short(row["reasons"]), *(f"[{fault}]" for fault in row["faults"])])
        yield f"{row['at_s']:>8.1f}s  {offers:<24} {load:<20} {states:<12} {words}".rstrip()


def _short(reasons: list[str]) -> list[str]:
    """Return reasons that are the same for all once."""
    return reasons[:1] if len(set(reasons)) == 1 else reasons


def _figures(values: Mapping[str, object]) -> Iterator[str]:
    for name, value in values.items():
        shown = value
        if isinstance(value, Mapping):
            shown = ", ".join(f"{key} {one}" for key, one in value.items())
        elif isinstance(value, list):
            shown = " / ".join(map(str, value))
        yield f"  {name:<24} {shown}"
