"""A KNX link through a tunnel, over UDP or TCP, plain or secure."""

from collections.abc import Awaitable, Callable

from xknx import XKNX
from xknx.cemi import CEMIFrame
from xknx.exceptions import CommunicationError, RequestResponseError
from xknx.io.request_response import ConnectionState

from knxgw.errors import LinkError
from knxgw.links.knx import XknxLink
from knxgw.links.knx_guard import Hooks
from knxgw.links.knx_tunnels import GuardedSecureTunnel, GuardedTcpTunnel, GuardedUdpTunnel
from knxgw.links.network_adapter import AdapterWatch

AnyTunnel = GuardedUdpTunnel | GuardedTcpTunnel | GuardedSecureTunnel
MakeTunnel = Callable[[XKNX, Hooks], Awaitable[AnyTunnel]]


class TunnelLink(XknxLink):
    """KNXnet/IP tunnelling over UDP or TCP, plain or secure."""

    def __init__(self, make: MakeTunnel) -> None:
        super().__init__()
        self._make = make
        self._tunnel: AnyTunnel | None = None

    async def _connect(self) -> None:
        self._tunnel = await self._make(self._xknx, self._hooks)
        await self._tunnel.connect()
        self._adapter = AdapterWatch(self._tunnel.transport.getsockname()[0])

    async def _send(self, frame: CEMIFrame) -> None:
        if self._tunnel is None:
            raise CommunicationError("tunnel not open")
        await self._tunnel.send_cemi(frame)

    async def check(self) -> None:
        """Ask the server whether our tunnel still exists. Raises: LinkError."""
        await super().check()  # of an adapter that is away: asking the server takes half a minute
        tunnel = self._tunnel
        if tunnel is None or tunnel.communication_channel is None:
            raise LinkError("tunnel closed by the server")
        request = ConnectionState(
            transport=tunnel.transport,
            communication_channel_id=tunnel.communication_channel,
            local_hpai=tunnel.local_hpai,
        )
        for attempt in (1, 2, 3):
            try:
                await request.request()
            except RequestResponseError as err:
                if attempt == 3 or err.error_code is not None:
                    raise LinkError(f"the interface does not know our tunnel: {err}") from err
            else:
                return

    async def _disconnect(self) -> None:
        if self._tunnel is not None:
            tunnel, self._tunnel = self._tunnel, None
            if self._lost is not None:  # nobody there to hear a disconnect request
                tunnel.communication_channel = None
            await tunnel.disconnect()
