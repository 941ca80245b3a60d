"""An import from beginning to end, but for its files: which device, which links, what is said; pure.

The command and the website show the same.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from knxgw.catalogue.ets_words import EtsWords
from knxgw.catalogue.messages import Listed, Message, message
from knxgw.config.group_objects import key_of
from knxgw.config.model import Configuration, GroupAddress
from knxgw.errors import ConfigError, Finding, Severity
from knxgw.ets.as_yaml import accepted_proposals, links_as_yaml, proposals_as_yaml
from knxgw.ets.find_device import FoundDevice, Recognised, find_device
from knxgw.ets.match_objects import (
    Expected,
    ImportedObject,
    Locate,
    Outcome,
    fitting_devices,
    match_objects,
)
from knxgw.ets.project import EtsFileError, EtsProject
from knxgw.ets.propose import Confidence, Proposal, left_over, propose

MOST_NAMED = 10  # lines, devices or addresses in one message
MOST_DEVICES = 200  # that are listed


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be taken from a project."""

    file: str  # its name, for people
    expected: Mapping[int, Expected]  # group objects of this program
    words: EtsWords
    configuration: Configuration | None = None
    device: str | None = None  # individual address that a person has named
    least: Confidence | None = None  # of proposals that are accepted, None: none is
    language: str = "en"


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What an import comes to."""

    text: str  # part of a configuration file
    individual_address: str | None  # None: there are only proposals
    links: Mapping[int, tuple[GroupAddress, ...]]  # taken ones
    device: FoundDevice | None  # whose links they are
    objects: tuple[ImportedObject, ...]
    proposals: tuple[Proposal, ...]
    findings: tuple[Finding, ...]
    remarks: tuple[Finding, ...]  # those findings that are about the file as a whole


class NothingFoundError(ConfigError):
    """Neither links nor proposals; its findings end with the devices of the project."""

    def __init__(
        self,
        refused: Finding,
        project: EtsProject,
        locate: Locate,
        *,
        objects: Sequence[ImportedObject] = (),
        more: Sequence[Finding] = (),
    ) -> None:
        """Say why; `objects`: those of the device that was looked at, of which none fits."""
        super().__init__([refused, *more, *_devices(project, locate)])
        self.refused = refused
        self.objects = tuple(objects)


def import_project(project: EtsProject, wanted: Wanted, locate: Locate) -> Imported:
    """Return the links of our device, or else proposals. Raises: NothingFoundError, there is neither."""
    configuration = wanted.configuration
    try:
        found = find_device(
            project,
            wanted.words,
            fitting_devices(project, wanted.expected),
            named=wanted.device,
            configured=configuration.knx.individual_address if configuration else None,
        )
    except EtsFileError as err:
        refused = Finding(place=locate(""), words=err.words)
        raise NothingFoundError(refused, project, locate) from err
    if found is None:
        return _proposed(project, wanted, locate)
    return _linked(project, found, wanted, locate)


def _linked(project: EtsProject, found: FoundDevice, wanted: Wanted, locate: Locate) -> Imported:
    """Return the links of a device. Raises: NothingFoundError, none of them fits."""
    device = found.device
    objects = match_objects(device, project, wanted.expected, locate)
    links = {
        one.number: one.addresses
        for one in objects
        if one.outcome is not Outcome.LEFT_OUT and one.number is not None
    }
    remarks = tuple(_skipped(project, locate))
    findings = [*remarks]
    findings += [finding for one in objects for finding in _findings_of(one, locate)]
    if not links:
        words = message("ets_device_fits_nothing", address=device.individual_address)
        refused = Finding(place=locate(""), words=words)
        raise NothingFoundError(refused, project, locate, objects=objects, more=findings)
    findings += _against(wanted.configuration, links, locate)
    head = (
        message("ets_head", file=wanted.file, project=project.name or "?"),
        message(
            "ets_head_device",
            address=device.individual_address,
            name=device.name or device.product,
            manufacturer=device.manufacturer or "?",
            how=how_found(found.how),
        ),
    )
    text = links_as_yaml(
        objects, device.individual_address, _said(head, wanted.language), wanted.language
    )
    return Imported(
        text=text,
        individual_address=device.individual_address,
        links=links,
        device=found,
        objects=objects,
        proposals=(),
        findings=tuple(findings),
        remarks=remarks,
    )


def _proposed(project: EtsProject, wanted: Wanted, locate: Locate) -> Imported:
    """Return what the names of group addresses suggest. Raises: NothingFoundError."""
    points = wanted.configuration.points if wanted.configuration else ()
    names = {point.number: point.name for point in points}
    proposals = propose(project, wanted.expected, wanted.words, names)
    if not proposals:
        refused = Finding(place=locate(""), words=message("ets_nothing_fits"))
        raise NothingFoundError(refused, project, locate)
    accepted = accepted_proposals(proposals, wanted.least)
    links = {number: one.addresses for number, one in accepted.items()}
    summary = message("ets_proposals", count=len(proposals), accepted=len(accepted))
    remarks = (
        *_skipped(project, locate),
        *_left_over(left_over(project, proposals, wanted.words, names), locate),
    )
    findings = [
        *remarks,
        Finding(place=locate(""), words=summary, severity=Severity.WARNING),
        *_against(wanted.configuration if links else None, links, locate),
    ]
    head = (message("ets_head_proposals", file=wanted.file), summary)
    lines = [*_said(head[:1], wanted.language), summary.remedy(wanted.language, in_file=True)]
    return Imported(
        text=proposals_as_yaml(proposals, wanted.least, lines, wanted.language),
        individual_address=None,
        links=links,
        device=None,
        objects=(),
        proposals=proposals,
        findings=tuple(findings),
        remarks=remarks,
    )


def secured_links(
    project: EtsProject, links: Mapping[int, tuple[GroupAddress, ...]]
) -> tuple[tuple[GroupAddress, ...], tuple[GroupAddress, ...]]:
    """Return all linked group addresses, and those of them that are secured in ETS."""
    linked = tuple(dict.fromkeys(one for addresses in links.values() for one in addresses))
    entries = ((one, project.addresses.get(one)) for one in linked)
    return linked, tuple(one for one, entry in entries if entry is not None and entry.is_secured)


def warn_about_keys(secured: Sequence[GroupAddress], locate: Locate) -> Iterator[Finding]:
    """Yield a warning where a keyring is needed, for who has given none."""
    if secured:
        words = message("ets_addresses_secured", addresses=_first_of(secured))
        yield Finding(place=locate("knx.keyring"), words=words, severity=Severity.WARNING)


def _first_of(addresses: Sequence[GroupAddress]) -> Listed:
    return Listed((*addresses[:MOST_NAMED], *(("…",) if len(addresses) > MOST_NAMED else ())))


def _findings_of(one: ImportedObject, locate: Locate) -> Iterator[Finding]:
    """Yield what became of one object, and then why."""
    addresses = Listed(one.addresses)
    function = one.function or message("ets_unknown_function")
    words = {
        Outcome.TAKEN: message("ets_taken", function=function, addresses=addresses),
        Outcome.CHANGED: message("ets_changed", function=function, addresses=addresses),
        Outcome.LEFT_OUT: message("ets_left_out", function=function, addresses=addresses),
    }[one.outcome]
    key = "" if one.number is None else key_of(one.number)
    yield Finding(place=locate(key), words=words, severity=Severity.NOTE)
    yield from one.findings


def _against(
    configuration: Configuration | None,
    links: Mapping[int, tuple[GroupAddress, ...]],
    locate: Locate,
) -> Iterator[Finding]:
    """Yield where the links that a configuration has are others."""
    before = configuration.group_objects if configuration else {}
    for number, link in before.items():
        here = Listed(link.addresses)
        if number not in links:
            words = message("ets_link_not_in_ets", before=here)
        elif links[number] != link.addresses:
            words = message("ets_link_replaced", before=here, after=Listed(links[number]))
        else:
            continue
        yield Finding(place=locate(key_of(number)), words=words, severity=Severity.WARNING)


def _devices(project: EtsProject, locate: Locate) -> Iterator[Finding]:
    """Yield a note for each device of a project."""
    if project.is_list:
        yield Finding(
            place=locate(""), words=message("ets_list_without_devices"), severity=Severity.NOTE
        )
    for one in project.devices[:MOST_DEVICES]:
        words = message(
            "ets_device",
            name=one.name or one.product or "?",
            manufacturer=one.manufacturer or "?",
            count=len(one.objects),
        )
        place = locate(one.individual_address)
        yield Finding(place=place, words=words, severity=Severity.NOTE)


def _skipped(project: EtsProject, locate: Locate) -> Iterator[Finding]:
    """Yield a warning where lines of a list could not be read."""
    if project.skipped:
        first = Listed(project.skipped[:MOST_NAMED])
        words = message("ets_lines_skipped", count=len(project.skipped), lines=first)
        yield Finding(place=locate(""), words=words, severity=Severity.WARNING)


def _left_over(addresses: Sequence[GroupAddress], locate: Locate) -> Iterator[Finding]:
    """Yield a note of addresses that look as if they were about charging, and are proposed for nothing."""
    if addresses:
        words = message("ets_left_over", count=len(addresses), addresses=_first_of(addresses))
        yield Finding(place=locate(""), words=words, severity=Severity.NOTE)


def how_found(how: Recognised) -> Message:
    """Return how a device was recognised, in words."""
    match how:
        case Recognised.NAMED:
            return message("ets_how_named")
        case Recognised.OURS:
            return message("ets_how_ours")
        case Recognised.CONFIGURED:
            return message("ets_how_configured")
        case Recognised.STAND_IN:
            return message("ets_how_stand_in")


def _said(lines: Sequence[Message], language: str) -> list[str]:
    return [line.problem(language, in_file=True) for line in lines]
