"""Log-in, log-off, and one's own password."""

import math

from flask import Blueprint, Response, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from knxgw.website.access.answers import Change, Outcome, Weakness
from knxgw.website.access.roles import Right
from knxgw.website.language import Language, marked
from knxgw.website.pages.common import address, https_address, language, session, site
from knxgw.website.proxy import PROXIED
from knxgw.website.security import local_target, needs, public

pages = Blueprint("account", __name__)


@pages.get("/login")
@public
def login() -> str:
    """Ask for the password."""
    return _login_page("", local_target(request.args.get("next")))


@pages.post("/login")
@public
def log_in() -> AnyResponse:
    """Let somebody in."""
    gate, form = site().gate, request.form
    target = local_target(form.get("next"))
    answer = gate.accounts.log_in(
        form.get("password", ""),
        name=form.get("name", ""),
        address=address(),
        browser=request.headers.get("User-Agent", ""),
        stay=form.get("stay") == "1",
        replaces=gate.token(),
    )
    if answer.outcome is not Outcome.DONE or answer.session is None:
        return _refused(answer.outcome, answer.retry_after_s, target)
    if answer.session.must_change:
        target = "/password"
    elif answer.failed_before:
        target += f"{'&' if '?' in target else '?'}failed={answer.failed_before}"
    if request.is_secure and PROXIED not in request.environ:
        site().bridge.note_https()
    response = redirect(target, 303)
    gate.keep(response, answer.token, stays=answer.session.stays)
    return response


def _refused(outcome: Outcome, retry_after_s: float, target: str) -> Response:
    words = language()
    wait_s = math.ceil(retry_after_s)
    if outcome is Outcome.TOO_SOON:
        text = words.text("Too many tries. Please wait {time}.", time=words.duration(wait_s))
    elif outcome is Outcome.BUSY:
        text = words.text("Many want to log in at this moment. Please try again.")
    else:
        text = words.text("Not logged in: name or password is wrong.")
    response = make_response(_login_page(text, target))
    response.status_code = 429 if wait_s else 403
    if wait_s:
        response.headers["Retry-After"] = str(wait_s)
    return response


def _login_page(error: str, target: str) -> str:
    accounts = site().gate.accounts
    return render_template(
        "login.html",
        has_button=site().bridge.machine.has_button(),
        https_address=https_address(),
        error=error,
        target=target,
        asks_name=accounts.asks_name,
        notice=accounts.notice(),
        name=request.form.get("name", "")[:64],
    )


@pages.post("/logout")
@needs(Right.OWN_PASSWORD)
def log_off() -> AnyResponse:
    """End the session."""
    gate = site().gate
    gate.accounts.log_off(gate.token() or "", address=address())
    site().uploads.look()  # those of this session are not wanted any more
    site().readings.look()
    response = redirect("/login", 303)
    gate.forget(response)
    return response


@pages.get("/password")
@needs(Right.OWN_PASSWORD)
def password() -> str:
    """Ask for a new password."""
    return _password_page("")


@pages.post("/password")
@needs(Right.OWN_PASSWORD)
def change_password() -> AnyResponse | tuple[str, int]:
    """Change the password of whoever asks."""
    gate, form, words = site().gate, request.form, language()
    new = form.get("new", "")
    if new != form.get("repeated", ""):
        text = words.text("Not saved: the two new passwords differ. Nothing was changed.")
        return _password_page(text), 400
    change = gate.accounts.change_password(
        gate.token() or "", form.get("old", ""), new, address=address()
    )
    if change.outcome is Outcome.DONE:
        return redirect("/?said=password", 303)
    return _answered(_password_page(refusal(change, words)), change, 400)


def _password_page(error: str) -> str:
    mine = session()
    asks_old = not mine.must_change or not mine.is_proved
    return render_template(
        "password.html", error=error, is_forced=mine.must_change, asks_old=asks_old
    )


@pages.get("/password/again")
@needs(Right.OWN_PASSWORD)
def password_again() -> str:
    """Ask for the password once more, before what must not happen by a forgotten browser."""
    target = local_target(request.args.get("next"))
    return render_template("password_again.html", error="", target=target)


@pages.post("/password/again")
@needs(Right.OWN_PASSWORD)
def prove() -> AnyResponse | tuple[str, int]:
    """Take the password once more."""
    gate, form = site().gate, request.form
    target = local_target(form.get("next"))
    change = gate.accounts.prove(gate.token() or "", form.get("password", ""), address=address())
    if change.outcome is Outcome.DONE:
        return redirect(target, 303)
    text = refusal(change, language())
    page = render_template("password_again.html", error=text, target=target)
    return _answered(page, change, 403)


def _answered(page: str, change: Change, code: int) -> Response:
    """Return a page of a change that was refused; who comes too soon is told when to come again."""
    answer = make_response(page, code)
    if change.outcome is Outcome.TOO_SOON:
        answer.status_code = 429
        answer.headers["Retry-After"] = str(math.ceil(change.retry_after_s))
    return answer


REFUSALS = {
    Outcome.WRONG: marked("Not saved: the password is wrong. Nothing was changed."),
    Outcome.BUSY: marked("Not saved: the device has too much to do. Please try again."),
    Outcome.NOT_STORED: marked("Not saved: the disk does not take it. Nothing was changed."),
    Outcome.NO_SESSION: marked("Not saved: you are not logged in any more."),
    Outcome.MUST_CHANGE: marked("Not saved: change your password first."),
    Outcome.PASSWORD_AGAIN: marked("Not saved: give your password once more."),
    Outcome.NOT_ALLOWED: marked("Not saved: you have no right to do that."),
    Outcome.NAME_BAD: marked("Not saved: a name has 1 to 32 characters that can be read."),
    Outcome.NAME_TAKEN: marked("Not saved: there is an account of that name."),
    Outcome.UNKNOWN_ACCOUNT: marked("Not saved: there is no such account."),
    Outcome.TOO_MANY: marked("Not saved: there are too many accounts."),
}
WEAKNESSES = {
    Weakness.TOO_SHORT: marked("Not saved: a password has at least 10 characters."),
    Weakness.TOO_LONG: marked("Not saved: that is too long."),
    Weakness.INITIAL: marked("Not saved: the initial password cannot be kept."),
    Weakness.SERIAL: marked("Not saved: the serial number can be read on the device."),
    Weakness.NAME: marked("Not saved: the name of the account is easy to guess."),
    Weakness.COMMON: marked("Not saved: that is one of the most frequent passwords."),
}


def refusal(change: Change, words: Language) -> str:
    """Return why a change was refused, and what helps."""
    if change.outcome is Outcome.TOO_SOON:
        wait_s = math.ceil(change.retry_after_s)
        return words.text("Too many tries. Please wait {time}.", time=words.duration(wait_s))
    if change.outcome is Outcome.BAD_PASSWORD and change.weakness is not None:
        return words.text(WEAKNESSES[change.weakness])
    return words.text(REFUSALS[change.outcome])
