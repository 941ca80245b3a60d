"""xknx with the tool key of a device: its management procedures, each telegram secured. It lacks that itself."""

import time
from copy import copy
from datetime import UTC, datetime

from xknx import XKNX
from xknx.cemi import CEMILData
from xknx.exceptions import DataSecureError
from xknx.management.procedures import dmp_connect_r_co
from xknx.telegram import IndividualAddress
from xknx.telegram.apci import (
    APCI,
    FunctionPropertyExtCommand,
    FunctionPropertyExtStateResponse,
    IndividualAddressSerialWrite,
    PropertyExtValueWriteCon,
    PropertyExtValueWriteConRes,
    ReturnCode,
    SecureAPDU,
)
from xknx.telegram.telegram import Telegram
from xknx.telegram.tpci import TDataBroadcast, TDataConnected, TDataIndividual

from knxgw.device.knx_device import BROADCAST
from knxgw.knx.raw_service import apdu_of
from knxgw.knx.secure_apdu import (
    DATA_BY_TOOL,
    Envelope,
    SecureError,
    open_data,
    parse,
    seal,
)

SECURITY, MODE, TOOL_KEY = 17, 51, 56  # object type, properties
_BEGIN = datetime(2018, 1, 5, tzinfo=UTC).timestamp()


class ToolDataSecure:
    """In the place of xknx's Data Secure, which knows group keys only."""

    def __init__(self, key: bytes) -> None:
        self.key = key
        self.key_after: tuple[APCI, bytes] | None = (
            None  # what is the last one with this key; the next key
        )
        self._number = int((time.time() - _BEGIN) * 1000)  # as ETS counts
        self._taken = 0

    def outgoing_cemi(self, cemi_data: CEMILData) -> CEMILData:
        """Secure what goes to one device, or to all of them."""
        is_managing = isinstance(cemi_data.tpci, TDataConnected | TDataIndividual | TDataBroadcast)
        if cemi_data.payload is None or not is_managing:
            return cemi_data
        self._number += 1
        sealed = copy(cemi_data)
        apdu = seal(
            self.key, Envelope.of(cemi_data), self._number, apdu_of(cemi_data), DATA_BY_TOOL
        )
        sealed.payload = APCI.from_knx(apdu)
        if self.key_after is not None and self.key_after[0] is cemi_data.payload:
            self.key = self.key_after[1]
        return sealed

    def received_cemi(self, cemi_data: CEMILData) -> CEMILData:
        """Open what comes. Raises: DataSecureError."""
        if not isinstance(cemi_data.payload, SecureAPDU):
            return cemi_data
        try:
            secured = parse(apdu_of(cemi_data))
            plain = open_data(self.key, Envelope.of(cemi_data), secured)
        except SecureError as err:
            raise DataSecureError(str(err)) from err
        number = int.from_bytes(secured.number, "big")
        if number <= self._taken:
            raise DataSecureError(f"number {number} after {self._taken}")
        self._taken = number
        opened = copy(cemi_data)
        opened.payload = APCI.from_knx(plain)
        return opened


def secure(xknx: XKNX, key: bytes) -> ToolDataSecure:
    """Let xknx use a tool key from now on."""
    found = ToolDataSecure(key)
    xknx.cemi_handler.data_secure = found  # type: ignore[assignment]  # as much of it as is used
    return found


async def give_address(xknx: XKNX, serial_number: bytes, address: IndividualAddress) -> None:
    """Give the device with a serial number its address; nobody answers that."""
    asked = IndividualAddressSerialWrite(serial=serial_number, address=address)
    telegram = Telegram(BROADCAST, payload=asked, tpci=TDataBroadcast())
    await xknx.cemi_handler.send_telegram(telegram)


async def take(
    xknx: XKNX, tool_security: ToolDataSecure, device: IndividualAddress, project_key: bytes
) -> None:
    """Switch security mode on, and write the tool key of the project; its answer has that key. Raises: RuntimeError."""
    async with xknx.management.connection(device) as tool:
        await dmp_connect_r_co(tool)
        mode = FunctionPropertyExtCommand(
            interface_object_type=SECURITY,
            object_instance=1,
            property_id=MODE,
            data=bytes((0, 0, 1)),
        )
        answer = (await tool.request(mode)).payload
        assert isinstance(answer, FunctionPropertyExtStateResponse)
        if answer.return_code is not ReturnCode.E_SUCCESS:
            raise RuntimeError(f"security mode: {answer.return_code}")
        write = PropertyExtValueWriteCon(
            interface_object_type=SECURITY,
            object_instance=1,
            property_id=TOOL_KEY,
            nr_of_elem=1,
            start_index=1,
            data=project_key,
        )
        tool_security.key_after = (write, project_key)
        written = (await tool.request(write)).payload
        assert isinstance(written, PropertyExtValueWriteConRes)
        if written.return_code is not ReturnCode.E_SUCCESS:
            raise RuntimeError(f"tool key: {written.return_code}")
