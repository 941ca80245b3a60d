"""Record every group telegram of a bus as JSON lines, and check such a recording.

As a process inside a namespace, until SIGTERM:

    python -m tests.support.bus_recorder --gateway H:P --local-ip X [--routing] --output FILE

Within an asyncio test: `async with recorder(...)`. The first line is {"ready": true}.
"""

import argparse
import asyncio
import contextlib
import json
import signal
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import TextIO

from xknx import XKNX
from xknx.dpt import DPTArray, DPTBinary
from xknx.io import ConnectionConfig, ConnectionType
from xknx.telegram import Telegram
from xknx.telegram.apci import GroupValueRead, GroupValueResponse, GroupValueWrite

RECORDER_ADDRESS = "1.1.199"  # on routing; on a tunnel the server says which
_SERVICES = {GroupValueRead: "read", GroupValueWrite: "write", GroupValueResponse: "response"}


def connection(
    *, local_ip: str, gateway: str | None = None, individual_address: str = RECORDER_ADDRESS
) -> ConnectionConfig:
    """Return a UDP tunnel to `gateway` ("host:port"), or routing without one."""
    if gateway is None:
        return ConnectionConfig(
            connection_type=ConnectionType.ROUTING,
            individual_address=individual_address,
            local_ip=local_ip,
        )
    host, _, port = gateway.partition(":")
    return ConnectionConfig(
        connection_type=ConnectionType.TUNNELING,
        gateway_ip=host,
        gateway_port=int(port),
        local_ip=local_ip,
    )


@contextlib.asynccontextmanager
async def recorder(config: ConnectionConfig, output: Path) -> AsyncGenerator[None, None]:
    """Record to the file `output` while the context is open."""
    with output.open("w") as file:

        def received(telegram: Telegram) -> None:
            if line := as_line(telegram, time.time()):
                _write(file, line)

        async with XKNX(connection_config=config, telegram_received_cb=received):
            _write(file, {"ready": True})
            yield


def as_line(telegram: Telegram, time_s: float) -> dict[str, object] | None:
    """Return the line of a group telegram, None for another one; payload is None for a read."""
    service = _SERVICES.get(type(telegram.payload))  # type: ignore[arg-type]  # None has no entry
    if service is None:
        return None
    line: dict[str, object] = {
        "time": round(time_s, 6),
        "source": str(telegram.source_address),
        "destination": str(telegram.destination_address),
        "service": service,
        "payload": None,
    }
    if isinstance(telegram.payload, GroupValueWrite | GroupValueResponse):
        line["payload"] = payload_hex(telegram.payload.value)
    return line


def payload_hex(value: DPTArray | DPTBinary) -> str:
    """Return the payload in hex; a value of up to 6 bits is one byte."""
    data = value.value if isinstance(value, DPTArray) else (value.value,)
    return bytes(data).hex()


def _write(file: TextIO, line: dict[str, object]) -> None:
    file.write(json.dumps(line) + "\n")
    file.flush()


async def _record(config: ConnectionConfig, output: Path) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with recorder(config, output):
        await ended.wait()


def main() -> None:
    """Record until SIGTERM."""
    parser = argparse.ArgumentParser(prog="bus_recorder", description="Record group telegrams.")
    parser.add_argument("--gateway", help="host:port of a tunnelling server")
    parser.add_argument("--routing", action="store_true", help="listen to the multicasts instead")
    parser.add_argument("--local-ip", required=True)
    parser.add_argument("--output", required=True, type=Path)
    arguments = parser.parse_args()
    if arguments.routing == (arguments.gateway is not None):
        parser.error("give either --gateway or --routing")
    config = connection(local_ip=arguments.local_ip, gateway=arguments.gateway)
    asyncio.run(_record(config, arguments.output))


if __name__ == "__main__":
    main()
