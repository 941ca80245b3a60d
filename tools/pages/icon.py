"""Draws the icon of the website for home screens and networks that take no SVG, from the one that browsers show.

    python -m tools.pages.icon

The corners are left square: a home screen rounds them itself.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

STATIC = Path(__file__).parents[2] / "knxgw" / "website" / "static"
SVG, PNG = STATIC / "icon.svg", STATIC / "apple-touch-icon.png"
SIZE = 180  # px
FILES = {  # the largest is for home screens, the others are shown in the network neighbourhood
    PNG: SIZE,
    STATIC / "icon-120.png": 120,
    STATIC / "icon-48.png": 48,
}
GRID = 24  # units of the drawing
LINES = 8  # looked at within each row of pixels: edges are smooth
Point = tuple[float, float]
Colour = tuple[int, int, int]


def main() -> None:
    """Write the icon in every size."""
    for path, size in FILES.items():
        path.write_bytes(packed(pixels(SVG.read_text(encoding="utf-8"), size)))


def pixels(svg: str, size: int) -> list[list[Colour]]:
    """Return the rows of a drawing with a ground and one shape of straight lines."""
    ground = _colour(_found(r'<rect [^>]*fill="#(\w+)"', svg))
    ink = _colour(_found(r'<path [^>]*fill="#(\w+)"', svg))
    shape = [(x * size / GRID, y * size / GRID) for x, y in corners(_found(r' d="([^"]+)"', svg))]
    return [
        [_mixed(ground, ink, covered) for covered in _covered(shape, row, size)]
        for row in range(size)
    ]


def corners(path: str) -> Iterator[Point]:
    """Yield the corners of a closed path. Raises: ValueError, it has more than straight lines."""
    x = y = 0.0
    tokens = re.findall(r"[A-Za-z]|-?(?:\d+\.?\d*|\.\d+)", path)
    command = ""
    while tokens:
        if tokens[0].isalpha():
            command = tokens.pop(0)
        match command:
            case "M" | "L":
                x, y = float(tokens.pop(0)), float(tokens.pop(0))
            case "l":
                x, y = x + float(tokens.pop(0)), y + float(tokens.pop(0))
            case "h":
                x += float(tokens.pop(0))
            case "z" if not tokens:
                return
            case _:
                raise ValueError(f"{command!r} in a path is not known here")
        yield x, y


def _covered(shape: list[Point], row: int, size: int) -> list[float]:
    """Return how much of each pixel of a row the shape covers, 0 to 1."""
    covered = [0.0] * size
    for line in range(LINES):
        height = row + (line + 0.5) / LINES
        crossed = sorted(_crossed(shape, height))
        for begin, end in zip(crossed[::2], crossed[1::2], strict=True):
            for column in range(int(begin), min(size, int(end) + 1)):
                covered[column] += max(0.0, min(end, column + 1) - max(begin, column)) / LINES
    return covered


def _crossed(shape: list[Point], height: float) -> Iterator[float]:
    """Yield where the edges of a shape cross a horizontal line."""
    for (x1, y1), (x2, y2) in pairwise([*shape, shape[0]]):
        if min(y1, y2) <= height < max(y1, y2):
            yield x1 + (height - y1) * (x2 - x1) / (y2 - y1)


def packed(rows: list[list[Colour]]) -> bytes:
    """Return rows of pixels as a PNG file (ISO/IEC 15948)."""
    head = struct.pack(">2I5B", len(rows[0]), len(rows), 8, 2, 0, 0, 0)
    raw = b"".join(b"\0" + bytes(part for pixel in row for part in pixel) for row in rows)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(raw, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, content) for name, content in parts)


def _chunk(name: bytes, content: bytes) -> bytes:
    checked = name + content
    return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))


def _found(pattern: str, svg: str) -> str:
    found = re.search(pattern, svg)
    if found is None:
        raise ValueError(f"the drawing has no {pattern}")
    return found[1]


def _colour(digits: str) -> Colour:
    long = digits if len(digits) == 6 else "".join(2 * one for one in digits)
    red, green, blue = bytes.fromhex(long)
    return red, green, blue


def _mixed(ground: Colour, ink: Colour, part: float) -> Colour:
    red, green, blue = (round(a + (b - a) * part) for a, b in zip(ground, ink, strict=True))
    return red, green, blue


if __name__ == "__main__":
    main()
