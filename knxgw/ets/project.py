"""What an ETS project says about group addresses and devices: values; pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from knxgw.catalogue.flags import Flags
from knxgw.catalogue.messages import Message
from knxgw.config.model import GroupAddress
from knxgw.errors import GatewayError


class EtsFileError(GatewayError):
    """A file of ETS that is refused; who reads it says which file."""

    def __init__(self, words: Message) -> None:
        self.words = words
        super().__init__(str(words))


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupAddressEntry:
    """A group address with its name in ETS."""

    address: GroupAddress
    name: str
    ranges: tuple[str, ...] = ()  # names of the main and the middle group
    dpt: str | None = None  # "14.056", or "14" without a subtype
    is_secured: bool = False
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceObject:
    """A group object of a device in ETS that is linked to group addresses."""

    number: int | None  # None: the project lacks the device's application program
    text: str
    function_text: str
    size: str  # as ETS writes it: "1 Bit", "4 Bytes"
    dpts: tuple[str, ...]
    flags: Flags
    addresses: tuple[GroupAddress, ...]  # the sending one first


@dataclass(frozen=True, slots=True, kw_only=True)
class EtsDevice:
    """A device of a project, with its linked group objects."""

    individual_address: str
    name: str
    product: str
    manufacturer: str
    order_number: str
    application: str  # "M-00FA_A-E501-10-0000"
    objects: tuple[DeviceObject, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EtsProject:
    """What was read: a project, or a list of group addresses, which has no devices."""

    name: str = ""
    tool: str = ""  # version of ETS
    addresses: Mapping[GroupAddress, GroupAddressEntry] = field(default_factory=dict)
    devices: tuple[EtsDevice, ...] = ()
    is_list: bool = False
    skipped: tuple[int, ...] = ()  # lines of a list that could not be read
