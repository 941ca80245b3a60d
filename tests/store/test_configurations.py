"""Versions of the configuration: kept in files, fifty of them, and never half of one."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from knxgw.store.configurations import FOLDER_NAME, MOST_VERSIONS, Configurations, Origin
from knxgw.store.trouble import StateError

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


def test_a_version_is_read_as_it_was_kept(tmp_path: Path) -> None:
    kept = Configurations(tmp_path)
    text = "device: {name: Garage Süd}\n# 5 points\n"
    made = kept.keep(text, at=NOON, origin=Origin.WEBSITE, account="owner", note="first")
    assert made.number == 1
    assert kept.versions() == (made,)
    assert Configurations(tmp_path).version(1) == made
    assert made.text == text


def test_the_same_text_twice_is_one_version(tmp_path: Path) -> None:
    kept = Configurations(tmp_path)
    first = kept.keep("a: 1\n", at=NOON, origin=Origin.FILE)
    assert kept.keep("a: 1\n", at=NOON + timedelta(days=1), origin=Origin.FILE) == first
    kept.keep("a: 2\n", at=NOON, origin=Origin.FILE)
    kept.keep("a: 1\n", at=NOON, origin=Origin.RESTORED)
    assert [one.text for one in kept.versions()] == ["a: 1\n", "a: 2\n", "a: 1\n"]


def test_the_last_fifty_are_kept_and_no_number_is_used_twice(tmp_path: Path) -> None:
    kept = Configurations(tmp_path)
    for number in range(1, MOST_VERSIONS + 8):
        kept.keep(f"a: {number}\n", at=NOON, origin=Origin.FILE)
    numbers = [one.number for one in kept.versions()]
    assert numbers == list(range(MOST_VERSIONS + 7, 7, -1))
    assert len(list((tmp_path / FOLDER_NAME).iterdir())) == MOST_VERSIONS


@pytest.mark.parametrize("damage", [b"", b"{", b'{"at": 1}', b"\xff\xfe", b"[]"])
def test_a_damaged_version_costs_that_version_only(
    tmp_path: Path, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    kept = Configurations(tmp_path)
    for number in (1, 2, 3):
        kept.keep(f"a: {number}\n", at=NOON, origin=Origin.FILE)
    (tmp_path / FOLDER_NAME / "000002.json").write_bytes(damage)
    assert [one.number for one in kept.versions()] == [3, 1]
    assert kept.version(2) is None
    assert kept.keep("a: 4\n", at=NOON, origin=Origin.FILE).number == 4
    assert "000002.json is not a version" in caplog.text


def test_a_text_may_name_secrets_so_only_the_device_reads_it(tmp_path: Path) -> None:
    Configurations(tmp_path).keep("a: 1\n", at=NOON, origin=Origin.FILE)
    folder = tmp_path / FOLDER_NAME
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [stat.S_IMODE(one.stat().st_mode) for one in folder.iterdir()] == [0o600]


def test_a_disk_that_takes_nothing_is_said(tmp_path: Path) -> None:
    (tmp_path / FOLDER_NAME).write_text("in the way", encoding="utf-8")
    with pytest.raises(StateError):
        Configurations(tmp_path).keep("a: 1\n", at=NOON, origin=Origin.FILE)


def test_a_reset_leaves_nothing(tmp_path: Path) -> None:
    kept = Configurations(tmp_path)
    kept.keep("a: 1\n", at=NOON, origin=Origin.FILE)
    kept.own.write_text("a: 1\n", encoding="utf-8")
    kept.forget()
    assert kept.versions() == ()
    assert not kept.own.exists()
    assert list((tmp_path / FOLDER_NAME).iterdir()) == []
