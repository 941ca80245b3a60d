"""Settings, Network: the IPv4 settings of the device, and whether a change of them is kept. Source: website 40."""

import logging
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from flask import Blueprint, abort, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from knxgw.errors import RejectedError
from knxgw.host.answer import NetworkAnswer
from knxgw.host.network_change import CONFIRM_S, Phase
from knxgw.host.network_plan import (
    Field,
    IPv4Settings,
    Mode,
    SettingsError,
    fields_of,
    may_cut_off,
    read_settings,
)
from knxgw.website.access.roles import Right
from knxgw.website.host_settings import HostSettings, NetworkState
from knxgw.website.host_words import (
    CHANGES,
    FAILURES,
    MANAGERS,
    REASONS,
    SOURCES,
    WHY_READ_ONLY,
)
from knxgw.website.pages.common import address, error_page, language, session, site
from knxgw.website.security import needs, public

log = logging.getLogger(__name__)
pages = Blueprint("network", __name__)
HERE = "/settings/network"


@pages.get(HERE)
@needs(Right.NETWORK)
def network() -> str:
    """Show the network as it is, to be changed where that is possible."""
    return _page(_host().network())


@pages.post(HERE)
@needs(Right.NETWORK)
def review() -> AnyResponse | str | tuple[str, int]:
    """Say what a change would bring about, and where the device will be; or make it, if it cuts off nobody."""
    state = _writable()
    fields = _typed()
    try:
        settings = read_settings(fields)
    except SettingsError as err:
        words = language()
        found = {one.field.value: words.text(REASONS[one.reason]) for one in err.refused}
        return _page(state, fields=fields, refused=found), 400
    if not _must_be_confirmed(state, settings):
        return _change(settings, state, token="")
    if _is_bound_elsewhere(state, settings):
        text = language().text(
            "The website answers at {address} only (website.listen), so nobody could confirm another address. Let it listen at all addresses first.",
            address=state.bound_to,
        )
        return _page(state, fields=fields, failure=text), 409
    token = _host().links.make(site().bridge.now_s())
    return render_template(
        "network_review.html",
        fields=fields_of(settings),
        address=_new_address(settings),
        links=_links(settings, token),
        token=token,
        knx_address=state.knx_address if _leaves(settings, state.knx_address) else "",
        confirm_s=int(CONFIRM_S),
    )


@pages.post(f"{HERE}/apply")
@needs(Right.NETWORK)
def apply() -> AnyResponse | str | tuple[str, int]:
    """Make a change that must be confirmed at the new address."""
    state = _writable()
    try:
        settings = read_settings(_typed())
    except SettingsError:
        abort(400)  # the page before has checked them
    return _change(settings, state, token=request.form.get("token", ""))


@pages.post(f"{HERE}/keep")
@needs(Right.NETWORK)
def keep() -> AnyResponse | tuple[str, int]:
    """Keep the change that waits: the browser reaches the device."""
    return _ended(_host().keep, "network_kept", "confirmed")


@pages.post(f"{HERE}/return")
@needs(Right.NETWORK)
def give_back() -> AnyResponse | tuple[str, int]:
    """Let the settings before the change hold again, without waiting."""
    return _ended(_host().give_back, "network_returned", "network_returned")


@pages.get(f"{HERE}/keep/<token>")
@public
def keep_page(token: str) -> str | tuple[str, int]:
    """Ask, at the new address and without a log-in, whether the change is to be kept."""
    if _change_of(token) is None:
        return _link_void()
    return render_template("network_keep.html", token=token)


@pages.post(f"{HERE}/keep/<token>")
@public
def keep_by_link(token: str) -> str | tuple[str, int]:
    """Keep the change for which a link was made."""
    change = _change_of(token)
    if change is None:
        return _link_void()
    try:
        found = _host().keep(change)
    except RejectedError as err:
        return error_page(_not_done(err), 503)
    if found.phase is not Phase.KEPT:
        return _link_void()
    _host().links.void()
    site().bridge.accounts.note_of_host("network_kept")
    return render_template("network_kept.html")


# --- parts


def _host() -> HostSettings:
    return site().bridge.machine.host


def _writable() -> NetworkState:
    state = _host().network()
    if not state.is_writable or _waits(state):
        abort(409)  # the page has no form then
    return state


def _typed() -> dict[str, str]:
    return {field.value: request.form.get(field, "").strip() for field in Field}


def _must_be_confirmed(state: NetworkState, settings: IPv4Settings) -> bool:
    return may_cut_off(state.settings if state.is_ours else None, settings)


def _is_bound_elsewhere(state: NetworkState, settings: IPv4Settings) -> bool:
    """Tell whether the website would not be at the new address."""
    return _leaves(settings, state.bound_to)


def _leaves(settings: IPv4Settings, own: str) -> bool:
    """Tell whether the device gives up an address on which something depends; "": nothing does."""
    interface = settings.interface
    return bool(own) and (interface is None or str(interface.ip) != own)


def _change(
    settings: IPv4Settings, state: NetworkState, *, token: str
) -> AnyResponse | str | tuple[str, int]:
    must_be_confirmed = _must_be_confirmed(state, settings)
    try:
        found = _host().change_network(settings, must_be_confirmed)
    except RejectedError as err:
        return _page(state, fields=fields_of(settings), failure=_not_done(err)), 503
    if found.failure is not None:
        text = language().text(FAILURES[found.failure])
        failure = language().text("Not saved: {reason}", reason=text)
        return _page(state, fields=fields_of(settings), failure=failure), 409
    site().bridge.accounts.note(
        session(),
        "network_changed",
        address=address(),
        before=_audit_words(state.settings) if state.is_ours else "",
        after=_audit_words(settings),
    )
    if found.phase is not Phase.WAITING:
        return redirect(f"{HERE}?said=network", 303)
    _host().links.bind(token, found.id, site().bridge.now_s())
    return render_template(
        "network_waiting.html",
        change=found,
        address=_new_address(settings),
        links=_links(settings, token),
    )


def _ended(
    end: Callable[[str], NetworkAnswer], action: str, said: str
) -> AnyResponse | tuple[str, int]:
    state = _host().network()
    if not _waits(state) or state.change is None:
        return redirect(HERE, 303)  # it has ended by itself: the page says how
    try:
        found = end(state.change.id)
    except RejectedError as err:
        return error_page(_not_done(err), 503)
    _host().links.void()
    is_as_asked = (found.phase is Phase.KEPT) == (action == "network_kept")
    if not is_as_asked:
        return redirect(HERE, 303)
    site().bridge.accounts.note(session(), action, address=address())
    return redirect(f"{HERE}?said={said}", 303)


def _waits(state: NetworkState) -> bool:
    return state.change is not None and state.change.phase is Phase.WAITING


def _change_of(token: str) -> str | None:
    return _host().links.change_of(token, site().bridge.now_s())


def _link_void() -> tuple[str, int]:
    words = language().text(
        "This link does not hold any more: the change was kept or has returned. Log in to see which."
    )
    return error_page(words, 404)


def _not_done(err: RejectedError) -> str:
    log.warning("website: the network is not changed: %s", err)
    return language().text(
        "Not saved: the host does not react. Nothing was changed; see whether knxgw-host-network.path is active."
    )


def _audit_words(settings: IPv4Settings) -> str:
    """Return settings as the audit keeps them."""
    if settings.interface is None:
        return Mode.AUTOMATIC.value
    return str(settings.interface)


def _new_address(settings: IPv4Settings) -> str:
    """Return where the device will be, "": a DHCP server says."""
    return "" if settings.interface is None else f"{_scheme()}://{settings.interface.ip}{_port()}/"


def _links(settings: IPv4Settings, token: str) -> list[str]:
    """Return the links at which the change is kept without a log-in."""
    path = f"{HERE}/keep/{token}"
    if not token:
        return []
    if settings.interface is not None:
        return [f"{_scheme()}://{settings.interface.ip}{_port()}{path}"]
    own = sorted(one for one in site().bridge.reach.host_names() if one.endswith(".local"))
    return [f"{_scheme()}://{name}{_port()}{path}" for name in own]


def _scheme() -> str:
    return "https" if request.is_secure else "http"


def _port() -> str:
    port = urlsplit(f"//{request.host}").port
    return "" if port is None else f":{port}"


def _page(
    state: NetworkState,
    *,
    fields: Mapping[str, str] | None = None,
    refused: Mapping[str, str] | None = None,
    failure: str = "",
) -> str:
    """Return the page of the network, with what was typed and why it is refused."""
    words = language()
    change = state.change
    return render_template(
        "network.html",
        state=state,
        fields=fields or fields_of(state.settings),
        refused=refused or {},
        failure=failure,
        manager=words.text(MANAGERS[state.manager]),
        why_read_only=words.text(WHY_READ_ONLY[state.manager]),
        source=words.text(SOURCES[state.source]),
        waits=_waits(state),
        last=None if change is None or _waits(state) else _last_words(change),
        links_until=None if change is None else change.confirm_until,
    )


def _last_words(change: NetworkAnswer) -> tuple[str, str]:
    """Return tone and words of what became of the last change."""
    words = language()
    tone, text = CHANGES[change.phase]
    why = "" if change.failure is None else f" {words.text(FAILURES[change.failure])}"
    return tone, f"{words.text(text)}{why}"
