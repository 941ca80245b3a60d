"""Makes the charging points of a configuration; pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from knxgw.catalogue.called import called
from knxgw.catalogue.device_model import DeviceModel
from knxgw.catalogue.messages import Message, message
from knxgw.config.build_connection import Disabled, build_connection
from knxgw.config.manual_meter import meter_model
from knxgw.config.model import (
    ChargingStart,
    Connection,
    MeterSettings,
    PointDpts,
    PointSettings,
    Sending,
    SendingRule,
    TemperatureSending,
    TemperatureSettings,
)
from knxgw.config.report import Report
from knxgw.config.values import Values

_MEASURED = ("current", "power", "energy", "session_energy")  # what a meter can add


@dataclass(slots=True, kw_only=True)
class PointList:
    """The charging points of a file: those that exist, and why the others do not."""

    points: list[PointSettings] = field(default_factory=list)
    keys: dict[int, str] = field(default_factory=dict)  # number -> key of its entry
    disabled: dict[int, Message] = field(default_factory=dict)  # number -> reason


def build_points(entries: Iterable[Values], unnamed: str, report: Report) -> PointList:
    """Return the charging points in the order of their numbers.

    `unnamed` is the name of one that has none, with its `{number}`.
    """
    found = PointList()
    for values in entries:
        number = values.optional_integer("number")
        if number is None:
            continue
        if number in found.keys:
            earlier = report.place(found.keys[number])
            report.error(
                values.key_of("number"), "point_defined_twice", number=number, earlier=earlier
            )
            continue
        found.keys[number] = values.key
        point = _build_point(number, values, unnamed, report)
        if isinstance(point, Disabled):
            found.disabled[number] = point.reason
        elif point:
            found.points.append(point)
    found.points.sort(key=lambda point: point.number)
    return found


def _build_point(
    number: int, values: Values, unnamed: str, report: Report
) -> PointSettings | Disabled | None:
    """Return a charging point, or why it is switched off; None: a mistake was reported."""
    model = values.model("model")
    if model is None:  # it is wrong, or there is none: then the charging point is not there yet
        return None if values.is_wrong("model") else Disabled(message("no_model_given"))
    connection = build_connection(values.sections["connection"], model, report)
    if connection is None or isinstance(connection, Disabled):
        return connection
    _check_currents(values, model, report)
    meter = _build_meter(values.sections["meter"], values.integer("phases"), report)
    start = ChargingStart(values.text("start"))
    return _settings(number, values, unnamed, model, connection, meter, start)


def _settings(  # noqa: PLR0913, PLR0917 - the parts of one charging point
    number: int,
    values: Values,
    unnamed: str,
    model: DeviceModel,
    connection: Connection,
    meter: MeterSettings | None,
    start: ChargingStart,
) -> PointSettings:
    """Return the settings of a charging point from its parts."""
    dpt, complete = values.sections["dpt"], values.sections["complete"]
    return PointSettings(
        number=number,
        name=values.optional_text("name") or unnamed.format(number=number),
        model=model,
        connection=connection,
        minimum_ma=values.thousandths("minimum_a"),
        maximum_ma=values.thousandths("maximum_a"),
        phases=values.integer("phases"),
        phase_rotation=values.text("phase_rotation"),
        dpts=PointDpts(
            current=dpt.text("current"), power=dpt.text("power"), energy=dpt.text("energy")
        ),
        complete_threshold_ma=complete.thousandths("threshold_a"),
        complete_time_s=complete.number("time_s"),
        start=start,
        sending=_sending(values.sections["sending"]),
        temperature=_temperature(values.sections["temperature"]),
        meter=meter,
        capabilities=model.capabilities | _added_by(meter),
        key=values.key,
    )


def _added_by(meter: MeterSettings | None) -> frozenset[str]:
    """Return what the meter measures; its serial number is not that of the charger."""
    supplied = meter.model.capabilities if meter else frozenset()
    return frozenset(name for name in supplied if name.startswith(_MEASURED))


def _build_meter(values: Values, phases: int, report: Report) -> MeterSettings | None:
    """Return the electricity meter of a charging point; None: it has none that can be read.

    It has none, a mistake in it was reported, or its bus is switched off, which is a warning.
    """
    if not values.is_present:
        return None
    model = meter_model(values, phases, report)
    if model is None:
        if not (values.sections["manual"].is_present or values.is_wrong("model")):
            report.error(values.key_of("model"), "meter_missing_model")
        return None
    connection = build_connection(values.sections["connection"], model, report)
    if isinstance(connection, Disabled):
        report.warning(values.key, "meter_disabled", reason=connection.reason)
        return None
    return MeterSettings(model=model, connection=connection) if connection else None


def _check_currents(values: Values, model: DeviceModel, report: Report) -> None:
    """Report currents that contradict each other or the model."""
    minimum, maximum = values.thousandths("minimum_a"), values.thousandths("maximum_a")
    if minimum > maximum:
        report.error(
            values.key_of("minimum_a"),
            "minimum_above_maximum",
            minimum=minimum / 1000,
            maximum=maximum / 1000,
        )
    if model.control is None:
        return
    if maximum > model.control.maximum_ma:
        report.error(
            values.key_of("maximum_a"),
            "maximum_above_model",
            current=maximum / 1000,
            model=called(model),
            limit=model.control.maximum_ma / 1000,
        )
    if minimum < model.control.minimum_ma:
        report.error(
            values.key_of("minimum_a"),
            "minimum_below_model",
            current=minimum / 1000,
            model=called(model),
            limit=model.control.minimum_ma / 1000,
        )


def _sending(values: Values) -> Sending:
    """Return when the objects of a charging point send."""
    current, power = values.sections["current"], values.sections["power"]
    energy = values.sections["energy"]
    return Sending(
        current=_rule(current, current.thousandths("min_change_a")),
        power=_rule(power, round(power.number("min_change_w"))),
        energy=_rule(energy, round(energy.number("min_change_wh"))),
        state_cycle_s=values.optional_number("state_cycle_s"),
    )


def _rule(values: Values, min_change: int) -> SendingRule:
    """Return when a moving value is sent; `min_change` in the unit of the value."""
    return SendingRule(
        min_change=min_change,
        min_interval_s=values.number("min_interval_s"),
        cycle_s=values.optional_number("cycle_s"),
    )


def _temperature(values: Values) -> TemperatureSettings:
    """Return when the temperature is sent, and from where on it warns."""
    return TemperatureSettings(
        sending=TemperatureSending(values.text("sending")),
        change_k=values.number("change_k"),
        cycle_s=values.number("cycle_s"),
        warning_c=values.number("warning_c"),
    )
