"""What the front panel shows, watched over time and put into words as the specification does."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knxgw.catalogue.load import catalogue
from knxgw.device.panel import GAP_S, Meaning, PanelState, Phase, leds, meaning
from tests.device.watching import LOOK_S, WATCH_S, in_words, watched

RUNNING = PanelState(phase=Phase.RUNNING, is_knx_connected=True)
FAULTS = catalogue().product.faults
moments = st.none() | st.floats(0, 2000)
states = st.builds(
    PanelState,
    phase=st.sampled_from(Phase),
    is_programming=st.booleans(),
    restores_password=st.booleans(),
    is_knx_connected=st.booleans(),
    knx_lost_at=moments,
    telegram_at=moments,
    fault_flashes=st.sampled_from([0, *(band.flashes for band in FAULTS.bands)]),
)


def shown(state: PanelState) -> tuple[str, str]:
    seen = watched(state)
    return in_words(seen, "app"), in_words(seen, "com")


@pytest.mark.proves("8.3")
def test_while_it_starts_app_is_off_and_com_is_on() -> None:
    assert shown(PanelState(phase=Phase.STARTING)) == ("off", "on")


@pytest.mark.proves("8.4", "8.13")
def test_started_and_ready_both_are_on() -> None:
    assert shown(RUNNING) == ("on", "on")


@pytest.mark.proves("8.5")
def test_not_configured_app_flashes_slowly_and_com_is_on() -> None:
    state = PanelState(phase=Phase.NOT_CONFIGURED, is_knx_connected=True)
    assert shown(state) == ("slow flash", "on")


@pytest.mark.proves("8.6")
def test_not_configured_and_without_knx_com_is_off() -> None:
    assert shown(PanelState(phase=Phase.NOT_CONFIGURED)) == ("slow flash", "off")
    lost = PanelState(phase=Phase.NOT_CONFIGURED, knx_lost_at=900.0)
    assert shown(lost) == ("slow flash", "off")


@pytest.mark.proves("8.7")
def test_a_firmware_that_cannot_start_flashes_app_rapidly() -> None:
    assert shown(PanelState(phase=Phase.FIRMWARE_BROKEN)) == ("rapid flash", "off")
    assert shown(PanelState(phase=Phase.FIRMWARE_BROKEN, is_knx_connected=True))[1] == "off"


@pytest.mark.proves("8.8")
def test_going_back_to_the_firmware_before_both_flash_slowly_in_turn() -> None:
    state = PanelState(phase=Phase.FIRMWARE_REVERTING)
    assert shown(state) == ("slow flash", "slow flash")
    assert all(one.app != one.com for one in watched(state))


@pytest.mark.proves("8.9", "8.10", "7.13", "7.14", "7.15")
@pytest.mark.parametrize(
    ("severity", "app"),
    [
        (0, "on"), (10, "on"), (20, "on"), (30, "on"), (40, "on"), (50, "on"),
        (60, "3 slow flashes, pause"), (70, "3 slow flashes, pause"),
        (80, "3 slow flashes, pause"), (90, "3 slow flashes, pause"),
        (110, "3 slow flashes, pause"),
        (120, "5 slow flashes, pause"), (130, "5 slow flashes, pause"),
    ],
)  # fmt: skip
def test_a_fault_is_shown_by_as_many_flashes_as_it_is_severe(severity: int, app: str) -> None:
    present = replace(RUNNING, fault_flashes=FAULTS.flashes(severity))
    assert shown(present) == (app, "on")
    gone = replace(present, is_knx_connected=False)
    assert shown(gone) == (app, "off"), "APP and COM say different things"


@pytest.mark.proves("8.11")
def test_traffic_makes_com_flash_rapidly_for_as_long_as_there_is_some() -> None:
    telegrams = [1000.0 + 0.3 * n for n in range(200)]
    seen = []
    for n in range(round(WATCH_S / LOOK_S)):
        now_s = 1000.0 + n * LOOK_S
        last_s = max(at_s for at_s in telegrams if at_s <= now_s)
        seen.append(leds(replace(RUNNING, telegram_at=last_s), now_s))
    assert in_words(seen, "com") == "rapid flash"
    assert in_words(seen, "app") == "on"
    later = watched(replace(RUNNING, telegram_at=1000.0), start_s=1002.0)
    assert in_words(later, "com") == "on"


@settings(max_examples=100)
@given(st.floats(0, 10_000))
def test_a_single_telegram_can_be_seen_whenever_it_comes(at_s: float) -> None:
    seen = watched(replace(RUNNING, telegram_at=at_s), start_s=at_s, seconds=2.0)
    dark = [not one.com for one in seen]
    assert 0.1 <= sum(dark) * LOOK_S <= 0.5
    assert not any(dark[50:]), "a second later it is over"


@pytest.mark.proves("8.12", "8.14")
def test_a_brief_gap_of_the_connection_is_not_shown_and_a_longer_one_is() -> None:
    def com(now_s: float, *gaps: tuple[float, float]) -> bool:
        lost = [start for start, end in gaps if start <= now_s < end]
        begun = [start for start, _ in gaps if start <= now_s]
        state = replace(
            RUNNING, is_knx_connected=not lost, knx_lost_at=max(begun) if begun else None
        )
        return leds(state, now_s).com

    looks = [n * LOOK_S for n in range(3000)]
    brief = ((10.0, 11.0), (12.5, 13.0), (13.4, 14.9), (30.0, 30.1))
    assert all(com(now_s, *brief) for now_s in looks)
    dark = [now_s for now_s in looks if not com(now_s, (10.0, 20.0))]
    assert 11.0 <= dark[0] <= 15.0
    assert 19.9 <= dark[-1] <= 20.0
    assert len(dark) == pytest.approx((dark[-1] - dark[0]) / LOOK_S, abs=2), "off all the time"


def test_a_connection_that_never_was_is_off_at_once() -> None:
    assert not leds(replace(RUNNING, is_knx_connected=False), 0.0).com


@pytest.mark.proves("8.15")
def test_out_of_operation_app_is_off_whatever_is_wrong() -> None:
    for flashes in (0, 3, 5):
        state = PanelState(phase=Phase.OFF, is_knx_connected=True, fault_flashes=flashes)
        assert shown(state)[0] == "off"


@pytest.mark.proves("8.16")
@settings(max_examples=100)
@given(states, st.floats(0, 2000))
def test_programming_is_on_in_programming_mode_only_whatever_else_happens(
    state: PanelState, now_s: float
) -> None:
    if state.phase not in (Phase.RESET_ARMED, Phase.RESET_READY) and not state.restores_password:
        assert leds(state, now_s).programming == state.is_programming


@pytest.mark.proves("8.21", "8.22")
@pytest.mark.parametrize(
    ("phase", "word"), [(Phase.RESET_ARMED, "slow flash"), (Phase.RESET_READY, "rapid flash")]
)
def test_on_the_way_to_a_factory_reset_all_three_flash_at_the_same_time(
    phase: Phase, word: str
) -> None:
    state = PanelState(phase=phase, is_programming=True, is_knx_connected=True, fault_flashes=5)
    seen = watched(state)
    assert [in_words(seen, led) for led in ("programming", "app", "com")] == [word] * 3
    assert all(one.programming == one.app == one.com for one in seen)


@pytest.mark.proves("8.35")
@pytest.mark.parametrize("programming", [True, False])
def test_programming_flashes_rapidly_alone_while_a_release_restores_the_password(
    programming: bool,  # noqa: FBT001 - a parameter
) -> None:
    state = replace(RUNNING, is_programming=programming, restores_password=True)
    seen = watched(state)
    assert [in_words(seen, led) for led in ("programming", "app", "com")] == [
        "rapid flash", "on", "on",
    ]  # fmt: skip
    assert meaning(state, 0.0) is Meaning.RESTORES_PASSWORD


@settings(max_examples=50)
@given(states, st.floats(0, 10_000))
def test_what_is_shown_does_not_depend_on_when_one_begins_to_look(
    state: PanelState, start_s: float
) -> None:
    state = replace(state, telegram_at=None, knx_lost_at=None)
    usual, later = watched(state), watched(state, start_s)
    for led in ("programming", "app", "com"):
        assert in_words(later, led) == in_words(usual, led)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (RUNNING, Meaning.RUNNING),
        (replace(RUNNING, fault_flashes=3), Meaning.TEMPORARY_FAULT),
        (replace(RUNNING, fault_flashes=5, is_knx_connected=False), Meaning.SERIOUS_FAULT),
        (replace(RUNNING, is_knx_connected=False), Meaning.KNX_LOST),
        (replace(RUNNING, is_knx_connected=False, knx_lost_at=100 - GAP_S / 2), Meaning.RUNNING),
        (PanelState(phase=Phase.STARTING), Meaning.STARTING),
        (PanelState(phase=Phase.NOT_CONFIGURED, is_knx_connected=True), Meaning.NOT_CONFIGURED),
        (PanelState(phase=Phase.RESET_READY), Meaning.RESET_READY),
    ],
)
def test_what_the_leds_say_together(state: PanelState, expected: Meaning) -> None:
    assert meaning(state, 100.0) is expected


@given(states, st.floats(0, 2000))
def test_every_state_of_the_panel_means_something(state: PanelState, now_s: float) -> None:
    assert meaning(state, now_s) in Meaning
