"""What the text of one parameter means: checked and converted by its definition; pure.

Values from the file, defaults of the catalogue and fields of the website all come through here.
"""

import ipaddress
import re
import zoneinfo
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from knxgw.catalogue.booleans import BOOLEANS
from knxgw.catalogue.closest import did_you_mean, near
from knxgw.catalogue.device_model import DeviceModel
from knxgw.catalogue.messages import Listed, Message, message
from knxgw.catalogue.parameters import ParameterDefinition, ParameterType
from knxgw.catalogue.product import Catalogue
from knxgw.catalogue.search import closest_models
from knxgw.config.addresses import parse_individual_address
from knxgw.config.not_allowed import SHOWN, NotAllowedError, shown
from knxgw.config.numbers import (
    allowed_range,
    is_doubtful,
    is_grouped,
    is_out_of_range,
    number,
    remedy,
    whole,
)

_HOST_NAME = re.compile(
    r"(?!.{254})[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"
    r"(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?)*\.?"
)
_DOTTED_NUMBERS = re.compile(r"[0-9.]+")
MANUAL_METER = "manual"  # registers entered by hand


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A host and a port; what was left out is None."""

    host: str | None
    port: int | None


Value = int | float | str | bool | tuple[str, ...] | Endpoint | DeviceModel | None


def convert(parameter: ParameterDefinition, text: str, catalogue: Catalogue) -> Value:
    """Return the value that `text` means. Raises: NotAllowedError."""
    if parameter.type is ParameterType.MODEL:
        return _model(parameter, text, catalogue)
    if parameter.type in {ParameterType.INTEGER, ParameterType.NUMBER}:
        return _number_or_word(parameter, text)
    return _CONVERTERS[parameter.type](parameter, text.strip())


def _number_or_word(parameter: ParameterDefinition, text: str) -> Value:
    """Return a number within the range; None for a word that stands for one. Raises: NotAllowedError."""
    words = [choice.value for choice in parameter.choices]
    if text in words:
        return None
    value = number(parameter, text)
    if value is None:
        raise _no_number(parameter, text)
    if is_out_of_range(parameter, value):
        raise NotAllowedError("out_of_range", remedy=allowed_range(parameter), text=shown(text))
    return value


def _no_number(parameter: ParameterDefinition, text: str) -> NotAllowedError:
    """Return what is wrong with a text that is neither a number nor a word in its place."""
    meant, said = remedy(parameter, text), shown(text)
    words = Listed(tuple(choice.value for choice in parameter.choices), "or")
    if is_doubtful(parameter, text):
        return NotAllowedError("doubtful_number", remedy=meant)
    if is_grouped(text):
        return NotAllowedError("thousands_separator", remedy=meant, text=said)
    if parameter.type is ParameterType.INTEGER:
        if words.items:
            return NotAllowedError("expected_whole_number_or", remedy=meant, words=words, text=said)
        return NotAllowedError("expected_whole_number", remedy=meant, text=said)
    if words.items:
        return NotAllowedError("expected_number_or", remedy=meant, words=words, text=said)
    return NotAllowedError("expected_number", remedy=meant, text=said)


def _choice(parameter: ParameterDefinition, text: str) -> Value:
    """Return one of the words of a choice. Raises: NotAllowedError."""
    words = tuple(choice.value for choice in parameter.choices)
    if text in words:
        return text
    raise NotAllowedError(
        "expected_one_of", remedy=near(text, words), words=Listed(words), text=shown(text)
    )


def _text(parameter: ParameterDefinition, text: str) -> Value:
    """Return a printable text of an allowed length. Raises: NotAllowedError."""
    low, high = parameter.low, parameter.high
    if not text.isprintable():
        raise NotAllowedError("unprintable_characters")
    if (low is not None and len(text) < low) or (high is not None and len(text) > high):
        raise NotAllowedError("length", remedy=allowed_range(parameter), count=len(text))
    return text


def _boolean(_parameter: ParameterDefinition, text: str) -> Value:
    """Return a truth value. Raises: NotAllowedError."""
    if text.lower() in BOOLEANS:
        return BOOLEANS[text.lower()]
    raise NotAllowedError("expected_boolean", text=shown(text))


def _path(_parameter: ParameterDefinition, text: str) -> Value:
    """Return the name of a file. Raises: NotAllowedError."""
    if not text or "\0" in text:
        raise NotAllowedError("expected_file_name")
    return text


def _host(parameter: ParameterDefinition, text: str) -> Value:
    """Return an IPv4 address or host name. Raises: NotAllowedError."""
    host, colon, port = text.partition(":")
    is_of_device = parameter.key.endswith(".connection.host")
    if colon and whole(port) is not None and is_of_device:
        raise NotAllowedError("host_with_port", text=shown(text), host=host_name(host), port=port)
    name = host_name(text)
    if is_of_device and _names_several(name):
        raise NotAllowedError("host_of_several", text=shown(text))
    return name


def _names_several(host: str) -> bool:
    """Tell whether a host is an address at which several devices would listen: no connection reaches one."""
    try:
        address = ipaddress.IPv4Address(host)
    except ValueError:
        return False  # a name
    return address.is_multicast or int(address) == 2**32 - 1


def host_name(text: str) -> str:
    """Return an IPv4 address or host name unchanged. Raises: NotAllowedError."""
    if _DOTTED_NUMBERS.fullmatch(text):
        try:
            return str(ipaddress.IPv4Address(text))
        except ValueError:
            raise NotAllowedError("not_an_ipv4_address", text=shown(text)) from None
    if not _HOST_NAME.fullmatch(text):
        raise NotAllowedError("not_a_host", text=shown(text))
    return text


def _hosts(_parameter: ParameterDefinition, text: str) -> Value:
    """Return several IPv4 addresses or host names, each once. Raises: NotAllowedError."""
    return tuple(dict.fromkeys(host_name(one) for one in text.replace(",", " ").split()))


def _endpoint(parameter: ParameterDefinition, text: str) -> Value:
    """Return host and port, either of which may be left out. Raises: NotAllowedError."""
    host, colon, port = text.rpartition(":")
    if not colon:
        host, port = text, ""
    port_number = whole(port)
    if colon and (port_number is None or not 0 < port_number < 65536):
        raise NotAllowedError("not_a_port", text=shown(port))
    if not host and not colon:
        raise NotAllowedError("expected_endpoint", example=parameter.default or "")
    return Endpoint(host_name(host) if host else None, port_number)


def _individual_address(_parameter: ParameterDefinition, text: str) -> Value:
    """Return an individual address. Raises: NotAllowedError."""
    return parse_individual_address(text)


def _time_zone(_parameter: ParameterDefinition, text: str) -> Value:
    """Return the name of a time zone that exists. Raises: NotAllowedError."""
    try:
        zoneinfo.ZoneInfo(text)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        meant = near(text, sorted(zoneinfo.available_timezones()))
        raise NotAllowedError(
            "no_such_time_zone", remedy=meant or message("write_time_zone"), text=shown(text)
        ) from None
    return text


def _model(parameter: ParameterDefinition, text: str, catalogue: Catalogue) -> Value:
    """Return the charger or meter model of that id. Raises: NotAllowedError."""
    is_meter = "meter" in parameter.key
    models = catalogue.meters if is_meter else catalogue.chargers
    if text in models:
        return models[text]
    if is_meter:
        raise _no_meter(text, catalogue)
    if text in catalogue.meters:
        raise NotAllowedError("meter_as_charger", text=shown(text))
    raise NotAllowedError(
        "no_such_charger", remedy=_model_meant(text, models, "charger"), text=shown(text)
    )


def _no_meter(text: str, catalogue: Catalogue) -> NotAllowedError:
    """Return what is wrong with the id of a meter model that does not exist."""
    if text == MANUAL_METER:
        return NotAllowedError("manual_as_model")
    if text in catalogue.chargers:
        return NotAllowedError("charger_as_meter", text=shown(text))
    return NotAllowedError(
        "no_such_meter", remedy=_model_meant(text, catalogue.meters, "meter"), text=shown(text)
    )


def _model_meant(text: str, models: Mapping[str, DeviceModel], kind: str) -> Message:
    """Return a remedy that names the models a misspelt id or a product's name may mean."""
    meant = near(text, sorted(models), count=3)
    if meant is None:
        found = [str(one.id) for one in closest_models(models.values(), text[:SHOWN])]
        meant = did_you_mean(found) if found else message("model_other_name")
    return message("model_list", near=meant, kind=kind)


def _web_address(_parameter: ParameterDefinition, text: str) -> Value:
    """Return an address that begins with https://. Raises: NotAllowedError."""
    try:
        found = urlsplit(text)
        is_one = found.scheme == "https" and bool(found.hostname) and found.port != 0
    except ValueError:
        is_one = False
    if not is_one or not text.isascii() or not text.isprintable() or " " in text:
        raise NotAllowedError("expected_web_address", text=shown(text))
    return text


_CONVERTERS: Mapping[ParameterType, Callable[[ParameterDefinition, str], Value]] = {
    ParameterType.TEXT: _text,
    ParameterType.BOOLEAN: _boolean,
    ParameterType.CHOICE: _choice,
    ParameterType.HOST: _host,
    ParameterType.HOSTS: _hosts,
    ParameterType.ENDPOINT: _endpoint,
    ParameterType.INDIVIDUAL_ADDRESS: _individual_address,
    ParameterType.TIME_ZONE: _time_zone,
    ParameterType.PATH: _path,
    ParameterType.WEB_ADDRESS: _web_address,
}
