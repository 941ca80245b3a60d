"""`knxgw password`: the initial password of the website, and the way back to it."""

import logging
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from knxgw.cli import main
from knxgw.first_start import show_initial_password
from knxgw.store import initial_password
from knxgw.store.initial_password import REQUEST_NAME
from tests.website.access.desk import Desk


def password(*options: str) -> Result:
    return CliRunner().invoke(main, ["password", *options])


def test_initial_shows_what_the_first_start_made(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    shown = password("--initial", "--state", str(tmp_path))
    assert (shown.exit_code, shown.stdout.strip()) == (0, desk.initial)


def test_reset_lets_the_owner_in_beside_a_running_gateway(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    token = desk.owner()
    shown = password("--reset", "--state", str(tmp_path))
    assert shown.exit_code == 0
    assert desk.initial in shown.stdout
    desk.now_s += 2.0
    assert not desk.is_in(token)
    assert desk.log_in(desk.initial).session is not None
    assert not (tmp_path / REQUEST_NAME).exists()


def test_before_the_first_start_there_is_none_and_nothing_is_made(tmp_path: Path) -> None:
    for option in ("--initial", "--reset"):
        shown = password(option, "--state", str(tmp_path / "state"))
        assert shown.exit_code == 1
        assert "makes it at its first start" in shown.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / initial_password.FILE_NAME).mkdir()
    shown = password("--initial", "--state", str(tmp_path))
    assert shown.exit_code == 1
    assert "run this as root or as the gateway's user" in shown.stderr


@pytest.mark.parametrize("options", [(), ("--initial", "--reset")])
def test_one_of_both_has_to_be_given(options: tuple[str, ...]) -> None:
    shown = password(*options)
    assert shown.exit_code == 2
    assert "either --initial or --reset" in shown.stderr


@pytest.mark.parametrize("is_terminal", [True, False])
def test_the_first_start_shows_it_once_on_a_terminal_and_in_no_log(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    is_terminal: bool,  # noqa: FBT001 - a parameter
) -> None:
    caplog.set_level(logging.DEBUG)
    desk = Desk(tmp_path)
    monkeypatch.setattr("sys.stderr.isatty", lambda: is_terminal)
    show_initial_password(desk.accounts)
    assert (desk.initial in capsys.readouterr().err) == is_terminal
    assert "knxgw password --initial" in caplog.text
    desk.restart()
    show_initial_password(desk.accounts)
    assert capsys.readouterr().err == ""
    desk.owner()
    caplog.clear()
    show_initial_password(desk.accounts)
    assert (caplog.text, capsys.readouterr().err) == ("", "")
    assert desk.initial not in caplog.text


def test_it_is_in_no_log_of_a_first_start(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    desk = Desk(tmp_path)
    show_initial_password(desk.accounts)
    desk.log_in("wrong password")
    desk.owner()
    desk.accounts.restore_by_button()
    for secret in (desk.initial, desk.initial.replace("-", "")):
        assert secret not in caplog.text
