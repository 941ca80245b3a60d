"""Faults of connections and answers, as data: where each applies, and what becomes of it.

`tests/links/test_every_fault.py` does them all; the table in `docs/conformance.md` is made of this.
A fault of a unit leaves the other unit of its endpoint alone; one of the connection hits both.
"""

import errno
import socket
from dataclasses import dataclass, field

from tests.links import misdeeds as do
from tests.links.faulty_peer import Behaviour, Door, open_door, right

TCP, RTU_TCP, RTU, ASCII = "tcp", "rtu_over_tcp", "rtu", "ascii"
ALL = (TCP, RTU_TCP, RTU, ASCII)
NETWORK, SERIAL, UNNUMBERED = (TCP, RTU_TCP), (RTU, ASCII), (RTU_TCP, RTU, ASCII)
NONE, COMM, LOST = "", "Comm", "NotReachable"
PERIOD_S, TRANSACTION_S = 1.1, 2.0  # between two readings; of a request without an answer
PATIENCE_S, SHARE_S = 5.0, 30.0  # until a fault has its code; until wrong answers now and then do


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault and what is right."""

    name: str
    code: str  # of GO 95 while it lasts
    on: tuple[str, ...] = ALL
    behave: Behaviour = right
    door: Door = open_door
    hits_unit: bool = True  # else the connection, and with it everybody
    hangs_up: bool = False  # the connection there is ends when it begins
    ends_s: float | None = None  # each connection ends so long after it was made
    within_s: float = PATIENCE_S  # until the code is there
    heals_s: float = 17.0  # from its end until all is good
    gap_s: float = 4.5  # where there is no code: the longest pause between two readings
    passes: bool = False  # the code goes again while the fault lasts
    otherwise: dict[str, str] = field(default_factory=dict)  # codes on other transports

    def code_on(self, transport: str) -> str:
        """Return the code on a transport."""
        return self.otherwise.get(transport, self.code)


def _connection(name: str, code: str, **more: object) -> Fault:
    return Fault(name=name, code=code, hits_unit=False, **{"on": NETWORK, **more})  # type: ignore[arg-type]


def _closed(name: str, door: Door, **more: object) -> Fault:
    return _connection(name, LOST, door=door, hangs_up=True, **more)


_ON_LINES = {RTU_TCP: LOST, RTU: LOST, ASCII: LOST}
_MEANINGS = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "device failure",
    5: "acknowledged, not done",
    6: "busy",
    7: "negative acknowledgement",
    8: "memory parity",
    9: "no meaning",
    10: "gateway path unavailable",
    11: "target behind the gateway silent",
}

FAULTS: tuple[Fault, ...] = (
    # connections
    _closed("refused", do.refused(errno.ECONNREFUSED)),
    _closed("no route to the host", do.refused(errno.EHOSTUNREACH)),
    _closed("network down", do.refused(errno.ENETUNREACH)),
    _closed("name not known", do.name_error(socket.EAI_NONAME)),
    _closed("name server away", do.name_error(socket.EAI_AGAIN)),
    _closed("attempt to connect not answered", do.unanswered),
    _closed("reset at once", do.refused(errno.ECONNRESET)),
    _closed("takes connections and ends them at once", open_door, ends_s=0.0),
    _connection("ends connections 0.5 s after they were made", NONE, hangs_up=True, ends_s=0.5),
    _closed("adapter pulled out", do.refused(errno.ENOENT), on=SERIAL),
    _closed("adapter used by another program", do.refused(errno.EBUSY), on=SERIAL),
    _closed("away for 20 s", do.refused_for(20.0), passes=True),
    _closed("its place is free 8 s after it hung up", do.refused_for(8.0), passes=True),
    _connection("restarts within 2 s", NONE, door=do.refused_for(2.0), hangs_up=True),
    _connection("hangs up once", NONE, on=ALL, hangs_up=True),
    _connection("closes after each answer", NONE, behave=do.closes_at(0.0)),
    _connection("closes after every third answer", NONE, behave=do.every(3, do.closes_at(0.0))),
    _connection("closes instead of an answer", LOST, behave=do.hangs_up),
    _connection("closes instead of every fourth answer", NONE, behave=do.every(4, do.hangs_up)),
    _connection("closes in the middle of each answer", COMM, behave=do.cut),
    _connection("closes every connection after 10 s", NONE, behave=do.closes_at(10.0)),
    _connection(
        "closes every connection after 10 s, its place is free 3 s later",
        NONE,
        behave=do.closes_at(10.0),
        door=do.free_after(3.0),
        gap_s=8.0,
    ),
    _connection(
        "closes every connection after 10 s, ends new ones at once for 3 s",
        NONE,
        behave=do.closes_at(10.0),
        door=do.slams(3.0),
        gap_s=8.0,
    ),
    _connection(
        "ends new connections at once for 8 s",
        LOST,
        door=do.slams_for(8.0),
        hangs_up=True,
        passes=True,
    ),
    Fault(name="closes instead of answers of one unit", code=LOST, on=NETWORK, behave=do.hangs_up),
    _connection(
        "one answer in 30 s lost, its place is free 3 s after a close",
        NONE,
        behave=do.seldom(30.0, do.silent),
        door=do.free_after(3.0),
        gap_s=7.0,
    ),
    _connection("half open: takes connections, never answers", LOST, behave=do.silent),
    _connection(
        "half open: has forgotten the connection", LOST, behave=do.forgets_old, passes=True
    ),
    _connection(
        "falls silent after 20 requests of a connection",
        LOST,
        behave=do.tires(20),
        within_s=30.0,
        passes=True,
    ),
    # silence and lateness
    Fault(name="never answers", code=LOST, behave=do.silent),
    Fault(name="one answer lost", code=NONE, behave=do.first(1, do.silent)),
    Fault(name="two answers lost", code=LOST, behave=do.first(2, do.silent), passes=True),
    Fault(name="every fifth answer lost", code=NONE, behave=do.every(5, do.silent), gap_s=8.0),
    Fault(name="every second answer lost", code=NONE, on=(TCP,), behave=do.every(2, do.silent)),
    Fault(name="answers after 1 s", code=NONE, behave=do.late(1.0)),
    Fault(name="answers after 1.9 s", code=NONE, behave=do.late(1.9), gap_s=6.0),
    Fault(name="answers after 2.6 s", code=LOST, on=(TCP,), behave=do.late(2.6), within_s=8.0),
    Fault(name="answers after 4 s", code=LOST, on=(TCP,), behave=do.late(4.0), within_s=8.0),
    Fault(
        name="answers after 2.6 s, without numbers",
        code=LOST,
        on=UNNUMBERED,
        behave=do.late(2.6),
        within_s=14.0,
    ),
    Fault(
        name="answers after 4 s, without numbers",
        code=LOST,
        on=UNNUMBERED,
        behave=do.late(4.0),
        within_s=14.0,
    ),
    Fault(
        name="every fifth answer after 2.6 s",
        code=NONE,
        behave=do.every(5, do.late(2.6)),
        gap_s=10.0,
    ),
    Fault(
        name="each answer comes with the next request, on every connection",
        code=LOST,
        on=(TCP,),
        behave=do.one_behind,
        within_s=8.0,
    ),
    Fault(
        name="falls one answer behind until the gateway reconnects",
        code=NONE,
        on=NETWORK,
        behave=do.one_behind_once,
        gap_s=8.0,
    ),
    # frames
    Fault(name="answers as another unit", code=COMM, behave=do.as_unit(9), otherwise=_ON_LINES),
    Fault(
        name="every fifth answer as another unit",
        code=COMM,
        on=(TCP,),
        behave=do.every(5, do.as_unit(9)),
        within_s=SHARE_S,
        heals_s=30.0,
    ),
    Fault(
        name="answers with number 1 whatever was asked", code=COMM, on=(TCP,), behave=do.numbered(1)
    ),
    Fault(name="answers with number 0", code=COMM, on=(TCP,), behave=do.numbered(0)),
    Fault(name="answers with a number one too high", code=COMM, on=(TCP,), behave=do.ahead),
    Fault(
        name="answers with the first number for ever",
        code=COMM,
        on=(TCP,),
        behave=do.old_number,
        within_s=6.5,
    ),
    Fault(
        name="another protocol identifier",
        code=COMM,
        on=(TCP,),
        behave=do.changed(do.other_protocol),
    ),
    Fault(
        name="header declares more bytes than come",
        code=COMM,
        on=(TCP,),
        behave=do.changed(do.longer_header),
    ),
    Fault(name="another function", code=COMM, behave=do.content(do.other_function)),
    Fault(name="one register too few", code=COMM, behave=do.content(do.fewer)),
    Fault(name="one register too many", code=COMM, behave=do.content(do.more)),
    Fault(name="byte count too small", code=COMM, behave=do.content(do.declares(-2))),
    Fault(name="byte count too large", code=COMM, behave=do.content(do.declares(2))),
    Fault(name="byte count 0", code=COMM, behave=do.content(lambda said: bytes((said[0], 0)))),
    Fault(name="nothing but a function", code=COMM, behave=do.content(lambda said: said[:1])),
    Fault(name="wrong checksum", code=COMM, on=UNNUMBERED, behave=do.changed(do.spoiled)),
    Fault(
        name="every fifth checksum wrong",
        code=COMM,
        on=UNNUMBERED,
        behave=do.every(5, do.changed(do.spoiled)),
        within_s=SHARE_S,
        heals_s=30.0,
    ),
    Fault(
        name="half of each answer missing",
        code=COMM,
        behave=do.changed(lambda _asked, frame: frame[: len(frame) // 2]),
    ),
    Fault(
        name="garbage instead of answers",
        code=COMM,
        behave=do.changed(lambda _asked, _frame: do.garbage()),
    ),
    Fault(name="garbage without end", code=COMM, behave=do.stream),
    Fault(
        name="garbage before each answer",
        code=COMM,
        behave=do.changed(lambda _asked, frame: do.garbage(5) + frame),
        otherwise={ASCII: NONE},
    ),
    Fault(
        name="garbage behind each answer",
        code=NONE,
        behave=do.changed(lambda _asked, frame: frame + do.garbage(5)),
    ),
    Fault(
        name="echo of the request instead of answers",
        code=COMM,
        behave=do.changed(lambda asked, _frame: asked.request),
    ),
    Fault(
        name="echo of the request before each answer",
        code=COMM,
        behave=do.changed(lambda asked, frame: asked.request + frame),
    ),
    Fault(name="each answer twice", code=NONE, behave=do.changed(lambda _asked, frame: frame * 2)),
    Fault(name="each answer again after 0.2 s", code=NONE, behave=do.again_after(0.2)),
    Fault(
        name="each answer with the one before in front",
        code=NONE,
        on=(TCP,),
        behave=do.with_previous,
    ),
    Fault(name="answers byte by byte", code=NONE, behave=do.in_pieces(1, 0.01)),
    Fault(name="answers in two halves, 0.5 s apart", code=NONE, behave=do.in_pieces(0, 0.5)),
    # exceptions
    *(
        Fault(
            name=f"exception {code}, {meaning}",
            code=LOST if code in (10, 11) else COMM,
            behave=do.exception(code),
            heals_s=35.0,
        )
        for code, meaning in _MEANINGS.items()
    ),
    Fault(
        name="every fifth answer is exception 4",
        code=COMM,
        behave=do.every(5, do.exception(4)),
        within_s=SHARE_S,
        heals_s=30.0,
    ),
    Fault(
        name="every second answer is exception 6",
        code=COMM,
        behave=do.every(2, do.exception(6)),
        within_s=SHARE_S,
        heals_s=30.0,
    ),
    Fault(name="exception 6 once in a minute", code=NONE, behave=do.seldom(60.0, do.exception(6))),
    Fault(name="writes refused", code=COMM, behave=do.writes_only(do.exception(4)), within_s=12.0),
)
