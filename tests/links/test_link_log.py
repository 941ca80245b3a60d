"""The log says that a link is lost once, that it is back once, and does not fill with a bad link_log."""

import logging

import pytest

from knxgw.links.link_log import LinkLog

log = logging.getLogger("knxgw.test")


@pytest.fixture
def link_log(caplog: pytest.LogCaptureFixture) -> LinkLog:
    """Return the log of a link that was up for a day."""
    caplog.set_level(logging.DEBUG, "knxgw.test")
    link_log = LinkLog("KNX", log)
    link_log.up(0.0, "address 1.1.20")
    caplog.clear()
    return link_log


def said(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Return level and text of every line."""
    return [(record.levelname, record.getMessage()) for record in caplog.records]


def test_a_loss_is_said_once_and_the_return_once(
    link_log: LinkLog, caplog: pytest.LogCaptureFixture
) -> None:
    for second in range(86_400, 86_442, 7):
        link_log.failed("the network adapter eth0 was away", float(second))
    link_log.up(86_442.0, "address 1.1.20")
    assert said(caplog) == [
        ("WARNING", "KNX link lost (the network adapter eth0 was away), trying again"),
        ("INFO", "KNX link back after 42 s, address 1.1.20"),
    ]


def test_another_reason_meanwhile_is_said_once(
    link_log: LinkLog, caplog: pytest.LogCaptureFixture
) -> None:
    for why in ("closed", "refused", "refused", "no route", "no route"):
        link_log.failed(why, 90_000.0)
    assert said(caplog) == [
        ("WARNING", "KNX link lost (closed), trying again"),
        ("INFO", "KNX: still no link (refused), trying again"),
        ("INFO", "KNX: still no link (no route), trying again"),
    ]


def test_reasons_that_change_all_the_time_are_said_once_each(
    link_log: LinkLog, caplog: pytest.LogCaptureFixture
) -> None:
    for second in range(0, 86_400, 10):
        link_log.failed(f"reason {second % 30}", float(second))
    assert [text for _, text in said(caplog)] == [
        "KNX link lost (reason 0), trying again",
        "KNX: still no link (reason 10), trying again",
        "KNX: still no link (reason 20), trying again",
    ]
    caplog.clear()
    for second in range(90_000, 91_000, 10):
        link_log.failed(f"reason {second}", float(second))
    assert len(caplog.records) < 10


def test_a_link_that_never_was_there_is_not_lost(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "knxgw.test")
    link_log = LinkLog("KNX", log)
    for second in range(3):
        link_log.failed("refused", float(second))
    link_log.up(3.0, "address 1.1.20")
    assert said(caplog) == [
        ("WARNING", "KNX: no link yet (refused), trying again"),
        ("INFO", "KNX link is up, address 1.1.20"),
    ]


@pytest.mark.parametrize("period_s", [2, 10, 61, 600])
def test_a_link_that_flaps_all_day_adds_less_than_a_hundred_lines(
    period_s: int, link_log: LinkLog, caplog: pytest.LogCaptureFixture
) -> None:
    for second in range(0, 86_400, period_s):
        link_log.failed("closed", float(second))
        link_log.up(second + 1.0, "address 1.1.20")
    assert 10 < len(caplog.records) < 100
    losses = [text for level, text in said(caplog) if level == "WARNING"]
    assert "times for a short while before" in losses[-1]


def test_a_long_loss_after_short_ones_is_said_all_the_same(
    link_log: LinkLog, caplog: pytest.LogCaptureFixture
) -> None:
    for second in range(0, 600, 10):
        link_log.failed("closed", float(second))
        link_log.up(second + 1.0, "address 1.1.20")
    caplog.clear()
    for second in range(600, 1300, 10):
        link_log.failed("refused", float(second))
    (only,) = said(caplog)
    assert only[1].startswith("KNX link lost (refused)")


def test_hours_of_good_work_make_a_short_loss_news_again(
    link_log: LinkLog, caplog: pytest.LogCaptureFixture
) -> None:
    for second in range(0, 600, 10):
        link_log.failed("closed", float(second))
        link_log.up(second + 1.0, "address 1.1.20")
    caplog.clear()
    for start_s in (9_000.0, 9_060.0):
        link_log.failed("closed", start_s)
        link_log.up(start_s + 1.0, "address 1.1.20")
    assert len(caplog.records) == 4


def test_losses_now_and_then_are_all_said(
    link_log: LinkLog, caplog: pytest.LogCaptureFixture
) -> None:
    for start_s in (10.0, 25.0, 40.0, 3_000.0, 7_200.0):
        link_log.failed("closed", start_s)
        link_log.up(start_s + 5.0, "address 1.1.20")
    assert len(caplog.records) == 10
