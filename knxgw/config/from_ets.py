"""The configuration that ETS has loaded: parameters from its memory, links from its tables; pure.

What ETS does not know, because it reaches the device by it (KNX link, website, panel of the machine), comes from
the device's own file.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from knxgw.catalogue.parameters import ParameterDefinition
from knxgw.catalogue.product import Catalogue
from knxgw.config.assemble import assemble
from knxgw.config.convert import Value, convert
from knxgw.config.group_objects import definitions, key_of, nearest
from knxgw.config.model import Configuration, ConfigurationSource, GroupObjectLink
from knxgw.config.parameter_memory import OWN, texts_of
from knxgw.config.report import Report, parameter_and_entry
from knxgw.config.schema import Section, build_schema
from knxgw.config.values import SectionSource, read_values
from knxgw.errors import EtsParameter, Finding, Place


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedByEts:
    """What ETS has loaded. `configuration` is None if the device cannot run with it."""

    configuration: Configuration | None
    findings: tuple[Finding, ...]


def configuration_from_ets(
    image: bytes,
    links: Mapping[int, GroupObjectLink],
    catalogue: Catalogue,
    own: Configuration | None,
) -> LoadedByEts:
    """Return the configuration of a memory image and tables; anything wrong with it becomes a finding.

    `own`: what the device's own file says, None: there is none.
    """
    ids = {one.key: one.ets_id for one in catalogue.parameters}

    def place(key: str) -> Place:
        parameter, entry = parameter_and_entry(key)
        return EtsParameter(ids.get(parameter), entry, key)

    report = Report(place)
    root = _EtsSection("", dict(texts_of(image, catalogue)), catalogue)
    values = read_values(build_schema(catalogue.parameters), root, catalogue, report)
    configuration = assemble(
        values,
        _known(links, catalogue, report),
        catalogue,
        report,
        source=ConfigurationSource.ETS,
    )
    if configuration is not None and own is not None:
        configuration = _of_this_machine(configuration, own)
    about = [one for one in report.findings if not one.place.key.startswith(OWN)]
    return LoadedByEts(configuration=configuration, findings=tuple(about))


def _of_this_machine(configuration: Configuration, own: Configuration) -> Configuration:
    """Return a configuration with what belongs to the machine; see `parameter_memory.OWN`."""
    return replace(
        configuration,
        knx=own.knx,
        website=own.website,
        firmware=own.firmware,
        panel=own.panel,
        device=replace(configuration.device, ntp_servers=own.device.ntp_servers),
    )


def is_same_but_for_machine(before: Configuration, after: Configuration) -> bool:
    """Tell whether two configurations differ at most in what belongs to the machine."""
    return _of_this_machine(after, before) == before


def about_machine(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return what was found about the machine: of its own file nothing else holds while ETS holds the device."""
    return tuple(one for one in findings if one.place.key.startswith(OWN))


class _EtsSection:
    """A section of the parameters; see `SectionSource`."""

    def __init__(self, key: str, texts: Mapping[str, str], catalogue: Catalogue) -> None:
        self._key = key
        self._texts = texts
        self._catalogue = catalogue

    def section(self, section: Section) -> SectionSource | None:
        """Return a section below, None: nothing of it is given."""
        key = self._below(section.name)
        is_given = any(one.startswith(f"{key}.") for one in self._texts)
        return _EtsSection(key, self._texts, self._catalogue) if is_given else None

    def entries(self, section: Section) -> Sequence[tuple[str, SectionSource]]:
        """Return the entries of a list that have a value."""
        name = self._below(section.name)
        keys = sorted({one.partition(".")[0] for one in self._texts if one.startswith(f"{name}[")})
        return [(key, _EtsSection(key, self._texts, self._catalogue)) for key in keys]

    def has_value(self, name: str) -> bool:
        """Tell whether a parameter is given."""
        return self._below(name) in self._texts

    def value(self, name: str, parameter: ParameterDefinition) -> Value:
        """Return a parameter that is given. Raises: NotAllowedError."""
        return convert(parameter, self._texts[self._below(name)], self._catalogue)

    def _below(self, name: str) -> str:
        return f"{self._key}.{name}" if self._key else name


def _known(
    links: Mapping[int, GroupObjectLink], catalogue: Catalogue, report: Report
) -> dict[int, GroupObjectLink]:
    """Return the links of group objects that there are; others are reported."""
    known = definitions(catalogue)
    for number in links:
        if number not in known:
            near = nearest(number, known)
            report.warning(key_of(number), "object_unknown", number=number, near=near)
    return {number: link for number, link in links.items() if number in known}
