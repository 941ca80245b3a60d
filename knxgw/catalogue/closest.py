"""Suggestions for a misspelt word; pure."""

import difflib
from collections.abc import Collection

from knxgw.catalogue.messages import Listed, Message, message

LONGEST_WORD = 60  # characters that are compared
_CUTOFF = 0.5


def near(word: str, known: Collection[str], count: int = 1) -> Message | None:
    """Return a remedy that names the nearest known words, None: none is near."""
    found = difflib.get_close_matches(word[:LONGEST_WORD], known, n=count, cutoff=_CUTOFF)
    return did_you_mean(found) if found else None


def did_you_mean(words: Collection[str]) -> Message:
    """Return a remedy that names words."""
    return message("did_you_mean", near=Listed(tuple(repr(word) for word in words), "or"))


def closest(word: str, known: Collection[str]) -> Message:
    """Return a remedy that names the nearest known word, or all of them."""
    return near(word, known) or message("known_are", known=Listed(tuple(known)))
