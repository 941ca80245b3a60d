"""GPIO chips in memory: as strict as the kernel, and their buttons bounce as a test lets them.

A line that reports edges has its bouncing taken away as by the kernel: a change counts once the level has
stayed for the debounce period. Passes the same contract tests as libgpiod (`tests/host/test_gpio_contract.py`).
"""

import asyncio
import os
from collections.abc import Mapping

from knxgw.host.gpio import CONSUMER, Gpio, GpioError, GpioProblem, Line


class FakeChip:
    """A chip, with the physical level of each line."""

    def __init__(
        self,
        lines: int = 32,
        names: Mapping[int, str] | None = None,
        *,
        has_edges: bool = True,
        is_allowed: bool = True,
    ) -> None:
        self.lines, self.names = lines, dict(names or {})
        self.has_edges, self.is_allowed = has_edges, is_allowed
        self.is_plugged = True
        self.holders: dict[int, str] = {}
        self.levels: dict[int, bool] = {}  # absent: nothing drives the line
        self.written: list[Mapping[int, bool]] = []
        self.inputs: list[FakeInput] = []

    def drive(self, offset: int, *, is_high: bool) -> None:
        """Let the outside drive a line: a contact closes or opens."""
        self.levels[offset] = is_high
        for one in self.inputs:
            one.see(offset)

    def unplug(self, *, is_reported: bool = True) -> None:
        """Take the chip away; older kernels do not tell those who hold its lines."""
        self.is_plugged = False
        self.holders.clear()
        for one in self.inputs:
            if is_reported:
                one.wake()

    def plug(self) -> None:
        self.is_plugged = True
        self.levels.clear()


class FakeGpio:
    """The chips of a machine, by name."""

    def __init__(self, chips: Mapping[str, FakeChip]) -> None:
        self.chips = chips
        self.is_installed = True

    def own(self) -> Gpio:
        """Return itself, as `own_gpio` returns the chips of the machine. Raises: GpioError."""
        if not self.is_installed:
            raise GpioError(GpioProblem.NO_LIBRARY, "")
        return self

    def watch(self, chip: str, line: Line, debounce_s: float) -> "FakeInput":
        found = self._chip(chip)
        offset = self._offset(found, chip, line)
        self._claim(found, chip, [offset])
        return FakeInput(found, chip, offset, line, debounce_s)

    def drive(self, chip: str, active: Mapping[Line, bool]) -> "FakeOutputs":
        found = self._chip(chip)
        offsets = {line: self._offset(found, chip, line) for line in active}
        self._claim(found, chip, list(offsets.values()))
        held = FakeOutputs(found, chip, offsets)
        held.set(active)
        return held

    def _chip(self, chip: str) -> FakeChip:
        found = self.chips.get(chip)
        if found is None or not found.is_plugged:
            raise GpioError(GpioProblem.CHIP_ABSENT, chip)
        if not found.is_allowed:
            raise GpioError(GpioProblem.NOT_ALLOWED, chip)
        return found

    @staticmethod
    def _offset(found: FakeChip, chip: str, line: Line) -> int:
        for offset, name in found.names.items():
            if name == line.name:
                return offset
        if not line.name.isdecimal() or int(line.name) >= found.lines:
            raise GpioError(GpioProblem.LINE_UNKNOWN, chip, line.name)
        return int(line.name)

    @staticmethod
    def _claim(found: FakeChip, chip: str, offsets: list[int]) -> None:
        taken: set[int] = set()
        for offset in offsets:
            holder = CONSUMER if offset in taken else found.holders.get(offset)
            if holder is not None:
                raise GpioError(GpioProblem.LINE_BUSY, chip, str(offset), holder=holder)
            taken.add(offset)
        found.holders |= dict.fromkeys(taken, CONSUMER)


class _Held:
    def __init__(self, chip: FakeChip, name: str, offsets: list[int]) -> None:
        self._chip, self._name, self._offsets = chip, name, offsets
        self._is_released = False

    def _check(self) -> None:
        if self._is_released or any(one not in self._chip.holders for one in self._offsets):
            raise GpioError(GpioProblem.CHIP_LOST, self._name, reason="No such device")

    def release(self) -> None:
        if not self._is_released:
            self._is_released = True
            for one in self._offsets:
                self._chip.holders.pop(one, None)


class FakeInput(_Held):
    """A line with a button, which is held."""

    def __init__(
        self, chip: FakeChip, name: str, offset: int, line: Line, debounce_s: float
    ) -> None:
        super().__init__(chip, name, [offset])
        self._offset, self._is_active_low, self._debounce_s = offset, line.is_active_low, debounce_s
        chip.levels.setdefault(offset, line.is_active_low)  # the pull resistor of the chip
        self._level = self._raw
        self._waiting: list[bool] = []
        self._settling: asyncio.TimerHandle | None = None
        self._ends = os.pipe() if chip.has_edges else None
        chip.inputs.append(self)

    @property
    def _raw(self) -> bool:
        return self._chip.levels[self._offset] != self._is_active_low

    def see(self, offset: int) -> None:
        """Notice that the outside drives a line."""
        if offset != self._offset or self._ends is None:
            return
        if self._settling is not None:
            self._settling.cancel()
        self._settling = asyncio.get_running_loop().call_later(self._debounce_s, self._settle)

    def _settle(self) -> None:
        if self._raw != self._level:
            self._level = self._raw
            self._waiting.append(self._level)
            self.wake()

    def wake(self) -> None:
        if self._ends is not None:
            os.write(self._ends[1], b".")

    def fileno(self) -> int | None:
        return None if self._ends is None else self._ends[0]

    def is_active(self) -> bool:
        self._check()
        return self._raw if self._ends is None else self._level

    def changes(self) -> tuple[bool, ...]:
        self._check()
        if self._ends is not None and self._waiting:
            os.read(self._ends[0], len(self._waiting))
        changes, self._waiting = tuple(self._waiting), []
        return changes

    def release(self) -> None:
        if not self._is_released:
            self._chip.inputs.remove(self)
            if self._settling is not None:
                self._settling.cancel()
            for end in self._ends or ():
                os.close(end)
        super().release()


class FakeOutputs(_Held):
    """Lines with LEDs, which are held; they stay as they were when they are let go."""

    def __init__(self, chip: FakeChip, name: str, offsets: Mapping[Line, int]) -> None:
        super().__init__(chip, name, list(offsets.values()))
        self._of = offsets

    def set(self, active: Mapping[Line, bool]) -> None:
        self._check()
        levels = {self._of[line]: is_on != line.is_active_low for line, is_on in active.items()}
        self._chip.levels |= levels
        self._chip.written.append(levels)
