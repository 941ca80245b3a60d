"""Where Modbus devices are reached: a TCP endpoint, or the serial line."""

import errno
import os
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from pymodbus import FramerType

from knxgw.catalogue.device_model import DeviceModel, Framing
from knxgw.config.model import ConnectionKind, SerialLine
from knxgw.errors import LinkError
from knxgw.links.modbus_client import ModbusClient, ModbusSerialClient, ModbusTcpClient

LEAST_SILENCE_S = 0.001_75  # above 19 200 baud the silence between frames is fixed
FAST_BAUD = 19_200
SILENT_CHARACTERS = 3.5


class Trouble(StrEnum):
    """Why there is no connection."""

    NAME_NOT_KNOWN = "name_not_known"
    NO_NAME_SERVER = "no_name_server"
    NO_ANSWER = "no_answer"
    REFUSED = "refused"
    NO_ROUTE = "no_route"
    ENDED_AT_ONCE = "ended_at_once"
    NO_DEVICE_FILE = "no_device_file"
    NOT_ALLOWED = "not_allowed"
    NOT_OPENED = "not_opened"
    OTHER = "other"


class UnconnectedError(LinkError):
    """There is no connection to an endpoint."""

    def __init__(self, words: str, trouble: Trouble) -> None:
        self.trouble = trouble
        super().__init__(words)


ENDED_AT_ONCE = "ended at once; does it take one more client?"
_WORDS = {  # of the log
    Trouble.NO_ANSWER: "no answer to the attempt to connect; power, cable and address?",
    Trouble.REFUSED: "refused; is Modbus switched on, is the port right?",
    Trouble.NO_ROUTE: "no route to it; network, address and mask?",
    Trouble.ENDED_AT_ONCE: ENDED_AT_ONCE,
    Trouble.NO_DEVICE_FILE: "there is no such device file; is the adapter plugged in?",
    Trouble.NOT_ALLOWED: "not allowed to use it; add the user to its group (Debian: dialout)",
}
_OF_THE_NETWORK = {
    frozenset({errno.ECONNREFUSED}): Trouble.REFUSED,
    frozenset(
        {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN}
    ): Trouble.NO_ROUTE,
    frozenset({errno.ECONNRESET, errno.ECONNABORTED, errno.EPIPE}): Trouble.ENDED_AT_ONCE,
}


class ModbusEndpoint(Protocol):
    """Creates clients; knows the silence that its wire needs between frames."""

    @property
    def name(self) -> str:
        """Return its name in the log."""

    @property
    def silence_s(self) -> float:
        """Return how long the wire must be silent between two frames [s]."""

    @property
    def is_serial(self) -> bool:
        """Tell whether it is a serial line: reopening it gains nothing."""

    @property
    def numbers_answers(self) -> bool:
        """Tell whether an answer names the request it belongs to."""

    def kind_of_trouble(self, failure: Exception | None) -> Trouble:
        """Return why no connection could be made."""

    def trouble(self, failure: Exception | None) -> str:
        """Return why no connection could be made, and what to check."""

    def client(self, timeout_s: float, first_number: int = 0) -> ModbusClient:
        """Return an unconnected client; its transaction numbers begin at `first_number`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpEndpoint:
    """A host and port; with RTU frames for a transparent serial server."""

    host: str
    port: int
    kind: ConnectionKind = ConnectionKind.TCP

    @property
    def name(self) -> str:
        """Return host and port."""
        return f"{self.host}:{self.port}"

    @property
    def silence_s(self) -> float:
        """Return 0: a serial server keeps the silence of its line itself."""
        return 0.0

    @property
    def is_serial(self) -> bool:
        """Return False."""
        return False

    @property
    def numbers_answers(self) -> bool:
        """Tell whether there are transaction numbers: not behind a serial server."""
        return self.kind is ConnectionKind.TCP

    def kind_of_trouble(self, failure: Exception | None) -> Trouble:
        """Return what the network says."""
        if isinstance(failure, socket.gaierror):
            is_away = failure.errno == socket.EAI_AGAIN
            return Trouble.NO_NAME_SERVER if is_away else Trouble.NAME_NOT_KNOWN
        if isinstance(failure, TimeoutError):
            return Trouble.NO_ANSWER
        numbers = _error_numbers(failure)
        found = (trouble for of, trouble in _OF_THE_NETWORK.items() if numbers & of)
        return next(found, Trouble.OTHER)

    def trouble(self, failure: Exception | None) -> str:
        """Return what the network says, in words for the log."""
        match self.kind_of_trouble(failure):
            case Trouble.NO_NAME_SERVER:
                return f"name {self.host!r} not known: no name server answers"
            case Trouble.NAME_NOT_KNOWN:
                return f"name {self.host!r} not known; is it written right?"
            case trouble:
                return _WORDS.get(trouble, str(failure or "no connection"))

    def client(self, timeout_s: float, first_number: int = 0) -> ModbusClient:
        """Return a TCP client."""
        rtu = self.kind is ConnectionKind.RTU_OVER_TCP
        return ModbusTcpClient(
            self.host,
            port=self.port,
            framer=FramerType.RTU if rtu else FramerType.SOCKET,
            timeout_s=timeout_s,
            first_number=first_number,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SerialEndpoint:
    """The RS485 line. Source: [modbus-serial] section 2.5.1.1 (silent intervals)."""

    line: SerialLine
    framing: Framing = Framing.STANDARD

    @property
    def name(self) -> str:
        """Return the device file."""
        return self.line.port

    @property
    def silence_s(self) -> float:
        """Return three and a half characters; ASCII frames need none, they have an end mark."""
        if self.line.protocol != "rtu":
            return 0.0
        if self.line.baud > FAST_BAUD:
            return LEAST_SILENCE_S
        return SILENT_CHARACTERS * self.character_s

    @property
    def character_s(self) -> float:
        """Return how long a character takes [s]."""
        line = self.line
        bits = 1 + line.data_bits + (line.parity != "N") + line.stop_bits
        return bits / line.baud

    @property
    def is_serial(self) -> bool:
        """Return True."""
        return True

    @property
    def numbers_answers(self) -> bool:
        """Return False: an answer names its unit only."""
        return False

    def kind_of_trouble(self, failure: Exception | None) -> Trouble:
        """Return what is wrong with the device file."""
        if not Path(self.line.port).exists():
            return Trouble.NO_DEVICE_FILE
        is_allowed = os.access(self.line.port, os.R_OK | os.W_OK)
        return Trouble.NOT_OPENED if is_allowed else Trouble.NOT_ALLOWED

    def trouble(self, failure: Exception | None) -> str:
        """Return what is wrong with the device file, in words for the log."""
        said = f" ({failure})" if failure else ""
        opened = f"cannot be opened{said}; does another program use it?"
        return _WORDS.get(self.kind_of_trouble(failure), opened)

    def client(self, timeout_s: float, first_number: int = 0) -> ModbusClient:
        """Return a client of the line."""
        return ModbusSerialClient(self.line, timeout_s=timeout_s, framing=self.framing)


def _error_numbers(failure: Exception | None) -> frozenset[int]:
    """Return the error numbers of a failure; those of several attempts are in its text."""
    number = failure.errno if isinstance(failure, OSError) else None
    if number is not None:
        return frozenset({number})
    return frozenset(int(number) for number in re.findall(r"\[Errno (\d+)\]", str(failure)))


def framing_of(models: Iterable[DeviceModel]) -> Framing:
    """Return the framing of a line with these models; `check` ensures that they agree."""
    return next(
        (model.framing for model in models if model.framing is not Framing.STANDARD),
        Framing.STANDARD,
    )
