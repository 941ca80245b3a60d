"""Group addresses for ETS, and their links: what `knxgw objects --format ...` and the website give; pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from knxgw.catalogue.product import Catalogue
from knxgw.config.group_objects import definitions
from knxgw.config.model import Configuration, GroupAddress
from knxgw.config.objects import ExistingObject, existing_objects, possible_objects
from knxgw.ets.address_plan import USUAL_MIDDLE, WantedRange, plan_addresses
from knxgw.ets.group_address_table import group_address_table, site_names
from knxgw.ets.write_group_addresses import config_lines, ets_csv, ets_xml

ENGLISH = "en"  # the language of what no site says


class Shape(StrEnum):
    """How group addresses are written; each is a value of `--format`."""

    ETS_CSV = "ets-csv"
    ETS_XML = "ets-xml"
    CONFIG = "config"


@dataclass(frozen=True, slots=True)
class AddressWishes:
    """What somebody may choose about group addresses; None: as the site has it, or as usual."""

    main: int | None = None
    middle: int | None = None
    language: str | None = None

    @property
    def range(self) -> WantedRange:
        """Return where new addresses go."""
        return WantedRange(
            main=self.main, middle=USUAL_MIDDLE if self.middle is None else self.middle
        )


def planned_links(
    configuration: Configuration | None, catalogue: Catalogue, wishes: AddressWishes
) -> Mapping[int, tuple[GroupAddress, ...]]:
    """Return the addresses of every object, of a site or of the whole map: its own, else planned ones.

    Raises: NoRoomError.
    """
    kept = configuration.group_objects.values() if configuration else ()
    linked = [address for link in kept for address in link.addresses]
    every = _objects(configuration, catalogue)
    return plan_addresses(every, linked, wishes.range, catalogue.product.texts.names)


def _objects(configuration: Configuration | None, catalogue: Catalogue) -> Sequence[ExistingObject]:
    return (
        existing_objects(configuration, catalogue) if configuration else possible_objects(catalogue)
    )


def group_addresses(
    configuration: Configuration | None,
    catalogue: Catalogue,
    shape: Shape,
    wishes: AddressWishes,
    numbers: Collection[int],
) -> bytes:
    """Return the file for the objects with these numbers, of a site or of the whole map.

    Objects that are left out keep their place: each gets the address it has in the file of all.
    Raises: NoRoomError.
    """
    every = _objects(configuration, catalogue)
    kept = dict(configuration.group_objects) if configuration else {}
    texts = catalogue.product.texts
    links = planned_links(configuration, catalogue, wishes)
    objects = [one for one in every if one.number in numbers]
    usual = configuration.device.language if configuration else ENGLISH
    site = site_names(configuration, catalogue, wishes.language or usual)
    if shape is Shape.CONFIG:
        known = definitions(catalogue)
        absent = (
            kept.keys() - {one.number for one in every} if len(objects) == len(every) else set()
        )
        links = {**links, **{number: kept[number].addresses for number in absent}}
        return config_lines(objects, links, {one: known[one] for one in absent}, site).encode()
    table = group_address_table(objects, links, site, texts.names)
    return ets_csv(table) if shape is Shape.ETS_CSV else ets_xml(table)
