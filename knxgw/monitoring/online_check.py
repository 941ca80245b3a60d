"""What an online check looks at, and how far it is; pure."""

from dataclasses import dataclass
from enum import StrEnum

from knxgw.catalogue.messages import Message
from knxgw.errors import Finding


class State(StrEnum):
    """How far something is."""

    WAITING = "waiting"  # for its turn
    LOOKING = "looking"
    GOOD = "good"
    WARNING = "warning"  # it has findings
    SKIPPED = "skipped"
    UNFINISHED = "unfinished"  # the time was over


OPEN = frozenset({State.WAITING, State.LOOKING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One thing that is looked at: a device, the KNX connection, the smart meter on KNX."""

    id: str  # unique: "cp1/charger", "knx"
    name: Message
    state: State = State.WAITING
    words: Message | None = None  # what is being done, or what was found
    findings: tuple[Finding, ...] = ()
