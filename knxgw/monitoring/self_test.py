"""The self-test: what is looked at, what is found, and what is wrong. Pure; it changes no current."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

LEAST_SPACE_B = 50 * 1024 * 1024
SLOW_STORE_S = 1.0
MOST_MEMORY_B = 400 * 1024 * 1024
SLOW_LOOP_S = 0.25
SLOW_READ_S = 2.0


class Check(StrEnum):
    """What is looked at, in the order of the table."""

    STORE = "store"
    SPACE = "space"
    CLOCK = "clock"
    KNX = "knx"
    ADDRESSES = "addresses"  # the group addresses that load management needs
    SMART_METER = "smart_meter"
    CHARGER = "charger"
    METER = "meter"  # the electricity meter of a charging point
    CERTIFICATE = "certificate"  # of the website
    FIRMWARE = "firmware"  # the slots, and whether the last update works
    FIRMWARE_KEYS = "firmware_keys"  # whose firmware the device takes
    TIME_SOURCE = "time_source"  # the time servers of the machine
    NETWORK = "network"
    GPIO = "gpio"  # the contacts of button and LEDs
    MEMORY = "memory"
    LOOP = "loop"  # whether the program reacts in time


OF_DEVICES = {Check.CHARGER, Check.METER}  # any number of rows, each with the name of its device


class Verdict(StrEnum):
    """What came of a check."""

    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"
    NOT_USED = "not_used"  # this site has no such thing


class Problem(StrEnum):
    """What is wrong; each has words and a remedy."""

    NOT_STORED = "not_stored"
    STORE_SLOW = "store_slow"
    SPACE_LOW = "space_low"
    CLOCK_NOT_SET = "clock_not_set"
    CLOCK_NOT_SYNCHRONISED = "clock_not_synchronised"
    KNX_NOT_CONNECTED = "knx_not_connected"
    ADDRESSES_MISSING = "addresses_missing"
    METER_SILENT = "meter_silent"
    DEVICE_NOT_REACHABLE = "device_not_reachable"
    DEVICE_WRONG_ANSWERS = "device_wrong_answers"
    DEVICE_WRONG_MODEL = "device_wrong_model"
    DEVICE_NOT_READ = "device_not_read"
    DEVICE_SLOW = "device_slow"
    CERTIFICATE_NOT_VALID = "certificate_not_valid"
    CERTIFICATE_ENDS = "certificate_ends"
    GPIO_NO_LIBRARY = "gpio_no_library"
    GPIO_CHIP_ABSENT = "gpio_chip_absent"
    GPIO_NO_CHIP = "gpio_no_chip"
    GPIO_NOT_ALLOWED = "gpio_not_allowed"
    GPIO_LINE_UNKNOWN = "gpio_line_unknown"
    GPIO_LINE_BUSY = "gpio_line_busy"
    GPIO_CHIP_LOST = "gpio_chip_lost"
    GPIO_REFUSED = "gpio_refused"
    FIRMWARE_ON_TRIAL = "firmware_on_trial"
    FIRMWARE_GIVEN_UP = "firmware_given_up"
    NO_FIRMWARE_KEY = "no_firmware_key"
    TIME_SERVERS_SILENT = "time_servers_silent"
    TIME_SERVERS_NOT_TAKEN = "time_servers_not_taken"
    NETWORK_NOT_CONFIRMED = "network_not_confirmed"
    NETWORK_WITHOUT_DHCP = "network_without_dhcp"
    MEMORY_HIGH = "memory_high"
    LOOP_SLOW = "loop_slow"
    NOT_FINISHED = "not_finished"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the result."""

    check: Check
    verdict: Verdict
    subject: str = ""  # the device or charging point it is of
    problem: Problem | None = None
    figures: Mapping[str, float] = field(default_factory=dict)  # by unit: s, B


def of_store(took_s: float | None) -> Row:
    """Judge a write to the state file; None: it failed."""
    if took_s is None:
        return _bad(Check.STORE, Problem.NOT_STORED)
    figures = {"s": took_s}
    if took_s > SLOW_STORE_S:
        return _warning(Check.STORE, Problem.STORE_SLOW, figures)
    return _good(Check.STORE, figures)


def of_space(free_b: int | None) -> Row:
    """Judge the space that is left for the state."""
    if free_b is None or free_b < LEAST_SPACE_B:
        return _bad(Check.SPACE, Problem.SPACE_LOW, {"B": free_b or 0})
    return _good(Check.SPACE, {"B": free_b})


def of_clock(*, is_valid: bool, is_synchronised: bool) -> Row:
    """Judge the wall clock."""
    if not is_valid:
        return _bad(Check.CLOCK, Problem.CLOCK_NOT_SET)
    if not is_synchronised:
        return _warning(Check.CLOCK, Problem.CLOCK_NOT_SYNCHRONISED)
    return _good(Check.CLOCK)


def of_knx(*, is_used: bool, is_up: bool) -> Row:
    """Judge the KNX link."""
    if not is_used:
        return Row(check=Check.KNX, verdict=Verdict.NOT_USED)
    return _good(Check.KNX) if is_up else _bad(Check.KNX, Problem.KNX_NOT_CONNECTED)


def of_addresses(*, is_used: bool, are_missing: bool) -> Row:
    """Judge the group addresses that load management needs."""
    if not is_used:
        return Row(check=Check.ADDRESSES, verdict=Verdict.NOT_USED)
    if are_missing:
        return _bad(Check.ADDRESSES, Problem.ADDRESSES_MISSING)
    return _good(Check.ADDRESSES)


def of_smart_meter(*, is_used: bool, age_s: float | None, timeout_s: float) -> Row:
    """Judge the smart meter by the age of its values."""
    if not is_used:
        return Row(check=Check.SMART_METER, verdict=Verdict.NOT_USED)
    if age_s is None or age_s > timeout_s:
        figures = {} if age_s is None else {"s": age_s}
        return _bad(Check.SMART_METER, Problem.METER_SILENT, figures)
    return _good(Check.SMART_METER, {"s": age_s})


CONDITIONS: Mapping[str, Problem] = {
    "starting": Problem.DEVICE_NOT_REACHABLE,
    "not_reachable": Problem.DEVICE_NOT_REACHABLE,
    "comm": Problem.DEVICE_WRONG_ANSWERS,
    "wrong_model": Problem.DEVICE_WRONG_MODEL,
}


def of_device(check: Check, subject: str, condition: str, read_s: float | None) -> Row:
    """Judge a device on Modbus by its link, whether its model was recognised, and a read of now.

    `read_s`: how long the read took; None: it failed.
    """
    problem = CONDITIONS.get(condition)
    if problem is None and read_s is None:
        problem = Problem.DEVICE_NOT_READ
    if problem is not None:
        return Row(check=check, verdict=Verdict.BAD, subject=subject, problem=problem)
    figures = {"s": read_s or 0.0}
    if (read_s or 0.0) > SLOW_READ_S:
        return Row(
            check=check,
            verdict=Verdict.WARNING,
            subject=subject,
            problem=Problem.DEVICE_SLOW,
            figures=figures,
        )
    return Row(check=check, verdict=Verdict.GOOD, subject=subject, figures=figures)


def of_certificate(*, is_used: bool, is_valid: bool, ends_soon: bool) -> Row:
    """Judge the certificate that the website is encrypted with."""
    if not is_used:
        return Row(check=Check.CERTIFICATE, verdict=Verdict.NOT_USED)
    if not is_valid:
        return _bad(Check.CERTIFICATE, Problem.CERTIFICATE_NOT_VALID)
    if ends_soon:
        return _warning(Check.CERTIFICATE, Problem.CERTIFICATE_ENDS)
    return _good(Check.CERTIFICATE)


def of_gpio(*, is_used: bool, problem: Problem | None = None, subject: str = "") -> Row:
    """Judge the lines of button and LEDs; `subject`: the line or chip, and who uses it.

    Whatever is wrong is a warning: the device runs without.
    """
    if not is_used:
        return Row(check=Check.GPIO, verdict=Verdict.NOT_USED)
    if problem is None:
        return _good(Check.GPIO)
    return Row(check=Check.GPIO, verdict=Verdict.WARNING, subject=subject, problem=problem)


def of_firmware(*, is_own: bool, version: str, on_trial: bool, was_given_up: bool) -> Row:
    """Judge the slots of the firmware; `was_given_up`: the last thing that happened to an update."""
    if not is_own:
        return Row(check=Check.FIRMWARE, verdict=Verdict.NOT_USED)
    problem = None
    if on_trial:
        problem = Problem.FIRMWARE_ON_TRIAL
    elif was_given_up:
        problem = Problem.FIRMWARE_GIVEN_UP
    return _good_unless(problem, Check.FIRMWARE, version)


def of_firmware_keys(*, is_own: bool, count: int) -> Row:
    """Judge the public keys whose firmware is taken."""
    if not is_own:
        return Row(check=Check.FIRMWARE_KEYS, verdict=Verdict.NOT_USED)
    if not count:
        return _warning(Check.FIRMWARE_KEYS, Problem.NO_FIRMWARE_KEY)
    return _good(Check.FIRMWARE_KEYS)


def of_time_source(*, is_used: bool, server: str, is_synchronised: bool, are_taken: bool) -> Row:
    """Judge the time servers; `server`: the one that is asked now."""
    if not is_used:
        return Row(check=Check.TIME_SOURCE, verdict=Verdict.NOT_USED)
    problem = None
    if not are_taken:
        problem = Problem.TIME_SERVERS_NOT_TAKEN
    elif not is_synchronised:
        problem = Problem.TIME_SERVERS_SILENT
    return _good_unless(problem, Check.TIME_SOURCE, server)


def of_network(*, is_used: bool, adapter: str, is_waiting: bool, is_link_local: bool) -> Row:
    """Judge the network settings that are made on the device; `is_link_local`: only a 169.254 address."""
    if not is_used:
        return Row(check=Check.NETWORK, verdict=Verdict.NOT_USED)
    problem = None
    if is_waiting:
        problem = Problem.NETWORK_NOT_CONFIRMED
    elif is_link_local:
        problem = Problem.NETWORK_WITHOUT_DHCP
    return _good_unless(problem, Check.NETWORK, adapter)


def of_memory(used_b: int | None) -> Row:
    """Judge what the program holds in memory."""
    if used_b is None:
        return Row(check=Check.MEMORY, verdict=Verdict.NOT_USED)
    if used_b > MOST_MEMORY_B:
        return _warning(Check.MEMORY, Problem.MEMORY_HIGH, {"B": used_b})
    return _good(Check.MEMORY, {"B": used_b})


def of_loop(lag_s: float) -> Row:
    """Judge by how much the program reacted late, at worst."""
    if lag_s > SLOW_LOOP_S:
        return _warning(Check.LOOP, Problem.LOOP_SLOW, {"s": lag_s})
    return _good(Check.LOOP, {"s": lag_s})


def not_finished(rows: Iterable[Row]) -> list[Row]:
    """Return a row for each check that has none yet, because there was no time left.

    Devices are named by whoever looks at them: see `device_not_finished`.
    """
    seen = {row.check for row in rows}
    return [_bad(check, Problem.NOT_FINISHED) for check in Check if check not in seen | OF_DEVICES]


def device_not_finished(check: Check, subject: str) -> Row:
    """Return the row of a device that was not looked at in time."""
    return Row(check=check, verdict=Verdict.BAD, subject=subject, problem=Problem.NOT_FINISHED)


def _good(check: Check, figures: Mapping[str, float] | None = None) -> Row:
    return Row(check=check, verdict=Verdict.GOOD, figures=figures or {})


def _good_unless(problem: Problem | None, check: Check, subject: str) -> Row:
    """Return a row that is good, or a warning if there is a problem."""
    verdict = Verdict.GOOD if problem is None else Verdict.WARNING
    return Row(check=check, verdict=verdict, subject=subject, problem=problem)


def _warning(check: Check, problem: Problem, figures: Mapping[str, float] | None = None) -> Row:
    return Row(check=check, verdict=Verdict.WARNING, problem=problem, figures=figures or {})


def _bad(check: Check, problem: Problem, figures: Mapping[str, float] | None = None) -> Row:
    return Row(check=check, verdict=Verdict.BAD, problem=problem, figures=figures or {})


# --- the running -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A self-test that runs or has run: rows appear one by one."""

    number: int = 0  # counts the tests of this start; 0: none yet
    rows: tuple[Row, ...] = ()
    expected: int = 0  # rows there will be
    is_running: bool = False


class SelfTestRun:
    """Holds what the newest self-test has found; written in the event loop, read from any thread."""

    def __init__(self, on_change: Callable[[], None] = lambda: None) -> None:
        self.progress = Progress()
        self._on_change = on_change

    def begin(self, expected: int) -> None:
        """Start over."""
        number = self.progress.number + 1
        self._set(Progress(number=number, expected=expected, is_running=True))

    def add(self, row: Row) -> None:
        """Note a row."""
        before = self.progress
        rows = (*before.rows, row)
        self._set(
            Progress(
                number=before.number,
                rows=rows,
                expected=max(before.expected, len(rows)),
                is_running=before.is_running,
            )
        )

    def end(self) -> None:
        """Note that nothing more comes."""
        before = self.progress
        self._set(Progress(number=before.number, rows=before.rows, expected=len(before.rows)))

    def _set(self, progress: Progress) -> None:
        self.progress = progress
        self._on_change()
