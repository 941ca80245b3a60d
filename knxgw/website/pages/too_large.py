"""What whoever has sent too much reads: the limit, and what helps where they were. Source: website 10, 65.

The server refuses such a request before it has read it; it then asks for this page instead (`connection.py`).
"""

from typing import NamedTuple

from flask import Blueprint, Response, g, render_template, request

from knxgw.website.access.answers import SessionView
from knxgw.website.language import marked
from knxgw.website.pages.common import language, problem
from knxgw.website.security import LARGEST_BODY, TOO_LARGE, local_target, public
from knxgw.website.uploads import FORM_KIB

pages = Blueprint("too_large", __name__)
BODY_KIB = LARGEST_BODY // 1024
IMPORT = ("/config/objects", marked("Import from ETS"))


class Help(NamedTuple):
    """What is said where somebody was."""

    cause: str  # with `kib`
    remedy: str
    links: tuple[tuple[str, str], ...]  # paths and their words


_BY_SCRIPTS = marked(
    "Larger files are sent in parts by the scripts of the page: allow scripts in the browser, load the page again and repeat it."
)
_FILE = marked("The file is too large: a form of this page takes a file of at most {kib} KiB.")
_CONFIGURATION = Help(
    marked("That is too large for a configuration: at most {kib} KiB are taken here."),
    marked(
        "A configuration file (.yaml) has a few KiB. A project of ETS (.knxproj) or a list of group addresses belongs into the import from ETS."
    ),
    (("/config", marked("Configuration")), IMPORT),
)
HELPS = {  # by the path of the form
    "/config/check": _CONFIGURATION,
    "/config/apply": _CONFIGURATION,
    "/config/objects/import": Help(_FILE, _BY_SCRIPTS, (IMPORT,)),
    "/config/keyring": Help(
        _FILE,
        marked(
            "A keyring has a few KiB: choose the file .knxkeys that ETS exports, not the project."
        ),
        (("/config/keyring", marked("Keyring of KNX Secure")), IMPORT),
    ),
    "/settings/certificate/upload": Help(
        marked("The files are too large: certificate and key have at most 64 KiB together."),
        marked(
            "Choose files in PEM format: the certificate with those of its issuers, and its private key."
        ),
        (("/settings/certificate", marked("Certificate")),),
    ),
    "/settings/firmware/upload": Help(
        _FILE, _BY_SCRIPTS, (("/settings/firmware", marked("Firmware")),)
    ),
}
_OTHERS = Help(
    marked("That is too large: a form has at most {kib} KiB here."),
    marked("Go back, and send less."),
    (("/", marked("Status")),),
)


@pages.get(TOO_LARGE)
@public
def too_large() -> tuple[str, int] | Response:
    """Say that a request was too large that nobody has read."""
    return too_large_page(local_target(request.args.get("at")))


def too_large_page(path: str) -> tuple[str, int] | Response:
    """Return what is said of a request to `path` that was too large: a page, or problem details for a program."""
    words = language()
    if path.startswith("/api/"):
        cause = words.text(_OTHERS.cause, kib=BODY_KIB)
        return problem(413, "Request Entity Too Large", cause)
    whose: SessionView | None = g.get("session")
    is_in = whose is not None and not whose.must_change  # a stranger learns of no page
    found = HELPS.get(path, _OTHERS) if is_in else _OTHERS
    kib = BODY_KIB if found is _OTHERS else FORM_KIB
    return render_template(
        "too_large.html",
        cause=words.text(found.cause, kib=kib),
        remedy=words.text(found.remedy),
        links=[(target, words.text(name)) for target, name in found.links],
    ), 413
