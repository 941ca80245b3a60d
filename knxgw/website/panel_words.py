"""The front panel in words: what its LEDs show, what that means and what helps. Pure.

Source: [reference-manual] 8.1, tables 5, 7, 8 and 9, and 8.2, table 10; product 8.
"""

from typing import Any

from knxgw.device.panel import Led, Meaning
from knxgw.website.device_facts import PanelFacts
from knxgw.website.language import Language


def pattern_words(led: Led, language: Language) -> str:
    """Return how an LED is lit, in words."""
    return language.text(_PATTERNS[led])


_PATTERNS = {
    Led.OFF: "off",
    Led.ON: "on",
    Led.SLOW: "flashes slowly",
    Led.RAPID: "flashes rapidly",
    Led.SLOW3: "flashes three times, then pauses",
    Led.SLOW5: "flashes five times, then pauses",
    Led.ALTERNATE: "flashes slowly, in turn with APP",
}


MEANINGS = (  # key, meaning, remedy; English is the key of the translations
    (Meaning.RUNNING, "Ready.", ""),
    (Meaning.STARTING, "The device starts.", "Wait up to a minute."),
    (Meaning.NOT_CONFIGURED, "Ready, but not configured.", "Load a configuration."),
    (
        Meaning.SERIOUS_FAULT,
        "Serious fault: out of use until the configuration is corrected.",
        "Read the fault above and correct the configuration.",
    ),
    (
        Meaning.TEMPORARY_FAULT,
        "Temporary fault: one component or charging point is affected.",
        "Read the fault above.",
    ),
    (
        Meaning.KNX_LOST,
        "No connection to KNX.",
        "Check the KNX line, the interface and its address.",
    ),
    (Meaning.FIRMWARE_BROKEN, "The firmware cannot be started.", "Call support."),
    (
        Meaning.FIRMWARE_REVERTING,
        "The new firmware cannot be started, the one before comes back.",
        "Wait; then read the log.",
    ),
    (
        Meaning.RESET_ARMED,
        "The programming button is held since power came.",
        "Release it briefly and hold it again for a factory reset, or wait.",
    ),
    (
        Meaning.RESET_READY,
        "The device will be reset when the button is released.",
        "Release the button to reset the device.",
    ),
    (Meaning.OFF, "Out of operation.", "Check the power supply."),
)


def panel_words(panel: PanelFacts, language: Language) -> dict[str, Any]:
    """Return the LEDs with a sentence each, what they mean together and what helps."""
    leds = {"prog": panel.programming, "app": panel.app, "com": panel.com}
    shown: dict[str, Any] = {
        name: {"pattern": led.value, "words": pattern_words(led, language)}
        for name, led in leds.items()
    }
    for key, meaning, remedy in MEANINGS:
        if key == panel.meaning:
            shown["meaning"] = language.text(meaning)
            shown["remedy"] = language.text(remedy) if remedy else ""
    return shown
