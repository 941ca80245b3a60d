"""What somebody types into an open page: to which text it belongs, and whether it may be kept. Pure.

A page puts all that was typed into the text with which it began to type, again and again: whoever clears a
field for a moment loses no comment beside it. What is kept must not undo what another page has
kept meanwhile. Source: website 62.
"""

from collections.abc import Callable
from dataclasses import dataclass

from knxgw.website.drafts import Draft, Typing


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """An open page that somebody types into."""

    page: str  # unlike any other; "": it does not say
    turn: int  # of its checks, from 1
    seen: str  # sum of what it showed when it was opened, or kept last


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """The text into which something is typed."""

    text: str
    may_be_kept: bool  # nothing that somebody did elsewhere gets lost
    is_overtaken: bool = False  # the same page has typed something newer already
    is_own: bool = False  # what the page began with: nobody else has changed anything since


def basis_of(draft: Draft, sheet: Sheet, shown: Callable[[str], str]) -> Basis:
    """Return into which text a page types.

    `shown` gives the sum of what the page shows of a text.
    """
    typing = draft.typing
    if typing is not None and sheet.page and typing.page == sheet.page:
        is_overtaken = 0 < sheet.turn <= typing.turn
        return Basis(
            text=typing.base,
            may_be_kept=not is_overtaken,
            is_overtaken=is_overtaken,
            is_own=True,
        )
    return Basis(text=draft.text, may_be_kept=shown(draft.text) == sheet.seen)


def draft_with(draft: Draft, basis: Basis, sheet: Sheet, text: str) -> Draft:
    """Return the draft that keeps a text that was typed into a page."""
    typing = Typing(page=sheet.page, turn=sheet.turn, base=basis.text)
    return Draft(text=text, based_on=draft.based_on, typing=typing if sheet.page else None)
