"""Files that do harm to whoever parses them without a look: made by the tests, never shipped."""

import base64
import io
import random
import zlib
from collections.abc import Callable
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from tests.ets.projects import ID, Address, Project, archive, documents, knxproj, zip_crypto

MILLION = 1_000_000
BOMB = (
    '<?xml version="1.0"?><!DOCTYPE KNX [<!ENTITY a "ha">'
    + "".join(
        f'<!ENTITY {new} "{f"&{old};" * 10}">'
        for old, new in zip("abcdefgh", "bcdefghi", strict=True)
    )
    + ']><KNX xmlns="http://knx.org/xml/project/20">&i;</KNX>'
)
READS_A_FILE = (
    '<?xml version="1.0"?><!DOCTYPE KNX [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
    '<KNX xmlns="http://knx.org/xml/project/20">&a;</KNX>'
)


def plain_project(**more: str) -> Project:
    """Return a small project without devices."""
    return Project(addresses=[Address(address="1/0/1", name="Light")], **more)  # type: ignore[arg-type]


def members() -> dict[str, str | bytes]:
    """Return the documents of a good project."""
    public, private = documents(plain_project())
    return {**public, **{f"{ID}/{name}": text for name, text in private.items()}}


def many(count: int, element: str = "<GroupAddress {}/>") -> str:
    """Return XML of many elements that does not pack like a bomb; `{}`: where the attributes are."""
    before, after = element.split("{}")
    return "".join(f'{before}Id="{i * 2654435761 % 2**32}"{after}' for i in range(count))


def project_with(element: str) -> bytes:
    """Return a project with very many elements of a kind."""
    return knxproj(plain_project(extra=many(MILLION, element)))


def _large_catalogues() -> bytes:
    """Return an archive of documents that each have fewer tags than one may have."""
    return archive(
        {**members(), **{f"M-{i:04}/M-{i:04}_A-1.xml": many(900_000, "<a {}/>") for i in range(5)}}
    )


def _noise(size: int) -> str:
    """Return text that does not pack like a bomb."""
    return base64.b64encode(random.Random(7).randbytes(size * 3 // 4)).decode()  # noqa: S311 - made up


def _with(name: str, content: str | bytes) -> bytes:
    return archive({**members(), name: content})


def _size_bomb() -> bytes:
    """Return an archive of 400 MiB of nothing, in a document that a parser would read."""
    made = io.BytesIO()
    with ZipFile(made, "w", ZIP_DEFLATED) as into:
        for name, content in members().items():
            into.writestr(name, content)
        with into.open(ZipInfo(f"{ID}/1.xml"), "w") as document:
            into.infolist()[-1].compress_type = ZIP_DEFLATED
            for _ in range(100):
                document.write(bytes(2**20))
    return made.getvalue()


def _many_members() -> bytes:
    made = io.BytesIO()
    with ZipFile(made, "w", ZIP_STORED) as into:
        for i in range(70_000):
            into.writestr(f"{i}", b"")
    return made.getvalue()


def _lying_size() -> bytes:
    """Return an archive whose directory says that a document is small."""
    made = bytearray(_with(f"{ID}/1.xml", b"<a>" + b" " * 50_000_000 + b"</a>"))
    name = f"{ID}/1.xml".encode()
    at = made.rfind(name)  # in the directory
    made[at - 46 + 24 : at - 46 + 28] = (1000).to_bytes(4, "little")
    return bytes(made)


def _overlapping() -> bytes:
    """Return an archive in which 1000 names share the bytes of one member."""
    packed = zlib.compressobj(wbits=-15)
    plain = b"<a>" + b"x" * 100_000 + b"</a>"
    data = packed.compress(plain) + packed.flush()
    fields = [(20, 2), (0, 2), (8, 2), (0, 2), (33, 2), (zlib.crc32(plain), 4)]
    fields += [(len(data), 4), (len(plain), 4), (9, 2), (0, 2)]
    header = b"".join(value.to_bytes(size, "little") for value, size in fields)
    made = b"PK\x03\x04" + header + b"00000.xml" + data
    directory = b"".join(
        b"PK\x01\x02\x14\x00" + header + bytes(14) + f"{i:05d}.xml".encode() for i in range(1000)
    )
    end = b"PK\x05\x06" + bytes(4) + (1000).to_bytes(2, "little") * 2
    sizes = len(directory).to_bytes(4, "little") + len(made).to_bytes(4, "little")
    return made + directory + end + sizes + bytes(2)


def _huge_directory() -> bytes:
    """Return an archive that says that its directory has 200 MiB."""
    made = bytearray(archive(members()))
    end = made.rfind(b"PK\x05\x06")
    made[end + 12 : end + 16] = (200 * 2**20).to_bytes(4, "little")
    return bytes(made)


def _twice() -> bytes:
    made = io.BytesIO(archive(members()))
    with ZipFile(made, "a") as into:
        info = ZipInfo(f"{ID}/2.xml")
        into.writestr(info, "<a/>")
    return made.getvalue().replace(f"{ID}/2.xml".encode(), f"{ID}/0.xml".encode())


def _bzip2() -> bytes:
    made = io.BytesIO()
    with ZipFile(made, "w", ZIP_BZIP2) as into:
        for name, content in members().items():
            into.writestr(name, content)
    return made.getvalue()


def _encrypted_outside() -> bytes:
    public, private = documents(plain_project())
    return zip_crypto({**public, **{f"{ID}/{n}": t for n, t in private.items()}}, b"word")


ARCHIVES: dict[str, Callable[[], bytes]] = {  # each is refused before anything is parsed
    "entities": lambda: _with(f"{ID}/0.xml", BOMB),
    "entities in the master data": lambda: _with("knx_master.xml", BOMB),
    "entities in a program": lambda: _with("M-00FA/M-00FA_A-1.xml", READS_A_FILE),
    "entities in UTF-16": lambda: _with(f"{ID}/0.xml", BOMB.encode("utf-16")),
    "entities in EBCDIC": lambda: _with(
        f"{ID}/0.xml", b'<?xml version="1.0" encoding="cp037"?>' + BOMB[21:].encode("cp037")
    ),
    "entities in UTF-16 without a mark": lambda: _with(f"{ID}/0.xml", BOMB.encode("utf-16-le")),
    "entities in UTF-16 that says it is UTF-8": lambda: _with(
        f"{ID}/0.xml", BOMB.replace("?>", ' encoding="utf-8"?>', 1).encode("utf-16-be")
    ),
    "entities in UTF-32": lambda: _with(f"{ID}/0.xml", BOMB.encode("utf-32")),
    "entities in UTF-7": lambda: _with(
        f"{ID}/0.xml", '<?xml version="1.0" encoding="utf-7"?>' + BOMB[21:].replace("<!", "+ADw-!")
    ),
    "a million addresses": lambda: project_with("<GroupAddress {}/>"),
    "a million addresses, each on two lines": lambda: project_with("<GroupAddress\n{}/>"),
    "a million addresses with tabs": lambda: project_with("<GroupAddress\t{}/>"),
    "a million addresses in a namespace": lambda: project_with("<k:GroupAddress {}/>"),
    "a million addresses in a namespace with an accent": lambda: project_with(
        "<é:GroupAddress\r\n{}/>"
    ),
    "a million addresses without attributes": lambda: project_with(
        "<GroupAddress><a {}/></GroupAddress>"
    ),
    "a million addresses split by comments": lambda: project_with("<GroupAddress <!-- --> {}/>"),
    "a million ranges": lambda: project_with("<GroupRange {}/>"),
    "a million ranges in each other": lambda: project_with("<GroupRange {}>"),
    "a million devices": lambda: project_with("<DeviceInstance\n{}/>"),
    "a million group objects": lambda: project_with("<ComObjectInstanceRef {}/>"),
    "a million parameters": lambda: project_with("<ParameterInstanceRef {}/>"),
    "a million comments": lambda: project_with("<!-- {}-->"),
    "a million instructions": lambda: project_with("<?a {}?>"),
    "a million texts": lambda: project_with("<![CDATA[{}]]>"),
    "a million levels": lambda: project_with("<a {}>"),
    "many tags in many documents": _large_catalogues,
    "a huge attribute": lambda: _with(f"{ID}/0.xml", f'<KNX Name="{_noise(18 * 2**20)}"/>'),
    "a huge text": lambda: _with(f"{ID}/0.xml", f"<KNX>{_noise(18 * 2**20)}</KNX>"),
    "a bomb of 100 MiB": _size_bomb,
    "a lying size": _lying_size,
    "70000 members": _many_members,
    "a huge directory": _huge_directory,
    "overlapping members": _overlapping,
    "two members of one name": _twice,
    "a path upwards": lambda: _with("../../etc/cron.d/evil.xml", "<a/>"),
    "an absolute path": lambda: _with("/etc/evil.xml", "<a/>"),
    "a drive": lambda: _with("C:/evil.xml", "<a/>"),
    "a backslash": lambda: _with("M-00FA\\..\\..\\evil.xml", "<a/>"),
    "a control character": lambda: _with("a\nb.xml", "<a/>"),
    "a name with a zero": lambda: _with("a_b.xml", "<a/>").replace(b"a_b.xml", b"a\0b.xml"),
    "another compression": _bzip2,
    "encryption outside": _encrypted_outside,
    "an archive in the protected one": lambda: knxproj(
        plain_project(), archive({"0.xml": "<a/>", "more.zip": archive({"a": "b"})})
    ),
    "a protected part that is none": lambda: knxproj(plain_project(), b"PK no archive"),
    "a bomb in the protected part": lambda: knxproj(
        plain_project(), archive({"0.xml": b"<a>" + bytes(300 * 2**20)})
    ),
    "no project": lambda: archive({"a.txt": "b"}),
    "only two letters": lambda: b"PK",
    "no directory": lambda: archive(members())[:-30],
    "half of it": lambda: archive(members())[: len(archive(members())) // 2],
}
LISTS: dict[str, Callable[[], bytes]] = {
    "entities": lambda: BOMB.replace("KNX", "GroupAddress-Export").encode(),
    "a file read": lambda: READS_A_FILE.replace("KNX", "GroupAddress-Export").encode(),
    "a million addresses as XML": lambda: b"".join(
        (b"<GroupAddress-Export>", many(MILLION).encode(), b"</GroupAddress-Export>")
    ),
    "a million addresses on two lines": lambda: b"".join(
        (
            b"<GroupAddress-Export>",
            many(MILLION, "<GroupAddress\n{}/>").encode(),
            b"</GroupAddress-Export>",
        )
    ),
    "a million ranges as XML": lambda: b"".join(
        (b"<GroupAddress-Export>", many(MILLION, "<GroupRange {}/>").encode(), b"</x>")
    ),
    "a million addresses as CSV": lambda: (
        b"Main;Middle;Sub;Address\r\n"
        + b"".join(
            b";;x;%d/%d/%d\r\n" % (i >> 11 & 31, i >> 8 & 7, i & 255) for i in range(1_000_000)
        )
    )[: 40 * 2**20],
    "a million lines that are none": lambda: (
        b"Main;Middle;Sub;Address\r\n" + b";;x;y\r\n" * 1_000_000
    ),
    "one endless field": lambda: b'Main;Middle;Sub;Address\r\n;;"' + b"x" * 20_000_000,
    "deep": lambda: b"<GroupAddress-Export>" + b"<GroupRange>" * 1_000_000,
    "entities in UTF-16": lambda: BOMB.replace("KNX", "GroupAddress-Export").encode("utf-16"),
    "zeros in UTF-16": lambda: b"\xff\xfe" + bytes(10_000),
    "half a letter of UTF-16": lambda: b"\xff\xfe;",
    "nothing": lambda: b"",
    "zeros": lambda: bytes(1000),
    "a picture": lambda: b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 10,
    "another document": lambda: b"<html/>",
    "half a document": lambda: b'<GroupAddress-Export><GroupAddress Address="1/0/1"',
}
