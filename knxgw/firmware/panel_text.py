"""The lines of the front panel as one line of text, for what runs without a configuration.

    chip=pinctrl-rp1 button=17 led_programming=22 led_app=23 led_com=24 led_com_active=low

An administrator writes it into the environment (KNXGW_PANEL in /etc/default/knxgw), so that LEDs and button work
before the device is configured, and after a reset. A device that runs leaves its own in the state directory: the
launcher shows by it that no firmware starts. Of the standard library only, as the launcher.
"""

from collections.abc import Mapping

VARIABLE = "KNXGW_PANEL"
FILE = "panel"  # in the folder of the firmware
LINES = ("button", "led_programming", "led_app", "led_com")
LEVELS = ("low", "high")
LARGEST = 1000


def read(text: str) -> dict[str, str]:
    """Return what a text says, {}: nothing. Raises: ValueError, with what is wrong."""
    found: dict[str, str] = {}
    for word in text.split():
        name, equals, value = word.partition("=")
        is_level = name.removesuffix("_active") in LINES and name.endswith("_active")
        if not equals or not value or not (name == "chip" or name in LINES or is_level):
            raise ValueError(
                f"{word!r} is not understood; write chip=… and lines such as led_app=23"
            )
        if is_level and value not in LEVELS:
            raise ValueError(f"{word!r}: a level is low or high")
        found[name] = value
    if found and ("chip" not in found or not any(line in found for line in LINES)):
        raise ValueError("a chip and at least one line have to be given")
    return found


def write(words: Mapping[str, str]) -> str:
    """Return a text that says this."""
    return " ".join(f"{name}={value}" for name, value in words.items())


def pattern_arguments(words: Mapping[str, str], pattern: str) -> list[str]:
    """Return what `knxgw.host.gpio_pattern` is started with, []: there are no LEDs to show it."""
    leds = [name for name in ("led_app", "led_com") if name in words]
    if not leds:
        return []
    arguments = ["--chip", words["chip"], "--pattern", pattern]
    for name in leds:
        option = name.removeprefix("led_")
        arguments += [f"--{option}", words[name]]
        arguments += [f"--{option}-active", words.get(f"{name}_active", "high")]
    return arguments
