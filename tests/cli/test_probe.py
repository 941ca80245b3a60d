"""`knxgw probe` against simulated devices on real sockets and pseudo terminals."""

import asyncio
import json
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from knxgw.catalogue.device_model import DeviceKind, DeviceModel
from knxgw.catalogue.load import catalogue
from knxgw.cli import main
from knxgw.commands.probe import Found, configuration_of, rows, run_probe
from knxgw.config.load import parse_configuration
from knxgw.config.model import ConnectionKind, SerialLine
from knxgw.links.modbus_endpoint import SerialEndpoint
from knxgw.modbus.probe_target import AddressError, Target, parse_target, parse_units
from knxgw.modbus.probing import Candidate
from knxgw.online.attempts import tries
from knxgw.sim.charger import SimulatedCharger
from knxgw.sim.loopback import free_port as _free_port
from knxgw.sim.meter import SimulatedMeter
from knxgw.sim.modbus_server import ModbusSimulator, SerialSimulator
from knxgw.sim.registers import RegisterImage
from knxgw.sim.serial_wire import SerialWire

MODELS = {**catalogue().meters, **catalogue().chargers}


def knxgw(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def device_of(model: DeviceModel, unit: int) -> RegisterImage:
    if model.kind is DeviceKind.CHARGER:
        return SimulatedCharger(model, unit)
    charger = SimulatedCharger(catalogue().chargers["goe_charger"], 1)
    return SimulatedMeter(model, unit, charger)


async def found_by(address: str, units: tuple[int, ...] | None = None) -> Found:
    """Probe in a thread: the simulator lives on this loop."""
    return await asyncio.to_thread(
        run_probe, parse_target(address), units, limit_s=60.0, show=False
    )


@pytest.mark.long
@pytest.mark.proves("4.15")
@pytest.mark.real
@pytest.mark.parametrize("model_id", ["goe_charger", "alfen_eve", "openwb_secondary"])
async def test_a_device_on_tcp_is_found_and_nothing_is_written(model_id: str) -> None:
    model, port = MODELS[model_id], _free_port(0)
    image = device_of(model, model.unit_id)
    loop = asyncio.get_running_loop()
    started_s = loop.time()
    simulator = ModbusSimulator(
        [image], host="127.0.0.1", port=port, now_s=lambda: loop.time() - started_s
    )
    await simulator.start()
    try:
        found = await found_by(f"tcp://127.0.0.1:{port}")
    finally:
        await simulator.stop()
    assert found.candidates[0].model.id == model_id
    assert found.candidates[0].is_likely
    assert simulator.writes == []


@pytest.mark.long
@pytest.mark.proves("4.15")
@pytest.mark.real
@pytest.mark.parametrize(
    ("model_id", "unit"), [("heidelberg_energy_control", 3), ("eastron_sdm630", 2)]
)
async def test_a_device_on_a_serial_line_is_found_with_its_unit(model_id: str, unit: int) -> None:
    baud = 115_200
    line = SerialLine(port="", protocol="rtu", baud=baud, data_bits=8, parity="N", stop_bits=1)
    wire = SerialWire(character_s=SerialEndpoint(line=line).character_s)
    loop = asyncio.get_running_loop()
    started_s = loop.time()
    simulator = SerialSimulator(
        [device_of(MODELS[model_id], unit)], wire, line, now_s=lambda: loop.time() - started_s
    )
    await simulator.start()
    try:
        settings = f"?protocol=rtu&baud={baud}&data_bits=8&parity=N&stop_bits=1"
        found = await found_by(f"serial:{wire.gateway_end}{settings}")
    finally:
        await simulator.stop()
    best = found.candidates[0]
    same = {"heidelberg_energy_control": set(), "eastron_sdm630": {"eastron_sdm54"}}[model_id]
    assert best.model.id in {model_id} | same
    assert best.unit == unit
    assert found.line is not None
    assert simulator.writes == []


@pytest.mark.real
async def test_nobody_listening_is_said_in_one_line() -> None:
    result = await asyncio.to_thread(knxgw, "probe", f"tcp://127.0.0.1:{_free_port(0)}", "--json")
    assert result.exit_code == 1
    assert re.search(r"error: 127\.0\.0\.1:\d+: no connection", result.output)


@pytest.mark.parametrize(
    "arguments",
    [
        ("probe",),
        ("probe", "192.168.1.31"),
        ("probe", "udp://192.168.1.31"),
        ("probe", "tcp://"),
        ("probe", "tcp://10.0.0.1:99999"),
        ("probe", "tcp://10.0.0.1:0"),
        ("probe", "tcp://10.0.0.1/300"),
        ("probe", "tcp://10.0.0.1", "--units", "5-x"),
        ("probe", "serial:"),
        ("probe", "serial:/dev/x?parity=X"),
        ("probe", "serial:/dev/x?speed=9600"),
        ("probe", "serial:/dev/x?baud=fast"),
    ],
)
def test_a_faulty_address_is_wrong_use(arguments: tuple[str, ...]) -> None:
    result = knxgw(*arguments)
    assert result.exit_code == 2
    assert "Error:" in result.output


def test_an_address_says_what_it_means() -> None:
    assert parse_target("tcp://wallbox.local") == Target(
        kind=ConnectionKind.TCP, host="wallbox.local", port=502
    )
    assert parse_target("tcp://10.0.0.1:1502/7") == Target(
        kind=ConnectionKind.TCP, host="10.0.0.1", port=1502, unit=7
    )
    assert parse_target("serial:/dev/ttyUSB0?baud=9600&parity=E&unit=3") == Target(
        kind=ConnectionKind.SERIAL, host="/dev/ttyUSB0", baud=9600, parity="E", unit=3
    )
    assert parse_units("1-3,255,2") == (1, 2, 3, 255)
    assert parse_units("1 - 3, 255") == (1, 2, 3, 255)


@pytest.mark.parametrize("text", ["", "10-1", "10-1,3", "1-", "256"])
def test_a_list_of_units_that_leaves_one_out_is_refused(text: str) -> None:
    with pytest.raises(AddressError):
        parse_units(text)


@pytest.mark.parametrize("host", ["192.0.2.300", "192.0.2.010", "192.0.2", "192.0.2.10,502"])
def test_a_mistyped_address_is_refused_as_in_a_configuration(host: str) -> None:
    with pytest.raises(AddressError, match="address"):
        parse_target(f"tcp://{host}")


def test_a_line_is_tried_as_devices_are_delivered_the_most_frequent_first() -> None:
    models = catalogue().models
    lines = [one.line for one in tries(parse_target("serial:/dev/ttyUSB0"), models, None)]
    assert None not in lines
    shapes = [(line.baud, line.parity, line.stop_bits) for line in lines if line]
    assert shapes[0] == (9600, "N", 1)
    assert {(19_200, "E", 1), (57_600, "N", 2), (2_400, "N", 1)} <= set(shapes)
    assert len(shapes) == len(set(shapes))
    fixed = parse_target(
        "serial:/dev/ttyUSB0?protocol=rtu&baud=19200&data_bits=8&parity=E&stop_bits=1"
    )
    assert len(tries(fixed, models, (4,))) == 1


@pytest.mark.proves("4.15")
@pytest.mark.parametrize("model_id", ["keba_p30", "heidelberg_energy_control", "eastron_sdm630"])
def test_the_lines_to_paste_are_a_good_configuration(model_id: str) -> None:
    model = MODELS[model_id]
    line, target = None, parse_target("tcp://10.0.0.1")
    if model.kind is DeviceKind.CHARGER and model.serial is not None:
        target = parse_target("serial:/dev/ttyUSB0")
        line = SerialLine(
            port=target.host,
            protocol="rtu",
            baud=model.serial.baud,
            data_bits=model.serial.data_bits,
            parity=model.serial.parity,
            stop_bits=model.serial.stop_bits,
        )
    one = Candidate(
        model=model, unit=model.unit_id, score=9.0, fraction=1.0, is_likely=True, reasons=()
    )
    text = configuration_of(target, one, line)
    if model.kind is DeviceKind.METER:
        text += "    model: goe_charger\n    connection: {host: 10.0.0.2}\n"
    assert isinstance(yaml.safe_load(text), dict)
    loaded = parse_configuration(text, catalogue(), name="site.yaml")
    assert loaded.configuration is not None, [str(f) for f in loaded.findings]
    assert loaded.configuration.faults == ()


@pytest.mark.real
def test_ctrl_c_ends_it_without_a_traceback() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, says nothing
        port = silent.getsockname()[1]
        with subprocess.Popen(
            [sys.executable, "-m", "knxgw", "probe", f"tcp://127.0.0.1:{port}"],
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        ) as process:
            silent.settimeout(20.0)
            connection, _ = silent.accept()
            with connection:
                assert connection.recv(12), "its first question"
                process.send_signal(signal.SIGINT)
                _, err = process.communicate(timeout=30)
    assert process.returncode == 1, err
    assert "Traceback" not in err
    assert "nothing was written" in err


def test_json_carries_what_a_program_needs() -> None:
    best = Candidate(
        model=MODELS["goe_charger"], unit=1, score=9.0, fraction=1.0, is_likely=True, reasons=("a",)
    )
    found = Found(candidates=(best,), line=None, has_heard=True, in_time=True)
    (row,) = rows(parse_target("tcp://10.0.0.1"), found)
    assert json.loads(json.dumps(row)) == row
    assert (row["model"], row["unit"], row["likely"], row["reasons"]) == (
        "goe_charger", 1, True, ["a"],
    )  # fmt: skip
    assert "host: 10.0.0.1, port: 502, unit: 1" in row["configuration"]
