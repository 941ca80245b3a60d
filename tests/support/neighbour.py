"""Looks into the network neighbourhood as programs of others do: async-upnp-client and zeroconf.

As a process inside a namespace; prints one line of JSON:

    python -m tests.support.neighbour upnp ADDRESS   # what answers a search, and what it serves
    python -m tests.support.neighbour mdns ADDRESS   # which services and hosts there are
"""

import argparse
import asyncio
import http.client
import json
import struct
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from async_upnp_client.aiohttp import AiohttpRequester
from async_upnp_client.client_factory import UpnpFactory
from async_upnp_client.search import async_search
from zeroconf import IPVersion, ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

SEARCH_S = 2
KINDS = ("_http._tcp.local.", "_knxgw._tcp.local.")


async def look_by_upnp(address: str) -> dict[str, Any]:
    """Return the answers to a search for everything, and what their description leads to."""
    answers: list[Mapping[str, Any]] = []

    async def take(headers: Mapping[str, Any]) -> None:
        answers.append(headers)

    await async_search(take, timeout=SEARCH_S, source=(address, 0))
    found: dict[str, Any] = {
        "answers": sorted((one["ST"], one["USN"], one["LOCATION"]) for one in answers)
    }
    if answers:
        device = await UpnpFactory(AiohttpRequester()).async_create_device(answers[0]["LOCATION"])
        icons = [(one.width, one.height, await _picture(one.url)) for one in device.icons]
        found |= {
            "name": device.name,
            "type": device.device_type,
            "udn": device.udn,
            "icons": icons,
            "page": await asyncio.to_thread(_page, device.presentation_url or ""),
        }
    return found


async def look_by_mdns(address: str) -> dict[str, Any]:
    """Return the services by name: host, addresses, port and texts."""
    seen: set[tuple[str, str]] = set()

    def note(
        zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange
    ) -> None:
        del zeroconf
        if state_change is ServiceStateChange.Added:
            seen.add((service_type, name))

    async with AsyncZeroconf(interfaces=[address], ip_version=IPVersion.V4Only) as zeroconf:
        async with AsyncServiceBrowser(zeroconf.zeroconf, list(KINDS), handlers=[note]):
            await asyncio.sleep(SEARCH_S)
        found: dict[str, Any] = {}
        for kind, name in sorted(seen):
            info = AsyncServiceInfo(kind, name)
            if await info.async_request(zeroconf.zeroconf, 2000):
                texts = {
                    key.decode(): (value or b"").decode() for key, value in info.properties.items()
                }
                addresses = info.parsed_addresses(IPVersion.V4Only)
                found[name] = [info.server, addresses, info.port, texts]
    return found


async def _picture(url: str) -> list[int]:
    """Return width and height of a PNG, read from its first chunk (ISO/IEC 15948)."""
    status, _, content = await asyncio.to_thread(_get, url)
    assert status == http.HTTPStatus.OK
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    return list(struct.unpack(">2I", content[16:24]))


def _page(url: str) -> str:
    """Return the page behind an address, where that sends a browser on."""
    for _ in range(3):
        status, location, content = _get(url)
        if location is None:
            assert status == http.HTTPStatus.OK
            return content.decode()
        url = f"{urlsplit(url).scheme}://{urlsplit(url).netloc}{location}"
    raise AssertionError(f"sent on again and again, to {url}")


def _get(url: str) -> tuple[int, str | None, bytes]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=5)
    try:
        connection.request("GET", parts.path or "/")
        answer = connection.getresponse()
        return answer.status, answer.headers.get("Location"), answer.read()
    finally:
        connection.close()


def main() -> None:
    """Look once, and print what is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("by", choices=("upnp", "mdns"))
    parser.add_argument("address")
    arguments = parser.parse_args()
    look = look_by_upnp if arguments.by == "upnp" else look_by_mdns
    print(json.dumps(asyncio.run(look(arguments.address))))  # noqa: T201 - what it is for


if __name__ == "__main__":
    main()
