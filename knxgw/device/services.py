"""The management services: what a tool asks of the device in one APDU, and the answer. Pure.

Requests are read by xknx; answers that it cannot write are written here. Whatever is no request of ours, or is
none at all, has no answer. `docs/knx-device.md` lists them.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

from xknx.exceptions import XKNXException
from xknx.telegram import apci
from xknx.telegram.apci import APCI, ReturnCode

from knxgw.catalogue.interface_objects import (
    InterfaceObjectDefinition,
    LoadState,
    PropertyDefinition,
)
from knxgw.device.access import FREE_LEVEL, HIGHEST_LEVEL, Access
from knxgw.device.functions import ByIndex, ByType, Functions
from knxgw.device.identity import MASK_VERSION, MAX_APDU_LENGTH
from knxgw.device.model import DeviceModel, Elements, PropertyError
from knxgw.knx.fixed_values import UNASSIGNED
from knxgw.knx.secure_apdu import SECURED_OCTETS

DEFAULT_KEY = 0xFFFFFFFF
RESTART_S = 1  # how long a restart takes at most
_UNKNOWN_DESCRIPTOR = bytes.fromhex("037F") + MASK_VERSION.to_bytes(2, "big")
_CAPITAL = re.compile("(?<=[a-z])(?=[A-Z])")
_WRITABLE = 0x80  # in the data type of a description
_NO_ACCESS = 0xF


class EraseCode(IntEnum):
    """What a master reset erases."""

    CONFIRMED_RESTART = 1
    FACTORY_RESET = 2
    RESET_ADDRESS = 3
    RESET_APPLICATION = 4
    RESET_PARAMETERS = 5
    RESET_LINKS = 6
    FACTORY_RESET_BUT_ADDRESS = 7


_NOT_WHILE_SECURE = {
    EraseCode.RESET_ADDRESS.value,
    EraseCode.RESET_APPLICATION.value,
}  # security mode


class ResetError(IntEnum):
    """What is said of a master reset."""

    NONE = 0
    ACCESS_DENIED = 1
    UNSUPPORTED_CODE = 2
    INVALID_CHANNEL = 3


@dataclass(frozen=True, slots=True)
class Answer:
    """What an APDU brings about."""

    apdu: bytes | None = None  # None: it has no answer
    restart: EraseCode | None = (
        None  # what is erased, and the device restarts, once the answer is out
    )
    level: int | None = None  # of access, which the connection has from now on


NOTHING = Answer()
Extended = (
    apci.PropertyExtValueRead | apci.PropertyExtValueWriteCon | apci.PropertyExtValueWriteUnCon
)


class Services:
    """Serves APDUs for one device."""

    def __init__(self, model: DeviceModel) -> None:
        self._model = model
        self.functions = Functions(model)
        self._handlers: Mapping[type[APCI], Callable[[Any, Access], Answer]] = {
            apci.DeviceDescriptorRead: self._read_descriptor,
            apci.PropertyValueRead: self._read_property,
            apci.PropertyValueWrite: self._write_property,
            apci.PropertyDescriptionRead: self._describe_property,
            apci.PropertyExtValueRead: self._read_extended,
            apci.PropertyExtValueWriteCon: self._write_extended,
            apci.PropertyExtValueWriteUnCon: self._write_unconfirmed,
            apci.PropertyExtDescriptionRead: self._describe_extended,
            apci.FunctionPropertyCommand: self._call_function,
            apci.FunctionPropertyStateRead: self._call_function,
            apci.FunctionPropertyExtCommand: self._call_extended,
            apci.FunctionPropertyExtStateRead: self._call_extended,
            apci.MemoryRead: self._read_memory,
            apci.MemoryWrite: self._write_memory,
            apci.MemoryExtendedRead: self._read_extended_memory,
            apci.MemoryExtendedWrite: self._write_extended_memory,
            apci.UserMemoryRead: self._read_user_memory,
            apci.UserMemoryWrite: self._write_user_memory,
            apci.AuthorizeRequest: self._authorize,
            apci.Restart: self._restart,
            apci.RestartMasterReset: self._reset,
        }

    def serve(self, request: bytes, access: Access) -> Answer:
        """Serve an APDU of somebody. Never raises."""
        try:
            service = APCI.from_knx(request)
        except (XKNXException, ValueError, IndexError):
            return NOTHING
        handler = self._handlers.get(type(service))
        if handler is None:
            return NOTHING
        if not self._model.may_ask(name_of(service), access):
            return _denied(service)
        return handler(service, access)

    # --- descriptor, access, restart

    def _read_descriptor(self, asked: apci.DeviceDescriptorRead, _access: Access) -> Answer:
        if asked.descriptor != 0:
            return Answer(_UNKNOWN_DESCRIPTOR)
        return _answer(apci.DeviceDescriptorResponse(descriptor=0, value=MASK_VERSION))

    def _authorize(self, asked: apci.AuthorizeRequest, _access: Access) -> Answer:
        level = HIGHEST_LEVEL if asked.key == DEFAULT_KEY else FREE_LEVEL
        return replace(_answer(apci.AuthorizeResponse(level=level)), level=level)

    def _restart(self, _asked: apci.Restart, _access: Access) -> Answer:
        return Answer(restart=EraseCode.CONFIRMED_RESTART)  # it erases nothing

    def _reset(self, asked: apci.RestartMasterReset, _access: Access) -> Answer:
        error = ResetError.NONE
        codes = {one.value for one in EraseCode}
        if self._model.is_secure:
            codes -= _NOT_WHILE_SECURE
        if asked.erase_code not in codes:
            error = ResetError.UNSUPPORTED_CODE
        elif asked.channel_number != 0:
            error = ResetError.INVALID_CHANNEL
        is_done = error is ResetError.NONE
        # a download goes on at once after this one
        took_s = 0 if not is_done or asked.erase_code == EraseCode.RESET_APPLICATION else RESTART_S
        said = apci.RestartMasterResetResponse(error_code=error.value, process_time=took_s)
        return replace(_answer(said), restart=EraseCode(asked.erase_code) if is_done else None)

    def erase(self, code: EraseCode) -> None:
        """Erase what a master reset asks for; its answer has left from the previous address."""
        model = self._model
        match code:
            case EraseCode.FACTORY_RESET:
                model.reset()
                model.set_individual_address(UNASSIGNED)
            case EraseCode.FACTORY_RESET_BUT_ADDRESS:
                model.reset(keeps_tool_key=True)
            case EraseCode.RESET_ADDRESS:
                model.set_individual_address(UNASSIGNED)
            case EraseCode.RESET_APPLICATION | EraseCode.RESET_PARAMETERS:
                self._erase_application()
            case EraseCode.RESET_LINKS:
                model.forget_links()
            case EraseCode.CONFIRMED_RESTART:
                return
        model.count_download()

    def _erase_application(self) -> None:
        """Unload the application, unless a download is at it: ETS resets in the middle of one, and goes on."""
        application = self._model.loadables[4]
        if application.state is not LoadState.LOADING:
            application.unload()
            self._model.unsaved.is_state = True

    # --- properties by the index of their object

    def _read_property(self, asked: apci.PropertyValueRead, access: Access) -> Answer:
        return self._property_answer(asked, access)

    def _write_property(self, asked: apci.PropertyValueWrite, access: Access) -> Answer:
        try:
            self._model.write(self._by_index(asked), asked.data, access)
        except PropertyError:
            return _no_value(asked)
        return self._property_answer(asked, access)  # what was written is read back

    def _by_index(self, asked: apci.PropertyValueRead | apci.PropertyValueWrite) -> Elements:
        one = self._model.object_at(asked.object_index)
        return Elements(one, asked.property_id, asked.start_index, asked.count)

    def _property_answer(
        self, asked: apci.PropertyValueRead | apci.PropertyValueWrite, access: Access
    ) -> Answer:
        try:
            value = self._model.read(self._by_index(asked), access)
        except PropertyError:
            return _no_value(asked)
        return _fitting(
            apci.PropertyValueResponse(
                object_index=asked.object_index,
                property_id=asked.property_id,
                count=asked.count,
                start_index=asked.start_index,
                data=value,
            ),
            _no_value(asked),
            access,
        )

    def _describe_property(self, asked: apci.PropertyDescriptionRead, _access: Access) -> Answer:
        one = self._model.object_at(asked.object_index)
        found = _described(one, asked.property_id, asked.property_index)
        if found is None:
            return _answer(
                apci.PropertyDescriptionResponse(
                    object_index=asked.object_index,
                    property_id=asked.property_id,
                    property_index=asked.property_index,
                    type_=0,
                    max_count=0,
                    access=0,
                )
            )
        index, definition = found
        return _answer(
            apci.PropertyDescriptionResponse(
                object_index=asked.object_index,
                property_id=definition.id,
                property_index=index,
                type_=_type_octet(definition),
                max_count=definition.elements,
                access=_access_octet(definition),
            )
        )

    # --- properties by the type of their object

    def _read_extended(self, asked: apci.PropertyExtValueRead, access: Access) -> Answer:
        nothing = Answer(_extended_head(0x1CD, asked, 0))
        try:
            value = self._model.read(self._by_type(asked), access)
        except PropertyError:
            return nothing
        said = _extended_head(0x1CD, asked, asked.nr_of_elem) + value
        return _short_enough(said, nothing, access)

    def _write_extended(self, asked: apci.PropertyExtValueWriteCon, access: Access) -> Answer:
        code = self._written(asked, access)
        return Answer(_extended_head(0x1CF, asked, asked.nr_of_elem) + bytes([code.value]))

    def _write_unconfirmed(self, asked: apci.PropertyExtValueWriteUnCon, access: Access) -> Answer:
        self._written(asked, access)
        return NOTHING

    def _written(
        self, asked: apci.PropertyExtValueWriteCon | apci.PropertyExtValueWriteUnCon, access: Access
    ) -> ReturnCode:
        try:
            self._model.write(self._by_type(asked), asked.data, access)
        except PropertyError as err:
            return err.code
        return ReturnCode.E_SUCCESS

    def _by_type(self, asked: Extended) -> Elements:
        one = self._model.object_of(asked.interface_object_type, asked.object_instance)
        return Elements(one, asked.property_id, asked.start_index, asked.nr_of_elem)

    def _describe_extended(self, asked: apci.PropertyExtDescriptionRead, _access: Access) -> Answer:
        one = self._model.object_of(asked.interface_object_type, asked.object_instance)
        found = _described(one, asked.property_id, asked.property_index)
        head = (0x1D3).to_bytes(2, "big") + asked.interface_object_type.to_bytes(2, "big")
        index, definition = (asked.property_index, None) if found is None else found
        number = asked.property_id if definition is None else definition.id
        where = (asked.object_instance << 12 | number).to_bytes(3, "big")
        place = where + (asked.description_type << 12 | index).to_bytes(2, "big") + bytes(4)
        if definition is None:
            return Answer(head + place + bytes(4))
        limits = definition.elements.to_bytes(2, "big") + bytes([_access_octet(definition)])
        return Answer(head + place + bytes([_type_octet(definition)]) + limits)

    # --- functions

    def _call_function(self, asked: ByIndex, access: Access) -> Answer:
        return Answer(self.functions.by_index(asked, access))

    def _call_extended(self, asked: ByType, access: Access) -> Answer:
        return Answer(self.functions.by_type(asked, access))

    # --- memory

    def _read_memory(self, asked: apci.MemoryRead, access: Access) -> Answer:
        nothing = _answer(apci.MemoryResponse(address=asked.address, data=b""))
        value = self._memory(asked.address, asked.count)
        if value is None:
            return nothing
        return _fitting(apci.MemoryResponse(address=asked.address, data=value), nothing, access)

    def _write_memory(self, asked: apci.MemoryWrite, _access: Access) -> Answer:
        is_done = self._write(asked) is ReturnCode.E_SUCCESS
        if not self._model.is_verifying:
            return NOTHING
        data = self._memory(asked.address, len(asked.data)) if is_done else None
        return _answer(apci.MemoryResponse(address=asked.address, data=data or b""))

    def _read_user_memory(self, asked: apci.UserMemoryRead, access: Access) -> Answer:
        nothing = _answer(apci.UserMemoryResponse(address=asked.address, data=b""))
        value = self._memory(asked.address, asked.count)
        if value is None:
            return nothing
        return _fitting(apci.UserMemoryResponse(address=asked.address, data=value), nothing, access)

    def _write_user_memory(self, asked: apci.UserMemoryWrite, _access: Access) -> Answer:
        is_done = self._write(asked) is ReturnCode.E_SUCCESS
        if not self._model.is_verifying:
            return NOTHING
        data = self._memory(asked.address, len(asked.data)) if is_done else None
        return _answer(apci.UserMemoryResponse(address=asked.address, data=data or b""))

    def _read_extended_memory(self, asked: apci.MemoryExtendedRead, access: Access) -> Answer:
        def said(code: ReturnCode, data: bytes = b"") -> Answer:
            head = bytes([0x01, 0xFE, code.value]) + asked.address.to_bytes(3, "big")
            return Answer(head + data)

        if asked.count == 0:
            return said(ReturnCode.E_COMMAND_INVALID)
        value = self._memory(asked.address, asked.count)
        if value is None:
            return said(ReturnCode.E_ADDRESS_VOID)
        return _short_enough(
            said(ReturnCode.E_SUCCESS, value).apdu or b"",
            said(ReturnCode.E_LENGTH_EXCEEDS_MAX_APDU_LENGTH),
            access,
        )

    def _write_extended_memory(self, asked: apci.MemoryExtendedWrite, _access: Access) -> Answer:
        code = self._write(asked)
        return Answer(bytes([0x01, 0xFC, code.value]) + asked.address.to_bytes(3, "big"))

    def _memory(self, address: int, count: int) -> bytes | None:
        """Return a range of memory, None: it is not all there."""
        found = self._model.segment_at(address, count) if count else None
        return None if found is None else found[1].read(address, count)

    def _write(
        self, asked: apci.MemoryWrite | apci.UserMemoryWrite | apci.MemoryExtendedWrite
    ) -> ReturnCode:
        """Write memory whose object is being loaded; all of it, or nothing."""
        if not asked.data or asked.count != len(asked.data):
            return ReturnCode.E_COMMAND_INVALID
        found = self._model.segment_at(asked.address, len(asked.data))
        if found is None:
            return ReturnCode.E_ADDRESS_VOID
        owner, segment = found
        if owner.state is not LoadState.LOADING:
            return ReturnCode.E_TEMPORARILY_NOT_AVAILABLE
        segment.write(asked.address, asked.data)
        return ReturnCode.E_SUCCESS


def name_of(service: APCI) -> str:
    """Return the name of a service in the table of who may ask for it: PropertyValueRead: property_value_read."""
    return _CAPITAL.sub("_", type(service).__name__).lower()


def _denied(service: APCI) -> Answer:
    """Return what somebody is told who may not ask that: mostly nothing."""
    if isinstance(service, apci.RestartMasterReset):
        code = ResetError.ACCESS_DENIED.value
        return _answer(apci.RestartMasterResetResponse(error_code=code, process_time=0))
    return NOTHING


def _answer(said: APCI) -> Answer:
    return Answer(bytes(said.to_knx()))


def _fitting(said: APCI, otherwise: Answer, access: Access) -> Answer:
    return _short_enough(bytes(said.to_knx()), otherwise, access)


def _short_enough(said: bytes, otherwise: Answer, access: Access) -> Answer:
    """Return an answer, unless it is longer than what the device says it can send, with what secures it."""
    longest = MAX_APDU_LENGTH - (SECURED_OCTETS if access.has_tool_key else 0)
    return Answer(said) if len(said) - 1 <= longest else otherwise


def _no_value(asked: apci.PropertyValueRead | apci.PropertyValueWrite) -> Answer:
    return _answer(
        apci.PropertyValueResponse(
            object_index=asked.object_index,
            property_id=asked.property_id,
            count=0,
            start_index=asked.start_index,
            data=b"",
        )
    )


def _extended_head(code: int, asked: Extended, count: int) -> bytes:
    where = (asked.object_instance << 12 | asked.property_id).to_bytes(3, "big")
    what = bytes([count]) + asked.start_index.to_bytes(2, "big")
    kind = asked.interface_object_type.to_bytes(2, "big")
    return code.to_bytes(2, "big") + kind + where + what


def _described(
    one: InterfaceObjectDefinition | None, number: int, index: int
) -> tuple[int, PropertyDefinition] | None:
    """Return a property with its index, by its number or, where that is 0, by its index."""
    if one is None:
        return None
    for at, definition in enumerate(one.properties):
        if definition.id == number or (number == 0 and at == index):
            return at, definition
    return None


def _type_octet(definition: PropertyDefinition) -> int:
    return definition.type | (_WRITABLE if definition.write_level is not None else 0)


def _access_octet(definition: PropertyDefinition) -> int:
    read, write = (
        _NO_ACCESS if level is None else level
        for level in (definition.read_level, definition.write_level)
    )
    return read << 4 | write
