"""Holds what an online check has found so far; pure."""

from collections.abc import Callable
from dataclasses import replace

from knxgw.catalogue.messages import Message
from knxgw.errors import Finding, Place, Severity, Worded
from knxgw.monitoring.online_check import OPEN, Seen, State


class Board:
    """Holds the newest of everything that is looked at, and tells of each change."""

    def __init__(self, place: Callable[[str], Place], on_change: Callable[[Seen], None]) -> None:
        """Take how the source of the configuration finds the place of a key."""
        self.seen: dict[str, Seen] = {}  # in the order they were added
        self._place = place
        self._on_change = on_change

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Return everything that was found."""
        return tuple(finding for seen in self.seen.values() for finding in seen.findings)

    def add(self, seen_id: str, name: Message) -> None:
        """Add something that is to be looked at."""
        self._set(Seen(id=seen_id, name=name))

    def looking(self, seen_id: str, words: Message) -> None:
        """Note what is being done."""
        before = self.seen[seen_id]
        if (before.state, before.words) != (State.LOOKING, words):
            self._set(replace(before, state=State.LOOKING, words=words))

    def is_open(self, seen_id: str) -> bool:
        """Tell whether it is still being looked at."""
        return self.seen[seen_id].state in OPEN

    def find(
        self,
        seen_id: str,
        key: str,
        words: Worded,
        severity: Severity = Severity.WARNING,
    ) -> None:
        """Note a finding about a key of the configuration."""
        before = self.seen[seen_id]
        finding = Finding(place=self._place(key), words=words, severity=severity)
        if finding not in before.findings:
            self.seen[seen_id] = replace(before, findings=(*before.findings, finding))

    def end(self, seen_id: str, words: Message | None = None) -> None:
        """Note that nothing more is looked at; what was found says how good it is."""
        before = self.seen[seen_id]
        has_warning = any(one.severity is not Severity.NOTE for one in before.findings)
        state = State.WARNING if has_warning else State.GOOD
        self._set(replace(before, state=state, words=words))

    def know(self, seen_id: str, state: State, words: Message) -> None:
        """Note how something is that needs no look."""
        self._set(replace(self.seen[seen_id], state=state, words=words))

    def skip(self, seen_id: str, words: Message) -> None:
        """Note that it is not looked at, and why."""
        self._set(replace(self.seen[seen_id], state=State.SKIPPED, words=words))

    def end_all(self, words: Message) -> None:
        """Note that the time is over for everything that is not done."""
        for seen in tuple(self.seen.values()):
            if seen.state in OPEN:
                self._set(replace(seen, state=State.UNFINISHED, words=words))

    def _set(self, seen: Seen) -> None:
        self.seen[seen.id] = seen
        self._on_change(seen)
