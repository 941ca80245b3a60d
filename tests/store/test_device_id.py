"""The number of a device stays, whatever happens to its state."""

import logging
from pathlib import Path

import pytest

from knxgw.store.database import Database
from knxgw.store.device_id import FILE_NAME, device_id


def test_a_device_has_one_number_for_good_and_another_device_another_one(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    first = device_id(tmp_path)
    assert device_id(tmp_path) == first
    assert device_id(tmp_path / "other") != first
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o077 == 0


def test_a_reset_to_the_factory_settings_leaves_it(tmp_path: Path) -> None:
    database = Database(tmp_path)
    first = device_id(tmp_path)
    database.erase()
    database.close()
    assert device_id(tmp_path) == first


@pytest.mark.parametrize("content", [b"", b"no number\n", b"\xff\xfe", b"0" * 1000])
def test_a_damaged_number_is_replaced(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(content)
    made = device_id(tmp_path)
    assert device_id(tmp_path) == made


def test_without_a_disk_there_is_a_number_until_the_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert device_id(tmp_path / "gone").version == 4
    assert "cannot be stored" in caplog.text
