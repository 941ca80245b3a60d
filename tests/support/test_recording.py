import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.recording import Recording

Write = Callable[..., Recording]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a recording of these (group address, payload) from 1.1.2."""

    def written(*telegrams: tuple[str, str]) -> Recording:
        lines: list[dict[str, object]] = [{"ready": True}]
        lines += [
            {
                "time": 0.0,
                "source": "1.1.2",
                "destination": destination,
                "service": "write",
                "payload": payload,
            }
            for destination, payload in telegrams
        ]
        path = tmp_path / "bus.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"half a li')
        return Recording(path)

    return written


def test_expected_telegrams_come_back(write: Write) -> None:
    recording = write(("1/2/3", "01"), ("1/2/4", "0a"))
    seen = recording.expect([("1/2/4", "0A"), ("1/2/3", lambda t: t.source == "1.1.2")], quiet_s=0)
    assert [telegram.destination for telegram in seen] == ["1/2/3", "1/2/4"]


def test_a_missing_telegram_is_named(write: Write) -> None:
    with pytest.raises(AssertionError, match="missing:\n  1/2/4 00\nunexpected or twice:\n  no"):
        write(("1/2/3", "01")).expect([("1/2/3", "01"), ("1/2/4", "00")], timeout_s=0)


def test_a_telegram_twice_is_one_too_many(write: Write) -> None:
    with pytest.raises(AssertionError, match=r"twice:\n  1\.1\.2 -> 1/2/3 write 01"):
        write(("1/2/3", "01"), ("1/2/3", "01")).expect([("1/2/3", "01")])


def test_telegrams_of_one_address_keep_their_order(write: Write) -> None:
    with pytest.raises(AssertionError):
        write(("1/2/3", "01"), ("1/2/3", "02")).expect([("1/2/3", "02"), ("1/2/3", "01")])


def test_order_between_addresses_matters_only_when_asked(write: Write) -> None:
    recording = write(("1/2/3", "01"), ("1/2/4", "02"))
    turned = [("1/2/4", "02"), ("1/2/3", "01")]
    recording.expect(turned, quiet_s=0)
    with pytest.raises(AssertionError):
        recording.expect(turned, quiet_s=0, ordered=True)


def test_a_mark_leaves_earlier_telegrams_out(write: Write) -> None:
    recording = write(("1/2/3", "01"))
    recording.mark()
    recording.expect([], quiet_s=0)


def test_waiting_in_vain_says_what_was_seen(write: Write) -> None:
    with pytest.raises(TimeoutError, match="1/2/3 write 01"):
        write(("1/2/3", "01")).wait_for(lambda telegram: telegram.payload == "02", timeout_s=0)
