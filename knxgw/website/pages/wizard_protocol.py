"""The protocol of a set-up, to be printed and signed. Source: website 47."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from flask import Blueprint, render_template

from knxgw.catalogue.load import catalogue
from knxgw.config.load import parse_configuration
from knxgw.config.model import KnxLinkKind, KnxSettings
from knxgw.monitoring.test_charge import Progress
from knxgw.station.view import PointView
from knxgw.store.configurations import Version
from knxgw.website.access.roles import Right
from knxgw.website.configuring import sum_of
from knxgw.website.device_facts import DeviceFacts
from knxgw.website.labels import label_of, label_of_choice
from knxgw.website.language import Language
from knxgw.website.pages.common import checked, language, session, site
from knxgw.website.pages.configuration import finding_rows, text_now
from knxgw.website.pages.configuration_objects import linked_and_all
from knxgw.website.pages.wizard import TITLES, way
from knxgw.website.pages.wizard_charge import charge_row, point_words
from knxgw.website.pages.wizard_network import seen_row
from knxgw.website.place_words import installed_at
from knxgw.website.security import needs
from knxgw.website.wizard import STEPS, Mark

pages = Blueprint("wizard_protocol", __name__)


class _InForce(NamedTuple):
    """The configuration that is in force, and the versions that were, the newest first."""

    sum: str
    versions: tuple[Version, ...]


@pages.get("/wizard/protocol")
@needs(Right.CONFIGURATION)
def protocol() -> str:
    """Show the protocol."""
    words, bridge = language(), site().bridge
    text, facts = text_now(), bridge.facts()
    configuration = parse_configuration(text, catalogue(), is_offline=True).configuration
    view, marks = bridge.view(words.code), way().marks
    check, charges = (
        bridge.setup.commissioning.check(),
        bridge.setup.commissioning.charges(),
    )
    in_force = _InForce(sum_of(text), bridge.device.configuring.versions())
    linked, objects = linked_and_all(text)
    return render_template(
        "wizard_protocol.html",
        facts=facts,
        account_name=session().account,
        in_force=in_force.versions[0] if in_force.versions else None,
        sum=in_force.sum,
        steps=[(words.text(TITLES[one]), _marked(marks.get(one), words)) for one in STEPS],
        points=[_protocol_of(one, charges.get(one.number), in_force, words) for one in view.points],
        load_management=view.load_management,
        knx=[] if configuration is None else list(_knx_lines(configuration.knx, facts, words)),
        linked=linked,
        objects=objects,
        findings=finding_rows(checked(text).findings, words, text),
        seen=[seen_row(one, words) for one in check.seen] if check.text_sum == in_force.sum else [],
    )


def _marked(found: Mark | None, words: Language) -> str:
    if found is None:
        return words.text("open")
    return words.text("done") if found is Mark.DONE else words.text("left out")


def _knx_lines(knx: KnxSettings, facts: DeviceFacts, words: Language) -> Iterator[tuple[str, str]]:
    """Yield how the device reaches KNX, and as whom: names and values."""

    def label(key: str) -> str:
        return label_of(f"knx.{key}", words.code)

    yield label("link"), label_of_choice("knx.link", knx.link, words.code)
    if knx.link is KnxLinkKind.NONE:
        return
    if knx.link is KnxLinkKind.ROUTING:
        yield label("multicast_group"), knx.multicast_group
    elif knx.gateway_host is not None:
        yield label("gateway"), f"{knx.gateway_host}:{knx.gateway_port}"
    yield label("individual_address"), facts.individual_address or knx.individual_address or "–"
    yield words.text("KNX Secure"), words.text("yes") if facts.is_secure else words.text("no")


def _protocol_of(
    one: PointView, charge: Progress | None, in_force: _InForce, words: Language
) -> dict[str, Any]:
    installed = one.installed
    return {
        "title": point_words(one, words),
        "model": one.model,
        "address": installed_at(installed, words),
        "serial": one.detail.serial or "",
        "firmware": one.detail.firmware or "",
        "phases": ", ".join(f"L{phase}" for phase in installed.mains_phases),
        "minimum": words.number(installed.minimum_ma / 1000, 1),
        "maximum": words.number(installed.maximum_ma / 1000, 1),
        "meter": installed.meter or "",
        "is_good": charge is not None and charge.is_good,
        "tested": "" if charge is None else _tested(charge, in_force, words),
        "is_of_another": charge is not None and charge.text_sum != in_force.sum,
        "rows": () if charge is None else tuple(charge_row(row, words) for row in charge.rows),
    }


def _tested(charge: Progress, in_force: _InForce, words: Language) -> str:
    """Return when a first charge was, and with which configuration."""
    number = _version_of(charge, in_force.versions)
    said = [] if charge.began_at is None else [words.moment(charge.began_at, None)]
    if number is not None:
        said.append(words.text("tested with version {number}", number=number))
    elif charge.text_sum:
        said.append(words.text("tested with checksum {sum}", sum=charge.text_sum))
    if charge.text_sum != in_force.sum:
        said.append(words.text("another configuration is in force now"))
    return ", ".join(said)


def _version_of(charge: Progress, versions: Iterable[Version]) -> int | None:
    """Return the version that was in force at a first charge; None: it is not kept."""
    return next(
        (
            one.number
            for one in versions
            if sum_of(one.text) == charge.text_sum
            and (charge.began_at is None or one.at <= charge.began_at)
        ),
        None,
    )
