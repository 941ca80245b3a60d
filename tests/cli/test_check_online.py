"""`knxgw check --online` as a person starts it: what it prints, its exit status, and Ctrl-C."""

import asyncio
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from knxgw.cli import main
from knxgw.sim.loopback import free_port
from tests.online.looking import HEAD, point, simulated
from tests.support.keyring import KeyringData, write_keyring
from tests.support.processes import GOOD, gateway, health
from tests.support.processes import free_port as free_web_port
from tests.support.waiting import wait_until

pytestmark = pytest.mark.real
HERE = "127.0.0.1"


def knxgw(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def written(directory: Path, text: str) -> str:
    path = directory / "site.yaml"
    path.write_text(f'website: {{listen: "{HERE}:{free_web_port()}"}}\n{text}', encoding="utf-8")
    return str(path)


@pytest.mark.long
async def test_a_site_that_answers_is_good(tmp_path: Path) -> None:
    text = HEAD + point(1, "goe_charger", HERE, free_port(0), 1)
    async with simulated(text):
        result = await asyncio.to_thread(knxgw, "check", "--online", written(tmp_path, text))
    assert result.exit_code == 0
    assert (
        "charging point 1: answers as go-e Charger Gemini / HOME+ / HOMEfix, unit 1"
        in result.stderr
    )
    assert result.stdout.splitlines()[-1].startswith("good")


def test_what_is_not_reached_is_a_warning_at_its_line_and_status_0(tmp_path: Path) -> None:
    port = free_port(0)
    path = written(tmp_path, HEAD + point(1, "goe_charger", HERE, port, 1))
    result = knxgw("check", "--online", path)
    assert result.exit_code == 0
    assert (
        f"{path}:5: warning: charging_points[0].connection.port: {HERE}:{port} refuses the "
        "connection; switch on Modbus in the device, and check the port"
    ) in result.stdout
    assert result.stdout.splitlines()[-1] == "good, with warnings"


def test_an_incomplete_file_stays_an_error_and_nothing_is_asked(tmp_path: Path) -> None:
    path = written(tmp_path, "charging_points:\n  - {number: 1, model: goe_charge}\n")
    result = knxgw("check", "--online", path)
    assert result.exit_code == 1
    assert "not checked online: correct the file first" in result.stdout


def test_online_and_offline_exclude_each_other(tmp_path: Path) -> None:
    result = knxgw("check", "--online", "--offline", written(tmp_path, HEAD))
    assert result.exit_code == 2


def test_a_gateway_that_runs_keeps_its_connections(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    web = free_web_port()
    path.write_text(GOOD.format(web=web, port=free_web_port()), encoding="utf-8")
    with gateway(path, tmp_path / "state"):
        wait_until(lambda: health(web) == 200, 20, "the gateway")
        result = knxgw("check", "--online", str(path))
    assert result.exit_code == 0
    assert "note: a running gateway, process" in result.stdout
    assert "not checked online: charging point 1: not looked at" in result.stdout


@pytest.fixture
def silent() -> Iterator[int]:
    """Return a port where connections are taken and nothing is said."""
    listening = socket.create_server((HERE, 0))
    yield listening.getsockname()[1]
    listening.close()


def test_ctrl_c_ends_it_with_what_is_known_and_waits_for_nobody(
    tmp_path: Path, silent: int
) -> None:
    text = HEAD + point(1, "goe_charger", HERE, free_port(0), 1)
    path = written(tmp_path, text + point(2, "keba_p30", HERE, silent, 255))
    running = subprocess.Popen(
        [sys.executable, "-m", "knxgw", "check", "--online", path],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stderr is not None
    assert running.stderr.readline() == "charging point 1: is not reached\n"
    running.send_signal(signal.SIGINT)
    out, _ = running.communicate(timeout=20)
    assert running.returncode == 1
    assert "refuses the connection" in out
    assert "not checked online: charging point 2: not finished" in out


def test_a_wrong_keyring_password_is_an_error_and_is_not_repeated(tmp_path: Path) -> None:
    ring, password = tmp_path / "ring.knxkeys", tmp_path / "password"
    write_keyring(ring, KeyringData(), "right")
    password.write_text("not-that-one", encoding="utf-8")
    for private in (ring, password):
        private.chmod(0o600)
    knx = (
        f"{{link: tunnelling, gateway: {HERE}, keyring: {ring}, keyring_password_file: {password}}}"
    )
    text = HEAD.replace("{link: none}", knx) + point(1, "goe_charger", HERE, free_port(0), 1)
    result = knxgw("check", "--online", written(tmp_path, text))
    assert result.exit_code == 1
    assert "its signature does not match: wrong password" in result.stdout
    assert "charging point 1: is not reached" in result.stderr, "the others are looked at"
    assert "not-that-one" not in result.output
