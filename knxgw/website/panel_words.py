"""The front panel in words: what its LEDs show, what that means and what helps. Pure.

Source: [reference-manual] 8.1, tables 5, 7, 8 and 9, and 8.2, table 10; product 8.
"""

from typing import Any

from knxgw.device.panel import Led, Meaning
from knxgw.website.device_facts import PanelFacts
from knxgw.website.language import Language, marked


def pattern_words(led: Led, language: Language) -> str:
    """Return how an LED is lit, in words."""
    return language.text(_PATTERNS[led])


_PATTERNS = {
    Led.OFF: marked("off"),
    Led.ON: marked("on"),
    Led.SLOW: marked("flashes slowly"),
    Led.RAPID: marked("flashes rapidly"),
    Led.SLOW3: marked("flashes three times, then pauses"),
    Led.SLOW5: marked("flashes five times, then pauses"),
    Led.ALTERNATE: marked("flashes slowly, in turn with APP"),
}


MEANINGS = (  # key, meaning, remedy; English is the key of the translations
    (Meaning.RUNNING, marked("Ready."), ""),
    (Meaning.STARTING, marked("The device starts."), marked("Wait up to a minute.")),
    (Meaning.NOT_CONFIGURED, marked("Ready, but not configured."), marked("Load a configuration.")),
    (
        Meaning.SERIOUS_FAULT,
        marked("Serious fault: out of use until the configuration is corrected."),
        marked("Read the fault above and correct the configuration."),
    ),
    (
        Meaning.TEMPORARY_FAULT,
        marked("Temporary fault: one component or charging point is affected."),
        marked("Read the fault above."),
    ),
    (
        Meaning.KNX_LOST,
        marked("No connection to KNX."),
        marked("Check the KNX line, the interface and its address."),
    ),
    (Meaning.FIRMWARE_BROKEN, marked("The firmware cannot be started."), marked("Call support.")),
    (
        Meaning.FIRMWARE_REVERTING,
        marked("The new firmware cannot be started, the one before comes back."),
        marked("Wait; then read the log."),
    ),
    (
        Meaning.RESET_ARMED,
        marked("The programming button is held since power came."),
        marked("Release it briefly and hold it again for a factory reset, or wait."),
    ),
    (
        Meaning.RESET_READY,
        marked("The device will be reset when the button is released."),
        marked("Release the button to reset the device."),
    ),
    (
        Meaning.RESTORES_PASSWORD,
        marked("The programming button is held: a release restores the initial password."),
        marked("Release the button to log in with the initial password, or hold it on."),
    ),
    (Meaning.OFF, marked("Out of operation."), marked("Check the power supply.")),
)


def panel_words(panel: PanelFacts, language: Language) -> dict[str, Any]:
    """Return the LEDs with a sentence each, what they mean together and what helps."""
    leds = {"prog": panel.programming, "app": panel.app, "com": panel.com}
    shown: dict[str, Any] = {
        name: {"pattern": led.value, "words": pattern_words(led, language)}
        for name, led in leds.items()
    }
    shown["is_programming"] = panel.is_programming
    shown["press"] = "0" if panel.is_programming else "1"  # what the programming button asks for
    for key, meaning, remedy in MEANINGS:
        if key == panel.meaning:
            shown["meaning"] = language.text(meaning)
            shown["remedy"] = language.text(remedy) if remedy else ""
    return shown
