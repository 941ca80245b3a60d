"""Forms of the configuration, section by section; what is typed becomes a draft. Source: website 43, 44."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from flask import Blueprint, abort, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from knxgw.catalogue.load import catalogue
from knxgw.config.edit_yaml import NotEditableError, edited, values_of
from knxgw.errors import with_remedy
from knxgw.website.access.roles import Right
from knxgw.website.config_form import (
    MOST_POINTS,
    POINTS,
    FieldGroup,
    changes_of,
    groups_of,
    sections,
)
from knxgw.website.configuring import sum_of
from knxgw.website.drafts import Draft
from knxgw.website.language import Language, marked
from knxgw.website.pages.common import TONES, error_page, language, session, site
from knxgw.website.security import needs

pages = Blueprint("configuration_forms", __name__)
SECTIONS = {
    "device": marked("Device"),
    "knx": marked("KNX connection"),
    "website": marked("Website"),
    "serial": marked("Serial line"),
    "load_management": marked("Load management"),
    "grid_supporting_control": marked("Grid-supporting control"),
}
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
OPEN_GROUPS = {"", "connection", "smart_meter", "smart_meter.connection"}


class FormLink(NamedTuple):
    """A form, as the page of the configuration names it."""

    path: str
    words: str


class FindingText(NamedTuple):
    """What is wrong with a field."""

    tone: str
    text: str


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
    entry = _entry(section, number)
    try:
        return _page(section, entry, draft_now())
    except NotEditableError as err:
        return not_editable(err)


@pages.post("/config/form/<section>", defaults={"number": None})
@pages.post("/config/form/<section>/<int:number>")
@needs(Right.CONFIGURATION)
def save(section: str, number: int | None) -> AnyResponse | str | tuple[str, int]:
    """Take what was typed into the draft; nothing is applied."""
    entry, draft = _entry(section, number), draft_now()
    try:
        changed = Draft(text=_edited(section, entry, draft.text), based_on=draft.based_on)
    except NotEditableError as err:
        return not_editable(err)
    keep_draft(changed)
    page = _page(section, entry, changed, only_if_wrong=True)
    return page or redirect("/config/draft", 303)


def _edited(section: str, entry: int | None, text: str) -> str:
    """Return a text with what was typed into the form of a section. Raises: NotEditableError."""
    if request.form.get("wanted") == "remove" and entry is not None:
        return edited(text, {(section, entry): None})
    groups = groups_of(section, entry, values_of(text), catalogue(), language().code)
    return edited(text, changes_of(groups, request.form, catalogue()))


def not_editable(error: NotEditableError) -> tuple[str, int]:
    """Return the page that says why a text has no forms."""
    code = language().code
    problem = error.words.problem(code, in_file=True)
    return error_page(with_remedy(problem, error.words.remedy(code, in_file=True)), 409)


def draft_now() -> Draft:
    """Return the draft of whoever asks; without one, what the file says."""
    try:
        now = site().bridge.device.configuring.text()
    except OSError:
        abort(503)
    found = site().drafts.of(session().account)
    return found or Draft(text=now, based_on=sum_of(now))


def keep_draft(draft: Draft) -> None:
    """Keep what whoever asks has typed."""
    site().drafts.keep(session().account, draft)


def _entry(section: str, number: int | None) -> int | None:
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


def _page(section: str, entry: int | None, draft: Draft, *, only_if_wrong: bool = False) -> str:
    """Return the form, with what is wrong beside its fields; "" if nothing is and that is enough."""
    words = language()
    data = values_of(draft.text)
    groups = groups_of(section, entry, data, catalogue(), words.code)
    names = {field.name for group in groups for field in group.fields}
    found = finding_texts(draft.text, words)
    if only_if_wrong and not any(
        one.tone == "bad" for name, texts in found.items() if name in names for one in texts
    ):
        return ""
    return render_template(
        "configuration_form.html",
        title=_title(section, entry, data, words),
        groups=[(one, _heading(one, words), _is_open(one, found)) for one in groups],
        findings=found,
        errors=sum(one.tone == "bad" for name in names for one in found.get(name, ())),
        is_entry=entry is not None and entry < _count(data),
    )


def finding_texts(text: str, words: Language) -> dict[str, list[FindingText]]:
    """Return what is wrong, by the name of the field."""
    found: dict[str, list[FindingText]] = {}
    for one in site().bridge.device.configuring.check(text).findings:
        text = with_remedy(*one.said(words.code))
        found.setdefault(one.place.key, []).append(FindingText(TONES[one.severity], text))
    return found


def _heading(group: FieldGroup, words: Language) -> str:
    heading = GROUPS.get(group.key)
    return words.text(heading) if heading else group.key


def _is_open(group: FieldGroup, findings: dict[str, list[FindingText]]) -> bool:
    """Tell whether a group is shown at once: it matters mostly, something is given, or wrong."""
    is_wrong = any(field.name in findings for field in group.fields)
    return group.key in OPEN_GROUPS or group.is_given or is_wrong
