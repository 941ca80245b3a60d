"""Who asks something of the device: its level of access, and whether it has the tool key. Values only."""

from dataclasses import dataclass

from knxgw.knx.frames import Security

FREE_LEVEL, HIGHEST_LEVEL = 3, 0  # of access: everybody, and whoever has authorized


@dataclass(frozen=True, slots=True)
class Access:
    """One who asks."""

    level: int = FREE_LEVEL
    security: Security = Security.PLAIN  # of what it has sent; its answer has the same
    source: int = 0  # individual address, 0: it came without a line

    @property
    def has_tool_key(self) -> bool:
        """Tell whether it has sent that encrypted with the tool key."""
        return self.security is Security.TOOL_KEY


WITHOUT_LINE = Access(HIGHEST_LEVEL)  # a device management connection


def access_of(level: int, security: Security, source: int) -> Access:
    """Return the access of somebody on a line; with the tool key nobody has to authorize."""
    is_tool = security is Security.TOOL_KEY
    return Access(HIGHEST_LEVEL if is_tool else level, security, source)
