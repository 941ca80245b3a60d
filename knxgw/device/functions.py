"""Properties that are called: who may call them, and what each one does. Pure."""

from collections.abc import Mapping
from typing import Protocol

from xknx.telegram import apci
from xknx.telegram.apci import ReturnCode

from knxgw.catalogue.interface_objects import InterfaceObjectDefinition, PropertyType
from knxgw.device.function_result import FunctionResult
from knxgw.device.group_object_diagnostics import diagnose
from knxgw.device.model import DeviceModel, Elements, PropertyError

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
            "group_object_table.diagnostics": self._diagnose
        }

    def call(
        self,
        owner: InterfaceObjectDefinition | None,
        number: int,
        request: bytes,
        *,
        level: int,
        is_command: bool,
    ) -> FunctionResult:
        """Call a property of an object. Raises: PropertyError, it is no function, or is not for this level."""
        asked = Elements(owner, number, 1, 1)
        definition = asked.definition()
        if definition.type is not PropertyType.FUNCTION:
            raise PropertyError(ReturnCode.E_DATA_TYPE_CONFLICT)
        allowed = definition.write_level if is_command else definition.read_level
        if allowed is None or level > allowed:
            raise PropertyError(ReturnCode.E_ACCESS_DENIED)
        return self._functions[asked.name()](request, is_command=is_command)

    def by_index(self, asked: ByIndex, level: int) -> bytes:
        """Return the answer to a call by the index of the object; without a code where nothing was called."""
        head = _STATE_RESPONSE + bytes([asked.object_index, asked.property_id])
        owner = self._model.object_at(asked.object_index)
        is_command = isinstance(asked, apci.FunctionPropertyCommand)
        try:
            result = self.call(
                owner, asked.property_id, asked.data, level=level, is_command=is_command
            )
        except PropertyError:
            return head
        return head + result.octets

    def by_type(self, asked: ByType, level: int) -> bytes:
        """Return the answer to a call by type and instance of the object."""
        kind, instance = asked.interface_object_type, asked.object_instance
        where = (instance << 12 | asked.property_id).to_bytes(3, "big")
        head = _EXTENDED_STATE_RESPONSE + kind.to_bytes(2, "big") + where
        owner = self._model.object_of(kind, instance)
        is_command = isinstance(asked, apci.FunctionPropertyExtCommand)
        try:
            result = self.call(
                owner, asked.property_id, asked.data, level=level, is_command=is_command
            )
        except PropertyError as err:
            return head + bytes([err.code.value])
        return head + result.octets

    def _diagnose(self, request: bytes, *, is_command: bool) -> FunctionResult:
        return diagnose(self._model.outside.group_objects(), request, is_command=is_command)
