"""What comes from ETS, as the page shows it: one line for each group object, choice and device. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from knxgw.catalogue.load import catalogue
from knxgw.config.edit_yaml import Path
from knxgw.config.model import Configuration, GroupAddress
from knxgw.config.objects import possible_objects
from knxgw.errors import Worded, with_remedy
from knxgw.ets.choices import PointName, TypeChoice, point_names, type_choices
from knxgw.ets.imported import Imported, Wanted, how_found
from knxgw.ets.match_objects import CHOICES, ImportedObject, Outcome
from knxgw.ets.project import EtsProject
from knxgw.ets.propose import Confidence, Proposal
from knxgw.website.config_form import POINTS
from knxgw.website.labels import is_default_name
from knxgw.website.language import Language, marked

MOST_DEVICES = 200
METER = "load_management.smart_meter.dpt"
OUTCOMES = {
    Outcome.TAKEN: marked("taken"),
    Outcome.CHANGED: marked("taken, not all as in ETS"),
    Outcome.LEFT_OUT: marked("left out"),
}
CONFIDENCES = {
    Confidence.HIGH: marked("proposal: sure"),
    Confidence.MEDIUM: marked("proposal: likely"),
    Confidence.LOW: marked("proposal: uncertain"),
}


class ImportRow(NamedTuple):
    """What comes from ETS for a group object."""

    number: int | None
    name: str
    how: str
    addresses: str
    before: str  # what the draft links, where that is something else
    in_ets: str  # what the address is called there
    notes: tuple[str, ...]
    can_be_taken: bool
    is_proposed: bool  # chosen from the beginning


class ChoiceRow(NamedTuple):
    """A datapoint type or a name that ETS has and the draft can take over."""

    field: str  # of the form
    value: str
    words: str
    is_proposed: bool


class DeviceRow(NamedTuple):
    """A device of the project that can be read as this one."""

    address: str
    words: str
    is_chosen: bool


def said(words_of: Worded, words: Language) -> str:
    """Return a message with its remedy, for a page: nobody types a command here."""
    return with_remedy(words_of.problem(words.code), words_of.remedy(words.code))


def found_in(imported: Imported, words: Language) -> str:
    """Return which device it is whose links are shown, and why that one; "": there are only proposals."""
    if imported.device is None:
        return ""
    device = imported.device.device
    how = how_found(imported.device.how).problem(words.code)
    named = ", ".join(filter(None, (device.name or device.product, device.manufacturer)))
    return words.text(
        "Links of device {address} ({name}): {how}.",
        address=device.individual_address,
        name=named or "?",
        how=how,
    )


def object_rows(
    objects: Iterable[ImportedObject],
    project: EtsProject,
    configuration: Configuration | None,
    words: Language,
) -> Iterator[ImportRow]:
    """Yield what becomes of each group object of a device in ETS."""
    points = _points()
    for one in objects:
        is_taken = one.outcome is not Outcome.LEFT_OUT
        function = "" if one.function is None else one.function.in_language(words.code)
        yield ImportRow(
            number=one.number,
            name=object_name(points.get(one.number), function, words) if function else "",
            how=words.text(OUTCOMES[one.outcome]),
            addresses=_listed(one.addresses),
            before=_before(one.number, one.addresses, configuration),
            in_ets=_called(one.addresses, project),
            notes=tuple(said(finding.words, words) for finding in one.findings),
            can_be_taken=is_taken and one.number is not None,
            is_proposed=is_taken,
        )


def proposal_rows(
    proposals: Iterable[Proposal],
    project: EtsProject,
    configuration: Configuration | None,
    words: Language,
) -> Iterator[ImportRow]:
    """Yield what the names of group addresses suggest; only what is sure is chosen from the beginning."""
    points = _points()
    for one in proposals:
        yield ImportRow(
            number=one.number,
            name=object_name(points.get(one.number), one.function.in_language(words.code), words),
            how=words.text(CONFIDENCES[one.confidence]),
            addresses=_listed(one.addresses),
            before=_before(one.number, one.addresses, configuration),
            in_ets=one.name,
            notes=tuple(_rivals(one, project, words)),
            can_be_taken=True,
            is_proposed=one.confidence is Confidence.HIGH,
        )


def _rivals(one: Proposal, project: EtsProject, words: Language) -> Iterator[str]:
    """Yield which other addresses fit as well; the first few of many."""
    if one.rivals:
        shown = [f"{address} {project.addresses[address].name}".strip() for address in one.rivals]
        yield words.text("also fits: {addresses}", addresses=", ".join(shown))


# --- what else the draft can take over


def choice_rows(
    imported: Imported, project: EtsProject, wanted: Wanted, words: Language
) -> list[ChoiceRow]:
    """Return the datapoint types and names that ETS has and the draft does not."""
    if wanted.configuration is None:
        return []
    sure = [one for one in imported.proposals if one.confidence is Confidence.HIGH]
    taken = [one for one in imported.objects if one.outcome is not Outcome.LEFT_OUT]
    in_ets = {one.number: one.dpt for one in taken if one.number is not None}
    in_ets |= {one.number: one.dpt for one in sure}
    links = {**imported.links, **{one.number: one.addresses for one in sure}}
    names = {point.number: point.name or "" for point in wanted.configuration.points}
    called = point_names(links, project, wanted.expected, wanted.words, names)
    return [
        *(_type_row(one, words) for one in type_choices(in_ets, wanted.expected)),
        *(_name_row(one, names[one.point], words) for one in called if _can_be_name(one.name)),
    ]


def _can_be_name(name: str) -> bool:
    """Tell whether a charging point may have a name; groups in ETS may have longer ones."""
    parameter = next(one for one in catalogue().parameters if one.key == f"{POINTS}[].name")
    return parameter.high is None or len(name) <= parameter.high


def _type_row(one: TypeChoice, words: Language) -> ChoiceRow:
    key = CHOICES[one.choice]
    parameter = next(each for each in catalogue().parameters if each.key == key)
    text = words.text(
        "{parameter}: {type} as in ETS, instead of {before}. Group objects that change: {numbers}.",
        parameter=object_name(one.point, parameter.text.in_language(words.code), words),
        type=one.dpt,
        before=one.before,
        numbers=", ".join(map(str, one.numbers)),
    )
    what = METER if one.point is None else f"{one.point}.dpt.{one.choice}"
    return ChoiceRow("type", f"{what}={one.dpt}", text, is_proposed=True)


def _name_row(one: PointName, before: str, words: Language) -> ChoiceRow:
    text = (
        words.text("it has no name yet")
        if is_default_name(before, one.point)
        else words.text("instead of “{name}”", name=before)
    )
    said_of = words.text(
        "Name of charging point {number}: “{name}” as its middle group in ETS ({before})",
        number=one.point,
        name=one.name,
        before=text,
    )
    return ChoiceRow("name", f"{one.point}.name={one.name}", said_of, is_proposed=False)


def type_path(what: str, values: Mapping[str, Any]) -> Path | None:
    """Return where in a configuration a choice of the page belongs, None: nowhere."""
    if what == METER:
        return tuple(METER.split("."))
    number, _, rest = what.partition(".")
    if rest != "name" and f"{POINTS}[].{rest}" not in CHOICES.values():
        return None
    points = values.get(POINTS)
    for place, point in enumerate(points if isinstance(points, list) else ()):
        if isinstance(point, Mapping) and str(point.get("number")) == number:
            return (POINTS, place, *rest.split("."))
    return None


# --- parts


def device_rows(project: EtsProject, chosen: str | None, words: Language) -> list[DeviceRow]:
    """Return the devices of a project that link anything, those with the most links first."""
    linked = [one for one in project.devices if one.objects]
    linked.sort(key=lambda one: -len(one.objects))
    return [
        DeviceRow(
            address=one.individual_address,
            words=", ".join(
                filter(
                    None,
                    (
                        one.name or one.product,
                        one.manufacturer,
                        words.counted(
                            "{count} linked group object",
                            "{count} linked group objects",
                            len(one.objects),
                        ),
                    ),
                )
            ),
            is_chosen=one.individual_address == chosen,
        )
        for one in linked[:MOST_DEVICES]
    ]


def _called(addresses: Sequence[GroupAddress], project: EtsProject) -> str:
    """Return what the address that is sent on is called in ETS."""
    entry = project.addresses.get(addresses[0]) if addresses else None
    return "" if entry is None else entry.name


def _before(
    number: int | None, addresses: Sequence[GroupAddress], configuration: Configuration | None
) -> str:
    """Return what a configuration links where that is something else, "": it is not, or nothing."""
    link = configuration.group_objects.get(number) if configuration and number is not None else None
    return "" if link is None or link.addresses == tuple(addresses) else _listed(link.addresses)


def _listed(addresses: Iterable[GroupAddress]) -> str:
    return ", ".join(map(str, addresses))


def _points() -> dict[int | None, int | None]:
    """Return the charging point of each group object by its number."""
    return {one.number: one.point for one in possible_objects(catalogue())}


def object_name(point: int | None, function: str, words: Language) -> str:
    """Return what a group object is called, with its charging point."""
    if point is None:
        return function
    return f"{words.text('Charging point {number}', number=point)}: {function}"
