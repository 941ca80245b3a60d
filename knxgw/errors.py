"""The error tree, and the finding: one mistake in a file, said so that a person can mend it.

```text
GatewayError
├── ConfigError            the installer must fix a file; stops the start
├── LinkError              the world is away; the session ends and is tried again
│   └── LinkTimeoutError   no answer within the stated time
├── PeerError              the peer answered, but not usefully; the link stays up
│   ├── PeerRefusedError   an error code, kept
│   └── DecodeError        bytes we cannot read, kept
├── EncodeError            we were asked to send something unsendable: our bug
└── RejectedError          the charging rules said no; shown to the person who asked
```
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Severity(StrEnum):
    """How bad a finding is: an error makes `check` fail, a warning names a risk, a note is good."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


LONGEST_KEY = 120  # characters of a key that a finding repeats


@dataclass(frozen=True, slots=True)
class FileLine:
    """Where something stands in a file."""

    file: str
    line: int  # from 1; 0: the whole of it
    key: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class FormField:
    """A field of a form of the website."""

    parameter: str  # as `parameters.yaml` calls it; of a section: its head
    entry: int | None  # of a list, from 1: the second charging point
    key: str

    def __str__(self) -> str:
        return self.key


@dataclass(frozen=True, slots=True)
class EtsParameter:
    """A parameter that ETS has loaded."""

    ets_id: int | None  # None: no parameter but a section, or a link
    entry: int | None  # of a list, from 1: the second charging point
    key: str

    def __str__(self) -> str:
        return "ETS" if self.ets_id is None else f"ETS parameter {self.ets_id}"


Place = FileLine | FormField | EtsParameter


class Worded(Protocol):
    """What a finding says, in the languages of the product; `in_file`: about a file."""

    def problem(self, language: str = "en", *, in_file: bool = False) -> str:
        """Return what is wrong or risky."""

    def remedy(self, language: str = "en", *, in_file: bool = False) -> str:
        """Return what to do about it, "": nothing is to be said."""


@dataclass(frozen=True, slots=True)
class Plain:
    """Words of one language: of the operating system, of a library, for those who write models."""

    words: str
    what_to_do: str = ""

    def problem(self, language: str = "en", *, in_file: bool = False) -> str:
        """Return what is wrong or risky."""
        return self.words

    def remedy(self, language: str = "en", *, in_file: bool = False) -> str:
        """Return what to do about it."""
        return self.what_to_do


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One mistake or risk: where, what, and what to do about it; each fits in one line."""

    place: Place
    words: Worded
    severity: Severity = Severity.ERROR

    @property
    def line(self) -> int:
        """Return the line in the file, 0: the whole of it, or it is no file."""
        return self.place.line if isinstance(self.place, FileLine) else 0

    @property
    def key(self) -> str:
        """Return what it is about, in one line."""
        return one_line(self.place.key)[:LONGEST_KEY]

    @property
    def problem(self) -> str:
        """Return what is wrong or risky, in English."""
        return self.said("en")[0]

    @property
    def remedy(self) -> str:
        """Return what to do about it, in English."""
        return self.said("en")[1]

    def said(self, language: str, *, in_form: bool = False) -> tuple[str, str]:
        """Return problem and remedy in a language of the product.

        `in_form`: to somebody who sees forms, even if it was found in a file.
        """
        in_file = isinstance(self.place, FileLine) and not in_form
        problem = self.words.problem(language, in_file=in_file)
        return one_line(problem), one_line(self.words.remedy(language, in_file=in_file))

    def __str__(self) -> str:
        problem, remedy = self.said("en")
        key = f"{self.key}: " if self.key else ""
        return f"{self.place}: {self.severity}: {key}{with_remedy(problem, remedy)}"


def one_line(text: str) -> str:
    """Return a text without line ends and signs that cannot be printed: it may be somebody else's."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else " " for letter in text)


def with_remedy(problem: str, remedy: str) -> str:
    """Return a problem with what to do about it, where that is said."""
    return f"{problem}; {remedy}" if remedy else problem


class Problems:
    """Collects the findings of one reading, so that a person sees all of them at once."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []

    @property
    def has_errors(self) -> bool:
        """Tell whether any finding is an error."""
        return any(finding.severity is Severity.ERROR for finding in self.findings)

    def add(self, place: Place, words: Worded, severity: Severity = Severity.ERROR) -> None:
        """Note a finding."""
        self.findings.append(Finding(place=place, words=words, severity=severity))

    def raise_if_errors(self) -> None:
        """Raise ConfigError with all findings if one of them is an error."""
        if self.has_errors:
            raise ConfigError(self.findings)


class GatewayError(Exception):
    """Everything this program raises on purpose."""


class ConfigError(GatewayError):
    """A file must be mended before the program can start; carries every finding at once."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("\n".join(str(finding) for finding in self.findings))


class LinkError(GatewayError):
    """The world is away: the session ends and is tried again with growing delay."""


class LinkTimeoutError(LinkError):
    """No answer came within the stated time."""


class PeerError(GatewayError):
    """The peer answered, but not usefully; the link stays up."""


class PeerRefusedError(PeerError):
    """The peer answered with an error code."""

    def __init__(self, message: str, code: int) -> None:
        self.code = code
        super().__init__(message)


class DecodeError(PeerError):
    """Bytes or registers that cannot be read."""


class EncodeError(GatewayError):
    """We were asked to send something that cannot be sent: our own bug."""


class RejectedError(GatewayError):
    """The charging rules said no; shown to the person who asked."""
