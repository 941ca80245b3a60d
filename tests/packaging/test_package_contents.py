"""What is in the Debian package."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.support.built_package import Built
from tests.support.peers import require_peers
from tools.packages.deb import VENV

pytestmark = [pytest.mark.peers, pytest.mark.long, pytest.mark.real]
# No licence file in the wheel, which names the licence only.
WITHOUT_TEXT = {"pyserial 3.5", "zxcvbn 4.5.0"}


def venv_of(built: Built) -> Path:
    """Return the environment in the tree of the package; Python takes it where it stands."""
    return built.staged.tree / VENV.relative_to("/")


def test_lintian_finds_no_mistake(built: Built) -> None:
    require_peers("lintian")
    argv = ["lintian", "--allow-root", "--fail-on", "error,warning", str(built.first)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_nothing_names_the_folder_it_was_built_in(built: Built) -> None:
    place = str(built.staged.tree.parent).encode()
    files = [path for path in built.staged.tree.rglob("*") if path.is_file()]
    assert len(files) > 1000
    assert [path for path in files if place in path.read_bytes()] == []


def test_what_the_units_start_is_in_the_package(built: Built) -> None:
    tree = built.staged.tree
    units = tree / "usr/lib/systemd/system"
    paths = set()
    for unit in units.iterdir():
        starts = re.findall(r"^ExecStart=(.*)$", unit.read_text(encoding="utf-8"), re.MULTILINE)
        paths |= {word for start in starts for word in re.findall(r"/usr/lib/knxgw/\S+", start)}
    assert paths >= {"/usr/lib/knxgw/launcher.pyz", "/usr/lib/knxgw/venv/bin/knxgw"}
    missing = {path for path in paths if not (tree / path.lstrip("/")).exists()}
    assert missing == set()


def test_the_licence_of_every_library_is_named_and_shipped(built: Built) -> None:
    text = (built.staged.tree / "usr/share/doc/knxgw/copyright").read_text(encoding="utf-8")
    installed = {
        path.name.removesuffix(".dist-info") for path in venv_of(built).rglob("*.dist-info")
    }
    entries = re.findall(r"^ (\S+ [\d.]+): (.+)\n((?:   /.+\n)*)", text, re.MULTILINE)
    assert len(entries) == len(installed) - 1  # our own is in the paragraph of ours
    assert {name for name, _, files in entries if not files} <= WITHOUT_TEXT
    paths = [path.strip() for _, _, files in entries for path in files.splitlines()]
    assert all((built.staged.tree / path.lstrip("/")).is_file() for path in paths)
    assert all(licence.strip() for _, licence, _ in entries)


def test_the_package_has_the_data_of_both_languages_and_no_more(built: Built) -> None:
    (data,) = venv_of(built).glob("lib/python3.*/site-packages/babel/locale-data")
    assert {path.name[:2] for path in data.glob("*.dat")} == {"en", "de", "ro"}  # root.dat
    asked = "from babel.dates import format_date as f; from datetime import date as d; "
    asked += "print(f(d(2026, 3, 1), locale='de'), f(d(2026, 3, 1), locale='en_GB'))"
    python = venv_of(built) / "bin" / "python3"
    done = subprocess.run([python, "-I", "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "01.03.2026 1 Mar 2026"


def test_nobody_but_root_may_write_to_the_program(built: Built) -> None:
    paths = [path for path in built.staged.tree.rglob("*") if not path.is_symlink()]
    assert {path.stat().st_mode & 0o022 for path in paths} == {0}


def test_a_package_is_for_one_release_and_a_newer_release_has_the_newer_package(
    built: Built,
) -> None:
    release = built.staged.release
    control = subprocess.run(
        ["dpkg-deb", "--field", built.first, "Depends"], capture_output=True, text=True, check=True
    ).stdout
    assert f"python3 (>= {release.python_version}~)" in control
    assert f"python3 (<< {release.python_after}~)" in control
    older, newer = "0.1-1~deb12", "0.1-1~deb13"
    for lower, higher in ((older, newer), (newer, "0.1-2~deb12"), ("0.1-2~deb12", "0.2-1~deb12")):
        compare = ["dpkg", "--compare-versions", lower, "lt", higher]
        assert subprocess.run(compare, check=False).returncode == 0, (lower, higher)
