"""Looks at XML of others before a parser does; pure, and nothing but the standard library.

The child that reads projects uses this module too, perhaps with a Python that has nothing of ours.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import IO

LARGEST_XML = 128 * 2**20  # bytes of one document
MOST_TAGS = 500_000  # `<` in one document; a large project has some 100 000
MOST_TAGS_OF_CATALOGUE = 1_000_000  # likewise, of a manufacturer: it is never held as a whole
MOST_TAGS_TOGETHER = 4_000_000  # in all documents of a file
MOST_GROUP_ADDRESSES = 65_535  # 16 bits, without 0
MOST_OF = {  # elements of one document
    b"GroupAddress": MOST_GROUP_ADDRESSES,
    b"GroupRange": 16_384,  # three levels have 32 + 256; the free style has no bound of its own
    b"DeviceInstance": 16_384,  # many times more than one project has
    b"ComObjectInstanceRef": 200_000,
}
LONGEST_PIECE = 16 * 2**20  # bytes without a tag: of a text, or within one tag
CHUNK = 2**20
_DOCTYPE = b"<!DOCTYPE"  # XML knows it in capitals only, and no entity is declared outside of it
_OVERLAP = max(map(len, (_DOCTYPE, *MOST_OF))) + 1  # with the characters before and behind a name
_ENCODING = re.compile(rb"<\?xml[^>]*?encoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"']")
_BOM = b"\xef\xbb\xbf"


class Danger(StrEnum):
    """Why a file is refused before it is parsed."""

    ENTITIES = "entities"  # a DOCTYPE: ETS writes none
    ENCODING = "encoding"  # no UTF-8: whatever is searched for could hide in it
    TOO_LARGE = "too_large"
    TOO_MANY_ADDRESSES = "too_many_addresses"


class UnsafeXmlError(Exception):
    """An XML document that no parser gets to see."""

    def __init__(self, danger: Danger) -> None:
        self.danger = danger
        super().__init__(danger)


def _elements() -> Mapping[bytes, re.Pattern[bytes]]:
    """Return what finds the beginning of each element, in any namespace.

    Its name ends with space, slash or bracket. What looks like one in a comment or a text counts as well:
    that errs on the safe side. The name stands first in the expression, which makes the search fast.
    """
    return {name: re.compile(rb"%b(?<=[<:]%b)[\s/>]" % (name, name)) for name in MOST_OF}


_ELEMENTS = _elements()


def scan_xml(
    stream: IO[bytes], most_tags: int = MOST_TAGS, most_of: Mapping[bytes, int] = MOST_OF
) -> int:
    """Read a document once, in chunks, and refuse a dangerous one; return its tags. Raises: UnsafeXmlError."""
    size = tags = piece = 0
    found = dict.fromkeys(most_of, 0)
    tail = b""
    while chunk := stream.read(CHUNK):
        if not size:
            _check_encoding(chunk)
        size += len(chunk)
        tags += (here := chunk.count(b"<"))
        piece = 0 if here else piece + len(chunk)
        seam = tail + chunk[:_OVERLAP]  # what goes over the end of the last chunk
        if _DOCTYPE in seam or _DOCTYPE in chunk:
            raise UnsafeXmlError(Danger.ENTITIES)
        if size > LARGEST_XML or tags > most_tags or piece > LONGEST_PIECE:
            raise UnsafeXmlError(Danger.TOO_LARGE)
        for name in found:
            found[name] += _begun(_ELEMENTS[name], len(tail), seam, chunk)
            if found[name] > most_of[name]:
                raise UnsafeXmlError(_too_many(name))
        tail = (tail + chunk[-_OVERLAP:])[-_OVERLAP:]
    return tags


def _begun(element: re.Pattern[bytes], seam_at: int, seam: bytes, chunk: bytes) -> int:
    """Return how many elements end their name in a chunk: inside of it, and across its beginning."""
    across = sum(one.start() <= seam_at < one.end() for one in element.finditer(seam))
    return len(element.findall(chunk)) + across


def _too_many(name: bytes) -> Danger:
    return Danger.TOO_MANY_ADDRESSES if name == b"GroupAddress" else Danger.TOO_LARGE


def _check_encoding(start: bytes) -> None:
    """Refuse a document that is not UTF-8, by its first bytes and its declaration."""
    text = start.removeprefix(_BOM).lstrip(b" \t\r\n")
    declared = _ENCODING.match(text)
    is_other = declared is not None and declared[1].lower() not in (b"utf-8", b"us-ascii")
    if not text.startswith(b"<") or text[1:2] == b"\0" or is_other:
        raise UnsafeXmlError(Danger.ENCODING)
