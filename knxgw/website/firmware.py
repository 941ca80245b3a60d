"""What pages may ask about the firmware: plain callables, safe from any thread."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import IO

from knxgw.errors import Worded


class Stage(StrEnum):
    """How far an update is."""

    NONE = "none"
    LOOKING = "looking"  # at the list of firmware
    DOWNLOADING = "downloading"
    CHOSEN = "chosen"  # a firmware was verified and may be installed
    INSTALLING = "installing"
    RESTARTING = "restarting"  # it is installed and starts
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A verified firmware that may be installed."""

    version: str
    made_at: str  # ISO 8601 in UTC
    changes: Mapping[str, tuple[str, ...]]  # by language
    is_other_main: bool  # its main version is not that of the firmware that runs
    size: int  # bytes of its wheels


@dataclass(frozen=True, slots=True, kw_only=True)
class Newer:
    """A newer firmware that the list names."""

    version: str
    changes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """One line of the history of the firmware."""

    kind: str  # installed, kept, given_up
    version: str
    at: str  # ISO 8601 in UTC
    reason: str = ""  # why it was given up
    instead: str = ""  # which version runs again


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateState:
    """How far an update is, and what is known of newer firmware."""

    stage: Stage = Stage.NONE
    share: float = 0.0  # of the work of this stage that is done, 0 to 1
    chosen: Chosen | None = None
    failure: Worded | None = None  # of FAILED
    newer: Newer | None = None
    looked_at: str | None = None  # ISO 8601 in UTC: when the list was read
    look_failure: Worded | None = None  # why the list could not be read the last time

    @property
    def is_busy(self) -> bool:
        """Tell whether something goes on."""
        return self.stage in {Stage.LOOKING, Stage.DOWNLOADING, Stage.INSTALLING, Stage.RESTARTING}


def _nothing(*_what: object) -> None:
    """Do nothing: the firmware is not the device's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmwareControl:
    """The firmware of the device; by default it is managed by the host."""

    is_own: bool = False  # the launcher has started it: it can be updated here
    slot: str = ""  # base, a, b
    has_index: Callable[[], bool] = lambda: False  # an address of the list is configured
    state: Callable[[], UpdateState] = UpdateState
    is_on_trial: Callable[[], bool] = lambda: (
        False
    )  # the firmware that runs has not proved itself yet
    history: Callable[[], tuple[Happened, ...]] = tuple  # the newest first
    look: Callable[[], None] = _nothing  # at the list
    download: Callable[[], None] = _nothing  # the newer one
    choose: Callable[[IO[bytes]], None] = (
        _nothing  # a file that was uploaded. Raises: FirmwareError
    )
    install: Callable[[], None] = _nothing  # the chosen one; the device restarts then
    forget: Callable[[], None] = _nothing  # the chosen one, or a failure
