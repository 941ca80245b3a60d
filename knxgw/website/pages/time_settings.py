"""Settings, Time: from which servers the device has the time, and whether its clock is right. Source: website 41."""

import logging
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from flask import Blueprint, abort, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from knxgw.errors import RejectedError
from knxgw.host.answer import Failure
from knxgw.host.time_plan import is_plausible
from knxgw.website.access.roles import Right
from knxgw.website.host_settings import TimeState
from knxgw.website.host_words import FAILURES
from knxgw.website.pages.common import address, language, session, site
from knxgw.website.security import needs

log = logging.getLogger(__name__)
pages = Blueprint("time", __name__)
HERE = "/settings/time"
LONGEST_DIGITS = 15  # of milliseconds since 1970
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pages.get(HERE)
@needs(Right.NETWORK)
def time() -> str:
    """Show where the time comes from."""
    return _page(site().bridge.machine.host.time())


@pages.post(f"{HERE}/clock")
@needs(Right.NETWORK)
def clock() -> AnyResponse | tuple[str, int]:
    """Set the clock: to the time of the browser, or to what somebody types."""
    bridge = site().bridge
    state = bridge.machine.host.time()
    if not state.can_set_clock:
        abort(409)  # the page has no form then
    at = _given()
    if at is None or not is_plausible(at):
        return _refused(state, Failure.NOT_PLAUSIBLE, 400)
    before = bridge.utc_now()
    try:
        done = bridge.machine.host.set_clock(at)
    except RejectedError as err:
        log.warning("website: the clock is not set: %s", err)
        words = language().text(
            "Not saved: the host does not react. Nothing was changed; see whether knxgw-host-time.path is active."
        )
        return _page(state, failure=words), 503
    if done.failure is not None:
        return _refused(state, done.failure, 409)
    bridge.accounts.note(
        session(),
        "clock_set",
        address=address(),
        before=_audit_words(before),
        after=_audit_words(at),
    )
    return redirect(f"{HERE}?said=clock", 303)


def _given() -> datetime | None:
    """Return the time that a form says [UTC]: of the browser's clock, else typed in the zone of the device."""
    milliseconds = request.form.get("browser_ms", "")
    if milliseconds.isascii() and milliseconds.isdecimal() and len(milliseconds) <= LONGEST_DIGITS:
        try:
            return _EPOCH + timedelta(milliseconds=int(milliseconds))
        except OverflowError:
            return None
    try:
        typed = datetime.fromisoformat(request.form.get("typed", ""))
    except ValueError:
        return None
    if typed.tzinfo is not None:
        return None
    return typed.replace(tzinfo=ZoneInfo(site().bridge.time_zone())).astimezone(UTC)


def _audit_words(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def _refused(state: TimeState, failure: Failure, code: int) -> tuple[str, int]:
    words = language()
    text = words.text("Not saved: {reason}", reason=words.text(FAILURES[failure]))
    return _page(state, failure=text), code


def _page(state: TimeState, *, failure: str = "") -> str:
    bridge, words = site().bridge, language()
    now = bridge.utc_now()
    zone = ZoneInfo(bridge.time_zone())
    service = state.service
    offset_s = None if service is None else service.offset_s
    return render_template(
        "time_settings.html",
        state=state,
        failure=failure,
        now=words.moment(now, None),
        typed=request.form.get("typed") or now.astimezone(zone).strftime("%Y-%m-%dT%H:%M:%S"),
        offset_ms=None if offset_s is None else words.number(offset_s * 1000, 1),
    )
