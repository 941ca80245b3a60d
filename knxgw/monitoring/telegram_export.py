"""Telegrams as files: CSV, and the XML that ETS opens in its group monitor; pure.

Source: [ets-telegrams] the file's elements as ETS 6 writes them; [knx-standard] 3/6/3 cEMI, 3/3/7 APCI.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, tzinfo
from xml.sax.saxutils import quoteattr

from knxgw.catalogue.flags import Priority
from knxgw.monitoring.csv_table import Cell, Word, csv_lines, plain_text
from knxgw.monitoring.telegrams import Payload, Service, TelegramLine

HEADINGS = (
    "Time", "Direction", "Source", "Address", "Name", "Service", "DPT", "Value", "Raw", "Priority",
    "Security",
)  # fmt: skip
NAMESPACE = "http://knx.org/xml/telegrams/01"
_INDICATION, _CONFIRMATION, _REQUEST = 0x29, 0x2E, 0x11  # cEMI message codes
_SERVICES = {_INDICATION: "L_Data.ind", _CONFIRMATION: "L_Data.con", _REQUEST: "L_Data.req"}
_STANDARD_FRAME, _NO_REPEAT, _BROADCAST = 0x80, 0x20, 0x10  # control field 1
_PRIORITIES = {Priority.SYSTEM: 0, Priority.NORMAL: 1, Priority.URGENT: 2, Priority.LOW: 3}
_GROUP_HOPS_6 = 0xE0  # control field 2: group address, hop count 6
_APCI = {Service.READ: 0x000, Service.RESPONSE: 0x040, Service.WRITE: 0x080}


def telegrams_csv(
    lines: Iterable[TelegramLine], language: str, zone: tzinfo, word: Word = str
) -> Iterator[str]:
    """Yield the lines of a CSV file; `word` puts headings and codes into its language."""
    headings = [word(one) for one in HEADINGS]
    return csv_lines(headings, (_row(line, word) for line in lines), language, zone)


def _row(line: TelegramLine, word: Word) -> Sequence[Cell]:
    telegram = line.telegram
    return (
        telegram.at,
        word("out" if telegram.is_sent else "in"),
        line.source,
        line.address,
        line.meaning.name,
        word(telegram.service.value),
        line.meaning.dpt,
        line.value,
        line.raw,
        telegram.priority.value,
        _security(line, word),
    )


def _security(line: TelegramLine, word: Word) -> str:
    """Return what Data Secure made of a telegram; empty: it has nothing to do with it."""
    if line.telegram.is_refused:
        return word("refused")
    return word("secure") if line.telegram.is_secure else ""


def telegrams_xml(lines: Sequence[TelegramLine], now: datetime, name: str) -> Iterator[str]:
    """Yield a communication log as ETS writes it; `name` is that of the connection.

    Telegrams of this device stand as confirmations, as a bus interface would report them. A value that
    nobody may read is all zeros. A sealed telegram that was not opened is left out: what it says is not kept.
    """
    connection = quoteattr(plain_text(name))
    first = lines[0].telegram.at if lines else now
    yield '<?xml version="1.0" encoding="utf-8"?>\r\n'
    yield f"<CommunicationLog xmlns={quoteattr(NAMESPACE)}>\r\n"
    yield (
        f'  <RecordStart Timestamp="{_moment(first)}" ConnectionName={connection}'
        ' Mode="LinkLayer" />\r\n'
    )
    for line in lines:
        telegram = line.telegram
        if telegram.service is Service.SEALED:
            continue
        code = _INDICATION
        if telegram.is_sent:
            code = _CONFIRMATION if telegram.is_taken else _REQUEST
        secure = ' TransportSecurity="true"' if telegram.is_secure else ""
        yield (
            f'  <Telegram Timestamp="{_moment(telegram.at)}" ConnectionName={connection}'
            f' Service="{_SERVICES[code]}" FrameFormat="CommonEmi"'
            f' RawData="{cemi(line, code).hex().upper()}"{secure} />\r\n'
        )
    yield f'  <RecordStop Timestamp="{_moment(now)}" />\r\n</CommunicationLog>\r\n'


def cemi(line: TelegramLine, code: int = _INDICATION) -> bytes:
    """Return a telegram as the bytes of a cEMI frame."""
    telegram = line.telegram
    payload = _zeros(telegram.payload) if line.meaning.is_hidden else telegram.payload
    control = _STANDARD_FRAME | _NO_REPEAT | _BROADCAST | _PRIORITIES[telegram.priority] << 2
    apci = _APCI[telegram.service]
    data: tuple[int, ...] = ()
    if isinstance(payload, int):
        apci |= payload & 0x3F
    elif payload is not None:
        data = payload
    if len(data) > 14:  # an extended frame
        control &= ~_STANDARD_FRAME
    return bytes(
        (
            code,
            0,  # no additional information
            control,
            _GROUP_HOPS_6,
            *telegram.source.to_bytes(2, "big"),
            *telegram.address.to_bytes(2, "big"),
            1 + len(data),
            *apci.to_bytes(2, "big"),
            *data,
        )
    )


def _zeros(payload: Payload) -> Payload:
    return (0,) * len(payload) if isinstance(payload, tuple) else 0


def _moment(at: datetime) -> str:
    """Return a moment as ETS writes it: in UTC, with seven digits of a second."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{at.microsecond:06d}0Z"
