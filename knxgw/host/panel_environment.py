"""Which lines the front panel has: those of the configuration, else those of the machine."""

import logging
import os
from collections.abc import Callable, Mapping

from knxgw.config.model import Configuration, PanelLine, PanelSettings

log = logging.getLogger(__name__)
LOW_BY_DEFAULT = "button"  # between the line and ground


def panel_settings(
    configuration: Configuration | None, words: Mapping[str, str]
) -> PanelSettings | None:
    """Return the lines of the panel, None: there are none; `words`: those of the machine, as they are read."""
    if configuration is not None and configuration.panel is not None:
        return configuration.panel
    if not words:
        return None
    return PanelSettings(
        chip=words["chip"],
        button=_line(words, "button"),
        led_programming=_line(words, "led_programming"),
        led_app=_line(words, "led_app"),
        led_com=_line(words, "led_com"),
    )


def words_of(settings: PanelSettings | None) -> dict[str, str]:
    """Return settings as words, {}: there are none."""
    if settings is None:
        return {}
    words = {"chip": settings.chip}
    for name in ("button", "led_programming", "led_app", "led_com"):
        line: PanelLine | None = getattr(settings, name)
        if line is not None:
            words |= {name: line.line, f"{name}_active": "low" if line.is_active_low else "high"}
    return words


def _line(words: Mapping[str, str], name: str) -> PanelLine | None:
    if name not in words:
        return None
    default = "low" if name == LOW_BY_DEFAULT else "high"
    return PanelLine(line=words[name], is_active_low=words.get(f"{name}_active", default) == "low")


def of_machine(
    variable: str,
    read: Callable[[str], dict[str, str]],
    environment: Mapping[str, str] = os.environ,
) -> dict[str, str]:
    """Return the lines of the machine, {}: there are none; what is wrong is logged."""
    try:
        return read(environment.get(variable, ""))
    except ValueError as err:
        log.warning("%s is not used: %s", variable, err)
        return {}
