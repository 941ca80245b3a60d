"""The difference of two texts, as lines of a table. Pure."""

from difflib import SequenceMatcher
from typing import NamedTuple

AROUND = 3  # lines that stay the same beside each that changes


class DiffLine(NamedTuple):
    """A line of a difference."""

    kind: str  # "+" only after, "-" only before, " " in both, "…" where lines are left out
    text: str


def difference(before: str, after: str) -> list[DiffLine]:
    """Return what differs between two texts, with some lines around; nothing if they are the same."""
    old, new = before.splitlines(), after.splitlines()
    found: list[DiffLine] = []
    for group in SequenceMatcher(None, old, new, autojunk=False).get_grouped_opcodes(AROUND):
        if found or group[0][1] > 0:
            found.append(DiffLine("…", ""))
        for kind, old_from, old_to, new_from, new_to in group:
            if kind == "equal":
                found += [DiffLine(" ", line) for line in old[old_from:old_to]]
                continue
            found += [DiffLine("-", line) for line in old[old_from:old_to]]
            found += [DiffLine("+", line) for line in new[new_from:new_to]]
    return found
