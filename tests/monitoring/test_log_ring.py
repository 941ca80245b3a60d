"""The log ring hears the program, hides secrets, and extended mode ends by itself."""

import logging
from collections.abc import Iterator

import pytest

from knxgw.commands.log import OneLine
from knxgw.monitoring.log_ring import (
    EXTENDED_S,
    SIMPLE,
    Area,
    LogFilter,
    LogRecorder,
    after_download,
    area_of,
    at_time,
    chosen_lines,
    extended,
)

LOG = logging.getLogger("knxgw.links.knx_port")
WIRE = logging.getLogger("knxgw.wire.knx")


@pytest.fixture
def recorder() -> Iterator[LogRecorder]:
    before = {name: logging.getLogger(name).level for name in ("knxgw", "knxgw.wire")}
    for name in before:
        logging.getLogger(name).setLevel(logging.INFO)
    kept = LogRecorder()
    kept.begin()
    yield kept
    kept.end()
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


def texts(recorder: LogRecorder) -> list[str]:
    return [one.row.text for one in recorder.ring.rows()]


class Printing(logging.Handler):
    """What the program prints."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def test_a_line_is_kept_with_time_level_and_area_and_without_secrets(recorder: LogRecorder) -> None:
    recorder.scrubber.learn("sesame42")
    LOG.warning("link lost: %s", "sesame42")
    (line,) = (one.row for one in recorder.ring.rows())
    assert (line.level, line.area, line.text) == (logging.WARNING, Area.KNX, "link lost: ****")
    assert line.written().endswith("WARNING knx: link lost: ****")


def test_a_traceback_comes_along_without_secrets(recorder: LogRecorder) -> None:
    recorder.scrubber.learn("sesame42")
    try:
        int("sesame42")
    except ValueError:
        LOG.warning("it failed", exc_info=True)
    (text,) = texts(recorder)
    assert "Traceback" in text
    assert "ValueError: invalid literal" in text
    assert "sesame42" not in text


@pytest.mark.proves("W09")
def test_what_somebody_else_sends_does_not_pass_for_a_line_of_ours(recorder: LogRecorder) -> None:
    card = "04AB\r\n2026-07-01 12:00:00 ERROR knxgw: the building burns\x1b[2J\u202e"
    LOG.info("card %s", card)
    record = logging.LogRecord("knxgw", logging.INFO, "", 1, "card %s", (card,), None)
    for text in (texts(recorder)[-1], OneLine("%(message)s").format(record)):
        assert text.isprintable()
        assert text.startswith("card 04AB  2026")


def test_a_line_that_cannot_be_made_ends_nobody(
    recorder: LogRecorder, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    LOG.handle(LOG.makeRecord(LOG.name, logging.INFO, "", 0, "%d", ("no number",), None))
    assert texts(recorder) == []
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("logger", "area"),
    [
        ("knxgw.links.knx_port", Area.KNX),
        ("knxgw.links.modbus", Area.MODBUS),
        ("knxgw.links.modbus_buses", Area.MODBUS),
        ("knxgw.wire.modbus", Area.MODBUS),
        ("knxgw.application", Area.CHARGING),
        ("knxgw.website.serving", Area.WEBSITE),
        ("knxgw.store.writer", Area.STORE),
        ("knxgw.gateway", Area.DEVICE),
        ("asyncio", Area.DEVICE),
    ],
)
def test_a_logger_belongs_to_an_area(logger: str, area: Area) -> None:
    assert area_of(logger) is area


def test_lines_are_chosen_by_area_level_and_text(recorder: LogRecorder) -> None:
    LOG.info("link up")
    LOG.warning("Link lost")
    logging.getLogger("knxgw.store.writer").warning("disk full")

    def found(area: str = "", level: int = 0, text: str = "") -> list[str]:
        wanted = LogFilter(area=area, level=level, text=text)
        return [one.row.text for one in chosen_lines(recorder.ring.rows(), wanted)]

    assert found() == ["link up", "Link lost", "disk full"]
    assert found(area="knx") == found(text=" LINK ") == ["link up", "Link lost"]
    assert found(level=logging.WARNING) == ["Link lost", "disk full"]
    assert found(area="store") == ["disk full"]
    assert found(area="knx", level=logging.WARNING, text="lost") == ["Link lost"]


@pytest.mark.proves("W36")
def test_extended_mode_ends_after_the_download_or_an_hour() -> None:
    mode = extended(100.0)
    assert mode.left_s(100.0) == EXTENDED_S
    assert at_time(mode, 100.0 + EXTENDED_S - 1) is mode
    assert at_time(mode, 100.0 + EXTENDED_S) is SIMPLE
    assert after_download(mode) is SIMPLE
    assert after_download(SIMPLE) is SIMPLE
    assert SIMPLE.left_s(5.0) is None


def test_extended_mode_hears_every_telegram_and_prints_no_more_than_before(
    recorder: LogRecorder,
) -> None:
    printing = Printing()
    logging.getLogger().addHandler(printing)
    try:
        WIRE.debug("quiet")
        recorder.extend(0.0)
        WIRE.debug("telegram")
        LOG.debug("detail")
        LOG.info("news")
        logging.getLogger("other").warning("of others")
        recorder.check(EXTENDED_S - 1)
        assert recorder.mode.is_extended
        recorder.check(EXTENDED_S)
        WIRE.debug("quiet again")
        LOG.info("news again")
    finally:
        logging.getLogger().removeHandler(printing)
    assert texts(recorder) == ["telegram", "detail", "news", "of others", "news again"]
    assert printing.lines == ["news", "of others", "news again"]
    assert not recorder.mode.is_extended


def test_a_download_ends_extended_mode_and_the_levels_are_those_of_before(
    recorder: LogRecorder,
) -> None:
    logging.getLogger("knxgw.wire").setLevel(logging.NOTSET)
    recorder.extend(0.0)
    recorder.extend(10.0)
    assert recorder.mode.left_s(10.0) == EXTENDED_S
    recorder.note_download()
    assert logging.getLogger("knxgw").level == logging.INFO
    assert logging.getLogger("knxgw.wire").level == logging.NOTSET
    recorder.note_download()
    assert texts(recorder) == []
