"""`knxgw host`: what it prints, and what it refuses."""

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from knxgw.cli import main
from knxgw.commands import host
from knxgw.host.answer import NetworkAnswer, NetworkSideAnswer, network_answer_bytes
from knxgw.host.clock import boot_id
from knxgw.host.linux_machine import LinuxMachine
from knxgw.host.manager import Manager
from knxgw.host.network_change import Phase
from knxgw.host.network_files import FOLDER, NetworkFiles


def knxgw(*words: str) -> Result:
    return CliRunner().invoke(main, ["host", *words])


def test_the_help_says_who_runs_it_and_what_for() -> None:
    text = knxgw("--help").output
    for one in ("knxgw-host-network", "time-wanted.json", "apply", "return-unconfirmed", "show"):
        assert one in text


def test_show_says_that_nobody_answers(tmp_path: Path) -> None:
    done = knxgw("show", "--state", str(tmp_path))
    assert done.exit_code == 0
    assert "root side, network  does not answer" in done.output
    assert "root side, time     does not answer" in done.output


def test_show_says_what_became_of_the_last_change(tmp_path: Path) -> None:
    change = NetworkAnswer(id="a" * 32, phase=Phase.RETURNED)
    answer = NetworkSideAnswer(boot=boot_id(), manager=Manager.NETWORKD, network=change)
    (tmp_path / "host").mkdir()
    (tmp_path / "host" / "network-answer.json").write_bytes(network_answer_bytes(answer))
    rows = json.loads(knxgw("show", "--json", "--state", str(tmp_path)).output)
    assert (rows["root side, network"], rows["last change"]) == ("answers", "returned")
    assert rows["root side, time"] == "does not answer"


@pytest.mark.parametrize(
    "command", [("apply", "network", "--state", "/nowhere"), ("return-unconfirmed",)]
)
def test_without_rights_it_says_who_has_them(
    command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    done = knxgw(*command)
    assert done.exit_code == 1
    assert "run it as root" in done.output


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize("side", ["network", "time"])
def test_a_state_directory_that_is_not_there_is_said(tmp_path: Path, side: str) -> None:
    done = knxgw("apply", side, "--state", str(tmp_path / "none"))
    assert done.exit_code == 1
    assert "cannot be carried out" in done.output


@pytest.mark.proves("W40")
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_an_unconfirmed_change_is_taken_back_before_the_network_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "ROOT", tmp_path)
    files = NetworkFiles(tmp_path / FOLDER)
    files.begin("the old settings")
    files.keep()
    files.begin("the new ones")
    assert "was not confirmed" in knxgw("return-unconfirmed").output
    assert files.text() == "the old settings"
    assert not files.is_unconfirmed
    assert knxgw("return-unconfirmed").output == ""


@pytest.mark.proves("W40")
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_an_unconfirmed_change_is_taken_back_where_the_gateway_has_lost_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "ROOT", tmp_path)
    taken: list[str] = []
    files = NetworkFiles(tmp_path / FOLDER)
    monkeypatch.setattr(LinuxMachine, "take_network", lambda _: taken.append(files.text()))
    files.begin("the old settings")
    files.keep()
    files.begin("the new ones")
    done = knxgw("apply", "network", "--state", str(tmp_path))
    assert done.exit_code == 1, "it is tried again until the gateway has made its folder"
    assert taken == ["the old settings"]
    assert not files.is_unconfirmed
