"""The page of a charging point, and what people do there."""

from flask import Blueprint, abort, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from knxgw.station.actions import Action
from knxgw.station.view import PointView
from knxgw.website.access.roles import Right
from knxgw.website.pages.common import address, session, site
from knxgw.website.pages.status import live_page
from knxgw.website.security import needs

pages = Blueprint("point", __name__)
RIGHTS = {Action.SETPOINT: Right.LIMITS}  # of the others: Right.CHARGE
ASKS_FIRST = frozenset({Action.STOP})
MOST_A = 80.0


@pages.get("/points/<int:number>")
def show(number: int) -> str:
    """Show everything that is known of a charging point."""
    point = _point(number)
    if point is None:
        abort(404)
    return live_page("point.html", number=number, phases=point.installed.mains_phases)


@pages.post("/points/<int:number>/<action>")
@needs(Right.CHARGE)
def act(number: int, action: str) -> AnyResponse | str:
    """Do something at a charging point, if it is possible now."""
    bridge = site().bridge
    wanted = next((one for one in Action if one.value == action), None)
    point = _point(number)
    if wanted is None or point is None:
        abort(404)
    if not session().may_charge(number) or not session().may(RIGHTS.get(wanted, Right.CHARGE)):
        abort(403)
    here = f"/points/{number}"
    if wanted not in point.actions:
        return redirect(f"{here}?said=too_late", 303)
    setpoint_ma = None
    if wanted is Action.SETPOINT:
        setpoint_ma = current_ma(request.form.get("setpoint_a", ""))
        if setpoint_ma is None:
            return redirect(f"{here}?said=bad_number", 303)
    if wanted in ASKS_FIRST and not request.form.get("confirmed"):
        return render_template("confirm.html", number=number, back=here)
    bridge.act(number, wanted, setpoint_ma)
    after = f"cp{number}" + ("" if setpoint_ma is None else f" {setpoint_ma} mA")
    bridge.accounts.note(session(), f"point_{wanted.value}", address=address(), after=after)
    back = "/" if request.form.get("from") == "status" else here
    return redirect(f"{back}?said=sent", 303)


def _point(number: int) -> PointView | None:
    """Return a charging point as it is now, None: there is no such one."""
    points = site().bridge.view(None).points
    return next((one for one in points if one.number == number), None)


def current_ma(text: str) -> int | None:
    """Return a current that was typed in A, with point or comma [mA]; None: it is none."""
    try:
        value = float(text.strip().replace(",", "."))
    except ValueError:
        return None
    return round(value * 1000) if 0 <= value <= MOST_A else None
