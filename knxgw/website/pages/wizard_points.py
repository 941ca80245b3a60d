"""The step of the wizard for charging points: their fields, and which charger is which. Source: website 47."""

from typing import Any

from flask import Blueprint, Response, abort, jsonify, redirect
from werkzeug.wrappers import Response as AnyResponse

from knxgw.catalogue.load import catalogue
from knxgw.config.devices import charger_id
from knxgw.config.edit_yaml import NotEditableError, values_of
from knxgw.config.load import parse_configuration
from knxgw.config.model import Configuration, PointSettings
from knxgw.monitoring.csv_table import plain_text
from knxgw.monitoring.device_watch import Watched
from knxgw.station.actions import Action
from knxgw.website.access.roles import Right
from knxgw.website.labels import is_default_name
from knxgw.website.language import Language, marked
from knxgw.website.pages.common import address, language, session, site
from knxgw.website.pages.configuration_forms import draft_now, not_editable
from knxgw.website.pages.wizard import form_page, gone_on, with_typed
from knxgw.website.pages.wizard_chargers import charger_words
from knxgw.website.pages.wizard_shown import Shown, ShownRow
from knxgw.website.place_words import modbus_place
from knxgw.website.security import needs
from knxgw.website.wizard import Step

pages = Blueprint("wizard_points", __name__)
_USED_OTHERWISE = marked(
    "The device uses this connection now with other settings: apply the configuration, then watch the chargers again."
)


@pages.get("/wizard/points")
@needs(Right.CONFIGURATION)
def points() -> str | tuple[str, int]:
    """Show the fields of each charging point."""
    try:
        return form_page(Step.POINTS, draft_now(), **_more())
    except NotEditableError as err:
        return not_editable(err)


@pages.post("/wizard/points")
@needs(Right.CONFIGURATION)
def save() -> AnyResponse | str | tuple[str, int]:
    """Take what was typed into the draft, and go on."""
    try:
        return gone_on(Step.POINTS, *with_typed(Step.POINTS), **_more())
    except NotEditableError as err:
        return not_editable(err)


@pages.post("/wizard/points/<int:number>/identify")
@needs(Right.CONFIGURATION)
def identify(number: int) -> AnyResponse:
    """Interrupt a charging point for ten seconds, so that a person sees which one it is."""
    if not session().may_charge(number):
        abort(403)
    site().bridge.setup.commissioning.identify(number)
    site().bridge.accounts.note(
        session(), "point_identified", address=address(), after=f"cp{number}"
    )
    return redirect("/wizard/points", 303)


@pages.post("/wizard/points/watch")
@needs(Right.CONFIGURATION)
def watch() -> AnyResponse | str | tuple[str, int]:
    """Take what was typed, and watch at which charger a vehicle is plugged in; nothing is written to them."""
    try:
        draft, taken = with_typed(Step.POINTS)
        if taken.overlaps:
            return form_page(Step.POINTS, draft, taken=taken, **_more()), 409
        configuration = _configuration(draft.text)
        if configuration is None:
            return form_page(Step.POINTS, draft, **_more())
    except NotEditableError as err:
        return not_editable(err)
    ids = {charger_id(one.number) for one in configuration.points}
    site().bridge.setup.commissioning.start_watch(configuration, ids)
    return redirect("/wizard/points#which", 303)


@pages.get("/wizard/points/watch")
@needs(Right.CONFIGURATION)
def progress() -> Response:
    """Tell what the chargers show."""
    return jsonify(_watched(language()).as_json())


def _watched(words: Language) -> Shown:
    """Return at which charging points of the draft a vehicle is plugged in, and where that has changed last."""
    progress, configuration = (
        site().bridge.setup.commissioning.watch(),
        _configuration(draft_now().text),
    )
    points = () if configuration is None else configuration.points
    shown = [
        (one, found)
        for one in points
        if (found := progress.of(charger_id(one.number))) and found.connection == one.connection
    ]
    if not shown:
        return Shown()
    latest = progress.latest
    said = words.text("Plug a vehicle in at the charger in front of you, or unplug it.")
    if not progress.is_running:
        said = words.text("The chargers are not watched any more.")
    for point, found in shown:
        if found is latest:
            title = words.text("Charging point {number}", number=point.number)
            said = words.text(
                "This one: {point}. {what}.", point=title, what=_plugged_words(found, words)
            )
    return Shown(
        is_running=progress.is_running,
        said=said,
        rows=tuple(_row(one, found, words, is_latest=found is latest) for one, found in shown),
    )


def _row(point: PointSettings, found: Watched, words: Language, *, is_latest: bool) -> ShownRow:
    title = words.text("Charging point {number}", number=point.number)
    model, where = point.model.title, point.connection
    what = f"{title}: {point.name}" if not is_default_name(point.name, point.number) else title
    host = "" if where.host is None else f"{where.host}:{where.port}"
    place = f"{model}, {modbus_place(host, where.unit, where.connector, words)}"
    if not found.is_heard:
        state, tone = words.text("does not answer yet"), "muted"
        if found.is_in_use:
            state = words.text("in use")
        if found.is_used_otherwise:
            tone, place = "warning", f"{words.text(_USED_OTHERWISE)} · {place}"
    elif is_latest:
        state, tone = words.text("here"), "accent"
        place = f"{_plugged_words(found, words)} · {place}"
    else:
        state, tone = _plugged_words(found, words), ""
    return ShownRow(plain_text(what), state, plain_text(place), tone)


def _plugged_words(found: Watched, words: Language) -> str:
    if found.is_plugged is None:
        return words.text("not known whether a vehicle is plugged in")
    is_new = found.changed_at is not None
    if found.is_plugged:
        return words.text("A vehicle was plugged in") if is_new else words.text("vehicle there")
    return words.text("The vehicle was unplugged") if is_new else words.text("no vehicle")


def _configuration(text: str) -> Configuration | None:
    return parse_configuration(text, catalogue(), is_offline=True).configuration


def _more() -> dict[str, Any]:
    """Return which chargers there are, what they show, and which ones the device controls already.

    Raises: NotEditableError.
    """
    view, ask = site().bridge.view(None), site().bridge.setup.commissioning
    data, found = values_of(draft_now().text), ask.search().known
    return {
        "chargers": charger_words(data, found, ask.watch(), catalogue(), language()),
        "running": {one.number: Action.INTERRUPT in one.actions for one in view.points},
        "watched": _watched(language()),
        "identified": ask.identified(),
    }
