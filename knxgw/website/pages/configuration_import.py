"""Group addresses that come from ETS: the file is read, shown, and what somebody chooses is taken. Source: website 49."""

import shutil
from collections.abc import Iterator
from tempfile import TemporaryFile
from typing import Any

from flask import Blueprint, Response, jsonify, redirect, render_template, request
from werkzeug.datastructures import FileStorage
from werkzeug.wrappers import Response as AnyResponse

from knxgw.catalogue.ets_words import ets_words
from knxgw.catalogue.load import catalogue
from knxgw.catalogue.messages import message
from knxgw.config.edit_yaml import NotEditableError, Path, values_of
from knxgw.config.group_objects import definitions
from knxgw.config.model import Configuration
from knxgw.config.schema import GROUP_OBJECTS
from knxgw.errors import ConfigError, FileLine, Place
from knxgw.ets.child_process import Bounds
from knxgw.ets.imported import (
    Imported,
    NothingFoundError,
    Wanted,
    import_project,
    secured_links,
    warn_about_keys,
)
from knxgw.ets.keyring_match import keyring_report
from knxgw.ets.match_objects import expected_objects
from knxgw.ets.project import EtsProject
from knxgw.links.keyring_contents import read_contents
from knxgw.monitoring.csv_table import plain_text
from knxgw.website.access.roles import Right
from knxgw.website.address_fields import split_addresses
from knxgw.website.api.uploads import words_of
from knxgw.website.ets_reading import AnotherIsReadError, Question, Reading
from knxgw.website.field_findings import TONES, FindingText
from knxgw.website.import_rows import (
    choice_rows,
    device_rows,
    found_in,
    object_rows,
    proposal_rows,
    said,
    type_path,
)
from knxgw.website.language import Language
from knxgw.website.pages.common import language, session, site
from knxgw.website.pages.configuration_forms import draft_now, not_editable
from knxgw.website.pages.configuration_objects import (
    came_from,
    changed,
    refused,
    understood_of,
)
from knxgw.website.pages.wizard_shown import Shown, ShownRow
from knxgw.website.security import needs
from knxgw.website.uploads import UploadError

pages = Blueprint("configuration_import", __name__)
HERE = "/config/objects/import"
LONGEST_NAME = 200  # characters of the name of a file
PATIENCE_S = 2.0  # a file that is read so soon is shown at once


@pages.post(HERE)
@needs(Right.CONFIGURATION)
def import_file() -> AnyResponse | str | tuple[str, int]:
    """Read an ETS project, or a list of group addresses, and show what it says; nothing is taken yet."""
    words, account, form = language(), session().account, request.form
    uploaded, upload_id = request.files.get("file"), form.get("upload", "")
    before = site().readings.of(account)
    if before is not None and before.is_running and before.question.upload_id == upload_id:
        return redirect(HERE, 303)  # it was sent twice
    name = form.get("file_name", "")
    try:
        if not upload_id:  # else it has come in parts, or is still there from before
            if uploaded is None or not uploaded.filename:
                return refused([words.text("No file was chosen.")])
            name, upload_id = uploaded.filename, _stored(uploaded)
        reading = site().readings.start(
            Question(
                account=account,
                upload_id=upload_id,
                name=plain_text(name[:LONGEST_NAME]) or "?",
                language=words.code,
                is_wanted=site().gate.still_lets_in(),
                then=came_from(),
            ),
            form.get("password") or None,
        )
    except UploadError as err:
        return refused([words_of(err.why)])
    except AnotherIsReadError:
        wrong = words.text("Another import is running. Wait until it has ended, and try again.")
        frame = {"file": plain_text(name), "upload_id": upload_id, "then": came_from()}
        return render_template(
            "configuration_import.html", wrong=wrong, is_read=False, **frame
        ), 409
    except OSError as err:
        reason = message("file_unreadable", reason=err.strerror or str(err))
        return refused([reason.problem(words.code)])
    return _shown(reading) if reading.ended.wait(PATIENCE_S) else redirect(HERE, 303)


@pages.get(HERE)
@needs(Right.CONFIGURATION)
def look() -> AnyResponse | str | tuple[str, int]:
    """Show how far a file is, or what it says."""
    reading = site().readings.of(session().account)
    return redirect("/config/objects", 303) if reading is None else _shown(reading)


@pages.get(f"{HERE}/progress")
@needs(Right.CONFIGURATION)
def progress() -> Response:
    """Tell how far it is."""
    reading = site().readings.of(session().account)
    return jsonify((Shown() if reading is None else _progress(reading)).as_json())


@pages.post(f"{HERE}/device")
@needs(Right.CONFIGURATION)
def choose_device() -> AnyResponse | str | tuple[str, int]:
    """Show what another device of the same project links: the file need not be read again."""
    reading = site().readings.of(session().account)
    if reading is None or reading.project is None:
        return redirect("/config/objects", 303)
    reading.device = request.form.get("device", "").strip() or None
    return _shown(reading)


@pages.post(f"{HERE}/cancel")
@needs(Right.CONFIGURATION)
def cancel() -> AnyResponse:
    """Stop reading, and forget the file."""
    site().readings.forget(session().account)
    return redirect("/wizard/knx" if came_from() else "/config/objects", 303)


@pages.post("/config/objects/take")
@needs(Right.CONFIGURATION)
def take() -> AnyResponse | str | tuple[str, int]:
    """Take what somebody chose of an import into the draft."""
    known, draft = definitions(catalogue()), draft_now()
    chosen: dict[int, list[str]] = {}
    for one in request.form.getlist("take"):
        number, _, addresses = one.partition("=")
        if number.isdecimal() and number.isascii() and int(number) in known:
            chosen.setdefault(int(number), []).extend(split_addresses(addresses))
    changes: dict[Path, object | None] = {
        (GROUP_OBJECTS, str(number)): list(dict.fromkeys(addresses))
        for number, addresses in chosen.items()
    }
    address = request.form.get("individual_address")
    if address and request.form.get("take_address"):
        changes["knx", "individual_address"] = address
    try:
        changes |= _choices(draft.text)
    except NotEditableError as err:
        return not_editable(err)
    site().readings.forget(session().account)
    return changed(draft, changes)


def _choices(text: str) -> dict[Path, object | None]:
    """Return the datapoint types and names that somebody chose. Raises: NotEditableError."""
    values = values_of(text)
    changes: dict[Path, object | None] = {}
    for one in request.form.getlist("type") + request.form.getlist("name"):
        what, _, value = one.partition("=")
        path = type_path(what, values)
        if path is not None and value:
            changes[path] = value
    return changes


# --- what is shown


def _stored(uploaded: FileStorage) -> str:
    """Keep the file of a form, so that it need not be sent twice. Raises: UploadError; OSError."""
    with TemporaryFile() as file:  # it has no name
        shutil.copyfileobj(uploaded.stream, file)
        return site().uploads.store(session().account, file, site().gate.still_lets_in())


def _shown(reading: Reading) -> str | tuple[str, int]:
    """Return the page of a reading: how far it is, why it is refused, or what it says."""
    words = language()
    frame: dict[str, Any] = {
        "file": reading.question.name,
        "upload_id": "",
        "then": reading.question.then,
    }
    if reading.is_running:
        return render_template("configuration_reading.html", found=_progress(reading), **frame)
    if reading.project is None:
        reason = reading.refusal or message("ets_project_damaged")
        if reading.can_be_corrected:
            frame |= {"upload_id": reading.question.upload_id, "is_read": True}
        wrong = f"{reading.question.name}: {said(reason, words)}"
        return render_template("configuration_import.html", wrong=wrong, **frame), 409
    return _found(reading, reading.project, words, frame)


def _found(
    reading: Reading, project: EtsProject, words: Language, frame: dict[str, Any]
) -> str | tuple[str, int]:
    """Return the page of what a project says."""
    configuration = understood_of(draft_now().text)
    wanted = Wanted(
        file=reading.question.name,
        expected=expected_objects(catalogue(), configuration),
        words=ets_words(),
        configuration=configuration,
        device=reading.device,
        language=words.code,
    )
    frame["devices"] = device_rows(project, reading.device, words)
    try:
        imported = import_project(
            project, wanted, lambda key: FileLine(reading.question.name, 0, key)
        )
    except NothingFoundError as err:
        wrong = f"{reading.question.name}: {said(err.refused.words, words)}"
        rows = list(object_rows(err.objects, project, configuration, words))
        return render_template("configuration_import.html", wrong=wrong, rows=rows, **frame), 409
    return render_template(
        "configuration_import.html",
        rows=[
            *object_rows(imported.objects, project, configuration, words),
            *proposal_rows(imported.proposals, project, configuration, words),
        ],
        choices=choice_rows(imported, project, wanted, words),
        individual_address=imported.individual_address or "",
        found=found_in(imported, words),
        remarks=[said(one.words, words) for one in imported.remarks],
        staying=_staying(imported, configuration),
        keys=list(_keys(imported, project, configuration, words)),
        are_proposals=bool(imported.proposals),
        **frame,
    )


def _staying(imported: Imported, configuration: Configuration | None) -> list[str]:
    """Return the links of the draft that a device in ETS does not have; they stay as they are."""
    if configuration is None or imported.device is None:
        return []
    return [
        f"{number}: {', '.join(map(str, link.addresses))}"
        for number, link in configuration.group_objects.items()
        if number not in imported.links
    ]


def _keys(
    imported: Imported, project: EtsProject, configuration: Configuration | None, words: Language
) -> Iterator[FindingText]:
    """Yield what is to be known about KNX Data Secure: whether the keyring has the keys, or that one is needed."""
    offered = {**imported.links, **{one.number: one.addresses for one in imported.proposals}}
    linked, secured = secured_links(project, offered)
    if not secured:
        return
    contents = None
    if configuration is not None and configuration.knx.keyring:
        try:
            contents = read_contents(configuration.knx)
        except ConfigError as err:
            yield from (FindingText("bad", said(one.words, words)) for one in err.findings)
    if contents is None:
        for finding in warn_about_keys(secured, _nowhere):
            yield FindingText(TONES[finding.severity], said(finding.words, words))
        return
    own = imported.individual_address or (
        configuration.knx.individual_address if configuration else None
    )
    for severity, text in keyring_report(contents, own, linked, secured):
        yield FindingText(TONES[severity], said(text, words))


def _progress(reading: Reading) -> Shown:
    """Return how far the reading of a file is."""
    words, bound_s = language(), Bounds().time_s
    running_s = min(int(site().readings.running_s(reading)), bound_s)
    return Shown(
        is_running=reading.is_running,
        said=words.text(
            "The file is being read: {seconds} s of at most {most} s.",
            seconds=running_s,
            most=bound_s,
        ),
        done=running_s,
        total=bound_s,
        rows=(
            ShownRow(
                reading.question.name,
                words.text("is being read"),
                words.text("Group addresses, devices and their links; nothing is changed."),
                "info",
            ),
        ),
    )


def _nowhere(key: str) -> Place:
    return FileLine("", 0, key)
