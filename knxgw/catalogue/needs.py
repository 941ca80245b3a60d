"""What has an effect only under a condition, as `product_db/parameters.yaml` says; `load_needs` reads it."""

from dataclasses import dataclass

from knxgw.catalogue.text import Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """A condition under which parameters have an effect: exactly one of `values`, `supplies`, `is_given` says it."""

    of: tuple[str, ...]  # keys of parameters and sections: "charging_points[].temperature"
    keys: tuple[str, ...]  # what decides it; one of several is enough. The first one is a parameter
    values: tuple[str, ...]  # of a choice; (): it is another condition
    supplies: str | None  # what the model has to deliver
    is_given: bool | None  # whether one has to be given, or none
    warns: bool  # the check says so where something is given without an effect
    reason: Text  # why there is no effect
    remedy: Text | None

    def concerns(self, key: str) -> bool:
        """Tell whether a parameter or section is one of those, or in one of them."""
        return any(key == one or key.startswith(f"{one}.") for one in self.of)
