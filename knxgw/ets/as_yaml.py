"""What an import comes to, as the part of a configuration file that it is; pure."""

from collections.abc import Iterable, Mapping, Sequence

from knxgw.config.model import GroupAddress
from knxgw.config.schema import GROUP_OBJECTS
from knxgw.errors import one_line
from knxgw.ets.match_objects import ImportedObject, Outcome
from knxgw.ets.propose import Confidence, Proposal

CONFIDENCES = (Confidence.HIGH, Confidence.MEDIUM, Confidence.LOW)  # the surest first


def links_as_yaml(
    objects: Sequence[ImportedObject], individual_address: str, head: Iterable[str], language: str
) -> str:
    """Return our address and the links of a device as YAML, with the names as comments."""
    taken = [one for one in objects if one.outcome is not Outcome.LEFT_OUT]
    lines = [*_comments(head), "knx:", f"  individual_address: {individual_address}"]
    lines += [f"{GROUP_OBJECTS}:"]
    for one in taken:
        name = one.function.in_language(language) if one.function else ""
        lines.append(_line(one.number or 0, one.addresses, name))
    return "\n".join(lines) + "\n"


def proposals_as_yaml(
    proposals: Sequence[Proposal], least: Confidence | None, head: Iterable[str], language: str
) -> str:
    """Return proposals as YAML; those below the `least` confidence are comments, None: all are."""
    accepted = accepted_proposals(proposals, least)
    lines = [*_comments(head), f"{GROUP_OBJECTS}:" if accepted else f"# {GROUP_OBJECTS}:"]
    for number, one in {one.number: one for one in proposals}.items():
        words = [f"{one.confidence}: {one.name}", *([one.dpt] if one.dpt else [])]
        words += [f"also fits: {' '.join(one.rivals)}"] if one.rivals else []
        name = f"{one.function.in_language(language)} ({', '.join(words)})"
        line = _line(number, one.addresses, name)
        lines.append(line if number in accepted else f"# {line}")
    return "\n".join(lines) + "\n"


def accepted_proposals(
    proposals: Iterable[Proposal], least: Confidence | None
) -> Mapping[int, Proposal]:
    """Return the proposals that are at least as sure as asked for, by number; None: none is."""
    if least is None:
        return {}
    sure = CONFIDENCES[: CONFIDENCES.index(least) + 1]
    return {one.number: one for one in proposals if one.confidence in sure}


def _line(number: int, addresses: Sequence[GroupAddress], name: str) -> str:
    return f"  {number}: [{', '.join(addresses)}]  # {one_line(name)}"


def _comments(lines: Iterable[str]) -> list[str]:
    return [f"# {one_line(line)}" for line in lines]
