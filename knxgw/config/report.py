"""Collects findings about one source of a configuration, each with the place of its key; pure."""

import re
from collections.abc import Callable

from knxgw.catalogue.messages import Argument, Message, message
from knxgw.catalogue.text import Text
from knxgw.errors import Place, Problems, Severity, Worded

_INDEX = re.compile(r"\[(\d+)\]")


class Report(Problems):
    """The findings so far. Its source says where a key stands."""

    def __init__(self, place: Callable[[str], Place]) -> None:
        super().__init__()
        self.place = place

    def error(
        self,
        key: str,
        id: str,  # noqa: A002 - of a message
        /,
        *,
        remedy: Message | Text | None = None,
        **arguments: Argument,
    ) -> None:
        """Report a mistake at a key, by the id of its message."""
        self.note(key, message(id, remedy=remedy, **arguments))

    def warning(
        self,
        key: str,
        id: str,  # noqa: A002 - of a message
        /,
        *,
        remedy: Message | Text | None = None,
        **arguments: Argument,
    ) -> None:
        """Report a risk at a key, by the id of its message."""
        self.note(key, message(id, remedy=remedy, **arguments), Severity.WARNING)

    def note(self, key: str, words: Worded, severity: Severity = Severity.ERROR) -> None:
        """Report a message, or any other words, at a key."""
        self.add(self.place(key), words, severity)


def parameter_and_entry(key: str) -> tuple[str, int | None]:
    """Return a key as `parameters.yaml` writes it, and which entry of a list it is of, from 1."""
    found = _INDEX.search(key)
    return _INDEX.sub("[]", key), int(found[1]) + 1 if found else None
