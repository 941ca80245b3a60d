"""Settings, Firmware: what runs, what may follow it, and the update itself. Source: product 11; website 42."""

import shutil
from datetime import datetime
from tempfile import TemporaryFile
from typing import IO

from flask import Blueprint, Response, jsonify, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from knxgw import __version__
from knxgw.errors import Worded, with_remedy
from knxgw.firmware.boot_state import Reason
from knxgw.firmware.trouble import FirmwareError
from knxgw.website.access.roles import Right
from knxgw.website.api.uploads import words_of
from knxgw.website.firmware import Chosen, Happened, Stage, UpdateState
from knxgw.website.language import Language, marked
from knxgw.website.pages.common import address, language, session, site
from knxgw.website.pages.wizard_shown import Shown
from knxgw.website.security import needs
from knxgw.website.uploads import FORM_KIB, MIB, UploadError

pages = Blueprint("firmware", __name__)
PATH = "/settings/firmware"
PERCENT = 100
STAGES = {
    Stage.LOOKING: marked("The list of firmware is read …"),
    Stage.DOWNLOADING: marked("The firmware is downloaded: {percent} % …"),
    Stage.INSTALLING: marked(
        "The firmware is installed: {percent} % … Charging goes on meanwhile."
    ),
    Stage.RESTARTING: marked("The device restarts with the new firmware …"),
}
REASONS = {
    Reason.FAILED_START: marked("it ended before it was ready"),
    Reason.NOT_READY: marked("it was not ready in time"),
    Reason.WATCHDOG: marked("it gave no sign of life any more"),
    Reason.MEMORY: marked("it took too much memory"),
    Reason.CRASHED: marked("it ended again and again"),
    Reason.POWER_CUTS: marked("the machine stopped each time it was started"),
    Reason.NOT_THERE: marked("it was not complete"),
    Reason.NO_COPY: marked("the stored state could not be copied before its first start"),
}
HAPPENED = {
    "installed": marked("installed"),
    "kept": marked("works and is kept"),
    "given_up": marked("given up: {reason}. Version {instead} runs again."),
}
SLOTS = {
    "base": marked("as it was installed with the system"),
    "a": marked("from an update, in slot A"),
    "b": marked("from an update, in slot B"),
}


@pages.get(PATH)
@needs(Right.FIRMWARE)
def firmware() -> str:
    """Show the firmware that runs, what may follow it, and an update that goes on."""
    return _page()


@pages.get("/api/v1/firmware/progress")
@needs(Right.FIRMWARE)
def progress() -> Response:
    """Tell a script how far an update is."""
    return jsonify(_shown(site().bridge.machine.firmware.state(), language()).as_json())


@pages.post("/settings/firmware/look")
@needs(Right.FIRMWARE)
def look() -> AnyResponse:
    """Look for newer firmware in the list."""
    site().bridge.machine.firmware.look()
    return redirect(PATH, 303)


@pages.post("/settings/firmware/download")
@needs(Right.FIRMWARE)
def download() -> AnyResponse:
    """Download the newer firmware; it is shown before it is installed."""
    bridge = site().bridge
    newer = bridge.machine.firmware.state().newer
    if newer is not None:
        _note("firmware_downloaded", newer.version)
        bridge.machine.firmware.download()
    return redirect(PATH, 303)


@pages.post("/settings/firmware/upload")
@needs(Right.FIRMWARE)
def upload() -> AnyResponse | tuple[str, int]:
    """Take a firmware file: it is verified and shown; nothing is installed yet."""
    uploaded, upload_id, words = request.files.get("file"), request.form.get("upload"), language()
    try:
        if upload_id:  # it has come in parts
            with site().uploads.taken(session().account, upload_id) as file:
                return _chosen(file)
        if uploaded is None or not uploaded.filename:
            return _page(wrong=words.text("No file was chosen.")), 422
        with TemporaryFile() as file:
            shutil.copyfileobj(uploaded.stream, file)
            file.seek(0)
            return _chosen(file)
    except UploadError as err:
        return _page(wrong=words_of(err.why)), 422
    except FirmwareError as err:
        return _page(wrong=_said(err.words, words)), 422
    except OSError as err:
        return _page(wrong=err.strerror or str(err)), 507


@pages.post("/settings/firmware/install")
@needs(Right.FIRMWARE)
def install() -> AnyResponse:
    """Install the firmware that was chosen, if it still is the one that was shown."""
    bridge = site().bridge
    chosen = bridge.machine.firmware.state().chosen
    if chosen is not None and request.form.get("version") == chosen.version:
        _note("firmware_installed", chosen.version)
        bridge.machine.firmware.install()
    return redirect(PATH, 303)


@pages.post("/settings/firmware/forget")
@needs(Right.FIRMWARE)
def forget() -> AnyResponse:
    """Give up the firmware that was chosen or is downloaded."""
    site().bridge.machine.firmware.forget()
    return redirect(PATH, 303)


def _chosen(file: IO[bytes]) -> AnyResponse:
    """Go on with a file that was verified. Raises: FirmwareError; OSError."""
    bridge = site().bridge
    bridge.machine.firmware.choose(file)
    chosen = bridge.machine.firmware.state().chosen
    if chosen is not None:
        _note("firmware_uploaded", chosen.version)
    return redirect(PATH, 303)


def _note(action: str, version: str) -> None:
    site().bridge.accounts.note(
        session(), action, address=address(), before=__version__, after=version
    )


def _page(wrong: str = "") -> str:
    bridge, words = site().bridge, language()
    control = bridge.machine.firmware
    state = control.state()
    if state.stage is Stage.RESTARTING:
        return render_template("restarting.html", next_page=PATH)
    return render_template(
        "firmware.html",
        control=control,
        has_index=control.has_index(),
        state=state,
        shown=_shown(state, words),
        chosen=None if state.chosen is None else _chosen_facts(state.chosen, words),
        newer_changes=() if state.newer is None else _changes(state.newer.changes, words),
        failure=_said(state.failure, words) if state.failure is not None else wrong,
        look_failure="" if state.look_failure is None else _said(state.look_failure, words),
        looked_at=_moment(state.looked_at, words),
        where=words.text(SLOTS.get(control.slot, "")),
        is_on_trial=control.is_on_trial(),
        history=[
            (_moment(one.at, words), one.version, _happened(one, words))
            for one in control.history()
        ],
        form_kib=FORM_KIB,
        largest_mib=site().uploads.limits.largest // MIB,
    )


def _shown(state: UpdateState, words: Language) -> Shown:
    """Return how far an update is, in words."""
    text = STAGES.get(state.stage)
    if text is None:
        return Shown()
    percent = round(state.share * PERCENT)
    return Shown(
        is_running=state.stage is not Stage.RESTARTING,  # then the page waits for the device
        said=words.text(text, percent=percent),
        done=percent,
        total=0 if state.stage is Stage.LOOKING else PERCENT,
    )


def _chosen_facts(chosen: Chosen, words: Language) -> dict[str, object]:
    return {
        "version": chosen.version,
        "made_at": _moment(chosen.made_at, words),
        "changes": _changes(chosen.changes, words),
        "is_other_main": chosen.is_other_main,
        "main": chosen.version.partition(".")[0],
        "mib": words.number(chosen.size / MIB, 1),
    }


def _changes(changes: object, words: Language) -> tuple[str, ...]:
    assert isinstance(changes, dict)  # noqa: S101 - of a manifest or a list
    found = changes.get(words.code) or changes.get("en") or ()
    return tuple(found)


def _happened(one: Happened, words: Language) -> str:
    reason = words.text(REASONS[Reason(one.reason)]) if one.reason in set(Reason) else one.reason
    return words.text(HAPPENED.get(one.kind, one.kind), reason=reason, instead=one.instead or "?")


def _moment(at: str | None, words: Language) -> str:
    """Return a moment that stands in a file, in words; "": there is none, or it is none."""
    if not at:
        return ""
    try:
        return words.moment(datetime.fromisoformat(at), None)
    except ValueError:
        return ""


def _said(said: Worded, words: Language) -> str:
    return with_remedy(said.problem(words.code), said.remedy(words.code))
