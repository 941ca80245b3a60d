"""Telegrams as tests make them up."""

from datetime import UTC, datetime, timedelta

from knxgw.catalogue.flags import Priority
from knxgw.config.addresses import parse_group_address
from knxgw.monitoring.ring import Numbered
from knxgw.monitoring.telegrams import Meaning, Payload, Service, Telegram, TelegramLine, line_of

NOON = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
NAMES = {"1/0/10": "Smart meter L1", "1/1/62": "Left: current", "1/1/84": "Left: RFID tag"}


def raw_address(text: str) -> int:
    main, middle, sub = (int(part) for part in parse_group_address(text).split("/"))
    return main << 11 | middle << 8 | sub


def raw_device(text: str) -> int:
    area, line, device = (int(part) for part in text.split("."))
    return area << 12 | line << 8 | device


def telegram(
    address: str = "1/1/62",
    *,
    at_ms: int = 0,
    source: str = "1.1.30",
    service: Service = Service.WRITE,
    payload: Payload = (0x41, 0xF0, 0, 0),
    is_sent: bool = False,
    is_secure: bool = False,
    priority: Priority = Priority.LOW,
    is_refused: bool = False,
) -> Telegram:
    return Telegram(
        NOON + timedelta(milliseconds=at_ms),
        is_sent,
        raw_device(source),
        raw_address(address),
        service,
        None if service in {Service.READ, Service.SEALED} else payload,
        priority,
        is_secure,
        is_refused=is_refused,
    )


def interpret(address: int, payload: Payload) -> Meaning:
    name = next((name for text, name in NAMES.items() if raw_address(text) == address), "")
    if "RFID" in name:
        return Meaning(name=name, dpt="16.001", text="…BEEF", is_hidden=True)
    number = (
        None if payload is None else float(len(payload) if isinstance(payload, tuple) else payload)
    )
    return Meaning(name=name, dpt="14.019" if name else "", number=number, unit="A")


def line(number: int, one: Telegram) -> TelegramLine:
    return line_of(Numbered(number, one), interpret, "en")
