"""A simulated smart meter on KNX: a device on the gateway's line that tells what the building draws.

It sends in the datapoint type, on the phases and at the interval that the site's file says, answers
reads of its values, and can fall silent.
"""

import asyncio
from collections.abc import Mapping
from datetime import UTC
from typing import NoReturn

from xknx.cemi import CEMILData
from xknx.dpt import DPTBinary
from xknx.telegram.address import GroupAddress
from xknx.telegram.apci import APCI, GroupValueRead, GroupValueResponse, GroupValueWrite
from xknx.telegram.tpci import TDataGroup

from knxgw.charging.words import NOMINAL_V
from knxgw.config.model import Measurement, Monitoring, SmartMeterSettings
from knxgw.errors import LinkError
from knxgw.links.keep_alive import keep_alive
from knxgw.links.knx import KnxLink
from knxgw.objects.codec import Payload, encode
from knxgw.sim.house import House

VALUE_OBJECTS = (10, 11, 12)  # L1, L2, L3
OPERATION_OBJECT = 20
ALIVE = DPTBinary(1)  # of DPT 1.017, whose value means nothing
CHANGE_MA = 500  # a meter that sends on change does so from here on
LOOK_S = 1.0  # how often it looks for a change


class KnxMeter:
    """The device; `run` carries it for as long as it is wanted."""

    def __init__(
        self,
        house: House,
        settings: SmartMeterSettings,
        group_objects: Mapping[int, tuple[str, ...]],
        link: KnxLink,
        *,
        period_s: float | None = None,
    ) -> None:
        self.is_silent = False
        self._house = house
        self._settings = settings
        self._link = link
        self._period_s = settings.interval_s if period_s is None else period_s
        numbers = VALUE_OBJECTS[: settings.phases]
        self._addresses = [group_objects[one][0] for one in numbers if one in group_objects]
        self._operation = next(iter(group_objects.get(OPERATION_OBJECT, ())), None)
        self._asked: asyncio.Queue[int] = asyncio.Queue()  # phases that somebody reads
        self._told_ma: dict[int, float] = {}
        self._lost = asyncio.Event()

    def __str__(self) -> str:
        return f"smart meter on KNX, sends on {', '.join(self._addresses)}"

    async def run(self) -> NoReturn:
        """Send and answer; a lost line is joined again."""
        await keep_alive("smart meter", self._session, last_delay_s=5.0)

    async def _session(self) -> NoReturn:
        self._lost.clear()
        try:
            await self._link.open(self._hear, self._lost.set)
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._watch())
                    group.create_task(self._answer())
                    await self._send_for_ever()
            except* LinkError as err:
                raise LinkError(str(err.exceptions[0])) from err
        finally:
            await self._link.close()
        raise AssertionError  # the sender has no end

    async def _watch(self) -> NoReturn:
        await self._lost.wait()
        raise LinkError("the line is gone")

    def _hear(self, data: CEMILData) -> None:
        address = str(data.dst_addr)
        if isinstance(data.payload, GroupValueRead) and address in self._addresses:
            self._asked.put_nowait(self._addresses.index(address))

    async def _answer(self) -> NoReturn:
        while True:
            phase = await self._asked.get()
            if not self.is_silent:
                current_ma = self._house.phases_ma()[phase]
                answer = GroupValueResponse(self.payload(current_ma))
                await self._send(self._addresses[phase], answer)

    async def _send_for_ever(self) -> NoReturn:
        watched = self._settings.monitoring is Monitoring.VALUES_AND_IN_OPERATION
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while True:
            is_due = loop.time() >= due_s
            if is_due:
                due_s = loop.time() + self._period_s
            if not self.is_silent:
                if watched and is_due and self._operation is not None:
                    await self._send(self._operation, GroupValueWrite(ALIVE))
                await self._send_values(only_changed=watched)
            await asyncio.sleep(LOOK_S if watched else due_s - loop.time())

    async def _send_values(self, *, only_changed: bool) -> None:
        for phase, address in enumerate(self._addresses):
            current_ma = self._house.phases_ma()[phase]
            told_ma = self._told_ma.get(phase)
            if only_changed and told_ma is not None and abs(current_ma - told_ma) < CHANGE_MA:
                continue
            self._told_ma[phase] = current_ma
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
