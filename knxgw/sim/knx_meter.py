"""A simulated smart meter on KNX: a device on the gateway's line that tells what the building draws.

It sends in the datapoint type, on the phases and at the interval that the site's file says, answers
reads of its values, and can fall silent.
"""

import asyncio
from dataclasses import replace
from datetime import UTC
from typing import NoReturn

from xknx.cemi import CEMILData
from xknx.dpt import DPTBinary
from xknx.telegram.address import GroupAddress
from xknx.telegram.apci import APCI, GroupValueRead, GroupValueResponse, GroupValueWrite
from xknx.telegram.tpci import TDataGroup

from knxgw.catalogue.object_keys import IN_OPERATION, SMART_METER
from knxgw.charging.limits import NOMINAL_V
from knxgw.config.model import (
    Configuration,
    Measurement,
    Monitoring,
    SmartMeterSettings,
)
from knxgw.config.objects import smart_meter_on_knx
from knxgw.errors import LinkError
from knxgw.links.keep_alive import keep_alive
from knxgw.links.knx import KnxLink
from knxgw.links.knx_factory import make_link
from knxgw.objects.codec import Payload, encode
from knxgw.sim.house import House

ALIVE = DPTBinary(1)  # of DPT 1.017, whose value means nothing
ADDRESSES = ("1.1.30", "1.1.31")  # the first one that the gateway does not have
CHANGE_MA = 500  # a meter that sends on change does so from here on
LOOK_S = 1.0  # how often it looks for a change


class KnxMeter:
    """The device; `run` carries it for as long as it is wanted."""

    def __init__(
        self,
        house: House,
        settings: SmartMeterSettings,
        configuration: Configuration,
        link: KnxLink,
        *,
        period_s: float | None = None,
    ) -> None:
        self.is_silent = False
        self._house = house
        self._settings = settings
        self._link = link
        self._period_s = settings.interval_s if period_s is None else period_s
        linked = (configuration.link_of(key) for key in SMART_METER[: settings.phases])
        self._addresses: list[str] = [link.addresses[0] for link in linked if link]
        operation = configuration.link_of(IN_OPERATION)
        self._operation = operation.addresses[0] if operation else None
        self._is_watched = settings.monitoring is Monitoring.VALUES_AND_IN_OPERATION
        self._sent_ma: dict[int, float] = {}
        self._asked: list[int] = []  # phases that somebody reads
        self._is_lost = False
        self._wake = asyncio.Event()

    def __str__(self) -> str:
        return f"smart meter on KNX, sends on {', '.join(self._addresses)}"

    async def run(self) -> NoReturn:
        """Send and answer; a lost line is joined again."""
        await keep_alive("smart meter", self._session, last_delay_s=5.0)

    async def _session(self) -> NoReturn:
        self._is_lost = False
        await self._link.open(self._hear, self._lose)
        try:
            await self._send_for_ever()
        finally:
            await self._link.close()

    def _lose(self) -> None:
        self._is_lost = True
        self._wake.set()

    def _hear(self, data: CEMILData) -> None:
        address = str(data.dst_addr)
        if isinstance(data.payload, GroupValueRead) and address in self._addresses:
            self._asked.append(self._addresses.index(address))
            self._wake.set()

    async def _send_for_ever(self) -> NoReturn:
        """Answer and send until the line is gone. Raises: LinkError."""
        loop = asyncio.get_running_loop()
        due_at = next_look_at = loop.time()
        while not self._is_lost:
            await self._answer()
            now_s = loop.time()
            if now_s >= due_at:  # its own clock goes on, however late it was this time
                due_at += self._period_s * ((now_s - due_at) // self._period_s + 1)
                await self._send_at_interval()
            if self._is_watched and now_s >= next_look_at:
                next_look_at = now_s + LOOK_S
                await self._send_values(only_changed=True)
            await self._wait(
                (min(due_at, next_look_at) if self._is_watched else due_at) - loop.time()
            )
        raise LinkError("the line is gone")

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await self._wake.wait()
        except TimeoutError:
            return
        self._wake.clear()

    async def _answer(self) -> None:
        asked, self._asked = self._asked, []
        for phase in asked:
            if not self.is_silent:
                answer = GroupValueResponse(self.payload(self._house.measured_ma()[phase]))
                await self._send(self._addresses[phase], answer)

    async def _send_at_interval(self) -> None:
        """Send the values, or only that the meter is alive where values come on change."""
        if self.is_silent:
            return
        if not self._is_watched:
            await self._send_values(only_changed=False)
        elif self._operation is not None:
            await self._send(self._operation, GroupValueWrite(ALIVE))

    async def _send_values(self, *, only_changed: bool) -> None:
        for phase, address in enumerate(self._addresses):
            current_ma = self._house.measured_ma()[phase]
            sent_ma = self._sent_ma.get(phase)
            is_news = sent_ma is None or abs(current_ma - sent_ma) >= CHANGE_MA
            if not self.is_silent and (is_news or not only_changed):
                self._sent_ma[phase] = current_ma
                await self._send(address, GroupValueWrite(self.payload(current_ma)))

    def payload(self, current_ma: float) -> Payload:
        """Return a current [mA] as the site's datapoint type tells it, or the power of it."""
        is_power = self._settings.measurement is Measurement.POWER
        value = current_ma / 1000 * NOMINAL_V if is_power else current_ma
        return encode(self._settings.dpt, round(value), UTC)

    async def _send(self, address: str, payload: APCI) -> None:
        await self._link.send(
            CEMILData(
                src_addr=self._link.individual_address,
                dst_addr=GroupAddress(address),
                tpci=TDataGroup(),
                payload=payload,
            )
        )


def knx_meter(
    configuration: Configuration, house: House, *, period_s: float | None = None
) -> KnxMeter | None:
    """Return the smart meter on KNX of a site, as a device beside the gateway; None: it has none."""
    settings = smart_meter_on_knx(configuration.load_management)
    if settings is None:
        return None
    address = next(one for one in ADDRESSES if one != configuration.knx.individual_address)
    attachment = make_link(replace(configuration.knx, individual_address=address))
    if attachment is None:
        return None
    link = attachment.link
    return KnxMeter(house, settings, configuration, link, period_s=period_s)
