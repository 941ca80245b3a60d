"""The step of the wizard that finds chargers and meters. Source: website 48."""

from dataclasses import replace
from typing import NamedTuple

from flask import Blueprint, Response, jsonify, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from knxgw.catalogue.device_model import DeviceModel
from knxgw.charging.quantities import PHASE_CURRENTS, Quantity
from knxgw.config.edit_yaml import NotEditableError, edited, values_of
from knxgw.errors import with_remedy
from knxgw.modbus.probe_target import AddressError, parse_target, parse_units
from knxgw.monitoring.csv_table import plain_text
from knxgw.monitoring.device_search import FoundDevice, SearchProgress
from knxgw.website.access.roles import Right
from knxgw.website.config_form import POINTS
from knxgw.website.drafts import Draft
from knxgw.website.language import Language, marked
from knxgw.website.pages.common import address, language, session, site
from knxgw.website.pages.configuration_forms import draft_now, keep_draft, not_editable
from knxgw.website.pages.wizard import frame, mark, path_after
from knxgw.website.pages.wizard_shown import Shown, ShownRow
from knxgw.website.security import needs
from knxgw.website.wizard import METER, POINT, SMART_METER, Mark, Step, roles_of, taken

pages = Blueprint("wizard_find", __name__)
FIND = "/wizard/find"
MOST_TYPED = 200  # characters
ROLES = {
    "": marked("leave it"),
    POINT: marked("take it as a charging point"),
    SMART_METER: marked("take it as the smart meter of the mains connection"),
}
WRONG = {  # what was typed, by its field
    "host": marked(
        "That is no address or name of a device: write it such as 192.168.1.31 or 192.168.1.31:1502."
    ),
    "units": marked("Those are no unit ids: write numbers from 0 to 255, such as 1-10,255."),
}
METER_OF = marked("take it as the meter of charging point {number}")


class DeviceChoice(NamedTuple):
    """A device that was found, and as what it may be taken."""

    place: int
    words: str
    help: str
    roles: tuple[tuple[str, str], ...]
    model_of: str  # what the choice of its model is called
    models: tuple[tuple[str, str], ...]  # that it may be; one only: nobody has to choose


@pages.get(FIND)
@needs(Right.CONFIGURATION)
def find() -> str | tuple[str, int]:
    """Show where may be searched, and what was found."""
    return _page()


@pages.post("/wizard/find/<any(network,line,address):where>")
@needs(Right.CONFIGURATION)
def search(where: str) -> AnyResponse | str | tuple[str, int]:
    """Begin to search; while one goes on that is said, and it is not disturbed."""
    ask, places = site().bridge.setup.commissioning, site().bridge.setup.commissioning.places()
    chosen = request.form.get(where, "")
    if ask.search().is_running:
        typed = [request.form.get(one, "").strip()[:MOST_TYPED] for one in ("host", "units")]
        return _page(*typed, is_busy=True)
    if where == "network" and chosen in places.networks:
        ask.search_network(chosen)
    elif where == "line" and chosen in places.lines:
        ask.search_line(chosen)
    elif where == "address":
        host = request.form.get("host", "").strip()[:MOST_TYPED]
        units = request.form.get("units", "").strip()[:MOST_TYPED]
        try:
            target = parse_target(f"tcp://{host}")
        except AddressError:
            return _page(host, units, wrong="host")
        try:
            wanted = parse_units(units) if units else None
        except AddressError:
            return _page(host, units, wrong="units")
        ask.search_address(target.host, target.port, wanted)
    bridge = site().bridge
    bridge.accounts.note(session(), "devices_searched", address=address(), after=where)
    return redirect(FIND, 303)


@pages.post("/wizard/find/cancel")
@needs(Right.CONFIGURATION)
def cancel() -> AnyResponse:
    """End the search; what was found stays."""
    site().bridge.setup.commissioning.cancel_search()
    return redirect(FIND, 303)


@pages.get("/wizard/find/progress")
@needs(Right.CONFIGURATION)
def progress() -> Response:
    """Tell how far the search is."""
    return jsonify(_shown(site().bridge.setup.commissioning.search(), language()).as_json())


@pages.post("/wizard/find/take")
@needs(Right.CONFIGURATION)
def take() -> AnyResponse | tuple[str, int]:
    """Take devices into the draft, and go on to the charging points."""
    found = site().bridge.setup.commissioning.search()
    if request.form.get("search") != str(found.number):
        return redirect(FIND, 303)  # somebody has searched again: the places mean others now
    draft = draft_now()
    chosen = [
        (_as_chosen(one, place), request.form.get(f"role:{place}", ""))
        for place, one in enumerate(found.known)
    ]
    try:
        text = edited(draft.text, taken(chosen, values_of(draft.text)))
    except NotEditableError as err:
        return not_editable(err)
    keep_draft(Draft(text=text, based_on=draft.based_on))
    mark(Step.FIND, Mark.DONE)
    return redirect(path_after(Step.FIND), 303)


@pages.post("/wizard/find/done")
@needs(Right.CONFIGURATION)
def done() -> AnyResponse:
    """Go on with the charging points that the draft has."""
    mark(Step.FIND, Mark.DONE)
    return redirect(path_after(Step.FIND), 303)


# --- parts


def _page(
    host: str = "", units: str = "", *, wrong: str = "", is_busy: bool = False
) -> str | tuple[str, int]:
    """Return the page. `wrong`: the field that cannot be understood; `is_busy`: another search goes on."""
    words, ask = language(), site().bridge.setup.commissioning
    try:
        data = values_of(draft_now().text)
    except NotEditableError as err:
        return not_editable(err)
    found = ask.search()
    chargers = sum(one.is_charger and not one.used_as for one in found.known)
    choices = [
        DeviceChoice(
            place=place,
            words=_name(one, words),
            help=_help(one, words),
            roles=tuple((role, _role(role, words)) for role in roles_of(one, data, chargers)),
            model_of=words.text(
                "Model at {address}, unit {unit}", address=one.address, unit=one.connection.unit
            ),
            models=tuple((str(model.id), _model(model)) for model in one.models),
        )
        for place, one in enumerate(found.known)
        if one.model is not None and not one.used_as
    ]
    return render_template(
        "wizard_find.html",
        **frame(Step.FIND),
        places=ask.places(),
        shown=_shown(found, words),
        devices=choices,
        number=found.number,
        points=[str(one.get("number", "?")) for one in data.get(POINTS) or () if one],
        errors={wrong: words.text(WRONG[wrong])} if wrong else {},
        typed_host=host,
        typed_units=units,
        is_busy=is_busy,
    ), (400 if wrong else 409 if is_busy else 200)


def _as_chosen(one: FoundDevice, place: int) -> FoundDevice:
    """Return a device as the model that a person has read from its label."""
    wanted = request.form.get(f"model:{place}", "")
    return replace(one, model=next((m for m in one.models if str(m.id) == wanted), one.model))


def _role(role: str, words: Language) -> str:
    if role.startswith(METER):
        return words.text(METER_OF, number=role.removeprefix(METER))
    return words.text(ROLES[role])


def _shown(found: SearchProgress, words: Language) -> Shown:
    """Return how far a search is, and what it has found."""
    return Shown(
        is_running=found.is_running,
        said=_said(found, words),
        done=found.done,
        total=found.total,
        rows=tuple(row for one in found.known if (row := _row(one, found, words)) is not None),
    )


def _said(found: SearchProgress, words: Language) -> str:
    if found.is_running:
        asking = ", ".join(found.asking)
        tried = words.text("{done} of {all} tried", done=found.done, all=found.total)
        return (
            words.text("{tried}; asking {asking}", tried=tried, asking=asking) if asking else tried
        )
    if not found.number:
        return ""
    return " ".join(filter(None, (_outcome(found, words), _earlier(found, words))))


def _outcome(found: SearchProgress, words: Language) -> str:
    """Return what came of the newest search."""
    if found.trouble is not None:
        return plain_text(
            with_remedy(found.trouble.problem(words.code), found.trouble.remedy(words.code))
        )
    count = words.counted("{count} device found", "{count} devices found", len(found.found))
    if found.was_cancelled:
        return words.text("Cancelled; {found}", found=count)
    if not found.found:
        return words.text(
            "Nobody answers. Switch Modbus on in the charger, look whether it is in this network, or ask at its address."
        )
    return count


def _earlier(found: SearchProgress, words: Language) -> str:
    if not found.kept:
        return ""
    count = len(found.kept)
    return words.counted(
        "({count} device from earlier searches)", "({count} devices from earlier searches)", count
    )


def _row(one: FoundDevice, found: SearchProgress, words: Language) -> ShownRow | None:
    """Return a device in words; None: after the search it stands among those that can be taken."""
    if one.used_as:
        used = ", ".join(name.problem(words.code) for name in one.used_as)
        return ShownRow(one.address, words.text("in use"), used, "muted")
    if one.model is None:
        unknown = words.text("It speaks Modbus, like no model that is known: choose one by hand.")
        return ShownRow(one.address, words.text("not recognised"), unknown, "warning")
    if found.is_running:
        return ShownRow(_name(one, words), words.text("recognised"), _help(one, words), "good")
    return None


def _model(model: DeviceModel) -> str:
    return model.title


def _name(one: FoundDevice, words: Language) -> str:
    """Return model and address of a device, and its connector where it has several."""
    model = one.model
    if model is None:
        return one.address
    name = _model(model)
    if one.others:
        name = words.text("{name} or a similar model", name=name)
    where = one.connection
    found = words.text(
        "{name} at {address}, unit {unit}", name=name, address=one.address, unit=where.unit
    )
    if len(model.connectors) > 1:
        return f"{found}, {words.text('connector {number}', number=where.connector)}"
    return found


def _help(one: FoundDevice, words: Language) -> str:
    """Return what tells a device from another: its serial number, and what it draws now."""
    said = []
    serial = one.values.get(Quantity.SERIAL)
    if serial:
        said.append(words.text("serial number {serial}", serial=plain_text(str(serial))))
    currents_ma = [one.values.get(quantity) for quantity in PHASE_CURRENTS]
    known = [words.number(ma / 1000, 1) for ma in currents_ma if isinstance(ma, int)]
    if known:
        said.append(words.text("now {currents} A", currents=" / ".join(known)))
    if one.values.get(Quantity.CONNECTED):
        said.append(words.text("a vehicle is plugged in"))
    return "; ".join(said)
