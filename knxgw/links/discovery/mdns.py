"""Tells of the device by mDNS and DNS-SD in one network. Source: [rfc-6762].

zeroconf gives the name of a service that is taken a number. Names of hosts it does not look after: we
ask whether somebody has ours, and listen whether somebody says so later.
"""

import asyncio
import errno
import logging
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from zeroconf import (
    AddressResolverIPv4,
    DNSAddress,
    Error,
    IPVersion,
    RecordUpdate,
    RecordUpdateListener,
    ServiceInfo,
    Zeroconf,
)
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from knxgw.errors import LinkError
from knxgw.links.discovery.introduction import Introduction
from knxgw.links.discovery.one_network import keep_to_adapter
from knxgw.links.discovery.places import Place

HTTP, KNXGW = "_http._tcp.local.", "_knxgw._tcp.local."
ASK_MS = 1000  # for somebody who has our name already
IPV4_BYTES = 4
GOODBYE_S = 1.0
START_S = 5.0


class _NameTakenError(Exception):
    """Somebody else answers to the name of the host."""


def services(said: Introduction, place: Place, host: str) -> tuple[ServiceInfo, ...]:
    """Return what is announced: a website, and a device of this kind; no version is named."""
    texts: dict[str, dict[str, str | None]] = {
        HTTP: {"path": "/"},
        KNXGW: {"id": str(said.id), "path": "/"},
    }
    if said.serial is not None:
        texts[KNXGW]["serial"] = said.serial
    return tuple(
        AsyncServiceInfo(
            kind,
            f"{said.instance}.{kind}",
            port=said.port,
            properties=properties,
            server=f"{host}.local.",
            parsed_addresses=[place.address],
        )
        for kind, properties in texts.items()
    )


async def tell_by_mdns(
    place: Place,
    said: Introduction,
    own_addresses: frozenset[str],
    on_name: Callable[[frozenset[str]], None],
) -> NoReturn:
    """Announce the device in one network and answer, until cancelled; then say goodbye.

    `on_name` is told by which host names the device is reached, once it is. Raises: OSError, LinkError: the
    network is not there, or does not let us.
    """
    logging.getLogger("zeroconf").setLevel(logging.CRITICAL)  # strangers would fill the log
    try:
        with suppress(_NameTakenError):
            await _tell(place, said, said.host_label, own_addresses, on_name)
        await _tell(place, said, said.unique_label, None, on_name)
    except Error as err:
        raise LinkError(f"mDNS: {type(err).__name__}: {err}") from err
    except OSError as err:
        if err.errno != errno.EADDRINUSE:
            raise
        why = "another program has port 5353 to itself; for avahi set disallow-other-stacks=no"
        raise LinkError(why) from err


async def _tell(
    place: Place,
    said: Introduction,
    host: str,
    own_addresses: frozenset[str] | None,
    on_name: Callable[[frozenset[str]], None],
) -> NoReturn:
    """Announce it under a host name; `own_addresses`: of this machine, None: nobody else has the name.

    Raises: _NameTakenError, Error, OSError, LinkError.
    """
    zeroconf = AsyncZeroconf(interfaces=[place.address], ip_version=IPVersion.V4Only)
    try:
        await zeroconf.zeroconf.async_wait_for_start(START_S)
        _keep_to_adapter(zeroconf.zeroconf, place.adapter)
        others = _Others(f"{host}.local.", own_addresses)
        if own_addresses is not None:
            zeroconf.zeroconf.async_add_listener(others, None)
            await AddressResolverIPv4(others.name).async_request(zeroconf.zeroconf, ASK_MS)
            others.check()
        for one in services(said, place, host):
            await (await zeroconf.async_register_service(one, allow_name_change=True))
        on_name(frozenset({f"{host}.local"}))
        while True:
            await others.seen.wait()
            others.check()
    finally:
        with suppress(TimeoutError):
            async with asyncio.timeout(GOODBYE_S):
                await zeroconf.async_close()


class _Others(RecordUpdateListener):
    """Notices when another machine answers to the name of our host."""

    def __init__(self, name: str, own_addresses: frozenset[str] | None) -> None:
        self.name = name
        self.seen = asyncio.Event()
        self._own_addresses = own_addresses

    def check(self) -> None:
        """Raise: _NameTakenError, one was seen."""
        if self.seen.is_set():
            raise _NameTakenError

    def async_update_records(self, zc: Zeroconf, now: float, records: list[RecordUpdate]) -> None:
        """Take what was said; zeroconf calls it on the loop."""
        del zc, now
        addresses = [one.new for one in records if isinstance(one.new, DNSAddress)]
        if any(self._is_foreign(one) for one in addresses):
            self.seen.set()

    def _is_foreign(self, record: DNSAddress) -> bool:
        if self._own_addresses is None or record.name.lower() != self.name:
            return False
        if len(record.address) != IPV4_BYTES:
            return False  # of avahi on this machine, perhaps: its IPv6 addresses
        return socket.inet_ntoa(record.address) not in self._own_addresses


def _keep_to_adapter(zeroconf: Zeroconf, adapter: str) -> None:
    """Hear and answer what is asked in one network. Raises: LinkError, its address is gone; OSError."""
    if not zeroconf.engine.senders:
        raise LinkError("mDNS: the address is gone")
    for reader in zeroconf.engine.readers:
        keep_to_adapter(reader.sock, adapter)
