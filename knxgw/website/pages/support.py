"""Support: the text that a hotline asks for, and the log file. Source: website 36, 37."""

import json
import platform
import threading
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of
from urllib.parse import quote

from flask import Blueprint, Response, abort, render_template

from knxgw import __version__
from knxgw.monitoring.requests import request_lines, requests_csv
from knxgw.monitoring.telegram_export import telegrams_csv
from knxgw.monitoring.telegrams import lines_of
from knxgw.website.access.roles import Right
from knxgw.website.bridge import Bridge
from knxgw.website.exports import download
from knxgw.website.knx_facts import knx_device_text
from knxgw.website.language import Language
from knxgw.website.log_zip import NAME, Part, log_zip
from knxgw.website.pages.common import address, language, session, site
from knxgw.website.pages.history import audit_csv, faults_csv, runs_csv
from knxgw.website.pages.objects import objects_table
from knxgw.website.pages.status import status_picture
from knxgw.website.security import needs
from knxgw.website.support import support_text
from knxgw.website.table_words import table_words

pages = Blueprint("support", __name__)
LIBRARIES = ("xknx", "pymodbus", "flask", "waitress", "cryptography", "flask-babel", "argon2-cffi")
IN_FORCE, NOT_IN_FORCE = "configuration.yaml", "own-configuration-not-in-force.yaml"
NOTHING_IN_FORCE = "# ETS is loading the device, or a download was cut off: nothing is in force\n"
OWN_WHILE_HELD = (
    "# The device's own file. ETS holds the device: of this file only knx, website, firmware, panel and "
    "device.ntp_servers are in force.\n"
)
_MAKING = threading.Lock()  # a log file may take 12 MiB while it is made


@pages.get("/support")
@needs(Right.SUPPORT)
def support() -> str:
    """Show the support text, ready to be copied or sent."""
    text = _text(language())
    subject = quote(f"knxgw {__version__}")
    return render_template(
        "support.html",
        text=text,
        mail=f"mailto:?subject={subject}&body={quote(text)}",
        is_extended=site().bridge.diagnostics.logs.mode.is_extended,
    )


@pages.get("/support.txt")
@needs(Right.SUPPORT)
def as_text() -> Response:
    """Return the support text as a file."""
    return download("support.txt", _text(language()).encode(), "text/plain; charset=utf-8")


@pages.post("/support/log.zip")
@needs(Right.SUPPORT)
def log_file() -> Response:
    """Return the log file, unless another one is being made; extended logging ends with it."""
    if not _MAKING.acquire(blocking=False):
        abort(503)
    try:
        return _log_file()
    finally:
        _MAKING.release()


def _log_file() -> Response:
    bridge, words = site().bridge, language()
    parts = list(_parts(words))
    bridge.accounts.note(session(), "log_downloaded", address=address())
    if bridge.diagnostics.logs.mode.is_extended:
        bridge.device.set_logging(False)
    content = log_zip(
        parts, bridge.diagnostics.logs.scrubber, _versions(), words.local(bridge.utc_now())
    )
    return download(f"{NAME}.zip", content, "application/zip")


def _text(words: Language) -> str:
    """Return the support text; secrets are searched for in what devices have told, too."""
    bridge = site().bridge
    text = support_text(bridge.view(words.code), bridge.facts(), words, bridge.utc_now())
    return bridge.diagnostics.logs.scrubber.scrub(text)


def _parts(words: Language) -> Iterator[Part]:
    """Yield the files of the ZIP. What needs this request is made at once, all else when its turn comes."""
    bridge, code, zone = site().bridge, words.code, words.tzinfo
    text = _text(words)
    page = status_picture().replace(session().csrf, "")  # it would let others act
    values = json.dumps(site().live.page(code), indent=2, ensure_ascii=False)
    word = table_words(words)
    seen = bridge.diagnostics
    telegrams, requests, history = seen.telegrams, seen.requests, seen.history
    yield Part(name="support.txt", text=lambda: (text,))
    yield Part(name="status.html", text=lambda: (page,))
    yield Part(name="status.json", text=lambda: (values,))
    yield from _configurations(bridge)
    yield Part(name="findings.txt", text=lambda: (f"{one}\n" for one in bridge.facts().warnings))
    yield Part(name="objects.csv", text=lambda: objects_table(seen.objects.listed(code), words))
    yield Part(name="knx-device.json", text=lambda: (knx_device_text(seen.knx_device()),))
    yield Part(
        name="telegrams.csv",
        text=lambda: telegrams_csv(
            lines_of(telegrams.ring.rows(), telegrams.interpret, code), code, zone, word
        ),
    )
    yield Part(
        name="requests.csv",
        text=lambda: requests_csv(
            request_lines(
                requests.kept.ring.rows(), requests.explain, names=dict(requests.devices())
            ),
            code,
            zone,
            word,
        ),
    )
    if history is not None:
        yield Part(name="faults.csv", text=lambda: faults_csv(history, words))
        yield Part(name="starts.csv", text=lambda: runs_csv(history, words))
    if session().may(Right.USERS):  # names and addresses of the others
        yield Part(name="audit.csv", text=lambda: audit_csv(bridge.accounts, words))
    yield Part(
        name="knxgw.log", text=lambda: (f"{one.row.written()}\n" for one in seen.logs.ring.rows())
    )


def _configurations(bridge: Bridge) -> Iterator[Part]:
    """Yield what is in force; of a device that ETS holds, its own file beside it, under a name that says so."""
    own, ets = bridge.setup.configuration, bridge.device.configuring.ets
    if not ets.is_held():
        yield Part(name=IN_FORCE, text=lambda: (own(),))
        return
    yield Part(name=IN_FORCE, text=lambda: (ets.text() or NOTHING_IN_FORCE,))
    yield Part(name=NOT_IN_FORCE, text=lambda: (OWN_WHILE_HELD, own()))


def _versions() -> dict[str, str]:
    found = {"knxgw": __version__, "python": platform.python_version(), "system": platform.system()}
    for library in LIBRARIES:
        try:
            found[library] = version_of(library)
        except PackageNotFoundError:
            found[library] = "?"
    return found
