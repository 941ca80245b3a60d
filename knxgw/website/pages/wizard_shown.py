"""How pages of the wizard show something that takes a while; see `static/js/progress.js`."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ShownRow:
    """One thing that is looked at, in words."""

    what: str
    state: str
    words: str
    tone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """How far it is; `total` 0: there is nothing to count."""

    is_running: bool = False
    said: str = ""
    done: int = 0
    total: int = 0
    rows: tuple[ShownRow, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return what a script gets."""
        return asdict(self)
