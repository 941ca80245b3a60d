"""What simulated sites on one computer share: each has its own, and what was left is no obstacle."""

import os
import socket
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from knxgw.errors import GatewayError
from knxgw.sim import loopback
from knxgw.sim.loopback import (
    Claim,
    ClaimedError,
    claim_line,
    first_free_port,
    free_port,
    line_directory,
    listening_interfaces,
    quiet_group,
)

pytestmark = pytest.mark.real


NET = f"239.255.{200 + os.getpid() % 50}"  # the suite may run twice on one computer
NAME = f"something of test {os.getpid()}"


def numbered(start: int) -> Iterator[str]:
    return (f"{NET}.{number}" for number in count(start))


def test_a_claim_excludes_others_until_it_is_released() -> None:
    claim = Claim(NAME)
    with pytest.raises(ClaimedError):
        Claim(NAME)
    claim.release()
    Claim(NAME).release()


def test_two_that_look_for_a_port_at_once_get_two() -> None:
    first = free_port(0)
    with first_free_port(first) as one, first_free_port(first) as other:
        assert one != other


def test_a_port_that_is_listened_to_is_passed_over() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        with first_free_port(taken) as port:
            assert port != taken


def test_two_demos_have_two_multicast_groups() -> None:
    with quiet_group(numbered(1)) as one, quiet_group(numbered(1)) as other:
        assert (one, other) == (f"{NET}.1", f"{NET}.2")
    with quiet_group(numbered(1)) as again:
        assert again == f"{NET}.1"


def test_a_group_that_some_program_listens_to_is_passed_over() -> None:
    group = f"{NET}.50"
    assert listening_interfaces(group) == ()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        member = socket.inet_aton(group) + socket.inet_aton("127.0.0.1")
        listener.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
        assert listening_interfaces(group) == ("lo",)
        with quiet_group(numbered(50)) as chosen:
            assert chosen == f"{NET}.51"


def test_memberships_are_read_by_interface(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tmp_path / "igmp"
    table.write_text(
        "Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n"
        "1\tlo        :     1      V3\n\t\t\t\t010000E0     1 0:00000000\t\t0\n"
        "4\teth0.7    :     2      V3\n\t\t\t\t0C1700E0     1 0:00000000\t\t0\n"
        "\t\t\t\t010000E0     1 0:00000000\t\t0\n"
    )
    monkeypatch.setattr(loopback, "MEMBERSHIPS", table)
    assert listening_interfaces("224.0.23.12") == ("eth0.7",)
    monkeypatch.setattr(loopback, "MEMBERSHIPS", tmp_path / "nowhere")
    assert listening_interfaces("224.0.23.12") == ()


def test_what_a_killed_simulator_left_of_its_line_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "line"
    path.symlink_to("/dev/pts/99999")
    claim = claim_line(path)
    assert not path.is_symlink()
    with pytest.raises(GatewayError, match="another process simulates this line"):
        claim_line(path)
    claim.release()


def test_a_line_may_have_a_long_name(tmp_path: Path) -> None:
    directory = tmp_path / ("a" * 100) / ("b" * 100)
    directory.mkdir(parents=True)
    claim = claim_line(directory / "line")
    with pytest.raises(GatewayError, match="another process"):
        claim_line(directory / "line")
    claim.release()


def test_anything_else_in_the_place_of_a_line_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "line"
    path.write_text("mine")
    for _ in range(2):  # the claim does not stay either
        with pytest.raises(GatewayError, match="exists"):
            claim_line(path)
    assert path.read_text() == "mine"
    with pytest.raises(GatewayError, match="no directory"):
        claim_line(tmp_path / "nowhere" / "line")


def test_lines_are_in_a_directory_of_the_user_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    made = line_directory()
    assert made.parent == tmp_path
    assert made.stat().st_mode & 0o077 == 0
    assert line_directory() == made
    made.rmdir()
    made.symlink_to(tmp_path)
    with pytest.raises(GatewayError, match="belongs to another user"):
        line_directory()
    assert str(os.getuid()) in made.name
