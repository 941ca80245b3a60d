"""Writes the reference pages of group objects and chargers from the catalogue; pure.

`python -m tools.pages.catalogue objects > docs/objects.md` and so on make them
again; `tests/test_documents.py` compares.
"""

import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from knxgw.catalogue.codes import NO_ERROR, FaultCode
from knxgw.catalogue.device_model import DeviceModel, Transformers
from knxgw.catalogue.faults import Faults
from knxgw.catalogue.load import catalogue as shipped_catalogue
from knxgw.catalogue.objects import ObjectDefinition
from knxgw.catalogue.product import Catalogue, Product
from knxgw.catalogue.texts import Texts
from knxgw.config.group_objects import POINTS
from knxgw.website.language import Language
from knxgw.website.model_words import (
    control_words,
    modbus_words,
    supplied,
    transformer_words,
    watchdog_words,
)
from tools.pages.charging_point import charging_point_page, numbers_of, reason_table
from tools.pages.knx_device import knx_device_page

_GENERATED = "<!-- Made by `make generate` from product_db/: change that, not this page. -->\n"

# --- group objects -----------------------------------------------------------------------------

_OBJECTS_INTRODUCTION = """\
# Group objects

The numbers, datapoint types and flags are those of the reference device's manual
([reference-manual](sources.md#reference-manual), chapter 10), so a parametrisation that exists can
be taken over number by number. Objects of a charging point lie 50 apart: what is 50 at charging
point 1 is 100 at the second, and 250 at the fifth. `knxgw objects` prints this map, and
`knxgw objects --config FILE` the objects one site really has.

How to read the tables:

- **DPT**: the first one is the default; the file chooses another under `charging_points[].dpt` or
  `load_management.smart_meter.dpt` ([config.md](config.md)). "1 byte" is an object without a
  datapoint type.
- **Flags**: C communication, R read, W write, T transmit, U update, I read at start. `-` is off.
- **M**: the manual marks the object as depending on the model. Which model supplies which object
  is in [chargers.md](chargers.md). An electricity meter behind a charger adds what it measures.
- **Needs**: the object exists only when the charger or its meter supplies this.
- **Table**: number of the table in the manual that defines the object.

The first linked group address is the one an object sends on; it receives on all of them. A read is
answered on the address it came on. An object whose value is not known yet, or is stale because the
charger is away, does not answer. Nothing is invented: a sum is computed from its phases, but phases
are never guessed from a sum.
"""
_OWN = """\
## Objects of our own

The reference device does not have these; those of the charging points lie 10 apart. {date_time} sets the
clock of the gateway where no time server does: with a valid time server it is ignored. {alive} sends
every `device.alive_cycle_s`. The numbers of {reason} are [below](#reason-for-the-limit-{reason}-and-{reason_text}).
"""
_BEHAVIOUR = """\
## What the commands do

| GO | telegram | effect |
|---|---|---|
| {grid_supporting_control} | 1 / 0 | Grid-supporting control on / off. On, every charging point is held to `grid_supporting_control.setpoint_a`: 6 A, or 0 A (a pause). Off, the state before is restored. |
| {start_stop} | 1 | Starts a charging process that waits in state 7. |
| {start_stop} | 0 | Cancels it: state 4 until the vehicle is unplugged. What the state does not allow is `OpNotPossible`. |
| {interruption} | 1 / 0 | Interruption on / off for this charging point, independent of grid-supporting control. Off, charging goes on with the setpoint that holds then. |
| {unlock} | 0 or 1 | Releases the cable, but only when the charging process has finished; never ends a charge. |
| {setpoint} | current in A | Setpoint per phase, clamped to minimum and maximum; 0 A pauses where the charger allows it. Outside the range it is also `ValOutOfRange`. |

{smart_meter_l1}, {smart_meter_l2}, {smart_meter_l3}, {high_power_devices} and {in_operation} belong to dynamic load management:
{smart_meter_l1} to {smart_meter_l3} are the smart meter's values per phase (negative: export),
{high_power_devices} = 1 says that a large consumer starts (every 1 counts, also a repeated one), {in_operation} says that the smart meter is alive where it sends on change only.

State objects send when their value changes. Currents, powers and energies send on a minimum change
and not more often than a minimum interval; a value that has stood still for 10 s is sent as it is.
All but answers go out at no more than 15 telegrams per second, with a burst of 5.

{session_start}, {session_end} and {session_duration} exist for every charger, because the gateway can supply them itself; so
does {energy_last_charge} wherever energy or power is measured. None of the energies is suitable for billing.
"""
_FAULTS = """\
{fault} and {point_fault} are 1 while any fault of their scope is present. {last_fault} and {last_point_fault} show the most
severe one, the newest among equals, and keep the last one when none is left; before the first they
say `{no_error}`. The APP LED shows the most severe fault of all:
"""
_REASONS = """\
Of everything that holds a charging point back the highest in rank is shown
([charging-point.md](charging-point.md)). A number that was given once keeps its meaning.
"""
_FREE = """\
## Numbers that stay free

3-7, 14-19, 21-49, 57, 58 and 85-93 belong to the future of the reference device. 300-449 are kept
for charging points 6 to 8, which do not exist in this version.
"""


def objects_page(catalogue: Catalogue) -> str:
    """Return the reference of group objects as Markdown."""
    texts, numbers = catalogue.product.texts, numbers_of(catalogue.product)
    own = [one for one in catalogue.objects if one.table is None]  # not in the manual
    general = [one for one in catalogue.objects if not one.is_per_point and one not in own]
    per_point = [one for one in catalogue.objects if one.is_per_point and one not in own]
    parts = [
        _GENERATED,
        _OBJECTS_INTRODUCTION,
        "## Objects of the whole device\n",
        *_general_table(general, texts),
        "\n## Objects of a charging point\n",
        *_point_table(per_point, texts),
        "\n" + _OWN.format(**numbers),
        *_general_table((one for one in own if not one.is_per_point), texts),
        "",
        *_point_table((one for one in own if one.is_per_point), texts),
        "\n" + _BEHAVIOUR.format(**numbers),
        "## Charging point state ({state})\n".format(**numbers),
        *_state_table(texts),
        "\n## Load management ({sharing_state})\n".format(**numbers),
        *_load_management_table(texts),
        "\n## Fault texts ({last_fault} and {last_point_fault})\n".format(**numbers),
        *_fault_table(catalogue.product.faults, numbers),
        "\n## Reason for the limit ({reason} and {reason_text})\n".format(**numbers),
        _REASONS,
        *reason_table(texts, numbers),
        "\n" + _FREE,
    ]
    return "\n".join(parts)


def _general_table(objects: Iterable[ObjectDefinition], texts: Texts) -> Iterable[str]:
    yield from _head("GO", "function", "in German", "DPT", "flags", "exists", "table")
    for one in objects:
        yield _row(
            str(one.number),
            one.function.en,
            one.function.de,
            _dpts(one),
            f"`{one.flags}`",
            _condition(one, texts) or "always",
            str(one.table or ""),
        )


def _point_table(objects: Iterable[ObjectDefinition], texts: Texts) -> Iterable[str]:
    numbers = ("GO", *(f"CP {point}" for point in POINTS if point > 1))
    yield from _head(*numbers, "function", "in German", "DPT", "flags", "M", "needs", "table")
    for one in objects:
        yield _row(
            *(str(one.number_of(point)) for point in POINTS),
            one.function.en,
            one.function.de,
            _dpts(one),
            f"`{one.flags}`",
            "M" if one.is_model_dependent else "",
            _condition(one, texts) or _needs(one, texts),
            str(one.table or ""),
        )


def _state_table(texts: Texts) -> Iterable[str]:
    yield from _head("value", "word", "German", "when")
    for state, one in texts.states.items():
        yield _row(str(int(state)), one.name.en, one.name.de, one.when.en)


def _load_management_table(texts: Texts) -> Iterable[str]:
    yield from _head("value", "in words", "in German")
    for state, text in texts.load_management.items():
        yield _row(str(int(state)), text.en, text.de)


def _fault_table(faults: Faults, numbers: Mapping[str, int]) -> Iterable[str]:
    yield _FAULTS.format(no_error=NO_ERROR, **numbers)
    yield from _head("severity from", "APP LED", "meaning")
    for band in faults.bands:
        led = f"{band.flashes} slow flashes, pause" if band.flashes else "on"
        yield _row(str(band.at_least), led, band.meaning.en)
    yield ""
    places = (f"at {numbers[key]}" for key in ("last_fault", "last_point_fault"))
    yield from _head("text", *places, "fault", "cause", "remedy")
    for code in FaultCode:
        fault = faults.definitions[code]
        yield _row(
            f"`{code}`",
            str(faults.general.get(code, "")),
            str(faults.charging_point.get(code, "")),
            fault.title.en,
            fault.cause.en,
            fault.remedy.en,
        )


def _dpts(one: ObjectDefinition) -> str:
    return ", ".join(one.dpts) or "1 byte"


def _needs(one: ObjectDefinition, texts: Texts) -> str:
    return texts.needs[one.needs].en if one.needs else ""


def _condition(one: ObjectDefinition, texts: Texts) -> str:
    """Return when an object exists that depends on the load management, else nothing."""
    return texts.conditions[one.only_with].en if one.only_with else ""


# --- chargers and meters -------------------------------------------------------------------------

_CHARGERS_INTRODUCTION = """\
# Chargers

Every model is one file in `product_db/`; [models.md](models.md) describes the format and how to add
one. `knxgw models` prints this list. "Confirmed" means that two independent sources agree on the
registers; it does not mean that this project has tested the device: no test with a real device has
been reported yet, only with simulators made from the same files.

Chargers whose current cannot be set over Modbus are not supported: the wallboxes of an E3/DC power
station, for instance, can be stopped and switched to one phase, but their current cannot be limited.
"""
_METERS_INTRODUCTION = """\
# Electricity meters

For a charger without a meter of its own, or at the mains connection as the smart meter of load
management. Every model is one file in `product_db/`, like [the chargers](chargers.md); "confirmed"
means the same. For a meter that is not listed, enter its registers by hand in the site's file
([config.md](config.md#charging_pointsmetermanual), [example](../examples/meter-entered-by-hand.yaml)),
or it is described in a file of its own ([models.md](models.md)).

With current transformers of 200/5 A, for example, the meter sees a fortieth of the current. Each model
states what applies the ratio. If it is the meter, the source is a program that uses its registers unchanged,
or its menu: compare a current with a clamp meter during commissioning.
"""
_MATRIX = """\
## Which model supplies which group objects

Numbers are those of charging point 1. Objects that every charger has ({always}) are left out.
● the model supplies it. A meter adds its row to that of its charger.
"""
_ENGLISH = Language("en")
_RATIO = "([config.md](config.md#charging_pointsmeter))"


def chargers_page(catalogue: Catalogue) -> str:
    """Return the reference of chargers as Markdown."""
    return _models_page(catalogue, _CHARGERS_INTRODUCTION, catalogue.chargers.values())


def meters_page(catalogue: Catalogue) -> str:
    """Return the reference of electricity meters as Markdown."""
    return _models_page(catalogue, _METERS_INTRODUCTION, catalogue.meters.values())


def _models_page(catalogue: Catalogue, introduction: str, models: Collection[DeviceModel]) -> str:
    parts = [_GENERATED, introduction, *_overview(models)]
    parts += ["\n" + _MATRIX.format(always=_ranges(_always(catalogue.objects)))]
    parts += [*_matrix(catalogue, models), "\n## Each model\n"]
    for model in models:
        parts.extend(_model_section(model, catalogue.product))
    return "\n".join(parts).rstrip("\n") + "\n"


def _always(objects: Iterable[ObjectDefinition]) -> list[int]:
    """Return the numbers of the manual's objects of a charging point that no model can lack."""
    of_points = (one for one in objects if one.is_per_point and one.table is not None)
    return [one.number for one in of_points if one.needs is None]


def _ranges(numbers: Iterable[int]) -> str:
    """Return ascending numbers in words: "50 to 53, 55"."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][-1] + 1:
            spans[-1].append(number)
        else:
            spans.append([number])
    return ", ".join(_span(span) for span in spans)


def _span(span: Sequence[int]) -> str:
    if len(span) < 3:
        return ", ".join(str(number) for number in span)
    return f"{span[0]} to {span[-1]}"


def _overview(models: Iterable[DeviceModel]) -> Iterable[str]:
    yield from _head("id", "manufacturer", "model", "Modbus", "confirmed")
    for model in models:
        yield _row(
            f"[`{model.id}`](#{model.id})",
            model.manufacturer,
            model.model,
            ", ".join(transport.value.upper() for transport in model.transports),
            "yes" if model.is_confirmed else "no",
        )


def _matrix(catalogue: Catalogue, models: Collection[DeviceModel]) -> Iterable[str]:
    """Give a table with a row for each model, and what its columns are."""
    needed = [one for one in catalogue.objects if one.needs is not None]
    found = [one for one in needed if any(one.needs in model.capabilities for model in models)]
    yield "; ".join(f"{one.number} {one.function.en}" for one in found) + ".\n"
    yield from _head("model", *(str(one.number) for one in found))
    for model in models:
        marks = ("●" if one.needs in model.capabilities else "" for one in found)
        yield _row(f"`{model.id}`", *marks)


def _model_section(model: DeviceModel, product: Product) -> Iterable[str]:
    yield f'<a id="{model.id}"></a>\n'
    yield f"### {model.title}\n"
    yield f"- **Write in the file:** `model: {model.id}`"
    if model.variants:
        yield f"- **Also covers:** {'; '.join(model.variants)}"
    yield f"- **Modbus:** {', '.join(modbus_words(model, _ENGLISH))}"
    if len(model.connectors) > 1:
        yield f"- **Sockets:** {_sockets(model)}"
    if model.control is not None:
        yield f"- **Current:** {control_words(model.control, product, _ENGLISH)}"
        yield f"- **Watchdog:** {watchdog_words(model.watchdog, _ENGLISH)}"
    else:
        yield f"- **Current transformers:** {_transformers(model)}"
    yield f"- **Group objects that depend on the model:** {_supplied(model, product.objects)}"
    for title, texts in (
        ("Set up at the device", model.setup),
        ("Peculiarities", model.quirks),
        ("Sources", model.sources),
    ):
        yield from _list(title, texts)
    yield ""


def _sockets(model: DeviceModel) -> str:
    keys = " or ".join(f"`connector: {connector.number}`" for connector in model.connectors)
    return f"{keys}; each is a charging point of its own"


def _transformers(model: DeviceModel) -> str:
    is_unsure = model.transformers is Transformers.UNSURE
    return f"{transformer_words(model, _ENGLISH)}{f' {_RATIO}' if is_unsure else ''}"


def _supplied(model: DeviceModel, objects: Iterable[ObjectDefinition]) -> str:
    return ", ".join(str(one.number) for one in supplied(model, objects)) or "none"


def _list(title: str, texts: Sequence[str]) -> Iterable[str]:
    if texts:
        yield f"- **{title}:**"
        yield from (f"  - {text}" for text in texts)


# --- Markdown ------------------------------------------------------------------------------------


def _head(*cells: str) -> Iterable[str]:
    yield _row(*cells)
    yield "|" + "---|" * len(cells)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


PAGES: Mapping[str, Callable[[Catalogue], str]] = {
    "objects": objects_page,
    "chargers": chargers_page,
    "meters": meters_page,
    "charging-point": lambda catalogue: charging_point_page(catalogue.product),
    "knx-device": knx_device_page,
}


def main(arguments: Sequence[str]) -> int:
    """Print one page; return the exit status."""
    if len(arguments) != 1 or arguments[0] not in PAGES:
        sys.stderr.write(f"usage: python -m tools.pages.catalogue {'|'.join(PAGES)}\n")
        return 2
    sys.stdout.write(PAGES[arguments[0]](shipped_catalogue()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
