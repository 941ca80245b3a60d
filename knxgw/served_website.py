"""The website while the device lives: served at one listener after the other, and once more where encryption changes."""

import asyncio
from typing import NoReturn

from knxgw.website.bridge import Bridge
from knxgw.website.encryption import Encryption
from knxgw.website.listener import Listener
from knxgw.website.serving import serve

ENCRYPTS_AFTER_S = 1.0  # for the page that asked for it to load all it needs
RENEWAL_CHECK_S = 86_400.0


class ServedWebsite:
    """The website of one device; in the event loop only, but for `encrypt_soon`."""

    def __init__(self, bridge: Bridge, listener: Listener, group: asyncio.TaskGroup) -> None:
        """Serve pages that ask `bridge`, in a task of the group, from now on."""
        self._bridge, self._listener, self._group = bridge, listener, group
        self._loop = asyncio.get_running_loop()
        self._exchanging = asyncio.Lock()
        self._is_ending = False
        self._serving = self._served()

    def _served(self) -> asyncio.Task[NoReturn]:
        return self._group.create_task(serve(self._bridge, self._listener), name="website")

    async def serve_again(self, listener: Listener, given_up: Listener | None = None) -> None:
        """Serve from the beginning, at this listener; `given_up`: the previous one, if it is another."""
        self._listener = listener
        async with self._exchanging:
            self._serving.cancel()
            await asyncio.wait([self._serving])
            if given_up is not None:
                given_up.close()
            self._serving = self._served()

    def encrypt_soon(self) -> None:
        """Serve by https, once the page that asked for it is there; from any thread."""
        self._loop.call_soon_threadsafe(
            self._loop.call_later, ENCRYPTS_AFTER_S, self._begin_to_encrypt
        )

    def _begin_to_encrypt(self) -> None:
        if not self._is_ending:
            self._group.create_task(self.serve_again(self._listener), name="encrypt")

    def end(self) -> None:
        """Serve no longer, and begin nothing new."""
        self._is_ending = True
        self._serving.cancel()


async def renew_in_time(encryption: Encryption) -> NoReturn:
    """Renew the device's own certificate in time, however long the device runs."""
    while True:
        await asyncio.sleep(RENEWAL_CHECK_S)
        await asyncio.to_thread(encryption.renew_if_due)
