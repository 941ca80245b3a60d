"""Group objects and a server with a bus that only listens, for the tests."""

from zoneinfo import ZoneInfo

from xknx.dpt import DPTArray, DPTBinary
from xknx.telegram.address import GroupAddress
from xknx.telegram.apci import APCI, GroupValueResponse, GroupValueWrite

from knxgw.catalogue.flags import Flags
from knxgw.catalogue.objects import ObjectKind
from knxgw.charging.publication import Published
from knxgw.charging.scope import PointNumber, point_scope
from knxgw.config.model import SendingRule
from knxgw.objects.outbox import ResponseLimits
from knxgw.objects.server import ObjectServer
from knxgw.objects.table import GroupObject
from knxgw.station.model import Command

ZONE = ZoneInfo("Europe/Berlin")
CP1 = PointNumber(1)
SLOWLY = SendingRule(min_change=500, min_interval_s=10.0, cycle_s=None)


def group_object(
    number: int,
    key: str,
    *addresses: str,
    dpt: str | None = "14.019",
    flags: str = "CR-T--",
    kind: ObjectKind = ObjectKind.STATE,
    rule: SendingRule | None = None,
    cycle_s: float | None = None,
    point: PointNumber = CP1,
) -> GroupObject:
    return GroupObject(
        number=number,
        point=point,
        key=key,
        name=key,
        dpt=dpt,
        flags=Flags.parse(flags),
        kind=kind,
        addresses=tuple(GroupAddress(address) for address in addresses),
        rule=rule,
        cycle_s=cycle_s,
        may_send=True,
    )


class Bus:
    """An object server, and what it sent: (time, address, "read", "write" or "answer", payload)."""

    def __init__(self, *objects: GroupObject, limits: ResponseLimits | None = None) -> None:
        self.server = ObjectServer(objects, ZONE, limits)
        self.now_s = 0.0
        self.commands: list[Command] = []

    def publish(self, key: str, value: Published) -> None:
        self.server.publish(point_scope(1), key, value, self.now_s)

    def receive(self, address: str, apci: APCI) -> list[Command]:
        return self.server.received(GroupAddress(address), apci, self.now_s)

    def sent_until(self, end_s: float) -> list[tuple[float, str, APCI]]:
        """Let time pass; return what was sent meanwhile."""
        heard: list[tuple[float, str, APCI]] = []
        while True:
            while (telegram := self.server.next_telegram(self.now_s)) is not None:
                due, apci = telegram
                heard.append((round(self.now_s, 3), str(due.address), apci))
                self.commands.extend(self.server.sent(due, apci, self.now_s))
            next_s = self.now_s + self.server.wait_s(self.now_s)
            if next_s > end_s:
                self.now_s = max(self.now_s, end_s)
                return heard
            self.now_s = next_s

    def values_until(self, end_s: float) -> list[tuple[float, object]]:
        """Let time pass; return the times and raw values of what was written."""
        return [
            (at_s, apci.value.value)
            for at_s, _, apci in self.sent_until(end_s)
            if isinstance(apci, GroupValueWrite)
        ]

    def answers(self) -> list[tuple[str, object]]:
        """Return the answers that are sent now."""
        return [
            (address, apci.value.value)
            for _, address, apci in self.sent_until(self.now_s)
            if isinstance(apci, GroupValueResponse)
        ]


def on() -> GroupValueWrite:
    return GroupValueWrite(DPTBinary(1))


def byte(value: int) -> tuple[int, ...]:
    return (value,)


def wrong() -> GroupValueWrite:
    return GroupValueWrite(DPTArray((1, 2, 3)))
