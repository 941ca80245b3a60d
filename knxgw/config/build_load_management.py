"""Makes the load management of a configuration; pure."""

from collections.abc import Mapping

from knxgw.catalogue.called import called
from knxgw.catalogue.messages import Listed, message
from knxgw.catalogue.product import Catalogue
from knxgw.config.build_connection import Disabled, build_connection
from knxgw.config.manual_meter import meter_model
from knxgw.config.model import (
    LoadManagementMode,
    LoadManagementSettings,
    Measurement,
    MeterSettings,
    Monitoring,
    SmartMeterSettings,
)
from knxgw.config.report import Report
from knxgw.config.values import Values

SMALLEST_LIMIT_A = 6  # what must remain of the fuse


def build_load_management(
    values: Values, catalogue: Catalogue, report: Report
) -> LoadManagementSettings:
    """Return the load management; what its mode needs and lacks goes to the report."""
    mode = LoadManagementMode(values.text("mode"))
    _check_limits(values, mode, report)
    meter = values.sections["smart_meter"]
    is_dynamic = mode is LoadManagementMode.DYNAMIC
    return LoadManagementSettings(
        mode=mode,
        fuse_ma=values.optional_thousandths("fuse_a"),
        reserve_ma=values.thousandths("reserve_a"),
        priority=values.optional_integer("priority"),
        static_limit_ma=values.optional_thousandths("static_limit_a"),
        high_power_wait_s=values.number("high_power_wait_s"),
        has_queue=values.text("queue") == "on",
        smart_meter=_smart_meter(meter, catalogue, report) if is_dynamic else None,
    )


def check_priority(values: Values, keys: Mapping[int, str], report: Report) -> None:
    """Report a prioritised charging point that the file does not define."""
    priority = values.optional_integer("priority")
    if priority is not None and priority not in keys:
        known = Listed(tuple(sorted(keys))) if keys else message("none")
        report.error(values.key_of("priority"), "no_such_priority", number=priority, known=known)


def _check_limits(values: Values, mode: LoadManagementMode, report: Report) -> None:
    """Report a limit that the mode needs and lacks, and a reserve that leaves too little of the fuse."""
    needed = {LoadManagementMode.DYNAMIC: "fuse_a", LoadManagementMode.STATIC: "static_limit_a"}
    name = needed.get(mode)
    if name and values.optional_number(name) is None and not values.is_wrong(name):
        report.error(values.key_of(name), "fuse_missing", mode=mode.value)
    fuse, reserve = values.optional_number("fuse_a"), values.number("reserve_a")
    if fuse is not None and reserve > fuse - SMALLEST_LIMIT_A:
        report.error(
            values.key_of("reserve_a"),
            "reserve_too_large",
            reserve=reserve,
            least=SMALLEST_LIMIT_A,
            fuse=fuse,
            highest=fuse - SMALLEST_LIMIT_A,
        )


def _smart_meter(values: Values, catalogue: Catalogue, report: Report) -> SmartMeterSettings:
    """Return the settings of the smart meter."""
    source = values.text("source")
    measurement = Measurement(values.text("measurement"))
    return SmartMeterSettings(
        source=source,
        phases=int(values.text("phases")),
        measurement=measurement,
        dpt=_dpt(values, measurement, catalogue, report),
        monitoring=Monitoring(values.text("monitoring")),
        interval_s=values.number("interval_s"),
        meter=_modbus_meter(values, measurement, report) if source == "modbus" else None,
    )


def _dpt(values: Values, measurement: Measurement, catalogue: Catalogue, report: Report) -> str:
    """Return the datapoint type; those of a measurement are those of the objects that show it."""
    fitting = [
        dpt
        for definition in catalogue.objects
        if definition.dpt_choice == measurement.value
        for dpt in definition.dpts
    ]
    dpt = values.text("dpt")
    if dpt in fitting:
        return dpt
    if values.is_given("dpt"):
        report.error(
            values.key_of("dpt"),
            "type_does_not_fit",
            dpt=dpt,
            measurement=measurement.value,
            fitting=Listed(tuple(dict.fromkeys(fitting))),
        )
    return fitting[-1] if fitting else dpt


def _modbus_meter(values: Values, measurement: Measurement, report: Report) -> MeterSettings | None:
    """Return the smart meter that is read over Modbus; None: it cannot be, which is reported."""
    model = meter_model(values, 1, report)
    if model is None:
        if not (values.sections["manual"].is_present or values.is_wrong("model")):
            report.error(values.key_of("model"), "smart_meter_missing_model")
        return None
    per_phase = {f"{measurement.value}_l{phase}" for phase in (1, 2, 3)}
    needed = per_phase if values.text("phases") == "3" else {measurement.value}
    if not needed <= model.capabilities:
        missing = Listed(tuple(sorted(needed - model.capabilities)), "and")
        named = "manual" if values.sections["manual"].is_present else "model"
        report.error(
            values.key_of(named), "smart_meter_lacks", model=called(model), missing=missing
        )
    connection = build_connection(values.sections["connection"], model, report)
    if isinstance(connection, Disabled):
        report.error(
            values.key_of("connection"), "smart_meter_cannot_be_read", reason=connection.reason
        )
        return None
    return MeterSettings(model=model, connection=connection) if connection else None
