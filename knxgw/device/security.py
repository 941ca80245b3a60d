"""The security interface object: security mode, keys, and the log of what Data Secure has refused. Pure.

A new device has security mode off, and its factory key (FDSK) as tool key. ETS writes a tool key of its own, switches
security mode on, and from then on only who has that key may change anything. What it says with which key stands in
`product_db/interface_objects.yaml`; the frames are opened and sealed by the links.
"""

from collections import deque
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass

from xknx.telegram.apci import ReturnCode

from knxgw.device.function_result import FunctionResult
from knxgw.knx.secure_apdu import Failure

MODE, TOOL_KEY, FAILURES, REPORT = (
    f"security.{key}" for key in ("security_mode", "tool_key", "failures", "report")
)
GROUP_KEYS, SENDERS, OBJECT_FLAGS, SENDING_NUMBER = (
    f"security.{key}" for key in ("group_keys", "senders", "object_flags", "sending_number")
)
EX_FACTORY: Mapping[str, bytes] = {
    MODE: b"\0",
    "security.individual_keys": b"",
    GROUP_KEYS: b"",
    SENDERS: b"",
    FAILURES: bytes(8),  # a counter of two octets for each kind
    TOOL_KEY: b"",  # the FDSK
    REPORT: b"\0",
    "security.report_control": b"\0",
    SENDING_NUMBER: bytes(6),
    OBJECT_FLAGS: b"",
    "security.roles": b"",
}
OF_A_DOWNLOAD = (  # what unloading the object erases
    "security.individual_keys",
    GROUP_KEYS,
    SENDERS,
    OBJECT_FLAGS,
    "security.roles",
)
# what a reset leaves that keeps the individual address: ETS does one between new tool key and download, and goes on
# with that key
OF_ACTIVATION = (MODE, TOOL_KEY, SENDING_NUMBER)
PLAIN_FLAGS, SECURED_FLAGS = 0b00, 0b11  # of a group object: authentication, confidentiality
MOST_DESCRIBED = 5  # failures
HIGHEST_BEGIN = (1 << 47) - 1  # of our numbers: ms since 2018 are below it for four thousand years
_DONE, _NO_SERVICE, _NO_VALUE = (
    one.value
    for one in (ReturnCode.E_SUCCESS, ReturnCode.E_COMMAND_INVALID, ReturnCode.E_DATA_VOID)
)
_COUNTER_OCTETS, _HIGHEST_COUNT = 2, 0xFFFF


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A telegram that Data Secure, or the rules of access, have refused."""

    failure: Failure
    source: int  # individual address
    destination: int
    is_group: bool
    number: int = 0

    @property
    def octets(self) -> bytes:
        """Return its row of the log: addresses, control field, number, kind."""
        addresses = self.source.to_bytes(2, "big") + self.destination.to_bytes(2, "big")
        return (
            addresses
            + bytes([self.is_group << 7])
            + self.number.to_bytes(6, "big")
            + bytes([self.failure])
        )


class FailureLog:
    """What was refused, counted by kind; the last few in full, until the program ends."""

    def __init__(self) -> None:
        self._last: deque[Refused] = deque(maxlen=MOST_DESCRIBED)

    def note(self, refused: Refused, kept: MutableMapping[str, bytes]) -> None:
        """Note a failure; the counters are stored with whatever is stored next, an attacker must not wear the disk."""
        self._last.appendleft(refused)
        counts = list(counts_of(kept))
        counts[refused.failure - 1] = min(counts[refused.failure - 1] + 1, _HIGHEST_COUNT)
        kept[FAILURES] = b"".join(one.to_bytes(_COUNTER_OCTETS, "big") for one in counts)
        kept[REPORT] = b"\1"

    def erase(self) -> None:
        """Forget what was refused."""
        self._last.clear()

    def row(self, number: int) -> bytes | None:
        """Return the failure with a number, 0 the last one; None: there is none."""
        return self._last[number].octets if number < len(self._last) else None


def counts_of(kept: Mapping[str, bytes]) -> tuple[int, ...]:
    """Return how many failures there were of each kind, in the order of `Failure`."""
    octets = kept[FAILURES]
    starts = range(0, len(octets), _COUNTER_OCTETS)
    return tuple(int.from_bytes(octets[at : at + _COUNTER_OCTETS], "big") for at in starts)


def is_on(kept: Mapping[str, bytes]) -> bool:
    """Tell whether security mode is on."""
    return kept[MODE] == b"\1"


def mode_in(request: bytes) -> bytes | FunctionResult:
    """Return the mode that a command asks for, else what is wrong with it."""
    if len(request) < 2:
        return FunctionResult(_NO_VALUE)
    if request[1] != 0:
        return FunctionResult(_NO_SERVICE, request[1:2])
    if len(request) != 3 or request[2] > 1:
        return FunctionResult(_NO_VALUE, request[1:2])
    return request[2:]


def mode_answer(request: bytes, kept: Mapping[str, bytes]) -> FunctionResult:
    """Return what the state of security mode is."""
    if len(request) < 2:
        return FunctionResult(_NO_VALUE)
    if request[1] != 0:
        return FunctionResult(_NO_SERVICE, request[1:2])
    return FunctionResult(_DONE, b"\0" + kept[MODE])


def failures_answer(request: bytes, log: FailureLog, kept: Mapping[str, bytes]) -> FunctionResult:
    """Return how many failures there were, or one of them."""
    if len(request) != 3:
        return FunctionResult(_NO_VALUE)
    service, which = request[1], request[2]
    if service == 0 and which == 0:
        return FunctionResult(_DONE, request[1:] + kept[FAILURES])
    row = log.row(which) if service == 1 else None
    if service > 1:
        return FunctionResult(_NO_SERVICE, request[1:2])
    return (
        FunctionResult(_NO_VALUE, request[1:2])
        if row is None
        else FunctionResult(_DONE, request[1:] + row)
    )


def is_erasing_failures(request: bytes) -> bool:
    """Tell whether a command asks to forget all failures: there is no other one."""
    return request == bytes(3)
