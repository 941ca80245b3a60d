"""Faults: the register that keeps the last or current one of a scope.

Which faults there are, how severe they are and what they mean, is said by `product_db/faults.yaml`.
Source: [reference-manual] 11.1.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from knxgw.catalogue.codes import NO_ERROR, FaultCode


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRegister:
    """Present faults of one scope (general, or one charging point), oldest first."""

    severities: Mapping[FaultCode, int] = field(repr=False)
    present: tuple[FaultCode, ...] = ()
    last: FaultCode | None = None  # shown when nothing is present any more
    last_transient: FaultCode | None = None  # last fault that was for information only
    transient_count: int = 0
    shown_transient: FaultCode | None = None  # it is being shown, until the next moment

    @property
    def is_present(self) -> bool:
        """Tell whether any fault of the scope is present."""
        return bool(self.present)

    @property
    def current(self) -> FaultCode | None:
        """Return the most severe present fault, the newest among equals."""
        if not self.present:
            return None
        newest_first = reversed(self.present)
        return max(newest_first, key=self.severities.__getitem__)

    @property
    def severity(self) -> int:
        """Return the severity of the most severe present fault; 0: none is present."""
        current = self.current
        return 0 if current is None else self.severities[current]

    @property
    def text(self) -> str:
        """Return the text of object 9 / 95: the last or current fault."""
        shown = self.current or self.last
        if (
            self.shown_transient is not None
            and self.severity <= self.severities[self.shown_transient]
        ):
            shown = self.shown_transient
        return shown.value if shown else NO_ERROR

    def set(self, code: FaultCode, *, is_present: bool) -> "FaultRegister":
        """Return the register with a fault raised or cleared."""
        if is_present == (code in self.present):
            return self
        kept = tuple(other for other in self.present if other is not code)
        changed = replace(self, present=(*kept, code) if is_present else kept)
        return replace(changed, last=changed.current or self.current or self.last)

    def raise_transient(self, code: FaultCode) -> "FaultRegister":
        """Return the register after a fault that is for information and resets at once."""
        current = self.current
        hidden = current is not None and self.severities[current] > self.severities[code]
        last = self.last if hidden else code
        return replace(
            self,
            last=last,
            last_transient=code,
            transient_count=self.transient_count + 1,
            shown_transient=None if hidden else code,
        )

    def clear_transient(self) -> "FaultRegister":
        """Return the register after a fault for information was reset."""
        return replace(self, shown_transient=None)
