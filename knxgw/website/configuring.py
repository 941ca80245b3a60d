"""What pages may ask about the configuration, and what they are answered.

The website proposes a text and says who proposes it; the device judges it, takes it while it runs, and says
what it found. Nothing here changes anything by itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from knxgw.config.effects import Effect
from knxgw.errors import Finding, RejectedError
from knxgw.ets.keyring_match import KeyringContents
from knxgw.store.configurations import Origin, Version
from knxgw.website.language import marked

# the note of a version that came back; pages say it in their language
NOT_CONFIRMED = marked("nobody confirmed the change before")
CONFIRM_S = 120.0  # within so long a change that may cut off the browser is confirmed, or goes back
DIGITS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A text that is to become the configuration."""

    text: str
    origin: Origin = Origin.WEBSITE
    account: str | None = None
    note: str = ""
    based_on: str | None = None  # `sum_of` the text that it was made from; None: whatever it is now


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a proposal."""

    is_taken: bool
    findings: tuple[Finding, ...] = ()
    was_changed_meanwhile: bool = False  # by somebody else, so it was not taken
    is_held_by_ets: bool = False  # what ETS has loaded is in force, so it was not taken
    must_be_confirmed: bool = False  # within `CONFIRM_S`, else it goes back
    failure: str = ""  # why the file was not written, or the device could not go on with it


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a text would mean, if it became the configuration."""

    findings: tuple[Finding, ...] = ()
    can_run: bool = False
    effects: tuple[Effect, ...] = ()  # of a text that can run


class NotHereError(RejectedError):
    """Nothing here can change the configuration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptKeyring:
    """A keyring that was uploaded and checked: where it is, and what it holds, without its keys."""

    keyring: Path
    password: Path
    contents: KeyringContents


def _keep_nothing(_content: bytes, _password: str) -> KeptKeyring:
    raise NotHereError("this device keeps no keyring")


def _refuse(_proposal: Proposal) -> Outcome:
    raise NotHereError("the configuration of this device cannot be changed here")


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldByEts:
    """Whether ETS has made the device its own; then what ETS has loaded is in force, not the file."""

    is_held: Callable[[], bool] = lambda: False  # loaded, or being loaded
    text: Callable[[], str] = str  # what is loaded, as a file would say it; "": not to the end


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuring:
    """Plain callables, safe from any thread; those that wait may take half a minute."""

    has_file: bool = False  # the configuration stands in a file that pages may see
    text: Callable[[], str] = str  # what the file says now; it may name secrets. Raises: OSError
    place: Callable[[], str] = str  # the path of the file; "" for the device's own
    is_writable: Callable[[], bool] = lambda: False
    check: Callable[[str], Checked] = lambda _text: Checked()
    propose: Callable[[Proposal], Outcome] = _refuse
    versions: Callable[[], tuple[Version, ...]] = tuple
    version: Callable[[int], Version | None] = lambda _number: None
    confirm: Callable[[], None] = lambda: None
    # a keyring and its password. Raises: ConfigError, StateError, NotHereError
    keep_keyring: Callable[[bytes, str], KeptKeyring] = _keep_nothing
    # until when the last change must be confirmed [UTC]; None: it need not be
    confirm_until: Callable[[], datetime | None] = lambda: None
    ets: HeldByEts = HeldByEts()


def sum_of(text: str) -> str:
    """Return what tells one text from another."""
    return sha256(text.encode()).hexdigest()[:DIGITS]
