"""The content of `product_db/faults.yaml`: every fault with severity, cause and remedy. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from knxgw.catalogue.codes import FaultCode
from knxgw.catalogue.text import Text


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultDefinition:
    """The texts of one fault."""

    code: FaultCode
    title: Text
    cause: Text
    remedy: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class SeverityBand:
    """The meaning of faults from a severity on, and how the APP LED shows them."""

    at_least: int
    flashes: int  # slow ones in a row, then a pause; 0: the LED is steadily on
    meaning: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """Every fault of the product; the readers see to it that each code is there."""

    definitions: Mapping[FaultCode, FaultDefinition]
    general: Mapping[FaultCode, int]  # severities of those that the whole device can have
    charging_point: Mapping[FaultCode, int]  # and of those that a charging point can have
    bands: tuple[SeverityBand, ...]  # the most severe first

    def band(self, severity: int) -> SeverityBand | None:
        """Return the band a severity is in; None: no fault is present."""
        return next((band for band in self.bands if severity >= band.at_least), None)

    def flashes(self, severity: int) -> int:
        """Return how often in a row the APP LED flashes at a severity; 0: it is steadily on."""
        band = self.band(severity)
        return 0 if band is None else band.flashes
