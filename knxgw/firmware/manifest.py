"""What a firmware file says about itself: version, platforms, what changes, and which files it holds. Pure."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from knxgw.firmware.trouble import FirmwareError, not_taken

FORMAT = 1
PRODUCT = "knxgw"
LARGEST_MANIFEST = 256 * 1024
LARGEST_FILE = 64 << 20  # bytes of one wheel
LARGEST_TOTAL = 63 << 20  # bytes of all of them: an upload takes 64 MiB
MOST_FILES = 300
MOST_CHANGES, LONGEST_CHANGE = 100, 500
LANGUAGES = ("en", "de")
_VERSION = re.compile(r"(0|[1-9]\d{0,3})\.(0|[1-9]\d{0,4})", re.ASCII)
_WHEEL = re.compile(r"[A-Za-z0-9_.+!-]{1,200}\.whl", re.ASCII)
_PROJECT = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*", re.ASCII)
_PYTHON = re.compile(r"3\.\d{1,2}", re.ASCII)
_MACHINE = re.compile(r"[a-z0-9_]{1,20}", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
T = TypeVar("T")


class Version(NamedTuple):
    """A version of the firmware, `<main>.<sub>`. Source: product 11."""

    main: int
    sub: int

    def __str__(self) -> str:
        return f"{self.main}.{self.sub}"

    @classmethod
    def of(cls, text: str) -> "Version":
        """Return the version of a text. Raises: ValueError."""
        found = _VERSION.fullmatch(text)
        if found is None:
            raise ValueError(f"{text!r} is no version: write main.sub, such as 1.4")
        return cls(int(found[1]), int(found[2]))


class Platform(NamedTuple):
    """A machine that a firmware is made for."""

    python: str  # 3.11
    machine: str  # x86_64, aarch64, as the kernel names it

    def __str__(self) -> str:
        return f"{self.machine}, Python {self.python}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One wheel of a firmware file."""

    name: str
    size: int  # bytes
    sha256: str  # hexadecimal digits


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a firmware file says about itself."""

    version: Version
    lowest_previous: Version  # the oldest one that may be updated by it
    made_at: str  # ISO 8601 in UTC
    platforms: tuple[Platform, ...]
    projects: tuple[str, ...]  # what is to be installed; each has a wheel for each platform
    changes: Mapping[str, tuple[str, ...]]  # by language
    parts: tuple[Part, ...]

    @property
    def total(self) -> int:
        """Return the size of all parts [bytes]."""
        return sum(part.size for part in self.parts)


def encode(manifest: Manifest) -> bytes:
    """Return a manifest as it stands in a file."""
    fields = {
        "format": FORMAT,
        "product": PRODUCT,
        "version": str(manifest.version),
        "lowest_previous": str(manifest.lowest_previous),
        "made_at": manifest.made_at,
        "platforms": [{"python": one.python, "machine": one.machine} for one in manifest.platforms],
        "projects": list(manifest.projects),
        "changes": {language: list(texts) for language, texts in manifest.changes.items()},
        "files": [
            {"name": part.name, "size": part.size, "sha256": part.sha256} for part in manifest.parts
        ],
    }
    return json.dumps(fields, ensure_ascii=False, indent=1).encode()


def decode(content: bytes) -> Manifest:
    """Return the manifest of a file whose signature is good. Raises: FirmwareError.

    The format is looked at first: a later one may say everything else in another way.
    """
    try:
        fields = json.loads(content)
        if fields["format"] != FORMAT or fields["product"] != PRODUCT:
            raise not_taken("firmware_other_format")
        return _manifest(fields)
    except FirmwareError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as err:
        raise not_taken("firmware_manifest_invalid", problem=str(err)[:200]) from err


def _manifest(fields: Mapping[str, Any]) -> Manifest:
    """Return a manifest of its fields. Raises: KeyError, TypeError, ValueError."""
    parts = _list(fields["files"], _part, MOST_FILES)
    if len({part.name for part in parts}) != len(parts):
        raise ValueError("a file is named twice")
    if sum(part.size for part in parts) > LARGEST_TOTAL:
        raise ValueError("the files are larger than a firmware may be")
    platforms = _list(fields["platforms"], _platform, 20)
    if not platforms or not parts:
        raise ValueError("no platform or no file is named")
    return Manifest(
        version=Version.of(fields["version"]),
        lowest_previous=Version.of(fields["lowest_previous"]),
        made_at=_matching(_MOMENT, fields["made_at"]),
        platforms=platforms,
        projects=_list(fields["projects"], lambda one: _matching(_PROJECT, one), MOST_FILES),
        changes={
            language: _list(fields["changes"].get(language, []), _change, MOST_CHANGES)
            for language in LANGUAGES
        },
        parts=parts,
    )


def _list(values: object, read: Callable[[Any], T], most: int) -> tuple[T, ...]:
    if not isinstance(values, list) or len(values) > most:
        raise ValueError("not a list, or one that is too long")
    return tuple(read(one) for one in values)


def _part(fields: Mapping[str, Any]) -> Part:
    size = fields["size"]
    if not isinstance(size, int) or isinstance(size, bool) or not 0 < size <= LARGEST_FILE:
        raise ValueError("the size of a file is not possible")
    return Part(
        name=_matching(_WHEEL, fields["name"]),
        size=size,
        sha256=_matching(_DIGEST, fields["sha256"]),
    )


def _platform(fields: Mapping[str, Any]) -> Platform:
    return Platform(
        python=_matching(_PYTHON, fields["python"]),
        machine=_matching(_MACHINE, fields["machine"]),
    )


def _change(text: object) -> str:
    if not isinstance(text, str) or len(text) > LONGEST_CHANGE or not text.isprintable():
        raise ValueError("a change is no text of one line, or too long")
    return text


def _matching(pattern: re.Pattern[str], text: object) -> str:
    if not isinstance(text, str) or pattern.fullmatch(text) is None:
        raise ValueError(f"{str(text)[:40]!r} is not what stands there")
    return text
