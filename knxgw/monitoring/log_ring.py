"""The last lines of the log, for pages and for the log file; and the extended logging mode.

Extended mode notes what simple mode leaves out, every telegram and request among it. It costs performance and
therefore ends by itself: after the download, or an hour. What the program prints stays as it was.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple

from knxgw.errors import one_line
from knxgw.monitoring.ring import Numbered, Ring
from knxgw.monitoring.scrub import Scrubber

KEPT = 20_000
LONGEST_LINE = 4000  # characters
EXTENDED_S = 3600.0
PROGRAM, WIRE = "knxgw", "knxgw.wire"


class Area(StrEnum):
    """Which part of the device a line is of."""

    KNX = "knx"
    MODBUS = "modbus"
    CHARGING = "charging"
    WEBSITE = "website"
    STORE = "store"
    DEVICE = "device"


_AREAS = (
    ("knxgw.links.modbus", Area.MODBUS),
    ("knxgw.wire.modbus", Area.MODBUS),
    ("knxgw.modbus", Area.MODBUS),
    ("pymodbus", Area.MODBUS),
    ("knxgw.links", Area.KNX),
    ("knxgw.wire.knx", Area.KNX),
    ("knxgw.objects", Area.KNX),
    ("xknx", Area.KNX),
    ("knxgw.application", Area.CHARGING),
    ("knxgw.station", Area.CHARGING),
    ("knxgw.charging", Area.CHARGING),
    ("knxgw.dlm", Area.CHARGING),
    ("knxgw.website", Area.WEBSITE),
    ("waitress", Area.WEBSITE),
    ("werkzeug", Area.WEBSITE),
    ("knxgw.store", Area.STORE),
)


def area_of(logger: str) -> Area:
    """Return the area of a logger."""
    return next((area for name, area in _AREAS if logger.startswith(name)), Area.DEVICE)


class LogLine(NamedTuple):
    """One line of the log, without secrets."""

    at: datetime  # aware, UTC
    level: int  # of the module logging
    area: Area
    text: str

    def written(self) -> str:
        """Return it as it stands in the log file."""
        level = logging.getLevelName(self.level)
        return f"{self.at.isoformat(timespec='milliseconds')} {level:<7} {self.area}: {self.text}"


class LogRing(logging.Handler):
    """A handler that keeps the last lines."""

    def __init__(self, scrubber: Scrubber, size: int = KEPT) -> None:
        super().__init__()
        self.ring = Ring[LogLine](size)
        self._scrubber = scrubber
        self._formatter = logging.Formatter()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line; its traceback comes along."""
        try:
            text = one_line(record.getMessage())
            if record.exc_info:
                text = f"{text}\n{self._formatter.formatException(record.exc_info)}"
            text = self._scrubber.scrub(text[:LONGEST_LINE])
            at = datetime.fromtimestamp(record.created, UTC)
            self.ring.append(LogLine(at, record.levelno, area_of(record.name), text))
        except Exception:  # noqa: BLE001 - as every handler does it: a line must not end its caller
            self.handleError(record)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFilter:
    """Which lines are shown; what is empty lets all through."""

    area: str = ""
    level: int = logging.NOTSET  # and above
    text: str = ""

    def fits(self, line: LogLine) -> bool:
        """Tell whether a line is shown."""
        wanted = self.text.strip().lower()
        return (
            self.area in ("", line.area)
            and line.level >= self.level
            and (not wanted or wanted in line.text.lower())
        )


def chosen_lines(
    rows: Iterable[Numbered[LogLine]], wanted: LogFilter
) -> tuple[Numbered[LogLine], ...]:
    """Return the lines that a filter lets through, in the same order."""
    return tuple(one for one in rows if wanted.fits(one.row))


# --- extended mode -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggingMode:
    """How much is logged."""

    extended_since: float | None = None  # [monotonic s]; None: simple

    @property
    def is_extended(self) -> bool:
        """Tell whether everything is logged."""
        return self.extended_since is not None

    def left_s(self, now_s: float) -> float | None:
        """Return how long extended mode still lasts [s], None in simple mode."""
        if self.extended_since is None:
            return None
        return max(0.0, self.extended_since + EXTENDED_S - now_s)


SIMPLE = LoggingMode()


def extended(now_s: float) -> LoggingMode:
    """Return extended mode, from now on for its whole time."""
    return LoggingMode(extended_since=now_s)


def after_download(mode: LoggingMode) -> LoggingMode:
    """Return the mode after the log was downloaded."""
    return SIMPLE if mode.is_extended else mode


def at_time(mode: LoggingMode, now_s: float) -> LoggingMode:
    """Return the mode that holds at a time."""
    return SIMPLE if mode.left_s(now_s) == 0.0 else mode


class LogRecorder:
    """The log ring at work: it hears the whole program, and may be set to hear more.

    What other handlers print does not change with the mode.
    """

    def __init__(self, scrubber: Scrubber | None = None) -> None:
        self.scrubber = scrubber or Scrubber()
        self.handler = LogRing(self.scrubber)
        self.mode = SIMPLE
        self._levels: dict[str, int] | None = None  # of before, while it is extended
        self._guard = _LevelsOfBefore()

    @property
    def ring(self) -> Ring[LogLine]:
        """Return the lines that are kept."""
        return self.handler.ring

    def begin(self) -> None:
        """Hear what is logged from now on."""
        logging.getLogger().addHandler(self.handler)

    def end(self) -> None:
        """Hear nothing more."""
        self.set_mode(SIMPLE)
        logging.getLogger().removeHandler(self.handler)

    def extend(self, now_s: float) -> None:
        """Log everything for an hour at most."""
        self.set_mode(extended(now_s))

    def note_download(self) -> None:
        """Hear that the log was downloaded: extended mode ends."""
        self.set_mode(after_download(self.mode))

    def check(self, now_s: float) -> None:
        """End extended mode when its time is over."""
        mode = at_time(self.mode, now_s)
        if mode is not self.mode:
            self.set_mode(mode)

    def set_mode(self, mode: LoggingMode) -> None:
        """Log as a mode says."""
        was_extended, self.mode = self.mode.is_extended, mode
        if mode.is_extended and not was_extended:
            self._turn_up()
        elif was_extended and not mode.is_extended:
            self._turn_down()

    def _turn_up(self) -> None:
        levels = {name: logging.getLogger(name).level for name in (PROGRAM, WIRE)}
        effective = {name: logging.getLogger(name).getEffectiveLevel() for name in (PROGRAM, WIRE)}
        self._levels = levels
        self._guard.levels = effective
        for handler in logging.getLogger().handlers:
            if handler is not self.handler:
                handler.addFilter(self._guard)
        for name in (PROGRAM, WIRE):
            logging.getLogger(name).setLevel(logging.DEBUG)

    def _turn_down(self) -> None:
        for name, level in (self._levels or {}).items():
            logging.getLogger(name).setLevel(level)
        self._levels = None
        for handler in logging.getLogger().handlers:
            handler.removeFilter(self._guard)


class _LevelsOfBefore(logging.Filter):
    """Lets through what would have come without extended mode."""

    def __init__(self) -> None:
        super().__init__()
        self.levels: dict[str, int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a record passes."""
        for name in (WIRE, PROGRAM):
            if record.name == name or record.name.startswith(f"{name}."):
                return record.levelno >= self.levels.get(name, logging.NOTSET)
        return True
