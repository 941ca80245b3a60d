"""xknx as the tool that sets the IP address of a device, in a process of its own.

`python -m tests.support.ip_tool WAY DEVICE write ADDRESS MASK GATEWAY` writes a permanent address and restarts the
device; `... DEVICE read` prints how the address is assigned and what it is now. WAY: as in `programming_tool`.
"""

import asyncio
import sys
from ipaddress import IPv4Address

from xknx import XKNX
from xknx.management.procedures import (
    dm_restart,
    dmp_connect_r_co,
    dmp_interface_object_read_r,
    dmp_interface_object_write_r,
)
from xknx.telegram import IndividualAddress

from tests.support.programming_tool import config_of

IP_PARAMETER = 6  # index of the object
ASSIGNMENT, CURRENT, ADDRESS, MASK, GATEWAY = 55, 57, 60, 61, 62
PERMANENT = b"\1"


async def main(way: str, device: IndividualAddress, wanted: list[str]) -> None:
    """Write, or read."""
    async with XKNX(connection_config=config_of(way)) as xknx:
        async with xknx.management.connection(device) as tool:
            await dmp_connect_r_co(tool)
            for number, text in zip((ADDRESS, MASK, GATEWAY), wanted, strict=False):
                octets = IPv4Address(text).packed
                said = await dmp_interface_object_write_r(tool, IP_PARAMETER, number, octets)
                if said != octets:
                    raise RuntimeError(f"property {number} is {said.hex()}")
            if wanted:
                await dmp_interface_object_write_r(tool, IP_PARAMETER, ASSIGNMENT, PERMANENT)
            else:
                how = await dmp_interface_object_read_r(tool, IP_PARAMETER, ASSIGNMENT)
                now = await dmp_interface_object_read_r(tool, IP_PARAMETER, CURRENT)
                sys.stdout.write(f"{how.hex()} {IPv4Address(now)}\n")
        if wanted:
            await dm_restart(xknx, device)


if __name__ == "__main__":
    _, at, whom, _, *texts = sys.argv
    asyncio.run(main(at, IndividualAddress(whom), texts))
