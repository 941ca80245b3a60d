"""What the smart meter of the mains connection measures while somebody sets the device up. Source: website 47, 48."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from knxgw.catalogue.messages import Message
from knxgw.charging.quantities import PHASE_CURRENTS, PHASE_POWERS, Quantity, Value
from knxgw.config.devices import GRID_METER_ID, devices
from knxgw.config.model import Configuration
from knxgw.errors import Finding, with_remedy
from knxgw.monitoring.csv_table import plain_text
from knxgw.monitoring.device_watch import phases_of
from knxgw.monitoring.direction import direction_risks, measured
from knxgw.website.language import Language
from knxgw.website.pages.common import site
from knxgw.website.pages.wizard_shown import Shown, ShownRow

_UNREAD = {  # what the look says of them, and of which quantity
    "online_current_silent": "current",
    "online_power_silent": "power",
    "online_register_silent": "",
    "online_phase_without_value": "",
}


def start_meter_watch(configuration: Configuration) -> None:
    """Watch the smart meter of the mains connection, if it is on Modbus."""
    if any(one.id == GRID_METER_ID for one in devices(configuration)):
        site().bridge.setup.commissioning.start_watch(configuration, {GRID_METER_ID})


def with_live_meter(shown: Shown, findings: Sequence[Finding], words: Language) -> Shown:
    """Return a look at the smart meter that goes on as long as it is watched, with what it measures now.

    Of the `findings` of the look those stay that say which registers do not answer: the values of others
    do not show it.
    """
    progress = site().bridge.setup.commissioning.watch()
    found = progress.of(GRID_METER_ID)
    if found is None or shown.is_running:
        return shown
    if not found.is_heard:
        return replace(shown, is_running=progress.is_running)
    said = (*_meter_words(found.values), *_still_unread(findings, found.values))
    row = _meter_row(said, words)
    what = words.text("It measures now:") if progress.is_running else words.text("Last value:")
    return replace(shown, is_running=progress.is_running, said=what, rows=(row, *shown.rows[1:]))


def running_meter(words: Language) -> Shown:
    """Return what the smart meter of the running device measures, wherever it is; empty: it has none."""
    shown = site().bridge.view(None).load_management
    if shown is None or not shown.has_meter:
        return Shown()
    currents_ma = {
        phase: float(one.measured_ma)
        for phase, one in enumerate(shown.phases, 1)
        if one.measured_ma is not None
    }
    what = words.text("Smart meter")
    if not shown.is_meter_alive or not currents_ma:
        row = ShownRow(what, words.text("no values yet"), "", "warning")
        return Shown(is_running=True, said=words.text("The smart meter is silent."), rows=(row,))
    risks = direction_risks(currents_ma, is_power=False)
    row = _meter_row((measured(currents_ma, is_power=False), *risks), words)
    return Shown(is_running=True, said=words.text("It measures now:"), rows=(row,))


def _meter_row(said: Sequence[Message], words: Language) -> ShownRow:
    """Return what it measures, and after that what is doubtful."""
    state, tone = words.text("good"), "good"
    if len(said) > 1:
        state, tone = words.text("Warning"), "warning"
    text = "; ".join(with_remedy(one.problem(words.code), one.remedy(words.code)) for one in said)
    return ShownRow(words.text("Smart meter"), state, plain_text(text), tone)


def _still_unread(
    findings: Sequence[Finding], values: Mapping[Quantity, Value]
) -> Iterator[Message]:
    """Yield which registers do not answer, but for those that have a value by now."""
    for one in findings:
        if isinstance(one.words, Message) and one.words.id in _UNREAD:
            quantity = f"{_UNREAD[one.words.id]}_l{one.words.arguments.get('phase')}"
            if quantity not in values:
                yield one.words


def _meter_words(values: Mapping[Quantity, Value]) -> Iterator[Message]:
    powers_w, currents_ma = phases_of(values, PHASE_POWERS), phases_of(values, PHASE_CURRENTS)
    if not (powers_w or currents_ma):
        return
    yield measured(currents_ma or powers_w, is_power=not currents_ma)
    yield from direction_risks(powers_w, is_power=True) or direction_risks(
        currents_ma, is_power=False
    )
