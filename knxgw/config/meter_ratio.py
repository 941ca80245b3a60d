"""The ratio of a meter's transformers, as the site's file gives it; pure."""

from knxgw.catalogue.called import called
from knxgw.catalogue.device_model import DeviceModel, Transformers
from knxgw.catalogue.transformers import behind_transformers
from knxgw.config.report import Report
from knxgw.config.values import Values


def with_ratio(model: DeviceModel, values: Values, report: Report) -> DeviceModel:
    """Return the meter as it counts with the ratio given; warn of one too many, and of none."""
    ratio, is_given = values.number("ratio"), values.is_given("ratio")
    if ratio != 1 and model.transformers is Transformers.APPLIED:
        report.warning(
            values.key_of("ratio"), "ratio_set_at_meter", model=called(model), ratio=ratio
        )
    if ratio != 1 and model.transformers is Transformers.READ:
        report.warning(
            values.key_of("ratio"), "ratio_read_from_meter", model=called(model), ratio=ratio
        )
    if model.transformers is Transformers.UNSURE and not is_given:
        report.warning(values.key_of("model"), "ratio_unknown", model=called(model))
    return behind_transformers(model, ratio)
