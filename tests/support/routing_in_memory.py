"""A routing link whose multicast group is in memory: every frame with its time, in virtual time."""

import asyncio
from dataclasses import dataclass, field

from xknx import XKNX
from xknx.cemi import CEMIFrame, CEMILData, CEMIMessageCode
from xknx.knxip import KNXIPFrame, RoutingIndication
from xknx.telegram.address import IndividualAddress

from knxgw.links.knx_guard import Hooks, indication
from knxgw.links.knx_numbers import SecureNumbers
from knxgw.links.knx_routing import GuardedMulticast, GuardedRouting
from knxgw.links.knx_routing_link import RoutingLink

OURS, NOWHERE, GROUP = "1.1.20", ("192.0.2.1", 3671), ("239.0.0.1", 3671)
NEIGHBOUR = ("192.0.2.9", 3671)


@dataclass
class Group:
    """What we have sent, and a way to say something to us."""

    sent: list[tuple[float, KNXIPFrame]] = field(default_factory=list)
    transports: list["_Transport"] = field(default_factory=list)

    def hear(self, raw: bytes) -> None:
        """Let us hear a datagram of a neighbour."""
        for transport in self.transports:
            transport.hear(raw)

    def say(self, data: CEMILData) -> None:
        """Let us hear a telegram of a neighbour."""
        cemi = CEMIFrame(code=CEMIMessageCode.L_DATA_IND, data=data).to_knx()
        self.hear(KNXIPFrame.init_from_body(RoutingIndication(raw_cemi=cemi)).to_knx())

    def telegrams(self) -> list[tuple[float, CEMILData]]:
        """Return what we have sent as telegrams."""
        found = []
        for at_s, frame in self.sent:
            if isinstance(frame.body, RoutingIndication):
                data = CEMIFrame.from_knx(frame.body.raw_cemi).data
                assert isinstance(data, CEMILData)
                found.append((at_s, data))
        return found

    def others(self, kind: type) -> list[tuple[float, str]]:
        """Return what else we have sent: times and frames."""
        return [
            (at_s, frame.to_knx().hex())
            for at_s, frame in self.sent
            if isinstance(frame.body, kind)
        ]

    def link(self) -> RoutingLink:
        """Return a link in this group."""

        async def make(xknx: XKNX, hooks: Hooks, _numbers: SecureNumbers | None) -> GuardedRouting:
            return _Routing(
                hooks,
                self,
                xknx=xknx,
                individual_address=IndividualAddress(OURS),
                local_ip=NOWHERE[0],
                multicast_group=GROUP[0],
            )

        return RoutingLink(make)


class _Routing(GuardedRouting):
    def __init__(self, hooks: Hooks, group: Group, **settings: object) -> None:
        self._group = group
        super().__init__(hooks, **settings)

    def _init_transport(self) -> None:
        self.transport = _Transport(self._hooks, self._group)


class _Transport(GuardedMulticast):
    def __init__(self, hooks: Hooks, group: Group) -> None:
        super().__init__(hooks, NOWHERE, GROUP)
        self._group = group

    async def connect(self) -> None:
        self._group.transports.append(self)

    def stop(self) -> None:
        if self in self._group.transports:
            self._group.transports.remove(self)

    def send(self, knxipframe: KNXIPFrame, addr: tuple[str, int] | None = None) -> None:
        self._group.sent.append((asyncio.get_running_loop().time(), knxipframe))

    def indicate(self, cemi: bytes) -> None:
        self.send(KNXIPFrame.from_knx(indication(cemi))[0])

    def hear(self, raw: bytes) -> None:
        self.data_received_callback(raw, NEIGHBOUR)
