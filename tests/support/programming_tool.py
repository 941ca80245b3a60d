"""xknx as the tool that programs the gateway: a whole download, in a process of its own.

`python -m tests.support.programming_tool WAY CONTENTS` downloads what a JSON file says (index of an object: octets in
hex) to the device 1.1.20, and then reads the group addresses that follow. WAY: `routing:IP`, `udp:IP:PORT`,
`tcp:IP:PORT`; IP of routing is our own. `--restart`: ends with a confirmed one. It prints a line for each thing it has done, with the
seconds since its begin.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from xknx import XKNX
from xknx.io import ConnectionConfig, ConnectionType
from xknx.management.management import P2PConnection
from xknx.management.procedures import (
    dm_restart,
    dmp_authorize_r_co,
    dmp_connect_r_co,
    dmp_interface_object_read_r,
    dmp_interface_object_write_r,
    dmp_mem_verify_r_co,
    dmp_mem_write_r_co,
)
from xknx.telegram import GroupAddress, IndividualAddress

from tests.support.routing_tool import read

DEVICE = IndividualAddress("1.1.20")
LONGEST = 254  # octets of an APDU
BEGUN_S = time.perf_counter()


def config_of(way: str) -> ConnectionConfig:
    """Return how xknx reaches the line."""
    kind, _, where = way.partition(":")
    if kind == "routing":
        return ConnectionConfig(
            connection_type=ConnectionType.ROUTING, local_ip=where, individual_address="1.1.9"
        )
    host, _, port = where.partition(":")
    kinds = {"udp": ConnectionType.TUNNELING, "tcp": ConnectionType.TUNNELING_TCP}
    return ConnectionConfig(connection_type=kinds[kind], gateway_ip=host, gateway_port=int(port))


def say(what: str) -> None:
    """Print what was done."""
    sys.stdout.write(f"{time.perf_counter() - BEGUN_S:.2f} {what}\n")
    sys.stdout.flush()


async def control(tool: P2PConnection, index: int, value: bytes) -> int:
    """Write the load control of an object; return its state."""
    return (await dmp_interface_object_write_r(tool, index, 5, value.ljust(10, b"\0")))[0]


async def unload(tool: P2PConnection) -> None:
    """Unload all objects."""
    for index in (4, 3, 2, 1):
        await control(tool, index, b"\4")
    say("unloaded")


async def download(
    xknx: XKNX,
    contents: Mapping[int, bytes],
    device: IndividualAddress = DEVICE,
    *,
    is_full: bool = True,
) -> None:
    """Unload (unless it is a partial one), load, allocate, write, verify, complete, restart."""
    async with xknx.management.connection(device) as tool:
        await dmp_connect_r_co(tool)
        await dmp_authorize_r_co(tool, 0xFFFFFFFF)
        if is_full:
            await unload(tool)
        for index, content in contents.items():
            await control(tool, index, b"\1")
            await control(tool, index, b"\3\x0b" + len(content).to_bytes(4, "big") + b"\1\0")
            where = int.from_bytes(await dmp_interface_object_read_r(tool, index, 7), "big")
            await dmp_mem_write_r_co(tool, where, content, max_apdu_length=LONGEST)
            await dmp_mem_verify_r_co(tool, where, content, max_apdu_length=LONGEST)
            say(f"written {index}")
        for index in contents:
            if await control(tool, index, b"\2") != 1:
                raise RuntimeError(f"object {index} is not loaded")
        say("loaded")
    await dm_restart(xknx, device)
    say("restarted")


async def main(way: str, contents: Mapping[int, bytes], addresses: list[str]) -> None:
    """Download, and read what the device says afterwards."""
    async with XKNX(connection_config=config_of(way)) as xknx:
        say("connected")
        if contents:
            await download(xknx, contents)
            await asyncio.sleep(2.0)
        for address in addresses:
            say(f"{address}: {await read(xknx, GroupAddress(address))}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("way")
    parser.add_argument("contents", type=Path)
    parser.add_argument("addresses", nargs="*")
    given = parser.parse_args()
    text = given.contents.read_text(encoding="ascii")
    loaded = {int(index): bytes.fromhex(octets) for index, octets in json.loads(text).items()}
    asyncio.run(main(given.way, loaded, given.addresses))
