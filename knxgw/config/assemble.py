"""Makes a `Configuration` of values and links: the one place for every source; pure.

A source (a file, the website, ETS) brings the values of its parameters (`read_values`), the links of
the group objects, and a report that knows where each of them stands.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from knxgw.catalogue.product import Catalogue
from knxgw.config.build import build_draft
from knxgw.config.check import check_draft
from knxgw.config.model import Configuration, ConfigurationSource, GroupObjectLink
from knxgw.config.report import Report
from knxgw.config.values import Values
from knxgw.config.without_effect import warn_without_effect


class Assembled(NamedTuple):
    """A configuration, and what its source says although it must be mended."""

    configuration: Configuration | None  # None: the source must be mended first
    understood: Configuration  # without what was wrong; for pages that go on with it, never to run


def assembled(
    values: Values,
    links: Mapping[int, GroupObjectLink],
    catalogue: Catalogue,
    report: Report,
    *,
    source: ConfigurationSource,
) -> Assembled:
    """Return the configuration, and what of it is understood. Mistakes, faults and risks go to the report."""
    draft = build_draft(values, links, catalogue=catalogue, report=report, source=source)
    warn_without_effect(values, catalogue.needs, report)
    must_be_mended = report.has_errors
    understood = replace(draft.configuration, faults=check_draft(draft, catalogue, report))
    return Assembled(None if must_be_mended else understood, understood)


def assemble(
    values: Values,
    links: Mapping[int, GroupObjectLink],
    catalogue: Catalogue,
    report: Report,
    *,
    source: ConfigurationSource,
) -> Configuration | None:
    """Return the configuration with its faults, None if its source must be mended first.

    Mistakes, faults and risks go to the report.
    """
    return assembled(values, links, catalogue, report, source=source).configuration
