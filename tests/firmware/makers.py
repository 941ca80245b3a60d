"""Makes firmware for the tests: tiny wheels of a program that behaves as it is told, and signed files of them."""

import base64
import io
import sys
import zipfile
from hashlib import sha256
from pathlib import Path

from knxgw.firmware.manifest import Manifest, Platform, Version
from knxgw.firmware.pack import manifest_of, pack
from knxgw.firmware.signature import TrustedKeys, private_key
from knxgw.firmware.wheels import this_platform

DEVELOPMENT_KEY = Path(__file__).parent / "development-key.pem"
MADE_AT = "2026-11-29T12:00:00Z"
DEPENDENCY = "helper_of_tests"

# What a firmware of the tests does. It keeps what matters: one row for each start in the file of the state.
BEHAVIOUR = """
import os, socket, sqlite3, sys, time
from pathlib import Path
VERSION, BEHAVIOUR, SCHEMA = {version!r}, {behaviour!r}, {schema!r}
def say(text):
    out = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    out.sendto(text.encode(), "\\0" + os.environ["NOTIFY_SOCKET"][1:])
def store(state):
    database = sqlite3.connect(state / "knxgw.sqlite", isolation_level=None)
    database.execute("PRAGMA locking_mode = EXCLUSIVE")
    there = database.execute("PRAGMA user_version").fetchone()[0]
    if there > SCHEMA:
        sys.exit("the state was written by a newer version")
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("CREATE TABLE IF NOT EXISTS starts (number INTEGER PRIMARY KEY, version TEXT)")
    database.execute("CREATE TABLE IF NOT EXISTS secure_numbers (name TEXT PRIMARY KEY, number INTEGER)")
    if there < SCHEMA:
        if SCHEMA > 1:
            database.execute("ALTER TABLE starts ADD COLUMN of_schema_" + str(SCHEMA))
        database.execute("PRAGMA user_version = " + str(SCHEMA))
    database.execute("INSERT INTO starts (version) VALUES (?)", (VERSION,))
    database.execute("INSERT INTO secure_numbers VALUES ('sent', 1) ON CONFLICT (name) DO UPDATE SET number = number + 1")
    database.close()
def main():
    if sys.argv[1:2] == ["check"]:
        sys.exit(1 if BEHAVIOUR == "refuses" else 0)
    state = Path(sys.argv[sys.argv.index("--state") + 1])
    try:
        store(state)
    except sqlite3.OperationalError as err:  # as the real one, it does its work on a full disk
        print(VERSION, "cannot store:", err, file=sys.stderr, flush=True)
    if BEHAVIOUR == "exits":
        sys.exit(3)
    if BEHAVIOUR == "never ready":
        time.sleep(600)
    if BEHAVIOUR == "eats memory":
        kept = bytearray(200 << 20)
        kept[::4096] = bytes(len(kept[::4096]))
        time.sleep(600)
    say("READY=1")
    print(VERSION, "is ready", file=sys.stderr, flush=True)
    if BEHAVIOUR == "crashes":
        time.sleep(0.05)
        os.abort()
    if BEHAVIOUR == "hangs":
        time.sleep(600)
    if BEHAVIOUR == "asks to be started again":
        mark = state / "asked"
        if not mark.exists():
            mark.touch()
            sys.exit(75)
    while True:
        time.sleep(0.05)
        say("WATCHDOG=1")
main()
"""


def program(version: str, behaviour: str = "good", schema: int = 1) -> str:
    """Return the program of a firmware."""
    return BEHAVIOUR.format(version=version, behaviour=behaviour, schema=schema)


def wheel(folder: Path, project: str, version: str, files: dict[str, str]) -> Path:
    """Write a wheel of these files."""
    info = f"{project}-{version}.dist-info"
    contents = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {project}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    lines = [f"{name},{_digest(text)},{len(text.encode())}" for name, text in contents.items()]
    contents[f"{info}/RECORD"] = "\n".join([*lines, f"{info}/RECORD,,"]) + "\n"
    path = folder / f"{project}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in contents.items():
            archive.writestr(name, text)
    return path


def _digest(text: str) -> str:
    digest = base64.urlsafe_b64encode(sha256(text.encode()).digest()).rstrip(b"=").decode()
    return f"sha256={digest}"


def wheels(
    folder: Path, version: str, behaviour: str = "good", schema: int = 1, *, ballast: int = 0
) -> Path:
    """Write the wheels of a firmware into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    wheel(folder, DEPENDENCY, "1.0", {f"{DEPENDENCY}/__init__.py": ""})
    files = {
        "knxgw/__init__.py": f"import {DEPENDENCY}\n__version__ = {version!r}\n",
        "knxgw/__main__.py": program(version, behaviour, schema),
        "knxgw/ballast.txt": "x" * ballast,
    }
    wheel(folder, "knxgw", version, files)
    return folder


def manifest(
    folder: Path, *, lowest: str = "0.1", platforms: tuple[Platform, ...] = ()
) -> Manifest:
    """Return the manifest of the wheels in a folder."""
    return manifest_of(
        folder,
        platforms or (this_platform(),),
        lowest_previous=Version.of(lowest),
        changes={"en": ("It counts better.",), "de": ("Sie zählt besser.",)},
        made_at=MADE_AT,
    )


def firmware(
    folder: Path,
    version: str = "0.2",
    behaviour: str = "good",
    schema: int = 1,
    *,
    lowest: str = "0.1",
    key: Path = DEVELOPMENT_KEY,
    ballast: int = 0,
) -> Path:
    """Write a firmware file, signed with the development key; `ballast` makes it so many bytes larger."""
    parts = wheels(folder / f"wheels-{version}", version, behaviour, schema, ballast=ballast)
    target = folder / f"knxgw-{version}.knxfw"
    pack(manifest(parts, lowest=lowest), parts, private_key(key), target)
    return target


def development_keys() -> TrustedKeys:
    """Return the key that the tests sign with, as one that is trusted."""
    return TrustedKeys([private_key(DEVELOPMENT_KEY).public_key()])


def slot(path: Path, version: str, behaviour: str = "good", schema: int = 1) -> Path:
    """Write a virtual environment with a firmware, as an installation leaves it."""
    library = (
        path / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    )
    (library / "knxgw").mkdir(parents=True)
    (library / f"knxgw-{version}.dist-info").mkdir()
    (library / "knxgw" / "__init__.py").write_text("")
    (library / "knxgw" / "__main__.py").write_text(program(version, behaviour, schema))
    (path / "bin").mkdir()
    real = Path(sys.executable).resolve()
    (path / "bin" / "python").symlink_to(real)
    (path / "pyvenv.cfg").write_text(
        f"home = {real.parent}\ninclude-system-site-packages = false\n"
    )
    return path


def opened(path: Path) -> io.BytesIO:
    """Return the content of a file, at its beginning."""
    return io.BytesIO(path.read_bytes())
