"""A tool on the line in memory that programs a device: one request after the other, in virtual time."""

import asyncio
from collections.abc import Iterable, Mapping

from xknx.cemi import CEMIFlags, CEMILData, CEMIPriority
from xknx.telegram.address import IndividualAddress
from xknx.telegram.tpci import TPCI, TAck, TConnect, TDataConnected, TDisconnect

from knxgw.device.memory import ARENAS
from knxgw.device.tables import size_code
from knxgw.knx.raw_service import RawService, apdu_of
from tests.support.knx_line import MemoryLine

DEVICE = IndividualAddress("1.1.20")
PART = 60  # octets of memory in one frame
WAIT_S = 3.0


class LineTool:
    """A tool with a connection to the device."""

    def __init__(self, line: MemoryLine) -> None:
        self._link = line.join("1.1.1")
        self._answers: asyncio.Queue[CEMILData] = asyncio.Queue()
        self._number = 0

    async def connect(self) -> None:
        """Join the line, and open a connection."""
        await self._link.open(self._hear, lambda: None)
        await self._say(TConnect())
        self._number = 0

    def _hear(self, data: CEMILData) -> None:
        if data.dst_addr == self._link.individual_address:
            self._answers.put_nowait(data)

    async def _say(self, tpci: TPCI, apdu: bytes = b"") -> None:
        await self._link.send(
            CEMILData(
                flags=CEMIFlags(priority=CEMIPriority.SYSTEM),
                src_addr=self._link.individual_address,
                dst_addr=DEVICE,
                tpci=tpci,
                payload=RawService(apdu) if apdu else None,
            )
        )

    async def ask(self, apdu: str, *, has_answer: bool = True) -> str:
        """Ask for something; return the answer, "" without one."""
        await self._say(TDataConnected(self._number), bytes.fromhex(apdu))
        async with asyncio.timeout(WAIT_S):
            acknowledgement = await self._answers.get()
            assert acknowledgement.tpci == TAck(self._number), acknowledgement
            self._number = (self._number + 1) % 16
            if not has_answer:
                return ""
            answer = await self._answers.get()
        assert isinstance(answer.tpci, TDataConnected)
        await self._say(TAck(answer.tpci.sequence_number))
        return apdu_of(answer).hex()

    async def control(self, index: int, value: str) -> str:
        """Write the load control of an object; return its state."""
        return (await self.ask(f"03d7{index:02x}051001{value.ljust(20, '0')}"))[-2:]

    async def unload(self) -> None:
        """Unload all objects."""
        for index in (4, 3, 2, 1):
            assert await self.control(index, "04") == "00"

    async def write(self, contents: Mapping[int, bytes]) -> None:
        """Load objects, but for the word that they are loaded."""
        for index, content in contents.items():
            await self.control(index, "01")
            assert await self.control(index, f"030b{len(content):08x}0100") == "02"
            begin = ARENAS[index].address
            for at in range(0, len(content), PART):
                part = content[at : at + PART]
                apdu = f"{0x280 + len(part):04x}{begin + at:04x}{part.hex()}"
                await self.ask(apdu, has_answer=False)

    async def complete(self, indexes: Iterable[int]) -> None:
        """Say that objects are loaded."""
        for index in indexes:
            assert await self.control(index, "02") == "01"

    async def restart(self) -> None:
        """Have the device restart, and go."""
        await self.ask("0380", has_answer=False)
        await self.leave()

    async def leave(self) -> None:
        """Close the connection, and leave the line."""
        await self._say(TDisconnect())
        await self._link.close()

    async def download(self, contents: Mapping[int, bytes]) -> None:
        """Program the device as a whole."""
        await self.connect()
        await self.unload()
        await self.write(contents)
        await self.complete(contents)
        await self.restart()


def tables(linked: Mapping[int, tuple[str, int, int]]) -> dict[int, bytes]:
    """Return the three tables of group objects: number -> group addresses, flags (high octet), bits.

    Several addresses of an object stand in one text, the one that it sends to first.
    """
    addresses = sorted({_raw(one) for said, _, _ in linked.values() for one in said.split()})
    rows = [
        (addresses.index(_raw(one)) + 1, number)
        for number, (said, _, _) in sorted(linked.items())
        for one in said.split()
    ]
    objects = bytearray(2 * max(linked, default=0))
    for number, (_, flags, bits) in linked.items():
        objects[2 * number - 2 : 2 * number] = bytes([flags, size_code(bits)])
    return {
        3: max(linked, default=0).to_bytes(2, "big") + bytes(objects),
        1: len(addresses).to_bytes(2, "big")
        + b"".join(one.to_bytes(2, "big") for one in addresses),
        2: len(rows).to_bytes(2, "big")
        + b"".join(tsap.to_bytes(2, "big") + asap.to_bytes(2, "big") for tsap, asap in rows),
    }


def _raw(address: str) -> int:
    main, middle, sub = map(int, address.split("/"))
    return main << 11 | middle << 8 | sub
