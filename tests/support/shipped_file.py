"""A file of `product_db/`, and what its reader makes of it when something in it is changed."""

from collections.abc import Callable
from typing import Generic, TypeVar

from knxgw.catalogue.directory import product_db
from knxgw.catalogue.yaml_tree import Node, parse_tree
from knxgw.errors import Problems

# What a line may become by a slip: nothing, another key, an item, another kind of value, an alias.
ODD_LINES = ["", "  x: 1", "- y", "[]", "{}", "  en: ~", "    de: ''", "&a", "  - code: Comm", "\t"]
T = TypeVar("T")


class ShippedFile(Generic[T]):
    """One file, and the function that reads it."""

    def __init__(self, name: str, read: Callable[[Node], T | None]) -> None:
        self.name = name
        self._read = read
        self.text = (product_db() / name).read_text(encoding="utf-8")
        self.last_line = len(self.text.splitlines()) - 1

    def read(self, text: str) -> tuple[T | None, list[str]]:
        """Return what is read of a text, None if that cannot be used, and what the reader says."""
        problems = Problems()
        root = parse_tree(text, problems, name=self.name)
        found = self._read(root) if root is not None else None
        return found, [str(finding) for finding in problems.findings]

    def findings(self, text: str) -> list[str]:
        """Return what the reader says about a text."""
        return self.read(text)[1]

    def findings_with(self, old: str, new: str) -> list[str]:
        """Return what the reader says about the shipped file with one place changed."""
        assert self.text.count(old) == 1, old
        return self.findings(self.text.replace(old, new))

    def assert_located(self, old: str, new: str, said: str) -> None:
        """See that a changed place is found, and that every finding says where in the file it is."""
        found = self.findings_with(old, new)
        assert any(said in one for one in found), found
        assert all(one.startswith(f"{self.name}:") for one in found)

    def read_with_line(self, line: int, odd: str) -> T | None:
        """Return what is read with one line changed, None if that has findings."""
        lines = self.text.splitlines()
        lines[line] = odd
        found, findings = self.read("\n".join(lines))
        if findings:
            return None
        assert found is not None
        return found
