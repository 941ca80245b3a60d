"""The individual address: the one that was given last holds, but for that of an interface."""

from knxgw.device.address import DeviceAddress
from knxgw.knx.fixed_values import UNASSIGNED

CONFIGURED, PROGRAMMED, OTHER, INTERFACE = 0x1114, 0x1105, 0x1107, 0x11F0


def test_a_new_device_is_unassigned_until_somebody_says_something() -> None:
    address = DeviceAddress()
    assert address.current == UNASSIGNED
    assert address.configure(CONFIGURED)
    assert address.current == CONFIGURED
    assert not address.configure(None)
    assert address.current == CONFIGURED


def test_what_a_tool_gives_holds_until_the_configuration_says_another_one() -> None:
    address = DeviceAddress()
    address.configure(CONFIGURED)
    assert address.program(PROGRAMMED)
    assert not address.configure(CONFIGURED), "it says the same as before"
    assert address.current == PROGRAMMED
    assert address.configure(OTHER)
    assert address.current == OTHER


def test_a_configuration_that_comes_after_a_tool_is_the_newest_word() -> None:
    address = DeviceAddress()
    address.program(PROGRAMMED)
    assert address.configure(CONFIGURED)
    assert address.current == CONFIGURED


def test_a_tunnel_has_the_address_of_its_interface() -> None:
    address = DeviceAddress()
    address.program(PROGRAMMED)
    address.of_interface = INTERFACE
    assert address.current == INTERFACE
    address.of_interface = None
    assert address.current == PROGRAMMED


def test_a_configuration_that_names_no_address_displaces_none_that_a_tool_has_given() -> None:
    address = DeviceAddress()
    address.program(PROGRAMMED)
    assert address.configure(UNASSIGNED)
    assert address.current == PROGRAMMED
    address = DeviceAddress()
    address.configure(CONFIGURED)
    assert address.configure(UNASSIGNED)
    assert address.current == UNASSIGNED
