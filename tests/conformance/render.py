"""Writes `docs/conformance.md`: each promise and the tests that prove it."""

from collections.abc import Iterable, Mapping, Sequence

from knxgw.catalogue.model import ObjectDefinition
from tests.conformance.rules import Row, Section, row_of

_INTRODUCTION = """\
<!-- Made by `make generate` from tests/conformance/rules.yaml, product_db/objects.yaml and the
`proves` marks of the tests: change those, not this page. -->

# Conformance

What the product promises, and the test that proves it. A row marked *open* waits for what stands
behind it; any other row without a test fails the build. Sections are those of the product
specification ([spec](sources.md#spec)), D rows those of the load management specification
([dlm](sources.md#dlm)). The budgets of the design are measured by `make bench`:
[performance.md](performance.md).

## Group objects

Number at charging point 1 (+ 50 for each further one, of our own objects + 10), and the table of
the manual ([reference-manual](sources.md#reference-manual)) that defines the object. Table 23 are
the values of GO 50, rows 3.1 to 3.12.
"""


def conformance_page(
    objects: Iterable[ObjectDefinition],
    sections: Iterable[Section],
    proofs: Mapping[str, Sequence[str]],
) -> str:
    """Return the whole page."""
    lines = [_INTRODUCTION, "| GO | function | manual table | proof |", "|---|---|---|---|"]
    for one in objects:
        proof = _tests(proofs.get(row_of(one), ()))
        lines.append(f"| {one.number} | {one.function.en} | {one.table or 'ours'} | {proof} |")
    for section in sections:
        lines += ["", f"## {section.title}", "", "| row | promise | proof |", "|---|---|---|"]
        lines += [
            f"| {row.id} | {row.promise} | {_proof(row, proofs.get(row.id, ()))} |"
            for row in section.rows
        ]
    return "\n".join(lines) + "\n"


def _proof(row: Row, tests: Sequence[str]) -> str:
    if row.waits_for is None:
        return _tests(tests)
    begun = f"; {_tests(tests)}" if tests else ""
    return f"*open*: {row.waits_for}{begun}"


def _tests(tests: Sequence[str]) -> str:
    return "<br>".join(f"`{test}`" for test in tests)
