"""Links made from settings, and KNX ports that run on them, for the tests."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from knxgw.config.model import KnxSettings
from knxgw.knx.frames import FrameKind
from knxgw.links.keep_alive import keep_alive
from knxgw.links.knx import KnxLink
from knxgw.links.knx_factory import make_link
from knxgw.links.knx_numbers import SecureNumbers
from knxgw.links.knx_port import BusAttachment, KnxPort, Tap
from tests.support.knxip_server import Ear, eventually, numbers_of


def link_of(of: KnxSettings) -> KnxLink:
    """Return the link that these settings make."""
    attachment = make_link(of)
    assert attachment is not None
    return attachment.link


@asynccontextmanager
async def at_port(
    attachment: BusAttachment, numbers: SecureNumbers | None = None
) -> AsyncGenerator[tuple[KnxPort, Ear], None]:
    """Run a port on a link and what secures it; an ear takes its group telegrams."""
    attachment.keep_numbers(numbers or numbers_of())
    async with running_port(attachment) as running:
        yield running


@asynccontextmanager
async def running_port(
    attachment: BusAttachment, tap: Tap | None = None
) -> AsyncGenerator[tuple[KnxPort, Ear], None]:
    """Run a port on an attachment that knows where its numbers are kept."""
    port, ear = KnxPort(attachment, tap), Ear()
    port.register(ear, FrameKind.GROUP)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(keep_alive("KNX", port.run, last_delay_s=0.1))
        try:
            await eventually(lambda: port.is_up, "the link of the port")
            yield port, ear
        finally:
            running.cancel()
