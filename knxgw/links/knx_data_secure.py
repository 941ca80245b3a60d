"""Data Secure between link and port: verifies and decrypts what comes, secures what goes.

It takes group keys from a `GroupKeys`, whoever fills that: today a keyring, later the security
interface object that ETS writes to, which brings a tool key as well. Plain frames pass, but for
those to a secured group address.

The stage stands below the transport layer, which must acknowledge a frame of a connection that its
sender repeats, though its number was taken already. So a frame of a connection that is refused goes
on, sealed as it is and marked `REFUSED`; of all others nothing is left.
"""

import logging

from xknx.cemi import CEMILData
from xknx.exceptions import DataSecureError, XKNXException
from xknx.telegram.address import IndividualAddress
from xknx.telegram.apci import SecureAPDU
from xknx.telegram.tpci import TDataConnected

from knxgw.knx.frames import Outgoing, Security
from knxgw.links.knx_numbers import SecureNumbers
from knxgw.links.knx_secure_groups import GroupKeys, NumberedDataSecure
from knxgw.links.knx_tool_key import ToolKeySecurity

log = logging.getLogger(__name__)
NO_GROUPS = GroupKeys(keys={}, senders={})
MOST_REFUSED = 20  # senders that are named in the log: addresses are easily made up


class DataSecureStage:
    """Secures the frames of one device."""

    def __init__(self, groups: GroupKeys = NO_GROUPS, tool_key: bytes | None = None) -> None:
        self.insecure = 0  # frames that were refused
        self._groups = groups
        self._tool_key = tool_key
        self._numbers: SecureNumbers | None = None
        self._group_security: NumberedDataSecure | None = None
        self._tool_security: ToolKeySecurity | None = None
        self._refused: set[IndividualAddress] = set()  # whose frames were said to be dropped

    def keep_numbers(self, numbers: SecureNumbers) -> None:
        """Hear where sequence numbers are kept; before anything is sent or received."""
        self._numbers = numbers
        self.use(self._groups, self._tool_key)

    def use(self, groups: GroupKeys, tool_key: bytes | None = None) -> None:
        """Secure with these keys from now on; numbers that were taken stay taken."""
        self._groups, self._tool_key = groups, tool_key
        if self._numbers is None:
            return
        self._group_security = NumberedDataSecure(groups, self._numbers)
        tool = None if tool_key is None else ToolKeySecurity(tool_key, self._numbers)
        self._tool_security = tool

    async def begin(self) -> None:
        """Begin where all links before have ended; before each session. Raises: LinkError.

        The next number must be known, if anything is secured.
        """
        self.use(self._groups, self._tool_key)  # the link of before may have taken telegrams since
        if self._groups.keys or self._tool_key is not None:
            await self._group().reserve()

    def settle(self) -> None:
        """Store the numbers that still wait."""
        self._group().settle()

    async def outgoing(self, outgoing: Outgoing) -> CEMILData | None:
        """Return a frame as it goes on the line; None: there is no key for what it asks.

        Raises: LinkError while there is no sequence number.
        """
        group = self._group()
        if outgoing.security is Security.TOOL_KEY:
            if self._tool_security is None:
                return None
            await group.reserve()
            return self._tool_security.outgoing(outgoing.data)
        if group.is_secured(outgoing.data):
            await group.reserve()
        elif outgoing.security is not Security.PLAIN:
            return None
        return group.outgoing_cemi(outgoing.data)

    def received(self, data: CEMILData) -> tuple[CEMILData, Security] | None:
        """Return a frame in plain and how it was secured; None: it was refused."""
        try:
            return self._verified(data)
        except (DataSecureError, XKNXException) as err:
            self._refuse(data, err)
        return (data, Security.REFUSED) if isinstance(data.tpci, TDataConnected) else None

    def _verified(self, data: CEMILData) -> tuple[CEMILData, Security]:
        """Return a frame in plain and how it was secured. Raises: DataSecureError."""
        group, secured = self._group(), data.payload
        if not isinstance(secured, SecureAPDU):
            return group.received_cemi(data), Security.PLAIN
        if secured.scf.tool_access and self._tool_security is not None:
            return self._tool_security.received(data, secured), Security.TOOL_KEY
        return group.received_cemi(data), Security.GROUP_KEY

    def _refuse(self, data: CEMILData, err: Exception) -> None:
        self.insecure += 1
        if data.src_addr not in self._refused and len(self._refused) < MOST_REFUSED:
            self._refused.add(data.src_addr)
            log.warning(
                "telegram of %s dropped by Data Secure (further ones are only counted): %s",
                data.src_addr,
                err,
            )

    def _group(self) -> NumberedDataSecure:
        if self._group_security is None:
            raise RuntimeError("nobody keeps the secure numbers: keep_numbers comes first")
        return self._group_security
