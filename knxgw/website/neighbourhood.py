"""What the website serves to whoever looks into the network neighbourhood, without a log-in.

The device description of UPnP and its icons, also by plain http where the website sends everybody on to
https: Windows takes none from a website whose certificate it does not know. Source: website 61.
"""

import re
from typing import NamedTuple

from knxgw.links.discovery.introduction import DESCRIPTION_PATH, Icon, description
from knxgw.website import assets
from knxgw.website.bridge import Bridge

ICONS = {"icon-120.png": 120, "icon-48.png": 48}  # of the static files, with their size [px]
_HOST = re.compile(r"(?:[0-9A-Za-z.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
XML = 'text/xml; charset="utf-8"'


class Document(NamedTuple):
    """What is served."""

    content: bytes
    mime_type: str


def device_description(bridge: Bridge, host: str) -> Document | None:
    """Return the device description as it is fetched from a host; None: nothing is told of the device."""
    said = bridge.reach.introduction()
    if said is None:
        return None
    icons = [Icon(assets.address_of(name), size) for name, size in ICONS.items()]
    return Document(description(said, icons, _website(bridge, host)), XML)


def document(bridge: Bridge, host: str, path: str) -> Document | None:
    """Return the description or one of its icons by its path; None: it is something else."""
    if path == DESCRIPTION_PATH:
        return device_description(bridge, host)
    for name in ICONS:
        if path == assets.address_of(name):
            found = assets.assets()[name]
            return Document(found.content, found.mime_type)
    return None


def _website(bridge: Bridge, host: str) -> str:
    """Return the address of the website, as the one who asks has reached it."""
    if _HOST.fullmatch(host) is None:
        return "/"
    is_sent_on = bridge.reach.certificate() is not None and bridge.reach.redirects()
    return f"{'https' if is_sent_on else 'http'}://{host}/"
