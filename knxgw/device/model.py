"""What the device is, to whoever manages it: interface objects with their properties and memory. Pure.

Each property has a reader, most of them here; those that can be written have a writer, or their value is simply
kept. `product_db/interface_objects.yaml` says which properties there are and who may do what.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from xknx.telegram.address import IndividualAddress
from xknx.telegram.apci import ReturnCode

from knxgw.catalogue.interface_objects import (
    ORDINARY,
    InterfaceObjectDefinition,
    InterfaceObjects,
    LoadState,
    PropertyDefinition,
    PropertyType,
)
from knxgw.device import ip_secure, ip_settings, security
from knxgw.device.access import Access
from knxgw.device.address import DeviceAddress
from knxgw.device.group_objects import GroupObjects
from knxgw.device.identity import (
    Identity,
    IpState,
    Traffic,
)
from knxgw.device.loading import CONTROL_OCTETS, Loadable
from knxgw.device.memory import Segment, holder
from knxgw.device.property_readers import readers_of
from knxgw.device.tables import error_in
from knxgw.knx.secure_apdu import Failure

ADDRESS_MAY_BE_WRITTEN = 1 << 2  # in service control
DUPLICATE_ADDRESS, VERIFY_MODE = 1 << 1, 1 << 2  # in device control
SECURITY = "security"  # key of the object
_DEFAULTS: Mapping[str, bytes] = {  # of what is kept
    "device.service_control": ADDRESS_MAY_BE_WRITTEN.to_bytes(2, "big"),
    "device.download_counter": bytes(2),
    "device.routing_count": b"\x60",
    "application.program_version": bytes(5),
    "second_application.program_version": bytes(5),
    "ip_parameter.project_installation_id": bytes(2),
    "ip_parameter.additional_addresses": b"",
    "ip_parameter.friendly_name": bytes(30),
    **ip_settings.NONE_WRITTEN,
    **ip_secure.NOTHING_WRITTEN,
    **security.EX_FACTORY,
}


class PropertyError(Exception):
    """A property cannot be read or written; says why."""

    def __init__(self, code: ReturnCode) -> None:
        super().__init__(code.name)
        self.code = code


@dataclass(frozen=True, slots=True)
class Elements:
    """Which elements of which property somebody means."""

    owner: InterfaceObjectDefinition | None  # None: there is no such object
    number: int  # of the property
    start: int  # 0: how many elements there are
    count: int

    def definition(self) -> PropertyDefinition:
        """Return what they are. Raises: PropertyError, if there is no such property."""
        if self.owner is not None:
            for one in self.owner.properties:
                if one.id == self.number:
                    return one
        raise PropertyError(ReturnCode.E_ADDRESS_VOID)

    def name(self) -> str:
        """Return the name of the property in the tables of readers and writers. Raises: PropertyError."""
        definition = self.definition()
        return f"{self.owner.key if self.owner else ''}.{definition.key}"


@dataclass(slots=True, kw_only=True)
class Outside:
    """What the model asks of the rest of the device."""

    ip: Callable[[], IpState] = IpState
    is_programming: Callable[[], bool] = lambda: False
    set_programming: Callable[[bool], None] = lambda _on: None
    traffic: Callable[[], Traffic] = Traffic
    group_objects: Callable[[], GroupObjects | None] = lambda: None  # None: it does not run
    sending_number: Callable[[], int] = lambda: 0  # of the next secured telegram, 0: not known


@dataclass(slots=True, kw_only=True)
class Unsaved:
    """What has changed since it was stored last."""

    is_state: bool = False
    segments: set[int] = field(default_factory=set)  # indexes of objects

    def __bool__(self) -> bool:
        return self.is_state or bool(self.segments)

    def add(self, other: "Unsaved") -> None:
        """Add what was not stored after all."""
        self.is_state |= other.is_state
        self.segments |= other.segments


class DeviceModel:
    """The interface objects of one device."""

    def __init__(self, rules: InterfaceObjects, identity: Identity, outside: Outside) -> None:
        self.rules = rules
        self.identity = identity
        self.outside = outside
        self.address = DeviceAddress()
        self.kept = dict(_DEFAULTS)
        self.device_control = 0
        self.communication_mode = 0
        self.unsaved = Unsaved()
        self.is_damaged = False  # what was stored cannot be read: nobody knows what was loaded
        self.failures = security.FailureLog()
        self.loadables = {
            one.index: Loadable(one, rules)
            for one in rules.objects
            if any(each.key == "load_state" for each in one.properties)
        }
        self._readers = readers_of(self)
        self._writers = self._all_writers()

    # --- objects

    def object_at(self, index: int) -> InterfaceObjectDefinition | None:
        """Return the object of an index, None: there is none."""
        return self.rules.objects[index] if index < len(self.rules.objects) else None

    def object_of(self, kind: int, instance: int) -> InterfaceObjectDefinition | None:
        """Return the object of a type; no type has a second instance."""
        if instance != 1:
            return None
        return next((one for one in self.rules.objects if one.type == kind), None)

    @property
    def segments(self) -> list[Segment]:
        """Return the memory of all objects."""
        return [one.segment for one in self.loadables.values()]

    @property
    def is_configured(self) -> bool:
        """Tell whether everything is loaded that the device needs to run."""
        return all(one.is_loaded for one in self.loadables.values() if one.has_memory)

    @property
    def is_loading(self) -> bool:
        """Tell whether a download has begun and not ended."""
        return any(one.state is LoadState.LOADING for one in self.loadables.values())

    # --- properties

    def value(self, name: str) -> bytes:
        """Return the whole value of a property, by its name: `device.programming_mode`."""
        return self._readers[name]()

    def read(self, asked: Elements, access: Access) -> bytes:
        """Return elements of a property; from 0 on: their number, two octets. Raises: PropertyError."""
        definition = _of_a_value(asked)
        if definition.read_level is None:
            raise PropertyError(ReturnCode.E_ACCESS_WRITE_ONLY)
        self.check_access(definition, access, is_write=False)
        value = self.value(asked.name())
        octets = definition.type.octets
        there = len(value) // octets
        if asked.start == 0 and asked.count == 1:
            return there.to_bytes(2, "big")
        if asked.start == 0 or asked.count == 0 or asked.start + asked.count - 1 > there:
            raise PropertyError(ReturnCode.E_ADDRESS_VOID)
        return value[(asked.start - 1) * octets : (asked.start - 1 + asked.count) * octets]

    def write(self, asked: Elements, octets: bytes, access: Access) -> None:
        """Write elements of a property; from 0 on: how many there are. Raises: PropertyError."""
        definition = _of_a_value(asked)
        if definition.write_level is None:
            raise PropertyError(ReturnCode.E_ACCESS_READ_ONLY)
        self.check_access(definition, access, is_write=True)
        if definition.type is PropertyType.CONTROL:
            self.control(asked, octets)
            return
        name = asked.name()
        value = _with_elements(self.value(name), asked, octets)
        writer = self._writers.get(name)
        if writer is not None:
            writer(value)
        else:
            self.keep(name, value)

    def check_access(
        self, definition: PropertyDefinition, access: Access, *, is_write: bool
    ) -> None:
        """Refuse whoever may not do that with a property. Raises: PropertyError."""
        level = definition.write_level if is_write else definition.read_level
        allows = definition.policy.may_write if is_write else definition.policy.may_read
        if not allows(is_on=self.is_secure, has_tool_key=access.has_tool_key):
            self.note_denied(access)
        elif level is not None and access.level <= level:
            return
        raise PropertyError(ReturnCode.E_ACCESS_DENIED)

    def may_ask(self, service: str, access: Access) -> bool:
        """Tell whether somebody may ask for a service, by its name; a refusal is noted."""
        policy = self.rules.services.get(service, ORDINARY)
        who = {"is_on": self.is_secure, "has_tool_key": access.has_tool_key}
        is_allowed = policy.may_read(**who) or policy.may_write(**who)
        if not is_allowed:
            self.note_denied(access)
        return is_allowed

    def control(self, asked: Elements, octets: bytes) -> None:
        """Carry out a control of an object's loading. Raises: PropertyError."""
        if asked.start != 1 or asked.count != 1 or asked.owner is None:
            raise PropertyError(ReturnCode.E_ADDRESS_VOID)
        if len(octets) != CONTROL_OCTETS:
            raise PropertyError(ReturnCode.E_DATA_TYPE_CONFLICT)
        if (
            asked.definition().key != "load_state"
        ):  # run control: the device runs whenever it is loaded
            return
        loadable = self.loadables[asked.owner.index]
        before = loadable.state
        loadable.control(octets)
        if loadable.state is not before:
            self.unsaved.is_state, self.is_damaged = True, False
            if asked.owner.key == SECURITY and loadable.state is LoadState.UNLOADED:
                self.forget_keys()
        if loadable.is_loaded and before is LoadState.LOADING:
            self._check_table(loadable)

    def _check_table(self, loadable: Loadable) -> None:
        """Take what was loaded, or say what is wrong with it: a device must not run with half a table."""
        index = loadable.definition.index
        error = error_in(index, loadable.segment.content)
        if error:
            loadable.fail(error)
        else:
            self.unsaved.segments.add(index)

    def keep(self, name: str, value: bytes) -> None:
        """Remember a value that survives a power cut."""
        if self.kept[name] != value:
            self.kept[name] = value
            self.unsaved.is_state = True

    @property
    def written_ip_settings(self) -> ip_settings.IpSettings | None:
        """Return the IP settings that a tool has written and that do not hold yet, None: there are none."""
        return ip_settings.settings_of(self.kept)

    def forget_ip_settings(self) -> None:
        """Let the properties say again what holds: what was written does, or cannot."""
        for name, value in ip_settings.NONE_WRITTEN.items():
            self.keep(name, value)

    def _write_ip_setting(self, name: str, value: bytes) -> None:
        """Keep a setting until the device restarts; what is not written stays as it holds. Raises: PropertyError."""
        if not self.outside.ip().is_settable:
            raise PropertyError(ReturnCode.E_ACCESS_READ_ONLY)
        if not ip_settings.is_possible(name, value):
            raise PropertyError(ReturnCode.E_DATA_VOID)
        if self.written_ip_settings is None:
            for other, holds in ip_settings.held(self.outside.ip()).items():
                self.keep(other, holds)
        self.keep(name, value)

    @property
    def individual_address(self) -> int:
        """Return the individual address that the device has."""
        return self.address.current

    def configure_address(self, address: str | None) -> None:
        """Take the address that the device's own configuration says, None: it says nothing."""
        raw = None if address is None else IndividualAddress(address).raw
        self.unsaved.is_state |= self.address.configure(raw)

    def set_individual_address(self, address: int) -> None:
        """Take the individual address that a tool gives. Raises: PropertyError, if it is none."""
        if address == 0:
            raise PropertyError(ReturnCode.E_DATA_VOID)
        self.unsaved.is_state |= self.address.program(address)

    @property
    def address_may_be_written(self) -> bool:
        """Tell whether services may write the individual address."""
        return bool(
            int.from_bytes(self.kept["device.service_control"], "big") & ADDRESS_MAY_BE_WRITTEN
        )

    @property
    def is_verifying(self) -> bool:
        """Tell whether a write to memory is answered."""
        return bool(self.device_control & VERIFY_MODE)

    # --- security

    @property
    def keys(self) -> Loadable:
        """Return the security object as ETS loads it."""
        return next(one for one in self.loadables.values() if one.definition.key == SECURITY)

    @property
    def is_secure(self) -> bool:
        """Tell whether security mode is on: only who has the tool key may change anything."""
        return security.is_on(self.kept)

    @property
    def tool_key(self) -> bytes | None:
        """Return the key that tools must have, None: there is none yet."""
        return self.kept[security.TOOL_KEY] or self.identity.fdsk or None

    def note_refused(self, refused: security.Refused) -> None:
        """Note what Data Secure has refused."""
        self.failures.note(refused, self.kept)

    def note_denied(self, access: Access) -> None:
        """Note that somebody has asked for what it may not have, once only tools may."""
        if self.is_secure:
            denied = security.Refused(
                failure=Failure.ACCESS,
                source=access.source,
                destination=self.individual_address,
                is_group=False,
            )
            self.note_refused(denied)

    def forget_keys(self) -> None:
        """Forget what ETS has loaded into the security object."""
        for name in security.OF_A_DOWNLOAD:
            self.keep(name, b"")

    # --- memory

    def segment_at(self, address: int, count: int) -> tuple[Loadable, Segment] | None:
        """Return who has a whole range of memory, None: nobody."""
        segment = holder(self.segments, address, count)
        if segment is None:
            return None
        owner = next(one for one in self.loadables.values() if one.segment is segment)
        return owner, segment

    # --- resets

    def forget_links(self) -> None:
        """Let group address and association table be empty, if they are loaded."""
        for index in (1, 2):
            segment = self.loadables[index].segment
            if segment.octets:
                segment.write(segment.address, bytes(segment.octets))
                self.unsaved.segments.add(index)

    def unload_all(self) -> None:
        """Unload every object, and forget what was ever written there."""
        for index, one in self.loadables.items():
            one.unload()
            one.segment.erase()
            if one.has_memory:
                self.unsaved.segments.add(index)
        self.unsaved.is_state, self.is_damaged = True, False

    def reset(self, *, keeps_tool_key: bool = False) -> None:
        """Let everything but the individual address be as when the device was new; `keeps_tool_key`: security too."""
        self.unload_all()
        left = ("device.download_counter", *(security.OF_ACTIVATION if keeps_tool_key else ()))
        self.kept = {**_DEFAULTS, **{name: self.kept[name] for name in left}}
        self.failures.erase()

    def count_download(self) -> None:
        """Count that a master reset has erased something."""
        before = int.from_bytes(self.kept["device.download_counter"], "big")
        self.keep("device.download_counter", min(before + 1, 0xFFFF).to_bytes(2, "big"))

    # --- readers and writers

    def _all_writers(self) -> Mapping[str, Callable[[bytes], None]]:
        return {
            "device.device_control": self._write_device_control,
            "device.programming_mode": lambda value: self.outside.set_programming(
                bool(value[0] & 1)
            ),
            "device.subnetwork_address": lambda value: self.set_individual_address(
                value[0] << 8 | self.individual_address & 0xFF
            ),
            "device.device_address": lambda value: self.set_individual_address(
                self.individual_address & 0xFF00 | value[0]
            ),
            "ip_parameter.individual_address": lambda value: self.set_individual_address(
                int.from_bytes(value, "big")
            ),
            "cemi_server.communication_mode": self._write_communication_mode,
            security.REPORT: self._clear_report,
            security.SENDING_NUMBER: self._write_sending_number,
            **{name: partial(self._write_ip_setting, name) for name in ip_settings.NONE_WRITTEN},
        }

    def _write_sending_number(self, value: bytes) -> None:
        """Take where our numbers begin; one near the end would leave no room. Raises: PropertyError."""
        if int.from_bytes(value, "big") > security.HIGHEST_BEGIN:
            raise PropertyError(ReturnCode.E_DATA_VOID)
        self.keep(security.SENDING_NUMBER, value)

    def _clear_report(self, _value: bytes) -> None:
        self.keep(security.REPORT, b"\0")

    def _write_device_control(self, value: bytes) -> None:
        self.device_control = value[0] & (DUPLICATE_ADDRESS | VERIFY_MODE)

    def _write_communication_mode(self, value: bytes) -> None:
        if value[0] != 0:
            raise PropertyError(ReturnCode.E_DATA_VOID)
        self.communication_mode = value[0]


def _of_a_value(asked: Elements) -> PropertyDefinition:
    """Return what elements are, unless the property is called. Raises: PropertyError."""
    definition = asked.definition()
    if definition.type is PropertyType.FUNCTION:
        raise PropertyError(ReturnCode.E_DATA_TYPE_CONFLICT)
    return definition


def _with_elements(value: bytes, asked: Elements, octets: bytes) -> bytes:
    """Return a value in which some elements are others. Raises: PropertyError."""
    definition = asked.definition()
    each = definition.type.octets
    there = len(value) // each
    if asked.start == 0:
        if asked.count != 1 or octets != bytes(2) or definition.elements == 1:
            raise PropertyError(ReturnCode.E_DATA_VOID)
        return b""
    if len(octets) != asked.count * each or asked.count == 0:
        raise PropertyError(ReturnCode.E_DATA_TYPE_CONFLICT)
    end = asked.start + asked.count - 1
    if asked.start > there + 1 or end > definition.elements:  # no holes
        raise PropertyError(ReturnCode.E_ADDRESS_VOID)
    return value[: (asked.start - 1) * each] + octets + value[end * each :]
