"""How the IP address is assigned: the device's property and the server's description say the same."""

import pytest

from knxgw.device.identity import IpState
from knxgw.knxip.ports import IpAssignment


@pytest.mark.parametrize(
    ("ip", "assignment"),
    [
        (IpState(), IpAssignment.MANUAL),
        (IpState(is_dhcp=True), IpAssignment.DHCP),
        (IpState(is_auto_ip=True), IpAssignment.AUTO_IP),
        (IpState(is_auto_ip=True, is_dhcp=True), IpAssignment.AUTO_IP),
    ],
)
def test_an_address_of_169_254_is_none_that_was_set_by_hand(
    ip: IpState, assignment: IpAssignment
) -> None:
    assert IpAssignment(ip.assignment) is assignment
