"""Data Secure with the tool key: what ETS and this device say to each other in private.

Always encrypted, never to a group address; how, stands in `knx/secure_apdu.py`. A tool that does not know our numbers
asks for them (S-A_Sync) before anything else: that goes to the device with the number that we would take next, and
comes back as its answer.
"""

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field

from xknx.cemi import CEMILData
from xknx.exceptions import XKNXException
from xknx.telegram.apci import APCI
from xknx.telegram.tpci import TDataBroadcast, TDataConnected, TDataGroup

from knxgw.knx.frames import Security
from knxgw.knx.raw_service import RawService, apdu_of
from knxgw.knx.secure_apdu import (
    CHALLENGE_OCTETS,
    DATA_BY_TOOL,
    HIGHEST_NUMBER,
    NUMBER_OCTETS,
    SYNC_REQUEST_BY_TOOL,
    Envelope,
    Failure,
    SecuredApdu,
    SecureError,
    open_data,
    open_sync_request,
    parse,
    seal,
    seal_sync_response,
)
from knxgw.links.knx_numbers import SecureNumbers


@dataclass(frozen=True, slots=True)
class ToolAccess:
    """The key that tools have, and the serial number by which they call us."""

    key: bytes = field(repr=False)
    serial_number: bytes = bytes(6)


class RepeatedError(SecureError):
    """A frame of a connection that its sender has repeated."""


class ToolKeySecurity:
    """Secures frames with one tool key."""

    def __init__(
        self,
        access: ToolAccess,
        numbers: SecureNumbers,
        chance: Callable[[int], bytes],
    ) -> None:
        self._key = access.key
        self._serial_number = access.serial_number
        self._numbers = numbers
        self._chance = chance

    def outgoing(self, data: CEMILData, security: Security) -> CEMILData:
        """Return a frame secured with our next number; it is reserved already."""
        if data.payload is None:
            return data  # transport layer control has nothing to secure
        envelope, plain = Envelope.of(data), apdu_of(data)
        secured = copy(data)
        if security is Security.SYNC:
            apdu = self._sync_response(envelope, plain)
        else:
            apdu = seal(self._key, envelope, self._numbers.tool.next(), plain, DATA_BY_TOOL)
        secured.payload = APCI.from_knx(apdu)
        return secured

    def _sync_response(self, envelope: Envelope, asked: bytes) -> bytes:
        challenge, accepted = asked[:CHALLENGE_OCTETS], asked[CHALLENGE_OCTETS:]
        numbers = (self._numbers.tool.upcoming, int.from_bytes(accepted, "big"))
        return seal_sync_response(
            self._key, envelope, self._chance(NUMBER_OCTETS), challenge, numbers
        )

    def received(self, data: CEMILData, apdu: bytes) -> tuple[CEMILData, Security]:
        """Verify and decrypt a frame, and note its number. Raises: SecureError, ConversionError."""
        secured = parse(apdu)
        if isinstance(data.tpci, TDataGroup):
            raise SecureError(Failure.ACCESS, f"Tool access to a group address: {data.dst_addr}")
        opened = copy(data)
        if secured.control == SYNC_REQUEST_BY_TOOL:
            opened.payload = RawService(self._challenged(data, secured))
            return opened, Security.SYNC
        if secured.control != DATA_BY_TOOL:
            raise SecureError(
                Failure.CONTROL, f"Not supported with the tool key: {secured.control:02X}"
            )
        number = int.from_bytes(secured.number, "big")
        last_valid = self._numbers.last_valid(self._key, data.src_addr)
        if number == last_valid and isinstance(data.tpci, TDataConnected):
            raise RepeatedError(Failure.NUMBER, f"number {number} again: our T_Ack got lost")
        if number <= last_valid:
            raise SecureError(
                Failure.NUMBER,
                f"Sequence number too low for {data.src_addr}: {number} received, "
                f"{last_valid} last valid",
            )
        plain = open_data(self._key, Envelope.of(data), secured)
        self._numbers.taken_by_tool(self._key, data.src_addr, number)
        opened.payload = _service(plain)
        return opened, Security.TOOL_KEY

    def _challenged(self, data: CEMILData, secured: SecuredApdu) -> bytes:
        """Return the challenge of a request, and the number that we take next. Raises: SecureError."""
        asked = open_sync_request(self._key, Envelope.of(data), secured)
        nobody = bytes(len(self._serial_number))
        is_broadcast = isinstance(data.tpci, TDataBroadcast)
        if asked.serial_number != self._serial_number and (
            is_broadcast or asked.serial_number != nobody
        ):
            raise SecureError(Failure.CONTROL, "the request to synchronise is for another device")
        last_valid = self._numbers.last_valid(self._key, data.src_addr)
        accepted = max(asked.number, last_valid + 1)
        if accepted > HIGHEST_NUMBER:
            raise SecureError(
                Failure.NUMBER, "all numbers of this tool are used: it needs a new key"
            )
        if asked.number > last_valid + 1:  # the tool goes on with the number of its request
            self._numbers.taken_by_tool(self._key, data.src_addr, asked.number - 1)
        return asked.challenge + accepted.to_bytes(NUMBER_OCTETS, "big")


def _service(plain: bytes) -> APCI:
    """Return a service; what xknx cannot read, or would write otherwise, stays as it is."""
    try:
        service = APCI.from_knx(plain)
        return service if bytes(service.to_knx()) == plain else RawService(plain)
    except (XKNXException, ValueError, IndexError, OverflowError):
        return RawService(plain)
