"""Looks at the ZIP of an ETS project before anything of it is parsed: sizes, names, documents.

Nothing is unpacked to the disk. What is refused here costs little memory and time: the directory of the
archive is bounded before it is read, and documents are looked at in chunks.
Source: [ets-project] the members of a project; [zip] end of central directory record.
"""

import io
import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import IO
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from knxgw.catalogue.messages import Message, message
from knxgw.ets.project import EtsFileError
from knxgw.ets.xml_guard import (
    LARGEST_XML,
    MOST_OF,
    MOST_TAGS,
    MOST_TAGS_OF_CATALOGUE,
    MOST_TAGS_TOGETHER,
    Danger,
    UnsafeXmlError,
    scan_xml,
)

ZIP = b"PK"  # how every archive begins
LARGEST_FILE = 256 * 2**20  # bytes of the whole project
LARGEST_PROTECTED = 64 * 2**20  # bytes of the protected part, which is held in memory
LARGEST_DIRECTORY = 4 * 2**20  # bytes; some 50 000 members
MOST_MEMBERS = 20_000
LARGEST_UNPACKED = 512 * 2**20  # bytes of all members that are read, together
SMALL = 2**20  # bytes; a member below it may have any ratio
HIGHEST_RATIO = 200  # unpacked to packed; XML of ETS has 10 to 60
AES = 99  # compression method of members that WinZip's AES encrypts
_END = b"PK\x05\x06"
_END_SIZE = 22
_LONGEST_COMMENT = 65_535
_LOCAL_HEADER = 30  # bytes before name and extra field
_ENCRYPTED = 0x1
_BAGGAGES = "Baggages"
_CATALOGUE = re.compile(r"M-[0-9A-F]{4}/")  # of a manufacturer: nothing of the project is in it
_BAGGAGE = re.compile(rf"M-[0-9A-F]{{4}}/{_BAGGAGES}/")
_SIGNATURE = re.compile(r"(P-[0-9A-Za-z]+)\.signature")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectArchive:
    """What the archive of a project says of itself."""

    project_id: str  # "P-04BF"
    is_protected: bool  # a password opens it


def check_archive(file: IO[bytes]) -> ProjectArchive:
    """Return what kind of project a file is. Raises: EtsFileError, nothing may parse it."""
    try:
        with _opened(file, LARGEST_FILE) as archive:
            members = archive.infolist()
            _check_members(members, is_protected=False)
            project_id = _project_id(members)
            protected = archive.NameToInfo.get(f"{project_id}.zip")
            if protected is not None:
                _check_protected(archive, protected)
            _check_documents(archive, members)
    except (BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError) as err:
        raise EtsFileError(message("ets_archive_damaged")) from err
    return ProjectArchive(project_id=project_id, is_protected=protected is not None)


def _opened(file: IO[bytes], largest: int) -> ZipFile:
    """Open an archive whose directory is small enough to be read. Raises: EtsFileError."""
    size = file.seek(0, io.SEEK_END)
    if size > largest:
        raise EtsFileError(message("ets_archive_too_large"))
    start = max(size - _END_SIZE - _LONGEST_COMMENT, 0)
    file.seek(start)
    tail = file.read()
    end = tail.rfind(_END)
    if end < 0 or len(tail) - end < _END_SIZE:
        raise EtsFileError(message("ets_archive_damaged"))
    members = int.from_bytes(tail[end + 10 : end + 12], "little")
    directory = int.from_bytes(tail[end + 12 : end + 16], "little")
    has_zip64 = tail[end - 20 : end - 16] == b"PK\x06\x07"
    if has_zip64 or members > MOST_MEMBERS or directory > LARGEST_DIRECTORY:
        raise EtsFileError(message("ets_archive_too_large"))
    file.seek(0)
    return ZipFile(file)


def _check_members(members: list[ZipInfo], *, is_protected: bool) -> None:
    """Refuse an archive by what its directory says. Raises: EtsFileError."""
    read = [one for one in members if is_protected or _is_read(one.filename)]
    if len(members) > MOST_MEMBERS or sum(one.file_size for one in read) > LARGEST_UNPACKED:
        raise EtsFileError(message("ets_archive_too_large"))
    names = [one.filename for one in members]
    if len(set(names)) < len(names) or any(_is_unsafe(one.orig_filename) for one in members):
        raise EtsFileError(message("ets_archive_unsafe"))
    if is_protected and any(name.lower().endswith(".zip") for name in names):
        raise EtsFileError(message("ets_archive_unsafe"))
    methods = {ZIP_STORED, ZIP_DEFLATED, *((AES,) if is_protected else ())}
    is_bomb = any(one.file_size > max(SMALL, HIGHEST_RATIO * one.compress_size) for one in read)
    is_secret = any(one.flag_bits & _ENCRYPTED for one in members) and not is_protected
    is_other = any(one.compress_type not in methods for one in members)
    if is_bomb or is_secret or is_other or _overlap(members):
        raise EtsFileError(message("ets_archive_unsafe"))


def _is_read(name: str) -> bool:
    """Tell whether anybody reads a member: the project, its protected part, products.

    Pictures and help texts of manufacturers are never unpacked, nor looked at.
    """
    is_baggage = _BAGGAGE.match(name) is not None and name.count(_BAGGAGES) == 1
    return name.lower().endswith((".xml", ".zip")) and not is_baggage


def _is_unsafe(name: str) -> bool:
    """Tell whether a name leaves the archive, or hides what it is."""
    parts = name.split("/")
    is_absolute = name.startswith("/") or name[1:2] == ":"
    return is_absolute or ".." in parts or "\\" in name or not name.isprintable() or not name


def _overlap(members: Iterable[ZipInfo]) -> bool:
    """Tell whether two members share bytes: a small file that unpacks to many times its size."""
    end = 0
    for one in sorted(members, key=lambda member: member.header_offset):
        if one.header_offset < end:
            return True
        end = one.header_offset + _LOCAL_HEADER + one.compress_size
    return False


def _project_id(members: Iterable[ZipInfo]) -> str:
    """Return the id of the project: a signature is named after it. Raises: EtsFileError."""
    for one in members:
        if (found := _SIGNATURE.fullmatch(one.filename)) is not None:
            return found[1]
    raise EtsFileError(message("ets_no_project"))


def _check_protected(archive: ZipFile, member: ZipInfo) -> None:
    """Look at the directory of the protected part, which needs no password. Raises: EtsFileError."""
    if member.file_size > LARGEST_PROTECTED:
        raise EtsFileError(message("ets_archive_too_large"))
    with _opened(io.BytesIO(archive.read(member)), LARGEST_PROTECTED) as protected:
        _check_members(protected.infolist(), is_protected=True)


def _check_documents(archive: ZipFile, members: Iterable[ZipInfo]) -> None:
    """Look into every XML document that needs no password. Raises: EtsFileError."""
    tags_left = MOST_TAGS_TOGETHER
    for one in members:
        if not (_is_read(one.filename) and one.filename.lower().endswith(".xml")):
            continue
        if one.file_size > LARGEST_XML:
            raise EtsFileError(message("ets_archive_too_large"))
        try:
            with archive.open(one) as document:
                is_catalogue = _CATALOGUE.match(one.filename) is not None
                most = MOST_TAGS_OF_CATALOGUE if is_catalogue else MOST_TAGS
                most_of = {} if is_catalogue else MOST_OF
                tags_left -= scan_xml(document, min(most, tags_left), most_of)
        except UnsafeXmlError as err:
            raise EtsFileError(refusal(err.danger)) from err


def refusal(danger: Danger) -> Message:
    """Return what is said of a document that is dangerous."""
    match danger:
        case Danger.ENTITIES | Danger.ENCODING:
            return message("ets_xml_unsafe")
        case Danger.TOO_LARGE:
            return message("ets_archive_too_large")
        case Danger.TOO_MANY_ADDRESSES:
            return message("ets_too_many_addresses")
