"""A group reader and writer over KNX routing, by xknx alone: `knxtool` for a line without knxd.

`python -m tests.support.routing_tool --local-ip X` reads lines such as `write 1/2/3 01` and
`read 1/2/3`, and prints `answer: ` with the payload in hex, or None when nobody answers. With
`--keyring` it takes part in secure routing; the password stands in the file `password` beside the keyring.
`--every S GA` writes a current [A] there again and again, as a meter does.
"""

import argparse
import asyncio
import sys
from pathlib import Path
from typing import NoReturn

from xknx import XKNX
from xknx.dpt import DPTArray, DPTBinary
from xknx.io import ConnectionConfig, ConnectionType, SecureConfig
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


async def send_current(xknx: XKNX, address: GroupAddress, pause_s: float) -> NoReturn:
    """Write a current again and again."""
    while True:
        await write(xknx, address, "0x41000000")  # 8 A
        await asyncio.sleep(pause_s)


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def main() -> None:
    """Do what the lines of standard input say, until there are no more."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--local-ip", required=True)
    parser.add_argument("--keyring", type=Path)
    parser.add_argument("--every", nargs=2, metavar=("S", "GA"))
    arguments = parser.parse_args()
    secure = None
    if arguments.keyring is not None:
        password = arguments.keyring.with_name("password").read_text(encoding="utf-8")
        secure = SecureConfig(knxkeys_file_path=arguments.keyring, knxkeys_password=password)
    config = ConnectionConfig(
        connection_type=ConnectionType.ROUTING_SECURE if secure else ConnectionType.ROUTING,
        local_ip=arguments.local_ip,
        individual_address="1.1.77",
        secure_config=secure,
    )
    async with XKNX(connection_config=config) as xknx, asyncio.TaskGroup() as group:
        say("ready")
        if arguments.every is not None:
            pause_s, address = arguments.every
            group.create_task(send_current(xknx, GroupAddress(address), float(pause_s)))
        while line := await asyncio.to_thread(sys.stdin.readline):
            service, address, *value = line.split()
            if service == "write":
                await write(xknx, GroupAddress(address), *value)
                say("answer: written")
            else:
                say(f"answer: {await read(xknx, GroupAddress(address))}")


if __name__ == "__main__":
    asyncio.run(main())
