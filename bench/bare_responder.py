"""The yardstick: the shortest natural xknx program that answers GroupValueRead."""

import asyncio
import signal

from xknx import XKNX
from xknx.dpt import DPT4ByteFloat, DPTArray
from xknx.io import ConnectionConfig, ConnectionType
from xknx.telegram import GroupAddress, Telegram
from xknx.telegram.apci import GroupValueRead, GroupValueResponse

RESPONDER_ADDRESS = "1.1.197"  # on routing; on a tunnel the server says which


def by_tunnel(gateway: str, local_ip: str) -> ConnectionConfig:
    """Return the connection through a UDP tunnel of `gateway` ("host:port")."""
    host, _, port = gateway.partition(":")
    return ConnectionConfig(
        connection_type=ConnectionType.TUNNELING,
        gateway_ip=host,
        gateway_port=int(port),
        local_ip=local_ip,
    )


def by_routing(local_ip: str) -> ConnectionConfig:
    """Return the connection by multicast."""
    return ConnectionConfig(
        connection_type=ConnectionType.ROUTING,
        individual_address=RESPONDER_ADDRESS,
        local_ip=local_ip,
    )


async def respond(config: ConnectionConfig, values: dict[str, float]) -> None:
    """Answer reads of the group addresses with their DPT 14 value until SIGTERM."""
    payloads: dict[object, DPTArray] = {
        GroupAddress(address): DPT4ByteFloat.to_knx(value) for address, value in values.items()
    }

    def received(telegram: Telegram) -> None:
        if isinstance(telegram.payload, GroupValueRead):
            payload = payloads.get(telegram.destination_address)
            if payload is not None:
                response = Telegram(
                    telegram.destination_address, payload=GroupValueResponse(payload)
                )
                xknx.telegrams.put_nowait(response)

    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    xknx = XKNX(connection_config=config, telegram_received_cb=received)
    async with xknx:
        print("ready", flush=True)
        await ended.wait()
