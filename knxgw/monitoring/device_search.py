"""What a search for devices has found so far; pure."""

from collections.abc import Iterable, Mapping
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
    def place(self) -> tuple[str, int, str]:
        """Return host, port and line: what answers there shares a connection."""
        one = self.connection
        return (one.host or "", one.port, "" if self.line is None else self.line.port)

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
    earlier: tuple[FoundDevice, ...] = ()  # found by the searches before it
    is_running: bool = False
    was_cancelled: bool = False
    trouble: Message | None = None  # why nothing can be found

    @property
    def kept(self) -> tuple[FoundDevice, ...]:
        """Return what was found earlier and still holds: of each address and unit the newest answer does.

        An address that the gateway has in use, or whose device was not recognised, has one entry only.
        """
        units = {(one.place, one.connection.unit) for one in self.found}
        known = {one.place for one in self.found if one.model is not None}
        in_use = {one.place for one in self.found if one.used_as}
        return tuple(
            one
            for one in self.earlier
            if (one.place, one.connection.unit) not in units
            and one.place not in in_use
            and (one.model is not None or one.place not in known)
        )

    @property
    def known(self) -> tuple[FoundDevice, ...]:
        """Return all that was found while the device is set up, by address."""
        kept = self.kept
        return in_order((*kept, *self.found)) if kept else self.found


def in_order(found: Iterable[FoundDevice]) -> tuple[FoundDevice, ...]:
    """Return what was found by address, the connectors of a charger side by side."""

    def place(one: FoundDevice) -> tuple[object, ...]:
        where = one.connection
        parts = (where.host or "").split(".")
        numbers = tuple(int(part) if part.isdecimal() else 0 for part in parts)
        return (numbers, where.host or "", where.port, where.unit, where.connector)

    return tuple(sorted(found, key=place))
