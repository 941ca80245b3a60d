"""The log file that support asks for: a ZIP of at most 20 MiB, without secrets. Source: website 14, 36.

Each part is made when its turn comes, searched for secrets once more, and cut when it is too long. A part that
cannot be made is missing and the manifest says why; the others are there.
"""

import io
import json
import logging
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from tempfile import SpooledTemporaryFile
from typing import IO

from knxgw.monitoring.scrub import Scrubber

log = logging.getLogger(__name__)
LARGEST = 20 * 1024 * 1024  # of the ZIP
LARGEST_PART = 12 * 1024 * 1024  # before it is packed
IN_MEMORY = 2 * 1024 * 1024
CHUNK = 64 * 1024
AT_ONCE = 1000  # characters that are searched in one call, and the rest of their line
CUT = "\n(cut here: too long)\n"
NAME = "knxgw-log"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One file of the ZIP; its text comes in pieces."""

    name: str
    text: Callable[[], Iterable[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """What the manifest says of a part."""

    name: str
    bytes: int
    sha256: str
    problem: str = ""


def log_zip(
    parts: Iterable[Part], scrubber: Scrubber, versions: dict[str, str], now: datetime
) -> Iterator[bytes]:
    """Make the ZIP as a whole, and return it in pieces; its file ends with the last one."""
    file = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - read after this call
    try:
        _write(file, parts, scrubber, versions, now)
    except BaseException:
        file.close()
        raise
    return _pieces(file)


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        file.seek(0)
        while chunk := file.read(CHUNK):
            yield chunk


def _write(
    file: IO[bytes],
    parts: Iterable[Part],
    scrubber: Scrubber,
    versions: dict[str, str],
    now: datetime,
) -> None:
    packed: list[Packed] = []
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for part in parts:
            left = LARGEST - file.tell() - CHUNK
            packed.append(_pack(archive, part, scrubber, now, min(LARGEST_PART, left)))
        manifest = {
            "made_at": now.isoformat(),
            "versions": versions,
            "files": [asdict(one) for one in packed],
        }
        _add(archive, "manifest.json", json.dumps(manifest, indent=2).encode(), now)


def _pack(
    archive: zipfile.ZipFile, part: Part, scrubber: Scrubber, now: datetime, largest: int
) -> Packed:
    """Add a part. One that would not compress is cut so that it fits all the same."""
    try:
        data = _scrubbed(part.text(), scrubber, max(0, largest))
    except Exception as err:  # noqa: BLE001 - a part that fails must not cost the others
        log.warning("%s: this part of the log file could not be made: %s", part.name, type(err))
        return Packed(name=part.name, bytes=0, sha256="", problem=type(err).__name__)
    _add(archive, part.name, data, now)
    return Packed(name=part.name, bytes=len(data), sha256=sha256(data).hexdigest())


def _scrubbed(pieces: Iterable[str], scrubber: Scrubber, largest: int) -> bytes:
    """Return a text without secrets, cut to a length; secrets do not span the lines of a text."""
    out, rest = io.BytesIO(), ""
    for piece in pieces:
        whole, newline, rest = (rest + piece).rpartition("\n")
        for lines in _small(whole + newline):
            out.write(scrubber.scrub(lines).encode())
        if out.tell() > largest:
            rest = CUT
            break
    out.write(scrubber.scrub(rest).encode())
    data = out.getvalue()
    if len(data) <= largest:
        return data
    end = CUT.encode()
    return data[: max(0, largest - len(end))].decode(errors="ignore").encode() + end


def _small(text: str) -> Iterator[str]:
    """Yield a text in pieces of whole lines: one search for secrets may not hold up the event loop."""
    begin = 0
    while begin < len(text):
        end = text.find("\n", begin + AT_ONCE) + 1 or len(text)
        yield text[begin:end]
        begin = end


def _add(archive: zipfile.ZipFile, name: str, data: bytes, now: datetime) -> None:
    info = zipfile.ZipInfo(name, (now.year, now.month, now.day, now.hour, now.minute, now.second))
    info.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(info, data)
