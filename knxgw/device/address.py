"""The individual address of the device: who has a say in it. Pure.

The address of an interface, whose tunnel the device uses, is the interface's. Else the one holds that was given
last: by a tool, or by whoever has changed the device's own configuration since.
"""

from knxgw.knx.fixed_values import UNASSIGNED


class DeviceAddress:
    """Where the address comes from."""

    def __init__(self) -> None:
        self.programmed: int | None = None  # by a tool
        self.configured: int | None = None  # by the device's own configuration
        self.of_interface: int | None = None  # while the device uses a tunnel

    @property
    def current(self) -> int:
        """Return the address that the device has."""
        for one in (self.of_interface, self.programmed, self.configured):
            if one is not None:
                return one
        return UNASSIGNED

    def configure(self, address: int | None) -> bool:
        """Take what the own configuration says, None: nothing; tell whether that is something new.

        The address of a new device is one that nobody has given: it displaces none that a tool has.
        """
        if address is None or address == self.configured:
            return False
        self.configured = address
        if address != UNASSIGNED:
            self.programmed = None
        return True

    def program(self, address: int) -> bool:
        """Take what a tool says; tell whether that is something new."""
        is_new = address != self.programmed
        self.programmed = address
        return is_new
