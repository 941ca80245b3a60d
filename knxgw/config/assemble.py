"""Makes a `Configuration` of values and links: the one place for every source; pure.

A source (a file, the website, ETS) brings the values of its parameters (`read_values`), the links of
the group objects, and a report that knows where each of them stands.
"""

from collections.abc import Mapping
from dataclasses import replace

from knxgw.catalogue.product import Catalogue
from knxgw.config.build import build_draft
from knxgw.config.check import check_draft
from knxgw.config.model import Configuration, ConfigurationSource, GroupObjectLink
from knxgw.config.report import Report
from knxgw.config.values import Values
from knxgw.config.without_effect import warn_without_effect


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
    draft = build_draft(values, links, catalogue=catalogue, report=report, source=source)
    warn_without_effect(values, catalogue.needs, report)
    must_be_mended = report.has_errors
    faults = check_draft(draft, catalogue, report)
    return None if must_be_mended else replace(draft.configuration, faults=faults)
