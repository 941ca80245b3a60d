"""The environments of the client libraries: what is in them, and what happens without them."""

import re
from pathlib import Path

import pytest

from tests.peers import environments
from tests.peers.environments import CURRENT, ENVIRONMENTS, Environment, NoPythonError, python_from
from tests.peers.peer import require
from tests.support.netns import REPOSITORY

PINNED = re.compile(r"[A-Za-z0-9_.-]+==[0-9][0-9A-Za-z.]*")


def lines_of(environment: Environment) -> list[str]:
    """Return what a file of requirements lists."""
    lines = environment.requirements.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_everything_in_an_environment_is_pinned() -> None:
    for environment in ENVIRONMENTS:
        assert lines_of(environment)
        for line in lines_of(environment):
            assert PINNED.fullmatch(line), line


def test_the_licence_of_everything_in_an_environment_is_told() -> None:
    page = (REPOSITORY / "docs" / "decisions" / "test-tools.md").read_text(encoding="utf-8")
    for environment in ENVIRONMENTS:
        for line in lines_of(environment):
            name = line.partition("==")[0].replace("_", "-")
            assert name in page, f"{name}: say in docs/decisions/test-tools.md under which licence"


def test_without_its_environment_a_test_is_skipped_and_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(environments, "HOME", tmp_path)
    monkeypatch.delenv("KNXGW_REQUIRE_PEERS", raising=False)
    with pytest.raises(
        pytest.skip.Exception, match=r"\.venv-peers/current is not there: make peers"
    ):
        require(CURRENT)


def test_where_peers_are_required_a_missing_environment_fails_the_test(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(environments, "HOME", tmp_path)
    monkeypatch.setenv("KNXGW_REQUIRE_PEERS", "1")
    with pytest.raises(
        pytest.fail.Exception, match=r"KNXGW_REQUIRE_PEERS=1, but \.venv-peers/current"
    ):
        require(CURRENT)


def test_an_environment_made_from_other_requirements_is_out_of_date(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(environments, "HOME", tmp_path)
    CURRENT.python.parent.mkdir(parents=True)
    CURRENT.python.touch()
    made_from = tmp_path / "current" / "made-from.txt"
    made_from.write_text("elli-2-modbus==0.0.9\n", encoding="utf-8")
    assert CURRENT.missing == ".venv-peers/current is out of date: make peers"
    made_from.write_bytes(CURRENT.requirements.read_bytes())
    assert CURRENT.missing is None


@pytest.mark.real
def test_a_machine_without_a_python_young_enough_says_so() -> None:
    assert python_from((3, 11))
    with pytest.raises(NoPythonError, match=r"no Python 3\.99 or newer here.*KNXGW_PEERS_PYTHON"):
        python_from((3, 99))
