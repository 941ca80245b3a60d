"""The page of a charging point, and what people do there."""

import re

from flask import Blueprint, abort, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from knxgw.station.actions import Action
from knxgw.station.view import PointView
from knxgw.website.access.roles import Right
from knxgw.website.pages.common import address, language, session, site
from knxgw.website.pages.status import live_page
from knxgw.website.security import needs

pages = Blueprint("point", __name__)
RIGHTS = {Action.SETPOINT: Right.LIMITS}  # of the others: Right.CHARGE
ASKS_FIRST = frozenset({Action.STOP})
MOST_A = 80.0
_CURRENT = re.compile(
    r"[+-]?[0-9]+([.,][0-9]+)?"
)  # three decimals are no thousands: these are too many A
STATUS = "status"  # what a form on the Status page says of where it stands


@pages.get("/points/<int:number>")
def show(number: int) -> str:
    """Show everything that is known of a charging point."""
    return _point_page(number)


def _point_page(number: int, setpoint: str = "", setpoint_error: str = "") -> str:
    point = _point(number)
    if point is None:
        abort(404)
    return live_page(
        "point.html",
        number=number,
        phases=sorted(point.installed.mains_phases),
        setpoint=setpoint,
        setpoint_error=setpoint_error,
    )


@pages.get("/points/<int:number>/<action>")
def look_back(number: int, action: str) -> AnyResponse:
    """Lead to the charging point: who asks has an answer open that is no page of its own."""
    if action not in tuple(Action):
        abort(404)
    return redirect(f"/points/{number}", 303)


@pages.post("/points/<int:number>/<action>")
@needs(Right.CHARGE)
def act(number: int, action: str) -> AnyResponse | tuple[str, int] | str:
    """Do something at a charging point, if it is possible now."""
    bridge = site().bridge
    wanted = next((one for one in Action if one.value == action), None)
    point = _point(number)
    if wanted is None or point is None:
        abort(404)
    if not session().may_charge(number) or not session().may(RIGHTS.get(wanted, Right.CHARGE)):
        abort(403)
    if wanted not in point.actions:
        return redirect(_where_its_form_stands(number, "too_late"), 303)
    setpoint_ma = None
    if wanted is Action.SETPOINT:
        typed = request.form.get("setpoint_a", "")
        setpoint_ma = current_ma(typed)
        if setpoint_ma is None:
            return _refused(number, typed)
    if wanted in ASKS_FIRST and not request.form.get("confirmed"):
        return _question(number)
    bridge.act(number, wanted, setpoint_ma)
    after = f"cp{number}" + ("" if setpoint_ma is None else f" {setpoint_ma} mA")
    bridge.accounts.note(session(), f"point_{wanted.value}", address=address(), after=after)
    return redirect(_where_its_form_stands(number, "sent"), 303)


def _where_its_form_stands(number: int, saying: str = "") -> str:
    """Return the card on the Status page, or the page of the charging point."""
    if request.form.get("from") == STATUS:
        return f"/{f'?said={saying}&point={number}' if saying else ''}#point-{number}"
    return f"/points/{number}{f'?said={saying}' if saying else ''}"


def _question(number: int) -> str:
    words = language()
    return render_template(
        "confirm.html",
        question=words.text("Stop charging at charging point {number}?", number=number),
        meaning=words.text("It ends until the vehicle is plugged in again."),
        yes=words.text("Stop"),
        back=_where_its_form_stands(number),
        form={"from": request.form.get("from", "")},
    )


def _refused(number: int, typed: str) -> tuple[str, int]:
    """Return the page with what was typed, and beside it why it was refused."""
    words = language()
    why = words.text(
        "Not saved: enter a current from 0 to {most} A. Nothing was changed.",
        most=words.number(MOST_A),
    )
    return _point_page(number, typed[:20], why), 400


def _point(number: int) -> PointView | None:
    """Return a charging point as it is now, None: there is no such one."""
    points = site().bridge.view(None).points
    return next((one for one in points if one.number == number), None)


def current_ma(text: str) -> int | None:
    """Return a current that was typed in A, with point or comma [mA]; None: it is none."""
    if not _CURRENT.fullmatch(text.strip()):
        return None
    value = float(text.strip().replace(",", "."))
    return round(value * 1000) if 0 <= value <= MOST_A else None
