"""Properties that are called: who may call them, and what each one does. Pure."""

from collections.abc import Mapping
from typing import Protocol

from xknx.telegram import apci
from xknx.telegram.apci import ReturnCode

from knxgw.catalogue.interface_objects import InterfaceObjectDefinition, PropertyType
from knxgw.device import ip_secure, security
from knxgw.device.access import Access
from knxgw.device.function_result import FunctionResult
from knxgw.device.group_object_diagnostics import diagnose
from knxgw.device.model import SECURITY, DeviceModel, Elements, PropertyError

_STATE_RESPONSE, _EXTENDED_STATE_RESPONSE = bytes.fromhex("02C9"), bytes.fromhex("01D6")
ByIndex = apci.FunctionPropertyCommand | apci.FunctionPropertyStateRead
ByType = apci.FunctionPropertyExtCommand | apci.FunctionPropertyExtStateRead


class _Function(Protocol):
    def __call__(self, request: bytes, *, is_command: bool) -> FunctionResult:
        """Serve a command, or say the state that is asked for."""


class Functions:
    """The function properties of one device."""

    def __init__(self, model: DeviceModel) -> None:
        self._model = model
        self._functions: Mapping[str, _Function] = {
            "group_object_table.diagnostics": self._diagnose,
            security.MODE: self._security_mode,
            security.FAILURES: self._failures,
            ip_secure.SECURED_SERVICES: self._secured_services,
        }

    def call(
        self,
        owner: InterfaceObjectDefinition | None,
        number: int,
        request: bytes,
        *,
        access: Access,
        is_command: bool,
    ) -> FunctionResult:
        """Call a property of an object. Raises: PropertyError, it is no function, or is not for this one."""
        asked = Elements(owner, number, 1, 1)
        definition = asked.definition()
        if definition.type is PropertyType.CONTROL and owner is not None and owner.key == SECURITY:
            return self._control(asked, request, access, is_command=is_command)
        if definition.type is not PropertyType.FUNCTION:
            raise PropertyError(ReturnCode.E_DATA_TYPE_CONFLICT)
        self._model.check_access(definition, access, is_write=is_command)
        return self._functions[asked.name()](request, is_command=is_command)

    def _control(
        self, asked: Elements, request: bytes, access: Access, *, is_command: bool
    ) -> FunctionResult:
        """Control the loading of an object, or say its state: ETS calls that of the security object."""
        if is_command:
            self._model.write(asked, request, access)
        return FunctionResult(0, self._model.read(asked, access))

    def by_index(self, asked: ByIndex, access: Access) -> bytes:
        """Return the answer to a call by the index of the object; without a code where nothing was called."""
        head = _STATE_RESPONSE + bytes([asked.object_index, asked.property_id])
        owner = self._model.object_at(asked.object_index)
        is_command = isinstance(asked, apci.FunctionPropertyCommand)
        try:
            result = self.call(
                owner, asked.property_id, asked.data, access=access, is_command=is_command
            )
        except PropertyError:
            return head
        return head + result.octets

    def by_type(self, asked: ByType, access: Access) -> bytes:
        """Return the answer to a call by type and instance of the object."""
        kind, instance = asked.interface_object_type, asked.object_instance
        where = (instance << 12 | asked.property_id).to_bytes(3, "big")
        head = _EXTENDED_STATE_RESPONSE + kind.to_bytes(2, "big") + where
        owner = self._model.object_of(kind, instance)
        is_command = isinstance(asked, apci.FunctionPropertyExtCommand)
        try:
            result = self.call(
                owner, asked.property_id, asked.data, access=access, is_command=is_command
            )
        except PropertyError as err:
            return head + bytes([err.code.value])
        return head + result.octets

    def _diagnose(self, request: bytes, *, is_command: bool) -> FunctionResult:
        return diagnose(self._model.outside.group_objects(), request, is_command=is_command)

    def _security_mode(self, request: bytes, *, is_command: bool) -> FunctionResult:
        if not is_command:
            return security.mode_answer(request, self._model.kept)
        mode = security.mode_in(request)
        if isinstance(mode, FunctionResult):
            return mode
        self._model.keep(security.MODE, mode)
        return FunctionResult(0, b"\0")

    def _failures(self, request: bytes, *, is_command: bool) -> FunctionResult:
        model = self._model
        if not is_command:
            return security.failures_answer(request, model.failures, model.kept)
        if security.is_erasing_failures(request):
            model.keep(security.FAILURES, security.EX_FACTORY[security.FAILURES])
            model.failures.erase()
            return FunctionResult(0, request[1:])
        return FunctionResult(ReturnCode.E_DATA_VOID.value, request[1:2])

    def _secured_services(self, request: bytes, *, is_command: bool) -> FunctionResult:
        if not is_command:
            return ip_secure.secured_answer(request, self._model.kept)
        bits = ip_secure.secured_by(request, self._model.kept)
        if isinstance(bits, FunctionResult):
            return bits
        self._model.keep(ip_secure.SECURED_SERVICES, bits)
        return FunctionResult(0, request[1:3])
