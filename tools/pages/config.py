"""Writes the reference of the configuration file, `docs/config.md`, from the catalogue; pure.

`python -m tools.pages.config > docs/config.md` writes the page.
"""

import sys
from collections.abc import Iterable, Sequence

from knxgw.catalogue.load import catalogue as shipped_catalogue
from knxgw.catalogue.needs import Need
from knxgw.catalogue.parameters import ParameterDefinition, ParameterType
from knxgw.catalogue.product import Catalogue
from knxgw.config.numbers import allowed_range
from knxgw.config.schema import Section, build_schema

_INTRODUCTION = """\
# The configuration file

One YAML file describes a site. `knxgw check FILE` reads it and reports mistakes and risks, with
the line and a remedy for each finding. Start from the complete file
[config-example.yaml](config-example.yaml) or from one of the sites in `examples/`.

- Mistakes in the file (unknown keys, values out of range, missing keys) prevent the start.
- A site that is complete but contradictory (one charger configured twice, a smart meter that is
  not linked) starts with the fault `Conf Charger`, `Conf EMeter`, `Conf NoCharger` or
  `DLMAssociation`, and writes nothing to the chargers concerned.
- Risks are warnings.
This page is made from `product_db/parameters.yaml`; change that file, not this page.
"""
_GROUP_OBJECTS = """\
## `group_objects`

Number of a group object → its group addresses: `50: [1/1/50, 1/7/50]`. The object sends on the
first address and receives on all of them. Write an address with three levels (`1/2/3`), two (`1/515`) or
as one number (`2563`). `knxgw objects` lists the objects of a site; with each further charging
point their numbers are 50 higher. `knxgw objects --config FILE --format config` writes this section with an
address for every object, the same as in the file for ETS ([ets.md](ets.md)).
"""
_NOTES = {
    "charging_points": "A list with one entry for each charging point. A charging point without a "
    "model or an address is disabled.",
    "serial": "The one RS485 line; needed when a connection has the type `serial`.",
    "meter": "Optional: an electricity meter, from the catalogue (`model`) or with registers entered by "
    "hand (`manual`).",
    "manual": "Instead of `model`: a meter that is not in the catalogue. Registers are given for currents, "
    "powers or both, from L1 on and for every phase of the charging point; a group object exists only "
    "for registers that are given. A register that the meter does not have causes the fault `EMeter Comm`, "
    "or `SmartMeterTOut` for the smart meter. "
    "[An example](../examples/meter-entered-by-hand.yaml).",
}
_LIKE = {
    "load_management.smart_meter.manual": "Instead of `model`: a meter that is not in the catalogue. "
    "The keys are those of "
    "[`charging_points[].meter.manual`](#charging_pointsmetermanual), except `energy` and `fault`.",
}
_KINDS = {
    ParameterType.TEXT: "text",
    ParameterType.BOOLEAN: "true or false",
    ParameterType.MODEL: "id of a model",
    ParameterType.HOST: "IPv4 address or host name",
    ParameterType.HOSTS: "list of IPv4 addresses or host names",
    ParameterType.ENDPOINT: "host:port",
    ParameterType.INDIVIDUAL_ADDRESS: "area.line.device",
    ParameterType.TIME_ZONE: "IANA name",
    ParameterType.PATH: "file",
    ParameterType.WEB_ADDRESS: "address that begins with https://",
    ParameterType.INTEGER: "whole number",
    ParameterType.NUMBER: "number",
}


def config_reference(catalogue: Catalogue) -> str:
    """Return the page as Markdown."""
    schema = build_schema(catalogue.parameters)
    parts = [_INTRODUCTION]
    for section in schema.sections.values():
        parts.extend(_section(section, "", catalogue.needs))
    return "\n".join([*parts, _GROUP_OBJECTS])


def _section(section: Section, above: str, needs: Sequence[Need]) -> Iterable[str]:
    path = f"{above}.{section.name}" if above else section.name
    key = f"{path}[]" if section.is_list else path
    yield f"## `{key}`\n"
    if key in _LIKE:
        yield f"{_LIKE[key]}\n"
        return
    notes = [_NOTES.get(section.name, ""), *_conditions(key, needs)]
    if any(notes):
        yield f"{' '.join(filter(None, notes))}\n"
    if section.parameters:
        yield "| key | values | default | meaning |\n|---|---|---|---|"
        for name, parameter in section.parameters.items():
            yield _row(name, parameter, needs)
        yield ""
    for below in section.sections.values():
        yield from _section(below, key, needs)


def _conditions(key: str, needs: Sequence[Need]) -> Iterable[str]:
    """Yield when a parameter or section has no effect; what is said of the sections around it is left out.

    Of several conditions that the same key decides, the last one is the strictest.
    """
    by_keys = {need.keys: need for need in needs if key in need.of}
    return (f"No effect while {need.reason.en}." for need in by_keys.values())


def _row(name: str, parameter: ParameterDefinition, needs: Sequence[Need]) -> str:
    default = f"`{parameter.default}`" if parameter.default is not None else "none"
    meaning = (f"**{parameter.text.en}.** {parameter.help.en}", *_conditions(parameter.key, needs))
    cells = (
        f"`{name}`",
        _values(parameter),
        "required" if parameter.is_required else default,
        " ".join(meaning),
    )
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _values(parameter: ParameterDefinition) -> str:
    words = "; ".join(f"`{choice.value}` {choice.text.en}" for choice in parameter.choices)
    if parameter.type is ParameterType.CHOICE:
        return words
    kind = _KINDS[parameter.type]
    if parameter.type in {ParameterType.INTEGER, ParameterType.NUMBER}:
        allowed = allowed_range(parameter)
        kind = str(allowed).removeprefix("allowed: ") if allowed else kind
    return f"{kind}; {words}" if words else kind


if __name__ == "__main__":
    sys.stdout.write(config_reference(shipped_catalogue()))
