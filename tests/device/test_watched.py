"""What tools may watch: each change is told once, whoever has made it."""

from knxgw.catalogue.interface_objects import LoadState
from knxgw.device.watched import MOST_ELEMENTS, Change, WatchedProperties
from knxgw.knx.frames import Security
from tests.device.test_management_services import COMPLETED, START, control
from tests.support.knx_device_rig import DeviceRig, Tool


def test_each_change_is_told_once() -> None:
    rig = DeviceRig()
    watched = WatchedProperties(rig.model)
    assert watched.changes() == ()
    rig.is_programming = True
    (reported,) = watched.changes()
    assert reported == Change(object_type=0, property_id=54, start=1, count=1, data=b"\1")
    assert watched.changes() == ()
    rig.is_programming = False
    (reported,) = watched.changes()
    assert reported.data == b"\0"


def test_an_individual_address_is_told_in_every_property_that_says_it() -> None:
    rig = DeviceRig()
    watched = WatchedProperties(rig.model)
    rig.model.set_individual_address(0x1206)
    reported = {(one.object_type, one.property_id): one.data.hex() for one in watched.changes()}
    assert reported == {
        (0, 57): "12",
        (0, 58): "06",
        (11, 52): "1206",
        (8, 57): "12",
        (8, 58): "06",
    }


def test_a_tool_that_loads_an_object_is_seen_in_its_load_state() -> None:
    rig = DeviceRig()
    tool, watched = Tool(rig).connect(), WatchedProperties(rig.model)
    states = []
    for value in (START, COMPLETED):
        tool.ask(control(4, value))
        states += [one.data[0] for one in watched.changes() if one.property_id == 5]
    assert states == [LoadState.LOADING, LoadState.LOADED]


def test_a_long_value_is_told_in_the_parts_that_have_changed() -> None:
    rig = DeviceRig()
    watched = WatchedProperties(rig.model)
    name = b"Garage".ljust(30, b"\0")
    rig.model.keep("ip_parameter.friendly_name", name)
    (reported,) = watched.changes()
    assert (reported.start, reported.count, reported.data) == (
        1,
        MOST_ELEMENTS,
        name[:MOST_ELEMENTS],
    )
    rig.model.keep("ip_parameter.friendly_name", name[:29] + b"!")
    (reported,) = watched.changes()
    assert (reported.start, reported.data[-1:]) == (16, b"!")


def test_a_list_that_grows_says_first_how_long_it_is() -> None:
    rig = DeviceRig()
    watched = WatchedProperties(rig.model)
    rig.model.keep("ip_parameter.additional_addresses", bytes.fromhex("110a110b"))
    length, addresses = watched.changes()
    assert (length.start, length.count, length.data) == (0, 1, b"\0\2")
    assert (addresses.start, addresses.count, addresses.data.hex()) == (1, 2, "110a110b")


def test_keys_are_told_to_nobody_who_listens() -> None:
    rig = DeviceRig()
    tool = Tool(rig, security=Security.TOOL_KEY).connect()
    watched, key = WatchedProperties(rig.model), bytes(range(0x30, 0x40)).hex()
    for asked in (
        f"01ce00110010350100010001{key}",  # a group key
        f"01ce0011001038010001{key}",  # the tool key
        f"01ce000b00105b010001{key}",  # the backbone key
        f"01ce000b00105c010001{key}",  # the device authentication code
        f"01ce000b00105d010001{key}",  # the hash of a password
        f"01ce001100103401000100010000{key}"[:-4],  # the key with a device
        "01ce001100103601000111050040102ea9ce",
    ):
        tool.ask(asked)
    assert watched.changes() == ()


def test_once_security_mode_is_on_only_what_anybody_may_read_is_told() -> None:
    rig = DeviceRig()
    tool = Tool(rig, security=Security.TOOL_KEY).connect()
    tool.ask("01d40011001033000001")
    watched = WatchedProperties(rig.model)
    rig.is_programming = True
    rig.model.keep("ip_parameter.friendly_name", b"Garage".ljust(30, b"\0"))
    tool.ask(control(4, START))
    assert [(one.object_type, one.property_id) for one in watched.changes()] == [(3, 5)]
