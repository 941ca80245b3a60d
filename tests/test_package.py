"""What is installed: one package, nothing in it that no command reaches, and its data with it."""

import os
import subprocess
import sys
import sysconfig
import tarfile
from pathlib import Path
from zipfile import ZipFile

import grimp
import pytest

from knxgw.catalogue.directory import product_db

ROOT = Path(__file__).parents[1]
ENTRIES = (
    *("knxgw.cli", "knxgw.__main__"),  # the installed command, and `python -m knxgw`
    "knxgw.ets.project_child",  # a process of its own, which `ets/project_process.py` starts
    "knxgw.firmware.launcher",  # what the service of the package starts
    "knxgw.firmware.launcher_archive",  # makes the archive of it
    "knxgw.firmware.install_process",  # a process of its own, which `updating.py` starts
    "knxgw.host.gpio_pattern",  # a process of its own, which a launcher starts
)
KEPT: dict[str, str] = {}  # modules that nothing reaches yet, and what they wait for


def reached() -> tuple[set[str], set[str]]:
    """Return every module of the package, and those that a command may load."""
    graph = grimp.build_graph("knxgw", exclude_type_checking_imports=True, cache_dir=None)
    found: set[str] = set()
    following = list(ENTRIES)
    while following:
        module = following.pop()
        if module in found:
            continue
        found.add(module)
        package, _, _ = module.rpartition(".")
        following += [
            *graph.find_modules_directly_imported_by(module),
            *([package] * bool(package)),
        ]
    return set(graph.modules), found


def test_every_module_is_reached_by_a_command() -> None:
    modules, found = reached()
    assert len(found) > 100
    assert modules - found == set(KEPT)


def build(kind: str, tree: Path, into: Path) -> Path:
    """Build what pip builds, and return the file."""
    command = [
        sys.executable,
        "-m",
        "hatchling",
        "build",
        "--target",
        kind,
        "--directory",
        str(into),
    ]
    subprocess.run(command, cwd=tree, check=True, capture_output=True)
    (built,) = into.iterdir()
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from the source distribution, which has all it needs then."""
    place = tmp_path_factory.mktemp("wheel")
    with tarfile.open(build("sdist", ROOT, place / "sdist")) as archive:
        archive.extractall(place)  # noqa: S202 - our own, made a moment ago
    (tree,) = place.glob("knxgw-*")
    return build("wheel", tree, place / "built")


@pytest.mark.long
@pytest.mark.real
def test_the_wheel_has_one_package_with_all_of_the_data(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        entries = next(name for name in archive.namelist() if name.endswith("entry_points.txt"))
        assert archive.read(entries).decode().split() == [
            *("[console_scripts]", "knxgw", "=", "knxgw.cli:main"),
        ]
    assert {name.partition("/")[0] for name in names} == {"knxgw"}
    written = [path for path in (ROOT / "product_db").rglob("*") if path.is_file()]
    shipped = {name for name in names if name.startswith("knxgw/product_db/")}
    assert shipped == {f"knxgw/{path.relative_to(ROOT).as_posix()}" for path in written}


@pytest.mark.long
@pytest.mark.real
def test_an_installed_command_reads_the_data_of_its_package(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    python = environment / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps"]
    options = ["--no-index", "--no-compile", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*install, *options, str(wheel)], check=True)
    (packages,) = environment.glob("lib/python*/site-packages")
    guests = sysconfig.get_path("purelib")  # a path of its own reads no .pth: not our checkout
    (packages / "guests.pth").write_text(f"{guests}\n", encoding="utf-8")

    # no path of this checkout, which an environment may name
    without_paths = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    asked = "from knxgw.catalogue.directory import product_db; print(product_db())"
    where = subprocess.run(
        [python, "-c", asked],
        cwd=tmp_path,
        env=without_paths,
        check=True,
        capture_output=True,
        text=True,
    )
    assert Path(where.stdout.strip()) == packages / "knxgw" / "product_db"
    models = subprocess.run(
        [environment / "bin" / "knxgw", "models", "keba_p30"],
        cwd=tmp_path,
        env=without_paths,
        check=True,
        capture_output=True,
        text=True,
    )
    assert "keba_p30" in models.stdout


@pytest.mark.long
@pytest.mark.real
def test_an_editable_installation_copies_nothing(tmp_path: Path) -> None:
    with ZipFile(build("wheel:editable", ROOT, tmp_path)) as archive:
        names = [name for name in archive.namelist() if ".dist-info/" not in name]
        assert names == ["_knxgw.pth"]
        assert archive.read("_knxgw.pth").decode().split() == [str(ROOT)]


def test_a_checkout_reads_the_data_at_its_top() -> None:
    assert product_db() == ROOT / "product_db"
