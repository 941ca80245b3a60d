"""The connection to one endpoint: kept as long as possible, renewed when necessary.

A missing answer does not end a connection. Where answers carry transaction numbers, a late one is
recognised by its number; on other wires the bus waits for silence and discards the next answer
(`modbus_stale_answers`). The connection is renewed when it was closed, when `FAILURE_LIMIT` requests in
a row failed (the other end may have dropped it), and when an answer may belong to an earlier request.

A new connection may be refused: many devices serve one client only and need some seconds to release
the old connection. So connecting is retried for `RECONNECT_S` before the link counts as lost.
"""

import asyncio
import logging
import math
from dataclasses import dataclass

from knxgw.errors import LinkError
from knxgw.links.modbus_client import ModbusClient
from knxgw.links.modbus_endpoint import ModbusEndpoint, UnconnectedError

wire = logging.getLogger("knxgw.wire.modbus")
RECONNECT_S, RECONNECT_PAUSE_S = 3.6, 0.6  # how long, and how often, a closed connection is retried
SPACING_S = 0.2  # between two connections: a device may close each after an answer
UNUSED_S = 0.6  # the same if the first one got no answer
FAILURE_LIMIT = 2  # failed requests in a row, then the connection is renewed
FIRST_NUMBER = (
    258  # transaction number of the first request; devices that count themselves begin at 0 or 1
)
QUIET_TRIES, QUIET_S = 20, 0.05  # a wire without bytes for so long is silent
RENEW_EARLY_S = 1.0  # plus the timeout: before the device closes the connection itself


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionNeeds:
    """What devices need from their connection."""

    timeout_s: float  # for an answer
    delay_s: float  # from connecting until a device listens
    lifetime_s: float | None  # after which a device closes every connection


class Connection:
    """Owns the client of one endpoint."""

    def __init__(self, endpoint: ModbusEndpoint, needs: ConnectionNeeds) -> None:
        self._endpoint = endpoint
        self.needs = needs
        self.opened_at = -math.inf  # when connecting began
        self._number = FIRST_NUMBER
        self._is_used = False  # whether it carried an answer
        self._failures = 0  # failed requests, in a row
        self._client: ModbusClient | None = None
        self._client_timeout_s = math.inf  # of the client, for an answer

    @property
    def client(self) -> ModbusClient:
        """Return the client. Raises: LinkError when there is no connection."""
        if self._client is None:
            raise LinkError("not connected")
        return self._client

    @property
    def is_open(self) -> bool:
        """Tell whether there is a connection."""
        return self._client is not None

    @property
    def renew_at(self) -> float:
        """Return when it is to be renewed [monotonic s]."""
        if self._timeout_s > self._client_timeout_s:
            return -math.inf  # it would time out before the slowest device answers
        lifetime_s = self.needs.lifetime_s
        if lifetime_s is None or self._endpoint.is_serial:
            return math.inf
        return self.opened_at + max(lifetime_s - self._timeout_s - RENEW_EARLY_S, lifetime_s / 2)

    @property
    def _timeout_s(self) -> float:
        return self.needs.timeout_s

    def update_needs(self, needs: ConnectionNeeds) -> None:
        """Adopt other needs; a connection that does not meet them is renewed."""
        self.needs = needs

    def needs_renewal(self, now_s: float) -> bool:
        """Tell whether the device is about to close the connection, or has closed it."""
        return now_s >= self.renew_at or not self.client.connected

    async def open(self) -> None:
        """Connect. Raises: LinkError with the reason and what to check."""
        failure = await self._connect(self._timeout_s)
        if failure is not None:
            raise self._link_error(failure)

    async def reopen(self) -> bool:
        """Renew the connection; return True if it was refused meanwhile. Raises: as `open`."""
        wire.debug("%s: new connection made", self._endpoint.name)
        self.close()  # first: the device may take one client only
        loop = asyncio.get_running_loop()
        spacing_s = SPACING_S if self._is_used else UNUSED_S
        await asyncio.sleep(max(0.0, self.opened_at + spacing_s - loop.time()))
        until, was_refused = loop.time() + RECONNECT_S, False
        while True:
            failure = await self._connect(min(self._timeout_s, until - loop.time()))
            if failure is None:
                return was_refused
            if loop.time() + RECONNECT_PAUSE_S >= until:
                raise self._link_error(failure)
            was_refused = True
            await asyncio.sleep(RECONNECT_PAUSE_S)

    def close(self) -> None:
        """End the connection, if there is one."""
        if self._client is not None:
            self._number = self._client.ctx.next_tid
            self._client.close()
            self._client = None

    # --- outcomes

    def note_answer(self) -> None:
        """Note an answer."""
        self._is_used = True
        self._failures = 0

    def note_failure(self) -> bool:
        """Note a failed request; return True when the connection must be renewed."""
        self._failures += 1
        if self._endpoint.is_serial:  # reopening a serial line gains nothing
            return False
        return self._failures % FAILURE_LIMIT == 0

    async def wait_for_silence(self) -> None:
        """Wait until the wire is silent, if a late answer has no number."""
        if self._endpoint.numbers_answers:
            return
        transactions = self.client.ctx
        for _ in range(QUIET_TRIES):  # a wire that is never silent is used anyway
            if not transactions.has_received:
                break
            transactions.has_received = False
            await asyncio.sleep(QUIET_S)
        transactions.forget()

    # --- inside

    async def _connect(self, timeout_s: float) -> Exception | None:
        """Connect once; return the error, if any."""
        self.opened_at = asyncio.get_running_loop().time()
        client_timeout_s = self._timeout_s
        client = self._endpoint.client(client_timeout_s, self._number)
        try:
            async with asyncio.timeout(max(0.0, timeout_s)):
                connected = await client.connect()
        except TimeoutError as err:
            client.close()
            return err
        if not connected:
            client.close()
            return client.ctx.failure or ConnectionError("no connection")
        self._client, self._failures, self._is_used = client, 0, False
        self._client_timeout_s = client_timeout_s
        if self.needs.delay_s:
            await asyncio.sleep(self.needs.delay_s)
        return None

    def _link_error(self, failure: Exception) -> LinkError:
        endpoint = self._endpoint
        return UnconnectedError(endpoint.trouble(failure), endpoint.kind_of_trouble(failure))
