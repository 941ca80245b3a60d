"""A KNX tool for the gateway, until there is a product entry for ETS: xknx's management procedures, as commands.

    python -m tools.knx_tool find                      # who is in programming mode
    python -m tools.knx_tool address 1.1.30            # gives it to the device in programming mode
    python -m tools.knx_tool load garage.yaml          # loads a configuration file as ETS would
    python -m tools.knx_tool load garage.yaml --parts parameters
    python -m tools.knx_tool unload
    python -m tools.knx_tool reset

With KNX Secure: `take` gives the device an address and a tool key of its own, as a project does; from then on all commands
need that key.

    python -m tools.knx_tool --certificate certificate.txt take 1.1.30 project.key
    python -m tools.knx_tool --key project.key --device 1.1.30 load garage.yaml

It uses a tunnel of the gateway at 127.0.0.1, which is there without a KNX connection and in the demo; `--way` names
another one: `udp:IP:PORT`, `tcp:IP:PORT`, or `routing:IP` with our own IP. `--device`: its individual address.
"""

import argparse
import asyncio
import logging
import re
import secrets
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
from knxgw.device.certificate import read_certificate
from knxgw.device.services import EraseCode
from knxgw.knx.fixed_values import KEY_OCTETS
from knxgw.objects.codec import size_bits
from tests.support.ets_image import texts_of_file
from tests.support.line_tool import tables
from tests.support.programming_tool import config_of, download, say, unload
from tests.support.secured_xknx import ToolDataSecure, give_address, secure, take

WAY, DEVICE = "udp:127.0.0.1:3671", "1.1.20"
PARTS = {"all": (4, 3, 1, 2), "parameters": (4,), "links": (3, 1, 2)}  # indexes of objects
FREE_KEY = 0xFFFFFFFF
CERTIFICATE = re.compile("(?:[A-Z2-7]{6}-){5}[A-Z2-7]{6}")
ADDRESS_S = 1.0  # in which the device has its address: it does not say so


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
        security = None if asked.tool_key is None else secure(xknx, asked.tool_key)
        command: str = asked.command
        match command:
            case "find":
                found = await nm_individual_address_read(xknx)
                say(f"in programming mode: {', '.join(map(str, found)) or 'nobody'}")
            case "address":
                await nm_individual_address_write(xknx, asked.address)
                say(f"{asked.address} is given")
            case "take" if security is not None:
                await _take(xknx, security, asked)
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


async def _take(xknx: XKNX, security: ToolDataSecure, asked: argparse.Namespace) -> None:
    """Take a device as a project does: its certificate opens it, and a new key from then on."""
    address, key = IndividualAddress(asked.address), secrets.token_bytes(KEY_OCTETS)
    asked.key_file.touch(mode=0o600)
    asked.key_file.write_text(f"{key.hex()}\n", encoding="ascii")
    await give_address(xknx, asked.serial_number, address)
    await asyncio.sleep(ADDRESS_S)
    await take(xknx, security, address, key)
    say(f"{address} is taken; its tool key is in {asked.key_file}")


def read_keys(asked: argparse.Namespace) -> None:
    """Read the key that tools of the device need. Raises: SystemExit."""
    asked.tool_key = asked.serial_number = None
    try:
        if asked.certificate is not None:
            text = asked.certificate.read_text(encoding="utf-8")
            found = CERTIFICATE.search(text)  # among what the command prints, or alone
            asked.serial_number, asked.tool_key = read_certificate(found[0] if found else text)
        elif asked.key is not None:
            asked.tool_key = bytes.fromhex(asked.key.read_text(encoding="ascii"))
    except (OSError, ValueError) as err:
        sys.exit(f"{asked.certificate or asked.key}: {type(err).__name__}")
    if asked.command == "take" and asked.serial_number is None:
        sys.exit("take needs the device certificate: --certificate FILE")


def main() -> None:
    """Read what is asked, and do it."""
    parser = argparse.ArgumentParser(description="A KNX tool for the gateway.")
    parser.add_argument("--way", default=WAY)
    parser.add_argument("--device", default=DEVICE)
    parser.add_argument("--certificate", type=Path, help="file with the device certificate")
    parser.add_argument(
        "--key", type=Path, help="file with the tool key of a device that was taken"
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("find", "unload", "reset"):
        commands.add_parser(name)
    commands.add_parser("address").add_argument("address")
    taking = commands.add_parser("take")
    taking.add_argument("address")
    taking.add_argument("key_file", type=Path)
    load = commands.add_parser("load")
    load.add_argument("file", type=Path)
    load.add_argument("--parts", choices=PARTS, default="all")
    asked = parser.parse_args()
    read_keys(asked)
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
