"""The accounts of others: made, changed, removed, handed over. Source: website 12."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from flask import Blueprint, abort, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from knxgw.website.access.answers import AccountView, Change, Outcome
from knxgw.website.access.roles import Right, Role, right_over
from knxgw.website.audit_words import ROLES as ROLE_WORDS
from knxgw.website.language import Language, marked
from knxgw.website.pages.account import refusal
from knxgw.website.pages.common import address, language, session, site
from knxgw.website.security import needs

pages = Blueprint("accounts", __name__)
HERE = "/settings/accounts"
ROLES = (Role.ADMINISTRATOR, Role.USER, Role.VIEWER)
MEANS = {
    Role.ADMINISTRATOR: marked("sees and changes everything but accounts of administrators"),
    Role.USER: marked("sees everything, starts and stops"),
    Role.VIEWER: marked("sees Status and History"),
}


class Question(NamedTuple):
    """A button at an account, and what is asked before it does anything."""

    button: str
    question: str
    meaning: str


QUESTIONS = {
    "password": Question(
        marked("New password"),
        marked("Make a new password for {name}?"),
        marked("The one before is refused from then on, and all sessions of the account end."),
    ),
    "remove": Question(
        marked("Remove"),
        marked("Remove the account {name}?"),
        marked("Its sessions end. What it did stays in the history."),
    ),
    "hand_over": Question(
        marked("Make owner"),
        marked("Make {name} the owner?"),
        marked("You become an administrator. Only the new owner can take that back."),
    ),
}


class Refused(NamedTuple):
    """A form that was refused: the account whose it is (None: a new one), why, and what was typed."""

    account: str | None
    why: str
    name: str
    role: Role
    points: frozenset[int]


@pages.get(HERE)
@needs(Right.USERS)
def accounts() -> str:
    """List the accounts."""
    return _page()


@pages.post(HERE)
@needs(Right.USERS)
def create() -> AnyResponse | tuple[str, int] | str:
    """Make an account; its first password is shown once."""
    gate, name, role, points = site().gate, request.form.get("name", ""), _role(), _points()
    change = gate.accounts.manage.create(
        gate.token() or "", name, role, address=address(), points=points
    )
    if change.outcome is not Outcome.DONE:
        why = refusal(change, language())
        refused = Refused(None, why, name[:64], role, points or frozenset())
        return _page(refused=refused), 400
    return _page(made=(name, change.password))


@pages.get(f"{HERE}/change")
@needs(Right.USERS)
def look_back() -> AnyResponse:
    """Lead to the accounts: who asks has an answer open that is no page of its own."""
    return redirect(HERE, 303)


@pages.post(f"{HERE}/change")
@needs(Right.USERS)
def change() -> AnyResponse | tuple[str, int] | str:
    """Do what the pressed button says to an account."""
    name, do = request.form.get("name", ""), request.form.get("do", "")
    if do == "role":
        return _change_role(name)
    if do not in QUESTIONS:
        abort(400)
    if not request.form.get("confirmed"):
        return _question(name, do)
    gate = site().gate
    manage, token = gate.accounts.manage, gate.token() or ""
    actions: Mapping[str, Callable[..., Change]] = {
        "password": manage.renew_password,
        "remove": manage.remove,
        "hand_over": manage.hand_over,
    }
    found = actions[do](token, name, address=address())
    if found.outcome is not Outcome.DONE:
        return _page(error=refusal(found, language())), 400
    if found.password:
        return _page(made=(name, found.password))
    return redirect(f"{HERE}?said=done", 303)


def _change_role(name: str) -> AnyResponse | tuple[str, int]:
    gate, role = site().gate, _role()
    of_account = next((one.points for one in _accounts() if one.name == name), None)
    points = _points(of_account or frozenset())
    found = gate.accounts.manage.change(
        gate.token() or "", name, role, address=address(), points=points
    )
    if found.outcome is Outcome.DONE:
        return redirect(f"{HERE}?said=done", 303)
    why = refusal(found, language())
    return _page(refused=Refused(name, why, name, role, points or frozenset())), 400


def _question(name: str, do: str) -> str:
    """Ask with a page; a browser with a script has asked already."""
    words, asked = language(), QUESTIONS[do]
    return render_template(
        "confirm.html",
        question=words.text(asked.question, name=name),
        meaning=words.text(asked.meaning),
        yes=words.text(asked.button),
        back=HERE,
        form={"name": name, "do": do},
    )


def _accounts() -> tuple[AccountView, ...]:
    gate = site().gate
    return tuple(gate.accounts.accounts_for(gate.token() or ""))


def _page(
    error: str = "", made: tuple[str, str] | None = None, refused: Refused | None = None
) -> str:
    words = language()
    points = {point.number: point.name for point in site().bridge.view(None).points}
    accounts = _accounts()
    if refused is not None and refused.account not in (None, *(one.name for one in accounts)):
        error, refused = refused.why, None
    return render_template(
        "accounts.html",
        accounts=[_row(one, words, points) for one in accounts],
        points=points,
        roles=[
            (role.value, words.text(ROLE_WORDS[role.value]), words.text(MEANS[role]))
            for role in ROLES
            if session().may(right_over(role))
        ],
        error=error,
        made=made,
        refused=refused,
    )


def _row(account: AccountView, words: Language, points: Mapping[int, str]) -> dict[str, object]:
    limited = sorted(account.points or ())
    gone = {number: words.text("not configured") for number in limited if number not in points}
    return {
        "name": account.name,
        "role": account.role.value,
        "role_words": words.text(ROLE_WORDS[account.role.value]),
        "points": limited,
        "choices": {**points, **gone},
        "logged_in": words.moment(account.logged_in_at, None),
        "sessions": account.sessions,
        "may_change": account.role is not Role.OWNER and session().may(right_over(account.role)),
        "questions": {
            do: Question(
                words.text(asked.button),
                words.text(asked.question, name=account.name),
                words.text(asked.meaning),
            )
            for do, asked in QUESTIONS.items()
            if do != "hand_over" or _may_become_owner(account)
        },
    }


def _may_become_owner(account: AccountView) -> bool:
    """Tell whether whoever asks can hand over to an account: its password must be its own."""
    is_ready = account.role is Role.ADMINISTRATOR and not account.must_change
    return is_ready and session().role is Role.OWNER


def _role() -> Role:
    wanted = request.form.get("role", "")
    found = next((role for role in ROLES if role.value == wanted), None)
    if found is None:
        abort(400)
    return found


def _points(more: frozenset[int] = frozenset()) -> frozenset[int] | None:
    """Return the charging points that were ticked; None, nothing was ticked: all of them.

    What is none of ours is no tick: it must neither stand for all points nor be kept. `more` are
    points that an account has and that are not configured any more: to lose the last one would free it.
    """
    configured = {point.number for point in site().bridge.view(None).points}
    there = {str(number): number for number in configured | more}
    given = set(request.form.getlist("points"))
    if not given <= set(there):
        abort(400)
    return frozenset(there[one] for one in given) or None
