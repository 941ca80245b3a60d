"""Looks at XML of others before a parser does; pure, and nothing but the standard library.

The child that reads projects uses this module too, perhaps with a Python that has nothing of ours.
"""

import re
from enum import StrEnum
from typing import IO

LARGEST_XML = 128 * 2**20  # bytes of one document
MOST_TAGS = 2_000_000  # `<` in one document; a large project has some 100 000
MOST_GROUP_ADDRESSES = 65_535  # 16 bits, without 0
CHUNK = 2**20
_GROUP_ADDRESS = b"<GroupAddress "
_FORBIDDEN = (b"<!DOCTYPE", b"<!ENTITY")  # XML knows them in capitals only
_OVERLAP = max(len(_GROUP_ADDRESS), *map(len, _FORBIDDEN)) - 1
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


def scan_xml(stream: IO[bytes]) -> None:
    """Read a document once, in chunks, and refuse a dangerous one. Raises: UnsafeXmlError."""
    size = tags = addresses = 0
    tail = b""
    while chunk := stream.read(CHUNK):
        if not size:
            _check_encoding(chunk)
        size += len(chunk)
        tags += chunk.count(b"<")
        window = tail + chunk
        if any(word in window for word in _FORBIDDEN):
            raise UnsafeXmlError(Danger.ENTITIES)
        addresses += window.count(_GROUP_ADDRESS)
        if addresses > MOST_GROUP_ADDRESSES:
            raise UnsafeXmlError(Danger.TOO_MANY_ADDRESSES)
        if size > LARGEST_XML or tags > MOST_TAGS:
            raise UnsafeXmlError(Danger.TOO_LARGE)
        tail = _tail(window)


def _tail(window: bytes) -> bytes:
    """Return what a word that begins here may go on from; a whole address is not counted again."""
    tail = window[-_OVERLAP:]
    return b"" if _GROUP_ADDRESS in tail else tail


def _check_encoding(start: bytes) -> None:
    """Refuse a document that is not UTF-8, by its first bytes and its declaration."""
    text = start.removeprefix(_BOM).lstrip(b" \t\r\n")
    declared = _ENCODING.match(text)
    is_other = declared is not None and declared[1].lower() not in (b"utf-8", b"us-ascii")
    if not text.startswith(b"<") or text[1:2] == b"\0" or is_other:
        raise UnsafeXmlError(Danger.ENCODING)
