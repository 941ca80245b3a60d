"""Downloads: tables and texts with a fixed file name."""

from collections.abc import Iterable, Iterator, Sequence

from flask import Response

from knxgw.monitoring.csv_table import Cell, csv_lines
from knxgw.website.language import Language


def csv_answer(
    name: str, headings: Sequence[str], rows: Iterable[Sequence[Cell]], words: Language
) -> Response:
    """Return a table as a download; `name` is ASCII and ours, never a text from elsewhere."""
    lines = csv_lines(headings, rows, words.code, words.tzinfo)
    return download(f"{name}.csv", (line.encode() for line in lines), "text/csv; charset=utf-8")


def download(name: str, content: Iterator[bytes] | bytes, content_type: str) -> Response:
    """Return a file to be saved; `name` is ASCII and ours."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, headers=headers, content_type=content_type)
