"""Group addresses of the configuration: a table, files for ETS, and what comes from ETS. Source: website 49."""

import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from tempfile import TemporaryFile
from typing import IO, NamedTuple

from flask import Blueprint, Response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from knxgw.catalogue.ets_words import ets_words
from knxgw.catalogue.load import catalogue
from knxgw.catalogue.messages import Message, message
from knxgw.config.edit_yaml import NotEditableError, Path, edited
from knxgw.config.group_objects import definitions
from knxgw.config.load import parse_configuration
from knxgw.config.model import Configuration
from knxgw.config.objects import existing_objects, possible_objects, why_missing
from knxgw.config.schema import GROUP_OBJECTS
from knxgw.errors import ConfigError, FileLine, Finding, GatewayError, with_remedy
from knxgw.ets.address_list import LARGEST_LIST
from knxgw.ets.exported import AddressWishes, Shape, group_addresses, planned_links
from knxgw.ets.imported import Imported, Wanted, import_project
from knxgw.ets.match_objects import Outcome, expected_objects
from knxgw.ets.project import EtsFileError, EtsProject
from knxgw.ets.project_process import read_project
from knxgw.ets.propose import Confidence
from knxgw.ets.read_group_addresses import read_group_addresses
from knxgw.monitoring.csv_table import plain_text
from knxgw.website.access.roles import Right
from knxgw.website.api.uploads import words_of
from knxgw.website.drafts import Draft
from knxgw.website.exports import download
from knxgw.website.language import Language, marked
from knxgw.website.pages.common import language, session, site
from knxgw.website.pages.configuration_forms import draft_now, keep_draft, not_editable
from knxgw.website.security import needs
from knxgw.website.uploads import FORM_KIB, MIB, UploadError

pages = Blueprint("configuration_objects", __name__)
ZIP = b"PK"
LONGEST_NAME = 200  # characters of the name of a file
PROPOSALS = "ets_proposals"  # how many there are: the page shows them
FORMATS = {
    "ets-csv": (Shape.ETS_CSV, "knxgw-group-addresses.csv", "text/csv; charset=utf-8"),
    "ets-xml": (Shape.ETS_XML, "knxgw-group-addresses.xml", "application/xml; charset=utf-8"),
}
OUTCOMES = {
    Outcome.TAKEN: marked("taken"),
    Outcome.CHANGED: marked("taken, not all as in ETS"),
    Outcome.LEFT_OUT: marked("left out"),
}
CONFIDENCES = {
    Confidence.HIGH: marked("proposal: sure"),
    Confidence.MEDIUM: marked("proposal: likely"),
    Confidence.LOW: marked("proposal: uncertain"),
}
_SEPARATORS = re.compile(r"[,;\s]+")


class ObjectRow(NamedTuple):
    """A group object of the draft."""

    number: int
    name: str
    dpt: str
    addresses: str


class MissingRow(NamedTuple):
    """A group object that the draft does not have."""

    number: int
    name: str
    reason: str


class ImportRow(NamedTuple):
    """What comes from ETS for a group object."""

    number: int | None
    name: str
    how: str
    addresses: str
    in_ets: str  # what the address is called there
    findings: tuple[str, ...]
    can_be_taken: bool
    is_proposed: bool  # chosen from the beginning


@pages.get("/config/objects")
@needs(Right.CONFIGURATION)
def objects() -> str:
    """Show the group objects of the draft with their group addresses."""
    return _page(draft_now())


@pages.post("/config/objects")
@needs(Right.CONFIGURATION)
def save() -> AnyResponse | str | tuple[str, int]:
    """Take what was typed into the draft."""
    draft = draft_now()
    changes: dict[Path, object | None] = {}
    for row in object_rows(_configuration(draft.text)):
        typed = request.form.get(f"object:{row.number}")
        if typed is not None and _split(typed) != _split(row.addresses):
            changes[GROUP_OBJECTS, str(row.number)] = _split(typed) or None
    return _changed(draft, changes)


@pages.get("/config/objects/export")
@needs(Right.CONFIGURATION)
def export() -> Response | tuple[str, int]:
    """Return the group addresses of the draft as a file for the import of ETS."""
    shape, name, kind = FORMATS.get(request.args.get("format", ""), FORMATS["ets-csv"])
    configuration = _configuration(draft_now().text)
    numbers = {row.number for row in object_rows(configuration)}
    try:
        content = group_addresses(configuration, catalogue(), shape, address_wishes(), numbers)
    except GatewayError as err:
        return _refused([str(err)])
    return download(name, content, kind)


@pages.post("/config/objects/plan")
@needs(Right.CONFIGURATION)
def plan() -> AnyResponse | str | tuple[str, int]:
    """Give every group object of the draft that has none a group address, as the export does."""
    draft = draft_now()
    configuration = _configuration(draft.text)
    try:
        changes = planned_changes(configuration, address_wishes())
    except GatewayError as err:
        return _refused([str(err)])
    return _changed(draft, changes)


def planned_changes(
    configuration: Configuration | None, wishes: AddressWishes
) -> dict[Path, object | None]:
    """Return the changes that give each group object without an address a free one. Raises: GatewayError."""
    links = planned_links(configuration, catalogue(), wishes)
    return {
        (GROUP_OBJECTS, str(row.number)): [str(address) for address in links[row.number]]
        for row in object_rows(configuration)
        if not row.addresses and row.number in links
    }


@pages.post("/config/objects/import")
@needs(Right.CONFIGURATION)
def import_file() -> str | tuple[str, int]:
    """Show what comes from an ETS project, or from a list of group addresses; nothing is taken yet."""
    uploaded, upload_id, words = request.files.get("file"), request.form.get("upload"), language()
    try:
        if upload_id:  # it has come in parts
            name = plain_text(request.form.get("file_name", "")[:LONGEST_NAME])
            with site().uploads.taken(session().account, upload_id) as file:
                return _imported(name or "?", file)
        if uploaded is None or not uploaded.filename:
            return _refused([words.text("No file was chosen.")])
        with TemporaryFile() as file:  # it has no name, and is gone with this request
            shutil.copyfileobj(uploaded.stream, file)
            file.seek(0)
            return _imported(uploaded.filename, file)
    except UploadError as err:
        return _refused([words_of(err.why)])
    except OSError as err:
        said = message("file_unreadable", reason=err.strerror or str(err))
        return _refused([said.problem(words.code)])


def _imported(name: str, file: IO[bytes]) -> str | tuple[str, int]:
    """Return the page of what comes from a file."""
    words = language()
    configuration = _configuration(draft_now().text)

    def locate(key: str) -> FileLine:
        return FileLine(name, 0, key)

    try:
        project = _read(file, request.form.get("password") or None, words.code)
        imported = import_project(project, _wanted(name, configuration, words), locate)
    except EtsFileError as err:
        return _refused([_said(Finding(place=locate(""), words=err.words), words)])
    except ConfigError as err:
        return _refused([_said(finding, words) for finding in err.findings])
    return render_template(
        "configuration_import.html",
        file=name,
        individual_address=imported.individual_address or "",
        rows=[*_objects(imported, words), *_proposals(imported, words)],
        findings=[
            _said(finding, words)
            for finding in imported.findings
            if not (isinstance(finding.words, Message) and finding.words.id == PROPOSALS)
        ],
        are_proposals=bool(imported.proposals),
    )


@pages.post("/config/objects/take")
@needs(Right.CONFIGURATION)
def take() -> AnyResponse | str | tuple[str, int]:
    """Take what somebody chose of an import into the draft."""
    known = definitions(catalogue())
    chosen: dict[int, list[str]] = {}
    for one in request.form.getlist("take"):
        number, _, addresses = one.partition("=")
        if number.isdecimal() and number.isascii() and int(number) in known:
            chosen.setdefault(int(number), []).extend(_split(addresses))
    changes: dict[Path, object | None] = {
        (GROUP_OBJECTS, str(number)): list(dict.fromkeys(addresses))
        for number, addresses in chosen.items()
    }
    address = request.form.get("individual_address")
    if address and request.form.get("take_address"):
        changes["knx", "individual_address"] = address
    return _changed(draft_now(), changes)


# --- parts


def _configuration(text: str) -> Configuration | None:
    """Return what a text means, None: it has errors."""
    return parse_configuration(text, catalogue(), is_offline=True).configuration


def object_rows(configuration: Configuration | None) -> list[ObjectRow]:
    """Return the group objects of a configuration with their group addresses."""
    words = language()
    if configuration is None:
        return []
    return [
        ObjectRow(
            number=one.number,
            name=_name(one.point, one.function.in_language(words.code), words),
            dpt=one.dpt or "",
            addresses=", ".join(map(str, one.addresses)),
        )
        for one in existing_objects(configuration, catalogue())
    ]


def _missing(configuration: Configuration | None) -> Iterator[MissingRow]:
    """Yield the group objects that the charging points of a site do not have, with the reason."""
    if configuration is None:
        return
    words = language()
    points = {point.number: point for point in configuration.points}
    for one in possible_objects(catalogue()):
        if one.point is not None and one.point not in points:
            continue
        reason = why_missing(
            one.definition,
            configuration.load_management,
            points.get(one.point) if one.point is not None else None,
            catalogue().product.texts,
        )
        if reason is not None:
            name = _name(one.point, one.function.in_language(words.code), words)
            yield MissingRow(one.number, name, reason.in_language(words.code))


def _name(point: int | None, function: str, words: Language) -> str:
    if point is None:
        return function
    return f"{words.text('Charging point {number}', number=point)}: {function}"


def _points() -> dict[int | None, int | None]:
    """Return the charging point of each group object by its number."""
    return {one.number: one.point for one in possible_objects(catalogue())}


def _split(text: str) -> list[str]:
    return [one for one in _SEPARATORS.split(text) if one]


def _page(draft: Draft) -> str:
    configuration = _configuration(draft.text)
    return render_template(
        "configuration_objects.html",
        rows=object_rows(configuration),
        missing=list(_missing(configuration)),
        can_run=configuration is not None,
        form_kib=FORM_KIB,
        largest_mib=site().uploads.limits.largest // MIB,
    )


def _changed(
    draft: Draft, changes: Mapping[Path, object | None]
) -> AnyResponse | str | tuple[str, int]:
    """Keep the draft with changes, and go on to its check."""
    try:
        text = edited(draft.text, changes)
    except NotEditableError as err:
        return not_editable(err)
    keep_draft(Draft(text=text, based_on=draft.based_on))
    return redirect("/config/draft", 303)


def address_wishes() -> AddressWishes:
    """Return where new addresses are wanted, as far as that was typed. Raises: GatewayError."""
    return AddressWishes(
        main=_typed("main", 31, marked("The main group is a number from 0 to 31.")),
        middle=_typed("middle", 7, marked("The middle group is a number from 0 to 7.")),
        language=language().code,
    )


def _typed(name: str, highest: int, words: str) -> int | None:
    """Return a number that was typed, None: nothing was. Raises: GatewayError."""
    text = request.values.get(name, "").strip()
    if not text:
        return None
    if not (text.isdecimal() and text.isascii() and int(text) <= highest):
        raise GatewayError(language().text(words))
    return int(text)


def _wanted(file: str, configuration: Configuration | None, words: Language) -> Wanted:
    return Wanted(
        file=file,
        expected=expected_objects(catalogue(), configuration),
        words=ets_words(),
        configuration=configuration,
        device=request.form.get("device", "").strip() or None,
        language=words.code,
    )


def _read(file: IO[bytes], password: str | None, language_code: str) -> EtsProject:
    """Return what a real file says. Raises: EtsFileError; OSError."""
    start = file.read(len(ZIP))
    file.seek(0)
    if start == ZIP:
        return read_project(file, password, language_code)
    return read_group_addresses(file.read(LARGEST_LIST + 1))


def _objects(imported: Imported, words: Language) -> Iterator[ImportRow]:
    """Yield what becomes of each group object of a device in ETS."""
    points = _points()
    for one in imported.objects:
        is_taken = one.outcome is not Outcome.LEFT_OUT
        yield ImportRow(
            number=one.number,
            name=(
                ""
                if one.function is None
                else _name(points.get(one.number), one.function.in_language(words.code), words)
            ),
            how=words.text(OUTCOMES[one.outcome]),
            addresses=", ".join(map(str, one.addresses)),
            in_ets="",
            findings=tuple(_said(finding, words) for finding in one.findings),
            can_be_taken=is_taken and one.number is not None,
            is_proposed=is_taken,
        )


def _proposals(imported: Imported, words: Language) -> Iterator[ImportRow]:
    """Yield what the names of group addresses suggest; only what is sure is chosen from the beginning."""
    points = _points()
    for one in imported.proposals:
        yield ImportRow(
            number=one.number,
            name=_name(points.get(one.number), one.function.in_language(words.code), words),
            how=words.text(CONFIDENCES[one.confidence]),
            addresses=str(one.address),
            in_ets=one.name,
            findings=(),
            can_be_taken=True,
            is_proposed=one.confidence is Confidence.HIGH,
        )


def _said(finding: Finding, words: Language) -> str:
    return with_remedy(*finding.said(words.code))


def _refused(texts: Iterable[str]) -> tuple[str, int]:
    return render_template("configuration_refused.html", texts=list(texts)), 409
