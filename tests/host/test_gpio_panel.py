"""The front panel on GPIO lines in memory: what it reports, what its LEDs do, what it says of trouble."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knxgw.config.model import PanelLine, PanelSettings
from knxgw.device.debounce import DEBOUNCE_S, LOOK_S, Debounced, look
from knxgw.device.panel import Leds, PanelState, Phase, leds
from knxgw.host.gpio import GpioProblem
from knxgw.host.gpio_panel import AGAIN_S, CHECK_S, GpioPanel
from knxgw.monitoring.self_test import Problem, Verdict
from tests.device.watching import in_words
from tests.support.fake_gpio import FakeChip, FakeGpio
from tests.support.virtual_time import InlineExecutor, run_virtual

BUTTON, RED, GREEN, YELLOW = 17, 22, 23, 24
SETTINGS = PanelSettings(
    chip="board",
    button=PanelLine(line=str(BUTTON), is_active_low=True),
    led_programming=PanelLine(line=str(RED), is_active_low=False),
    led_app=PanelLine(line=str(GREEN), is_active_low=False),
    led_com=PanelLine(line=str(YELLOW), is_active_low=True),
)
RUNNING = PanelState(phase=Phase.RUNNING, is_knx_connected=True)
SETTLED_S = 2 * DEBOUNCE_S + 2 * LOOK_S


class Panel:
    """A panel that runs, its chip, and what its button has reported."""

    def __init__(self, chips: dict[str, FakeChip]) -> None:
        self.gpio = FakeGpio(chips)
        self.chip = chips["board"]
        self.panel = GpioPanel(self.gpio.own, InlineExecutor())
        self.state = RUNNING
        self.reported: list[str] = []

    def leds(self) -> Leds:
        return leds(self.state, asyncio.get_running_loop().time())

    def press(self) -> None:
        self.chip.drive(BUTTON, is_high=False)

    def release(self) -> None:
        self.chip.drive(BUTTON, is_high=True)

    @property
    def lit(self) -> Leds:
        levels = self.chip.levels
        return Leds(programming=levels[RED], app=levels[GREEN], com=not levels[YELLOW])

    async def watch(self, seconds: float = 12.0) -> dict[str, str]:
        """Say what each LED does."""
        seen: list[Leds] = []
        await asyncio.sleep(0.01)  # between the edges
        for _ in range(round(seconds / 0.02)):
            seen.append(self.lit)
            await asyncio.sleep(0.02)
        return {led: in_words(seen, led) for led in ("app", "com", "programming")}


@asynccontextmanager
async def panel(given: PanelSettings | None = SETTINGS, **more: FakeChip) -> AsyncIterator[Panel]:
    at = Panel({"board": FakeChip(), **more})
    async with running(at, given):
        yield at


@asynccontextmanager
async def running(at: Panel, given: PanelSettings | None = SETTINGS) -> AsyncIterator[None]:
    async with at.panel.held(given), asyncio.TaskGroup() as group:
        at.panel.report_to(
            lambda: at.reported.append("press"),
            lambda: at.reported.append("release"),
            lambda is_pressed: at.reported.append("held" if is_pressed else "free"),
        )
        task = group.create_task(at.panel.run(at.leds))
        await asyncio.sleep(0.2)
        try:
            yield
        finally:
            task.cancel()


# --- the button


@pytest.mark.proves("8.2")
async def test_a_press_and_its_release_are_reported_once_and_soon() -> None:
    async with panel() as at:
        for _ in range(3):
            at.press()
            await asyncio.sleep(DEBOUNCE_S + 0.001)
            assert (at.panel.is_pressed, at.reported.pop()) == (True, "press")
            await asyncio.sleep(0.4)
            at.release()
            await asyncio.sleep(DEBOUNCE_S + 0.001)
            assert (at.panel.is_pressed, at.reported.pop()) == (False, "release")
        assert at.reported == []


async def test_a_chip_that_reports_no_changes_is_looked_at() -> None:
    async with panel(board=FakeChip(has_edges=False)) as at:
        for _ in range(3):
            at.press()
            await asyncio.sleep(SETTLED_S)
            assert at.reported.pop() == "press"
            await asyncio.sleep(0.4)
            at.release()
            await asyncio.sleep(SETTLED_S)
            assert at.reported.pop() == "release"
        assert at.reported == []


bounces = st.lists(st.floats(0.0001, DEBOUNCE_S * 0.9), max_size=12)


async def _press_with_bounces(has_edges: bool, trains: list[list[float]]) -> list[str]:  # noqa: FBT001
    """Press and release in turn; each train is how long the contact stays as it is while it bounces."""
    async with panel(board=FakeChip(has_edges=has_edges)) as at:
        is_pressed = False
        for train in trains:
            is_pressed = not is_pressed
            for number, stays_s in enumerate(train[: len(train) // 2 * 2]):
                (at.press if (number % 2 == 0) == is_pressed else at.release)()
                await asyncio.sleep(stays_s)
            (at.press if is_pressed else at.release)()
            await asyncio.sleep(0.2)
        return at.reported


@pytest.mark.proves("8.38")
@settings(max_examples=60)
@given(st.lists(bounces, min_size=2, max_size=4))
def test_bounces_shorter_than_the_debounce_time_never_make_two_presses(
    trains: list[list[float]],
) -> None:
    reported = run_virtual(_press_with_bounces(True, trains))
    assert reported == ["press", "release", "press", "release"][: len(trains)]


@pytest.mark.proves("8.38")
@settings(max_examples=60)
@given(st.lists(bounces, min_size=2, max_size=4))
def test_a_chip_that_reports_no_changes_needs_the_bouncing_to_end_within_that_time(
    trains: list[list[float]],
) -> None:
    short = [
        [one * DEBOUNCE_S * 0.9 / max(sum(train), DEBOUNCE_S) for one in train] for train in trains
    ]
    reported = run_virtual(_press_with_bounces(False, short))
    assert reported == ["press", "release", "press", "release"][: len(trains)]


@given(st.lists(st.tuples(st.floats(0.001, DEBOUNCE_S), st.booleans()), max_size=30))
def test_a_level_counts_once_it_has_lasted(looks: list[tuple[float, bool]]) -> None:
    contact, now_s, since_s, level = Debounced(is_pressed=False), 0.0, 0.0, False
    for after_s, is_pressed in looks:
        now_s += after_s
        if is_pressed != level:
            level, since_s = is_pressed, now_s
        before, contact = contact.is_pressed, look(contact, is_pressed=is_pressed, now_s=now_s)
        if contact.is_pressed != before:
            assert contact.is_pressed is level
            assert now_s - since_s >= DEBOUNCE_S
        elif contact.is_pressed is not level:
            assert now_s - since_s < DEBOUNCE_S


async def test_a_button_that_is_held_when_it_begins_is_pressed_before_anybody_listens() -> None:
    at = Panel({"board": FakeChip()})
    at.chip.levels[BUTTON] = False
    async with at.panel.held(SETTINGS):
        assert at.panel.is_there
        assert at.panel.is_pressed


@pytest.mark.proves("8.40")
@pytest.mark.parametrize("has_edges", [True, False])
async def test_a_chip_that_vanishes_is_no_release_and_is_asked_again(
    has_edges: bool,  # noqa: FBT001 - a parameter
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    async with panel(board=FakeChip(has_edges=has_edges)) as at:
        at.press()
        await asyncio.sleep(1)
        at.chip.unplug()
        await asyncio.sleep(60)
        assert at.reported == ["press", "free"]
        assert not at.panel.is_there
        row = at.panel.test()
        assert (row.verdict, row.problem) == (Verdict.WARNING, Problem.GPIO_CHIP_ABSENT)
        assert row.subject == "board"
        warned = [one.message for one in caplog.records if one.levelno == logging.WARNING]
        assert len(warned) <= 4, "what holds on is not repeated"
        at.chip.plug()
        await asyncio.sleep(AGAIN_S + 1)
        assert at.reported == ["press", "free", "free"]
        assert at.panel.test().verdict is Verdict.GOOD
        assert at.lit == Leds(programming=False, app=True, com=True)
        at.press()
        await asyncio.sleep(1)
        assert at.reported[-1] == "press"
        assert "the button can be used now" in caplog.text


# --- the LEDs


@pytest.mark.proves("8.2", "8.3")
async def test_before_anything_else_the_leds_say_that_the_device_starts() -> None:
    at = Panel({"board": FakeChip()})
    async with at.panel.held(SETTINGS):
        assert at.lit == Leds(programming=False, app=False, com=True)
        assert len(at.chip.written) == 1, "from the first moment: no other level was there before"


@pytest.mark.parametrize(
    ("state", "app", "com", "programming"),
    [
        pytest.param(PanelState(phase=Phase.STARTING), "off", "on", "off", id="starting", marks=pytest.mark.proves("8.3")),
        pytest.param(RUNNING, "on", "on", "off", id="running", marks=pytest.mark.proves("8.4", "8.13")),
        pytest.param(PanelState(phase=Phase.NOT_CONFIGURED, is_knx_connected=True), "slow flash", "on", "off", id="not configured", marks=pytest.mark.proves("8.5")),
        pytest.param(PanelState(phase=Phase.NOT_CONFIGURED), "slow flash", "off", "off", id="not configured, no KNX", marks=pytest.mark.proves("8.6")),
        pytest.param(PanelState(phase=Phase.FIRMWARE_BROKEN), "rapid flash", "off", "off", id="broken", marks=pytest.mark.proves("8.7")),
        pytest.param(PanelState(phase=Phase.FIRMWARE_REVERTING), "slow flash", "slow flash", "off", id="reverting", marks=pytest.mark.proves("8.8")),
        pytest.param(replace(RUNNING, fault_flashes=3), "3 slow flashes, pause", "on", "off", id="temporary fault", marks=pytest.mark.proves("8.9")),
        pytest.param(replace(RUNNING, fault_flashes=5), "5 slow flashes, pause", "on", "off", id="serious fault", marks=pytest.mark.proves("8.10")),
        pytest.param(replace(RUNNING, telegram_at=1e9), "on", "rapid flash", "off", id="traffic", marks=pytest.mark.proves("8.11")),
        pytest.param(replace(RUNNING, is_knx_connected=False), "on", "off", "off", id="KNX lost", marks=pytest.mark.proves("8.12")),
        pytest.param(replace(RUNNING, is_programming=True), "on", "on", "on", id="programming", marks=pytest.mark.proves("8.16")),
        pytest.param(replace(RUNNING, restores_password=True), "on", "on", "rapid flash", id="restores the password", marks=pytest.mark.proves("8.35")),
        pytest.param(PanelState(phase=Phase.RESET_ARMED), "slow flash", "slow flash", "slow flash", id="reset armed", marks=pytest.mark.proves("8.21")),
        pytest.param(PanelState(phase=Phase.RESET_READY), "rapid flash", "rapid flash", "rapid flash", id="reset ready", marks=pytest.mark.proves("8.22")),
    ],
)  # fmt: skip
async def test_the_leds_show_over_time_what_the_rules_say(
    state: PanelState, app: str, com: str, programming: str
) -> None:
    async with panel() as at:
        at.state = state
        await asyncio.sleep(0.3)
        shown = await at.watch(30.0)
        assert shown == {"app": app, "com": com, "programming": programming}


@pytest.mark.proves("8.2")
async def test_only_changes_are_written() -> None:
    async with panel() as at:
        written = len(at.chip.written)
        await asyncio.sleep(CHECK_S - 2)
        assert len(at.chip.written) == written
        await asyncio.sleep(3)
        written = len(at.chip.written)
        at.state = PanelState(phase=Phase.FIRMWARE_BROKEN)
        await asyncio.sleep(10)
        news = at.chip.written[written:]
        assert 75 <= len(news) <= 85, "eight edges in a second"
        assert all(set(one) == {GREEN} for one in news[1:])


@pytest.mark.proves("8.15", "8.41")
async def test_at_the_end_all_leds_are_off_and_every_line_is_free() -> None:
    async with panel() as at:
        at.state = replace(RUNNING, is_programming=True)
        await asyncio.sleep(1)
        assert at.lit == Leds(programming=True, app=True, com=True)
    assert at.lit == Leds(programming=False, app=False, com=False)
    assert at.chip.holders == {}


@pytest.mark.proves("8.37")
async def test_a_chip_that_does_not_tell_that_it_goes_is_missed_within_a_minute() -> None:
    for part in (replace(SETTINGS, led_programming=None, led_app=None, led_com=None), SETTINGS):
        async with panel(part) as at:
            at.press()
            await asyncio.sleep(1)
            at.chip.unplug(is_reported=False)
            await asyncio.sleep(CHECK_S)
            assert at.reported == ["press", "free"]
            assert not at.panel.is_there
            at.chip.plug()
            await asyncio.sleep(2 * AGAIN_S)
            at.press()
            await asyncio.sleep(1)
            assert at.reported[-1] == "press"


@pytest.mark.proves("8.37")
async def test_leds_without_a_button_are_back_with_their_chip_though_nothing_has_changed() -> None:
    async with panel(replace(SETTINGS, button=None)) as at:
        at.chip.unplug()
        at.chip.plug()
        await asyncio.sleep(CHECK_S + AGAIN_S + 1)
        assert at.lit == Leds(programming=False, app=True, com=True)


async def test_it_ends_in_order_where_the_chip_has_gone() -> None:
    async with panel() as at:
        at.chip.unplug()
    async with panel() as at:
        at.chip.unplug()
        await asyncio.sleep(10)


# --- which lines


@pytest.mark.proves("8.36")
async def test_what_has_no_line_is_left_out() -> None:
    only_app = replace(SETTINGS, button=None, led_programming=None, led_com=None)
    async with panel(only_app) as at:
        assert at.chip.holders == {GREEN: "knxgw"}
        assert not at.panel.is_there
        assert at.panel.test().verdict is Verdict.GOOD
    only_button = replace(SETTINGS, led_programming=None, led_app=None, led_com=None)
    async with panel(only_button) as at:
        assert at.chip.holders == {BUTTON: "knxgw"}
        at.press()
        await asyncio.sleep(1)
        assert at.reported == ["press"]
        at.chip.unplug()
        await asyncio.sleep(1)
        at.chip.plug()
        await asyncio.sleep(2 * AGAIN_S)
        assert at.panel.is_there


async def test_without_settings_nothing_is_held_and_the_self_test_says_not_used() -> None:
    async with panel(None) as at:
        await asyncio.sleep(100)
        assert at.chip.holders == {}
        assert at.panel.test().verdict is Verdict.NOT_USED


@pytest.mark.proves("8.39")
async def test_another_configuration_takes_other_lines_and_lets_go_of_those_of_before() -> None:
    async with panel() as at:
        at.press()
        await asyncio.sleep(1)
        moved = replace(SETTINGS, button=PanelLine(line="5", is_active_low=True))
        at.panel.take(moved)
        await asyncio.sleep(1)
        assert set(at.chip.holders) == {5, RED, GREEN, YELLOW}
        assert at.reported == ["press", "free"], "another button: nobody has released it"
        assert at.lit == Leds(programming=False, app=True, com=True)
        at.chip.drive(5, is_high=False)
        await asyncio.sleep(1)
        assert at.reported[-1] == "press"
        at.panel.take(None)
        await asyncio.sleep(1)
        assert at.chip.holders == {}
        assert at.reported[-1] == "free"
        assert at.lit == Leds(programming=False, app=False, com=False), "nothing lights any more"
        at.panel.take(SETTINGS)
        await asyncio.sleep(1)
        assert set(at.chip.holders) == {BUTTON, RED, GREEN, YELLOW}
        assert at.reported[-1] == "held"


@pytest.mark.proves("8.39")
async def test_the_same_lines_go_on_undisturbed() -> None:
    async with panel() as at:
        written = len(at.chip.written)
        at.press()
        await asyncio.sleep(1)
        at.panel.take(replace(SETTINGS))
        await asyncio.sleep(1)
        assert at.reported == ["press"]
        assert len(at.chip.written) == written


# --- trouble


def trouble(problem: GpioProblem, at: Panel) -> str:
    """Plant something wrong; return what the self-test has to name."""
    match problem:
        case GpioProblem.NO_LIBRARY:
            at.gpio.is_installed = False
            return ""
        case GpioProblem.CHIP_ABSENT:
            at.chip.unplug()
            return "board"
        case GpioProblem.NOT_ALLOWED:
            at.chip.is_allowed = False
            return "board"
        case GpioProblem.LINE_UNKNOWN:
            at.chip.lines = BUTTON
            return str(BUTTON)
        case _:
            at.chip.holders[BUTTON] = "lirc"
            return f"{BUTTON} (lirc)"


@pytest.mark.proves("8.37")
@pytest.mark.parametrize(
    "problem",
    [
        GpioProblem.NO_LIBRARY,
        GpioProblem.CHIP_ABSENT,
        GpioProblem.NOT_ALLOWED,
        GpioProblem.LINE_UNKNOWN,
        GpioProblem.LINE_BUSY,
    ],
)
async def test_what_is_wrong_is_warned_of_once_named_by_the_self_test_and_tried_again(
    problem: GpioProblem, caplog: pytest.LogCaptureFixture
) -> None:
    at = Panel({"board": FakeChip()})
    subject = trouble(problem, at)
    async with running(at):
        await asyncio.sleep(10 * AGAIN_S)
        warned = [one for one in caplog.records if one.levelno >= logging.WARNING]
        assert all(one.levelno == logging.WARNING for one in warned)
        assert len(warned) == (1 if problem is GpioProblem.LINE_BUSY else 2), "button, and LEDs"
        row = at.panel.test()
        assert (row.verdict, row.problem) == (Verdict.WARNING, Problem(f"gpio_{problem}"))
        assert row.subject == subject
        at.gpio.is_installed = at.chip.is_allowed = True
        at.chip.lines, at.chip.is_plugged = 32, True
        at.chip.holders.pop(BUTTON, None)
        await asyncio.sleep(AGAIN_S + 1)
        assert at.panel.test().verdict is Verdict.GOOD
        assert at.panel.is_there
        assert at.lit == Leds(programming=False, app=True, com=True)


def test_every_problem_has_a_row_in_the_self_test() -> None:
    for problem in GpioProblem:
        assert Problem(f"gpio_{problem}")


async def test_an_error_of_its_own_ends_neither_the_panel_nor_the_device(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with panel() as at:
        shown: Callable[[], Leds] = at.leds
        at.leds = lambda: 1 / 0  # type: ignore[method-assign, assignment, return-value]
        async with asyncio.TaskGroup() as group:
            task = group.create_task(at.panel.run(at.leds))
            await asyncio.sleep(1)
            assert not task.done()
            task.cancel()
        assert "please report this" in caplog.text
        caplog.clear()
        at.leds = shown  # type: ignore[method-assign]
