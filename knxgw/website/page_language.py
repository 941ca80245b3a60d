"""Words and figures of a page in one language; pure."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from knxgw.catalogue.text import GERMAN, Text
from knxgw.catalogue.texts import StatusTexts

UNKNOWN = "-"


def words(texts: StatusTexts, language: str) -> Mapping[str, str]:
    """Return the texts of a page by name."""
    found: dict[str, str] = {}
    for field in fields(texts):
        text: Text = getattr(texts, field.name)
        found[field.name] = text.in_language(language)
    return found


@dataclass(frozen=True, slots=True)
class Figures:
    """Quantities as people of a language write them."""

    language: str

    def ampere(self, current_ma: int | None) -> str:
        """Return a current in A."""
        return UNKNOWN if current_ma is None else f"{self._number(current_ma / 1000, 1)} A"

    def phases(self, currents_ma: tuple[int | None, ...]) -> str:
        """Return the currents of several phases in A."""
        parts = [UNKNOWN if one is None else self._number(one / 1000, 1) for one in currents_ma]
        return f"{' / '.join(parts)} A"

    def watt(self, power_w: int | None) -> str:
        """Return a power in W."""
        return UNKNOWN if power_w is None else f"{power_w} W"

    def kwh(self, energy_wh: int | None) -> str:
        """Return an energy in kWh."""
        return UNKNOWN if energy_wh is None else f"{self._number(energy_wh / 1000, 2)} kWh"

    def _number(self, value: float, digits: int) -> str:
        text = f"{value:.{digits}f}"
        return text.replace(".", ",") if self.language == GERMAN else text
