"""What the set-up keeps in the state directory: read again, private, and no reason to fail."""

import logging
import stat
from pathlib import Path

import pytest

from knxgw.store.kept_file import UNAPPLIED, KeptFile


def test_what_was_begun_is_read_again_and_belongs_to_the_gateway_alone(tmp_path: Path) -> None:
    file = KeptFile(tmp_path, UNAPPLIED)
    assert file.read() == {}
    file.write({"owner": {"text": "device: {name: Größe}\n", "based_on": "1"}})
    assert KeptFile(tmp_path, UNAPPLIED).read()["owner"]["text"] == "device: {name: Größe}\n"
    assert stat.S_IMODE((tmp_path / UNAPPLIED).stat().st_mode) == 0o600
    file.write({})
    assert not (tmp_path / UNAPPLIED).exists()


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"a": "\xff"}'])
def test_a_damaged_file_is_given_up(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / UNAPPLIED).write_bytes(content)
    assert KeptFile(tmp_path, UNAPPLIED).read() == {}
    assert all(record.levelno <= logging.WARNING for record in caplog.records)
