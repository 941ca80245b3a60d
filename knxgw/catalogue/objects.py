"""Group objects as `product_db/objects.yaml` defines them; `load_objects` reads them."""

from dataclasses import dataclass
from enum import StrEnum

from knxgw.catalogue.flags import Priority
from knxgw.catalogue.text import Text


class ObjectKind(StrEnum):
    """The kind of a group object's value; it decides the sending rule."""

    STATE = "state"  # sends on change, may send cyclically
    CURRENT = "current"  # moving values: minimum change and minimum interval
    POWER = "power"
    ENERGY = "energy"
    TEMPERATURE = "temperature"
    DURATION = "duration"  # counts while a session lasts: sent when it ends, or cyclically
    COMMAND = "command"  # received only
    EVENT = "event"  # sends each time it happens, also with an unchanged value
    ALIVE = "alive"  # sends cyclically as long as the device works


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectDefinition:
    """One group object as `product_db/objects.yaml` defines it.

    `number` is that of charging point 1 for objects of a charging point, else the number itself.
    """

    number: int
    key: str
    function: Text
    dpts: tuple[str, ...]  # first is the default; empty: no datapoint type, 1 byte
    dpt_choice: str | None  # the parameter that chooses among `dpts`
    flags: str  # "CR-T--"; what a link has unless ETS says otherwise
    priority: Priority  # likewise
    kind: ObjectKind
    is_per_point: bool
    offset: int  # distance between charging points
    is_model_dependent: bool  # the manual's mark "depends on the model"
    needs: str | None  # capability the charger or its meter must have
    only_with: str | None  # condition on the load management
    table: int | None  # table of the manual that defines it

    def number_of(self, point: int) -> int:
        """Return the number this object has at charging point `point` (1…5)."""
        return self.number + self.offset * (point - 1) if self.is_per_point else self.number
