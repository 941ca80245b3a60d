"""Settings: what this device lets people change today, and who manages the rest. Source: website 04, 12, 38, 39."""

import logging
from collections.abc import Callable

from flask import Blueprint, abort, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from knxgw.website.access.answers import Change, Outcome
from knxgw.website.access.roles import Right, Role
from knxgw.website.audit_words import ROLES as ROLE_WORDS
from knxgw.website.pages.account import refusal
from knxgw.website.pages.common import address, come_back, language, session, site
from knxgw.website.pages.logs import logging_mode
from knxgw.website.security import needs

log = logging.getLogger(__name__)
pages = Blueprint("settings", __name__)
ROLES = (Role.ADMINISTRATOR, Role.USER, Role.VIEWER)
RESET_WORDS = "reset"


@pages.get("/settings")
@needs(Right.SEE)
def settings() -> str:
    """Show what can be set here, by the right of whoever asks."""
    bridge, gate = site().bridge, site().gate
    return render_template(
        "settings.html",
        sessions=gate.accounts.sessions_for(gate.token() or ""),
        certificate=bridge.certificate(),
        host_names=sorted(bridge.host_names()),
        is_programming=bridge.facts().panel.is_programming,
        can_restart=bridge.device.can_restart,
        **logging_mode(),
    )


# --- one's own sessions


@pages.post("/settings/sessions/end")
@needs(Right.OWN_PASSWORD)
def end_sessions() -> AnyResponse | tuple[str, int]:
    """End the other sessions of whoever asks, or one of them."""
    gate = site().gate
    only = request.form.get("id") or None
    change = gate.accounts.end_sessions(gate.token() or "", address=address(), only=only)
    return _answer(change, "/settings?said=ended")


# --- the device


@pages.post("/settings/programming")
@needs(
    Right.RESTART
)  # one press and nothing asked, as at the button of a device: Right.NETWORK asks
def programming() -> AnyResponse:
    """Switch the programming mode, as the button of the device does."""
    bridge = site().bridge
    wanted = request.form.get("on") == "1"
    bridge.device.set_programming(wanted)
    after = "on" if wanted else "off"
    bridge.accounts.note(session(), "programming_mode", address=address(), after=after)
    return come_back(f"programming_{after}")


@pages.post("/settings/restart")
@needs(Right.RESTART)
def restart() -> AnyResponse | str:
    """Restart the device: it ends in order, and the service manager starts it again."""
    bridge = site().bridge
    if not bridge.device.can_restart:
        abort(409)
    if not request.form.get("confirmed"):
        return render_template("restart.html")
    bridge.accounts.note(session(), "restart", address=address())
    bridge.device.restart()
    return render_template("restarting.html", next_page="/settings")


@pages.get("/settings/reset")
@needs(Right.FACTORY_RESET)
def reset_page() -> str:
    """Say what a reset of the device takes and leaves."""
    return render_template("reset.html", can_restart=site().bridge.device.can_restart)


@pages.post("/settings/reset")
@needs(Right.FACTORY_RESET)
def reset() -> AnyResponse | str:
    """Reset the device to its factory settings."""
    bridge = site().bridge
    if not bridge.device.can_restart or request.form.get("confirmed") != RESET_WORDS:
        abort(409)
    log.warning("website: %s resets the device, from %s", session().account, address())
    bridge.device.reset()
    site().live.publisher.stop("reset")
    return render_template("restarting.html", next_page="/login")


# --- accounts


@pages.get("/settings/accounts")
@needs(Right.USERS)
def accounts() -> str:
    """List the accounts."""
    return _accounts_page()


def _accounts_page(error: str = "", made: tuple[str, str] | None = None) -> str:
    gate = site().gate
    return render_template(
        "accounts.html",
        accounts=gate.accounts.accounts_for(gate.token() or ""),
        points=[(point.number, point.name) for point in site().bridge.view(None).points],
        roles=[
            role
            for role in ROLES
            if session().may(Right.ADMINISTRATORS) or role is not Role.ADMINISTRATOR
        ],
        role_words=ROLE_WORDS,
        error=error,
        made=made,
    )


@pages.post("/settings/accounts")
@needs(Right.USERS)
def create() -> AnyResponse | tuple[str, int] | str:
    """Make an account; its first password is shown once."""
    gate, form = site().gate, request.form
    name = form.get("name", "")
    change = gate.accounts.manage.create(
        gate.token() or "", name, _role(), address=address(), points=_points()
    )
    return _made(change, name)


@pages.post("/settings/accounts/change")
@needs(Right.USERS)
def change() -> AnyResponse | tuple[str, int] | str:
    """Do what the pressed button says to an account."""
    gate, form = site().gate, request.form
    token, name = gate.token() or "", form.get("name", "")
    manage = gate.accounts.manage
    if form.get("do") == "password":
        return _made(manage.renew_password(token, name, address=address()), name)
    actions: dict[str, Callable[[], Change]] = {
        "role": lambda: manage.change(token, name, _role(), address=address(), points=_points()),
        "remove": lambda: manage.remove(token, name, address=address()),
        "hand_over": lambda: manage.hand_over(token, name, address=address()),
    }
    do = actions.get(form.get("do", ""))
    if do is None:
        abort(400)
    found = do()
    if found.outcome is not Outcome.DONE:
        return _accounts_page(refusal(found, language())), 400
    return redirect("/settings/accounts?said=done", 303)


def _role() -> Role:
    wanted = request.form.get("role", "")
    found = next((role for role in ROLES if role.value == wanted), None)
    if found is None:
        abort(400)
    return found


def _points() -> frozenset[int] | None:
    """Return the charging points that were ticked; None, nothing was ticked: all of them.

    What is none of ours is no tick: it must neither stand for all points nor be kept.
    """
    there = {str(point.number): point.number for point in site().bridge.view(None).points}
    given = set(request.form.getlist("points"))
    if not given <= set(there):
        abort(400)
    return frozenset(there[one] for one in given) or None


def _made(change: Change, name: str) -> tuple[str, int] | str:
    if change.outcome is not Outcome.DONE:
        return _accounts_page(refusal(change, language())), 400
    return _accounts_page(made=(name, change.password))


def _answer(change: Change, target: str) -> AnyResponse | tuple[str, int]:
    if change.outcome is Outcome.DONE:
        return redirect(target, 303)
    words = refusal(change, language())
    return render_template("error.html", words=words, code=409), 409
