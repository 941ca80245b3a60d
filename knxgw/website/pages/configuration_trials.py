"""Reads the device of a form once, as it is typed, before anything is applied. Source: website 64.

With a script the answers are JSON, and the page asks how far the read is. Without one the page waits for its
end; what is typed is then kept as the draft, because the page is another one afterwards.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from flask import Blueprint, Response, abort, jsonify, request

from knxgw.catalogue.load import catalogue
from knxgw.config.edit_yaml import NotEditableError, values_of
from knxgw.config.one_device import SECTIONS, OneDevice, Part, one_device
from knxgw.errors import Finding, RejectedError
from knxgw.website.access.roles import Right
from knxgw.website.drafts import Draft
from knxgw.website.field_findings import TONES, FindingText
from knxgw.website.language import Language, marked
from knxgw.website.pages.common import language, site
from knxgw.website.pages.configuration_forms import (
    draft_now,
    entry_of,
    form_page,
    keep_draft,
    not_editable,
    shown_sum,
    with_typed,
)
from knxgw.website.pages.taking import sheet_of_request
from knxgw.website.quantity_words import value_rows
from knxgw.website.security import needs
from knxgw.website.trials import Trial
from knxgw.website.typed import basis_of

pages = Blueprint("configuration_trials", __name__)
INCOMPLETE = marked("Correct what is written here first, then read again.")
THROUGH = marked("The running gateway asks, behind its own requests.")
REFUSALS = (marked("the device does not run"), marked("the device does not react"))


class TrialView(NamedTuple):
    """A read as the page shows it."""

    tone: str
    text: str
    number: int = 0  # it has not begun
    is_running: bool = False
    values: Sequence[tuple[str, str]] = ()
    findings: Sequence[FindingText] = ()

    def as_json(self) -> dict[str, Any]:
        """Return it for the script of the page."""
        return {**self._asdict(), "findings": [one._asdict() for one in self.findings]}


@pages.post("/config/form/<section>/read/<part>", defaults={"number": None})
@pages.post("/config/form/<section>/<int:number>/read/<part>")
@needs(Right.CONFIGURATION)
def read(section: str, number: int | None, part: str) -> Response | str | tuple[str, int]:
    """Begin to read a device as it is typed."""
    entry, wanted = entry_of(section, number), _part(section, part)
    draft = draft_now()
    try:
        basis = basis_of(draft, sheet_of_request(), lambda text: shown_sum(section, entry, text))
        taken = with_typed(section, entry, basis)
        view = _begun(one_device(values_of(taken.text), wanted, entry or 0, catalogue()))
    except NotEditableError as err:
        return not_editable(err)
    if request.accept_mimetypes.best == "application/json":
        return jsonify(view.as_json())
    changed = Draft(text=taken.kept, based_on=draft.based_on)
    keep_draft(changed)
    trials: dict[str, object] = {wanted: _finished(view)}
    if taken.overlaps:
        return form_page(section, entry, changed, trials=trials, taken=taken), 409
    return form_page(section, entry, changed, trials=trials)


@pages.get("/config/trials/<int:number>")
@needs(Right.CONFIGURATION)
def progress(number: int) -> Response:
    """Say how far a read is."""
    return jsonify(_view(number).as_json())


@pages.post("/config/trials/<int:number>/cancel")
@needs(Right.CONFIGURATION)
def cancel(number: int) -> Response:
    """End a read."""
    site().bridge.setup.trials.cancel(number)
    return jsonify({})


def _part(section: str, part: str) -> Part:
    """Return which device of a form is meant; else there is no such page."""
    if part not in set(Part) or SECTIONS[Part(part)] != section:
        abort(404)
    return Part(part)


def _begun(wanted: OneDevice | tuple[Finding, ...]) -> TrialView:
    words = language()
    if not isinstance(wanted, OneDevice):
        return TrialView("bad", words.text(INCOMPLETE), findings=_said(wanted, words))
    try:
        return _view(site().bridge.setup.trials.start(wanted))
    except RejectedError as err:
        return TrialView("bad", words.text(str(err)))


def _finished(view: TrialView) -> TrialView:
    """Return a read at its end."""
    if not view.is_running:
        return view
    try:
        site().bridge.setup.trials.finished(view.number)
    except RejectedError as err:
        return TrialView("bad", language().text(str(err)))
    return _view(view.number)


def _view(number: int) -> TrialView:
    trial, words = site().bridge.setup.trials.progress(number), language()
    if trial is None:
        abort(404)
    said = "" if trial.words is None else trial.words.problem(words.code)
    said = f"{said[:1].upper()}{said[1:]}."
    return TrialView(
        number=number,
        is_running=trial.is_running,
        tone=_tone(trial),
        text=f"{said} {words.text(THROUGH)}" if trial.is_through_gateway else said,
        values=list(value_rows(trial.values, catalogue().product.texts, words)),
        findings=_said(trial.findings, words),
    )


def _tone(trial: Trial) -> str:
    if trial.is_running:
        return "info"
    return "good" if trial.is_good else "bad" if not trial.values else "warning"


def _said(findings: Sequence[Finding], words: Language) -> list[FindingText]:
    return [
        FindingText(
            TONES[one.severity], "; ".join(filter(None, one.said(words.code, in_form=True)))
        )
        for one in findings
    ]
