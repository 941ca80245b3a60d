"""The units of systemd: what they allow, and what the program relies on."""

import subprocess
from configparser import RawConfigParser
from pathlib import Path

import pytest

from knxgw.host.memory import SERVICE_ENVIRONMENT
from knxgw.host.root_folder import FOLDER, Side
from tests.support.pages import ROOT
from tests.support.peers import require_peers

UNITS = ROOT / "packaging" / "units"
WANTING = {"multi-user.target", "systemd-networkd.service"}
MOST_EXPOSED = 20  # ten times what `systemd-analyze security` may give
ROOT_SIDE = ("knxgw-host-network.service", "knxgw-host-time.service", "knxgw-host-return.service")


def lines_of(unit: str) -> list[str]:
    """Return the settings of a unit."""
    text = (UNITS / unit).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith(("#", "["))]


@pytest.mark.peers
@pytest.mark.proves("H.101")
@pytest.mark.parametrize("unit", ["knxgw.service", *ROOT_SIDE])
def test_a_service_is_exposed_no_more_than_it_has_to_be(unit: str) -> None:
    require_peers("systemd-analyze")
    judge = ["systemd-analyze", "security", "--no-pager", "--offline=yes"]
    argv = [*judge, f"--threshold={MOST_EXPOSED}", str(UNITS / unit)]
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


@pytest.mark.parametrize("unit", ROOT_SIDE)
def test_what_runs_as_root_never_comes_from_the_state_directory(unit: str) -> None:
    (command,) = (line for line in lines_of(unit) if line.startswith("ExecStart="))
    assert command.removeprefix("ExecStart=").startswith("/usr/lib/knxgw/venv/bin/knxgw host ")
    assert not any(line.startswith("User=") for line in lines_of(unit))


def test_neither_half_of_the_root_side_has_the_rights_of_the_other() -> None:
    network, time = (
        {
            word
            for line in lines_of(unit)
            if line.startswith("CapabilityBoundingSet=")
            for word in line.partition("=")[2].split()
        }
        for unit in ROOT_SIDE[:2]
    )
    assert network & time == {"CAP_DAC_OVERRIDE"}, "for the files of the gateway's user"
    assert network | time == {"CAP_DAC_OVERRIDE", "CAP_NET_RAW", "CAP_SYS_TIME"}


@pytest.mark.parametrize("side", Side)
def test_a_wish_starts_the_half_of_the_root_side_that_it_is_for(side: Side) -> None:
    path, service = (lines_of(f"knxgw-host-{side}.{kind}") for kind in ("path", "service"))
    assert f"PathExists=/var/lib/knxgw/{FOLDER}/{side.wanted}" in path
    assert f"Unit=knxgw-host-{side}.service" in path
    (command,) = (line for line in service if line.startswith("ExecStart="))
    assert f" host apply {side} --state /var/lib/knxgw" in command


@pytest.mark.parametrize("path", sorted(UNITS.iterdir()), ids=lambda path: path.name)
def test_a_unit_is_enabled_where_somebody_installs_it(path: Path) -> None:
    parser = RawConfigParser(strict=False)
    parser.read_string(path.read_text(encoding="utf-8"))
    assert parser["Install"]["WantedBy"] in WANTING
