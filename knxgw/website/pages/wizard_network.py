"""Steps of the wizard that look into the network: the smart meter, KNX, the check. Source: website 47, 48."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from flask import Blueprint, Response, jsonify, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from knxgw.catalogue.load import catalogue
from knxgw.config.devices import GRID_METER_ID
from knxgw.config.edit_yaml import NotEditableError, edited
from knxgw.config.load import LoadedConfiguration, parse_configuration
from knxgw.config.objects import smart_meter_on_knx
from knxgw.errors import GatewayError, Severity, with_remedy
from knxgw.links.knx_discovery import KnxIpDevice
from knxgw.monitoring.csv_table import plain_text
from knxgw.monitoring.online_check import OPEN, Seen, State
from knxgw.website.access.roles import Right
from knxgw.website.commissioning import CheckProgress, KnxProgress
from knxgw.website.configuring import sum_of
from knxgw.website.drafts import Draft
from knxgw.website.labels import path_of_form
from knxgw.website.language import Language, marked
from knxgw.website.pages.common import checked, language, site
from knxgw.website.pages.configuration import finding_rows
from knxgw.website.pages.configuration_forms import draft_now, keep_draft, not_editable
from knxgw.website.pages.configuration_objects import (
    address_wishes,
    linked_and_all,
    planned_changes,
    why_no_addresses,
)
from knxgw.website.pages.wizard import (
    form_page,
    frame,
    gone_on,
    mark,
    path_after,
    path_of,
    with_typed,
)
from knxgw.website.pages.wizard_meter import start_meter_watch, with_live_meter
from knxgw.website.pages.wizard_shown import Shown, ShownRow
from knxgw.website.security import needs
from knxgw.website.wizard import Mark, Step, step_of

pages = Blueprint("wizard_network", __name__)
MAINS_IDS = frozenset({"grid/meter", "knx", "knx/smart_meter"})
STATES = {
    State.WAITING: (marked("waits"), "muted"),
    State.LOOKING: (marked("is looked at"), "info"),
    State.GOOD: (marked("good"), "good"),
    State.WARNING: (marked("Warning"), "warning"),
    State.SKIPPED: (marked("not looked at"), "muted"),
    State.UNFINISHED: (marked("not finished"), "warning"),
}


class Interface(NamedTuple):
    """A KNX IP interface or router that was found, and what choosing it writes."""

    words: str
    link: str
    gateway: str


# --- the mains connection


@pages.get("/wizard/mains")
@needs(Right.CONFIGURATION)
def mains() -> str | tuple[str, int]:
    """Ask for the mains connection."""
    return _mains(draft_now())


@pages.post("/wizard/mains")
@needs(Right.CONFIGURATION)
def save_mains() -> AnyResponse | str | tuple[str, int]:
    """Take what was typed, and go on."""
    try:
        draft, taken = with_typed(Step.MAINS)
        return gone_on(Step.MAINS, draft, taken, **_of_mains(draft))
    except NotEditableError as err:
        return not_editable(err)


@pages.post("/wizard/mains/read")
@needs(Right.CONFIGURATION)
def read_mains() -> AnyResponse | str | tuple[str, int]:
    """Take what was typed, and read the smart meter."""
    try:
        draft, taken = with_typed(Step.MAINS)
        if taken.overlaps:
            return form_page(Step.MAINS, draft, taken=taken, **_of_mains(draft)), 409
    except NotEditableError as err:
        return not_editable(err)
    configuration = _loaded(draft).configuration
    if configuration is None or not _start_check(draft, MAINS_IDS):
        return _mains(draft)
    start_meter_watch(configuration)
    return redirect("/wizard/mains#meter", 303)


@pages.get("/wizard/mains/progress")
@needs(Right.CONFIGURATION)
def mains_progress() -> Response:
    """Tell how far the look at the smart meter is."""
    return jsonify(_looked(language()).as_json())


def _mains(draft: Draft) -> str | tuple[str, int]:
    try:
        return form_page(Step.MAINS, draft, **_of_mains(draft))
    except NotEditableError as err:
        return not_editable(err)


def _of_mains(draft: Draft) -> dict[str, Any]:
    configuration = _loaded(draft).configuration
    settings = None if configuration is None else configuration.load_management
    is_on_knx = settings is not None and smart_meter_on_knx(settings) is not None
    return {"looked": _looked(language()), "is_on_knx": is_on_knx}


# --- KNX


@pages.get("/wizard/knx")
@needs(Right.CONFIGURATION)
def knx() -> str | tuple[str, int]:
    """Ask how the device reaches KNX."""
    draft = draft_now()
    try:
        return form_page(Step.KNX, draft, **_of_knx(draft))
    except NotEditableError as err:
        return not_editable(err)


@pages.post("/wizard/knx")
@needs(Right.CONFIGURATION)
def save_knx() -> AnyResponse | str | tuple[str, int]:
    """Take what was typed, give objects addresses where that is wanted, and go on."""
    try:
        draft, taken = with_typed(Step.KNX)
        if not taken.overlaps and request.form.get("addresses") == "plan":
            try:
                planned = _with_addresses(draft)
            except GatewayError as err:
                why = why_no_addresses(err)
                return form_page(Step.KNX, draft, **_of_knx(draft), no_addresses=why), 409
            wrong = form_page(Step.KNX, draft, only_if_wrong=True, **_of_knx(draft))
            if wrong:
                return wrong  # given now, addresses would stay whatever range is typed next
            keep_draft(planned)
            draft = planned
        return gone_on(Step.KNX, draft, taken, **_of_knx(draft))
    except NotEditableError as err:
        return not_editable(err)


@pages.post("/wizard/knx/search")
@needs(Right.CONFIGURATION)
def search_knx() -> AnyResponse:
    """Search for KNX IP interfaces and routers."""
    configuration = _loaded(draft_now()).configuration
    site().bridge.setup.commissioning.search_knx(
        None if configuration is None else configuration.knx.local_ip
    )
    return redirect("/wizard/knx", 303)


@pages.get("/wizard/knx/progress")
@needs(Right.CONFIGURATION)
def knx_progress() -> Response:
    """Tell how far the search for interfaces is."""
    return jsonify(_found_knx(site().bridge.setup.commissioning.knx(), language()).as_json())


@pages.post("/wizard/knx/take")
@needs(Right.CONFIGURATION)
def take_interface() -> AnyResponse | tuple[str, int]:
    """Take an interface that was found into the draft."""
    found = _interfaces(site().bridge.setup.commissioning.knx().devices, language())
    wanted = (request.form.get("link"), request.form.get("gateway"))
    chosen = next((one for one in found if (one.link, one.gateway) == wanted), None)
    if chosen is not None:
        draft = draft_now()
        gateway = chosen.gateway or None
        try:
            text = edited(draft.text, {("knx", "link"): chosen.link, ("knx", "gateway"): gateway})
        except NotEditableError as err:
            return not_editable(err)
        keep_draft(Draft(text=text, based_on=draft.based_on))
    return redirect("/wizard/knx", 303)


def _of_knx(draft: Draft) -> dict[str, Any]:
    words, found = language(), site().bridge.setup.commissioning.knx()
    linked, objects = linked_and_all(draft.text)
    return {
        "found": _found_knx(found, words),
        "interfaces": _interfaces(found.devices, words),
        "linked": linked,
        "objects": objects,
        "wished": {name: request.form.get(name, "") for name in ("addresses", "main", "middle")},
    }


def _with_addresses(draft: Draft) -> Draft:
    """Return the draft with an address for every object that has none. Raises: GatewayError."""
    text = edited(draft.text, planned_changes(draft.text, address_wishes()))
    return Draft(text=text, based_on=draft.based_on)


def _found_knx(found: KnxProgress, words: Language) -> Shown:
    if found.is_running:
        said = words.text("searching …")
    elif found.trouble:
        said = plain_text(found.trouble)
    elif not found.number:
        said = ""
    elif found.devices:
        said = words.counted("{count} device found", "{count} devices found", len(found.devices))
    else:
        said = words.text(
            "No interface answers. It must be in this network; some networks pass no multicast."
        )
    rows = tuple(
        ShownRow(plain_text(one.name) or one.host, _kinds(one), f"{one.host}:{one.port}", "good")
        for one in found.devices
    )
    return Shown(is_running=found.is_running, said=said, rows=rows)


def _kinds(one: KnxIpDevice) -> str:
    kinds = {
        "routing": one.has_routing,
        "tunnelling": one.has_udp_tunnels,
        "tunnelling (TCP)": one.has_tcp_tunnels,
        "KNX Secure": one.needs_secure_tunnels,
    }
    return ", ".join(kind for kind, has in kinds.items() if has)


def _interfaces(devices: Sequence[KnxIpDevice], words: Language) -> list[Interface]:
    """Return the ways over the devices that were found; routing once, whichever device routes."""
    ways = []
    for one in devices:
        name = plain_text(one.name) or one.host
        if one.has_tcp_tunnels or one.has_udp_tunnels:
            link = "tunnelling_tcp" if one.has_tcp_tunnels else "tunnelling"
            ways.append(
                Interface(
                    words.text("a tunnel of {name}", name=name), link, f"{one.host}:{one.port}"
                )
            )
        if one.has_routing and all(way.link != "routing" for way in ways):
            ways.append(Interface(words.text("routing"), "routing", ""))
    return ways


# --- the check


@pages.get("/wizard/check")
@needs(Right.CONFIGURATION)
def check() -> str:
    """Show what is wrong with the draft, and what the network says of it."""
    words, draft = language(), draft_now()
    found = checked(draft.text)
    progress = site().bridge.setup.commissioning.check()
    return render_template(
        "wizard_check.html",
        **frame(Step.CHECK),
        findings=finding_rows(found.findings, words, draft.text, page_of),
        can_run=found.can_run,
        shown=_checked(progress, words),
        is_of_draft=progress.text_sum == sum_of(draft.text),
    )


@pages.post("/wizard/check")
@needs(Right.CONFIGURATION)
def start() -> AnyResponse:
    """Look into the network."""
    _start_check(draft_now(), None)
    return redirect("/wizard/check", 303)


@pages.post("/wizard/check/cancel")
@needs(Right.CONFIGURATION)
def cancel() -> AnyResponse:
    """End the check; what was found stays."""
    site().bridge.setup.commissioning.cancel_check()
    return redirect("/wizard/check", 303)


@pages.post("/wizard/check/done")
@needs(Right.CONFIGURATION)
def done() -> AnyResponse:
    """Go on."""
    mark(Step.CHECK, Mark.DONE)
    return redirect(path_after(Step.CHECK), 303)


@pages.get("/wizard/check/progress")
@needs(Right.CONFIGURATION)
def check_progress() -> Response:
    """Tell how far the check is."""
    return jsonify(_checked(site().bridge.setup.commissioning.check(), language()).as_json())


def page_of(key: str) -> str:
    """Return the step that asks for the field of a finding, else its form."""
    step = step_of(key)
    return path_of_form(key) if step is None else path_of(step)


def _loaded(draft: Draft) -> LoadedConfiguration:
    return parse_configuration(draft.text, catalogue(), is_offline=True)


def _start_check(draft: Draft, only: frozenset[str] | None) -> bool:
    """Begin to look at what a draft names; tell whether it says anything that can be looked at."""
    loaded = _loaded(draft)
    if loaded.configuration is None:
        return False
    ask = site().bridge.setup.commissioning
    ask.start_check(loaded.configuration, loaded.places.place, sum_of(draft.text), only)
    return True


def _looked(words: Language) -> Shown:
    """Return what is known of the smart meter, and what it measures now."""
    progress = site().bridge.setup.commissioning.check()
    findings = [found for one in progress.seen if one.id == GRID_METER_ID for found in one.findings]
    return with_live_meter(_checked(progress, words, only=MAINS_IDS), findings, words)


def _checked(progress: CheckProgress, words: Language, only: frozenset[str] | None = None) -> Shown:
    seen = [one for one in progress.seen if only is None or one.id in only]
    done = sum(one.state not in OPEN for one in seen)
    said = ""
    if progress.is_running:
        said = words.text("{done} of {all} looked at", done=done, all=len(seen))
    elif progress.was_cancelled:
        said = words.text("Cancelled.")
    elif progress.number and seen:
        doubtful = sum(one.state in {State.WARNING, State.UNFINISHED} for one in seen)
        said = words.text("Everything is good.")
        if doubtful:
            said = words.counted("{count} thing to look at", "{count} things to look at", doubtful)
    return Shown(
        is_running=progress.is_running,
        said=said,
        done=done,
        total=len(seen),
        rows=tuple(seen_row(one, words) for one in seen),
    )


def seen_row(one: Seen, words: Language) -> ShownRow:
    """Return one thing that was looked at, with what was found of it."""
    state, tone = STATES[one.state]
    said = [] if one.words is None else [one.words.problem(words.code)]
    said += [
        with_remedy(*finding.said(words.code, in_form=True))
        for finding in one.findings
        if finding.severity is not Severity.NOTE
    ]
    return ShownRow(
        plain_text(one.name.problem(words.code)),
        words.text(state),
        plain_text("; ".join(said)),
        tone,
    )
