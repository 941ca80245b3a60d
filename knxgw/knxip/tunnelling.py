"""What passes through a tunnel: requests of its client onto the line, frames of the line to the client.

Source: [knxnetip].
"""

from xknx.cemi import CEMILData, CEMIMessageCode
from xknx.telegram.address import GroupAddress

from knxgw.errors import DecodeError
from knxgw.knxip.cemi import data_confirmation, data_indication, read_data_request
from knxgw.knxip.channel import Channel
from knxgw.knxip.statistics import Statistics
from knxgw.knxip.wire import PARSE_ERRORS


def asked_for(channel: Channel, cemi: bytes, statistics: Statistics) -> CEMILData | bytes | None:
    """Return what a client sends through its tunnel: a frame for the line, whose source the tunnel is.

    Or its refusal, for the client, when the frame cannot be sent; or None: nothing is to be done.
    """
    if not cemi:
        statistics.malformed += 1
        return None
    if cemi[0] != CEMIMessageCode.L_DATA_REQ.value or channel.address is None:
        statistics.other_messages += 1
        return None
    try:
        data = read_data_request(cemi, channel.address)
    except DecodeError:
        statistics.malformed += 1
        return None
    if data is not None and channel.takes_requests:
        statistics.frames_from_tunnels += 1
        return data
    statistics.not_taken += 1
    return data_confirmation(cemi, channel.address, is_good=False)


def indication(channel: Channel, data: CEMILData, statistics: Statistics) -> bytes | None:
    """Return what a client hears of a frame on the line; None: it is not for it, or it is too slow.

    For it are group telegrams, broadcasts and what is addressed to the tunnel.
    """
    if not isinstance(data.dst_addr, GroupAddress) and data.dst_addr != channel.address:
        return None
    if not channel.has_room:
        statistics.lost_to_tunnels += 1
        return None
    try:
        cemi = data_indication(data)
    except PARSE_ERRORS:  # somebody else has made it
        statistics.malformed += 1
        return None
    statistics.frames_to_tunnels += 1
    return cemi
