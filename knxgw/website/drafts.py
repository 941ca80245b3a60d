"""Drafts of the configuration: what an account has changed and not applied yet."""

from dataclasses import dataclass
from threading import Lock

MOST_DRAFTS = 20  # accounts; the oldest one gives way


@dataclass(frozen=True, slots=True, kw_only=True)
class Typing:
    """The open page whose typing made a draft; none is known of a draft that was sent as a whole."""

    page: str
    turn: int  # of its checks, from 1
    base: str  # the text of the draft when the page began to type


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A text, and from what it was made."""

    text: str
    based_on: str  # `configuring.sum_of` the text that was in the file then
    typing: Typing | None = None
    was_taken_back: bool = False  # it was in force, but nobody had confirmed it in time


class Drafts:
    """The draft of each account; safe from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._drafts: dict[str, Draft] = {}

    def of(self, account: str) -> Draft | None:
        """Return the draft of an account, None: it has none."""
        with self._lock:
            return self._drafts.get(account)

    def all(self) -> dict[str, Draft]:
        """Return the draft of every account that has one."""
        with self._lock:
            return dict(self._drafts)

    def keep(self, account: str, draft: Draft) -> None:
        """Keep what an account has typed, in place of its draft of before."""
        with self._lock:
            self._put(account, draft)

    def exchange(self, account: str, before: Draft | None, draft: Draft) -> bool:
        """Keep a draft in place of `before`; tell whether that was still the draft of the account."""
        with self._lock:
            if self._drafts.get(account) is not before:
                return False
            self._put(account, draft)
            return True

    def _put(self, account: str, draft: Draft) -> None:
        self._drafts.pop(account, None)
        self._drafts[account] = draft
        while len(self._drafts) > MOST_DRAFTS:
            del self._drafts[next(iter(self._drafts))]

    def forget(self, account: str) -> None:
        """Forget the draft of an account: it was applied, or given up."""
        with self._lock:
            self._drafts.pop(account, None)
