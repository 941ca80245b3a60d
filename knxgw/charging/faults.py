"""Faults: the register that keeps the last or current one of a *scope*: the whole device, or one charging point.

A fault is *present* until its cause ends. A fault *for information*, also called transient, such as after a refused
command, is never present: it is shown for a moment only.

Which faults there are, how severe they are and what they mean, is said by `product_db/faults.yaml`.
Source: [reference-manual] 11.1.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from knxgw.catalogue.codes import NO_ERROR, FaultCode


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRegister:
    """The faults of one scope; methods return a changed copy."""

    severities: Mapping[FaultCode, int] = field(repr=False)
    present: tuple[FaultCode, ...] = ()  # oldest first
    last: FaultCode | None = None  # shown when nothing is present any more
    last_transient: FaultCode | None = None  # last fault that was for information only
    transient_count: int = 0
    shown_transient: FaultCode | None = None  # `text` shows it, until `clear_transient`

    @property
    def is_present(self) -> bool:
        """Tell whether any fault of the scope is present."""
        return bool(self.present)

    @property
    def current(self) -> FaultCode | None:
        """Return the most severe present fault, the newest among equals; None: none is present."""
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
        """Return the code of the fault to show (object 9 or 95): the most severe present one, else the last.

        A fault for information (`shown_transient`) is shown instead, unless a more severe one is present. If
        there was no fault yet, the text says so (`NO_ERROR`).
        """
        shown = self.current or self.last
        transient = self.shown_transient
        if transient is not None and self.severities[transient] >= self.severity:
            shown = transient
        return shown.value if shown else NO_ERROR

    def set(self, code: FaultCode, *, is_present: bool) -> "FaultRegister":
        """Return the register with a fault raised (`is_present`) or cleared; itself if it is so already.

        `last`, which is shown once no fault is present, becomes the most severe present one. If none is left,
        it is the one that was just cleared.
        """
        if is_present == (code in self.present):
            return self
        others = tuple(other for other in self.present if other is not code)
        changed = replace(self, present=(*others, code) if is_present else others)
        just_cleared = (
            self.current
        )  # if none is left now, it was the only one; None: none was present
        return replace(changed, last=changed.current or just_cleared or self.last)

    def raise_transient(self, code: FaultCode) -> "FaultRegister":
        """Return the register after a fault for information, such as a command that was refused.

        Such a fault is shown for a moment only (until `clear_transient`), and is never among the present ones.
        It is always counted; but while a more severe fault is present, it is not shown, and `last` stays.
        """
        current = self.current
        is_hidden = current is not None and self.severities[current] > self.severities[code]
        last = self.last if is_hidden else code
        return replace(
            self,
            last=last,
            last_transient=code,
            transient_count=self.transient_count + 1,
            shown_transient=None if is_hidden else code,
        )

    def clear_transient(self) -> "FaultRegister":
        """Return the register in which no fault for information is shown: its moment is over."""
        return replace(self, shown_transient=None)
