"""Faults: the list of the product, and the register that keeps the last or current one.

Source: [reference-manual] 11.1, tables 62 and 63. `NotStopping`,
`NotFollowing`, `StateLost`, `CTDirection` and `MeterFrozen` are ours.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from knxgw.frozen import replace

NO_ERROR = "No error"


class FaultCode(StrEnum):
    """Code texts, at most 14 characters, exactly as they stand on the bus."""

    CONTACT_SUPPORT = "ContactSupport"
    CONF_NO_CHARGER = "Conf NoCharger"
    CONF_CHARGER = "Conf Charger"
    CONF_E_METER = "Conf EMeter"
    DLM_ASSOCIATION = "DLMAssociation"
    SMART_METER_TIMEOUT = "SmartMeterTOut"
    CT_DIRECTION = "CTDirection"
    METER_FROZEN = "MeterFrozen"
    OVER_CURRENT = "OverCurrent"
    DLM_INVALID_CURRENT = "DLM InvCurrent"
    STATE_LOST = "StateLost"
    NOT_REACHABLE = "NotReachable"
    NOT_STOPPING = "NotStopping"
    WRONG_CHARGER = "WrongCharger"
    NOT_FOLLOWING = "NotFollowing"
    COMM = "Comm"
    CHARGER_ERROR = "ChargerError"
    OPERATION_NOT_POSSIBLE = "OpNotPossible"
    VALUE_OUT_OF_RANGE = "ValOutOfRange"
    E_METER_NOT_REACHABLE = "EMeterNotReach"
    E_METER_COMM = "EMeter Comm"
    E_METER_ERROR = "EMeter Error"


GENERAL_SEVERITY = {
    FaultCode.CONTACT_SUPPORT: 130,
    FaultCode.CONF_NO_CHARGER: 120,
    FaultCode.CONF_CHARGER: 120,
    FaultCode.CONF_E_METER: 120,
    FaultCode.DLM_ASSOCIATION: 120,
    FaultCode.SMART_METER_TIMEOUT: 90,
    FaultCode.CT_DIRECTION: 90,
    FaultCode.METER_FROZEN: 90,
    FaultCode.OVER_CURRENT: 80,
    FaultCode.DLM_INVALID_CURRENT: 70,
    FaultCode.STATE_LOST: 60,
}
POINT_SEVERITY = {
    FaultCode.CONF_CHARGER: 120,
    FaultCode.CONF_E_METER: 120,
    FaultCode.DLM_INVALID_CURRENT: 90,
    FaultCode.NOT_REACHABLE: 80,
    FaultCode.NOT_STOPPING: 80,
    FaultCode.WRONG_CHARGER: 70,
    FaultCode.NOT_FOLLOWING: 60,
    FaultCode.COMM: 60,
    FaultCode.CHARGER_ERROR: 50,
    FaultCode.OPERATION_NOT_POSSIBLE: 40,
    FaultCode.VALUE_OUT_OF_RANGE: 40,
    FaultCode.E_METER_NOT_REACHABLE: 30,
    FaultCode.E_METER_COMM: 20,
    FaultCode.E_METER_ERROR: 10,
}


@dataclass(frozen=True, kw_only=True)  # no slots: see knxgw.frozen
class FaultRegister:
    """Present faults of one scope (general, or one charging point), oldest first."""

    severities: dict[FaultCode, int] = field(repr=False)
    present: tuple[FaultCode, ...] = ()
    last: FaultCode | None = None  # shown when nothing is present any more
    informed: FaultCode | None = None  # last fault that was for information only
    informed_count: int = 0
    informing: FaultCode | None = None  # it is being shown, until the next moment

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
        """Return the text of GO 9 / 95: the last or current fault."""
        shown = self.current or self.last
        if self.informing is not None and self.severity <= self.severities[self.informing]:
            shown = self.informing
        return shown.value if shown else NO_ERROR

    def set(self, code: FaultCode, *, present: bool) -> "FaultRegister":
        """Return the register with a fault raised or cleared."""
        if present == (code in self.present):
            return self
        kept = tuple(other for other in self.present if other is not code)
        changed = replace(self, present=(*kept, code) if present else kept)
        return replace(changed, last=changed.current or self.current or self.last)

    def inform(self, code: FaultCode) -> "FaultRegister":
        """Return the register after a fault that is for information and resets at once."""
        current = self.current
        hidden = current is not None and self.severities[current] > self.severities[code]
        last = self.last if hidden else code
        return replace(
            self,
            last=last,
            informed=code,
            informed_count=self.informed_count + 1,
            informing=None if hidden else code,
        )

    def calmed(self) -> "FaultRegister":
        """Return the register after a fault for information was reset."""
        return replace(self, informing=None)
