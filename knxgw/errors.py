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


class Severity(StrEnum):
    """How bad a finding is: an error makes `check` fail, a warning names a risk, a note is good."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One mistake or risk in a file: where, what, and what to do about it."""

    file: str
    line: int  # from 1; 0: the whole of it
    key: str
    problem: str
    remedy: str = ""
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}: " if self.line else f"{self.file}: "
        key = f"{self.key}: " if self.key else ""
        remedy = f"; {self.remedy}" if self.remedy else ""
        return f"{where}{self.severity}: {key}{self.problem}{remedy}"


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
