"""The archive of a project is looked at before anything is parsed."""

import io
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knxgw.ets import archive_guard
from knxgw.ets.archive_guard import ProjectArchive, check_archive
from knxgw.ets.project import EtsFileError
from knxgw.ets.xml_guard import (
    CHUNK,
    MOST_GROUP_ADDRESSES,
    MOST_OF,
    Danger,
    UnsafeXmlError,
    scan_xml,
)
from tests.ets.hostile import ARCHIVES, BOMB, members, plain_project
from tests.ets.projects import ID, archive, documents, knxproj, zip_crypto

GOOD = archive(members())
CHEAP = {  # the others are in test_hostile_files.py, where their cost is measured
    name: make
    for name, make in ARCHIVES.items()
    if name.split(" ")[0] in ("an", "another", "encryption", "overlapping", "two", "no", "entities")
    or name == "a name with a zero"
}


def test_a_good_project_is_let_through() -> None:
    assert check_archive(io.BytesIO(GOOD)) == ProjectArchive(project_id=ID, is_protected=False)
    _, private = documents(plain_project())
    protected = knxproj(plain_project(), zip_crypto(private, b"word"))
    assert check_archive(io.BytesIO(protected)).is_protected


@pytest.mark.parametrize("make", CHEAP.values(), ids=CHEAP)
def test_a_dangerous_archive_is_refused(make: Callable[[], bytes]) -> None:
    with pytest.raises(EtsFileError):
        check_archive(io.BytesIO(make()))


def test_help_texts_of_manufacturers_may_be_archives() -> None:
    baggages = {
        "M-00FA/Baggages/help.zip": archive({"a.txt": "b"}),
        "M-00FA/Baggages/white.bmp": bytes(10 * 2**20),
        "M-00FA/Baggages/01/help.xml": '<a encoding="ü"/>'.encode("utf-16"),
    }
    assert check_archive(io.BytesIO(archive({**members(), **baggages}))).project_id == ID


def test_what_only_looks_like_a_help_text_is_looked_at() -> None:
    name = "M-00FA/Baggages/x/M-00FA/Baggages/x_A.xml"  # a program may be called so
    with pytest.raises(EtsFileError):
        check_archive(io.BytesIO(archive({**members(), name: BOMB})))


@given(
    st.lists(
        st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), min_size=1, max_size=20
    ),
    st.integers(0, len(GOOD)),
)
def test_a_damaged_archive_is_good_or_refused(changes: list[tuple[int, int]], length: int) -> None:
    data = bytearray(GOOD)
    for place, byte in changes:
        data[place] = byte
    for damaged in (bytes(data), bytes(data[:length])):
        try:
            assert check_archive(io.BytesIO(damaged)).project_id.startswith("P-")
        except EtsFileError:
            continue  # and nothing else is raised


@given(st.binary(max_size=300))
def test_any_bytes_are_no_project(data: bytes) -> None:
    with pytest.raises(EtsFileError):
        check_archive(io.BytesIO(b"PK\x03\x04" + data))


@given(st.integers(CHUNK - 30, CHUNK + 30))
def test_an_entity_is_found_wherever_a_chunk_ends(place: int) -> None:
    document = b"<a>" + b" " * (place - 3) + b"<!DOCTYPE a>"
    with pytest.raises(UnsafeXmlError) as caught:
        scan_xml(io.BytesIO(document))
    assert caught.value.danger is Danger.ENTITIES


WRITTEN = [b"<GroupAddress />", b"<GroupAddress\n/>", b"<GroupAddress/>", b"<k:GroupAddress\t/>"]
WRITTEN += [b"<GroupAddress></GroupAddress>", "<é:GroupAddress\r/>".encode()]
OTHERS = [b"<GroupAddresses />", b"<GroupAddressRef />", b"</GroupAddress>", b"GroupAddress />"]


@given(st.integers(0, 60), st.sampled_from(WRITTEN))
def test_addresses_are_counted_once_wherever_a_chunk_ends(shift: int, element: bytes) -> None:
    before = b" " * (CHUNK - 100 * len(element) + shift)
    document = b"<a>" + before + element * 200
    scan_xml(io.BytesIO(document), most_of={b"GroupAddress": 200})
    with pytest.raises(UnsafeXmlError) as caught:
        scan_xml(io.BytesIO(document + element), most_of={b"GroupAddress": 200})
    assert caught.value.danger is Danger.TOO_MANY_ADDRESSES


@given(st.integers(CHUNK - 30, CHUNK + 30), st.sampled_from(WRITTEN))
def test_an_address_at_the_end_of_a_chunk_is_one(place: int, element: bytes) -> None:
    document = b"<a>" + b" " * (place - 3) + element
    scan_xml(io.BytesIO(document), most_of={b"GroupAddress": 1})
    with pytest.raises(UnsafeXmlError):
        scan_xml(io.BytesIO(document), most_of={b"GroupAddress": 0})


@pytest.mark.parametrize("other", OTHERS)
def test_what_only_begins_like_an_address_is_none(other: bytes) -> None:
    scan_xml(io.BytesIO(b"<a>" + other * (MOST_GROUP_ADDRESSES + 1)))


@pytest.mark.parametrize("name", MOST_OF)
def test_every_counted_element_has_its_bound(name: bytes) -> None:
    document = b"<a>" + b"<%b />" % name * MOST_OF[name]
    assert scan_xml(io.BytesIO(document)) == MOST_OF[name] + 1
    with pytest.raises(UnsafeXmlError):
        scan_xml(io.BytesIO(document + b"<%b/>" % name))


def test_tags_are_counted_in_all_documents_together(monkeypatch: pytest.MonkeyPatch) -> None:
    tags = sum(str(text).count("<") for name, text in members().items() if name.endswith(".xml"))
    monkeypatch.setattr(archive_guard, "MOST_TAGS_TOGETHER", tags)
    assert check_archive(io.BytesIO(GOOD)).project_id == ID
    monkeypatch.setattr(archive_guard, "MOST_TAGS_TOGETHER", tags - 1)
    with pytest.raises(EtsFileError):
        check_archive(io.BytesIO(GOOD))


@pytest.mark.parametrize(
    "document",
    ["<a/>", '<?xml version="1.0" encoding="UTF-8"?><a/>', "\ufeff<a/>", "\n <a>ü</a>"],
)
def test_utf_8_is_let_through(document: str) -> None:
    scan_xml(io.BytesIO(document.encode()))
    with pytest.raises(UnsafeXmlError):
        scan_xml(io.BytesIO(document.encode("utf-16")))
