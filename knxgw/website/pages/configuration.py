"""The configuration: what the file says, what a change would bring, and what it was before. Source: website 44 to 46."""

import logging
from collections.abc import Callable, Sequence
from typing import NamedTuple

from flask import Blueprint, Response, abort, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from knxgw.config.effects import Effect, EffectKind
from knxgw.config.load import LARGEST_FILE
from knxgw.errors import Finding, RejectedError, Severity
from knxgw.store.configurations import Origin, Version
from knxgw.website.access.roles import Right
from knxgw.website.configuring import (
    CONFIRM_S,
    NOT_CONFIRMED,
    Checked,
    Configuring,
    Outcome,
    Proposal,
    sum_of,
)
from knxgw.website.drafts import Draft
from knxgw.website.exports import download
from knxgw.website.field_findings import TONES
from knxgw.website.labels import path_of_form, place_words, points_in
from knxgw.website.language import Language, marked
from knxgw.website.pages.common import (
    address,
    as_far_as_known,
    checked,
    error_page,
    language,
    session,
    site,
)
from knxgw.website.pages.configuration_forms import links_to_forms
from knxgw.website.pages.held_by_ets import MACHINE_SECTIONS, is_held_by_ets
from knxgw.website.pages.taking import new_page, sheet_of_request
from knxgw.website.security import local_target, needs
from knxgw.website.text_diff import difference
from knxgw.website.typed import basis_of

log = logging.getLogger(__name__)
pages = Blueprint("configuration", __name__)
FILE_NAME = "knxgw.yaml"
YAML_TYPE = "application/yaml; charset=utf-8"
EFFECTS = {
    EffectKind.BEGINS: marked("The device is configured for the first time."),
    EffectKind.POINT_ADDED: marked("Charging point {number} is added."),
    EffectKind.POINT_REMOVED: marked(
        "Charging point {number} is no longer controlled; its charger is told what holds without the gateway."
    ),
    EffectKind.POINT_READ_ANEW: marked("Charging point {number} is read again."),
    EffectKind.POINT_CHANGED: marked("Charging point {number} gets other settings and goes on."),
    EffectKind.POINT_UNTOUCHED: marked("Charging point {number} is not touched."),
    EffectKind.KNX_ANEW: marked("The connection to KNX ends and begins again."),
    EffectKind.WEBSITE_MOVES: marked(
        "This website answers at another address: {address}. Open it there within two minutes and keep the change."
    ),
    EffectKind.WEBSITE_REACHED_OTHERWISE: marked(
        "This website is reached by other names, through another proxy or with another encryption."
    ),
    EffectKind.SERIAL_ANEW: marked("The serial line is opened again."),
    EffectKind.LOAD_MANAGEMENT: marked("Load management goes on with other settings."),
    EffectKind.GROUP_ADDRESSES: marked("Group objects are linked to other group addresses."),
    EffectKind.DEVICE: marked("Settings of the device change."),
}
ORIGINS = {
    Origin.FILE: marked("file of the host"),
    Origin.WEBSITE: marked("website"),
    Origin.RESTORED: marked("earlier version"),
    Origin.RETURNED: marked("taken back: not confirmed"),
}
NOT_UTF8 = marked("That file is not UTF-8 text: save it as UTF-8. Nothing was changed.")
SEVERITIES = {
    Severity.ERROR: marked("Error"),
    Severity.WARNING: marked("Warning"),
    Severity.NOTE: marked("Note"),
}


class FindingRow(NamedTuple):
    """A finding as the page shows it."""

    tone: str
    severity: str
    line: int  # 0: of the whole text
    place: str  # what people call it
    problem: str
    remedy: str
    path: str = ""  # of a page with its field


@pages.get("/config")
@needs(Right.CONFIGURATION)
def configuration() -> str:
    """Show what the file says, to be changed where that is possible."""
    if not _configuring().has_file:
        return render_template("configuration_elsewhere.html")
    now = text_now()
    draft = site().drafts.of(session().account)
    if is_held_by_ets():
        return _by_ets(now, draft)
    if draft is None or draft.text == now:
        return _form(now, Draft(text=now, based_on=sum_of(now)))
    return _form(now, draft)


@pages.get("/config/draft")
@needs(Right.CONFIGURATION)
def draft() -> AnyResponse | str:
    """Say what the draft of whoever asks would bring about."""
    found = site().drafts.of(session().account)
    if found is None:
        return redirect("/config", 303)
    window = Window(seen=sum_of(found.text))
    return _checked(found.text, Origin.WEBSITE, based_on=found.based_on, window=window)


@pages.post("/config/draft/discard")
@needs(Right.CONFIGURATION)
def discard() -> AnyResponse:
    """Give the draft up."""
    site().drafts.forget(session().account)
    return redirect("/config", 303)


@pages.get(f"/config/{FILE_NAME}")
@needs(Right.CONFIGURATION)
def as_file() -> Response:
    """Return what the file says now."""
    return download(FILE_NAME, text_now().encode(), YAML_TYPE)


@pages.get(f"/config/loaded/{FILE_NAME}")
@needs(Right.CONFIGURATION)
def loaded_file() -> Response:
    """Return what ETS has loaded, as a configuration file."""
    text = _configuring().ets.text()
    if not text:
        abort(404)
    return download(FILE_NAME, text.encode(), YAML_TYPE)


@pages.post("/config/check")
@needs(Right.CONFIGURATION)
def check() -> str | tuple[str, int] | Response:
    """Say what a text would bring about; nothing changes. It may be typed or come as a file."""
    text = _text_given()
    if request.form.get("wanted") == "file":  # the edited text, where the file cannot be written
        return download(FILE_NAME, text.encode(), YAML_TYPE)
    based_on = request.form.get("based_on") or sum_of(text_now())
    other = _other_draft(text)
    if other is not None:
        window = Window(seen=sum_of(other), other=other)
        return _checked(text, _origin(), based_on=based_on, window=window), 409
    site().drafts.keep(session().account, Draft(text=text, based_on=based_on))
    return _checked(text, _origin(), based_on=based_on, window=Window(seen=sum_of(text)))


def _other_draft(text: str) -> str | None:
    """Return what another window has made of the draft since this one showed it; None: nothing that gets lost."""
    draft, sheet = site().drafts.of(session().account), sheet_of_request()
    if draft is None or not sheet.seen or draft.text == text:
        return None
    return None if basis_of(draft, sheet, sum_of).may_be_kept else draft.text


@pages.post("/config/apply")
@needs(Right.CONFIGURATION)
def apply() -> AnyResponse | str | tuple[str, int]:
    """Let the device go on with a text, while it runs."""
    return applied("/config?said=configuration")


def applied(then: str) -> AnyResponse | tuple[str, int]:
    """Let the device go on with the text of a form, and the browser with a page; or say why not."""
    text, origin = _text_given(), _origin()
    proposal = Proposal(
        text=text,
        origin=origin,
        account=session().account,
        note=" ".join(request.form.get("note", "").split()),
        based_on=request.form.get("based_on") or None,
    )
    outcome = _proposed(proposal)
    if not outcome.is_taken:
        based_on = proposal.based_on or sum_of(text_now())
        window = Window(seen=request.form.get("seen", ""))
        return _checked(text, origin, outcome, based_on=based_on, window=window), 409
    if _other_draft(text) is None:
        site().drafts.forget(session().account)
    site().bridge.accounts.note(
        session(), "configuration_changed", address=address(), after=proposal.note
    )
    return redirect(then, 303)


def _proposed(proposal: Proposal) -> Outcome:
    """Return what became of a proposal; where the file cannot be written, nobody is asked."""
    if not _configuring().is_writable():
        failure = language().text("the device must not write this file")
        return Outcome(is_taken=False, failure=failure)
    try:
        return _configuring().propose(proposal)
    except RejectedError as err:
        return Outcome(is_taken=False, failure=str(err))


@pages.post("/config/confirm")
@needs(Right.CONFIGURATION)
def confirm() -> AnyResponse:
    """Confirm the last change: the browser still reaches the device. Then its form says where it goes on."""
    _configuring().confirm()
    then = local_target(request.form["next"]) if "next" in request.form else "/config"
    return redirect(f"{then}?said=confirmed", 303)


# --- versions


@pages.get("/config/versions")
@needs(Right.CONFIGURATION)
def versions() -> str:
    """List the configurations that the device has had."""
    return render_template(
        "configuration_versions.html",
        versions=[(one, _note(one)) for one in _configuring().versions()],
        origins=_origins(),
        is_held_by_ets=is_held_by_ets(),
    )


@pages.get("/config/versions/<int:number>")
@needs(Right.CONFIGURATION)
def version(number: int) -> str:
    """Show a version: what came with it, and what has changed since."""
    found = _version(number)
    before = _configuring().version(number - 1)
    return render_template(
        "configuration_version.html",
        shown=found,
        note=_note(found),
        origins=_origins(),
        came_with_it=difference(before.text if before else "", found.text),
        since=difference(found.text, text_now()),
        has_before=before is not None,
    )


@pages.get(f"/config/versions/<int:number>/{FILE_NAME}")
@needs(Right.CONFIGURATION)
def version_file(number: int) -> Response:
    """Return the text of a version."""
    return download(FILE_NAME, _version(number).text.encode(), YAML_TYPE)


@pages.post("/config/versions/<int:number>/restore")
@needs(Right.CONFIGURATION)
def restore(number: int) -> str | tuple[str, int]:
    """Say what a version would bring about; it is applied from there."""
    text, window = _version(number).text, Window(seen="")
    return _checked(text, Origin.RESTORED, based_on=sum_of(text_now()), window=window)


# --- parts


def _configuring() -> Configuring:
    return site().bridge.device.configuring


def text_now() -> str:
    """Return what the file says; where it cannot be read, the page says so."""
    try:
        return _configuring().text()
    except OSError as err:
        log.warning("website: the configuration cannot be read: %s", err)
        abort(503)


def _text_given() -> str:
    """Return the text of a form or an uploaded file, with line ends as files have them."""
    uploaded = request.files.get("file")
    if uploaded is not None and uploaded.filename:
        data = uploaded.stream.read(LARGEST_FILE + 1)
        if len(data) > LARGEST_FILE:
            abort(413)
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError:
            abort(Response(*error_page(language().text(NOT_UTF8), 400)))
    return request.form.get("text", "").replace("\r\n", "\n")


def _origin() -> Origin:
    """Return where a text of a form comes from, as far as pages may say."""
    is_restored = request.form.get("origin") == Origin.RESTORED
    return Origin.RESTORED if is_restored else Origin.WEBSITE


def _version(number: int) -> Version:
    found = _configuring().version(number)
    if found is None:
        abort(404)
    return found


def _note(one: Version) -> str:
    """Return the note of a version: what people wrote, or what the device says of one that came back."""
    is_ours = one.origin is Origin.RETURNED and one.note == NOT_CONFIRMED
    return language().text(NOT_CONFIRMED) if is_ours else one.note


def _origins() -> dict[Origin, str]:
    words = language()
    return {origin: words.text(text) for origin, text in ORIGINS.items()}


def _form(now: str, draft: Draft) -> str:
    configuring = _configuring()
    return render_template(
        "configuration.html",
        text=draft.text,
        is_draft=draft.text != now,
        based_on=draft.based_on,
        page=new_page(),
        seen=sum_of(draft.text),
        forms=links_to_forms(draft.text),
        was_taken_back=draft.was_taken_back,
        place=configuring.place(),
        is_writable=configuring.is_writable(),
        is_configured=bool(now),
        confirm_until=configuring.confirm_until(),
        confirm_s=int(CONFIRM_S),
    )


def _by_ets(text_of_file: str, draft: Draft | None) -> str:
    """Return the page of a device that ETS holds: what it has loaded, to be read."""
    configuring = _configuring()
    return render_template(
        "configuration_by_ets.html",
        text=configuring.ets.text(),
        has_draft=draft is not None,
        was_taken_back=draft is not None and draft.was_taken_back,
        forms=[
            one
            for one in links_to_forms(text_of_file)
            if one.path.rpartition("/")[2] in (*MACHINE_SECTIONS, "keyring")
        ],
        confirm_until=configuring.confirm_until(),
    )


class Window(NamedTuple):
    """What the window of a text has shown of the draft of its account."""

    seen: str  # sum of it; "": nothing of it
    other: str | None = None  # what another window has made of it, so that the text was not kept


def _checked(
    text: str, origin: Origin, outcome: Outcome | None = None, *, based_on: str, window: Window
) -> str:
    """Return the page that says what a text would bring about, or why it was not taken."""
    configuring, words = _configuring(), language()
    found, now = checked(text), text_now()
    refused = () if outcome is None else outcome.findings
    refused = as_far_as_known(Checked(findings=refused), text).findings
    is_out_of_date = outcome is not None and outcome.was_changed_meanwhile
    return render_template(
        "configuration_check.html",
        text=text,
        origin=origin.value,
        # after a conflict one looks at the difference to what is there now, and applies it or not
        based_on=sum_of(now) if is_out_of_date else based_on,
        findings=finding_rows(refused or found.findings, words, text, path_of_form),
        can_run=found.can_run and not refused,
        effects=[effect_words(one, words) for one in found.effects],
        lines=difference(now if window.other is None else window.other, text),
        seen=window.seen,
        is_other=window.other is not None,
        is_writable=configuring.is_writable(),
        was_changed_meanwhile=is_out_of_date,
        failure="" if outcome is None else outcome.failure,
        is_held_by_ets=is_held_by_ets(),
        was_refused_for_ets=outcome is not None and outcome.is_held_by_ets,
    )


def finding_rows(
    findings: Sequence[Finding],
    words: Language,
    text: str,
    page_of: Callable[[str], str] = lambda _key: "",
) -> list[FindingRow]:
    """Return findings about a text as the pages show them; `page_of` a key: where its field is, "": nowhere."""
    points, rows = points_in(text), []
    for one in findings:
        tone, severity = TONES[one.severity], words.text(SEVERITIES[one.severity])
        place = place_words(one.key, words, points)
        said = one.said(words.code, in_form=True)
        rows.append(FindingRow(tone, severity, one.line, place, *said, page_of(one.key)))
    return rows


def effect_words(effect: Effect, words: Language) -> str:
    """Return what a change brings about, as a sentence."""
    return words.text(EFFECTS[effect.kind], number=effect.point or 0, address=effect.address)
