"""Settings: what this device lets people change today, and who manages the rest. Source: website 04, 12, 38, 39, 67."""

import logging

from flask import Blueprint, abort, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from knxgw.errors import RejectedError
from knxgw.host.answer import Failure
from knxgw.website.access.answers import Change, Outcome
from knxgw.website.access.roles import Right
from knxgw.website.bridge import DeviceControl
from knxgw.website.host_words import FAILURES, NOT_REBOOTED
from knxgw.website.pages.account import refusal
from knxgw.website.pages.certificate import source_words
from knxgw.website.pages.common import (
    address,
    come_back,
    error_page,
    https_address,
    language,
    session,
    site,
)
from knxgw.website.pages.logs import logging_mode
from knxgw.website.security import needs

log = logging.getLogger(__name__)
pages = Blueprint("settings", __name__)
RESET_WORDS = "reset"


@pages.get("/settings")
@needs(Right.SEE)
def settings() -> str:
    """Show what can be set here, by the right of whoever asks."""
    bridge, gate = site().bridge, site().gate
    reboot = bridge.machine.host.reboot_state()
    return render_template(
        "settings.html",
        sessions=gate.accounts.sessions_for(gate.token() or ""),
        certificate=bridge.reach.certificate(),
        certificate_source=source_words(),
        is_sent_on=bridge.reach.redirects(),
        https_address=https_address(),
        host_names=sorted(bridge.reach.host_names()),
        is_programming=bridge.facts().panel.is_programming,
        can_restart=bridge.device.can_restart,
        can_reboot=reboot.is_offered,
        not_rebooted="" if reboot.failure is None else language().text(NOT_REBOOTED),
        newer_firmware=_newer_firmware(),
        host_network=bridge.machine.host.network(),
        **logging_mode(),
    )


def _newer_firmware() -> str:
    """Return the version of a newer firmware that was found, "": none was."""
    newer = site().bridge.machine.firmware.state().newer
    return "" if newer is None else newer.version


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


@pages.post("/settings/restart-machine")
@needs(Right.RESTART)
def restart_machine() -> AnyResponse | str | tuple[str, int]:
    """Restart the machine: everything on it ends in order, and the device with it."""
    bridge = site().bridge
    if not bridge.machine.host.reboot_state().is_offered:
        abort(409)
    if not request.form.get("confirmed"):
        return render_template("restart_machine.html")
    try:
        failure = bridge.machine.host.reboot().failure
    except RejectedError as err:
        log.warning("website: the machine does not restart: %s", err)
        words = language().text(
            "Not restarted: the host does not react. See whether knxgw-host-time.path is active."
        )
        return error_page(words, 503)
    if failure is not None:
        return error_page(_why_not_rebooted(failure), 409)
    log.warning("website: %s restarts the machine, from %s", session().account, address())
    bridge.accounts.note(session(), "machine_restarted", address=address())
    return render_template("restarting.html", next_page="/settings", is_machine=True)


def _why_not_rebooted(failure: Failure) -> str:
    why = language().text(FAILURES[failure])
    return language().text("Not restarted: {reason}", reason=why)


@pages.get("/settings/reset")
@needs(Right.FACTORY_RESET)
def reset_page() -> str:
    """Say what a reset of the device takes and leaves."""
    device = site().bridge.device
    return render_template(
        "reset.html",
        can_restart=device.can_restart,
        has_file_of_host=device.configuring.place(),
    )


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
    return render_template("restarting.html", next_page=_log_in_after_reset(bridge.device))


def _log_in_after_reset(device: DeviceControl) -> str:
    """Return where the log-in is after a reset: a device without a configuration has its own port."""
    host, _, port = request.host.rpartition(":")
    if device.reset_port is None or not port.isdecimal() or int(port) == device.reset_port:
        return "/login"
    return f"http://{host}:{device.reset_port}/login"


def _answer(change: Change, target: str) -> AnyResponse | tuple[str, int]:
    if change.outcome is Outcome.DONE:
        return redirect(target, 303)
    words = refusal(change, language())
    return render_template("error.html", words=words, code=409), 409
