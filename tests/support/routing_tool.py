"""A group reader and writer over KNX routing, by xknx alone: `knxtool` for a line without knxd.

`python -m tests.support.routing_tool --local-ip X write 1/2/3 01` · `… read 1/2/3` (prints hex)
"""

import argparse
import asyncio
import sys

from xknx import XKNX
from xknx.dpt import DPTArray, DPTBinary
from xknx.io import ConnectionConfig, ConnectionType
from xknx.telegram import GroupAddress, Telegram
from xknx.telegram.apci import GroupValueRead, GroupValueResponse, GroupValueWrite

from tests.support.bus_recorder import payload_hex

ANSWER_S = 2.0


async def write(xknx: XKNX, address: GroupAddress, value: str) -> None:
    """Write up to 6 bits ("01") or an array of bytes ("0x41800000")."""
    raw = value.removeprefix("0x")
    payload = DPTArray(bytes.fromhex(raw)) if raw != value else DPTBinary(int(value, 16))
    await xknx.cemi_handler.send_telegram(Telegram(address, payload=GroupValueWrite(payload)))


async def read(xknx: XKNX, address: GroupAddress) -> str | None:
    """Return the payload of the first answer in hex; None when none comes."""
    answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def hear(telegram: Telegram) -> None:
        fits = telegram.destination_address == address
        if fits and isinstance(telegram.payload, GroupValueResponse) and not answer.done():
            answer.set_result(payload_hex(telegram.payload.value))

    xknx.telegram_queue.register_telegram_received_cb(hear)
    await xknx.cemi_handler.send_telegram(Telegram(address, payload=GroupValueRead()))
    try:
        async with asyncio.timeout(ANSWER_S):
            return await answer
    except TimeoutError:
        return None


async def main() -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--local-ip", required=True)
    parser.add_argument("service", choices=["read", "write"])
    parser.add_argument("address")
    parser.add_argument("value", nargs="?", default="00")
    options = parser.parse_args()
    config = ConnectionConfig(
        connection_type=ConnectionType.ROUTING,
        local_ip=options.local_ip,
        individual_address="1.1.77",
    )
    address = GroupAddress(options.address)
    async with XKNX(connection_config=config) as xknx:
        if options.service == "write":
            await write(xknx, address, options.value)
            return 0
        answer = await read(xknx, address)
        sys.stdout.write(f"{answer or 'no answer'}\n")
        return 0 if answer is not None else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
