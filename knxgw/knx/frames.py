"""What passes between the KNX port and those who speak on it: frames, their security, outcomes.

A frame is xknx's `CEMILData`: addresses, control fields (priority, hop count, system broadcast),
transport layer control (TPCI) and application layer service (APCI).
"""

from dataclasses import dataclass
from enum import Enum

from xknx.cemi import CEMILData, CEMIPriority
from xknx.telegram.address import GroupAddress, IndividualAddress
from xknx.telegram.tpci import TDataBroadcast, TDataGroup

SENDING_ORDER = (
    CEMIPriority.SYSTEM,
    CEMIPriority.URGENT,  # alarm
    CEMIPriority.NORMAL,
    CEMIPriority.LOW,
)
RANK = {priority: rank for rank, priority in enumerate(SENDING_ORDER)}  # the lowest goes first


class FrameKind(Enum):
    """The four ways of speaking to a device."""

    GROUP = "group"  # T_Data_Group
    BROADCAST = "broadcast"  # T_Data_Broadcast; its flags tell a system broadcast
    INDIVIDUAL = "individual"  # T_Data_Individual and T_Data_Connected to our address
    CONTROL = "control"  # T_Connect, T_Disconnect, T_Ack and T_Nak to our address


class Security(Enum):
    """How Data Secure protects a frame."""

    PLAIN = "plain"
    GROUP_KEY = "group key"  # the key of the group address
    TOOL_KEY = "tool key"  # the key between ETS and this device
    SYNC = "synchronisation"  # with the tool key: a question where our numbers are, and its answer
    REFUSED = "refused"  # T_Data_Connected that failed: to be acknowledged, and not to be obeyed


class Outcome(Enum):
    """What became of a frame that was to be sent."""

    CONFIRMED = "confirmed"  # by the link layer: it is on the line
    REFUSED = "refused"  # negative confirmation: nobody on the line took it
    UNCONFIRMED = "unconfirmed"  # no confirmation in time
    DROPPED = "dropped"  # never sent: the link was lost, too many waited, no key


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A frame to be sent; Data Secure looks up the key of a group address by itself."""

    data: CEMILData
    security: Security = Security.PLAIN


def kind_of(data: CEMILData, own: IndividualAddress) -> FrameKind | None:
    """Return what kind of frame it is to the device with the address `own`; None: not for it.

    Source: [knx-standard] 3/3/4 transport layer, section 2 (TPDU), as xknx 4.0.0 `telegram/tpci.py` reads it.
    """
    if isinstance(data.dst_addr, GroupAddress):
        if isinstance(data.tpci, TDataGroup):
            return FrameKind.GROUP
        return FrameKind.BROADCAST if isinstance(data.tpci, TDataBroadcast) else None
    if data.dst_addr != own:
        return None
    return FrameKind.CONTROL if data.tpci.control else FrameKind.INDIVIDUAL
