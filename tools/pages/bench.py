"""Writes what the examples of docs/bench.md print, once more: `python -m tools.pages.bench docs/bench.md`.

A block of output stands behind the scenario that prints it; the name of its file is in the text before.
"""

import re
import sys
from pathlib import Path

from knxgw.sim.bench.read_scenario import parse_scenario
from knxgw.sim.bench.report import as_text, run_scenario

_SHOWN = re.compile(
    r"`(?P<name>\w+)\.yaml`:\n\n```yaml\n(?P<scenario>.*?)```\n(?P<between>.*?)```text\n.*?```",
    re.DOTALL,
)


def with_output(page: str) -> str:
    """Return the page with the output that its examples have now. Raises: ConfigError."""
    return _SHOWN.sub(_shown, page)


def _shown(example: re.Match[str]) -> str:
    scenario = parse_scenario(example["scenario"], example["name"])
    text = as_text(run_scenario(scenario))
    head = example[0].partition("```text\n")[0]
    return f"{head}```text\n{text}\n```"


def main() -> None:
    """Write the page that is named on the command line, with what its examples print now."""
    path = Path(sys.argv[1])
    path.write_text(with_output(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
