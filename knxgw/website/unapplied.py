"""What accounts have begun on the website and not applied: drafts, and how far the wizard is."""

from collections.abc import Mapping
from typing import Any

from knxgw.website.drafts import Draft, Drafts
from knxgw.website.wizard import Mark, Step, Way, Wizards


class Unapplied:
    """Drafts and ways through the wizard, by account; safe from any thread."""

    def __init__(self, kept: Mapping[str, Any] | None = None) -> None:
        """Begin with what was kept: what `told` has returned once. What cannot be understood is left out."""
        self.drafts = Drafts()
        self.wizards = Wizards()
        for account, one in _entries(kept or {}):
            text, based_on, marks = one.get("text"), one.get("based_on"), one.get("marks")
            if isinstance(text, str) and isinstance(based_on, str):
                was_taken_back = one.get("was_taken_back") is True
                draft = Draft(text=text, based_on=based_on, was_taken_back=was_taken_back)
                self.drafts.keep(account, draft)
            if isinstance(marks, dict):
                for step, mark in marks.items():
                    if step in tuple(Step) and mark in tuple(Mark):
                        self.wizards.mark(account, Step(step), Mark(mark))

    def give_back(self, account: str, draft: Draft) -> None:
        """Let an account go on with what it had applied and was taken back.

        What it has begun meanwhile comes before that; the last step of the wizard is to be done again in any case.
        """
        self.drafts.exchange(account, None, draft)
        self.wizards.unmark(account, Step.APPLY)

    def as_json(self) -> dict[str, Any]:
        """Return all of it as plain data; {}: there is nothing."""
        drafts, ways = self.drafts.all(), self.wizards.all()
        return {
            account: _entry(drafts.get(account), ways.get(account)) for account in drafts | ways
        }


def _entries(kept: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    return [(account, one) for account, one in kept.items() if isinstance(one, dict)]


def _entry(draft: Draft | None, way: Way | None) -> dict[str, Any]:
    entry: dict[str, Any] = {}
    if draft is not None:
        entry |= {"text": draft.text, "based_on": draft.based_on}
        if draft.was_taken_back:
            entry["was_taken_back"] = True
    if way is not None:
        entry["marks"] = {step.value: mark.value for step, mark in way.marks.items()}
    return entry
