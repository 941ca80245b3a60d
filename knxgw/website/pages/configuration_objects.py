"""Group addresses of the configuration: a table, and files for ETS. Source: website 49."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from flask import Blueprint, Response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from knxgw.catalogue.load import catalogue
from knxgw.config.edit_yaml import NotEditableError, Path, edited, values_of
from knxgw.config.load import parse_configuration
from knxgw.config.model import Configuration
from knxgw.config.objects import existing_objects, possible_objects, why_missing
from knxgw.config.schema import GROUP_OBJECTS
from knxgw.errors import GatewayError
from knxgw.ets.exported import AddressWishes, Shape, group_addresses, planned_links
from knxgw.website.access.roles import Right
from knxgw.website.drafts import Draft
from knxgw.website.exports import download
from knxgw.website.import_rows import object_name
from knxgw.website.language import marked
from knxgw.website.pages.common import language, site
from knxgw.website.pages.configuration_forms import draft_now, keep_draft, not_editable
from knxgw.website.security import needs
from knxgw.website.uploads import FORM_KIB, MIB

pages = Blueprint("configuration_objects", __name__)
FORMATS = {
    "ets-csv": (Shape.ETS_CSV, "knxgw-group-addresses.csv", "text/csv; charset=utf-8"),
    "ets-xml": (Shape.ETS_XML, "knxgw-group-addresses.xml", "application/xml; charset=utf-8"),
}
WIZARD = "wizard"  # whoever came from there goes back there
_SEPARATORS = re.compile(r"[,;\s]+")


class ObjectRow(NamedTuple):
    """A group object of the draft."""

    number: int
    name: str
    dpt: str
    addresses: str
    shared: tuple[
        str, ...
    ] = ()  # addresses that other objects have as well, each with their numbers
    is_changed: bool = False  # the file in force says otherwise


class MissingRow(NamedTuple):
    """A group object that the draft does not have."""

    number: int
    name: str
    reason: str


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
    for row in object_rows(configuration_of(draft.text)):
        typed = request.form.get(f"object:{row.number}")
        if typed is not None and split_addresses(typed) != split_addresses(row.addresses):
            changes[GROUP_OBJECTS, str(row.number)] = split_addresses(typed) or None
    return changed(draft, changes)


@pages.get("/config/objects/export")
@needs(Right.CONFIGURATION)
def export() -> Response | tuple[str, int]:
    """Return the group addresses of the draft as a file for the import of ETS."""
    shape, name, kind = FORMATS.get(request.args.get("format", ""), FORMATS["ets-csv"])
    configuration = configuration_of(draft_now().text)
    numbers = {row.number for row in object_rows(configuration)}
    try:
        content = group_addresses(configuration, catalogue(), shape, address_wishes(), numbers)
    except GatewayError as err:
        return refused([str(err)])
    return download(name, content, kind)


@pages.post("/config/objects/plan")
@needs(Right.CONFIGURATION)
def plan() -> AnyResponse | str | tuple[str, int]:
    """Give every group object of the draft that has none a group address, as the export does."""
    draft = draft_now()
    configuration = configuration_of(draft.text)
    try:
        changes = planned_changes(configuration, address_wishes())
    except GatewayError as err:
        return refused([str(err)])
    return changed(draft, changes)


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


# --- parts


def configuration_of(text: str) -> Configuration | None:
    """Return what a text means, None: it has errors."""
    return parse_configuration(text, catalogue(), is_offline=True).configuration


def object_rows(configuration: Configuration | None) -> list[ObjectRow]:
    """Return the group objects of a configuration with their group addresses."""
    words = language()
    if configuration is None:
        return []
    users: dict[str, list[int]] = defaultdict(list)
    for one in existing_objects(configuration, catalogue()):
        for address in one.addresses:
            users[address].append(one.number)
    return [
        ObjectRow(
            number=one.number,
            name=object_name(one.point, one.function.in_language(words.code), words),
            dpt=one.dpt or "",
            addresses=", ".join(map(str, one.addresses)),
            shared=tuple(
                words.text(
                    "{address} also at {numbers}", address=address, numbers=", ".join(others)
                )
                for address in one.addresses
                if (others := [str(user) for user in users[address] if user != one.number])
            ),
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
            name = object_name(one.point, one.function.in_language(words.code), words)
            yield MissingRow(one.number, name, reason.in_language(words.code))


def split_addresses(text: str) -> list[str]:
    """Return the addresses that a text lists."""
    return [one for one in _SEPARATORS.split(text) if one]


def _page(draft: Draft) -> str:
    configuration = configuration_of(draft.text)
    return render_template(
        "configuration_objects.html",
        rows=_marked(object_rows(configuration)),
        missing=list(_missing(configuration)),
        can_run=configuration is not None,
        is_empty=_is_empty(draft.text),
        then=came_from(),
        form_kib=FORM_KIB,
        largest_mib=site().uploads.limits.largest // MIB,
    )


def _marked(rows: list[ObjectRow]) -> list[ObjectRow]:
    """Mark the group objects that the file in force links in another way than the draft."""
    try:
        in_force = configuration_of(site().bridge.device.configuring.text())
    except OSError:
        return rows
    links = {} if in_force is None else in_force.group_objects
    before = {number: ", ".join(map(str, link.addresses)) for number, link in links.items()}
    return [one._replace(is_changed=one.addresses != before.get(one.number, "")) for one in rows]


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
    return redirect("/wizard/knx" if came_from() else "/config/draft", 303)


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
