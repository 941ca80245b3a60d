"""The units of systemd: what they allow, and what the program relies on."""

import subprocess
from configparser import RawConfigParser
from pathlib import Path

import pytest

from knxgw.host.memory import SERVICE_ENVIRONMENT
from tests.support.pages import ROOT
from tests.support.peers import require_peers

UNITS = ROOT / "packaging" / "units"
# Ten times the exposure that `systemd-analyze security` may give. The root side is there to change network
# and clock, and systemd asks for CAP_SYS_ADMIN before it starts timesyncd anew.
WANTING = {"multi-user.target", "systemd-networkd.service"}
EXPOSURE = {"knxgw.service": 20, "knxgw-host-return.service": 20, "knxgw-host.service": 30}


def lines_of(unit: str) -> list[str]:
    """Return the settings of a unit."""
    text = (UNITS / unit).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith(("#", "["))]


@pytest.mark.peers
@pytest.mark.proves("H.101")
@pytest.mark.parametrize("unit", EXPOSURE)
def test_a_service_is_exposed_no_more_than_it_has_to_be(unit: str) -> None:
    require_peers("systemd-analyze")
    judge = ["systemd-analyze", "security", "--no-pager", "--offline=yes"]
    argv = [*judge, f"--threshold={EXPOSURE[unit]}", str(UNITS / unit)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert "Overall exposure level" in done.stdout, done.stderr
    assert done.returncode == 0, done.stdout


def test_the_gateway_is_started_again_whatever_ended_it() -> None:
    lines = lines_of("knxgw.service")
    assert {"Restart=always", "StartLimitIntervalSec=0", "WatchdogSec=60"} <= set(lines)


def test_the_gateway_waits_neither_for_a_router_nor_for_a_time_server() -> None:
    wanted = {
        word
        for line in lines_of("knxgw.service")
        if line.startswith(("Wants=", "Requires=", "BindsTo="))
        for word in line.partition("=")[2].split()
    }
    assert not wanted & {"network-online.target", "time-sync.target"}


def test_the_gateway_has_the_environment_that_the_bench_measures() -> None:
    lines = lines_of("knxgw.service")
    assert all(f"Environment={key}={value}" in lines for key, value in SERVICE_ENVIRONMENT.items())


def test_firmware_may_be_started_from_the_state_directory() -> None:
    settings = {line.partition("=")[0] for line in lines_of("knxgw.service")}
    assert not settings & {"NoExecPaths", "ExecPaths", "InaccessiblePaths", "TemporaryFileSystem"}
    assert "StateDirectory=knxgw" in lines_of("knxgw.service")


@pytest.mark.parametrize("unit", ["knxgw-host.service", "knxgw-host-return.service"])
def test_what_runs_as_root_never_comes_from_the_state_directory(unit: str) -> None:
    (command,) = (line for line in lines_of(unit) if line.startswith("ExecStart="))
    assert command.removeprefix("ExecStart=").startswith("/usr/lib/knxgw/venv/bin/knxgw host ")
    assert not any(line.startswith("User=") for line in lines_of(unit))


@pytest.mark.parametrize("path", sorted(UNITS.iterdir()), ids=lambda path: path.name)
def test_a_unit_is_enabled_where_somebody_installs_it(path: Path) -> None:
    parser = RawConfigParser(strict=False)
    parser.read_string(path.read_text(encoding="utf-8"))
    assert parser["Install"]["WantedBy"] in WANTING
