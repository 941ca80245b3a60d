"""Writes `docs/conformance.md`: each promise and the tests that prove it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from knxgw.catalogue.objects import ObjectDefinition
from tests.conformance.rules import Row, Section, anchor_of, row_of
from tests.links.faults import ALL, FAULTS, NONE, PERIOD_S, TRANSACTION_S, Fault

_INTRODUCTION = """\
<!-- Made by `make generate` from tests/conformance/rules.yaml, product_db/objects.yaml and the
`proves` marks of the tests: change those, not this page. -->

# Conformance

What the product promises, and the test that proves it. The number of a row leads to its
[rule](rules/README.md): rows of load management begin with a D, those of operation with an H, those
of the website with a W. A row marked *open* says what is missing and why; any other row without a
test fails the build. `make bench` measures the budgets of time and memory:
[performance.md](performance.md).

## Group objects

The number is that of charging point 1. Each further charging point adds 50, or 10 for our own
objects. The table is the one that defines the object in the manual
([reference-manual](sources.md#reference-manual)). Table 23 has the values of GO 50, rows 3.1 to 3.12.
"""

_FAULTS = f"""
## Injected faults

What happens to a charger whose device, wire or network has one of these faults (row 4.17).
`tests/links/test_every_fault.py` tests it on Modbus TCP, RTU over TCP, and serial lines with RTU and
ASCII. Wrong values are never shown.

- **hits**: *unit* is a fault of one unit. The other unit on the same endpoint has no fault, and waits
  for at most one transaction ({TRANSACTION_S:g} s) beyond its period ({PERIOD_S:g} s). *all* is a fault of
  the connection, and hits every unit.
- **code** and **within**: the code of GO 95, and the time within which it appears. *none*: it is no
  fault, and readings pause for no longer than that time.
- **in order after**: the time after the end of the fault within which the charger is in order again,
  without help. *by itself*: it is in order again even while the fault lasts.

The times are those of a device with two units. Behind an endpoint with more units, the silent ones
are asked in turn.

| fault | on | hits | code | within | in order after |
|---|---|---|---|---|---|
"""


def conformance_page(
    objects: Iterable[ObjectDefinition],
    sections: Iterable[Section],
    proofs: Mapping[str, Sequence[str]],
    places: Mapping[str, str],
) -> str:
    """Return the whole page; `places` says in which page the anchor of a rule is."""
    lines = [_INTRODUCTION, "| GO | function | manual table | proof |", "|---|---|---|---|"]
    for one in objects:
        proof = _tests(proofs.get(row_of(one), ()))
        lines.append(f"| {one.number} | {one.function.en} | {one.table or 'ours'} | {proof} |")
    for section in sections:
        lines += ["", f"## {section.title}", "", "| row | promise | proof |", "|---|---|---|"]
        lines += [
            f"| {_number(row, places)} | {row.promise} | {_proof(row, proofs.get(row.id, ()))} |"
            for row in section.rows
        ]
    page = "\n".join(lines) + "\n" + _FAULTS
    return page + "".join(row for fault in FAULTS for row in _fault(fault))


def _fault(fault: Fault) -> Iterator[str]:
    """Give the rows of a fault: one for each code that it has."""
    hits = "unit" if fault.hits_unit else "all"
    heals = "by itself" if fault.passes else f"{fault.heals_s:g} s"
    for code in dict.fromkeys(fault.code_on(transport) for transport in fault.on):
        on = [one for one in fault.on if fault.code_on(one) == code]
        where = "all" if tuple(on) == ALL else ", ".join(one.replace("_", " ") for one in on)
        within_s = fault.gap_s if code == NONE else fault.within_s
        name = code or "*none*"
        yield f"| {fault.name} | {where} | {hits} | {name} | {within_s:g} s | {heals if code else '-'} |\n"


def _number(row: Row, places: Mapping[str, str]) -> str:
    """Return the number of a row as a link to its rule."""
    anchor = anchor_of(row.id)
    return f"[{row.id}]({places[anchor]}#{anchor})"


def _proof(row: Row, tests: Sequence[str]) -> str:
    if row.waits_for is None:
        return _tests(tests)
    begun = f"; {_tests(tests)}" if tests else ""
    return f"*open*: {row.waits_for}{begun}"


def _tests(tests: Sequence[str]) -> str:
    return "<br>".join(f"`{test}`" for test in tests)
