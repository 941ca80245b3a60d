"""What the answers of a device make of its link, and what of that is said."""

import logging

import pytest

from knxgw.catalogue.load import catalogue
from knxgw.charging.events import LinkCondition
from knxgw.errors import DecodeError, PeerRefusedError
from knxgw.modbus.health import RELAPSES, WINDOW, Health
from knxgw.modbus.plan import Block, plan_blocks
from knxgw.modbus.requests import Read

GOOD, COMM = LinkCondition.GOOD, LinkCondition.COMM
MODEL = catalogue().chargers["keba_p30"]
BLOCKS: tuple[Block, ...] = plan_blocks(
    MODEL, unit_id=255, address_offset=0, wanted=["state", "power", "current_l1", "current_l2"]
)
DAY_S = 86_400.0


class Device:
    """Asks one block after the other, once a second."""

    def __init__(self) -> None:
        self.health = Health("cp1")
        self.now_s = 0.0
        self.link = GOOD
        self.links: list[LinkCondition] = []

    def answers(self, *, wrong: Exception | None = None) -> None:
        """Take the answer to the next request."""
        self.now_s += 1.0
        request = Read(block=BLOCKS[int(self.now_s) % len(BLOCKS)])
        if wrong is None:
            self.health.note_read(request.block)
            self.show(self.health.note_answer(None))
        elif self.health.note_wrong_answer(request, wrong, self.now_s, is_needed=True):  # type: ignore[arg-type]
            self.show(COMM)

    def show(self, link: LinkCondition) -> None:
        """Note a change."""
        if link is not self.link:
            self.links.append(link)
        self.link = link


FAILURE = PeerRefusedError("refused, exception 4, device failure", 4)


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what was said."""
    return [record.getMessage() for record in caplog.records]


def test_one_wrong_answer_in_five_is_comm_until_it_ends_and_has_two_lines_a_day(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "knxgw")
    device = Device()
    for n in range(int(DAY_S / 4)):
        device.answers(wrong=FAILURE if n % 5 == 4 else None)
        if device.links:
            assert n < 5 * RELAPSES + 5 or device.link is COMM
    for _ in range(WINDOW + 1):
        device.answers()
    assert device.links == [COMM, GOOD]
    begun, ended = lines(caplog)
    assert begun.startswith("cp1: wrong answers, the last to read of holding register")
    assert begun.endswith("refused, exception 4, device failure")
    assert ended.startswith("cp1: answers are correct again, after 43")


@pytest.mark.parametrize("every", [11, 30, 3600])
def test_a_wrong_answer_now_and_then_is_no_fault_and_has_no_line(
    every: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "knxgw")
    device = Device()
    for n in range(20_000):
        device.answers(wrong=FAILURE if n % every == every - 1 else None)
    assert device.links == []
    assert lines(caplog) == []


def test_two_in_a_row_are_comm_until_the_next_good_one() -> None:
    device = Device()
    for wrong in (None, None, None, None, FAILURE, FAILURE, FAILURE, None):
        device.answers(wrong=wrong)
    assert device.links == [COMM, GOOD]


def test_a_device_that_comes_and_goes_all_day_has_a_line_now_and_then(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "knxgw")
    device = Device()
    for n in range(int(DAY_S)):
        device.answers(wrong=DecodeError("nonsense") if n % 60 > 57 else None)
    assert device.links.count(COMM) == 1440
    assert 4 <= len(lines(caplog)) <= 2 * (2 + 2)


@pytest.mark.proves("4.20")
def test_a_refused_register_is_said_once_with_direction_function_and_meaning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "knxgw")
    health, request = Health("cp1"), Read(block=BLOCKS[0])
    error = PeerRefusedError("refused, exception 2, illegal data address", 2)
    for second in range(0, 10_000, 5):
        health.note_wrong_answer(request, error, float(second), is_needed=True)
        health.note_answer(None)
    assert lines(caplog) == [
        "cp1: read of holding registers 1000 to 1001 (state), function 3, unit 255: "
        "refused, exception 2, illegal data address (reported once)"
    ]


def test_one_that_is_silent_for_days_is_asked_every_quarter_of_a_minute() -> None:
    health = Health("cp1")
    for _ in range(20_000):
        health.note_silence()
        assert 0.0 < health.back_off_s <= 15.0
    assert health.back_off_s == 15.0
