"""The group objects that run in the device, as tools ask for them; the port of the object server."""

from dataclasses import dataclass
from typing import Protocol

from knxgw.catalogue.flags import Flags, Priority


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenObject:
    """A group object that runs, as it is now; it has a group address."""

    flags: Flags
    priority: Priority
    bits: int  # size of the value
    datapoint_type: tuple[int, int] = (0, 0)  # main and sub number; 0, 0: nobody has said one
    value: bytes | None = None  # None: it has none; less than 8 bits stand in one octet


class GroupObjects(Protocol):
    """The running group objects. What is written here takes the way of a telegram, and no other."""

    def find(self, number: int) -> SeenObject | None:
        """Return a group object, None: there is none, or it has no group address."""

    def has_address(self, address: int) -> bool:
        """Tell whether some group object has a group address."""

    def take(self, number: int, value: bytes) -> bool:
        """Let one object take a value as from the bus; tell whether it has."""

    def send_value(self, number: int) -> bool:
        """Send the value that an object has; tell whether there is one, and a bus."""

    def send_write(self, address: int, value: bytes, *, is_compact: bool) -> bool:
        """Write a value to a group address, on the bus and here; tell whether there is a bus.

        `is_compact`: it has six bits at most, and stands in the octet of the service.
        """

    def send_read(self, address: int) -> bool:
        """Read a group address, on the bus and here; tell whether there is a bus."""
