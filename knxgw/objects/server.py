"""The group object server: flags, sending rules, telegram to command, value to telegram. Sans-IO.

A telegram we send also reaches our own other objects on its address. A read is answered on the
address it came on, by the first object with the R flag linked there; an object without a fresh
value does not answer.
Source: [reference-manual] 13 (flags); [knx-handbook] group object server.
"""

import logging
from collections.abc import Iterable, Sequence
from datetime import UTC, tzinfo

from xknx.telegram.address import GroupAddress
from xknx.telegram.apci import APCI, GroupValueRead, GroupValueResponse, GroupValueWrite

from knxgw.catalogue.flags import Priority
from knxgw.catalogue.objects import ObjectKind
from knxgw.charging.publication import Published
from knxgw.charging.scope import Scope
from knxgw.errors import DecodeError, EncodeError
from knxgw.monitoring.telegrams import Meaning
from knxgw.monitoring.telegrams import Payload as RawPayload
from knxgw.objects.codec import Payload, encode
from knxgw.objects.commands import to_command
from knxgw.objects.meaning import meaning_of
from knxgw.objects.outbox import Outbox, OutgoingTelegram, ResponseLimits
from knxgw.objects.table import CYCLE_ONLY, GroupObject
from knxgw.station.model import Command

log = logging.getLogger(__name__)
SETTLE_S = 10.0  # a moving value that stands still this long is sent as it is


class ObjectServer:
    """Holds the group objects of the device and speaks for them."""

    def __init__(
        self,
        objects: Sequence[GroupObject] = (),
        zone: tzinfo = UTC,
        limits: ResponseLimits | None = None,
    ) -> None:
        """Take over the objects; `limits` are those of the link, None for the ordinary ones."""
        self.objects: tuple[GroupObject, ...] = ()
        self.outbox = Outbox(limits or ResponseLimits())
        self.wrong_telegrams = 0
        self._zone = zone
        self._by_key: dict[tuple[Scope, str], GroupObject] = {}
        self._by_address: dict[int, list[GroupObject]] = {}
        self._readers: dict[int, GroupObject] = {}
        self._timers: dict[GroupObject, float] = {}
        self._has_been_ready = False
        self.load(objects, zone)

    def load(self, objects: Sequence[GroupObject], zone: tzinfo) -> None:
        """Speak for another table of group objects.

        An object that is defined as before stays as it is, with its value and what was sent of it. A
        new one is read from the bus where its flags say so.
        """
        before = {one.definition: one for one in self.objects}
        if zone == self._zone:  # else what was encoded says something else now
            for one in objects:
                if (old := self._by_key.get((one.scope, one.key))) is not None:
                    one.adopt(old)
            objects = [before.get(one.definition, one) for one in objects]
        self._zone = zone
        self.objects = tuple(objects)
        self._by_key = {(one.scope, one.key): one for one in self.objects}
        self._by_address, self._readers = {}, {}
        for one in self.objects:
            for address in one.addresses:
                self._by_address.setdefault(address.raw, []).append(one)
                if one.flags.communication and one.flags.read:
                    self._readers.setdefault(address.raw, one)
        kept = set(self.objects)
        self._timers = {one: due_at for one, due_at in self._timers.items() if one in kept}
        self.outbox.keep_only(kept)
        if self._has_been_ready:
            self._read_from_bus(kept.difference(before.values()))

    def _read_from_bus(self, objects: Iterable[GroupObject]) -> None:
        """Queue a read for each object with the I flag."""
        for one in objects:
            if one.flags.communication and one.flags.read_on_init:
                self.outbox.add_read(one)

    # --- for people who look

    def interpret(self, address: int, payload: RawPayload) -> Meaning:
        """Return what a payload means on a raw group address, by the object that is linked first.

        Safe from any thread.
        """
        linked = self._by_address.get(address)
        return meaning_of(linked[0] if linked else None, payload)

    # --- from the station

    def publish(self, scope: Scope, key: str, value: Published, now_s: float) -> None:
        """Take a new value of an object; None withdraws it."""
        one = self._by_key.get((scope, key))
        if one is None:
            return
        if one.kind is ObjectKind.EVENT and value == "":  # it is over: the next one is new
            one.sent_payload = None
            value = None
        payload = None if value is None else self._encoded(one, value)
        if payload is None:
            self._withdraw(one)
            return
        if payload != one.payload:
            one.changed_at = now_s
        one.value, one.payload = value, payload
        self._schedule(one, now_s)

    def _withdraw(self, one: GroupObject) -> None:
        """Neither send nor answer until there is a value again."""
        one.value = one.payload = None
        self.outbox.withdraw(one)
        self._timers.pop(one, None)

    def _encoded(self, one: GroupObject, value: Published) -> Payload | None:
        """Return the payload of a value; None for one that cannot be said, which is our bug."""
        try:
            return encode(one.dpt, value, self._zone)
        except EncodeError:
            one.unencodable_values += 1
            if one.unencodable_values == 1:  # once; the count tells the rest
                log.exception("GO %d (%s): value dropped", one.number, one.name)
            return None

    def _schedule(self, one: GroupObject, now_s: float) -> None:
        """Send now, later, or not at all, as the object's rule says."""
        if not (one.flags.communication and one.flags.transmit and one.may_send):
            return
        if one.sent_at is None:
            self.outbox.add_value(one)
            return
        if one.payload == one.sent_payload:
            self.outbox.withdraw(one)
            self._set_timer(one, None if one.cycle_s is None else one.sent_at + one.cycle_s)
            return
        if one.rule is None:
            self.outbox.add_value(one)
            return
        self._schedule_moving(one, one.rule.min_change, one.rule.min_interval_s, now_s)

    def _schedule_moving(
        self, one: GroupObject, min_change: int, min_interval_s: float, now_s: float
    ) -> None:
        """Send a moving value now or later: by its change, its shortest interval and its cycle."""
        sent_at = one.sent_at or 0.0
        if _distance(one.value, one.sent_value) >= min_change:
            due_at = sent_at + min_interval_s
        elif one.kind is ObjectKind.TEMPERATURE:  # on the chosen change, or cyclically, only
            due_at = float("inf")
        else:
            due_at = max(one.changed_at + SETTLE_S, sent_at + min_interval_s)
        if one.cycle_s is not None:
            due_at = min(due_at, sent_at + one.cycle_s)
        if due_at <= now_s:
            self.outbox.add_value(one)
        else:
            self.outbox.withdraw(one)
            self._set_timer(one, due_at)

    def _set_timer(self, one: GroupObject, due_at: float | None) -> None:
        """Have the value of an object sent at `due_at` [monotonic s]; None: no timer."""
        if due_at is None or due_at == float("inf"):
            self._timers.pop(one, None)
        else:
            self._timers[one] = due_at

    # --- from the bus

    def bus_ready(self) -> None:
        """Read the values of objects with the I flag: at start-up and after bus recovery."""
        self._has_been_ready = True
        self._read_from_bus(self.objects)

    def ask(self, scope: Scope, key: str) -> None:
        """Read the value of an object from the bus; nothing happens where it does not exist."""
        one = self._by_key.get((scope, key))
        if one is not None and one.flags.communication:
            self.outbox.add_read(one)

    def received(self, address: GroupAddress, apci: APCI) -> list[Command]:
        """Take a group telegram; return the commands it means and queue the answer it wants."""
        return self._handle(address, apci, sender=None)

    def _handle(
        self, address: GroupAddress, apci: APCI, *, sender: GroupObject | None
    ) -> list[Command]:
        """Return the commands of a telegram of the bus, or of our own object `sender`; queue an answer."""
        if not isinstance(apci, GroupValueRead):
            return self._deliver(address, apci, sender=sender)
        one = self._readers.get(address.raw)
        if one is not None and one is not sender and one.payload is not None:
            self.outbox.add_response(one, address)
        return []

    def _deliver(
        self, address: GroupAddress, apci: APCI, *, sender: GroupObject | None
    ) -> list[Command]:
        """Return the commands of a write or response; our own `sender` does not hear itself."""
        if isinstance(apci, GroupValueWrite):
            is_write = True
        elif isinstance(apci, GroupValueResponse):
            is_write = False
        else:
            return []
        commands: list[Command] = []
        for one in self._by_address.get(address.raw, ()):
            is_receiver = one.flags.write if is_write else one.flags.update
            if one is not sender and one.flags.communication and is_receiver:
                commands.extend(self._commands_of(one, apci.value))
        return commands

    def _commands_of(self, one: GroupObject, payload: Payload) -> list[Command]:
        """Return the command of a payload, if any; a wrong one is counted and logged once."""
        try:
            command = to_command(one, payload, self._zone)
        except DecodeError as err:
            self.wrong_telegrams += 1
            one.wrong_telegrams += 1
            if one.wrong_telegrams == 1:  # once; the count tells the rest
                log.warning("GO %d (%s): telegram dropped: %s", one.number, one.name, err)
            return []
        return [command] if command is not None else []

    # --- to the bus

    def next_priority(self, now_s: float, *, must_be_answer: bool = False) -> Priority | None:
        """Return the priority of the telegram that may be sent now, None without one."""
        self._run_timers(now_s)
        return self.outbox.next_priority(now_s, must_be_answer=must_be_answer)

    def next_telegram(
        self, now_s: float, *, must_be_answer: bool = False
    ) -> tuple[OutgoingTelegram, APCI] | None:
        """Return the telegram that may be sent now; `must_be_answer` while the medium is full."""
        self._run_timers(now_s)
        while (due := self.outbox.next_due(now_s, must_be_answer=must_be_answer)) is not None:
            if due.is_read:
                return due, GroupValueRead()
            payload = due.group_object.payload
            if payload is None:  # withdrawn while it waited
                continue
            if due.is_response:
                return due, GroupValueResponse(payload)
            self._note_sent(due.group_object, payload, now_s)
            return due, GroupValueWrite(payload)
        return None

    def sent(self, due: OutgoingTelegram, apci: APCI) -> list[Command]:
        """Let a telegram that was sent reach our own other objects on its address."""
        return self._handle(due.address, apci, sender=due.group_object)

    def unsent(self, due: OutgoingTelegram) -> None:
        """Take back a telegram the link could not carry; a newer value may replace it."""
        one = due.group_object
        if due.is_read:
            self.outbox.add_read(one)
        elif not due.is_response:  # as if it was never sent: nobody knows who heard it
            one.sent_value = one.sent_payload = one.sent_at = None
            self._timers.pop(one, None)
            if one.payload is not None:
                self.outbox.add_value(one)

    def wait_s(self, now_s: float) -> float:
        """Return how long until something may have to be sent [s]."""
        timer_at = min(self._timers.values(), default=float("inf"))
        return max(0.0, min(self.outbox.wait_s(now_s), timer_at - now_s))

    def _run_timers(self, now_s: float) -> None:
        """Queue the values whose time has come."""
        if not self._timers:
            return
        for one in [one for one, due_at in self._timers.items() if due_at <= now_s]:
            del self._timers[one]
            self.outbox.add_value(one)

    def _note_sent(self, one: GroupObject, payload: Payload, now_s: float) -> None:
        """Note what an object has sent; its cycle begins again."""
        one.sent_payload = payload
        one.sent_value = one.value
        one.sent_at = now_s
        self._set_timer(one, None if one.cycle_s is None else now_s + one.cycle_s)


def _distance(value: Published, sent: Published) -> int:
    """Return by how much a value moved; something else than a number moved far."""
    if isinstance(value, int) and isinstance(sent, int):
        return abs(value - sent)
    return CYCLE_ONLY
