"""A whole site in virtual time: gateway, simulated chargers on null modems, a KNX line in memory.

The KNX peer notes every telegram of the gateway; at the end of the `World` a telegram that no test
accounted for fails it.
"""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import TracebackType

from pymodbus.transport import NULLMODEM_HOST
from xknx.cemi import CEMILData
from xknx.dpt import DPTArray, DPTBase, DPTBinary
from xknx.telegram.address import GroupAddress
from xknx.telegram.apci import APCI, GroupValueRead, GroupValueResponse, GroupValueWrite
from xknx.telegram.tpci import TDataGroup

from knxgw.catalogue.load import catalogue
from knxgw.catalogue.product import Catalogue
from knxgw.charging.scope import PointNumber
from knxgw.config.load import parse_configuration
from knxgw.config.model import Configuration
from knxgw.device.front_panel import ButtonContact
from knxgw.gateway import Gateway
from knxgw.gateway import World as Outside
from knxgw.links.knx_data_secure import DataSecureStage
from knxgw.links.knx_port import BusAttachment
from knxgw.monitoring.log_ring import LogRecorder
from knxgw.service import Service
from knxgw.sim.charger import SimulatedCharger
from knxgw.sim.site import SimulatedSite
from knxgw.store.database import Database
from tests.support.knx_line import MemoryLine
from tests.support.virtual_time import InlineExecutor, VirtualWallClock

Payload = DPTArray | DPTBinary
PEER = "1.1.9"


@dataclass(frozen=True, slots=True)
class Heard:
    """One telegram of the gateway."""

    at_s: float
    address: str
    apci: APCI

    @property
    def payload(self) -> Payload | None:
        return (
            self.apci.value if isinstance(self.apci, GroupValueWrite | GroupValueResponse) else None
        )

    @property
    def is_write(self) -> bool:
        return isinstance(self.apci, GroupValueWrite)


def on_null_modem(configuration: Configuration) -> Configuration:
    """Return the configuration with every TCP host replaced by pymodbus' null modem."""
    points = []
    for point in configuration.points:
        meter = point.meter
        if meter is not None:
            meter = replace(meter, connection=replace(meter.connection, host=NULLMODEM_HOST))
        connection = point.connection
        if connection.host is not None:
            connection = replace(connection, host=NULLMODEM_HOST)
        points.append(replace(point, connection=connection, meter=meter))
    load_management = configuration.load_management
    smart_meter = load_management.smart_meter
    if smart_meter is not None and smart_meter.meter is not None:
        meter = smart_meter.meter
        meter = replace(meter, connection=replace(meter.connection, host=NULLMODEM_HOST))
        load_management = replace(load_management, smart_meter=replace(smart_meter, meter=meter))
    return replace(configuration, points=tuple(points), load_management=load_management)


def configure(text: str, models: Catalogue | None = None) -> Configuration:
    """Return the configuration of a YAML text that must be good."""
    loaded = parse_configuration(text, models or catalogue(), name="site.yaml")
    assert loaded.configuration is not None, [str(f) for f in loaded.findings]
    return loaded.configuration


class World:
    """Use as `async with World(text, tmp_path) as world`."""

    def __init__(
        self,
        text: str,
        state: Path,
        *,
        run_gateway: bool = True,
        models: Catalogue | None = None,
        log: LogRecorder | None = None,
        contact: ButtonContact | None = None,
        update_failed: bool = False,
    ) -> None:
        self.models = models or catalogue()
        self.configuration = on_null_modem(configure(text, self.models))
        self.line = MemoryLine()
        self.heard: list[Heard] = []
        self.strict = True
        self.answers: dict[str, Payload] = {}  # what the peer answers to reads of the gateway
        self._state, self._contact = state, contact
        self._update_failed = update_failed
        self._log = log or LogRecorder()  # one that hears nothing
        self._unexpected_from = 0
        self._run_gateway = run_gateway
        self._stack = AsyncExitStack()
        self._peer = self.line.join(PEER)

    async def __aenter__(self) -> "World":
        loop = asyncio.get_running_loop()
        self.clock = VirtualWallClock(loop)
        self.site = SimulatedSite(self.configuration, loop.time)
        await self.site.start()
        await self._peer.open(self._hear, lambda: None)
        self._group = await self._stack.enter_async_context(asyncio.TaskGroup())
        self._physics = self._group.create_task(self.site.run_physics())
        if self._run_gateway:
            self.start_gateway()
            await self.until(lambda: self.gateway.is_ready, 60.0)
            await self.sleep(3.0)  # the first telegrams are paced
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if hasattr(self, "_task"):
            await self.stop_gateway()
        self._physics.cancel()
        await self.site.stop()
        await self._stack.__aexit__(kind, error, trace)
        if error is None and self.strict:
            rest = self.heard[self._unexpected_from :]
            assert not rest, f"telegrams nobody expected: {rest}"

    def start_gateway(self) -> None:
        """Start the gateway's process, as it were."""
        self.database = Database(self._state)
        outside = Outside(
            link=BusAttachment(link=self.line.join("1.1.20")),
            database=self.database,
            wall_clock=self.clock,
            executor=InlineExecutor(),
            log=self._log,
            contact=self._contact,
            update_failed=self._update_failed,
        )
        self.gateway = Gateway(self.configuration, self.models, outside)
        self.service = Service(self.gateway, self._group)
        self._task = self._group.create_task(self.gateway.run())

    async def change(self, text: str | None) -> None:
        """Let the running gateway go on with another configuration, None: with none."""
        given = None if text is None else on_null_modem(configure(text, self.models))
        await self.gateway.change(given)

    async def change_link(self, data_secure: DataSecureStage) -> None:
        """Let the running gateway go on over another link of the line, with Data Secure."""
        attachment = BusAttachment(link=self.line.join("1.1.20"), data_secure=data_secure)
        await self.gateway.change(self.gateway.configuration, attachment)
        await self.until(lambda: self.gateway.knx_is_up, 1.0)

    async def stop_gateway(self) -> None:
        """End the gateway in order."""
        self._task.cancel()
        await asyncio.wait([self._task])
        self.database.close()

    def charger(self, number: int = 1) -> SimulatedCharger:
        """Return a simulated charger."""
        return self.site.chargers[PointNumber(number)]

    async def sleep(self, seconds: float) -> None:
        """Let virtual time pass."""
        await asyncio.sleep(seconds)

    async def until(self, condition: Callable[[], bool], seconds: float = 30.0) -> float:
        """Let time pass until the condition holds; return how long it took [s]."""
        loop = asyncio.get_running_loop()
        start_s = loop.time()
        while not condition():
            assert loop.time() < start_s + seconds, f"not within {seconds} s"
            await asyncio.sleep(0.1)
        return loop.time() - start_s

    # --- the KNX peer

    def _hear(self, data: CEMILData) -> None:
        if isinstance(data.dst_addr, GroupAddress) and data.payload is not None:
            at_s = asyncio.get_running_loop().time()
            address = str(data.dst_addr)
            if isinstance(data.payload, GroupValueRead) and address in self.answers:
                answer = GroupValueResponse(self.answers[address])
                self._group.create_task(self.send(address, answer))
            self.heard.append(Heard(at_s, address, data.payload))

    async def say(self, data: CEMILData) -> None:
        """Send any frame to the gateway, and let it be taken."""
        await self._peer.send(data)
        await asyncio.sleep(0.0)

    async def send(self, address: str, apci: APCI) -> None:
        """Send any telegram to the gateway."""
        data = CEMILData(
            src_addr=self._peer.individual_address,
            dst_addr=GroupAddress(address),
            tpci=TDataGroup(),
            payload=apci,
        )
        await self._peer.send(data)

    async def write(self, address: str, value: object, dpt: str = "1.001") -> None:
        """Write a group address, with a value of a datapoint type."""
        await self.send(address, GroupValueWrite(to_payload(dpt, value)))

    async def read(self, address: str, seconds: float = 0.3) -> Payload | None:
        """Read a group address; None when nobody answers."""
        before = len(self.heard)
        await self.send(address, GroupValueRead())
        await asyncio.sleep(seconds)
        answers = [
            heard
            for heard in self.heard[before:]
            if heard.address == address and isinstance(heard.apci, GroupValueResponse)
        ]
        assert len(answers) <= 1, answers
        for answer in answers:
            self.heard.remove(answer)
        return answers[0].payload if answers else None

    def skip(self) -> None:
        """Account for everything heard until now."""
        self._unexpected_from = len(self.heard)

    def since(self) -> list[Heard]:
        """Return what was heard since `skip`, and account for it."""
        heard = self.heard[self._unexpected_from :]
        self.skip()
        return heard

    def last(self, address: str) -> Payload | None:
        """Return the payload last written by the gateway to an address."""
        values = [h.payload for h in self.heard if h.address == address and h.is_write]
        return values[-1] if values else None


@cache
def transcoder(dpt: str) -> type[DPTBase]:
    """Return xknx's codec of a datapoint type; it looks through all of them."""
    found = DPTBase.parse_transcoder(dpt)
    assert found is not None
    return found


def to_payload(dpt: str, value: object) -> Payload:
    """Return the payload of a value, by xknx's own codec."""
    if dpt.startswith("1."):
        return DPTBinary(int(bool(value)))
    return transcoder(dpt).to_knx(value)


def from_payload(dpt: str, payload: Payload | None) -> object:
    """Return the value of a payload, by xknx's own codec."""
    assert payload is not None, "no telegram"
    if dpt.startswith("1."):
        assert isinstance(payload, DPTBinary)
        return bool(payload.value)
    return transcoder(dpt).from_knx(payload)
