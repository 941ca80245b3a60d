"""What the text of one parameter means: checked and converted by its definition; pure.

Values from the file, defaults of the catalogue and fields of the website all come through here.
"""

import difflib
import ipaddress
import re
import zoneinfo
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from knxgw.catalogue.model import Catalogue, DeviceModel, ParameterDefinition, ParameterType
from knxgw.catalogue.search import closest_models
from knxgw.config.addresses import parse_individual_address
from knxgw.config.numbers import allowed_range, is_out_of_range, number, remedy, whole

_HOST_NAME = re.compile(
    r"(?!.{254})[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"
    r"(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?)*\.?"
)
_DOTTED_NUMBERS = re.compile(r"[0-9.]+")
_TRUE, _FALSE = ("true", "yes", "on"), ("false", "no", "off")
MANUAL_METER = "manual"  # registers entered by hand
SHOWN = 60  # characters of a wrong value that a message repeats


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A host and a port; what was left out is None."""

    host: str | None
    port: int | None


Value = int | float | str | bool | Endpoint | DeviceModel | None


class NotAllowedError(ValueError):
    """The text is no value of this parameter."""

    def __init__(self, problem: str, remedy: str = "") -> None:
        self.problem = problem
        self.remedy = remedy
        super().__init__(problem)


def convert(parameter: ParameterDefinition, text: str, catalogue: Catalogue) -> Value:
    """Return the value that `text` means. Raises: NotAllowedError."""
    if parameter.type is ParameterType.MODEL:
        return _model(parameter, text, catalogue)
    if parameter.type in {ParameterType.INTEGER, ParameterType.NUMBER}:
        return _number_or_word(parameter, text)
    return _CONVERTERS[parameter.type](parameter, text.strip())


def closest(word: str, known: Collection[str], count: int = 1) -> str:
    """Return a remedy that names the nearest known words."""
    near = difflib.get_close_matches(word[:SHOWN], known, n=count, cutoff=0.5)
    if near:
        return f"did you mean {' or '.join(repr(one) for one in near)}?"
    return f"known are: {', '.join(known)}"


def _number_or_word(parameter: ParameterDefinition, text: str) -> Value:
    words = [choice.value for choice in parameter.choices]
    if text in words:
        return None
    value = number(parameter, text)
    if value is None:
        kind = "a whole number" if parameter.type is ParameterType.INTEGER else "a number"
        expected = " or ".join([kind, *words])
        raise NotAllowedError(f"expected {expected}, got {_shown(text)}", remedy(parameter, text))
    if is_out_of_range(parameter, value):
        raise NotAllowedError(f"{_shown(text)} is out of range", allowed_range(parameter))
    return value


def _choice(parameter: ParameterDefinition, text: str) -> Value:
    words = [choice.value for choice in parameter.choices]
    if text in words:
        return text
    raise NotAllowedError(
        f"expected one of {', '.join(words)}, got {_shown(text)}", _near_only(text, words)
    )


def _near_only(text: str, words: Collection[str], count: int = 1) -> str:
    near = closest(text, words, count)
    return near if near.startswith("did") else ""


def _text(parameter: ParameterDefinition, text: str) -> Value:
    low, high = parameter.low, parameter.high
    if not text.isprintable():
        raise NotAllowedError("contains characters that cannot be shown", "use plain text")
    if (low is not None and len(text) < low) or (high is not None and len(text) > high):
        raise NotAllowedError(
            f"has {len(text)} characters", f"{allowed_range(parameter)} characters"
        )
    return text


def _boolean(_parameter: ParameterDefinition, text: str) -> Value:
    if text.lower() in _TRUE + _FALSE:
        return text.lower() in _TRUE
    raise NotAllowedError(f"expected true or false, got {_shown(text)}")


def _path(_parameter: ParameterDefinition, text: str) -> Value:
    if not text or "\0" in text:
        raise NotAllowedError("expected the name of a file")
    return text


def _host(_parameter: ParameterDefinition, text: str) -> Value:
    return host_name(text)


def host_name(text: str) -> str:
    """Return an IPv4 address or host name unchanged. Raises: NotAllowedError."""
    if _DOTTED_NUMBERS.fullmatch(text):
        try:
            return str(ipaddress.IPv4Address(text))
        except ValueError:
            raise NotAllowedError(
                f"{_shown(text)} is not an IPv4 address", "write four numbers from 0 to 255"
            ) from None
    if not _HOST_NAME.fullmatch(text):
        raise NotAllowedError(
            f"{_shown(text)} is not an IPv4 address or host name", "such as 192.168.1.31"
        )
    return text


def _endpoint(parameter: ParameterDefinition, text: str) -> Value:
    host, colon, port = text.rpartition(":")
    if not colon:
        host, port = text, ""
    port_number = whole(port)
    if colon and (port_number is None or not 0 < port_number < 65536):
        raise NotAllowedError(f"{_shown(port)} is not a port", "allowed: 1 to 65535")
    if not host and not colon:
        raise NotAllowedError("expected host:port", f"such as {parameter.default}")
    return Endpoint(host_name(host) if host else None, port_number)


def _individual_address(_parameter: ParameterDefinition, text: str) -> Value:
    try:
        return parse_individual_address(text)
    except ValueError as err:
        raise NotAllowedError(str(err), "write area.line.device such as 1.1.20") from None


def _time_zone(_parameter: ParameterDefinition, text: str) -> Value:
    try:
        zoneinfo.ZoneInfo(text)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        near = _near_only(text, sorted(zoneinfo.available_timezones()))
        raise NotAllowedError(
            f"there is no time zone {_shown(text)}", near or "write a name such as Europe/Berlin"
        ) from None
    return text


def _model(parameter: ParameterDefinition, text: str, catalogue: Catalogue) -> Value:
    is_meter = "meter" in parameter.key
    models = catalogue.meters if is_meter else catalogue.chargers
    if text in models:
        return models[text]
    if is_meter and text == MANUAL_METER:
        raise NotAllowedError(
            "registers entered by hand stand beside it", "write `manual: {…}` instead of `model`"
        )
    kind, others = ("meter", "chargers") if is_meter else ("charger", "meters")
    problem = f"there is no {kind} model {_shown(text)}"
    if text in (catalogue.chargers if is_meter else catalogue.meters):
        raise NotAllowedError(
            f"{problem}: it is one of the {others}", f"see `knxgw models {kind}s`"
        )
    raise NotAllowedError(problem, _model_meant(text, models, kind))


def _model_meant(text: str, models: Mapping[str, DeviceModel], kind: str) -> str:
    """Return a remedy that names the models a misspelt id or a product's name may mean."""
    near = _near_only(text, sorted(models), count=3)
    if not near:
        meant = [repr(str(one.id)) for one in closest_models(models.values(), text[:SHOWN])]
        near = f"did you mean {' or '.join(meant)}?" if meant else ""
    return f"{near or 'it may be sold under another name;'} `knxgw models {kind}s` lists all"


def _shown(text: str) -> str:
    return repr(text if len(text) <= SHOWN else text[:SHOWN] + "…")


_CONVERTERS: Mapping[ParameterType, Callable[[ParameterDefinition, str], Value]] = {
    ParameterType.TEXT: _text,
    ParameterType.BOOLEAN: _boolean,
    ParameterType.CHOICE: _choice,
    ParameterType.HOST: _host,
    ParameterType.ENDPOINT: _endpoint,
    ParameterType.INDIVIDUAL_ADDRESS: _individual_address,
    ParameterType.TIME_ZONE: _time_zone,
    ParameterType.PATH: _path,
}
