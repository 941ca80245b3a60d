"""Group object diagnostics: what a tool asks of single group objects, by property 66 of their table. Pure.

A request is an octet 0, the number of a service and what that service needs. The answer is a code, the number
again, and what was asked for; a request that cannot be read at all is answered by the code alone.
Source: [calimero-device] `KnxDeviceServiceLogic.java`.
"""

from collections.abc import Callable, Mapping
from enum import IntEnum

from knxgw.catalogue.flags import Flags, Priority
from knxgw.device.function_result import FunctionResult
from knxgw.device.group_objects import GroupObjects, SeenObject
from knxgw.device.tables import PRIORITIES, size_code

IDLE = 0  # status of a group object: nothing is under way. Whether the last telegram came through is not told
_LINKED = 0x0400  # in a configuration
_RESERVED_IN_FLAGS, _SECURED, _WHOLE_OCTETS = 0x7C, 0x03, 0x80
_LONGEST_COMPACT = 0x3F


class Command(IntEnum):
    """What may be commanded."""

    SET_VALUE = 0
    SEND_WRITE = 1
    SEND_VALUE = 2
    SEND_READ = 3
    LIMIT_SENDERS = 4


class Question(IntEnum):
    """What may be asked."""

    CONFIGURATION = 0
    VALUE = 1


class Code(IntEnum):
    """How a request has ended."""

    SUCCESS = 0x00
    CONFIGURATION = 0x20
    VALUE = 0x21
    NO_OBJECT = 0xA1
    WRONG_FLAGS = 0xA2  # those of the object do not allow it
    WRONG_SIZE = 0xA3
    NO_SERVICE = 0xF2
    IMPOSSIBLE = 0xF3  # now
    VOID_DATA = 0xF8
    ERROR = 0xFF  # anything else


_Answer = tuple[Code, bytes]
_Service = Callable[[GroupObjects, bytes], _Answer | None]  # None: the request cannot be read


def diagnose(objects: GroupObjects | None, request: bytes, *, is_command: bool) -> FunctionResult:
    """Serve a request; `objects` is None while the device does not run."""
    if len(request) < 2 or request[0] != 0:
        return FunctionResult(Code.ERROR)
    service = request[1]
    serve = (_COMMANDS if is_command else _QUESTIONS).get(service)
    answer: _Answer | None
    if serve is None:
        answer = Code.NO_SERVICE, b""
    elif objects is None:
        answer = Code.IMPOSSIBLE, b""
    else:
        answer = serve(objects, request[2:])
    if answer is None:
        return FunctionResult(Code.ERROR)
    code, data = answer
    return FunctionResult(code, bytes([service]) + data)


def flags_octet(flags: Flags, priority: Priority) -> int:
    """Return flags and priority as the group object table has them."""
    bits = (
        flags.update,
        flags.transmit,
        flags.read_on_init,
        flags.write,
        flags.read,
        flags.communication,
    )
    return sum(on << 7 - at for at, on in enumerate(bits)) | PRIORITIES.index(priority)


# --- commands


def _set_value(objects: GroupObjects, asked: bytes) -> _Answer | None:
    """Let an object take a value, exactly as one that is written to it on the bus."""
    if len(asked) < 2:
        return None
    number, value = int.from_bytes(asked[:2], "big"), asked[2:]
    one = objects.find(number)
    if one is None:
        return Code.NO_OBJECT, b""
    if not (one.flags.communication and one.flags.write):
        return Code.WRONG_FLAGS, b""
    if len(value) != (one.bits + 7) // 8:
        return Code.WRONG_SIZE, b""
    if not _fits(value, one.bits) or not objects.take(number, value):
        return Code.ERROR, b""
    return Code.VALUE, asked[:2] + bytes([IDLE]) + value


def _send_value(objects: GroupObjects, asked: bytes) -> _Answer | None:
    if len(asked) != 2:
        return None
    number = int.from_bytes(asked, "big")
    one = objects.find(number)
    if one is None:
        return Code.NO_OBJECT, b""
    if not (one.flags.communication and one.flags.transmit):
        return Code.WRONG_FLAGS, b""
    if one.value is None or not objects.send_value(number):
        return Code.ERROR, b""
    return _with_value(asked, one)


def _send_write(objects: GroupObjects, asked: bytes) -> _Answer | None:
    if len(asked) < 3:
        return None
    flags, address, value = asked[0], int.from_bytes(asked[1:3], "big"), asked[3:]
    if not value or not _may_send(objects, flags & ~_WHOLE_OCTETS, address):
        return Code.VOID_DATA, b""
    is_compact = not flags & _WHOLE_OCTETS and len(value) == 1 and value[0] <= _LONGEST_COMPACT
    is_sent = objects.send_write(address, value, is_compact=is_compact)
    return (Code.SUCCESS if is_sent else Code.IMPOSSIBLE), b""


def _send_read(objects: GroupObjects, asked: bytes) -> _Answer | None:
    if len(asked) != 3:
        return None
    flags, address = asked[0], int.from_bytes(asked[1:], "big")
    if not _may_send(objects, flags, address):
        return Code.VOID_DATA, b""
    return (Code.SUCCESS if objects.send_read(address) else Code.IMPOSSIBLE), b""


def _limit_senders(_objects: GroupObjects, _asked: bytes) -> _Answer:
    """Refuse: this is for the diagnostic mode, which the device does not have."""
    return Code.IMPOSSIBLE, b""


def _may_send(objects: GroupObjects, flags: int, address: int) -> bool:
    """Tell whether a telegram may be sent: plain, as no tool has given us a key, and to an address of ours."""
    return not flags & (_RESERVED_IN_FLAGS | _WHOLE_OCTETS | _SECURED) and objects.has_address(
        address
    )


def _fits(value: bytes, bits: int) -> bool:
    """Tell whether a value that is less than an octet long is not larger."""
    return bits >= 8 or value[0] < 1 << bits


# --- questions


def _configuration(objects: GroupObjects, asked: bytes) -> _Answer | None:
    if len(asked) != 2:
        return None
    one = objects.find(int.from_bytes(asked, "big"))
    if one is None:
        return Code.NO_OBJECT, b""
    flags = flags_octet(one.flags, one.priority) | _LINKED
    main, sub = one.datapoint_type
    said = flags.to_bytes(2, "big") + bytes([size_code(one.bits)])
    return Code.CONFIGURATION, asked + said + main.to_bytes(2, "big") + sub.to_bytes(2, "big")


def _value(objects: GroupObjects, asked: bytes) -> _Answer | None:
    if len(asked) != 2:
        return None
    one = objects.find(int.from_bytes(asked, "big"))
    return (Code.NO_OBJECT, b"") if one is None else _with_value(asked, one)


def _with_value(number: bytes, one: SeenObject) -> _Answer:
    """Return the value of an object; one that has none says so: what is not known is not 0."""
    if one.value is None:
        return Code.ERROR, b""
    return Code.VALUE, number + bytes([IDLE]) + one.value


_COMMANDS: Mapping[int, _Service] = {
    Command.SET_VALUE: _set_value,
    Command.SEND_WRITE: _send_write,
    Command.SEND_VALUE: _send_value,
    Command.SEND_READ: _send_read,
    Command.LIMIT_SENDERS: _limit_senders,
}
_QUESTIONS: Mapping[int, _Service] = {
    Question.CONFIGURATION: _configuration,
    Question.VALUE: _value,
}
