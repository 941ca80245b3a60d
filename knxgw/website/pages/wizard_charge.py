"""The last step of the wizard: the configuration comes into force, a first vehicle charges. Source: website 47."""

from collections.abc import Iterator

from flask import Blueprint, Response, abort, jsonify, redirect, render_template
from werkzeug.wrappers import Response as AnyResponse

from knxgw.catalogue.codes import ChargingState, Reason
from knxgw.catalogue.load import catalogue
from knxgw.catalogue.texts import Texts
from knxgw.monitoring.csv_table import plain_text
from knxgw.monitoring.test_charge import NO_OFFER_S, Problem, Progress, Result, Row, Step
from knxgw.station.view import PointView
from knxgw.website.access.roles import Right
from knxgw.website.configuring import sum_of
from knxgw.website.labels import is_default_name
from knxgw.website.language import Language, marked
from knxgw.website.pages.common import address, checked, language, session, site
from knxgw.website.pages.configuration import applied, effect_words, finding_rows, text_now
from knxgw.website.pages.configuration_forms import draft_now
from knxgw.website.pages.wizard import frame, mark
from knxgw.website.pages.wizard_meter import running_meter
from knxgw.website.pages.wizard_network import page_of
from knxgw.website.pages.wizard_shown import Shown, ShownRow
from knxgw.website.security import needs
from knxgw.website.text_diff import difference
from knxgw.website.wizard import Mark
from knxgw.website.wizard import Step as WizardStep

pages = Blueprint("wizard_charge", __name__)
APPLY = "/wizard/apply"
STEPS_OF_CHARGE = {
    Step.VEHICLE: marked("A vehicle is plugged in"),
    Step.CHARGE: marked("It charges"),
    Step.LOW: marked("It charges with 6 A"),
    Step.HIGH: marked("It charges with 10 A"),
    Step.FOLLOWS: marked("It stays within what load management offers"),
    Step.PAUSE: marked("It pauses"),
    Step.AGAIN: marked("It charges again"),
}
RESULTS = {
    Result.RUNNING: (marked("waits"), "info"),
    Result.GOOD: (marked("good"), "good"),
    Result.BAD: (marked("not passed"), "bad"),
    Result.ENDED: (marked("ended by you"), "warning"),
}
NOTHING_OFFERED = marked("It is offered no current: {reason}.")
PROBLEMS = {
    Problem.NO_VEHICLE: marked("No vehicle was plugged in within ten minutes."),
    Problem.NOT_CHARGING: marked(
        "It does not charge. Is the vehicle full, does it wait for a card, a start or a time of its own?"
    ),
    Problem.NOT_OFFERED: marked("It is offered another current: {reason}."),
    Problem.DRAWS_MORE: marked(
        "It draws more than it is offered. Check model and connection; another program may control the charger as well."
    ),
    Problem.DRAWS_TOO_LITTLE: marked(
        "It draws hardly anything. Is the vehicle almost full, or does it limit itself?"
    ),
    Problem.NOT_PAUSED: marked(
        "It goes on charging. Check model and connection; another program may control the charger as well."
    ),
    Problem.GONE: marked("The vehicle was unplugged, or the charger is not reached any more."),
}


@pages.get(APPLY)
@needs(Right.CONFIGURATION)
def show() -> str:
    """Show what would come into force; once it is, offer a first charge."""
    words, draft, now = language(), draft_now(), text_now()
    configuring, ask = site().bridge.device.configuring, site().bridge.setup.commissioning
    found = checked(draft.text)
    is_in_force = draft.text == now
    points = site().bridge.view(None).points if is_in_force else ()
    return render_template(
        "wizard_apply.html",
        **frame(WizardStep.APPLY),
        text=draft.text,
        based_on=draft.based_on,
        can_run=found.can_run,
        findings=[] if found.can_run else finding_rows(found.findings, words, draft.text, page_of),
        is_writable=configuring.is_writable(),
        is_in_force=is_in_force and bool(now),
        effects=[effect_words(one, words) for one in found.effects],
        lines=difference(now, draft.text),
        points=[(one.number, point_words(one, words)) for one in points],
        meter=running_meter(words),
        shown=_shown(ask.charge(), words),
        charge=ask.charge(),
        tested=[
            number
            for number, one in ask.charges().items()
            if one.is_good and one.text_sum == sum_of(now)
        ],
    )


@pages.post(APPLY)
@needs(Right.CONFIGURATION)
def apply() -> AnyResponse | tuple[str, int]:
    """Let the draft come into force."""
    answer = applied(APPLY)
    if not isinstance(answer, tuple):
        mark(WizardStep.APPLY, Mark.DONE)
    return answer


@pages.post("/wizard/charge/<int:number>")
@needs(Right.CONFIGURATION)
def start(number: int) -> AnyResponse:
    """Begin a first charge at a charging point, once the change is confirmed that has brought it."""
    if not session().may_charge(number):
        abort(403)
    if site().bridge.device.configuring.confirm_until() is not None:
        return redirect(f"{APPLY}#keep-change", 303)  # the return would end the charge
    site().bridge.setup.commissioning.start_charge(number, sum_of(text_now()))
    site().bridge.accounts.note(session(), "first_charge", address=address(), after=f"cp{number}")
    return redirect(f"{APPLY}#charge", 303)


@pages.post("/wizard/charge/end")
@needs(Right.CONFIGURATION)
def end() -> AnyResponse:
    """End the first charge; the charging point goes on as before."""
    site().bridge.setup.commissioning.end_charge()
    return redirect(f"{APPLY}#charge", 303)


@pages.get("/wizard/charge/progress")
@needs(Right.CONFIGURATION)
def progress() -> Response:
    """Tell how far the first charge is."""
    return jsonify(_shown(site().bridge.setup.commissioning.charge(), language()).as_json())


@pages.get("/wizard/charge/meter")
@needs(Right.CONFIGURATION)
def meter() -> Response:
    """Tell what the smart meter measures."""
    return jsonify(running_meter(language()).as_json())


# --- parts


def point_words(one: PointView, words: Language) -> str:
    """Return number and name of a charging point."""
    title = words.text("Charging point {number}", number=one.number)
    return plain_text(title if is_default_name(one.name, one.number) else f"{title}: {one.name}")


def _shown(charge: Progress, words: Language) -> Shown:
    said = ""
    if charge.is_running:
        said = words.text("Charging point {number}", number=charge.point)
        if charge.rows[-1].step is Step.VEHICLE:
            said = words.text(
                "Plug a vehicle in at charging point {number} now.", number=charge.point
            )
    elif charge.number:
        said = words.text("Passed.") if charge.is_good else words.text("Not passed.")
    done = sum(one.result is Result.GOOD for one in charge.rows)
    rows = tuple(charge_row(one, words) for one in charge.rows)
    return Shown(
        is_running=charge.is_running,
        said=said,
        done=done,
        total=len(charge.steps),
        rows=rows,
    )


def _texts() -> Texts:
    return catalogue().product.texts


def _reason(one: Row, words: Language) -> str:
    """Return what limits the charging point, in the language of the page."""
    if one.reason_code is None:
        return one.reason
    return _texts().reasons[Reason(one.reason_code)].words.in_language(words.code)


def _problem_words(one: Row) -> str:
    if one.problem is Problem.NOT_OFFERED and not one.offer_ma:
        return NOTHING_OFFERED
    return PROBLEMS[one.problem] if one.problem is not None else ""


def _held_words(one: Row, words: Language) -> Iterator[str]:
    """Yield why load management offers nothing yet, and how long that may last."""
    yield words.text("load management offers nothing yet: {reason}", reason=_reason(one, words))
    if one.ends_in_s is not None:
        yield words.text("that ends in {s} s", s=round(one.ends_in_s))
    yield words.text("the test waits for {minutes} minutes at most", minutes=round(NO_OFFER_S / 60))


def charge_row(one: Row, words: Language) -> ShownRow:
    """Return a step of a first charge, with what was measured."""
    result, tone = RESULTS[one.result]
    said = []
    if one.problem is not None:
        said.append(words.text(_problem_words(one), reason=_reason(one, words)))
    elif one.held_s and not one.offer_ma:
        said += _held_words(one, words)
    if one.offer_ma is not None:
        said.append(words.text("offered {current} A", current=words.number(one.offer_ma / 1000, 1)))
    known = [words.number(ma / 1000, 1) for ma in one.phases_ma if ma is not None]
    if known:
        said.append(words.text("drawn {currents} A", currents=" / ".join(known)))
    if one.state is not None:
        said.append(_texts().states[ChargingState(one.state)].name.in_language(words.code))
    elif one.state_words:
        said.append(one.state_words)
    said.append(words.text("after {s} s", s=round(one.took_s)))
    return ShownRow(
        words.text(STEPS_OF_CHARGE[one.step]),
        words.text(result),
        plain_text(" · ".join(said)),
        tone,
    )
