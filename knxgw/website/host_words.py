"""Words for network and time of the machine: who manages them, why something is refused, what became of a change.

Pure. Source: website 40, 41; product 9.
"""

from collections.abc import Mapping

from knxgw.host.answer import Failure
from knxgw.host.manager import Manager
from knxgw.host.network_change import Phase
from knxgw.host.network_plan import Reason
from knxgw.host.networkd_file import Source
from knxgw.website.language import marked

MANAGERS: Mapping[Manager, str] = {
    Manager.NETWORKD: marked("systemd-networkd"),
    Manager.OTHER_FILE: marked("systemd-networkd, by a file of the host that comes before ours"),
    Manager.NETPLAN: marked("netplan"),
    Manager.NETWORK_MANAGER: marked("NetworkManager"),
    Manager.IFUPDOWN: marked("/etc/network/interfaces"),
    Manager.CONTAINER: marked("the host of this container"),
    Manager.UNKNOWN: marked("not known"),
}
WHY_READ_ONLY: Mapping[Manager, str] = {
    Manager.NETWORKD: marked(
        "The part of the program that may change the network does not run: see whether knxgw-host-network.path is active."
    ),
    Manager.OTHER_FILE: marked(
        "A file in /etc/systemd/network whose name comes before 10-knxgw.network sets this adapter. Remove or rename it to set the network here."
    ),
    Manager.NETPLAN: marked("Change it in /etc/netplan, and run netplan apply."),
    Manager.NETWORK_MANAGER: marked("Change it with nmtui or nmcli."),
    Manager.IFUPDOWN: marked("Change it in /etc/network/interfaces."),
    Manager.CONTAINER: marked("Change it at the host on which the container runs."),
    Manager.UNKNOWN: marked("Change it with the tools of the operating system."),
}
SOURCES: Mapping[Source, str] = {
    Source.WEBSITE: marked("website"),
    Source.ETS: marked("ETS"),
    Source.RESET: marked("reset to the factory settings"),
    Source.HOST: marked("host"),
}
REASONS: Mapping[Reason, str] = {
    Reason.MISSING: marked("Enter a value."),
    Reason.NOT_A_MODE: marked("Choose one of the two."),
    Reason.NOT_AN_ADDRESS: marked(
        "This is not an IPv4 address. Write four numbers such as 192.168.1.20."
    ),
    Reason.DEFAULT_LOOPBACK: marked(
        "127.0.0.1 is only the default, and nobody would reach the device there. Enter an address of your network."
    ),
    Reason.LOOPBACK: marked(
        "Addresses that begin with 127 lead to the device itself. Enter an address of your network."
    ),
    Reason.NO_ADDRESS: marked(
        "Addresses that begin with 0 are none. Enter an address of your network."
    ),
    Reason.LINK_LOCAL: marked(
        "Addresses that begin with 169.254 are taken automatically where there is no DHCP server. Enter an address of your network."
    ),
    Reason.MULTICAST: marked(
        "Addresses from 224 to 239 belong to groups. Enter an address of your network."
    ),
    Reason.RESERVED: marked(
        "Addresses from 240 on are reserved. Enter an address of your network."
    ),
    Reason.OF_THE_NET: marked("This address names the network itself. Enter one within it."),
    Reason.BROADCAST: marked(
        "This address reaches all devices of the network at once. Enter one within it."
    ),
    Reason.NOT_A_MASK: marked(
        "This is not a subnet mask. Write 255.255.255.0 or the number of bits, 24."
    ),
    Reason.MASK_TOO_NARROW: marked(
        "A network of this mask has no room for device and gateway. At most 255.255.255.252 (30)."
    ),
    Reason.MASK_TOO_WIDE: marked("This mask is too wide. At least 255.0.0.0 (8)."),
    Reason.OUTSIDE_THE_NET: marked(
        "The gateway must be in the network of the address and its mask."
    ),
    Reason.OWN_ADDRESS: marked("This is the address of the device itself. Enter another one."),
    Reason.TOO_MANY: marked("At most three."),
}
FAILURES: Mapping[Failure, str] = {
    Failure.MANAGED_BY_HOST: marked("The host manages this."),
    Failure.NOT_WRITTEN: marked(
        "The settings cannot be stored: the disk is full, or cannot be written."
    ),
    Failure.NOT_TAKEN: marked(
        "The operating system does not take the settings; its journal says why (journalctl -u 'knxgw-host*')."
    ),
    Failure.ADDRESS_TAKEN: marked(
        "Another device of the network has this address. Choose another one."
    ),
    Failure.SYNCHRONISED: marked("A time server sets the clock."),
    Failure.CHANGE_WAITS: marked(
        "A change of the network waits for its confirmation, and a restart would return it. Keep it or let it return first (Settings, Network)."
    ),
    Failure.OTHER_BOOT: marked("The machine has started since."),
    Failure.JUST_STARTED: marked(
        "The machine started less than two minutes ago. Wait until these are over, and restart it then."
    ),
    Failure.NOT_PLAUSIBLE: marked(
        "This cannot be the time. Check the clock of this computer, or what was typed."
    ),
}
NOT_REBOOTED = marked(
    "The operating system did not restart; its journal says why (journalctl -u 'knxgw-host*')."
)
CHANGES: Mapping[Phase, tuple[str, str]] = {  # tone and words; what waits has a card of its own
    Phase.ASKED: ("info", marked("A change of the network is being made.")),
    Phase.KEPT: ("good", marked("The last change is kept.")),
    Phase.RETURNED: (
        "warning",
        marked("The last change was not confirmed in time: the previous settings hold again."),
    ),
    Phase.FAILED: ("bad", marked("The last change was not made: the previous settings hold.")),
}
