"""Flags and priority of a group object, as ETS names and keeps them; pure."""

from dataclasses import dataclass
from enum import StrEnum


class Priority(StrEnum):
    """The priority of a telegram on the bus, highest first; ETS offers alarm, high and low.

    Source: [knx-standard] 3/3/2, data link layer: system, urgent, normal, low.
    """

    SYSTEM = "system"
    URGENT = "urgent"  # ETS: alarm
    NORMAL = "normal"  # ETS: high
    LOW = "low"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """The six flags of a group object, exactly as ETS names them."""

    communication: bool
    read: bool
    write: bool
    transmit: bool
    update: bool
    read_on_init: bool

    @classmethod
    def parse(cls, text: str) -> "Flags":
        """Return the flags of a text such as "CR-T--"."""
        values = [letter != "-" for letter in text]
        return cls(
            communication=values[0],
            read=values[1],
            write=values[2],
            transmit=values[3],
            update=values[4],
            read_on_init=values[5],
        )

    def __str__(self) -> str:
        values = (
            self.communication,
            self.read,
            self.write,
            self.transmit,
            self.update,
            self.read_on_init,
        )
        return "".join(letter if on else "-" for letter, on in zip("CRWTUI", values, strict=True))
