"""Style sheets, scripts and icons: read once, named by what is in them, packed.

A browser keeps such a file for good, because a changed file has another name. No path of a request
reaches the file system: what is not in the table is not there.
"""

import gzip
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

FOLDER = Path(__file__).parent / "static"
STYLES = ("tokens", "base", "layout", "parts", "print")  # the order of the layers
STYLE_SHEET = "site.css"
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webmanifest": "application/manifest+json",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is served."""

    content: bytes
    packed: bytes
    mime_type: str


@cache
def assets() -> dict[str, Asset]:
    """Return every file by its name below `/static/<digest>/`."""
    style = b"\n".join((FOLDER / "css" / f"{name}.css").read_bytes() for name in STYLES)
    found = {STYLE_SHEET: _asset(style, ".css")}
    for path in sorted(FOLDER.rglob("*")):
        if path.is_file() and path.parent.name != "css":
            found[path.relative_to(FOLDER).as_posix()] = _asset(path.read_bytes(), path.suffix)
    return found


@cache
def digest() -> str:
    """Return what all files are named by: scripts import each other by relative names."""
    whole = sha256()
    for name, asset in assets().items():
        whole.update(name.encode() + b"\0" + asset.content)
    return whole.hexdigest()[:16]


def address_of(name: str) -> str:
    """Return the address of a file. Raises: KeyError, there is none of that name."""
    assets()[name]  # a page that names a file which is not there must not be shipped
    return f"/static/{digest()}/{name}"


def _asset(content: bytes, suffix: str) -> Asset:
    return Asset(content, gzip.compress(content, 9, mtime=0), TYPES[suffix])
