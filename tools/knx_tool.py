"""A KNX tool for the gateway, until there is a product entry for ETS: xknx's management procedures, as commands.

    python -m tools.knx_tool find                      # who is in programming mode
    python -m tools.knx_tool address 1.1.30            # gives it to the device in programming mode
    python -m tools.knx_tool load garage.yaml          # loads a configuration file as ETS would
    python -m tools.knx_tool load garage.yaml --parts parameters
    python -m tools.knx_tool unload
    python -m tools.knx_tool reset

It uses a tunnel of the gateway at 127.0.0.1, which is there without a KNX connection and in the demo; `--way` names
another one: `udp:IP:PORT`, `tcp:IP:PORT`, or `routing:IP` with our own IP. `--device`: its individual address.
"""

import argparse
import asyncio
import logging
import sys
from collections.abc import Mapping
from pathlib import Path

from xknx import XKNX
from xknx.exceptions import XKNXException
from xknx.management.procedures import (
    dm_restart,
    dmp_authorize_r_co,
    dmp_connect_r_co,
    nm_individual_address_read,
    nm_individual_address_write,
)
from xknx.telegram import IndividualAddress

from knxgw.catalogue.flags import Flags, Priority
from knxgw.catalogue.load import catalogue
from knxgw.config.load import parse_configuration
from knxgw.config.model import Configuration
from knxgw.config.objects import existing_objects
from knxgw.config.parameter_memory import image_of
from knxgw.device.services import EraseCode
from knxgw.objects.codec import size_bits
from tests.support.ets_image import texts_of_file
from tests.support.line_tool import tables
from tests.support.programming_tool import config_of, download, say, unload

WAY, DEVICE = "udp:127.0.0.1:3671", "1.1.20"
PARTS = {"all": (4, 3, 1, 2), "parameters": (4,), "links": (3, 1, 2)}  # indexes of objects
FREE_KEY = 0xFFFFFFFF


def contents_of(file: Path) -> Mapping[int, bytes]:
    """Return what ETS would load for a configuration file. Raises: SystemExit, it is not right."""
    text = file.read_text(encoding="utf-8")
    loaded = parse_configuration(text, catalogue(), name=str(file))
    if loaded.configuration is None:
        sys.exit("\n".join(map(str, loaded.findings)))
    return {4: image_of(texts_of_file(text), catalogue()), **_tables(loaded.configuration)}


def _tables(configuration: Configuration) -> Mapping[int, bytes]:
    dpts = {one.number: one.dpt for one in existing_objects(configuration, catalogue())}
    return tables(
        {
            number: (
                " ".join(link.addresses),
                _octet(link.flags, link.priority),
                size_bits(dpts[number]) or 8,
            )
            for number, link in configuration.group_objects.items()
            if number in dpts
        }
    )


def _octet(flags: Flags, priority: Priority) -> int:
    """Return the flags as the group object table has them."""
    places = ("update", "transmit", "read_on_init", "write", "read", "communication")
    raised = sum(0x80 >> at for at, name in enumerate(places) if getattr(flags, name))
    codes = (Priority.SYSTEM, Priority.NORMAL, Priority.URGENT, Priority.LOW)
    return raised | codes.index(priority)


async def run(asked: argparse.Namespace) -> None:
    """Carry out a command."""
    device = IndividualAddress(asked.device)
    async with XKNX(connection_config=config_of(asked.way)) as xknx:
        command: str = asked.command
        match command:
            case "find":
                found = await nm_individual_address_read(xknx)
                say(f"in programming mode: {', '.join(map(str, found)) or 'nobody'}")
            case "address":
                await nm_individual_address_write(xknx, asked.address)
                say(f"{asked.address} is given")
            case "load":
                contents = {one: asked.contents[one] for one in PARTS[asked.parts]}
                await download(xknx, contents, device, is_full=asked.parts == "all")
            case "unload":
                async with xknx.management.connection(device) as tool:
                    await dmp_connect_r_co(tool)
                    await dmp_authorize_r_co(tool, FREE_KEY)
                    await unload(tool)
            case "reset":
                code = EraseCode.FACTORY_RESET.value
                await dm_restart(xknx, device, master_reset=True, erase_code=code)
                say("reset")
            case _:
                raise AssertionError(command)


def main() -> None:
    """Read what is asked, and do it."""
    parser = argparse.ArgumentParser(description="A KNX tool for the gateway.")
    parser.add_argument("--way", default=WAY)
    parser.add_argument("--device", default=DEVICE)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("find", "unload", "reset"):
        commands.add_parser(name)
    commands.add_parser("address").add_argument("address")
    load = commands.add_parser("load")
    load.add_argument("file", type=Path)
    load.add_argument("--parts", choices=PARTS, default="all")
    asked = parser.parse_args()
    if asked.command == "load":
        asked.contents = contents_of(asked.file)
    logging.getLogger("xknx").setLevel(
        logging.ERROR
    )  # it warns of the last acknowledgement, which is late
    try:
        asyncio.run(run(asked))
    except XKNXException as err:
        sys.exit(f"{type(err).__name__}: {err}")
    except KeyboardInterrupt:
        sys.exit("cut off")


if __name__ == "__main__":
    main()
