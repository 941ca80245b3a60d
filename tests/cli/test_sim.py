"""`knxgw sim`: any site that `check` calls good, on this computer, with lines typed to it."""

import os
import shlex
import signal
import socket
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from pymodbus.client import ModbusSerialClient, ModbusTcpClient

from knxgw.cli import main
from knxgw.sim.demo import USUAL_GROUP
from knxgw.sim.loopback import (
    LOOPBACK_INTERFACE,
    Claim,
    ClaimedError,
    free_port,
    listening_interfaces,
)
from tests.support.terminal import KNXGW, Session, typed
from tests.support.waiting import wait_until

pytestmark = pytest.mark.real

ELSEWHERE = """
# the garage of a customer
device: {{name: Garage}}
knx: {{link: tunnelling, gateway: 192.168.1.10}}
website: {{listen: "0.0.0.0:{web}"}}
serial: {{port: /dev/{adapter}, baud: 115200}}
load_management:
  mode: dynamic
  fuse_a: 50
  smart_meter: {{source: knx, interval_s: 1}}
charging_points:
  - {{number: 1, model: abb_terra_ac, connection: {{host: 10.77.{a}.{b}}}}}   # left
  - {{number: 2, model: alfen_eve, phase_rotation: "231", connection: {{host: eve.local, port: {eve}, connector: 1}}}}
  - {{number: 3, model: alfen_eve, connection: {{host: eve.local, port: {eve}, connector: 2}}}}
  - {{number: 4, model: heidelberg_energy_control, connection: {{type: serial, unit: 3}}}}
group_objects: {{10: [1/0/10], 11: [1/0/11], 12: [1/0/12], 50: [1/1/50], 511: [2/1/1]}}
"""
PLAIN = """
knx: {{link: none}}
website: {{listen: "127.0.0.1:8080"}}
charging_points:
  - {{number: 1, model: goe_charger, connection: {{host: 127.0.0.1, port: {port}}}}}
group_objects: {{50: [1/1/50]}}
"""


def knxgw(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def plain(directory: Path, port: int | None = None) -> Path:
    path = directory / "site.yaml"
    path.write_text(PLAIN.format(port=free_port(0) if port is None else port), encoding="utf-8")
    return path


def elsewhere(directory: Path) -> Path:
    """Return a site none of whose devices is on this computer; no two tests have the same."""
    path = directory / "garage.yaml"
    unique = os.getpid()
    text = ELSEWHERE.format(
        web=free_port(0),
        adapter=f"ttyUSB{unique}",
        eve=free_port(0),
        a=unique % 250 + 1,
        b=unique // 250 % 250 + 1,
    )
    path.write_text(text, encoding="utf-8")
    return path


def is_free(group: str) -> bool:
    """Tell whether a site whose smart meter is in a multicast group may be simulated here."""
    try:
        Claim(f"group {group}").release()
    except ClaimedError:
        return False
    return set(listening_interfaces(group)) <= {LOOPBACK_INTERFACE}


def quit_in_order(session: Session) -> None:
    session.type("quit\n")
    assert session.wait() == 0
    assert "Traceback" not in session.said


# --- two commands rehearse a site


@pytest.mark.long
@pytest.mark.proves("H.90", "H.91")
def test_a_site_that_is_elsewhere_is_rehearsed_with_two_commands(tmp_path: Path) -> None:
    site, copy = elsewhere(tmp_path), tmp_path / "rehearsal.yaml"
    assert knxgw("check", str(site)).exit_code == 0
    arguments = ("sim", "--site", str(site), "--write", str(copy))
    with typed(*arguments) as simulator:
        simulator.wait_to_say("help, quit")
        said = simulator.said
        assert "charging point 1 (abb_terra_ac, unit 1), in place of 10.77." in said
        assert ":502\n" in said
        assert "in place of eve.local:" in said
        assert f"in place of /dev/ttyUSB{os.getpid()}" in said
        assert "smart meter on KNX, sends on 1/0/10, 1/0/11, 1/0/12" in said
        assert "KNX: routing on 127.0.0.1" in said
        assert copy.read_text().count("# left") == 1
        second = next(line for line in said.splitlines() if line.startswith("  knxgw run"))
        assert shlex.split(second)[1:4] == ["run", "--config", str(copy)]
        assert knxgw("check", str(copy)).exit_code == 0
        state = tmp_path / "state"
        with typed("run", "--config", str(copy), "--state", str(state)) as gateway:
            gateway.wait_to_say("ready after", 40.0)
            simulator.type("house 4 5 6\nplug 1\nplug 2 1 10\nplug 4 3\nstate\n")
            for number in (1, 2, 4):
                gateway.wait_to_say(f"cp{number}: state", 40.0)
            gateway.wait_to_say("(raising)", 60.0)  # the smart meter is heard
            assert "NotReachable" not in gateway.said.split("ready after")[1]
            assert gateway.end(signal.SIGTERM) == 0
            assert "Traceback" not in gateway.said
        assert "house: building 4.0 / 5.0 / 6.0 A" in simulator.said
        quit_in_order(simulator)
    listening = [line for line in said.splitlines() if line.startswith("listening on")]
    with typed(*arguments) as again:
        again.wait_to_say("help, quit")
        same = [line for line in again.said.splitlines() if line.startswith("listening on")]
        assert same == listening, "the same places at each start"
        quit_in_order(again)


def test_without_a_copy_the_lines_to_change_are_printed(tmp_path: Path) -> None:
    site = elsewhere(tmp_path)
    with typed("sim", "--site", str(site)) as simulator:
        simulator.wait_to_say("help, quit")
        said = simulator.said
        assert f"knxgw sim --site {site} --write rehearsal.yaml" in said
        assert "  charging_points.1.connection.port: 10502" in said
        assert "  knx.link: routing" in said
        quit_in_order(simulator)


def test_a_site_that_is_here_already_needs_no_copy(tmp_path: Path) -> None:
    site = plain(tmp_path)
    with typed("sim", "--site", str(site)) as simulator:
        simulator.wait_to_say(f"knxgw run --config {site} --state")
        assert "in place of" not in simulator.said
        quit_in_order(simulator)


@pytest.mark.long
def test_the_demos_site_can_be_written_and_rehearsed_too(tmp_path: Path) -> None:
    if not is_free(USUAL_GROUP):
        pytest.skip("a demo or another program on this computer has the demo's multicast group")
    copy = tmp_path / "demo.yaml"
    with typed("sim", "--write", str(copy)) as simulator:
        simulator.wait_to_say("help, quit")
        assert "127.0.0.1:5021: charging point 1 (keba_p30" in simulator.said
        assert knxgw("check", str(copy)).exit_code == 0
        quit_in_order(simulator)


# --- what any Modbus tool sees


@pytest.mark.long
def test_a_serial_adapter_is_a_pseudo_terminal_under_the_same_name_each_time(
    tmp_path: Path,
) -> None:
    site = elsewhere(tmp_path)
    names = []
    for _ in range(2):
        with typed("sim", "--site", str(site)) as simulator:
            simulator.wait_to_say("help, quit")
            name = simulator.said.split("listening on /")[1].split(":")[0]
            names.append(name)
            with ModbusSerialClient(f"/{name}", baudrate=115_200, timeout=2) as client:
                answer = client.read_input_registers(4, count=15, device_id=3)
                assert not answer.isError()
            simulator.process.kill()  # the link stays behind and must not be in the way
            simulator.wait()
    assert names[0] == names[1]


def test_lines_pasted_at_once_are_all_obeyed_in_order(tmp_path: Path) -> None:
    port = free_port(0)
    site = plain(tmp_path, port)
    with typed("sim", "--site", str(site)) as simulator:
        simulator.wait_to_say("help, quit")
        before = simulator.said.count("\nok\n")
        simulator.type("plug 1\nhouse 1 2 3\n\n" + "full 1\nempty 1\n" * 200 + "stat")
        wait_until(
            lambda: simulator.said.count("ok\n") >= before + 402,
            10.0,
            lambda: simulator.said[-200:],
        )
        simulator.type("e\n")  # the rest of a line
        simulator.wait_to_say("house: building 1.0 / 2.0 / 3.0 A")
        with ModbusTcpClient("127.0.0.1", port=port) as client:
            assert not client.read_input_registers(100, count=1, device_id=1).isError()
        quit_in_order(simulator)


@pytest.mark.long
def test_commands_may_come_from_a_file(tmp_path: Path) -> None:
    site, commands = plain(tmp_path), tmp_path / "commands"
    commands.write_text("house 7 8 9\nstate\nquit")
    with commands.open() as file:
        done = subprocess.run(
            [*KNXGW, "sim", "--site", str(site)],
            stdin=file,
            capture_output=True,
            timeout=30,
            text=True,
            check=False,
        )
    assert done.returncode == 0
    assert "house: building 7.0 / 8.0 / 9.0 A" in done.stdout
    assert done.stderr == ""


# --- what goes wrong is a message


def test_a_taken_port_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        result = knxgw("sim", "--site", str(plain(tmp_path, port)))
    assert result.exit_code == 1
    assert f"error: nothing can be simulated at 127.0.0.1:{port}" in result.output
    assert "taken" in result.output
    assert not isinstance(result.exception, Exception) or isinstance(result.exception, SystemExit)


@pytest.mark.long
def test_a_taken_port_beside_a_serial_line_is_said_too(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        site = plain(tmp_path, port)
        line = "  - {number: 2, model: abb_terra_ac, connection: {type: serial, unit: 2}}\n"
        text = site.read_text().replace(
            "group_objects", f"{line}serial: {{port: ./line, parity: N}}\ngroup_objects"
        )
        site.write_text(text, encoding="utf-8")
        with typed("sim", "--site", str(site), directory=tmp_path) as simulator:
            assert simulator.wait() == 1
            assert f"error: nothing can be simulated at 127.0.0.1:{port}" in simulator.said
            assert "Traceback" not in simulator.said


def test_a_second_simulator_of_a_site_says_what_the_first_one_has(tmp_path: Path) -> None:
    site = elsewhere(tmp_path)
    with typed("sim", "--site", str(site)) as first:
        first.wait_to_say("help, quit")
        with typed("sim", "--site", str(site)) as second:
            assert second.wait() == 1
            assert second.said.startswith("error: ")
            assert "another process simulates this line" in second.said
            assert len(second.said.splitlines()) == 1
        quit_in_order(first)


def test_a_file_that_is_no_copy_is_not_overwritten(tmp_path: Path) -> None:
    site = plain(tmp_path)
    before = site.read_text()
    result = knxgw("sim", "--site", str(site), "--write", str(site))
    assert result.exit_code == 1
    assert "name another one for the copy" in result.output
    other = tmp_path / "other.yaml"
    other.write_text("mine")
    result = knxgw("sim", "--site", str(site), "--write", str(other))
    assert result.exit_code == 1
    assert "not a copy for rehearsals" in result.output
    assert (site.read_text(), other.read_text()) == (before, "mine")


def test_a_faulty_file_is_reported_as_by_check(tmp_path: Path) -> None:
    site = plain(tmp_path)
    faulty = site.read_text().replace("goe_charger", "goe")
    site.write_text(faulty)
    line = faulty[: faulty.index("model: goe")].count("\n") + 1
    result = knxgw("sim", "--site", str(site))
    assert result.exit_code == 1
    assert f"{site}:{line}: error: charging_points[0].model" in result.output
    missing = knxgw("sim", "--site", str(tmp_path / "nowhere.yaml"))
    assert missing.exit_code == 1
    assert "cannot be read" in missing.output


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long)]
)
def test_a_signal_ends_it_in_order(number: signal.Signals, tmp_path: Path) -> None:
    with typed("sim", "--site", str(plain(tmp_path))) as simulator:
        simulator.wait_to_say("help, quit")
        assert simulator.end(number) == 0
        assert "Traceback" not in simulator.said
        assert "Exception" not in simulator.said
