"""The child looks at a document as the parser gets it, after it has cut the buildings out."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from xml.etree import ElementTree as ET

import pytest

from knxgw.ets.project_child import _look_once
from knxgw.ets.xml_guard import UnsafeXmlError

CUT = "<Locations></Locations>"


class Contents:
    """The two documents of a project, as xknxproject opens them."""

    def __init__(self, document: str) -> None:
        self._document = document.encode()

    @contextmanager
    def open_project_meta(self) -> Iterator[io.BytesIO]:
        yield io.BytesIO(b"<KNX/>")

    @contextmanager
    def open_project_0(self) -> Iterator[io.BytesIO]:
        yield io.BytesIO(self._document)


def parsed(document: str) -> ET.Element:
    """Return what a parser makes of a document once it was looked at."""
    contents = Contents(document)
    _look_once(contents)
    with contents.open_project_0() as file:
        return ET.fromstring(file.read())  # noqa: S314 - what it must refuse


@pytest.mark.parametrize(
    "document",
    [
        f'<!DOC{CUT}TYPE k [<!ENTITY a "aa">]><KNX Name="&a;"/>',
        f'<!DOCTYPE k [<!ENT{CUT}ITY a "aa">]><KNX Name="&a;"/>',
    ],
)
def test_what_stands_on_both_sides_of_a_cut_is_not_joined(document: str) -> None:
    with pytest.raises((UnsafeXmlError, ET.ParseError)):
        parsed(document)


def test_what_is_not_cut_stays_as_it_is() -> None:
    root = parsed('<KNX><Locations><Space Name="Hall"/></Locations><a Name="b"/></KNX>')
    assert [one.tag for one in root] == ["a"]
