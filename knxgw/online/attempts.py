"""At which endpoints, with which settings and units a device is looked for; pure."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from knxgw.catalogue.device_model import DeviceModel, SerialDefaults, Transport
from knxgw.config.model import ConnectionKind, SerialLine
from knxgw.links.modbus_endpoint import ModbusEndpoint, SerialEndpoint, TcpEndpoint
from knxgw.modbus.probe_target import Target

TCP_TIMEOUT_S, SERIAL_TIMEOUT_S = 1.5, 0.4  # for an answer
SERIAL_UNITS = tuple(range(1, 11))


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """One endpoint, and who may answer there."""

    endpoint: ModbusEndpoint
    line: SerialLine | None
    models: tuple[DeviceModel, ...]
    units: tuple[int, ...]


def tries(
    target: Target, models: Sequence[DeviceModel], units: tuple[int, ...] | None
) -> tuple[Try, ...]:
    """Return what is tried, the most frequent settings and units first."""
    wanted = units or (None if target.unit is None else (target.unit,))
    if target.kind is not ConnectionKind.SERIAL:
        endpoint = TcpEndpoint(host=target.host, port=target.port, kind=target.kind)
        usual = Counter(model.unit_id for model in models)
        chosen = wanted or tuple(unit for unit, _ in usual.most_common())
        return (Try(endpoint=endpoint, line=None, models=tuple(models), units=chosen),)
    return tuple(_serial_tries(target, models, wanted))


def _serial_tries(
    target: Target, models: Sequence[DeviceModel], wanted: tuple[int, ...] | None
) -> Iterator[Try]:
    settings: Counter[tuple[str, SerialDefaults]] = Counter()
    for model in models:
        for transport in (Transport.RTU, Transport.ASCII):
            if transport in model.transports and model.serial is not None:
                settings[transport.value, _with_given(target, model.serial)] += 1
    asked = [s for s in settings if target.protocol in {None, s[0]}]
    for protocol, serial in sorted(asked, key=lambda one: -settings[one]):
        line = SerialLine(
            port=target.host,
            protocol=protocol,
            baud=serial.baud,
            data_bits=serial.data_bits,
            parity=serial.parity,
            stop_bits=serial.stop_bits,
        )
        speaking = tuple(m for m in models if protocol in {t.value for t in m.transports})
        own = sorted({m.unit_id for m in speaking if 0 < m.unit_id <= 247})
        units = wanted or tuple(dict.fromkeys((*SERIAL_UNITS, *own)))
        yield Try(endpoint=SerialEndpoint(line=line), line=line, models=speaking, units=units)


def _with_given(target: Target, serial: SerialDefaults) -> SerialDefaults:
    return replace(
        serial,
        baud=target.baud or serial.baud,
        data_bits=target.data_bits or serial.data_bits,
        parity=target.parity or serial.parity,
        stop_bits=target.stop_bits or serial.stop_bits,
    )
