"""Makes the settings of the front panel from checked values; pure."""

from knxgw.config.model import PanelLine, PanelSettings
from knxgw.config.report import Report
from knxgw.config.values import Values

_LINES = ("button", "led_programming", "led_app", "led_com")


def build_panel(values: Values, report: Report) -> PanelSettings | None:
    """Return the settings of the front panel, None: there is none; what does not fit is reported."""
    chip = values.optional_text("chip")
    given = [name for name in _LINES if values.is_given(name)]
    if chip is None:
        if given and not values.is_given("chip"):
            report.error(values.key_of("chip"), "panel_without_chip")
        return None
    if not given:
        report.warning(values.key_of("chip"), "panel_without_lines")
        return None
    _check_used_once(values, report)
    return PanelSettings(chip=chip, **{name: _line(values, name) for name in _LINES})


def _line(values: Values, name: str) -> PanelLine | None:
    """Return a line of the panel; None: it has none there."""
    line = values.optional_text(name)
    if line is None:
        return None
    return PanelLine(line=line, is_active_low=values.text(f"{name}_active") == "low")


def _check_used_once(values: Values, report: Report) -> None:
    """Report a line that is given twice; 17 and 017 are the same offset."""
    taken = set()
    for name in _LINES:
        line = values.optional_text(name)
        if line is None:
            continue
        offset = line.lstrip("0") or "0" if line.isdecimal() else line
        if offset in taken:
            report.error(values.key_of(name), "panel_line_used_twice", line=line)
        taken.add(offset)
