"""Makes the load management of a configuration; pure."""

from collections.abc import Mapping

from knxgw.catalogue.model import Catalogue
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
    if meter.given and not is_dynamic and "mode" not in values.wrong_names:
        report.warning(meter.key, f"has no effect with load management {mode.value}")
    return LoadManagementSettings(
        mode=mode,
        fuse_ma=values.optional_thousandths("fuse_a"),
        reserve_ma=values.thousandths("reserve_a"),
        priority=values.optional_integer("priority"),
        static_limit_ma=values.optional_thousandths("static_limit_a"),
        high_power_wait_s=values.number("high_power_wait_s"),
        queue=values.text("queue") == "on",
        smart_meter=_smart_meter(meter, catalogue, report) if is_dynamic else None,
    )


def check_priority(values: Values, keys: Mapping[int, str], report: Report) -> None:
    """Report a prioritised charging point that the file does not define."""
    priority = values.optional_integer("priority")
    if priority is not None and priority not in keys:
        known = ", ".join(str(number) for number in sorted(keys)) or "none"
        report.error(
            values.key_of("priority"),
            f"there is no charging point {priority}",
            f"charging points are: {known}",
        )


def _check_limits(values: Values, mode: LoadManagementMode, report: Report) -> None:
    needed = {LoadManagementMode.DYNAMIC: "fuse_a", LoadManagementMode.STATIC: "static_limit_a"}
    name = needed.get(mode)
    if name and values.optional_number(name) is None and name not in values.wrong_names:
        report.error(
            values.key_of(name), f"is missing, load management {mode.value} needs it", "add it"
        )
    fuse, reserve = values.optional_number("fuse_a"), values.number("reserve_a")
    if fuse is not None and reserve > fuse - SMALLEST_LIMIT_A:
        report.error(
            values.key_of("reserve_a"),
            f"a reserve of {reserve:g} A leaves less than {SMALLEST_LIMIT_A} A of the fuse",
            f"allowed with {fuse:g} A: 0 to {fuse - SMALLEST_LIMIT_A:g} A",
        )


def _smart_meter(values: Values, catalogue: Catalogue, report: Report) -> SmartMeterSettings:
    source = values.text("source")
    measurement = Measurement(values.text("measurement"))
    if source != "modbus" and "ratio" in values.given_names:
        report.warning(
            values.key_of("ratio"),
            f"has no effect with source {source}: what comes over KNX is taken as what flows",
            "let the sender multiply by it, or remove it",
        )
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
    if "dpt" in values.given_names:
        report.error(
            values.key_of("dpt"),
            f"{dpt} does not fit measurement {measurement.value}",
            f"allowed: {', '.join(dict.fromkeys(fitting))}",
        )
    return fitting[-1] if fitting else dpt


def _modbus_meter(values: Values, measurement: Measurement, report: Report) -> MeterSettings | None:
    model = meter_model(values, 1, report)
    if model is None:
        if not (values.sections["manual"].given or "model" in values.wrong_names):
            report.error(
                values.key_of("model"),
                "is missing, source modbus needs it",
                "add `model: …`, or the registers as `manual: {…}`",
            )
        return None
    per_phase = {f"{measurement.value}_l{phase}" for phase in (1, 2, 3)}
    needed = per_phase if values.text("phases") == "3" else {measurement.value}
    if not needed <= model.capabilities:
        wanted = " and ".join(sorted(needed - model.capabilities))
        named = "manual" if values.sections["manual"].given else "model"
        report.error(values.key_of(named), f"{model.id} does not supply {wanted}")
    connection = build_connection(values.sections["connection"], model, report)
    if isinstance(connection, Disabled):
        report.error(
            values.key_of("connection"),
            f"the smart meter cannot be read: {connection.reason}",
            "give its address",
        )
        return None
    return MeterSettings(model=model, connection=connection) if connection else None
