"""What is measured of a charger or meter, in words and with its unit. Pure."""

from collections.abc import Callable, Iterator, Mapping

from knxgw.catalogue.codes import ChargingState
from knxgw.catalogue.texts import Texts
from knxgw.charging.quantities import Quantity, Value
from knxgw.monitoring.csv_table import plain_text
from knxgw.website.language import Language, marked

MILLI = 1000
_NAMES = {  # of those that no group object needs by itself
    Quantity.STATE: marked("State of charging"),
    Quantity.CONNECTED: marked("Vehicle connected"),
    Quantity.SETPOINT: marked("Setpoint"),
    Quantity.SESSION_DURATION: marked("Duration of the charging process"),
    Quantity.SESSION_START: marked("Begin of the charging process (clock of the charger)"),
    Quantity.SESSION_END: marked("End of the charging process (clock of the charger)"),
    Quantity.SESSION_ENERGY: marked("Energy of the charging process"),
    Quantity.TEMPERATURE_WARNING: marked("Warning of the temperature"),
}


def value_rows(
    values: Mapping[Quantity, Value], texts: Texts, words: Language
) -> Iterator[tuple[str, str]]:
    """Yield name and value of each quantity, in the order of the quantities."""
    for quantity in Quantity:
        if quantity in values:
            yield _name(quantity, texts, words), _value(quantity, values[quantity], texts, words)


def _name(quantity: Quantity, texts: Texts, words: Language) -> str:
    if quantity in _NAMES:
        return words.text(_NAMES[quantity])
    name = texts.needs[quantity].in_language(words.code)
    return name[:1].upper() + name[1:]


def _value(quantity: Quantity, value: Value, texts: Texts, words: Language) -> str:
    if quantity is Quantity.STATE and value in set(ChargingState):
        return texts.states[ChargingState(int(value))].name.in_language(words.code)
    write = _UNITS.get(quantity) or _UNITS.get(_kind(quantity))
    if write is None or not isinstance(value, int):
        return plain_text(str(value))
    return write(value, words)


def _kind(quantity: Quantity) -> Quantity:
    """Return the sum that a quantity of one phase belongs to."""
    return Quantity(quantity.removesuffix("_l1").removesuffix("_l2").removesuffix("_l3"))


def _current(value: int, words: Language) -> str:
    return f"{words.number(value / MILLI, 2)}\u202fA"


def _power(value: int, words: Language) -> str:
    return f"{words.number(value)}\u202fW"


def _energy(value: int, words: Language) -> str:
    return f"{words.number(value / MILLI**2, 3)}\u202fkWh"


def _clock(value: int, _words: Language) -> str:
    return f"{value // 3600:02}:{value % 3600 // 60:02}"


def _yes_or_no(value: int, words: Language) -> str:
    return words.text("yes") if value else words.text("no")


_UNITS: Mapping[Quantity, Callable[[int, Language], str]] = {
    Quantity.CONNECTED: _yes_or_no,
    Quantity.TEMPERATURE_WARNING: _yes_or_no,
    Quantity.SETPOINT: _current,
    Quantity.CURRENT: _current,
    Quantity.POWER: _power,
    Quantity.ENERGY: _energy,
    Quantity.SESSION_ENERGY: _energy,
    Quantity.SESSION_DURATION: lambda value, words: words.duration(value),
    Quantity.SESSION_START: _clock,
    Quantity.SESSION_END: _clock,
    Quantity.TEMPERATURE: lambda value, words: f"{words.number(value / 100, 1)}\u202f°C",
}
