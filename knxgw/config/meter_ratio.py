"""The ratio of a meter's transformers, as the site's file gives it; pure."""

from knxgw.catalogue.model import DeviceModel, Transformers
from knxgw.catalogue.transformers import behind_transformers
from knxgw.config.report import Report
from knxgw.config.values import Values

_TWICE = {
    Transformers.APPLIED: "multiplies by the ratio that is set at the meter",
    Transformers.READ: "has its ratio, which is read from it and applied",
}


def with_ratio(model: DeviceModel, values: Values, report: Report) -> DeviceModel:
    """Return the meter as it counts with the ratio given; warn of one too many, and of none."""
    ratio, is_given = values.number("ratio"), "ratio" in values.given_names
    if ratio != 1 and model.transformers in _TWICE:
        report.warning(
            values.key_of("ratio"),
            f"{model.id} {_TWICE[model.transformers]}: everything is multiplied by {ratio:g} as well",
            "remove it, unless the ratio at the meter is 1",
        )
    if model.transformers is Transformers.UNSURE and not is_given:
        report.warning(
            values.key_of("model"),
            f"whether {model.id} counts with the ratio of its transformers is not known",
            "compare a current with a clamp meter; write `ratio: 1` if they agree or there are no "
            "transformers, else their ratio (200/5 A is 40)",
        )
    return behind_transformers(model, ratio)
