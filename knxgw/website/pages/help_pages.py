"""Help and licences: addresses that one can dictate on the telephone. Source: website 18, 29, 51."""

from collections.abc import Iterator
from typing import NamedTuple

from flask import Blueprint, abort, render_template

from knxgw.catalogue.codes import FaultCode
from knxgw.catalogue.load import catalogue
from knxgw.device.panel import Led, Meaning
from knxgw.website.language import Language
from knxgw.website.licences import packages
from knxgw.website.pages.common import language, site
from knxgw.website.panel_words import MEANINGS
from knxgw.website.questions import questions

pages = Blueprint("help", __name__)


class PanelRow(NamedTuple):
    """One meaning of the front panel."""

    app: Led
    com: Led
    programming: Led
    meaning: str
    remedy: str


LEDS: dict[Meaning, tuple[Led, Led, Led]] = {  # APP, COM, programming
    Meaning.RUNNING: (Led.ON, Led.ON, Led.OFF),
    Meaning.STARTING: (Led.OFF, Led.ON, Led.OFF),
    Meaning.NOT_CONFIGURED: (Led.SLOW, Led.ON, Led.OFF),
    Meaning.SERIOUS_FAULT: (Led.SLOW5, Led.ON, Led.OFF),
    Meaning.TEMPORARY_FAULT: (Led.SLOW3, Led.ON, Led.OFF),
    Meaning.KNX_LOST: (Led.ON, Led.OFF, Led.OFF),
    Meaning.FIRMWARE_BROKEN: (Led.RAPID, Led.OFF, Led.OFF),
    Meaning.FIRMWARE_REVERTING: (Led.SLOW, Led.ALTERNATE, Led.OFF),
    Meaning.RESET_ARMED: (Led.SLOW, Led.SLOW, Led.SLOW),
    Meaning.RESET_READY: (Led.RAPID, Led.RAPID, Led.RAPID),
    Meaning.RESTORES_PASSWORD: (Led.ON, Led.ON, Led.RAPID),
    Meaning.OFF: (Led.OFF, Led.OFF, Led.OFF),
}


@pages.get("/help")
def overview() -> str:
    """Explain LEDs, states, reasons and faults, and answer frequent questions."""
    words, product = language(), catalogue().product
    code, has_button = words.code, site().bridge.machine.has_button()
    states = [
        (int(state), texts.name.in_language(code), texts.when.in_language(code))
        for state, texts in product.texts.states.items()
    ]
    reasons = [
        (int(reason), texts.words.in_language(code))
        for reason, texts in product.texts.reasons.items()
    ]
    faults = [
        (one.value, slug_of(one), texts.title.in_language(code))
        for one, texts in product.faults.definitions.items()
    ]
    return render_template(
        "help.html",
        panel=list(_panel(words, has_button=has_button)),
        states=states,
        reasons=reasons,
        faults=faults,
        bands=[
            (band.at_least, band.flashes, band.meaning.in_language(code))
            for band in product.faults.bands
        ],
        questions=[
            (words.text(one.question), words.text(one.answer)) for one in questions(has_button)
        ],
    )


def _panel(words: Language, *, has_button: bool) -> Iterator[PanelRow]:
    for meaning, text, remedy in MEANINGS:
        if meaning is Meaning.RESTORES_PASSWORD and not has_button:
            continue
        app, com, programming = LEDS[meaning]
        yield PanelRow(
            app, com, programming, words.text(text), words.text(remedy) if remedy else ""
        )


@pages.get("/help/<code>")
def fault(code: str) -> str:
    """Explain one fault."""
    definitions = catalogue().product.faults
    found = next((one for one in FaultCode if slug_of(one).lower() == code.lower()), None)
    if found is None:
        abort(404)
    texts, words = definitions.definitions[found], language()
    severities = {
        words.text("Device"): definitions.general.get(found),
        words.text("Charging points"): definitions.charging_point.get(found),
    }
    return render_template(
        "help_fault.html",
        code=found.value,
        title=texts.title.in_language(words.code),
        cause=texts.cause.in_language(words.code),
        remedy=texts.remedy.in_language(words.code),
        severities={name: one for name, one in severities.items() if one is not None},
    )


def slug_of(code: FaultCode) -> str:
    """Return a fault code as it stands in addresses."""
    return code.value.replace(" ", "-")


@pages.get("/licences")
def licences() -> str:
    """List the packages that run here, their licences and where their source is offered."""
    return render_template("licences.html", packages=packages())
