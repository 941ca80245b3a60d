"""The icon for home screens is the one that browsers show."""

import struct
import zlib
from pathlib import Path

import pytest

from tools.pages.icon import FILES, SVG, corners, packed, pixels

BLUE, WHITE = (0x0B, 0x5C, 0xAD), (255, 255, 255)


def unpacked(png: bytes) -> list[bytes]:
    """Return the rows of a PNG that this tool has written."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    at, parts = 8, {}
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        name, content = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        (check,) = struct.unpack(">I", png[at + 8 + length : at + 12 + length])
        assert check == zlib.crc32(name + content)
        parts[name] = content
        at += 12 + length
    assert list(parts) == [b"IHDR", b"IDAT", b"IEND"]
    width, height = struct.unpack(">2I", parts[b"IHDR"][:8])
    raw, step = zlib.decompress(parts[b"IDAT"]), 1 + 3 * width
    assert len(raw) == step * height
    return [raw[n * step + 1 : (n + 1) * step] for n in range(height)]


@pytest.mark.parametrize("path", FILES, ids=lambda one: str(one.name))
def test_the_file_is_what_the_tool_makes(path: Path) -> None:
    made = packed(pixels(SVG.read_text(encoding="utf-8"), FILES[path]))
    assert unpacked(path.read_bytes()) == unpacked(made), "run python -m tools.pages.icon"


def test_the_bolt_is_white_on_the_blue_ground() -> None:
    rows = pixels(SVG.read_text(encoding="utf-8"), 48)
    assert rows[0][0] == rows[47][47] == BLUE, "square corners"
    assert rows[24][24] == WHITE, "the middle"
    assert rows[24][8] == BLUE
    edge = {pixel for row in rows for pixel in row} - {BLUE, WHITE}
    assert edge, "edges are smooth"


def test_a_path_with_curves_is_refused() -> None:
    assert list(corners("M1 2h3l-1 .5z")) == [(1, 2), (4, 2), (3, 2.5)]
    with pytest.raises(ValueError, match="'C'"):
        list(corners("M1 2C1 2 3 4 5 6z"))
