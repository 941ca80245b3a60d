"""The lines of the front panel as text, for what runs without a configuration."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knxgw.config.model import PanelLine, PanelSettings
from knxgw.firmware.panel_text import VARIABLE, pattern_arguments, read, write
from knxgw.host.panel_environment import of_machine, panel_settings, words_of

LINE = st.none() | st.builds(
    PanelLine, line=st.sampled_from(["17", "GPIO22", "0"]), is_active_low=st.booleans()
)
WIRED = "chip=board button=17 led_app=23 led_app_active=low"


@given(LINE, LINE, LINE, LINE)
def test_settings_are_read_as_they_were_written(
    button: PanelLine | None,
    programming: PanelLine | None,
    app: PanelLine | None,
    com: PanelLine | None,
) -> None:
    settings = PanelSettings(
        chip="board", button=button, led_programming=programming, led_app=app, led_com=com
    )
    if (button, programming, app, com) != (None, None, None, None):
        assert panel_settings(None, read(write(words_of(settings)))) == settings


def test_a_button_is_low_when_pressed_and_an_led_high_when_lit_unless_the_text_says_otherwise() -> (
    None
):
    settings = panel_settings(None, read("chip=board button=17 led_com=24"))
    assert settings is not None
    assert settings.button == PanelLine(line="17", is_active_low=True)
    assert settings.led_com == PanelLine(line="24", is_active_low=False)
    assert settings.led_app is None


@pytest.mark.proves("8.43")
def test_the_machine_names_the_lines_where_no_configuration_does(
    caplog: pytest.LogCaptureFixture,
) -> None:
    words = of_machine(VARIABLE, read, {VARIABLE: WIRED})
    assert panel_settings(None, words) is not None
    assert panel_settings(None, of_machine(VARIABLE, read, {})) is None
    assert caplog.text == ""
    assert of_machine(VARIABLE, read, {VARIABLE: "button=17"}) == {}
    assert "a chip and at least one line have to be given" in caplog.text


@pytest.mark.parametrize(
    "text",
    [
        "chip=board",
        "led_app=23",
        "chip= led_app=23",
        "chip=board lamp=3",
        "chip=board led_app=3 led_app_active=up",
        "17",
    ],
)
def test_a_text_that_is_not_understood_says_what_is_wrong(text: str) -> None:
    with pytest.raises(ValueError, match=r"given|understood|low or high"):
        read(text)


def test_without_leds_there_is_no_pattern_to_show() -> None:
    assert pattern_arguments(read("chip=board button=17"), "broken") == []
    assert pattern_arguments({}, "broken") == []
