"""Parameters as `product_db/parameters.yaml` defines them; `load_parameters` reads them."""

from dataclasses import dataclass
from enum import StrEnum

from knxgw.catalogue.text import Text


class ParameterType(StrEnum):
    """The type of a parameter."""

    INTEGER = "integer"
    NUMBER = "number"
    TEXT = "text"
    BOOLEAN = "boolean"
    CHOICE = "choice"
    MODEL = "model"  # id of a charger or meter model
    HOST = "host"  # IPv4 address or host name
    HOSTS = "hosts"  # several of them, with commas or spaces between
    ENDPOINT = "endpoint"  # host:port
    INDIVIDUAL_ADDRESS = "individual_address"
    TIME_ZONE = "time_zone"
    PATH = "path"
    WEB_ADDRESS = "web_address"  # https://…


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One value of a choice parameter; `ets_id` is never reused."""

    value: str
    ets_id: int
    text: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterDefinition:
    """One parameter: its key in the file, its range and its texts."""

    key: str  # dotted path, `[]` after a list: "charging_points[].minimum_a"
    ets_id: int  # never reused
    type: ParameterType
    unit: str | None
    low: float | None
    high: float | None
    default: str | None  # as written in the file; None: no default
    is_required: bool
    choices: tuple[Choice, ...]
    text: Text
    help: Text
