"""Data Secure between link and port: verifies and decrypts what comes, secures what goes.

It takes its keys from a `GroupKeys`, whoever fills that: today a keyring, later the security
interface object that ETS writes to. Plain frames pass, but for those to a secured group address.
"""

import logging

from xknx.cemi import CEMILData
from xknx.exceptions import DataSecureError, XKNXException
from xknx.telegram.address import IndividualAddress
from xknx.telegram.apci import SecureAPDU

from knxgw.knx.frames import Outgoing, Security
from knxgw.links.knx_numbers import SecureNumbers
from knxgw.links.knx_secure_groups import GroupKeys, NumberedDataSecure

log = logging.getLogger(__name__)
MOST_REFUSED = 20  # senders that are named in the log: addresses are easily made up


class DataSecureStage:
    """Secures the frames of one device."""

    def __init__(self, groups: GroupKeys) -> None:
        self.insecure = 0  # frames that were refused
        self._groups = groups
        self._numbers: SecureNumbers | None = None
        self._secure: NumberedDataSecure | None = None
        self._refused: set[IndividualAddress] = set()  # whose frames were said to be dropped

    def keep_numbers(self, numbers: SecureNumbers) -> None:
        """Hear where sequence numbers are kept; before anything is sent or received."""
        self._numbers = numbers
        self._secure = NumberedDataSecure(self._groups, numbers)

    def use(self, groups: GroupKeys) -> None:
        """Secure with other keys from now on; numbers that were taken stay taken."""
        self._groups = groups
        if self._numbers is not None:
            self._secure = NumberedDataSecure(groups, self._numbers)

    async def reserve(self) -> None:
        """Make sure that the next number can be used. Raises: LinkError."""
        await self._ready().reserve()

    def settle(self) -> None:
        """Store the numbers that still wait."""
        self._ready().settle()

    async def outgoing(self, outgoing: Outgoing) -> CEMILData | None:
        """Return a frame as it goes on the line; None: there is no key for what it asks.

        Raises: LinkError while there is no sequence number.
        """
        secure = self._ready()
        if outgoing.security is Security.TOOL_KEY:
            return None
        if secure.is_secured(outgoing.data):
            await secure.reserve()
        return secure.outgoing_cemi(outgoing.data)

    def received(self, data: CEMILData) -> tuple[CEMILData, Security] | None:
        """Return a frame in plain and how it was secured; None: it was refused."""
        try:
            plain = self._ready().received_cemi(data)
        except (DataSecureError, XKNXException) as err:
            self._refuse(data, err)
            return None
        return plain, Security.GROUP_KEY if isinstance(data.payload, SecureAPDU) else Security.PLAIN

    def _refuse(self, data: CEMILData, err: Exception) -> None:
        self.insecure += 1
        if data.src_addr not in self._refused and len(self._refused) < MOST_REFUSED:
            self._refused.add(data.src_addr)
            log.warning(
                "telegram of %s dropped by Data Secure (further ones are only counted): %s",
                data.src_addr,
                err,
            )

    def _ready(self) -> NumberedDataSecure:
        if self._secure is None:
            raise RuntimeError("nobody keeps the secure numbers: keep_numbers comes first")
        return self._secure
