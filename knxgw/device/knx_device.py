"""The KNX device: frames that are for it come in, its answers go out. Pure; time and chance are handed in.

Four ways to speak to it: connected (a tool opens a connection, see `transport_layer`), connectionless, by
broadcast (to all devices, or to the one in programming mode or with a serial number), and locally, without a
line. What is asked is served by `services`; what a device is stands in `model`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from xknx.cemi import CEMIFlags, CEMILData, CEMIPriority
from xknx.exceptions import XKNXException
from xknx.telegram import apci
from xknx.telegram.address import GroupAddress, IndividualAddress
from xknx.telegram.apci import APCI
from xknx.telegram.tpci import TPCI, TConnect, TDataBroadcast, TDataConnected, TDataIndividual

from knxgw.device.access import FREE_LEVEL, WITHOUT_LINE, access_of
from knxgw.device.function_result import FunctionResult
from knxgw.device.model import DUPLICATE_ADDRESS, DeviceModel, Elements
from knxgw.device.services import Answer, EraseCode, Services, name_of
from knxgw.device.tables import group_addresses
from knxgw.device.transport_layer import Tpdu, TransportLayer
from knxgw.knx.fixed_values import UNASSIGNED
from knxgw.knx.frames import Security
from knxgw.knx.raw_service import RawService, apdu_of

__all__ = ["BROADCAST", "IndividualAddress", "KnxDevice", "Output", "Restart", "Send"]
BROADCAST = GroupAddress("0/0/0")
LONGEST_WAIT_S = 1.0  # before an answer that several devices may give at once
MOST_WAIT_S = 30.0  # the same, if a tool asks for more
_SERIAL_NUMBER, _GROUP_ADDRESSES = (0, 11), (1, 23)  # object type, property
_IN_PROGRAMMING_MODE, _EX_FACTORY, _JUST_SWITCHED_ON = 1, 2, 3  # operands of the first
JUST_SWITCHED_ON_S = 240.0
EX_FACTORY_DEVICE = 0xFF
SYNC_EVERY_S = (
    1.0  # at most one synchronisation is answered in that time, of each of both ways to ask
)


@dataclass(frozen=True, slots=True)
class Send:
    """A frame that goes out."""

    data: CEMILData
    wait: "Wait | None" = None  # None: at once
    security: Security = Security.PLAIN


@dataclass(frozen=True, slots=True)
class Wait:
    """Why a frame does not go out at once: others may be asked the same."""

    delay_s: float
    asker: IndividualAddress


@dataclass(frozen=True, slots=True)
class Restart:
    """The device restarts, once everything before is out."""

    erases: EraseCode


Output = Send | Restart


class KnxDevice:
    """One device on a line."""

    def __init__(
        self, model: DeviceModel, *, chance: Callable[[], float], switched_on_at: float
    ) -> None:
        """Put a device on its line; `chance`: a random number from 0 to below 1."""
        self.model = model
        self._services = Services(model)
        self._transport = TransportLayer()
        self._level = FREE_LEVEL  # of access, of the connection
        self._chance = chance
        self._switched_on_at = switched_on_at
        self._synchronised_at = dict.fromkeys((False, True), float("-inf"))  # by: was a broadcast

    @property
    def individual_address(self) -> IndividualAddress:
        """Return its address."""
        return IndividualAddress(self.model.individual_address)

    def tunnel_addresses(self, most: int, first: int) -> tuple[IndividualAddress, ...]:
        """Return the addresses of tunnels: those of property 53, else device numbers from `first` on."""
        given = self.model.kept["ip_parameter.additional_addresses"]
        own = self.model.individual_address
        raw = [int.from_bytes(given[at : at + 2], "big") for at in range(0, len(given), 2)]
        line = own & 0xFF00
        usable = dict.fromkeys(raw or [line | number for number in range(first, 0xFF)])
        return tuple(IndividualAddress(one) for one in usable if one not in {0, own, UNASSIGNED})[
            :most
        ]

    @property
    def is_connected(self) -> bool:
        """Tell whether a tool has a connection."""
        return self.peer is not None

    @property
    def peer(self) -> IndividualAddress | None:
        """Return the tool that has a connection, None: nobody has."""
        return self._transport.peer

    def due_at(self) -> float:
        """Return when `tick` has something to do [s]."""
        return self._transport.due_at()

    # --- in

    def receive(
        self, data: CEMILData, now_s: float, security: Security = Security.PLAIN
    ) -> list[Output]:
        """Take a frame that is for this device, or for all, opened; return what goes out."""
        if data.src_addr == self.individual_address:
            self.model.device_control |= DUPLICATE_ADDRESS
            return []
        if isinstance(data.tpci, TDataBroadcast):
            return self._broadcast(data, now_s, security)
        if data.dst_addr != self.individual_address:
            return []
        if isinstance(data.tpci, TDataConnected):
            return self._connected(data, data.tpci.sequence_number, now_s, security)
        if isinstance(data.tpci, TDataIndividual):
            answer = self._answer(data, FREE_LEVEL, now_s, security)
            tpdu = Tpdu(data.src_addr, TDataIndividual(), answer.apdu or b"", security)
            return [*([] if answer.apdu is None else [self._out(tpdu)]), *_restart(answer)]
        found = self._transport.control(data.src_addr, data.tpci, now_s)
        if isinstance(data.tpci, TConnect) and self._transport.peer == data.src_addr:
            self._level = FREE_LEVEL
        return [self._out(one) for one in found]

    def serve_locally(self, apdu: bytes) -> Answer:
        """Serve an APDU of a tool that manages the device without a line."""
        return self._services.serve(apdu, WITHOUT_LINE)

    def call_function(
        self, function: Elements, request: bytes, *, is_command: bool
    ) -> FunctionResult:
        """Call a function property for such a tool. Raises: PropertyError, it is none."""
        return self._services.functions.call(
            function.owner, function.number, request, access=WITHOUT_LINE, is_command=is_command
        )

    def tick(self, now_s: float) -> list[Output]:
        """Do what time asks for."""
        return [self._out(one) for one in self._transport.tick(now_s)]

    def restart(self, erases: EraseCode, now_s: float) -> None:
        """Restart: connections end without a word, programming mode and verify mode too."""
        self._services.erase(erases)
        self._transport.close()
        self._level = FREE_LEVEL
        self.model.device_control = 0
        self.model.outside.set_programming(False)
        self._switched_on_at = now_s

    def link_lost(self) -> None:
        """Forget a connection whose tool cannot be reached."""
        self._transport.close()

    # --- connected

    def _connected(
        self, data: CEMILData, number: int, now_s: float, security: Security
    ) -> list[Output]:
        is_new, found = self._transport.data(data.src_addr, number, now_s)
        out: list[Output] = [self._out(one) for one in found]
        if not is_new or security is Security.REFUSED:  # acknowledged, and not obeyed
            return out
        answer = self._answer(data, self._level, now_s, security)
        if answer.level is not None:
            self._level = answer.level
        if answer.apdu is not None:
            responded = self._transport.respond(answer.apdu, now_s, security)
            out += [self._out(one) for one in responded]
        return [*out, *_restart(answer)]

    def _answer(self, data: CEMILData, level: int, now_s: float, security: Security) -> Answer:
        """Serve what a frame asks of this device alone."""
        if security is Security.SYNC:
            return Answer(self._synchronisation(data, now_s, is_broadcast=False))
        return self._services.serve(apdu_of(data), access_of(level, security, data.src_addr.raw))

    def _synchronisation(
        self, data: CEMILData, now_s: float, *, is_broadcast: bool
    ) -> bytes | None:
        """Return what a synchronisation is answered with; None: one was answered just now."""
        if now_s - self._synchronised_at[is_broadcast] < SYNC_EVERY_S:
            return None
        self._synchronised_at[is_broadcast] = now_s
        return apdu_of(data)  # the link puts the numbers into it

    def _out(self, tpdu: Tpdu) -> Send:
        frame = self._frame(tpdu.destination, tpdu.tpci, tpdu.apdu)
        return Send(frame, security=tpdu.security)

    def _frame(
        self, destination: IndividualAddress | GroupAddress, tpci: TPCI, apdu: bytes
    ) -> CEMILData:
        return CEMILData(
            flags=CEMIFlags(
                priority=CEMIPriority.SYSTEM,
                hop_count=self.model.kept["device.routing_count"][0] >> 4 & 0b111,
            ),
            src_addr=self.individual_address,
            dst_addr=destination,
            tpci=tpci,
            payload=RawService(apdu) if apdu else None,
        )

    # --- by broadcast

    def _broadcast(self, data: CEMILData, now_s: float, security: Security) -> list[Output]:
        if security is Security.SYNC:
            said = self._synchronisation(data, now_s, is_broadcast=True)
            return [] if said is None else [self._to_all(RawService(said), security)]
        try:
            asked = APCI.from_knx(apdu_of(data))
        except (XKNXException, ValueError, IndexError):
            return []
        if not self.model.may_ask(
            name_of(asked), access_of(FREE_LEVEL, security, data.src_addr.raw)
        ):
            return []
        answers = self._asked_of_all(asked, data.src_addr, now_s)
        return [replace(one, security=security) for one in answers]

    def _asked_of_all(self, asked: APCI, asker: IndividualAddress, now_s: float) -> list[Send]:
        """Serve what is asked of all devices, or of the one that is meant."""
        model = self.model
        match asked:
            case apci.IndividualAddressRead() if model.outside.is_programming():
                return [self._to_all(apci.IndividualAddressResponse())]
            case apci.IndividualAddressWrite(address=address) if model.outside.is_programming():
                self._take_address(address)
            case apci.IndividualAddressSerialRead(serial=serial) if self._is_meant(serial):
                response = apci.IndividualAddressSerialResponse(
                    serial=serial, address=IndividualAddress(0)
                )
                return [self._to_all(response)]
            case apci.IndividualAddressSerialWrite(serial=serial, address=address) if (
                self._is_meant(serial)
            ):
                self._take_address(address)
            case apci.SystemNetworkParameterRead():
                return self._say_serial_number(asked, asker, now_s)
            case apci.NetworkParameterRead():
                return self._say_group_addresses(asked, asker)
            case _:
                pass
        return []

    def _is_meant(self, serial: bytes) -> bool:
        return serial == self.model.identity.serial_number

    def _take_address(self, address: IndividualAddress) -> None:
        if self.model.address_may_be_written and address.raw:
            self.model.set_individual_address(address.raw)

    def _to_all(self, said: APCI, security: Security = Security.PLAIN) -> Send:
        frame = self._frame(BROADCAST, TDataBroadcast(), bytes(said.to_knx()))
        return Send(frame, security=security)

    def _to_all_later(self, said: bytes, longest_s: float, asker: IndividualAddress) -> Send:
        frame = self._frame(BROADCAST, TDataBroadcast(), said)
        return Send(frame, Wait(self._chance() * longest_s, asker))

    def _say_serial_number(
        self, asked: apci.SystemNetworkParameterRead, asker: IndividualAddress, now_s: float
    ) -> list[Send]:
        """Say the serial number, if the question is for such a device; after a while, because others do."""
        operand = asked.test_info
        if (asked.object_type, asked.property_id) != _SERIAL_NUMBER or not operand:
            return []
        model = self.model
        is_asked = {
            _IN_PROGRAMMING_MODE: model.outside.is_programming(),
            _EX_FACTORY: model.individual_address & 0xFF == EX_FACTORY_DEVICE,
            _JUST_SWITCHED_ON: now_s - self._switched_on_at < JUST_SWITCHED_ON_S,
        }.get(operand[0], False)
        if not is_asked:
            return []
        said = bytes(asked.to_knx())
        response = bytes.fromhex("01C9") + said[2:] + model.identity.serial_number
        asked_s = float(operand[1]) if len(operand) > 1 else 0.0
        longest_s = min(max(LONGEST_WAIT_S, asked_s), MOST_WAIT_S)
        return [self._to_all_later(response, longest_s, asker)]

    def _say_group_addresses(
        self, asked: apci.NetworkParameterRead, asker: IndividualAddress
    ) -> list[Send]:
        """Say that we use one of some group addresses, so that a tool does not give it to another object."""
        where = asked.test_info
        if (asked.object_type, asked.property_id) != _GROUP_ADDRESSES or len(where) < 3:
            return []
        first = int.from_bytes(where[1:3], "big")
        last = first + where[0]
        table = self.model.loadables[1]
        used = group_addresses(table.segment.content) if table.is_loaded else ()
        if not any(first <= one <= last for one in used):
            return []
        said = bytes(asked.to_knx())
        response = bytes.fromhex("03DB") + said[2:]
        return [self._to_all_later(response, LONGEST_WAIT_S, asker)]


def _restart(answer: Answer) -> list[Output]:
    return [] if answer.restart is None else [Restart(answer.restart)]
