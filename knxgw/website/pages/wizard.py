"""The wizard: its steps, and those that ask for parameters. Source: website 47."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from flask import Blueprint, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from knxgw.catalogue.load import catalogue
from knxgw.config.edit_yaml import NotEditableError, values_of
from knxgw.website.access.roles import Right
from knxgw.website.config_form import POINTS, FieldGroup
from knxgw.website.configuring import sum_of
from knxgw.website.drafts import Draft
from knxgw.website.field_findings import found_in_form
from knxgw.website.language import Language, marked
from knxgw.website.pages.common import checked, language, session, site
from knxgw.website.pages.configuration_forms import (
    GROUPS,
    draft_now,
    not_editable,
)
from knxgw.website.pages.taking import (
    Taken,
    before_in,
    merged,
    overlap_rows,
    take_into_draft,
)
from knxgw.website.security import needs
from knxgw.website.two_windows import shown_in
from knxgw.website.typed import Basis
from knxgw.website.wizard import STEPS, Asked, Mark, Step, Way, asked_in, step_after

pages = Blueprint("wizard", __name__)
NOWHERE = (
    "-"  # no section: a step asks for a few of its fields, what is wrong elsewhere is none of its
)
TITLES = {
    Step.DEVICE: marked("Device"),
    Step.FIND: marked("Find devices"),
    Step.POINTS: marked("Charging points"),
    Step.MAINS: marked("Mains connection"),
    Step.KNX: marked("KNX"),
    Step.CHECK: marked("Check"),
    Step.APPLY: marked("Apply and charge"),
}
INTENTS = {
    Step.DEVICE: marked(
        "What the device is called, which language it speaks and which time it keeps."
    ),
    Step.FIND: marked(
        "Chargers and meters in the network and on the serial line are looked for; nothing is written to them."
    ),
    Step.POINTS: marked("Name, phases and limits of each charging point."),
    Step.MAINS: marked("What the building may draw, and how the charging points share it."),
    Step.KNX: marked("How the device reaches KNX, and the group addresses of its objects."),
    Step.CHECK: marked("Everything is checked, here and in the network."),
    Step.APPLY: marked("The configuration comes into force, and a first vehicle is charged."),
}
SKIPPED = {  # what it means to leave a step out
    Step.DEVICE: marked(
        "It keeps its name, speaks the language of the draft, and times on the bus are in its time zone."
    ),
    Step.FIND: marked(
        "Charging points then have to be entered by hand, in the forms of the configuration."
    ),
    Step.POINTS: marked(
        "Three phases from 6 A to 16 A are assumed where nothing else is given: check that cable and fuse of each charging point carry that."
    ),
    Step.MAINS: marked(
        "Load management stays as it is. If it is off, nothing keeps the chargers below the main fuse."
    ),
    Step.KNX: marked(
        "The group objects then have no addresses: nobody on the bus sees or controls the chargers."
    ),
    Step.CHECK: marked(
        "A wrong address or a meter that is turned round is noticed only in operation."
    ),
    Step.APPLY: marked("Nothing comes into force; your draft is kept."),
}


class StepLine(NamedTuple):
    """A step as the list of steps shows it."""

    path: str
    number: int
    title: str
    intent: str
    mark: str  # "done", "skipped" or ""
    mark_words: str
    is_current: bool


@pages.get("/wizard")
@needs(Right.CONFIGURATION)
def overview() -> str:
    """Show the steps, and lead to the next one."""
    return render_template(
        "wizard.html", **frame(None), next_step=way().next_step, has_begun=bool(way().marks)
    )


@pages.post("/wizard/again")
@needs(Right.CONFIGURATION)
def again() -> AnyResponse:
    """Begin at the first step again; the draft stays."""
    site().wizards.forget(session().account)
    return redirect("/wizard", 303)


@pages.get("/wizard/device")
@needs(Right.CONFIGURATION)
def device() -> str | tuple[str, int]:
    """Show the fields of the device."""
    try:
        return form_page(Step.DEVICE, draft_now())
    except NotEditableError as err:
        return not_editable(err)


@pages.post("/wizard/device")
@needs(Right.CONFIGURATION)
def save_device() -> AnyResponse | str | tuple[str, int]:
    """Take what was typed into the draft, and go on."""
    try:
        return gone_on(Step.DEVICE, *with_typed(Step.DEVICE))
    except NotEditableError as err:
        return not_editable(err)


@pages.post("/wizard/<any(device,find,points,mains,knx,check):name>/skip")
@needs(Right.CONFIGURATION)
def skip(name: str) -> AnyResponse:
    """Leave a step out."""
    mark(Step(name), Mark.SKIPPED)
    return redirect(path_after(Step(name)), 303)


# --- what the pages of the wizard share


def way() -> Way:
    """Return how far whoever asks is."""
    return site().wizards.of(session().account)


def mark(step: Step, what: Mark) -> None:
    """Note what whoever asks did with a step."""
    site().wizards.mark(session().account, step, what)


def path_of(step: Step) -> str:
    """Return where a step is."""
    return f"/wizard/{step}"


def path_after(step: Step) -> str:
    """Return where it goes on after a step."""
    following = step_after(step)
    return "/wizard" if following is None else path_of(following)


def frame(step: Step | None) -> dict[str, Any]:
    """Return what the template of every step needs; None: the list of steps."""
    words, marks = language(), way().marks
    draft = site().drafts.of(session().account)
    marked_as = {Mark.DONE: words.text("done"), Mark.SKIPPED: words.text("left out")}
    lines = [
        StepLine(
            path=path_of(one),
            number=number,
            title=words.text(TITLES[one]),
            intent=words.text(INTENTS[one]),
            mark=marks.get(one, ""),
            mark_words=marked_as[marks[one]] if one in marks else "",
            is_current=one is step,
        )
        for number, one in enumerate(STEPS, 1)
    ]
    return {
        "steps": lines,
        "step": None if step is None else lines[STEPS.index(step)],
        "skipping": "" if step is None else words.text(SKIPPED[step]),
        "confirm_until": site().bridge.device.configuring.confirm_until(),
        "confirm_next": "/wizard" if step is None else path_of(step),
        "was_taken_back": draft is not None and draft.was_taken_back,
    }


def with_typed(step: Step) -> tuple[Draft, Taken]:
    """Return the draft with what was typed in a step, and keep it. Raises: NotEditableError.

    What another window has changed otherwise is not in it: then somebody must be asked.
    """

    def typed(basis: Basis) -> Taken:
        groups = _groups(step, basis.text)
        return merged(basis.text, groups, request.form, before_in(basis))

    return take_into_draft(typed, sum_of)


def gone_on(
    step: Step,
    draft: Draft,
    taken: Taken,
    **more: Any,  # noqa: ANN401 - for the template
) -> AnyResponse | str | tuple[str, int]:
    """Go on with the next step; with the same one if something of it is wrong, or must be asked.

    Raises: NotEditableError.
    """
    if taken.overlaps:
        return form_page(step, draft, taken=taken, only_if_wrong=False, **more), 409
    page = form_page(step, draft, taken=None, only_if_wrong=True, **more)
    if page:
        return page
    mark(step, Mark.DONE)
    return redirect(path_after(step), 303)


def form_page(
    step: Step,
    draft: Draft,
    *,
    taken: Taken | None = None,
    only_if_wrong: bool = False,
    **more: object,
) -> str:
    """Return the fields of a step with what is wrong beside them; "" if nothing is and that is enough.

    `taken`: what was typed and not all taken into the draft. `more`: what its template needs beside them.
    Raises: NotEditableError.
    """
    words = language()
    text = draft.text if taken is None else taken.text
    data = values_of(text)
    sections = asked_in(step, data, catalogue(), words.code)
    groups = [group for asked in sections for group in asked.groups]
    found = found_in_form(checked(text), groups, NOWHERE, words).by_field
    errors = sum(one.tone == "bad" for texts in found.values() for one in texts)
    if only_if_wrong and not errors:
        return ""
    return render_template(
        f"wizard_{step}.html",
        **frame(step),
        sections=[_section(one, data, words) for one in sections],
        findings=found,
        errors=errors,
        was=shown_in(one for group in _groups(step, draft.text) for one in group.fields),
        overlaps=[] if taken is None else overlap_rows(groups, taken.overlaps, words),
        **more,
    )


def _groups(step: Step, text: str) -> list[FieldGroup]:
    """Return the fields that a step asks for. Raises: NotEditableError."""
    sections = asked_in(step, values_of(text), catalogue(), language().code)
    return [group for asked in sections for group in asked.groups]


def _section(asked: Asked, data: Mapping[str, Any], words: Language) -> dict[str, Any]:
    """Return the fields of a section with their headings, and what of a charging point is running."""
    number = 0
    if asked.section == POINTS and asked.entry is not None:
        given = data[POINTS][asked.entry]
        text = str(given.get("number", "")) if isinstance(given, Mapping) else ""
        number = int(text) if text.isdecimal() and len(text) < 3 else 0
    return {
        "number": number,
        "groups": [
            (words.text(GROUPS[one.key]) if one.key in GROUPS else "", one.fields)
            for one in asked.groups
        ],
    }
