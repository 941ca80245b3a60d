"""Everything that `product_db/` says, as `load` reads it."""

from collections.abc import Mapping
from dataclasses import dataclass

from knxgw.catalogue.device_model import DeviceModel
from knxgw.catalogue.faults import Faults
from knxgw.catalogue.interface_objects import InterfaceObjects
from knxgw.catalogue.needs import Need
from knxgw.catalogue.objects import ObjectDefinition
from knxgw.catalogue.parameters import ParameterDefinition
from knxgw.catalogue.text import Text
from knxgw.catalogue.texts import Texts


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """The part of the catalogue that does not depend on devices: group objects, faults, texts."""

    objects: tuple[ObjectDefinition, ...]
    faults: Faults
    texts: Texts

    def object(self, key: str) -> ObjectDefinition:
        """Return the group object of that key. Raises: KeyError."""
        for definition in self.objects:
            if definition.key == key:
                return definition
        raise KeyError(key)

    def number_of(self, key: str, point: int = 1) -> int:
        """Return the number of a group object at charging point `point`. Raises: KeyError."""
        return self.object(key).number_of(point)


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """The content of `product_db/`."""

    product: Product
    parameters: tuple[ParameterDefinition, ...]
    needs: tuple[Need, ...]  # which of them have an effect only under a condition
    interface_objects: InterfaceObjects  # of the KNX device
    retired: Mapping[str, Text]  # keys of parameters that are no more -> what to do about it
    chargers: Mapping[str, DeviceModel]
    meters: Mapping[str, DeviceModel]

    @property
    def objects(self) -> tuple[ObjectDefinition, ...]:
        """Return every group object, in the order of their numbers."""
        return self.product.objects

    @property
    def models(self) -> tuple[DeviceModel, ...]:
        """Return chargers, then meters."""
        return (*self.chargers.values(), *self.meters.values())
