"""Settings, Certificate: the certificate of the website, made by the device or uploaded. Source: website 15."""

from collections.abc import Mapping

from flask import Blueprint, abort, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from knxgw.errors import ConfigError, Finding, RejectedError, Severity, with_remedy
from knxgw.store.certificate_files import Source
from knxgw.store.trouble import StateError
from knxgw.website.access.roles import Right
from knxgw.website.encryption import Encryption
from knxgw.website.language import marked
from knxgw.website.pages.common import address, https_address, language, session, site
from knxgw.website.security import needs

pages = Blueprint("certificate", __name__)
LARGEST_UPLOAD = 1 << 16  # bytes, certificates and key together
AUDIT_DIGITS = 23  # of a fingerprint: eight bytes tell certificates apart
PARTS = ("certificate", "key")
DONE = "/settings/certificate?said=certificate"
SOURCES: Mapping[Source, str] = {
    Source.NAMED: marked("named by the configuration file"),
    Source.UPLOADED: marked("uploaded"),
    Source.OWN: marked("made by this device"),
}


@pages.get("/settings/certificate")
@needs(Right.HTTPS)
def certificate() -> str:
    """Show the certificate, and offer what may be done about it."""
    return _page()


@pages.post("/settings/certificate/make")
@needs(Right.HTTPS)
def make() -> AnyResponse | tuple[str, int]:
    """Let the device make a certificate, or a new one with the same key."""
    encryption, before = _encryption(), _fingerprint()
    try:
        made = encryption.make()
    except (RejectedError, StateError) as err:
        return _refused(err)
    return _done("certificate_made", before, made.fingerprint)


@pages.post("/settings/certificate/upload")
@needs(Right.HTTPS)
def upload() -> AnyResponse | tuple[str, int]:
    """Take a certificate and its key; neither is ever shown, and the key not even by its size."""
    encryption, before = _encryption(), _fingerprint()
    if not request.is_secure:
        abort(409)  # the page has no form for it then
    content = _uploaded()
    if content is None:
        text = language().text("Not saved: certificate and key have more than 64 KiB together.")
        return _page([text]), 413
    try:
        encryption.upload(content)
    except ConfigError as err:
        return _page([_not_saved(*one.said(language().code)) for one in err.findings]), 400
    except (RejectedError, StateError) as err:
        return _refused(err)
    return _done("certificate_uploaded", before, _fingerprint())


@pages.post("/settings/certificate/remove")
@needs(Right.HTTPS)
def remove() -> AnyResponse | tuple[str, int]:
    """Remove the uploaded certificate: the one of the device itself is used again."""
    encryption, before = _encryption(), _fingerprint()
    try:
        own = encryption.remove_uploaded()
    except (RejectedError, StateError) as err:
        return _refused(err)
    return _done("certificate_removed", before, own.fingerprint)


def source_words() -> str:
    """Return where the certificate of the website comes from, "" without one."""
    found = site().bridge.reach.certificate()
    return "" if found is None else language().text(SOURCES[found.source])


def _encryption() -> Encryption:
    """Return what may be done about the certificate, if a page may do anything."""
    found = site().bridge.reach.encryption
    if found is None or found.is_by_file:
        abort(409)
    return found


def _fingerprint() -> str:
    found = site().bridge.reach.certificate()
    return "" if found is None else found.fingerprint


def _uploaded() -> bytes | None:
    """Return what was uploaded, None: it is too much."""
    content = b""
    for part in PARTS:
        for file in request.files.getlist(part):
            content += file.stream.read(LARGEST_UPLOAD + 1) + b"\n"
    return content if len(content) <= LARGEST_UPLOAD + len(PARTS) else None


def _done(action: str, before: str, after: str) -> AnyResponse:
    site().bridge.accounts.note(
        session(),
        action,
        address=address(),
        before=before[:AUDIT_DIGITS],
        after=after[:AUDIT_DIGITS],
    )
    return redirect(DONE, 303)


def _refused(error: RejectedError | StateError) -> tuple[str, int]:
    words = language()
    if isinstance(error, StateError):
        text = _not_saved(error.words.problem(words.code), error.words.remedy(words.code))
    else:
        text = words.text("Not possible: the clock of the device was never set.")
    return _page([text]), 409


def _not_saved(problem: str, remedy: str) -> str:
    return language().text("Not saved: {reason}.", reason=with_remedy(problem, remedy))


def _warning(finding: Finding) -> str:
    text = with_remedy(*finding.said(language().code))
    return f"{text[:1].upper()}{text[1:]}."


def _page(errors: list[str] | None = None) -> str:
    bridge = site().bridge
    found, encryption = bridge.reach.certificate(), bridge.reach.encryption
    risks = [] if found is None else found.findings(bridge.utc_now())
    return render_template(
        "certificate.html",
        errors=errors or [],
        certificate=found,
        certificate_source=source_words(),
        warnings=[_warning(one) for one in risks if one.severity is Severity.WARNING],
        is_managed=encryption is None or encryption.is_by_file,
        has_uploaded=encryption is not None and encryption.has_uploaded,
        is_sent_on=bridge.reach.redirects(),
        https_address=https_address(),
    )
