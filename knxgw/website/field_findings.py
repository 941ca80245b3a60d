"""Findings of a check where a form shows them: beside the fields, and as a list with jumps. Pure.

The findings are those of `knxgw check`; nothing is judged here. Source: website 44, 62.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from knxgw.errors import Finding, Severity
from knxgw.website.config_form import FieldGroup
from knxgw.website.configuring import Checked
from knxgw.website.idle_fields import Idle
from knxgw.website.labels import label_of, place_words
from knxgw.website.language import Language

TONES = {Severity.ERROR: "bad", Severity.WARNING: "warning", Severity.NOTE: ""}
DRAFT = "/config/draft"


class FindingText(NamedTuple):
    """What is wrong with a field."""

    tone: str
    text: str


class FindingLine(NamedTuple):
    """A finding in the list below a form; it leads to a field, a line of the text or a page."""

    words: str
    text: str
    tone: str
    name: str = ""  # of the field
    line: int = 0
    path: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundInForm:
    """What a check has found, as a form or the text of the configuration shows it."""

    by_field: Mapping[str, Sequence[FindingText]]
    lines: Sequence[FindingLine]
    tone: str
    text: str  # all of it in one sentence
    errors: int  # in the whole draft
    can_run: bool
    errors_here: int = 0
    idle: Mapping[str, Idle] = field(default_factory=dict)  # by field and group: it has no effect
    differing: Sequence[str] = ()  # fields that do not have their default

    def as_json(self) -> dict[str, Any]:
        """Return it for the script of the page."""
        return {
            "fields": {
                name: [one._asdict() for one in texts] for name, texts in self.by_field.items()
            },
            "lines": [one._asdict() for one in self.lines],
            "tone": self.tone,
            "text": self.text,
            "errors": self.errors,
            "can_run": self.can_run,
            "idle": {name: one._asdict() for name, one in self.idle.items()},
            "differing": list(self.differing),
        }


def found_in_form(
    checked: Checked,
    groups: Iterable[FieldGroup],
    prefix: str,
    words: Language,
    idle: Mapping[str, Idle] | None = None,
) -> FoundInForm:
    """Return what was found for a form; `prefix`: the key of its section, of which some is no field.

    `idle`: what has no effect there.
    """
    fields = {one.name: one for group in groups for one in group.fields}
    by_field: dict[str, list[FindingText]] = {}
    lines: list[FindingLine] = []
    elsewhere = 0
    for one in checked.findings:
        name = field_of(one.place.key, fields)
        text = _text(one, words, in_form=True)
        if name:
            by_field.setdefault(name, []).append(FindingText(TONES[one.severity], text))
            lines.append(FindingLine(fields[name].words, text, TONES[one.severity], name=name))
        elif _is_within(one.place.key, prefix):
            nearest = next((name for name in fields if _is_within(name, one.place.key)), "")
            place = label_of(one.key, words.code) or place_words(one.key, words)
            lines.append(FindingLine(place, text, TONES[one.severity], name=nearest))
        else:
            elsewhere += one.severity is Severity.ERROR
    order = list(fields)
    here = [one for one in lines if one.tone]  # a note beside its field is enough
    here.sort(key=lambda one: (one.tone != "bad", order.index(one.name) if one.name else -1))
    if elsewhere:
        said = words.counted(
            "{count} error in other parts of the configuration",
            "{count} errors in other parts of the configuration",
            elsewhere,
        )
        here.append(FindingLine(said, "", "warning", path=DRAFT))
    found = _found(checked, by_field, here, words)
    differing = [name for name, one in fields.items() if one.differs]
    return replace(found, idle=idle or {}, differing=differing)


def found_in_text(checked: Checked, words: Language) -> FoundInForm:
    """Return what was found for the text of the configuration, by its lines."""
    lines = []
    for one in checked.findings:
        at = words.text("Line {number}", number=one.line) if one.line else words.text("Whole text")
        key = f"{one.key}: " if one.key else ""
        lines.append(
            FindingLine(
                at, f"{key}{_text(one, words, in_form=False)}", TONES[one.severity], line=one.line
            )
        )
    return _found(checked, {}, lines, words)


def field_of(key: str, fields: Collection[str]) -> str:
    """Return the field that a finding is about, "": none; a key may lead into the value of a field."""
    if key in fields:
        return key
    return next((name for name in fields if _is_within(key, name)), "")


def _is_within(key: str, section: str) -> bool:
    """Tell whether a key is that of a section, or of something in it."""
    return key == section or key.startswith((f"{section}.", f"{section}["))


def _text(finding: Finding, words: Language, *, in_form: bool) -> str:
    return "; ".join(filter(None, finding.said(words.code, in_form=in_form)))


def _found(
    checked: Checked,
    by_field: Mapping[str, Sequence[FindingText]],
    lines: Sequence[FindingLine],
    words: Language,
) -> FoundInForm:
    errors = sum(one.severity is Severity.ERROR for one in checked.findings)
    here = sum(one.tone == "bad" for one in lines)
    said = (
        words.counted("{count} error here.", "{count} errors here.", here)
        if here
        else words.text("No errors here.")
    )
    outcome = (
        words.text("The device could run like this.")
        if checked.can_run
        else words.text("The device would not run like this.")
    )
    tone = "bad" if here else "warning" if lines or not checked.can_run else "good"
    return FoundInForm(
        by_field=by_field,
        lines=lines,
        tone=tone,
        text=f"{said} {outcome}",
        errors=errors,
        can_run=checked.can_run,
        errors_here=here,
    )
