"""What a search for devices has found so far; pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from knxgw.catalogue.device_model import DeviceKind, DeviceModel
from knxgw.catalogue.messages import Message
from knxgw.charging.quantities import Quantity, Value
from knxgw.config.model import Connection, SerialLine


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundDevice:
    """Somebody who answers."""

    connection: Connection
    line: SerialLine | None = None  # of a device on a serial line
    model: DeviceModel | None = None  # the likeliest; None: it answers like no model that is known
    others: tuple[DeviceModel, ...] = ()  # that answer like it: no read tells which one it is
    reasons: tuple[str, ...] = ()
    values: Mapping[Quantity, Value] = field(default_factory=dict)
    used_as: tuple[Message, ...] = ()  # what the gateway has there already; it is not asked again

    @property
    def address(self) -> str:
        """Return where it answers, as people write it."""
        one = self.connection
        if one.host is not None:
            return f"{one.host}:{one.port}"
        return "" if self.line is None else self.line.port

    @property
    def models(self) -> tuple[DeviceModel, ...]:
        """Return every model that it may be, the likeliest first."""
        return () if self.model is None else (self.model, *self.others)

    @property
    def is_charger(self) -> bool:
        """Tell whether it is one, as far as its model is known."""
        return self.model is not None and self.model.kind is DeviceKind.CHARGER


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchProgress:
    """A search that runs or has run."""

    number: int = 0  # counts the searches of this start; 0: none yet
    done: int = 0  # addresses, or settings of a line
    total: int = 0
    asking: tuple[str, ...] = ()  # where devices are asked which model they are
    found: tuple[FoundDevice, ...] = ()
    is_running: bool = False
    was_cancelled: bool = False
    trouble: Message | None = None  # why nothing can be found
