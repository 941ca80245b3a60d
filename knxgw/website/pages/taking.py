"""What is typed into open pages, put into the draft of an account: how the pages do that. Source: website 46, 62."""

from collections.abc import Callable, Iterable, Mapping
from secrets import token_urlsafe
from typing import NamedTuple

from flask import abort, request

from knxgw.catalogue.load import catalogue
from knxgw.config.edit_yaml import edited
from knxgw.website.config_form import Field, FieldGroup, changes_of
from knxgw.website.configuring import sum_of
from knxgw.website.drafts import Draft
from knxgw.website.language import Language
from knxgw.website.pages.common import session, site
from knxgw.website.two_windows import changed_here, shown_before
from knxgw.website.typed import Basis, Sheet, basis_of

LONGEST_TOKEN, LONGEST_TURN = 40, 9  # characters


class Taken(NamedTuple):
    """What becomes of a draft with what was typed into a form."""

    kept: str  # the text without what another window has changed otherwise
    text: str  # with all of it
    overlaps: Mapping[str, str] = {}  # by field: what another window made of it


def take_into_draft(
    typed: Callable[[Basis], Taken], shown: Callable[[str], str]
) -> tuple[Draft, Taken]:
    """Keep what was typed in the draft as it is at that moment. Raises: NotEditableError."""
    account, drafts = session().account, site().drafts
    while True:
        before = drafts.of(account)
        draft = before or file_as_draft()
        taken = typed(basis_of(draft, sheet_of_request(), shown))
        changed = Draft(text=taken.kept, based_on=draft.based_on)
        if drafts.exchange(account, before, changed):
            return changed, taken  # else another window has kept something meanwhile


def merged(
    text: str,
    groups: Iterable[FieldGroup],
    typed: Mapping[str, str],
    before: Mapping[str, str] | None,
) -> Taken:
    """Return a text with what was changed in the fields of a window. Raises: NotEditableError.

    `before`: what they showed, None: whatever was typed counts.
    """
    groups = tuple(groups)
    here = changed_here([one for group in groups for one in group.fields], typed, before)
    kept = {name: one for name, one in here.texts.items() if name not in here.overlaps}
    return Taken(
        edited(text, changes_of(groups, kept, catalogue())),
        edited(text, changes_of(groups, here.texts, catalogue())),
        here.overlaps,
    )


def before_in(basis: Basis) -> Mapping[str, str] | None:
    """Return what the fields of a window showed before somebody typed; None: that is in the text itself."""
    return None if basis.is_own else shown_before(request.form.get("was", ""))


def sheet_of_request() -> Sheet:
    """Return which open page sends a form, as far as it says so."""
    turn = request.form.get("turn", "")
    return Sheet(
        page=request.form.get("page", "")[:LONGEST_TOKEN],
        turn=int(turn) if turn.isascii() and turn.isdecimal() and len(turn) < LONGEST_TURN else 0,
        seen=request.form.get("seen", ""),
    )


def new_page() -> str:
    """Return what tells an open page from any other."""
    return token_urlsafe(9)


def file_as_draft() -> Draft:
    """Return what the file says, as a draft begins with it."""
    try:
        now = site().bridge.device.configuring.text()
    except OSError:
        abort(503)
    return Draft(text=now, based_on=sum_of(now))


class OverlapRow(NamedTuple):
    """A field that two windows have changed, as a page asks about it."""

    name: str
    words: str
    here: str
    other: str


def overlap_rows(
    groups: Iterable[FieldGroup], overlaps: Mapping[str, str], words: Language
) -> list[OverlapRow]:
    """Return what to ask about the fields that another window has changed otherwise."""
    return [
        OverlapRow(
            name=one.name,
            words=one.words,
            here=_in_words(one, request.form.get(one.name, one.value).strip(), words),
            other=_in_words(one, overlaps[one.name], words),
        )
        for group in groups
        for one in group.fields
        if one.name in overlaps
    ]


def _in_words(field: Field, value: str, words: Language) -> str:
    """Return a value as its field shows it."""
    if not value:
        return words.text("not given")
    named = [one.words for group in field.choices for one in group.options if one.value == value]
    return named[0] if named else f"{value} {field.unit}".strip()
