"""Makes the model of an electricity meter whose registers stand in the site's file; pure.

It is described as a file of the catalogue would describe it and read by the same reader, so that
whatever works with models works with it.
"""

import itertools
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from knxgw.catalogue.device_model import DeviceKind, DeviceModel
from knxgw.catalogue.load import read_description
from knxgw.catalogue.messages import Listed
from knxgw.config.meter_ratio import with_ratio
from knxgw.config.report import Report
from knxgw.config.values import Values

MANUAL_ID, MANUAL_ETS_ID = "manual_meter", 65535  # of no model of the catalogue
LAST_REGISTER = 65535
_PHASES = ("l1", "l2", "l3")
_TABLES = {"3": "holding", "4": "input"}
_UNITS = {"current": "A", "power": "W", "energy": "Wh"}
_POINTS = {"current": "current", "power": "power", "energy": "energy_total"}
_REGISTERS = {"u16": 1, "i16": 1, "u32": 2, "i32": 2, "u64": 4, "i64": 4, "f32": 2, "f64": 4}


class _Register(NamedTuple):
    """One value of the meter, as the file gives it."""

    point: str
    key: str  # of its address
    address: int
    type: str
    scale: float
    unit: str | None

    @property
    def end(self) -> int:
        """Return the first address behind the registers of this value."""
        return self.address + _REGISTERS[self.type]


def meter_model(values: Values, phases: int, report: Report) -> DeviceModel | None:
    """Return the model of a meter: of the catalogue, or with registers entered by hand.

    What it measures is multiplied by the ratio of its transformers. Registers entered by hand have
    to be those of at least `phases` phases: a sum of fewer would be wrong.
    """
    model = _meter(values, phases, report)
    return model and with_ratio(model, values, report)


def _meter(values: Values, phases: int, report: Report) -> DeviceModel | None:
    """Return the model of a meter, by name or by registers; None: neither, or both."""
    manual = values.sections["manual"]
    if not manual.is_present:
        return values.model("model")
    if values.is_given("model"):
        report.error(manual.key, "model_and_manual")
        return None
    return _build(manual, phases, report)


def _build(values: Values, phases: int, report: Report) -> DeviceModel | None:
    """Return a model of the registers entered by hand; None: a mistake in them was reported."""
    if not _check_complete(values, phases, report):
        return None
    registers = list(_registers(values))
    are_valid = [_check_end(one, report) for one in registers]
    are_valid += [
        _check_size(registers, values, report),
        _check_overlaps(registers, report),
    ]
    if not all(are_valid):
        return None
    return read_description(_description(values, registers), DeviceKind.METER)


def _check_complete(values: Values, phases: int, report: Report) -> bool:
    """Tell whether everything is given that belongs together; report what is missing or 0."""
    quantities = {name: section for name, section in values.sections.items() if section.is_present}
    if not quantities.keys() & {"current", "power"}:
        report.error(values.key, "nothing_measured")
        return False
    is_complete = not any(section.has_wrong for section in (values, *quantities.values()))
    is_complete &= values.optional_text("function") is not None
    for name, section in quantities.items():
        is_complete &= section.optional_text("type") is not None
        if name == "fault":
            is_complete &= section.optional_integer("register") is not None
        else:
            is_complete &= _check_scale(section, report) and _check_phases(
                name, section, phases, report
            )
    return is_complete


def _check_scale(values: Values, report: Report) -> bool:
    """Tell whether the scale is not 0; report it if it is."""
    if values.number("scale") != 0:
        return True
    report.error(values.key_of("scale"), "scale_is_zero")
    return False


def _check_phases(name: str, values: Values, phases: int, report: Report) -> bool:
    """Tell whether the phases are given from L1 on, and as many as the charging point has; report if not.

    A wrong register, and a missing L1, were reported when the file was read. An energy may be given as a
    sum instead.
    """
    given = [phase for phase in _PHASES if values.optional_integer(phase) is not None]
    has_sum = name == "energy" and values.optional_integer("sum") is not None
    if values.has_wrong or (name != "energy" and "l1" not in given):
        return False
    if not given and not has_sum:
        report.error(values.key, "no_register_given")
        return False
    left_out = [phase for phase in _PHASES[: len(given)] if phase not in given]
    if left_out:
        _report_left_out(values, given[-1], left_out[0], report)
        return False
    if len(given) < phases and not has_sum:
        report.error(
            values.key,
            "too_few_phases",
            count=len(given),
            phases=phases,
            missing=Listed(_PHASES[len(given) : phases], "and"),
        )
        return False
    return True


def _report_left_out(values: Values, given: str, left_out: str, report: Report) -> None:
    """Report that a phase (l1 to l3) has no register although a later one has."""
    report.error(
        values.key_of(given),
        "phase_left_out",
        given=given.upper(),
        missing=left_out.upper(),
        key=left_out,
    )


def _registers(values: Values) -> Iterator[_Register]:
    """Yield the registers that were entered, each with its point and its scale."""
    for quantity, unit in _UNITS.items():
        section = values.sections.get(quantity)
        if section is None or not section.is_present:
            continue
        for name in (*_PHASES, "sum") if quantity == "energy" else _PHASES:
            address = section.optional_integer(name)
            if address is None:
                continue
            base = _POINTS[quantity]
            yield _Register(
                point=base if name == "sum" else f"{base}_{name}",
                key=section.key_of(name),
                address=address,
                type=section.text("type"),
                scale=section.number("scale"),
                unit=unit,
            )
    fault = values.sections.get("fault")
    if fault is not None and fault.is_present:
        yield _Register(
            point="error_1",
            key=fault.key_of("register"),
            address=fault.integer("register"),
            type=fault.text("type"),
            scale=1.0,
            unit=None,
        )


def _check_end(one: _Register, report: Report) -> bool:
    """Tell whether a value ends at an existing register; report it if not."""
    if one.end - 1 <= LAST_REGISTER:
        return True
    report.error(
        one.key,
        "register_ends_behind",
        type=one.type,
        count=_REGISTERS[one.type],
        last=LAST_REGISTER,
    )
    return False


def _check_size(registers: list[_Register], values: Values, report: Report) -> bool:
    """Tell whether the largest value fits into one request; report it if not."""
    largest = max(registers, key=lambda one: _REGISTERS[one.type])
    count, most = _REGISTERS[largest.type], values.integer("max_registers")
    if count <= most:
        return True
    report.error(
        values.key_of("max_registers"),
        "value_larger_than_request",
        type=largest.type,
        count=count,
        most=most,
    )
    return False


def _check_overlaps(registers: list[_Register], report: Report) -> bool:
    """Tell whether no two values share a register; report it if two do: an address or a type is wrong."""
    in_order = sorted(registers, key=lambda one: one.address)
    overlapping = [
        (first, second)
        for first, second in itertools.pairwise(in_order)
        if second.address < first.end
    ]
    for first, second in overlapping:
        report.error(
            second.key,
            "register_shared",
            register=second.address,
            key=first.key,
            count=first.end - first.address,
            start=first.address,
        )
    return not overlapping


def _description(values: Values, registers: list[_Register]) -> Mapping[str, object]:
    """Return what a file of the catalogue would say."""
    names = {one.point for one in registers}
    return {
        "id": MANUAL_ID,
        "ets_id": MANUAL_ETS_ID,
        "manufacturer": "any",
        "model": "registers entered by hand",
        "sources": ["the configuration of the site"],
        "interface": {
            "transports": ["tcp", "rtu", "ascii"],
            "byte_order": values.text("byte_order"),
            "word_order": values.text("word_order"),
            "request_gap_s": values.number("request_gap_s"),
        },
        "read": {"block": "merged", "max_registers": values.integer("max_registers")},
        "points": {
            one.point: _point(one, _TABLES[values.text("function")], names) for one in registers
        },
    }


def _point(one: _Register, table: str, names: set[str]) -> Mapping[str, object]:
    """Return a point; without currents powers are what has to be followed closely."""
    described: dict[str, object] = {
        "address": one.address,
        "table": table,
        "type": one.type,
        "scale": one.scale,
        "required": True,
    }
    if one.unit is not None:
        described["unit"] = one.unit
    if one.point.startswith("power") and "current_l1" not in names:
        described["poll"] = "fast"
    return described
