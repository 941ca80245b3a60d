"""Looks at the Modbus devices of a configuration, those behind one endpoint over one connection."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from knxgw.catalogue.called import called
from knxgw.catalogue.device_model import DeviceModel
from knxgw.catalogue.messages import Message, message
from knxgw.charging.quantities import PHASE_CURRENTS, PHASE_POWERS
from knxgw.config.connection_words import place_of
from knxgw.config.device_address import device_address
from knxgw.config.devices import Device, DeviceRole, key_of
from knxgw.config.model import Configuration
from knxgw.errors import LinkError
from knxgw.links.modbus_buses import driver_of
from knxgw.links.modbus_endpoint import (
    ModbusEndpoint,
    TcpEndpoint,
    Trouble,
    UnconnectedError,
)
from knxgw.modbus.examination import Examination, Verdict
from knxgw.monitoring.device_watch import phases_of
from knxgw.monitoring.direction import direction_risks, measured
from knxgw.online.attempts import SERIAL_TIMEOUT_S, TCP_TIMEOUT_S
from knxgw.online.ports import Ports
from knxgw.online.progress import Board
from knxgw.online.unread_registers import unread_registers

RESOLVE_S = 5.0
FOR_EVER_S = 86_400.0  # whoever starts a look has a time limit for all of it
_OF_SOME_REGISTERS = frozenset({Verdict.SILENT, Verdict.WRONG_ANSWERS})  # what they may lead to
CHANGE_MA = 1000  # of a charger's limit, that somebody must have set


@dataclass(frozen=True, slots=True, kw_only=True)
class ExaminedDevice:
    """A device, where the configuration has it, and its examination."""

    device: Device
    key: str  # of its section
    unit: int
    examination: Examination


class EndpointLook:
    """One look at all devices behind one endpoint, one question at a time."""

    def __init__(
        self,
        endpoint: ModbusEndpoint,
        examined: Sequence[ExaminedDevice],
        board: Board,
        ports: Ports,
    ) -> None:
        self._endpoint = endpoint
        self._examined = examined
        self._board = board
        self._ports = ports

    async def look(self) -> None:
        """Look at the devices; each is said to be done as soon as it is."""
        endpoint = self._endpoint
        if isinstance(endpoint, TcpEndpoint) and not await self._is_resolved(endpoint.host):
            return
        self._say(message("online_connecting", address=endpoint.name))
        examinations = [one.examination for one in self._examined]
        error: LinkError | None = None
        try:
            await self._ports.examine(endpoint, examinations, self._show, FOR_EVER_S)
        except LinkError as err:
            error = err
        self._show()
        for one in self._examined:
            if not one.examination.is_done:
                self._not_connected(one, error)

    async def _is_resolved(self, host: str) -> bool:
        self._say(message("online_resolving", host=host))
        trouble = await name_trouble(host, self._ports)
        if trouble is None:
            return True
        for one in self._examined:
            self._board.find(one.device.id, f"{one.key}.connection.host", trouble)
            self._board.end(one.device.id, message("online_not_reached"))
        return False

    def _say(self, words: Message) -> None:
        for one in self._examined:
            self._board.looking(one.device.id, words)

    def _show(self) -> None:
        """Say how far the examinations are, and once what came of each."""
        for one in self._examined:
            if not self._board.is_open(one.device.id):
                continue
            if one.examination.is_done:
                self._conclude(one)
            elif one.examination.has_asked:
                self._board.looking(one.device.id, message("online_reading"))

    def _conclude(self, one: ExaminedDevice) -> None:
        """Say what came of an examination."""
        device, verdict, unit = one.device, one.examination.verdict, one.unit
        unread = list(unread_registers(device, one.key, one.examination))
        has_answered = bool(one.examination.values and unread)  # of others the device has an answer
        if verdict is Verdict.FITS or (has_answered and verdict in _OF_SOME_REGISTERS):
            for key, words in unread:
                self._board.find(device.id, key, words)
            for key, words in value_risks(one):
                self._board.find(device.id, key, words)
            where = place_of(device.connection)
            answered = message("online_answers", model=called(device.model), where=where)
            self._board.end(device.id, _measured(one) or answered)
            return
        self._board.find(device.id, *self._misfit(one))
        is_silent = verdict is Verdict.SILENT
        said = message("online_answers_otherwise", unit=unit)
        self._board.end(device.id, message("online_not_reached") if is_silent else said)

    def _misfit(self, one: ExaminedDevice) -> tuple[str, Message]:
        """Return what to say of a device that does not fit, and the key it is about."""
        model, unit, address = one.device.model, one.unit, self._endpoint.name
        other = one.examination.other
        match one.examination.verdict:
            case Verdict.SILENT if model.max_clients == 1 and not self._endpoint.is_serial:
                words = message("online_unit_silent_or_taken", unit=unit, address=address)
                return f"{one.key}.connection.unit", words
            case Verdict.SILENT:
                words = message("online_unit_silent", unit=unit, address=address)
                return f"{one.key}.connection.unit", words
            case Verdict.OTHER_MODEL if other is not None:
                words = message("online_other_model", model=called(model), other=called(other))
                return f"{one.key}.model", words
            case Verdict.OTHER_MODEL:
                return f"{one.key}.model", message("online_not_model", model=called(model))
            case Verdict.WRONG_ANSWERS:
                words = message("online_wrong_answers", unit=unit, address=address)
                return f"{one.key}.connection", words
            case _:
                words = message("online_answers_slowly", unit=unit, address=address)
                return f"{one.key}.connection", words

    def _not_connected(self, one: ExaminedDevice, error: LinkError | None) -> None:
        trouble = error.trouble if isinstance(error, UnconnectedError) else Trouble.OTHER
        key = f"{one.key}.connection.{'port' if trouble is Trouble.REFUSED else 'host'}"
        key = "serial.port" if self._endpoint.is_serial else key
        self._board.find(one.device.id, key, _why(self._endpoint.name, trouble, error))
        self._board.end(one.device.id, message("online_not_reached"))


async def name_trouble(host: str, ports: Ports) -> Message | None:
    """Return why the address of a host cannot be found; None: it can."""
    try:
        async with asyncio.timeout(RESOLVE_S):
            await ports.resolve(host)
    except TimeoutError:
        return message("online_no_name_server", host=host)
    except OSError as err:
        kind = TcpEndpoint(host=host, port=0).kind_of_trouble(err)
        if kind is Trouble.NO_NAME_SERVER:
            return message("online_no_name_server", host=host)
        return message("online_name_not_known", host=host)
    return None


def examined_device(
    device: Device,
    configuration: Configuration,
    models: Sequence[DeviceModel],
    endpoint: ModbusEndpoint,
) -> ExaminedDevice:
    """Return a device with an examination that has not begun."""
    unit = device_address(device.connection, device.model).unit
    if device.model not in models:  # entered by hand: it is not expected to be like any of them
        models = (device.model,)
    timeout_s = SERIAL_TIMEOUT_S if endpoint.is_serial else TCP_TIMEOUT_S
    driver = driver_of(device, may_write=False)
    return ExaminedDevice(
        device=device,
        key=key_of(device, configuration),
        unit=unit,
        examination=Examination(driver, unit, models, timeout_s=timeout_s),
    )


def value_risks(one: ExaminedDevice) -> Iterator[tuple[str, Message]]:
    """Yield what is doubtful about values: another master, the direction of the mains' meter."""
    limits_ma = one.examination.setpoints_ma
    if limits_ma and max(limits_ma) - min(limits_ma) >= CHANGE_MA:
        lowest, highest = min(limits_ma) / 1000, max(limits_ma) / 1000
        words = message("online_other_master", lowest=lowest, highest=highest)
        yield f"{one.key}.connection", words
    if one.device.role is not DeviceRole.GRID_METER:
        return
    powers, currents = _measured_values(one)
    risks = direction_risks(powers, is_power=True) or direction_risks(currents, is_power=False)
    for risk in risks:
        yield one.key, risk


def _measured(one: ExaminedDevice) -> Message | None:
    """Return what the meter of the mains measures, None: it is another device, or measures no phases."""
    powers, currents = _measured_values(one)
    if one.device.role is not DeviceRole.GRID_METER or not (powers or currents):
        return None
    return measured(currents or powers, is_power=not currents)


def _measured_values(one: ExaminedDevice) -> tuple[dict[int, float], dict[int, float]]:
    """Return powers [W] and currents [mA] by phase."""
    values = one.examination.values
    return phases_of(values, PHASE_POWERS), phases_of(values, PHASE_CURRENTS)


def _why(address: str, trouble: Trouble, error: LinkError | None) -> Message:
    """Return what to say of an endpoint without a connection."""
    known = {
        Trouble.NO_ANSWER: message("online_no_answer", address=address),
        Trouble.REFUSED: message("online_refused", address=address),
        Trouble.NO_ROUTE: message("online_no_route", address=address),
        Trouble.ENDED_AT_ONCE: message("online_ended_at_once", address=address),
        Trouble.NO_DEVICE_FILE: message("online_line_missing", port=address),
        Trouble.NOT_ALLOWED: message("online_line_not_allowed", port=address),
        Trouble.NOT_OPENED: message("online_line_not_opened", port=address),
    }
    other = message("online_not_connected", address=address, reason=str(error))
    return known.get(trouble, other)
