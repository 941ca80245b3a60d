"""The gateway's KNX link alone, as a process: one object to read, one that it reads at the start.

It checks its link several times in a second where the gateway takes ten seconds, and logs what the
gateway would; `1/1/50` answers 5, `1/0/10` has the I flag.
"""

import argparse
import asyncio
import itertools
import logging
import sys
from datetime import UTC, datetime

from xknx.telegram.address import GroupAddress

from knxgw.catalogue.flags import Flags
from knxgw.catalogue.objects import ObjectKind
from knxgw.charging.scope import PointNumber, point_scope
from knxgw.config.model import KnxLinkKind
from knxgw.links import keep_alive as keeping
from knxgw.links import knx_port
from knxgw.links.knx_factory import make_link
from knxgw.links.knx_group_communication import GroupCommunication
from knxgw.links.knx_numbers import SecureNumbers
from knxgw.objects.server import ObjectServer
from knxgw.objects.table import GroupObject
from tests.support.knxip_server import MemoryStore, settings

READABLE, READS = "1/1/50", "1/0/10"
CHECK_S, RETRY_S = 0.3, 0.2


def one_object(number: int, address: str, flags: str) -> GroupObject:
    """Return an object of one byte."""
    return GroupObject(
        number=number,
        point=PointNumber(1),
        key=str(number),
        name=str(number),
        dpt=None,
        flags=Flags.parse(flags),
        kind=ObjectKind.STATE,
        addresses=(GroupAddress(address),),
        rule=None,
        cycle_s=None,
        may_send=True,
    )


async def main() -> None:
    """Keep the link alive until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--link", required=True, type=KnxLinkKind)
    parser.add_argument("--local-ip")
    parser.add_argument("--gateway", help="host:port")
    parser.add_argument("--keyring")
    parser.add_argument("--password-file")
    given = parser.parse_args()
    vars(knx_port).update(ALIVE_CHECK_S=CHECK_S)
    vars(keeping).update(doubling=lambda **_: itertools.repeat(RETRY_S))
    host, _, port = (given.gateway or "").partition(":")
    of = settings(
        given.link,
        individual_address="1.1.20",
        local_ip=given.local_ip,
        gateway_host=host or None,
        gateway_port=int(port or 0),
        keyring=given.keyring,
        keyring_password_file=given.password_file,
    )
    link = make_link(of)
    assert link is not None
    loop = asyncio.get_running_loop()
    wall_clock = datetime(2026, 7, 1, tzinfo=UTC)
    link.keep_numbers(SecureNumbers({}, MemoryStore(), lambda: wall_clock, loop.time))
    objects = [one_object(50, READABLE, "CR----"), one_object(10, READS, "C-W-UI")]
    server = ObjectServer(objects, UTC)
    server.publish(point_scope(1), "50", 5, loop.time())
    port = knx_port.KnxPort(link)
    GroupCommunication(port, server, lambda _command: None).join()
    await keeping.keep_alive("KNX", port.run, on_failure=port.failed)


if __name__ == "__main__":
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(levelname)s %(message)s")
    logging.getLogger("knxgw").setLevel(logging.DEBUG)
    logging.getLogger("xknx").setLevel(logging.ERROR)
    asyncio.run(main())
