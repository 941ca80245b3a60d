"""The memory of the parameters that ETS writes: which octets belong to which parameter; pure.

Parameters follow one another by their `ets_id`; one of a list has as many places in a row as there can be entries.
So a parameter that is added takes the next place, and those before it stay where they are. The device and the
product entry for ETS use this one layout.

| type | octets |
|---|---|
| number | what it is: 0 not given, 1 a number, 2 + `ets_id` a word in its place; then the number (IEEE 754, 32 bits) |
| choice | its `ets_id`; FF: not given |
| yes or no | 1 or 0; FF: not given |
| model | its `ets_id`, 16 bits; 0: none |
| everything else | UTF-8, filled up with 0; all 0: not given |

What belongs to the machine is not there (`OWN`): ETS reaches the device by it.
"""

import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from knxgw.catalogue.parameters import ParameterDefinition, ParameterType
from knxgw.catalogue.product import Catalogue

OWN = ("knx.", "website.", "firmware.", "panel.", "device.ntp_servers")
ENTRIES = 5  # of a list: charging points
_NOT_GIVEN, _NUMBER, _FIRST_WORD = 0, 1, 2
_ABSENT = 0xFF
_TEXT_OCTETS = 64  # of a host, a path, a time zone
_LONGEST_CHARACTER = (
    2  # octets that a letter of a name takes at most, in the languages of the product
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a parameter is."""

    parameter: ParameterDefinition
    offset: int
    octets: int  # of each entry
    entries: int

    def at(self, entry: int) -> slice:
        """Return the octets of an entry, from 0."""
        begin = self.offset + entry * self.octets
        return slice(begin, begin + self.octets)


def places(parameters: Iterable[ParameterDefinition]) -> tuple[Place, ...]:
    """Return where each parameter is that ETS writes."""
    found: list[Place] = []
    offset = 0
    for one in sorted(parameters, key=lambda one: one.ets_id):
        if one.key.startswith(OWN):
            continue
        place = Place(
            parameter=one,
            offset=offset,
            octets=_octets(one),
            entries=ENTRIES if "[]" in one.key else 1,
        )
        found.append(place)
        offset += place.octets * place.entries
    return tuple(found)


def size_of(parameters: Iterable[ParameterDefinition]) -> int:
    """Return how long the memory is [octets]."""
    last = places(parameters)[-1]
    return last.offset + last.octets * last.entries


def image_of(values: Mapping[str, str], catalogue: Catalogue) -> bytes:
    """Return the memory in which parameters have values; keys and texts are those of a configuration file.

    Entries of a list are numbered from 0: `charging_points[0].name`. What is not named is not given. Raises:
    ValueError, if a value has no room, or is no word of its choice.
    """
    image = bytearray(size_of(catalogue.parameters))
    for place in places(catalogue.parameters):
        for entry in range(place.entries):
            key = place.parameter.key.replace("[]", f"[{entry}]")
            image[place.at(entry)] = encoded(place.parameter, values.get(key), catalogue)
    return bytes(image)


def texts_of(image: bytes, catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    """Yield key and text, as in a configuration file, of every parameter that is given."""
    for place in places(catalogue.parameters):
        for entry in range(place.entries):
            octets = image[place.at(entry)]
            is_there = len(octets) == place.octets  # a smaller memory was made for an older device
            text = decoded(place.parameter, octets, catalogue) if is_there else None
            if text is not None:
                yield place.parameter.key.replace("[]", f"[{entry}]"), text


def encoded(parameter: ParameterDefinition, text: str | None, catalogue: Catalogue) -> bytes:
    """Return the octets of a value, None: it is not given. Raises: ValueError."""
    match parameter.type:
        case ParameterType.INTEGER | ParameterType.NUMBER:
            return _encoded_number(parameter, text)
        case ParameterType.CHOICE:
            return bytes([_ABSENT if text is None else _word_id(parameter, text)])
        case ParameterType.BOOLEAN:
            return bytes([_ABSENT if text is None else int(text == "true")])
        case ParameterType.MODEL:
            return _model_id(parameter, text, catalogue).to_bytes(2, "big")
        case _:
            octets = (text or "").encode()
            if len(octets) > _octets(parameter):
                raise ValueError(f"{parameter.key} has no room for {len(octets)} octets")
            return octets.ljust(_octets(parameter), b"\0")


def decoded(parameter: ParameterDefinition, octets: bytes, catalogue: Catalogue) -> str | None:
    """Return the text of a value, None: it is not given.

    What cannot be a value is given as a text that nothing allows, so that it is said and not passed over.
    """
    match parameter.type:
        case ParameterType.INTEGER | ParameterType.NUMBER:
            return _decoded_number(parameter, octets)
        case ParameterType.CHOICE:
            return None if octets[0] == _ABSENT else _word(parameter, octets[0])
        case ParameterType.BOOLEAN:
            return {0: "false", 1: "true", _ABSENT: None}.get(octets[0], octets.hex())
        case ParameterType.MODEL:
            return _model(parameter, int.from_bytes(octets, "big"), catalogue)
        case _:
            text = octets.rstrip(b"\0").decode("utf-8", "replace")
            return text or None


def _octets(parameter: ParameterDefinition) -> int:
    match parameter.type:
        case ParameterType.INTEGER | ParameterType.NUMBER:
            return 5
        case ParameterType.CHOICE | ParameterType.BOOLEAN:
            return 1
        case ParameterType.MODEL:
            return 2
        case ParameterType.TEXT if parameter.high is not None:
            return int(parameter.high) * _LONGEST_CHARACTER
        case _:
            return _TEXT_OCTETS


def _encoded_number(parameter: ParameterDefinition, text: str | None) -> bytes:
    if text is None:
        return bytes(5)
    words = {choice.value: choice.ets_id for choice in parameter.choices}
    if text in words:
        return bytes([_FIRST_WORD + words[text], 0, 0, 0, 0])
    return bytes([_NUMBER]) + struct.pack("!f", float(text))


def _decoded_number(parameter: ParameterDefinition, octets: bytes) -> str | None:
    kind = octets[0]
    if kind == _NOT_GIVEN:
        return None
    if kind != _NUMBER:
        return _word(parameter, kind - _FIRST_WORD)
    (value,) = struct.unpack("!f", octets[1:])
    return f"{value:.7g}"  # as many digits as 32 bits have


def _word_id(parameter: ParameterDefinition, text: str) -> int:
    for choice in parameter.choices:
        if choice.value == text:
            return choice.ets_id
    raise ValueError(f"{parameter.key} has no choice {text!r}")


def _word(parameter: ParameterDefinition, ets_id: int) -> str:
    for choice in parameter.choices:
        if choice.ets_id == ets_id:
            return choice.value
    return f"({ets_id})"


def _model_id(parameter: ParameterDefinition, text: str | None, catalogue: Catalogue) -> int:
    if text is None:
        return 0
    models = catalogue.meters if "meter" in parameter.key else catalogue.chargers
    if text not in models:
        raise ValueError(f"there is no model {text!r}")
    return models[text].ets_id


def _model(parameter: ParameterDefinition, ets_id: int, catalogue: Catalogue) -> str | None:
    if ets_id == 0:
        return None
    models = catalogue.meters if "meter" in parameter.key else catalogue.chargers
    for one in models.values():
        if one.ets_id == ets_id:
            return str(one.id)
    return f"({ets_id})"
