"""A device on a line in memory, and a tool that speaks to it with KNX Data Secure, frame by frame in virtual time."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from xknx.cemi import CEMIFlags, CEMILData, CEMIPriority
from xknx.telegram.address import GroupAddress, IndividualAddress
from xknx.telegram.tpci import TPCI, TAck, TConnect, TDataBroadcast, TDataConnected, TDisconnect

from knxgw.catalogue.load import catalogue
from knxgw.device.identity import Identity, serial_number_of
from knxgw.device.kept_state import restore
from knxgw.device.knx_device import BROADCAST, KnxDevice
from knxgw.device.memory import ARENAS
from knxgw.device.model import DeviceModel, Outside
from knxgw.knx.raw_service import RawService, apdu_of
from knxgw.knx.secure_apdu import (
    DATA_BY_TOOL,
    SECURE,
    Envelope,
    SyncRequest,
    open_data,
    open_sync_response,
    parse,
    seal,
    seal_sync_request,
)
from knxgw.links.knx_data_secure import DataSecureStage
from knxgw.links.knx_management import KnxManagement
from knxgw.links.knx_port import BusAttachment, KnxPort
from knxgw.links.knx_secure_groups import GroupKeys
from tests.support.knx_line import MemoryLine
from tests.support.knx_ports import running_port
from tests.support.knxip_server import Ear, MemoryStore, numbers_of

FDSK = bytes(range(16))
SERIAL = serial_number_of(bytes.fromhex("01020304"))
START = 0x0040102EA9CE  # as a tool counts: ms since 2018
ANSWERED_S = 0.2
PROJECT_KEY = bytes(range(0xF0, 0x100))
DEVICE = IndividualAddress("1.1.5")  # that `taken` gives
MODE_ON, MODE_OFF = "01d40011001033000001", "01d40011001033000000"
MODE = "01d500110010330000"
WRITE_TOOL_KEY = f"01ce0011001038010001{PROJECT_KEY.hex()}"
GROUP_KEY = bytes(range(0x60, 0x70))


@dataclass
class SecuredDevice:
    """A device that is served on a port."""

    line: MemoryLine
    management: KnxManagement
    port: KnxPort
    ear: Ear  # hears group telegrams, opened

    @property
    def model(self) -> DeviceModel:
        return self.management.device.model

    @property
    def stage(self) -> DataSecureStage:
        return self.port.data_secure


@dataclass
class Kept:
    """What survives a power cut."""

    state: bytes = b""
    memory: dict[int, bytes] = field(default_factory=dict)
    numbers: MemoryStore = field(default_factory=lambda: MemoryStore({"own to tools": 2}))
    is_programming: bool = False

    async def store(self, state: bytes, memory: Mapping[int, bytes]) -> None:
        self.state = state
        self.memory.update(memory)


@asynccontextmanager
async def secured_device(
    kept: Kept | None = None,
    *,
    fdsk: bytes = FDSK,
    nonces: list[bytes] | None = None,
    keyring: GroupKeys | None = None,
) -> AsyncGenerator[SecuredDevice, None]:
    """Run a device from what it has kept; `nonces`: its chance."""
    kept = kept or Kept()
    model = DeviceModel(
        catalogue().interface_objects,
        Identity(serial_number=SERIAL, fdsk=fdsk),
        Outside(is_programming=lambda: kept.is_programming),
    )
    restore(model, kept.state, lambda index: kept.memory.get(index, b""))
    loop = asyncio.get_running_loop()
    device = KnxDevice(model, chance=lambda: 0.0, switched_on_at=loop.time())
    management = KnxManagement(device, kept.store, lambda _stage: None)
    model.outside.sending_number = lambda: management.sending_number
    line = MemoryLine()
    link = line.join("15.15.255")
    link.is_programmable = True
    given = iter(nonces or [])
    stage = DataSecureStage(
        keyring or GroupKeys(keys={}, senders={}),
        chance=(lambda count: next(given)) if nonces else lambda count: b"\x5a" * count,
    )
    attachment = BusAttachment(link=link, data_secure=stage)
    attachment.keep_numbers(numbers_of(kept.numbers, clock=None))
    async with running_port(attachment) as (port, ear), asyncio.TaskGroup() as group:
        management.join(port)
        serving = group.create_task(management.run())
        yield SecuredDevice(line, management, port, ear)
        serving.cancel()


class SecureTool:
    """A tool at its own place of the line."""

    def __init__(self, line: MemoryLine, key: bytes = FDSK, address: str = "1.1.1") -> None:
        self.key = key
        self.number = START  # of its next secured telegram
        self.device = IndividualAddress("15.15.255")
        self._link = line.join(address)
        self._sequence = 0  # of its connection
        self.heard: list[CEMILData] = []

    @classmethod
    async def on(cls, line: MemoryLine, key: bytes = FDSK, address: str = "1.1.1") -> "SecureTool":
        """Put a tool on a line."""
        tool = cls(line, key, address)
        await tool._link.open(tool.heard.append, lambda: None)
        return tool

    async def send(self, data: CEMILData) -> list[CEMILData]:
        """Send a frame; return what is heard on it."""
        self.heard.clear()
        await self._link.send(data)
        await asyncio.sleep(ANSWERED_S)
        return list(self.heard)

    def frame(
        self, tpci: TPCI, apdu: bytes = b"", destination: GroupAddress | None = None
    ) -> CEMILData:
        return CEMILData(
            flags=CEMIFlags(priority=CEMIPriority.SYSTEM),
            src_addr=self._link.individual_address,
            dst_addr=self.device if destination is None else destination,
            tpci=tpci,
            payload=RawService(apdu) if apdu else None,
        )

    def sealed(self, data: CEMILData, number: int | None = None) -> CEMILData:
        """Return a frame secured with the next number, or a given one."""
        if number is None:
            number, self.number = self.number, self.number + 1
        apdu = seal(self.key, Envelope.of(data), number, apdu_of(data), DATA_BY_TOOL)
        data.payload = RawService(apdu)
        return data

    def opened(self, data: CEMILData) -> bytes:
        """Return what a secured frame of the device says. Raises: SecureError."""
        return open_data(self.key, Envelope.of(data), parse(apdu_of(data)))

    # --- to all

    async def broadcast(self, apdu: str, *, is_secured: bool = True) -> list[str]:
        """Ask all devices; return the answers."""
        data = self.frame(TDataBroadcast(), bytes.fromhex(apdu), BROADCAST)
        heard = await self.send(self.sealed(data) if is_secured else data)
        return [self._read(one, is_secured=is_secured) for one in heard]

    async def synchronise(self, *, is_broadcast: bool = False) -> tuple[int, int] | None:
        """Ask where the numbers are; return the device's next one and the one it takes next, None: no answer."""
        challenge = bytes.fromhex("010203040506")
        asked = SyncRequest(self.number, SERIAL if is_broadcast else bytes(6), challenge)
        data = (
            self.frame(TDataBroadcast(), b"?", BROADCAST)
            if is_broadcast
            else self.frame(self._next(), b"?")
        )
        data.payload = RawService(seal_sync_request(self.key, Envelope.of(data), asked))
        answers = [one for one in await self.send(data) if one.payload is not None]
        if not answers:
            return None
        (answer,) = answers
        if not is_broadcast:
            await self._acknowledge(answer)
        found = open_sync_response(self.key, Envelope.of(answer), parse(apdu_of(answer)), challenge)
        self.number = max(self.number, found[1])
        return found

    # --- in a connection

    async def connect(self) -> "SecureTool":
        """Open a connection."""
        await self.send(self.frame(TDisconnect()))
        await self.send(self.frame(TConnect()))
        self._sequence = 0
        return self

    async def ask(self, apdu: str, *, is_secured: bool = True) -> str | None:
        """Ask for something; return the answer, None: it was acknowledged only."""
        data = self.frame(self._next(), bytes.fromhex(apdu))
        return await self.answered(self.sealed(data) if is_secured else data, is_secured=is_secured)

    async def answered(self, data: CEMILData, *, is_secured: bool) -> str | None:
        """Send a numbered frame; return the answer, None: it was acknowledged only."""
        heard = await self.send(data)
        assert [one.tpci for one in heard[:1]] == [TAck(data.tpci.sequence_number)]
        if len(heard) == 1:
            return None
        (answer,) = heard[1:]
        await self._acknowledge(answer)
        return self._read(answer, is_secured=is_secured)

    def _next(self) -> TDataConnected:
        number, self._sequence = self._sequence, (self._sequence + 1) % 16
        return TDataConnected(number)

    async def _acknowledge(self, answer: CEMILData) -> None:
        assert isinstance(answer.tpci, TDataConnected)
        await self.send(self.frame(TAck(answer.tpci.sequence_number)))

    def _read(self, data: CEMILData, *, is_secured: bool) -> str:
        apdu = apdu_of(data)
        assert (apdu[:2] == SECURE) is is_secured, "an answer is secured as the question was"
        return (self.opened(data) if is_secured else apdu).hex()


async def load_groups(tool: SecureTool, rows: str = "") -> None:
    """Load what one secured group object needs, number 1 on 1/2/3 with `GROUP_KEY`, for senders 1.1.7.

    `rows`: further rows of keys. All but the restart.
    """
    tables = {
        1: "0002" + "0a03" + "0a04",
        2: "0002" + "00010001" + "00020002",
        3: "0002" + "df07" + "df07",
        4: "00" * 8,
    }
    for index in tables:
        assert await tool.ask(f"03d7{index:02x}051001" + "04".ljust(20, "0")) is not None
    assert await tool.ask("01d4001100100504" + "00" * 9) == "01d600110010050000"
    for index, content in tables.items():
        octets = len(content) // 2
        for value in ("01", f"030b{octets:08x}0100"):
            assert await tool.ask(f"03d7{index:02x}051001" + value.ljust(20, "0")) is not None
        where = ARENAS[index].address
        assert await tool.ask(f"01fb{octets:02x}{where:06x}{content}") == f"01fc00{where:06x}"
    await tool.ask("01d4001100100501" + "00" * 9)
    await tool.ask("01ce0011001036010001" + "1107" + "000000000001")
    row = f"0001{GROUP_KEY.hex()}" + rows
    await tool.ask(f"01ce0011001035{len(row) // 36:02x}0001{row}")
    await tool.ask("01ce001100103d0200010300")
    assert await tool.ask("01d4001100100502" + "00" * 9) == "01d600110010050001"
    for index in tables:
        assert await tool.ask(f"03d7{index:02x}051001" + "02".ljust(20, "0")) is not None


async def taken(line: MemoryLine) -> SecureTool:
    """Return a tool that has given a new device address, security mode and the key of its project."""
    tool = await SecureTool.on(line)
    assert await tool.synchronise(is_broadcast=True) is not None
    assert await tool.broadcast(f"03de{SERIAL.hex()}110500000000") == []
    tool.device = DEVICE
    await tool.connect()
    assert await tool.synchronise() is not None
    assert await tool.ask(MODE_ON) == "01d600110010330000"
    data = tool.frame(tool._next(), bytes.fromhex(WRITE_TOOL_KEY))
    sealed = tool.sealed(data)
    tool.key = PROJECT_KEY  # the answer has the new key already
    assert await tool.answered(sealed, is_secured=True) == "01cf001100103801000100"
    return tool
