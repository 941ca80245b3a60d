"""Data Secure between link and port: verifies and decrypts what comes, secures what goes.

It takes group keys from a `GroupKeys`, whoever fills that: a keyring, or the security interface object that ETS
writes to, which has the tool key as well. Plain frames pass, but for those to a secured group address.

The stage stands below the transport layer, which must acknowledge a frame of a connection that its
sender repeats, though its number was taken already. So a frame of a connection that is refused goes
on, sealed as it is and marked `REFUSED`; of all others nothing is left.
"""

import logging
import secrets
from collections.abc import Callable

from xknx.cemi import CEMILData
from xknx.exceptions import DataSecureError, XKNXException
from xknx.telegram.address import IndividualAddress
from xknx.telegram.apci import SecureAPDU
from xknx.telegram.tpci import TDataBroadcast, TDataConnected, TDataGroup

from knxgw.errors import LinkError
from knxgw.knx.frames import Outgoing, Security
from knxgw.knx.raw_service import RawService, apdu_of
from knxgw.knx.secure_apdu import SECURE, TOOL_ACCESS, Failure, SecureError
from knxgw.links.knx_numbers import SecureNumbers
from knxgw.links.knx_secure_groups import GroupKeys, NumberedDataSecure
from knxgw.links.knx_tool_key import RepeatedError, ToolAccess, ToolKeySecurity

log = logging.getLogger(__name__)
NO_GROUPS = GroupKeys(keys={}, senders={})
MOST_REFUSED = 20  # senders that are named in the log: addresses are easily made up
WITH_TOOL_KEY = {Security.TOOL_KEY, Security.SYNC}

OnRefused = Callable[[Failure, CEMILData, int], None]  # why, what, with which number


class DataSecureStage:
    """Secures the frames of one device."""

    def __init__(
        self,
        groups: GroupKeys = NO_GROUPS,
        tool: ToolAccess | None = None,
        chance: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self.insecure = 0  # frames that were refused
        self.on_refused: OnRefused = lambda _failure, _data, _number: None
        self.keyring = groups  # what it was made with
        self.groups = groups  # in use
        self._tool = tool
        self._chance = chance
        self._numbers: SecureNumbers | None = None
        self._group_security: NumberedDataSecure | None = None
        self._tool_security: ToolKeySecurity | None = None
        self._refused: set[IndividualAddress] = set()  # whose frames were said to be dropped

    @property
    def has_groups(self) -> bool:
        """Tell whether any group telegram is secured."""
        return bool(self.groups.keys)

    @property
    def sending_number(self) -> int:
        """Return the number of our next secured group telegram, 0: not known yet."""
        return 0 if self._numbers is None else self._numbers.group.upcoming

    async def secure_tools(self) -> bool:
        """Store up to where telegrams of tools were taken, for good; tell whether that is done."""
        return self._numbers is None or await self._numbers.secure_tools()

    def keep_numbers(self, numbers: SecureNumbers) -> None:
        """Hear where sequence numbers are kept; before anything is sent or received."""
        self._numbers = numbers
        self.use_groups(self.groups)
        self.use_tool(self._tool)

    def use_groups(self, groups: GroupKeys) -> None:
        """Secure group telegrams with these keys from now on; numbers that were taken stay taken."""
        self.groups = groups
        if self._numbers is not None:
            self._group_security = NumberedDataSecure(groups, self._numbers)

    def use_tool(self, tool: ToolAccess | None) -> None:
        """Speak to tools with this key from now on."""
        self._tool = tool
        if self._numbers is not None:
            self._tool_security = (
                None if tool is None else ToolKeySecurity(tool, self._numbers, self._chance)
            )

    async def begin(self) -> None:
        """Begin where all links before have ended; before each session. Raises: LinkError.

        The next number must be known, if a keyring secures group telegrams. With keys of ETS the link is there
        without: a tool must reach the device.
        """
        self.use_groups(self.groups)  # the previous link may have taken telegrams since
        if self.has_groups and self.groups is self.keyring:
            await self._group().reserve()

    def settle(self) -> None:
        """Store the numbers that still wait."""
        if self._numbers is not None:
            self._numbers.settle()

    async def outgoing(self, outgoing: Outgoing) -> CEMILData | None:
        """Return a frame as it goes on the line; None: there is no key, or no number, for what it asks.

        Raises: LinkError while there is no sequence number for a group telegram of a keyring.
        """
        if outgoing.security in WITH_TOOL_KEY:
            return await self._to_tool(outgoing)
        if self.groups.keys and outgoing.data.dst_addr in self.groups.keys:
            return await self._to_group(outgoing)
        return outgoing.data if outgoing.security is Security.PLAIN else None

    async def _to_group(self, outgoing: Outgoing) -> CEMILData | None:
        group = self._group()
        try:
            await group.reserve()
        except LinkError:
            if self.groups is self.keyring:
                raise
            return None
        return group.outgoing_cemi(outgoing.data)

    async def _to_tool(self, outgoing: Outgoing) -> CEMILData | None:
        if self._tool_security is None or self._numbers is None:
            return None
        try:
            await self._numbers.tool.reserve()
        except LinkError as err:  # the link itself is not to blame
            log.warning("a tool gets no answer: %s", err)
            return None
        return self._tool_security.outgoing(outgoing.data, outgoing.security)

    def received(self, data: CEMILData) -> tuple[CEMILData, Security] | None:
        """Return a frame in plain and how it was secured; None: it was refused."""
        is_sealed = is_secured(data)
        if not is_sealed and not self.groups.keys:
            return data, Security.PLAIN  # as nearly always; an address takes time to look up
        if data.dst_addr not in self.groups.keys and (
            not is_sealed or (not self.has_groups and _is_of_a_group(data))
        ):
            return data, Security.PLAIN  # also what is sealed for others
        try:
            return self._verified(data)
        except (SecureError, DataSecureError, XKNXException) as err:
            self._refuse(data, err)
        return (data, Security.REFUSED) if isinstance(data.tpci, TDataConnected) else None

    def _verified(self, data: CEMILData) -> tuple[CEMILData, Security]:
        """Return a secured frame in plain and how it was secured. Raises: SecureError, DataSecureError."""
        apdu = apdu_of(data)
        if is_secured(data) and len(apdu) > len(SECURE) and apdu[len(SECURE)] & TOOL_ACCESS:
            if self._tool_security is None:
                raise SecureError(Failure.CRYPTO, "there is no tool key")
            return self._tool_security.received(data, apdu)
        if not isinstance(data.payload, SecureAPDU) and is_secured(data):
            raise SecureError(Failure.CONTROL, "it is no secured telegram that anybody knows")
        group = self._group()
        if is_secured(data) and group.is_recorded(data, _number(data)):
            raise SecureError(Failure.NUMBER, f"Sequence number too low for {data.src_addr}")
        return group.received_cemi(data), Security.GROUP_KEY

    def _refuse(self, data: CEMILData, err: Exception) -> None:
        failure = err.failure if isinstance(err, SecureError) else Failure.CRYPTO
        if isinstance(data.tpci, TDataBroadcast) and failure is Failure.CRYPTO:
            return  # every device tries its own key
        if isinstance(err, RepeatedError):
            return
        self.insecure += 1
        if not isinstance(data.tpci, TDataGroup) or data.dst_addr in self.groups.keys:
            self.on_refused(failure, data, _number(data))  # else it was for others
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


def is_secured(data: CEMILData) -> bool:
    """Tell whether a frame says that it is secured."""
    payload = data.payload
    if isinstance(payload, RawService):  # xknx could not read it
        return payload.apdu[: len(SECURE)] == SECURE
    return isinstance(payload, SecureAPDU)


def _is_of_a_group(data: CEMILData) -> bool:
    """Tell whether a secured frame is a group telegram as devices send it, and none of a tool."""
    control = apdu_of(data)[len(SECURE) : len(SECURE) + 1]
    return isinstance(data.tpci, TDataGroup) and not any(one & TOOL_ACCESS for one in control)


def _number(data: CEMILData) -> int:
    """Return the number that a secured frame says it has."""
    return int.from_bytes(apdu_of(data)[3:9], "big") if is_secured(data) else 0
