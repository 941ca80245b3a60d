"""Shell scripts: those that the package runs as root, and that of the continuous integration."""

import subprocess
from pathlib import Path

import pytest

from tests.support.pages import ROOT
from tests.support.peers import require_peers
from tools.packages.deb import SCRIPTS

FOLDERS = (ROOT / "packaging", ROOT / ".ci")


def scripts() -> list[Path]:
    """Return every shell script of the folders that have some."""
    files = [path for folder in FOLDERS for path in folder.rglob("*") if path.is_file()]
    return sorted(path for path in files if _is_shell(path))


def _is_shell(path: Path) -> bool:
    first = path.read_bytes().partition(b"\n")[0]
    return first.startswith(b"#!") and first.endswith((b"sh", b"bash"))


def test_every_maintainer_script_is_looked_at() -> None:
    assert {path.name for path in scripts()} == {*SCRIPTS, "knxgw", "run"}


@pytest.mark.peers
@pytest.mark.parametrize("path", scripts(), ids=lambda path: str(path.relative_to(ROOT)))
def test_shellcheck_finds_nothing_in_a_shell_script(path: Path) -> None:
    require_peers("shellcheck")
    done = subprocess.run(
        ["shellcheck", "--external-sources", path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_maintainer_script_ends_at_its_first_failure(name: str) -> None:
    lines = (ROOT / "packaging" / "debian" / name).read_text(encoding="utf-8").splitlines()
    assert lines[0] == "#!/bin/sh"
    assert "set -e" in lines
