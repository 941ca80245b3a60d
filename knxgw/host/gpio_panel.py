"""The front panel on GPIO lines: reads the programming button, drives the three LEDs.

The lines are those of the configuration. What is missing or used by others is said once and tried again: a
panel is never a reason not to run. Whatever may wait for a slow chip is done in a thread, one call after the
other; the changes of the button are read in the loop, which waits for none.

Source: product 8.2, 8.36 to 8.41.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import NoReturn, TypeVar

from knxgw.config.model import PanelLine, PanelSettings
from knxgw.device.debounce import DEBOUNCE_S, LOOK_S, Debounced, look
from knxgw.device.panel import EDGE_S, Leds, PanelState, Phase, leds
from knxgw.host.gpio import Gpio, InputLine, Line, OutputLines
from knxgw.host.held_lines import HeldLines
from knxgw.host.own_gpio import own_gpio
from knxgw.monitoring import self_test as judge
from knxgw.monitoring.self_test import Problem, Row

log = logging.getLogger(__name__)
AGAIN_S = 5.0  # lines that cannot be had are asked for again
CHECK_S = 60.0  # a chip that has gone is noticed, even if nothing changes
END_S = 1.0  # for a slow chip to turn the LEDs off
_STARTING = leds(PanelState(phase=Phase.STARTING), 0.0)
_OFF = leds(PanelState(phase=Phase.OFF), 0.0)
_FAILED = "the front panel failed: please report this"
T = TypeVar("T")


class GpioPanel:
    """Button and LEDs on GPIO lines; a `ButtonContact`."""

    def __init__(
        self, gpio: Callable[[], Gpio] = own_gpio, executor: Executor | None = None
    ) -> None:
        """Begin without lines; `executor` makes the calls that may wait, one after the other."""
        self._gpio, self._executor = gpio, executor or ThreadPoolExecutor(1, "panel")
        self._settings: PanelSettings | None = None
        self._wanted: PanelSettings | None = None
        self._button: HeldLines[InputLine] = HeldLines("the button")
        self._leds: HeldLines[OutputLines] = HeldLines("the LEDs")
        self._shown = _STARTING
        self._levels: dict[Line, bool] = {}  # as they were written
        self._contact = Debounced(is_pressed=False)
        self._news = asyncio.Event()  # other lines are wanted, or some have gone
        self._again_at = self._check_at = 0.0
        self._is_chip_gone = False
        self._report: tuple[Callable[[], None], Callable[[], None], Callable[[bool], None]] | None
        self._report = None

    # --- the contact of the button

    @property
    def is_there(self) -> bool:
        """Tell whether there is a button that can be pressed now; safe from any thread."""
        return self._button.held is not None

    @property
    def is_pressed(self) -> bool:
        """Tell whether the button is held now."""
        return self._contact.is_pressed

    def report_to(
        self,
        press: Callable[[], None],
        release: Callable[[], None],
        begin_again: Callable[[bool], None],
    ) -> None:
        """Call one of the first two at each change, the last when the button comes, goes or is another."""
        self._report = (press, release, begin_again)

    # --- its life

    @asynccontextmanager
    async def held(self, settings: PanelSettings | None) -> AsyncIterator[None]:
        """Hold the lines for the length of a block; the LEDs say that the device starts."""
        self._settings = self._wanted = settings
        self._check_at = self._now_s() + CHECK_S
        try:
            await self._begin()
            yield
        finally:
            await self._end()

    async def _begin(self) -> None:
        try:
            await self._ask()
        except Exception:  # the device runs without
            log.exception(_FAILED)

    def take(self, settings: PanelSettings | None) -> None:
        """Go on with the lines of another configuration, None: with none."""
        self._wanted = settings
        self._news.set()

    async def run(self, shown: Callable[[], Leds]) -> NoReturn:
        """Show what `shown` tells, and read the button, until cancelled."""
        while True:
            try:
                await self._turn(shown)
            except Exception:  # a failed task would end its group, and charging with it
                log.exception(_FAILED)
                await asyncio.sleep(AGAIN_S)

    def test(self) -> Row:
        """Judge the lines, for the self-test."""
        problems = [one.problem for one in (self._button, self._leds) if one.problem is not None]
        if self._settings is None or not problems:
            return judge.of_gpio(is_used=self._settings is not None)
        first = problems[0]
        subject = first.line or first.chip
        if first.holder:
            subject += f" ({first.holder})"
        return judge.of_gpio(
            is_used=True, problem=Problem(f"gpio_{first.problem}"), subject=subject
        )

    async def _turn(self, shown: Callable[[], Leds]) -> None:
        """Do once what there is to do, and wait until there may be more."""
        if self._wanted != self._settings:
            await self._exchange()
        if self._now_s() >= self._check_at:
            await self._check()
        if self._is_chip_gone:
            await self._drop()
        if self._lacks_lines and self._now_s() >= self._again_at:
            await self._ask()
        await self._show(shown())
        await self._look_at_button()
        await self._wait()

    async def _wait(self) -> None:
        """Wait for the next moment at which an LED may change, or the button is looked at."""
        now_s = self._now_s()
        wait_s = None if self._settings is None else max(self._check_at - now_s, 0.0)
        if self._leds.held is not None or self._lacks_lines:
            wait_s = EDGE_S - now_s % EDGE_S
        if self._is_looked_at:
            wait_s = LOOK_S
        try:
            async with asyncio.timeout(wait_s):
                await self._news.wait()
        except TimeoutError:
            return
        self._news.clear()

    # --- taking lines, and losing them

    @property
    def _lacks_lines(self) -> bool:
        settings = self._settings
        if settings is None:
            return False
        lacks_button = settings.button is not None and self._button.held is None
        return lacks_button or (bool(_leds_of(settings)) and self._leds.held is None)

    async def _exchange(self) -> None:
        """Let go of the lines of before and ask for those of now."""
        had_button, shown = self.is_there, self._shown
        self._leave_button()
        await self._show(_OFF)
        await self._in_thread(self._release)
        self._shown = shown
        self._settings = self._wanted
        self._button.problem = self._leds.problem = None
        await self._ask()
        if had_button and not self.is_there:
            self._contact_is(is_pressed=False)

    async def _ask(self) -> None:
        """Ask for the lines that are not held."""
        settings, self._again_at = self._settings, self._now_s() + AGAIN_S
        if settings is None:
            return
        if _leds_of(settings) and self._leds.held is None:
            self._levels = _levels(settings, self._shown)
            await self._in_thread(lambda: self._ask_for_leds(settings.chip))
        if settings.button is not None and self._button.held is None:
            line = _line(settings.button)
            is_pressed = await self._in_thread(lambda: self._ask_for_button(settings.chip, line))
            if is_pressed is not None:
                self._listen()
                self._contact_is(is_pressed=is_pressed)

    async def _check(self) -> None:
        """Find out whether the chip is still there: not every kernel tells it."""
        self._check_at = self._now_s() + CHECK_S
        if self._leds.held is not None:
            await self._write(self._levels, self._levels)
        if self.is_there:
            self._leave_button()
            is_pressed = await self._in_thread(
                lambda: self._button.use(lambda held: held.is_active())
            )
            if is_pressed is None:
                self._lose_button()
            else:
                self._listen()

    async def _drop(self) -> None:
        """Let go of all that the chip had: with one of its lines the others have gone."""
        had_button = self.is_there
        self._leave_button()
        await self._in_thread(self._release)
        self._is_chip_gone = False
        if had_button:
            self._contact_is(is_pressed=False)

    def _ask_for_leds(self, chip: str) -> None:
        self._leds.ask(lambda: self._gpio().drive(chip, self._levels))

    def _ask_for_button(self, chip: str, line: Line) -> bool | None:
        """Ask for the button; return whether it is pressed, None: it cannot be had."""
        if not self._button.ask(lambda: self._gpio().watch(chip, line, DEBOUNCE_S)):
            return None
        return self._button.use(lambda held: held.is_active())

    def _listen(self) -> None:
        """Have the changes of the button read as they come, where its chip reports them."""
        fd = None if self._button.held is None else self._button.held.fileno()
        if fd is not None:
            asyncio.get_running_loop().add_reader(fd, self._read_changes)

    def _leave_button(self) -> None:
        """Read the changes of the button no more."""
        fd = None if self._button.held is None else self._button.held.fileno()
        if fd is not None:
            asyncio.get_running_loop().remove_reader(fd)

    async def _end(self) -> None:
        """Turn the LEDs off and let go of the lines."""
        self._leave_button()
        if self._settings is None:
            return
        try:
            async with asyncio.timeout(END_S):
                await self._show(_OFF)
                await self._in_thread(self._release)
        except TimeoutError:
            log.warning("front panel: the LEDs could not be turned off within %.0f s", END_S)
        finally:
            self._executor.shutdown(wait=False)

    def _release(self) -> None:
        self._button.release()
        self._leds.release()

    # --- the button

    @property
    def _is_looked_at(self) -> bool:
        """Tell whether the button has to be looked at: its chip reports no changes."""
        return self._button.held is not None and self._button.held.fileno() is None

    def _read_changes(self) -> None:
        """Report the changes that have come."""
        self._leave_button()  # a descriptor is not listened to when it is closed
        changes = self._button.use(lambda held: held.changes())
        if changes is None:
            self._lose_button()
            return
        self._listen()
        for is_pressed in changes:
            self._note(Debounced(is_pressed=is_pressed))

    def _lose_button(self) -> None:
        self._contact_is(is_pressed=False)
        self._is_chip_gone = True
        self._news.set()

    async def _look_at_button(self) -> None:
        """Look at a button whose chip reports no changes."""
        if not self._is_looked_at:
            return
        is_pressed = await self._in_thread(lambda: self._button.use(lambda held: held.is_active()))
        if is_pressed is None:
            self._lose_button()
        else:
            self._note(look(self._contact, is_pressed=is_pressed, now_s=self._now_s()))

    def _note(self, contact: Debounced) -> None:
        """Take the contact as it is now, and report a change."""
        before, self._contact = self._contact, contact
        if self._report is None or before.is_pressed == contact.is_pressed:
            return
        press, release, _ = self._report
        (press if contact.is_pressed else release)()

    def _contact_is(self, *, is_pressed: bool) -> None:
        """Take a contact that has come, has gone or is another."""
        self._contact = Debounced(is_pressed=is_pressed)
        if self._report is not None:
            self._report[2](is_pressed)

    # --- the LEDs

    async def _show(self, shown: Leds) -> None:
        """Write what has changed."""
        if self._settings is None or self._leds.held is None:
            return
        levels = _levels(self._settings, shown)
        changed = {line: on for line, on in levels.items() if self._levels.get(line) != on}
        self._shown = shown
        if changed:
            await self._write(levels, changed)

    async def _write(self, levels: dict[Line, bool], changed: dict[Line, bool]) -> None:
        self._levels = levels
        await self._in_thread(lambda: self._leds.use(lambda held: held.set(changed)))
        self._is_chip_gone |= self._leds.held is None

    async def _in_thread(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, call)

    @staticmethod
    def _now_s() -> float:
        return asyncio.get_running_loop().time()


def _line(line: PanelLine) -> Line:
    return Line(line.line, line.is_active_low)


def _leds_of(settings: PanelSettings) -> bool:
    return any((settings.led_programming, settings.led_app, settings.led_com))


def _levels(settings: PanelSettings, shown: Leds) -> dict[Line, bool]:
    """Return which of the lines are active, of those LEDs that have one."""
    every = (
        (settings.led_programming, shown.programming),
        (settings.led_app, shown.app),
        (settings.led_com, shown.com),
    )
    return {_line(line): is_lit for line, is_lit in every if line is not None}
