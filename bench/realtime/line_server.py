"""A KNX IP interface on a KNX line in memory: what stands on the line is reached through a tunnel."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from tests.support.knx_line import MemoryLine
from tests.support.knxip_server import KnxIpServer

INTERFACE = "1.1.250"


@asynccontextmanager
async def interface_on(line: MemoryLine) -> AsyncGenerator[int, None]:
    """Let an interface stand on the line; give its UDP port of 127.0.0.1."""
    member = line.join(INTERFACE)
    async with KnxIpServer() as server:
        server.on_received = lambda data: line.carry(member, data)
        await member.open(server.indicate, lambda: None)
        try:
            yield server.udp_port
        finally:
            await member.close()
