"""GPIO lines of this machine by libgpiod: its types and errors become ours here.

Importing this module imports gpiod; `own_gpio` says when that cannot be done. libgpiod's objects are not safe
for threads: the input line and the output lines are two requests, and each belongs to one thread at a time.

Source: [libgpiod]; [linux-gpio-uapi].
"""

import errno
import select
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import gpiod
from gpiod.line import Bias, Direction, Edge, Value

from knxgw.host.gpio import CONSUMER, GpioError, GpioProblem, InputLine, Line, OutputLines

DEVICES, CHIPS = Path("/dev"), "gpiochip*"
_ACTIVE = {True: Value.ACTIVE, False: Value.INACTIVE}
_FORBIDDEN = {errno.EPERM, errno.EACCES}
# of libgpiod, of a chip that was unplugged meanwhile, and of an offset that fits no C integer
_ERRORS = (OSError, ValueError, OverflowError, gpiod.RequestReleasedError, gpiod.ChipClosedError)


class GpiodLines:
    """The chips of this machine."""

    def __init__(self, devices: Path = DEVICES) -> None:
        """`devices`: where the device files are."""
        self._devices = devices

    def watch(self, chip: str, line: Line, debounce_s: float) -> InputLine:
        """Hold a line as an input, pulled to its inactive level. Raises: GpioError."""
        plain = gpiod.LineSettings(
            direction=Direction.INPUT,
            active_low=line.is_active_low,
            bias=Bias.PULL_UP if line.is_active_low else Bias.PULL_DOWN,
        )
        with self._opened(chip) as opened:
            offset = _offset(opened, chip, line)
            watched = gpiod.LineSettings(
                direction=plain.direction,
                active_low=plain.active_low,
                bias=plain.bias,
                edge_detection=Edge.BOTH,
                debounce_period=timedelta(seconds=debounce_s),
            )
            try:
                return _Input(_requested(opened, chip, {offset: watched}), chip, has_edges=True)
            except GpioError as err:
                if err.problem is not GpioProblem.REFUSED:
                    raise
            # a chip without interrupts, such as many on USB, has no edges
            return _Input(_requested(opened, chip, {offset: plain}), chip, has_edges=False)

    def drive(self, chip: str, active: Mapping[Line, bool]) -> OutputLines:
        """Hold lines as outputs, at a level from the beginning. Raises: GpioError."""
        with self._opened(chip) as opened:
            offsets = {line: _offset(opened, chip, line) for line in active}
            settings = {
                offsets[line]: gpiod.LineSettings(
                    direction=Direction.OUTPUT,
                    active_low=line.is_active_low,
                    output_value=_ACTIVE[is_active],
                )
                for line, is_active in active.items()
            }
            if len(settings) < len(active):
                twice = next(
                    one for one, at in offsets.items() if [*offsets.values()].count(at) > 1
                )
                raise GpioError(GpioProblem.LINE_BUSY, chip, twice.name, holder=CONSUMER)
            return _Outputs(_requested(opened, chip, settings), chip, offsets)

    def _opened(self, chip: str) -> gpiod.Chip:
        """Open a chip by its device file, its name or its label. Raises: GpioError."""
        if chip.startswith("/"):
            return _open(chip, Path(chip))
        refused: GpioError | None = None
        for device in sorted(self._devices.glob(CHIPS)):
            try:
                opened = _open(chip, device)
            except GpioError as err:  # the one that is meant may be another
                refused = err if err.problem is GpioProblem.NOT_ALLOWED else refused
                continue
            info = opened.get_info()
            if chip in (info.name, info.label):
                return opened
            opened.close()
        raise refused or GpioError(GpioProblem.CHIP_ABSENT, chip)


def _open(chip: str, device: Path) -> gpiod.Chip:
    """Open a device file. Raises: GpioError."""
    try:
        return gpiod.Chip(str(device))
    except FileNotFoundError as err:
        raise GpioError(GpioProblem.CHIP_ABSENT, chip) from err
    except OSError as err:
        if err.errno in _FORBIDDEN:
            raise GpioError(GpioProblem.NOT_ALLOWED, chip) from err
        raise GpioError(GpioProblem.NO_CHIP, chip) from err


def _offset(opened: gpiod.Chip, chip: str, line: Line) -> int:
    """Return the offset of a line that is given by its name, or by the offset itself. Raises: GpioError."""
    try:
        offset = opened.line_offset_from_id(line.name)
    except _ERRORS as err:
        raise GpioError(GpioProblem.LINE_UNKNOWN, chip, line.name) from err
    if offset < 0:
        raise GpioError(GpioProblem.LINE_UNKNOWN, chip, line.name)
    return offset


def _requested(
    opened: gpiod.Chip, chip: str, settings: Mapping[int, gpiod.LineSettings]
) -> gpiod.LineRequest:
    """Hold lines. Raises: GpioError, which names who has one of them."""
    try:
        return opened.request_lines(
            {offset: one for offset, one in settings.items()},  # noqa: C416 - a dict of its wider type
            consumer=CONSUMER,
        )
    except _ERRORS as err:
        number = err.errno if isinstance(err, OSError) else None
        if number in _FORBIDDEN:
            raise GpioError(GpioProblem.NOT_ALLOWED, chip) from err
        if number == errno.EBUSY:
            line, holder = _holder(opened, settings)
            raise GpioError(GpioProblem.LINE_BUSY, chip, line, holder=holder) from err
        lines = ", ".join(str(one) for one in settings)
        raise GpioError(GpioProblem.REFUSED, chip, lines, reason=str(err)) from err


def _holder(opened: gpiod.Chip, offsets: Mapping[int, object]) -> tuple[str, str]:
    """Return which line is used, and by whom, as the kernel knows it; "": it has gone, or has no name."""
    for offset in offsets:
        try:
            info = opened.get_line_info(offset)
        except _ERRORS:
            break
        if info.used:
            return str(offset), info.consumer
    return ", ".join(str(one) for one in offsets), ""


class _Input:
    """A line with a button, which is held."""

    def __init__(self, request: gpiod.LineRequest, chip: str, *, has_edges: bool) -> None:
        self._request, self._chip, self._has_edges = request, chip, has_edges
        (self._offset,) = request.offsets

    def fileno(self) -> int | None:
        """Return what is readable while changes wait, None: the chip reports none."""
        return self._request.fd if self._has_edges else None

    def is_active(self) -> bool:
        """Tell whether the line is active now. Raises: GpioError."""
        try:
            return self._request.get_value(self._offset) is Value.ACTIVE
        except _ERRORS as err:
            raise _lost(self._chip, err) from err

    def changes(self) -> tuple[bool, ...]:
        """Return the levels that came since the last call, debounced. Raises: GpioError."""
        rising = gpiod.EdgeEvent.Type.RISING_EDGE  # the kernel means the logical level
        try:
            found: list[bool] = []
            while _is_readable(self._request.fd):
                found += [one.event_type is rising for one in self._request.read_edge_events()]
        except _ERRORS as err:
            raise _lost(self._chip, err) from err
        return tuple(found)

    def release(self) -> None:
        """Let go of the line; again does nothing."""
        _release(self._request)


class _Outputs:
    """Lines with LEDs, which are held."""

    def __init__(self, request: gpiod.LineRequest, chip: str, offsets: Mapping[Line, int]) -> None:
        self._request, self._chip, self._offsets = request, chip, offsets

    def set(self, active: Mapping[Line, bool]) -> None:
        """Set some of them; the others stay. Raises: GpioError."""
        try:
            self._request.set_values(
                {self._offsets[one]: _ACTIVE[on] for one, on in active.items()}
            )
        except _ERRORS as err:
            raise _lost(self._chip, err) from err

    def release(self) -> None:
        """Let go of the lines; again does nothing."""
        _release(self._request)


def _is_readable(fd: int) -> bool:
    """Tell whether a read does not wait; gpiod's own way cannot look at descriptors above 1023."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(0))  # also when the chip has gone: the read then says so


def _release(request: gpiod.LineRequest) -> None:
    if request:  # false once it is released
        request.release()


def _lost(chip: str, err: Exception) -> GpioError:
    """Return what it means that a line that was held cannot be used."""
    problem = GpioProblem.CHIP_LOST
    return GpioError(problem, chip, reason=str(err))
