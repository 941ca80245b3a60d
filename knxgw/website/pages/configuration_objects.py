"""Group addresses of the configuration: a table, and files for ETS. Source: website 49."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from flask import Blueprint, Response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from knxgw.catalogue.load import catalogue
from knxgw.config.edit_yaml import NotEditableError, Path, edited, values_of
from knxgw.config.load import parse_configuration
from knxgw.config.model import Configuration, GroupAddress
from knxgw.config.objects import existing_objects, possible_objects, why_missing
from knxgw.config.schema import GROUP_OBJECTS
from knxgw.errors import GatewayError
from knxgw.ets.address_plan import NoRoomError
from knxgw.ets.exported import AddressWishes, Shape, group_addresses, planned_links
from knxgw.website.access.roles import Right
from knxgw.website.address_fields import address_changes, address_fields, address_notes
from knxgw.website.config_form import Field, FieldGroup
from knxgw.website.configuring import sum_of
from knxgw.website.drafts import Draft
from knxgw.website.exports import download
from knxgw.website.field_findings import FoundInForm, found_in_form
from knxgw.website.import_rows import object_name, said
from knxgw.website.language import marked
from knxgw.website.pages.common import checked, language, site
from knxgw.website.pages.configuration_forms import draft_now, keep_draft, not_editable
from knxgw.website.pages.taking import Taken, before_in, new_page, overlap_rows, take_into_draft
from knxgw.website.security import needs
from knxgw.website.two_windows import changed_here, shown_in
from knxgw.website.typed import Basis
from knxgw.website.uploads import FORM_KIB, MIB

pages = Blueprint("configuration_objects", __name__)
FORMATS = {
    "ets-csv": (Shape.ETS_CSV, "knxgw-group-addresses.csv", "text/csv; charset=utf-8"),
    "ets-xml": (Shape.ETS_XML, "knxgw-group-addresses.xml", "application/xml; charset=utf-8"),
}
WIZARD = "wizard"  # whoever came from there goes back there
ONLY_WITHOUT_ERRORS = marked(
    "The draft has errors. As soon as they are corrected, its group addresses can be downloaded for ETS."
)


class ObjectRow(NamedTuple):
    """A group object of the draft."""

    number: int
    name: str
    dpt: str
    field: Field
    addresses: tuple[GroupAddress, ...]  # those that are understood


class Table(NamedTuple):
    """The table of group addresses that a text gives."""

    rows: list[ObjectRow]
    group: FieldGroup
    can_run: bool
    understood: Configuration | None


class MissingRow(NamedTuple):
    """A group object that the draft does not have."""

    number: int
    name: str
    reason: str


@pages.get("/config/objects")
@needs(Right.CONFIGURATION)
def objects() -> str:
    """Show the group objects of the draft with their group addresses."""
    draft = draft_now()
    try:
        return _page(draft)
    except NotEditableError:
        return render_template("configuration_objects.html", can_show=False, then=came_from())


@pages.post("/config/objects")
@needs(Right.CONFIGURATION)
def save() -> AnyResponse | str | tuple[str, int]:
    """Take what was typed into the draft; where something is wrong at a field, the table says so."""
    try:
        draft, taken = take_into_draft(with_typed_addresses, addresses_sum)
        if taken.overlaps:
            return _page(draft, taken), 409
        found = found_in_table(draft.text)
        if any(one.tone == "bad" for texts in found.by_field.values() for one in texts):
            return _page(draft)
    except NotEditableError as err:
        return not_editable(err)
    return redirect(_after(), 303)


@pages.get("/config/objects/export")
@needs(Right.CONFIGURATION)
def export() -> Response | tuple[str, int]:
    """Return the group addresses of the draft as a file for the import of ETS."""
    shape, name, kind = FORMATS.get(request.args.get("format", ""), FORMATS["ets-csv"])
    configuration = parse_configuration(
        draft_now().text, catalogue(), is_offline=True
    ).configuration
    if configuration is None:
        return refused([language().text(ONLY_WITHOUT_ERRORS)])
    numbers = {one.number for one in existing_objects(configuration, catalogue())}
    try:
        content = group_addresses(configuration, catalogue(), shape, address_wishes(), numbers)
    except GatewayError as err:
        return refused([why_no_addresses(err)])
    return download(name, content, kind)


@pages.post("/config/objects/plan")
@needs(Right.CONFIGURATION)
def plan() -> AnyResponse | str | tuple[str, int]:
    """Give every group object of the draft that has none a group address, as the export does."""
    draft = draft_now()
    try:
        return changed(draft, planned_changes(draft.text, address_wishes()))
    except NotEditableError as err:
        return not_editable(err)
    except GatewayError as err:
        return refused([why_no_addresses(err)])


def planned_changes(text: str, wishes: AddressWishes) -> dict[Path, object | None]:
    """Return the changes that give each group object without an address a free one.

    One with a wrong address keeps it: somebody has typed it. Raises: GatewayError, NotEditableError.
    """
    table = table_of(text)
    if table.understood is None:
        return {}
    links = planned_links(table.understood, catalogue(), wishes)
    return {
        row.field.path: [str(address) for address in links[row.number]]
        for row in table.rows
        if not row.field.value and row.number in links
    }


# --- what is typed


def with_typed_addresses(basis: Basis) -> Taken:
    """Return a text with what was typed into the table. Raises: NotEditableError."""
    fields = _every_field(basis.text)
    here = changed_here(fields, request.form, before_in(basis))
    kept = {name: text for name, text in here.texts.items() if name not in here.overlaps}
    return Taken(
        edited(basis.text, address_changes(fields, kept)),
        edited(basis.text, address_changes(fields, here.texts)),
        here.overlaps,
    )


def addresses_sum(text: str) -> str:
    """Return what tells apart what the table shows of one text and of another. Raises: NotEditableError."""
    return sum_of(shown_addresses(text))


def shown_addresses(text: str) -> str:
    """Return what the fields of the table show of a text, as it carries it. Raises: NotEditableError."""
    return shown_in(_every_field(text))


def _every_field(text: str) -> tuple[Field, ...]:
    """Return the field of each group object that a device can have: which of them there are does not matter."""
    every = possible_objects(catalogue())
    return address_fields(every, values_of(text), language()).fields


def found_in_table(text: str) -> FoundInForm:
    """Return what a check of a text finds, as the table shows it. Raises: NotEditableError."""
    table, words = table_of(text), language()
    found = found_in_form(checked(text), [table.group], GROUP_OBJECTS, words)
    notes = address_notes(table.rows, _values_in_force(), words)
    names = found.by_field.keys() | notes.keys()
    beside = {name: [*found.by_field.get(name, ()), *notes.get(name, ())] for name in names}
    return replace(found, by_field=beside)


def _values_in_force() -> Mapping[str, Any] | None:
    """Return what the file says, None: nothing that can be compared."""
    try:
        return values_of(site().bridge.device.configuring.text())
    except (OSError, NotEditableError):
        return None


# --- parts


def understood_of(text: str) -> Configuration | None:
    """Return what of a text is understood, also if it has errors; None: it has no keys and values."""
    return parse_configuration(text, catalogue(), is_offline=True).understood


def table_of(text: str) -> Table:
    """Return the table that a text gives, as far as it is understood. Raises: NotEditableError."""
    loaded, words = parse_configuration(text, catalogue(), is_offline=True), language()
    understood = loaded.understood
    objects = () if understood is None else existing_objects(understood, catalogue())
    group = address_fields(objects, values_of(text), words)
    rows = [
        ObjectRow(
            number=one.number,
            name=object_name(one.point, one.function.in_language(words.code), words),
            dpt=one.dpt or "",
            field=field,
            addresses=one.addresses,
        )
        for one, field in zip(objects, group.fields, strict=True)
    ]
    return Table(rows, group, loaded.configuration is not None, understood)


def linked_and_all(text: str) -> tuple[int, int]:
    """Return how many group objects of a text have an address, and how many there are."""
    understood = understood_of(text)
    objects = () if understood is None else existing_objects(understood, catalogue())
    return sum(bool(one.addresses) for one in objects), len(objects)


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
            name = object_name(one.point, one.function.in_language(words.code), words)
            yield MissingRow(one.number, name, reason.in_language(words.code))


def _page(draft: Draft, taken: Taken | None = None) -> str:
    """Return the table; `taken`: what was typed and not all taken. Raises: NotEditableError."""
    text, words = draft.text if taken is None else taken.text, language()
    table = table_of(text)
    return render_template(
        "configuration_objects.html",
        rows=table.rows,
        missing=list(_missing(table.understood)),
        can_show=True,
        can_run=table.can_run,
        is_empty=_is_empty(text),
        found=found_in_table(text),
        was_sent=request.method == "POST",
        page=new_page(),
        # what is not taken yet is kept only when it is sent again
        seen="" if taken else addresses_sum(draft.text),
        was=shown_addresses(draft.text),
        overlaps=[] if taken is None else overlap_rows([table.group], taken.overlaps, words),
        then=came_from(),
        form_kib=FORM_KIB,
        largest_mib=site().uploads.limits.largest // MIB,
    )


def _is_empty(text: str) -> bool:
    """Tell whether a text configures nothing yet, so that there is nothing in it to correct."""
    try:
        return not values_of(text)
    except NotEditableError:
        return False


def came_from() -> str:
    """Return where whoever asks goes on afterwards: "wizard", or "" for the check of the draft."""
    return WIZARD if WIZARD in (request.values.get("then"), request.args.get("from")) else ""


def changed(
    draft: Draft, changes: Mapping[Path, object | None]
) -> AnyResponse | str | tuple[str, int]:
    """Keep the draft with changes, and go on to its check, or with the wizard."""
    try:
        text = edited(draft.text, changes)
    except NotEditableError as err:
        return not_editable(err)
    keep_draft(Draft(text=text, based_on=draft.based_on))
    return redirect(_after(), 303)


def _after() -> str:
    """Return where it goes on: with the check of the draft, or with the wizard."""
    return "/wizard/knx" if came_from() else "/config/draft"


def why_no_addresses(error: GatewayError) -> str:
    """Return why no addresses can be given, in the language of the page."""
    return said(error.words, language()) if isinstance(error, NoRoomError) else str(error)


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


def refused(texts: Iterable[str]) -> tuple[str, int]:
    """Return the page that says why something is not possible."""
    return render_template("configuration_refused.html", texts=list(texts)), 409
