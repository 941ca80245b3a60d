"""Checks what is typed into the pages of the configuration, while it is typed. Source: website 62.

The answers are for the script of the page. Nothing is applied; what is typed is kept as the draft of the
account, unless that would undo what the account has done elsewhere.
"""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, abort, jsonify, request

from knxgw.config.edit_yaml import NotEditableError
from knxgw.website.access.roles import Right
from knxgw.website.configuring import sum_of
from knxgw.website.field_findings import FoundInForm, found_in_text
from knxgw.website.language import marked
from knxgw.website.pages.common import language, session, site
from knxgw.website.pages.configuration_forms import (
    entry_of,
    found_in,
    shown_fields,
    shown_sum,
    with_typed,
)
from knxgw.website.pages.configuration_objects import (
    addresses_sum,
    found_in_table,
    shown_addresses,
    with_typed_addresses,
)
from knxgw.website.pages.taking import file_as_draft, sheet_of_request
from knxgw.website.security import needs
from knxgw.website.typed import Basis, Sheet, basis_of, draft_with

pages = Blueprint("configuration_typing", __name__)
PATIENCE_S = 2.0  # for the check before, of the same account
AGAIN_S = 1
ELSEWHERE = marked(
    "This has been changed in another window meanwhile. What you type here is checked, but kept only when you send it."
)


@pages.post("/config/form/<section>/check", defaults={"number": None})
@pages.post("/config/form/<section>/<int:number>/check")
@needs(Right.CONFIGURATION)
def check_form(section: str, number: int | None) -> Response | tuple[Response, int]:
    """Check what is typed into the form of a section."""
    entry = entry_of(section, number)
    try:
        return _check(
            typed=lambda basis: with_typed(section, entry, basis).text,
            shown=lambda text: shown_sum(section, entry, text),
            was=lambda text: shown_fields(section, entry, text),
            found=lambda text: found_in(section, entry, text),
        )
    except NotEditableError as err:
        return jsonify(notice=err.words.problem(language().code, in_file=True)), 409


@pages.post("/config/objects/check")
@needs(Right.CONFIGURATION)
def check_addresses() -> Response | tuple[Response, int]:
    """Check what is typed into the table of group addresses."""
    try:
        return _check(
            typed=lambda basis: with_typed_addresses(basis).text,
            shown=addresses_sum,
            was=shown_addresses,
            found=found_in_table,
        )
    except NotEditableError as err:
        return jsonify(notice=err.words.problem(language().code, in_file=True)), 409


@pages.post("/config/text/check")
@needs(Right.CONFIGURATION)
def check_text() -> Response:
    """Check the text of the configuration as it is typed."""
    given = request.form.get("text", "").replace("\r\n", "\n")
    check = site().bridge.device.configuring.check
    return _check(
        typed=lambda _basis: given,
        shown=sum_of,
        was=lambda _text: "",
        found=lambda text: found_in_text(check(text), language()),
    )


def _check(
    *,
    typed: Callable[[Basis], str],
    shown: Callable[[str], str],
    was: Callable[[str], str],
    found: Callable[[str], FoundInForm],
) -> Response:
    """Put what is typed into the draft where that loses nothing, and say what is found.

    `typed` puts it into a text, `shown` sums up what the page shows of one, `was` is what its fields carry of that.
    Raises: NotEditableError.
    """
    sheet = sheet_of_request()
    basis, text, is_kept = _keep(
        sheet, typed, shown
    )  # also of a page that is closed during a check
    with site().checks.turn(session().account, PATIENCE_S) as has_turn:
        if not has_turn:
            abort(Response(status=429, headers={"Retry-After": str(AGAIN_S)}))
        answer: dict[str, Any] = found(text).as_json()
    answer |= {
        "kept": is_kept,
        "seen": shown(text) if is_kept else sheet.seen,
        "was": was(text) if is_kept else request.form.get("was", ""),
        "notice": "" if is_kept or basis.is_overtaken else language().text(ELSEWHERE),
    }
    return jsonify(answer)


def _keep(
    sheet: Sheet, typed: Callable[[Basis], str], shown: Callable[[str], str]
) -> tuple[Basis, str, bool]:
    """Put what is typed into the draft where that loses nothing.

    Returns: into which text it belongs, what that makes of it, and whether it was kept. Raises: NotEditableError.
    """
    account, drafts = session().account, site().drafts
    while True:
        kept = drafts.of(account)
        draft = kept or file_as_draft()
        basis = basis_of(draft, sheet, shown)
        text = typed(basis)
        if not basis.may_be_kept or text == draft.text:
            return basis, text, basis.may_be_kept
        if drafts.exchange(account, kept, draft_with(draft, basis, sheet, text)):
            return (
                basis,
                text,
                True,
            )  # else another check has kept something meanwhile, so it was not in vain
