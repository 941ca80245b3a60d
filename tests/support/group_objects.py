"""The group objects of a device without a bus: they note what a tool has sent, and what it has written."""

from dataclasses import dataclass, field, replace

from knxgw.catalogue.flags import Flags, Priority
from knxgw.device.group_objects import SeenObject


def seen(
    flags: str,
    bits: int,
    value: str | None = None,
    datapoint_type: tuple[int, int] = (0, 0),
    priority: Priority = Priority.LOW,
) -> SeenObject:
    """Return a group object; flags as in "CRWTUI"."""
    return SeenObject(
        flags=Flags.parse(flags),
        priority=priority,
        bits=bits,
        datapoint_type=datapoint_type,
        value=None if value is None else bytes.fromhex(value),
    )


@dataclass
class ObjectsInMemory:
    """Group objects by their number; see `GroupObjects`."""

    objects: dict[int, SeenObject]
    addresses: set[int] = field(default_factory=set)
    is_connected: bool = True
    sent: list[tuple[object, ...]] = field(default_factory=list)

    def find(self, number: int) -> SeenObject | None:
        return self.objects.get(number)

    def has_address(self, address: int) -> bool:
        return address in self.addresses

    def take(self, number: int, value: bytes) -> bool:
        self.objects[number] = replace(self.objects[number], value=value)
        return True

    def send_value(self, number: int) -> bool:
        return self._sent("value", number)

    def send_write(self, address: int, value: bytes, *, is_compact: bool) -> bool:
        return self._sent("write", f"{address:04x}", value.hex(), is_compact)

    def send_read(self, address: int) -> bool:
        return self._sent("read", f"{address:04x}")

    def _sent(self, *what: object) -> bool:
        if self.is_connected:
            self.sent.append(what)
        return self.is_connected
