"""The log file: small enough, complete as far as it can be made, and without secrets."""

import io
import json
import random
import zipfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knxgw.monitoring.scrub import HIDDEN, Scrubber
from knxgw.website import log_zip as module
from knxgw.website.log_zip import LARGEST, LARGEST_PART, Part, log_zip

NOW = datetime(2026, 11, 29, 12, 30, 4, tzinfo=UTC)
PLANTED = ("sesame42", "00112233445566778899AABBCCDDEEFF", "hunter22")


def scrubber() -> Scrubber:
    found = Scrubber()
    found.learn("sesame42")
    return found


def unpacked(parts: Iterable[Part]) -> dict[str, bytes]:
    data = b"".join(log_zip(parts, scrubber(), {"knxgw": "0.2"}, NOW))
    assert len(data) <= LARGEST
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def part(name: str, *pieces: str) -> Part:
    return Part(name=name, text=lambda: pieces)


def test_every_part_is_there_and_the_manifest_names_it() -> None:
    files = unpacked([part("a.txt", "one\n", "two"), part("b.csv", "Zähler;1\r\n")])
    assert files["a.txt"] == b"one\ntwo"
    manifest = json.loads(files["manifest.json"])
    assert manifest["versions"] == {"knxgw": "0.2"}
    assert manifest["made_at"] == NOW.isoformat()
    assert [one["name"] for one in manifest["files"]] == ["a.txt", "b.csv"]
    for one in manifest["files"]:
        assert one["sha256"] == sha256(files[one["name"]]).hexdigest()
        assert one["bytes"] == len(files[one["name"]])


@pytest.mark.proves("W14")
def test_planted_secrets_are_in_no_part() -> None:
    text = f"password: sesame42\nkey {PLANTED[1]}\nhttp://u:hunter22@host/ ses\name42"
    files = unpacked([part("log.txt", text), part("b.txt", "ses", "ame", "42 hunter", "22"[:0])])
    for content in files.values():
        for secret in PLANTED:
            assert secret.encode() not in content
    assert HIDDEN.encode() in files["log.txt"]


@settings(max_examples=50)
@given(st.integers(0, 30), st.integers(1, 9))
def test_a_secret_that_comes_in_pieces_is_found(at: int, size: int) -> None:
    text = "x" * at + "sesame42" + "y" * 10 + "\nnext line sesame42"
    pieces = [text[i : i + size] for i in range(0, len(text), size)]
    assert b"sesame42" not in unpacked([part("a", *pieces)])["a"]


def test_a_part_that_cannot_be_made_costs_itself_only(caplog: pytest.LogCaptureFixture) -> None:
    def fails() -> Iterator[str]:
        yield "begun\n"
        raise ValueError("sesame42")

    files = unpacked([Part(name="bad.txt", text=fails), part("good.txt", "here")])
    assert files["good.txt"] == b"here"
    assert "bad.txt" not in files
    assert json.loads(files["manifest.json"])["files"][0]["problem"] == "ValueError"
    assert "could not be made" in caplog.text
    assert "sesame42" not in caplog.text


def test_a_long_part_is_cut_and_says_so() -> None:
    def endless() -> Iterator[str]:
        while True:
            yield "line after line after line\n" * 1000

    files = unpacked([Part(name="log.txt", text=endless)])
    assert len(files["log.txt"]) <= LARGEST_PART
    assert files["log.txt"].endswith(b"(cut here: too long)\n")


def test_what_does_not_compress_still_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST", 600_000)
    monkeypatch.setattr(module, "LARGEST_PART", 400_000)
    noise = random.Random(1)  # noqa: S311 - no secret

    def text() -> Iterator[str]:
        for _ in range(300):
            yield "".join(chr(noise.randrange(33, 126)) for _ in range(1000)) + "\n"

    data = b"".join(
        log_zip((Part(name=f"{n}.txt", text=text) for n in range(4)), scrubber(), {}, NOW)
    )
    assert len(data) <= 600_000
    assert len(zipfile.ZipFile(io.BytesIO(data)).namelist()) == 5
