"""What a device or its wire can do wrong with a request, a connection or an attempt to make one."""

import asyncio
import errno
import socket
from collections.abc import Callable

from tests.links.faulty_peer import CLOSE, Asked, Behaviour, Door, FaultyPeer, Said, right

Content = Callable[[bytes], bytes]
Change = Callable[[Asked, bytes], bytes]


def now_s() -> float:
    return asyncio.get_running_loop().time()


def refused(number: int) -> Door:
    """Refuse every connection with an error number."""

    def door(_peer: FaultyPeer) -> None:
        raise OSError(number, "as the fault wants it")

    return door


def name_error(number: int) -> Door:
    def door(_peer: FaultyPeer) -> None:
        raise socket.gaierror(number, "as the fault wants it")

    return door


def unanswered(_peer: FaultyPeer) -> None:
    raise TimeoutError


def refused_for(seconds: float, number: int = errno.ECONNREFUSED) -> Door:
    """Refuse for some time from the beginning of the fault on."""

    def door(peer: FaultyPeer) -> None:
        if now_s() < peer.begun_s + seconds:
            raise OSError(number, "as the fault wants it")

    return door


def free_after(seconds: float) -> Door:
    """Take one client, and the next one only so long after it has gone."""

    def door(peer: FaultyPeer) -> None:
        if peer.open or now_s() < peer.ended_s + seconds:
            raise OSError(errno.ECONNREFUSED, "its only place is taken")

    return door


def slams(seconds: float) -> Door:
    """Take one client; end the connection of the next one at once until so long after it has gone."""
    return lambda peer: bool(peer.open) or now_s() < peer.ended_s + seconds


def slams_for(seconds: float) -> Door:
    """End every connection at once for some time from the beginning of the fault on."""
    return lambda peer: now_s() < peer.begun_s + seconds


def silent(_asked: Asked) -> Said:
    """Say nothing."""
    return []


def every(count: int, behave: Behaviour, at: int = 0) -> Behaviour:
    """Misbehave at every n-th request of a unit only."""
    return lambda asked: behave(asked) if asked.count % count == at else right(asked)


def first(count: int, behave: Behaviour) -> Behaviour:
    return lambda asked: behave(asked) if asked.count <= count else right(asked)


def seldom(seconds: float, behave: Behaviour) -> Behaviour:
    """Misbehave once in so many seconds."""

    def it(asked: Asked) -> Said:
        last_s = float(str(asked.peer.memory.get(f"last {asked.unit}", asked.peer.begun_s)))
        if now_s() < last_s + seconds:
            return right(asked)
        asked.peer.memory[f"last {asked.unit}"] = now_s()
        return behave(asked)

    return it


def late(seconds: float) -> Behaviour:
    return lambda asked: [(seconds, asked.frame())]


def exception(code: int) -> Behaviour:
    return lambda asked: [(0.005, asked.frame(bytes((asked.pdu[0] | 0x80, code))))]


def content(make: "Content") -> Behaviour:
    """Say another content in a good frame; writes are answered as they should be."""
    return lambda asked: [(0.005, asked.frame(make(asked.right)))] if reads(asked) else right(asked)


def reads(asked: Asked) -> bool:
    return asked.pdu[0] in (3, 4)


def changed(change: "Change") -> Behaviour:
    return lambda asked: [(0.005, change(asked, asked.frame()))]


def in_pieces(size: int, pause_s: float) -> Behaviour:
    def it(asked: Asked) -> Said:
        frame = asked.frame()
        cuts = range(0, len(frame), size or -(-len(frame) // 2))
        step = size or -(-len(frame) // 2)
        return [(0.005 + n * pause_s, frame[at : at + step]) for n, at in enumerate(cuts)]

    return it


def one_behind(asked: Asked) -> Said:
    """Hold the first answer of a connection back; each request gets the one before."""
    held, asked.connection.held = asked.connection.held, asked.frame()
    return [(0.005, held)] if held else []


def closing(*said: tuple[float, bytes | None]) -> Said:
    return [*said, (0.01, CLOSE)]


def cut(asked: Asked) -> Said:
    frame = asked.frame()
    return [(0.005, frame[: len(frame) // 2]), (0.01, CLOSE)]


def garbage(count: int = 40) -> bytes:
    return bytes(0x80 + (n * n + 7 * n) % 0x7F for n in range(count))


def stream(asked: Asked) -> Said:
    return [(0.05 * n, garbage(7)) for n in range(40)]


def old_number(asked: Asked) -> Said:
    first = asked.peer.memory.setdefault("number", asked.number)
    return [(0.005, asked.frame(number=int(str(first))))]


def with_previous(asked: Asked) -> Said:
    previous = bytes(asked.connection.held)
    asked.connection.held = asked.frame()
    return [(0.005, previous + asked.frame())]


def forgets_old(asked: Asked) -> Said:
    """Not answer on the connection there was when it began: the device has forgotten it."""
    return right(asked) if asked.connection.begun_s >= asked.peer.begun_s else []


def tires(requests: int) -> Behaviour:
    """Answer so many requests of a connection, then no more."""
    return lambda asked: right(asked) if asked.place <= requests else []


def closes_at(seconds: float) -> Behaviour:
    def it(asked: Asked) -> Said:
        old = now_s() >= asked.connection.begun_s + seconds
        return closing((0.005, asked.frame())) if old else right(asked)

    return it


def longer_header(asked: Asked, frame: bytes) -> bytes:
    """Declare a longer frame than comes."""
    return frame[:5] + bytes((frame[5] + 4,)) + frame[6:]


def spoiled(asked: Asked, frame: bytes) -> bytes:
    """Let the checksum be wrong."""
    if asked.peer.transport == "ascii":
        at = len(frame) - 4
        return frame[:at] + (b"0" if frame[at : at + 1] != b"0" else b"1") + frame[at + 1 :]
    return frame[:-1] + bytes((frame[-1] ^ 0x55,))


def declares(more: int) -> "Content":
    return lambda content: bytes((content[0], max(0, content[1] + more))) + content[2:]


def hangs_up(_asked: Asked) -> Said:
    """End the connection instead of answering."""
    return [(0.005, CLOSE)]


def as_unit(unit: int) -> Behaviour:
    """Answer as another unit."""
    return lambda asked: [(0.005, asked.frame(unit=unit))]


def numbered(number: int) -> Behaviour:
    """Answer with one number, whatever was asked."""
    return lambda asked: [(0.005, asked.frame(number=number))]


def ahead(asked: Asked) -> Said:
    """Answer with a number that was not asked yet."""
    return [(0.005, asked.frame(number=asked.number + 1))]


def again_after(seconds: float) -> Behaviour:
    """Say each answer again."""
    return lambda asked: [(0.005, asked.frame()), (seconds, asked.frame())]


def writes_only(behave: Behaviour) -> Behaviour:
    """Misbehave when something is written."""
    return lambda asked: right(asked) if reads(asked) else behave(asked)


def other_protocol(_asked: Asked, frame: bytes) -> bytes:
    """Name a protocol that is not Modbus."""
    return frame[:3] + b"\x07" + frame[4:]


def other_function(content: bytes) -> bytes:
    """Answer to another function: 3 and 4 change places."""
    return bytes((content[0] ^ 7,)) + content[1:]


def fewer(content: bytes) -> bytes:
    """Leave the last register out, and say so."""
    return bytes((content[0], content[1] - 2)) + content[2:-2]


def more(content: bytes) -> bytes:
    """Add a register, and say so."""
    return bytes((content[0], content[1] + 2)) + content[2:] + bytes(2)


def one_behind_once(asked: Asked) -> Said:
    """Fall one answer behind on the connection there was when it began."""
    old = asked.connection.begun_s < asked.peer.begun_s
    return one_behind(asked) if old else right(asked)
