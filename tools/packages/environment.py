"""The virtual environment of the package: made for Debian's own Python, with nothing of the build in it."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from tools.packages.release import PYTHON
from tools.packages.run import run

COMMAND = "knxgw"  # the only program of it that stays
LANGUAGES = ("en", "de")  # of the website: Babel brings data of a thousand others, 30 MB
ROOT_LOCALE = "root.dat"  # what every language inherits
SELF_TESTS = "Cryptodome/SelfTest"  # the one library that brings its tests; nothing imports them
NEVER = ("direct_url.json", "REQUESTED", "INSTALLER")  # notes of pip about this build


def make_environment(wheel: Path, constraints: Path, at: Path, place: Path) -> None:
    """Make the environment at `at`, to be used at `place` on the machines that it is for.

    Raises: PackagingError.
    """
    run(str(PYTHON), "-I", "-m", "venv", "--without-pip", "--symlinks", str(at))
    install = [sys.executable, "-m", "pip", "--python", str(at / "bin/python3"), "install"]
    options = ["--quiet", "--no-compile", "--no-warn-script-location", "--prefer-binary"]
    run(*install, *options, "--constraint", str(constraints), f"{wheel}[ets]")
    _keep_one_command(at, place)
    _name_its_place(at, place)
    (at / ".gitignore").unlink(missing_ok=True)  # Python 3.13 makes it
    for path in list(_not_needed(_packages(at))):
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def notices(at: Path) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield name and version, licence, and files with licences, of each library of an environment."""
    packages = _packages(at)
    for folder in sorted(packages.glob("*.dist-info"), key=lambda one: one.name.lower()):
        heads = _heads(folder / "METADATA")
        files = sorted(
            path.relative_to(packages).as_posix()
            for path in folder.rglob("*")
            if path.is_file() and _is_notice(path)
        )
        licence = heads.get("License-Expression") or heads.get("License") or heads["Classifier"]
        yield f"{heads['Name']} {heads['Version']}", licence, tuple(files)


def _is_notice(path: Path) -> bool:
    return path.name.lower().startswith(("licen", "copying", "notice", "authors"))


def _heads(metadata: Path) -> dict[str, str]:
    """Return the first line of each field; of the classifiers the one that says the licence."""
    heads: dict[str, str] = {}
    head, _, _ = metadata.read_text(encoding="utf-8").partition("\n\n")
    for line in head.splitlines():
        key, colon, value = line.partition(": ")
        if not colon or (key == "Classifier" and not value.startswith("License")):
            continue
        heads.setdefault(key, value.rpartition(" :: ")[2] if key == "Classifier" else value)
    return heads


def _packages(at: Path) -> Path:
    (packages,) = at.glob("lib/python3.*/site-packages")
    return packages


def _keep_one_command(at: Path, place: Path) -> None:
    for path in (at / "bin").iterdir():
        if path.name.startswith("python"):
            continue
        if path.name != COMMAND:
            path.unlink()
            continue
        _, _, rest = path.read_text(encoding="utf-8").partition("\n")
        path.write_text(f"#!{place}/bin/python3\n{rest}", encoding="utf-8")


def _name_its_place(at: Path, place: Path) -> None:
    """Replace what `venv` wrote about the folder that it worked in; Python reads `home` only."""
    file = at / "pyvenv.cfg"
    lines = file.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if line.partition(" = ")[0] != "command"]
    file.write_text("\n".join([*kept, ""]).replace(str(at), str(place)), encoding="utf-8")


def _not_needed(packages: Path) -> Iterator[Path]:
    """Yield what is never read: pip's notes, tests of a library, Babel's other languages."""
    for path in packages.glob("*.dist-info/*"):
        if path.name in NEVER:
            yield path
    yield packages / SELF_TESTS
    for path in (packages / "babel" / "locale-data").glob("*.dat"):
        language = path.stem.partition("_")[0]
        if language not in LANGUAGES and path.name != ROOT_LOCALE:
            yield path
