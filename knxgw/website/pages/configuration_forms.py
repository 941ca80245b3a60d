"""Forms of the configuration, section by section; what is typed becomes a draft. Source: website 43, 44."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from flask import Blueprint, abort, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from knxgw.catalogue.load import catalogue
from knxgw.config.edit_yaml import NotEditableError, Path, edited, values_of
from knxgw.config.objects import possible_objects
from knxgw.config.one_device import Part
from knxgw.config.schema import GROUP_OBJECTS
from knxgw.config.yaml_places import dotted
from knxgw.errors import with_remedy
from knxgw.website.access.roles import Right
from knxgw.website.config_form import (
    MOST_POINTS,
    POINTS,
    FieldGroup,
    groups_of,
    sections,
)
from knxgw.website.configuring import sum_of
from knxgw.website.drafts import Draft
from knxgw.website.field_findings import FoundInForm, found_in_form
from knxgw.website.idle_fields import Fold, Idle, folds, idle_in, place_of
from knxgw.website.labels import SECTIONS
from knxgw.website.language import Language, marked
from knxgw.website.pages.common import checked, error_page, language, session, site
from knxgw.website.pages.models import facts_of_chosen
from knxgw.website.pages.taking import (
    Taken,
    before_in,
    file_as_draft,
    merged,
    new_page,
    overlap_rows,
    take_into_draft,
)
from knxgw.website.security import needs
from knxgw.website.two_windows import changed_elsewhere, shown_in
from knxgw.website.typed import Basis

pages = Blueprint("configuration_forms", __name__)
GROUPS = {
    "connection": marked("Connection"),
    "smart_meter": marked("Smart meter"),
    "smart_meter.connection": marked("Connection of the smart meter"),
    "smart_meter.manual": marked("Smart meter entered by hand"),
    "smart_meter.manual.current": marked("Smart meter by hand: currents"),
    "smart_meter.manual.power": marked("Smart meter by hand: powers"),
    "complete": marked("When charging counts as complete"),
    "dpt": marked("Datapoint types"),
    "sending": marked("Sending of states"),
    "sending.current": marked("Sending of currents"),
    "sending.power": marked("Sending of powers"),
    "sending.energy": marked("Sending of energies"),
    "temperature": marked("Temperature"),
    "meter": marked("Meter of the charging point"),
    "meter.connection": marked("Connection of the meter"),
    "meter.manual": marked("Meter entered by hand"),
    "meter.manual.current": marked("Meter by hand: currents"),
    "meter.manual.power": marked("Meter by hand: powers"),
    "meter.manual.energy": marked("Meter by hand: energies"),
    "meter.manual.fault": marked("Meter by hand: fault"),
}
PARTS = {  # which device a group connects
    POINTS: {"connection": Part.CHARGER, "meter.connection": Part.METER},
    "load_management": {"smart_meter.connection": Part.SMART_METER},
}
OPEN_GROUPS = {"", "connection", "smart_meter", "smart_meter.connection"}


class FormLink(NamedTuple):
    """A form, as the page of the configuration names it."""

    path: str
    words: str


def links_to_forms(text: str) -> list[FormLink]:
    """Return the forms for what a text says; none for a text that cannot be edited by forms."""
    words = language()
    try:
        data = values_of(text)
    except NotEditableError:
        return []
    points = _count(data)
    links = [
        FormLink(f"/config/form/{key}", words.text(SECTIONS[key]))
        for key in sections(catalogue())
        if key != POINTS
    ]
    links.append(FormLink("/config/objects", words.text("Group addresses")))
    links.append(FormLink("/config/keyring", words.text("Keyring of KNX Secure")))
    links += [
        FormLink(f"/config/form/{POINTS}/{n + 1}", _title(POINTS, n, data, words))
        for n in range(points)
    ]
    if points < MOST_POINTS:
        links.append(
            FormLink(f"/config/form/{POINTS}/{points + 1}", words.text("Add a charging point"))
        )
    return links


@pages.get("/config/form/<section>", defaults={"number": None})
@pages.get("/config/form/<section>/<int:number>")
@needs(Right.CONFIGURATION)
def form(section: str, number: int | None) -> str | tuple[str, int]:
    """Show the fields of a section."""
    entry = entry_of(section, number)
    try:
        return form_page(section, entry, draft_now())
    except NotEditableError as err:
        return not_editable(err)


@pages.post("/config/form/<section>", defaults={"number": None})
@pages.post("/config/form/<section>/<int:number>")
@needs(Right.CONFIGURATION)
def save(section: str, number: int | None) -> AnyResponse | str | tuple[str, int]:
    """Take what was typed into the draft; nothing is applied."""
    entry = entry_of(section, number)
    try:
        draft, taken = take_into_draft(
            lambda basis: with_typed(section, entry, basis),
            lambda text: shown_sum(section, entry, text),
        )
    except NotEditableError as err:
        return not_editable(err)
    if taken.overlaps:
        return form_page(section, entry, draft, taken=taken), 409
    if "reset" in request.form:
        return redirect(f"{_path(section, entry)}#{quote(request.form['reset'])}", 303)
    if found_in(section, entry, draft.text).errors_here:
        return form_page(section, entry, draft)
    return redirect("/config/draft", 303)


def with_typed(section: str, entry: int | None, basis: Basis) -> Taken:
    """Return a text with what was typed into the form of a section. Raises: NotEditableError."""
    text, before = basis.text, before_in(basis)
    groups = fields_of(section, entry, text)
    fields = [one for group in groups for one in group.fields]
    if request.form.get("wanted") == "remove" and entry is not None:
        others = changed_elsewhere(fields, before)
        kept = text if others else edited(text, _removal(section, entry, text))
        return Taken(kept, kept, others)
    typed = dict(request.form)
    if (name := typed.get("reset")) in {one.name for one in fields}:
        typed[name] = ""
    return merged(text, groups, typed, before)


def _removal(section: str, entry: int, text: str) -> dict[Path, object | None]:
    """Return the changes that remove a charging point and the links of its group objects.

    Those of a number that another one has as well stay. Raises: NotEditableError.
    """
    data = values_of(text)
    entries, links = data.get(section), data.get(GROUP_OBJECTS)
    numbers = [
        one.get("number") if isinstance(one, Mapping) else None
        for one in (entries if isinstance(entries, list) else ())
    ]
    number = numbers[entry] if entry < len(numbers) else None  # it may not be there yet
    changes: dict[Path, object | None] = {(section, entry): None}
    if isinstance(links, Mapping) and numbers.count(number) == 1:
        for one in possible_objects(catalogue()):
            if str(one.point) == number and str(one.number) in links:
                changes[GROUP_OBJECTS, str(one.number)] = None
    return changes


def fields_of(section: str, entry: int | None, text: str) -> tuple[FieldGroup, ...]:
    """Return the fields of a form for what a text says. Raises: NotEditableError."""
    return groups_of(section, entry, values_of(text), catalogue(), language().code)


def shown_sum(section: str, entry: int | None, text: str) -> str:
    """Return what tells apart what a form shows of one text and of another. Raises: NotEditableError."""
    groups = fields_of(section, entry, text)
    return sum_of(json.dumps([(one.name, one.value) for group in groups for one in group.fields]))


def found_in(section: str, entry: int | None, text: str) -> FoundInForm:
    """Return what a check of a text finds, as a form shows it. Raises: NotEditableError."""
    words = language()
    place = (section,) if entry is None else (section, entry)
    groups = fields_of(section, entry, text)
    idle = idle_in(place, groups, values_of(text), catalogue(), words)
    return found_in_form(checked(text), groups, dotted(place), words, idle)


def shown_fields(section: str, entry: int | None, text: str) -> str:
    """Return what the fields of a form show of a text, as the form carries it. Raises: NotEditableError."""
    groups = fields_of(section, entry, text)
    return shown_in(one for group in groups for one in group.fields)


def not_editable(error: NotEditableError) -> tuple[str, int]:
    """Return the page that says why a text has no forms."""
    code = language().code
    problem = error.words.problem(code, in_file=True)
    return error_page(with_remedy(problem, error.words.remedy(code, in_file=True)), 409)


def draft_now() -> Draft:
    """Return the draft of whoever asks; without one, what the file says."""
    now = file_as_draft()
    return site().drafts.of(session().account) or now


def keep_draft(draft: Draft) -> None:
    """Keep what whoever asks has typed."""
    site().drafts.keep(session().account, draft)


def entry_of(section: str, number: int | None) -> int | None:
    """Return the entry of a list from 0; a section that is none has no number. Else there is no such page."""
    if section not in sections(catalogue()) or (section == POINTS) != (number is not None):
        abort(404)
    if number is not None and not 1 <= number <= MOST_POINTS:
        abort(404)
    return None if number is None else number - 1


def _count(data: Mapping[str, Any]) -> int:
    found = data.get(POINTS)
    return len(found) if isinstance(found, list) else 0


def _title(section: str, entry: int | None, data: Mapping[str, Any], words: Language) -> str:
    """Return what a form is called; of a charging point its number and name, as far as they are given."""
    if entry is None:
        return words.text(SECTIONS[section])
    if entry >= _count(data):
        return words.text("Add a charging point")
    point = data[POINTS][entry]
    given = point if isinstance(point, Mapping) else {}
    title = words.text("Charging point {number}", number=given.get("number", "?"))
    return f"{title}: {given['name']}" if given.get("name") else title


def form_page(
    section: str,
    entry: int | None,
    draft: Draft,
    *,
    trials: Mapping[str, object] | None = None,
    taken: Taken | None = None,
) -> str:
    """Return the form, with what is wrong beside its fields.

    `trials`: what came of reading a device of the form, by its part. `taken`: what was typed and not all
    taken into the draft, because another window has changed the same fields.
    """
    words = language()
    text = draft.text if taken is None else taken.text
    data = values_of(text)
    found = found_in(section, entry, text)
    groups = fields_of(section, entry, text)
    return render_template(
        "configuration_form.html",
        title=_title(section, entry, data, words),
        groups=[_shown(section, entry, one, found) for one in groups],
        found=found,
        facts={
            one.name: facts_of_chosen(one.models, one.value)
            for group in groups
            for one in group.fields
            if one.models
        },
        parts=PARTS.get(section, {}),
        trials=trials or {},
        path=_path(section, entry),
        was_sent=request.method == "POST",
        page=new_page(),
        # what is not taken yet is kept only when it is sent again
        seen="" if taken else shown_sum(section, entry, draft.text),
        was=shown_fields(section, entry, draft.text),
        overlaps=[] if taken is None else overlap_rows(groups, taken.overlaps, words),
        is_entry=entry is not None and entry < _count(data),
    )


def _path(section: str, entry: int | None) -> str:
    return f"/config/form/{section}" if entry is None else f"/config/form/{section}/{entry + 1}"


class ShownGroup(NamedTuple):
    """A group of fields as a form shows it."""

    key: str
    name: str  # dotted, of the group in the file
    heading: str
    is_open: bool
    opens: bool  # as soon as it has an effect
    why: Idle | None  # it has none
    folds: list[Fold]


def _shown(section: str, entry: int | None, group: FieldGroup, found: FoundInForm) -> ShownGroup:
    """Return a group: open if something is given or wrong in it, or if it matters mostly and has an effect."""
    name = dotted(place_of((section,) if entry is None else (section, entry), group))
    is_wrong = any(one.name in found.by_field for one in group.fields)
    is_apart = bool(group.key) or group.is_given or is_wrong  # else its fields are folded
    why = found.idle.get(name) if is_apart else None
    heading, matters = GROUPS.get(group.key), group.key in OPEN_GROUPS
    return ShownGroup(
        key=group.key,
        name=name,
        heading=language().text(heading) if heading else group.key,
        is_open=group.is_given or is_wrong or (matters and why is None),
        opens=matters,
        why=why,
        folds=folds(group, why, found.idle, found.by_field),
    )
