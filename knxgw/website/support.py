"""The support text: what a hotline asks first, in words that can be read aloud. Pure. Source: website 37."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from knxgw.charging.events import LinkCondition
from knxgw.knx.flow_counts import FlowCounts
from knxgw.station.view import PointView, SiteView
from knxgw.website.device_facts import DeviceFacts
from knxgw.website.device_words import device_lines
from knxgw.website.language import UNKNOWN, Language, marked
from knxgw.website.panel_words import panel_words

CONDITIONS: Mapping[str, str] = {  # of the connection to a charger
    LinkCondition.STARTING: marked("not tried yet"),
    LinkCondition.GOOD: marked("in order"),
    LinkCondition.NOT_REACHABLE: marked("no connection"),
    LinkCondition.COMM: marked("wrong answers"),
    LinkCondition.WRONG_MODEL: marked("another model answers"),
}


def support_text(site: SiteView, facts: DeviceFacts, words: Language, now: datetime) -> str:
    """Return what describes a device and its state; a person fills in the last lines."""
    lines = [*_device(site, facts, words, now), "", *_faults(site, words, now)]
    for point in site.points:
        lines += ["", *_point(point, words)]
    lines += ["", *_load_management(site, words), "", *_to_fill_in(words)]
    return "\n".join(lines) + "\n"


def _line(name: str, value: object) -> str:
    return f"{name}: {UNKNOWN if value in (None, '') else value}"


def _device(site: SiteView, facts: DeviceFacts, words: Language, now: datetime) -> Iterator[str]:
    yield _line(words.text("Site"), site.name)
    for name, value in device_lines(facts, words, now):
        yield _line(name, value)
    yield from _flow(facts.flow, words)
    yield _line(words.text("Front panel"), panel_words(facts.panel, words)["meaning"])
    yield _line(words.text("Time of this text"), words.moment(now, None))


def _flow(flow: FlowCounts, words: Language) -> Iterator[str]:
    """Yield what came or went too fast on KNX."""
    lost = words.text(
        "{here} here, {others} elsewhere", here=flow.lost_here, others=flow.lost_at_others
    )
    busy = words.text(
        "{ours} wanted by us, {others} by others", ours=flow.busy_sent, others=flow.busy_received
    )
    yield _line(words.text("KNX telegrams lost"), lost)
    yield _line(words.text("Pauses on KNX routing"), busy)


def _faults(site: SiteView, words: Language, now: datetime) -> Iterator[str]:
    yield words.text("Faults")
    scopes = [
        (words.text("General"), site.faults),
        *((one.name, one.faults) for one in site.points),
    ]
    found = False
    for scope, faults in scopes:
        for fault in faults:
            found = True
            info = f" {fault.info}" if fault.info else ""
            since = words.moment(fault.since, now)
            yield f"- {scope}: {fault.code}{info} ({fault.severity}), {fault.title}, {since}"
    if not found:
        none = words.text("none now")
        yield f"- {none}"
    for message in site.messages:
        yield f"- {message}"


def _point(point: PointView, words: Language) -> Iterator[str]:
    title = words.text("Charging point")
    yield f"{title} {point.number}: {point.name}"
    yield _line(words.text("Charger"), point.model)
    yield _line(words.text("Firmware of the charger"), point.detail.firmware)
    yield _line(words.text("Serial number of the charger"), point.detail.serial)
    yield _line(words.text("Connection"), _connection(point, words))
    if point.installed.meter:
        yield _line(words.text("Electricity meter"), point.installed.meter)
    state = "" if point.state is None else f" ({point.state})"
    yield _line(words.text("State"), f"{point.state_words}{state}")
    yield _line(words.text("Offered"), f"{words.ampere(point.offer_ma)}, {point.reason}")
    currents = " / ".join(words.ampere(one) for one in point.phases_ma)
    yield _line(words.text("Currents"), currents)
    yield _line(words.text("Last or current fault"), point.fault)


def _connection(point: PointView, words: Language) -> str:
    condition = CONDITIONS.get(point.condition)
    said = point.condition if condition is None else words.text(condition)
    return f"{said} {point.installed.address}".strip()


def _load_management(site: SiteView, words: Language) -> Iterator[str]:
    yield words.text("Load management")
    shared = site.load_management
    if shared is None:
        off = words.text("off")
        yield f"- {off}"
        return
    yield _line(words.text("State"), shared.state_words)
    yield _line(words.text("Limit"), words.ampere(shared.limit_ma))
    yield _line(words.text("Age of the smart meter's values"), words.duration(shared.meter_age_s))
    for phase in shared.phases:
        currents = words.text(
            "measured {measured}, building {building}, offered {offered}",
            measured=words.ampere(phase.measured_ma),
            building=words.ampere(phase.base_ma),
            offered=words.ampere(phase.allocated_ma),
        )
        yield _line(phase.name, currents)


def _to_fill_in(words: Language) -> Iterator[str]:
    yield words.text("Please fill in")
    for question in (
        words.text("ETS version"),
        words.text("What happens, and what should happen"),
        words.text("Since when, and what was changed before"),
    ):
        yield f"{question}: "
