"""The group object server: flags, sending rules, telegram to command, value to telegram. Sans-IO.

A telegram we send also reaches our own other objects on its address. A read is answered on the
address it came on, by the first object with the R flag linked there; an object without a fresh
value does not answer.
Source: [reference-manual] 13 (flags); [knx-handbook] group object server.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, tzinfo

from xknx.telegram.address import GroupAddress
from xknx.telegram.apci import APCI, GroupValueRead, GroupValueResponse, GroupValueWrite

from knxgw.catalogue.flags import Priority
from knxgw.catalogue.objects import ObjectKind
from knxgw.charging.publication import Published
from knxgw.charging.scope import Scope
from knxgw.errors import DecodeError, EncodeError, RejectedError
from knxgw.monitoring.telegrams import Meaning
from knxgw.monitoring.telegrams import Payload as RawPayload
from knxgw.objects.codec import Payload, encode, encode_for_people
from knxgw.objects.commands import to_command
from knxgw.objects.meaning import meaning_of
from knxgw.objects.outbox import Outbox, OutgoingTelegram, ResponseLimits
from knxgw.objects.table import CYCLE_ONLY, GroupObject
from knxgw.station.model import Command

log = logging.getLogger(__name__)
TAKES_NOTHING = "this group object takes nothing from the bus"
HAS_NO_VALUE = "this group object has no value to send"
NO_SUCH_OBJECT = "there is no such group object"
SETTLE_S = 10.0  # a moving value that stands still this long is sent as it is


class ObjectServer:
    """Holds the group objects of the device and speaks for them."""

    def __init__(
        self,
        objects: Sequence[GroupObject] = (),
        zone: tzinfo = UTC,
        limits: ResponseLimits | None = None,
    ) -> None:
        """Serve these objects; `limits` are those of the link, None: the ordinary ones."""
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
        before = {group_object.definition: group_object for group_object in self.objects}
        if zone == self._zone:  # in another zone, times that were encoded mean other instants
            for group_object in objects:
                if (old := self._by_key.get((group_object.scope, group_object.key))) is not None:
                    group_object.adopt(old)
            objects = [
                before.get(group_object.definition, group_object) for group_object in objects
            ]
        self._zone = zone
        self.objects = tuple(objects)
        self._by_key = {
            (group_object.scope, group_object.key): group_object for group_object in self.objects
        }
        self._by_address, self._readers = {}, {}
        for group_object in self.objects:
            for address in group_object.addresses:
                self._by_address.setdefault(address.raw, []).append(group_object)
                if group_object.flags.communication and group_object.flags.read:
                    self._readers.setdefault(address.raw, group_object)
        kept = set(self.objects)
        self._timers = {
            group_object: due_at
            for group_object, due_at in self._timers.items()
            if group_object in kept
        }
        self.outbox.keep_only(kept)
        if self._has_been_ready:
            self._read_from_bus(kept.difference(before.values()))

    def _read_from_bus(self, objects: Iterable[GroupObject]) -> None:
        """Queue a read for each object with the I flag."""
        for group_object in objects:
            if group_object.flags.communication and group_object.flags.read_on_init:
                self.outbox.add_read(group_object)

    # --- for people

    def interpret(self, address: int, payload: RawPayload) -> Meaning:
        """Return what a payload means on a raw group address, by the object that is linked first.

        Safe from any thread.
        """
        linked = self._by_address.get(address)
        return meaning_of(linked[0] if linked else None, payload)

    @property
    def by_number(self) -> Mapping[int, GroupObject]:
        """Return the objects by their numbers; safe from any thread."""
        return {one.number: one for one in self.objects}

    def read_again(self, number: int) -> None:
        """Read an object's value from the bus. Raises: RejectedError."""
        one = self._object(number)
        if not (one.flags.communication and (one.flags.write or one.flags.update)):
            raise RejectedError(TAKES_NOTHING)
        self.outbox.add_read(one)

    def send_again(self, number: int) -> None:
        """Send an object's own value, whether it has changed or not. Raises: RejectedError."""
        one = self._object(number)
        if not (one.flags.communication and one.flags.transmit) or one.payload is None:
            raise RejectedError(HAS_NO_VALUE)
        self.outbox.add_value(one)

    def service_write(self, number: int, text: str) -> tuple[GroupAddress, GroupValueWrite]:
        """Return the telegram that writes what a person has typed to an input. Raises: RejectedError."""
        one = self._object(number)
        if not (one.flags.communication and one.flags.write):
            raise RejectedError(TAKES_NOTHING)
        return one.sending_address, GroupValueWrite(encode_for_people(one.dpt, text))

    # --- for tools

    def has_address(self, address: int) -> bool:
        """Tell whether an object has a raw group address."""
        return address in self._by_address

    def written_alone(self, number: int, payload: Payload) -> list[Command]:
        """Return what it means that a telegram writes this to one object. Raises: RejectedError, DecodeError."""
        one = self._object(number)
        if not (one.flags.communication and one.flags.write):
            raise RejectedError(TAKES_NOTHING)
        command = to_command(one, payload, self._zone)
        return [] if command is None else [command]

    def _object(self, number: int) -> GroupObject:
        one = self.by_number.get(number)
        if one is None:
            raise RejectedError(NO_SUCH_OBJECT)
        return one

    # --- from the station

    def publish(self, scope: Scope, key: str, value: Published, now_s: float) -> None:
        """Publish a value of an object: reads get it, and it is sent as its rule says; None: no value."""
        group_object = self._by_key.get((scope, key))
        if group_object is None:
            return
        if group_object.kind is ObjectKind.EVENT and value == "":
            # the event is over: the next one is sent even if it is the same as the last
            group_object.sent_payload = None
            value = None
        payload = None if value is None else self._encoded(group_object, value)
        if payload is None:
            self._withdraw(group_object)
            return
        if payload != group_object.payload:
            group_object.changed_at = now_s
        group_object.value, group_object.payload = value, payload
        self._schedule(group_object, now_s)

    def _withdraw(self, group_object: GroupObject) -> None:
        """Neither send nor answer until there is a value again."""
        group_object.value = group_object.payload = None
        self.outbox.withdraw(group_object)
        self._timers.pop(group_object, None)

    def _encoded(self, group_object: GroupObject, value: Published) -> Payload | None:
        """Return the payload of a value; None for one that cannot be encoded, which is our bug."""
        try:
            return encode(group_object.dpt, value, self._zone)
        except EncodeError:
            group_object.unencodable_values += 1
            if group_object.unencodable_values == 1:  # once; the count tells the rest
                log.exception("GO %d (%s): value dropped", group_object.number, group_object.name)
            return None

    def _schedule(self, group_object: GroupObject, now_s: float) -> None:
        """Send now, later, or not at all, as the object's rule says.

        A value that was sent already waits for the cycle only.
        """
        flags, sent_at, rule = group_object.flags, group_object.sent_at, group_object.rule
        if not (flags.communication and flags.transmit and group_object.may_send):
            return
        if sent_at is None:  # nothing has been sent yet
            self.outbox.add_value(group_object)
        elif group_object.payload == group_object.sent_payload:
            self.outbox.withdraw(group_object)
            cycle_s = group_object.cycle_s
            self._set_timer(group_object, None if cycle_s is None else sent_at + cycle_s)
        elif rule is None:  # no moving value: every change is sent
            self.outbox.add_value(group_object)
        else:
            self._schedule_moving(group_object, rule.min_change, rule.min_interval_s, now_s)

    def _schedule_moving(
        self, group_object: GroupObject, min_change: int, min_interval_s: float, now_s: float
    ) -> None:
        """Send a moving value now or later: by its change, its shortest interval and its cycle.

        A smaller change is sent once the value has settled; of a temperature it is not sent at all.
        """
        sent_at = group_object.sent_at or 0.0
        if _distance(group_object.value, group_object.sent_value) >= min_change:
            due_at = sent_at + min_interval_s
        elif group_object.kind is ObjectKind.TEMPERATURE:
            due_at = float("inf")
        else:
            due_at = max(group_object.changed_at + SETTLE_S, sent_at + min_interval_s)
        if group_object.cycle_s is not None:
            due_at = min(due_at, sent_at + group_object.cycle_s)
        if due_at <= now_s:
            self.outbox.add_value(group_object)
        else:
            self.outbox.withdraw(group_object)
            self._set_timer(group_object, due_at)

    def _set_timer(self, group_object: GroupObject, due_at: float | None) -> None:
        """Send the value of an object at `due_at` [monotonic s]; None: only when it changes."""
        if due_at is None or due_at == float("inf"):
            self._timers.pop(group_object, None)
        else:
            self._timers[group_object] = due_at

    # --- from the bus

    def bus_ready(self) -> None:
        """Read the values of objects with the I flag: at start-up and after bus recovery."""
        self._has_been_ready = True
        self._read_from_bus(self.objects)

    def ask(self, scope: Scope, key: str) -> None:
        """Read the value of an object from the bus; nothing happens where it does not exist."""
        group_object = self._by_key.get((scope, key))
        if group_object is not None and group_object.flags.communication:
            self.outbox.add_read(group_object)

    def received(self, address: GroupAddress, apci: APCI, now_s: float) -> list[Command]:
        """Return the commands that a group telegram means, and queue the answer to a read."""
        return self._handle(address, apci, now_s, sender=None)

    def _handle(
        self, address: GroupAddress, apci: APCI, now_s: float, *, sender: GroupObject | None
    ) -> list[Command]:
        """Return the commands of a telegram of the bus, or of our own object `sender`; queue an answer."""
        if not isinstance(apci, GroupValueRead):
            return self._deliver(address, apci, sender=sender)
        group_object = self._readers.get(address.raw)
        if (
            group_object is not None
            and group_object is not sender
            and group_object.payload is not None
        ):
            self.outbox.add_response(group_object, address, now_s)
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
        for group_object in self._by_address.get(address.raw, ()):
            is_receiver = group_object.flags.write if is_write else group_object.flags.update
            if group_object is not sender and group_object.flags.communication and is_receiver:
                commands.extend(self._commands_of(group_object, apci.value))
        return commands

    def _commands_of(self, group_object: GroupObject, payload: Payload) -> list[Command]:
        """Return the command of a payload, if any; a wrong one is counted and logged once."""
        try:
            command = to_command(group_object, payload, self._zone)
        except DecodeError as err:
            self.wrong_telegrams += 1
            group_object.wrong_telegrams += 1
            if group_object.wrong_telegrams == 1:  # once; the count tells the rest
                log.warning(
                    "GO %d (%s): telegram dropped: %s", group_object.number, group_object.name, err
                )
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

    def sent(self, due: OutgoingTelegram, apci: APCI, now_s: float) -> list[Command]:
        """Let a telegram that was sent reach our own other objects on its address."""
        return self._handle(due.address, apci, now_s, sender=due.group_object)

    def unsent(self, due: OutgoingTelegram) -> None:
        """Queue a telegram again that the link could not carry; a newer value may replace it."""
        group_object = due.group_object
        if due.is_read:
            self.outbox.add_read(group_object)
        elif not due.is_response:  # as if it was never sent: nobody knows who heard it
            group_object.sent_value = group_object.sent_payload = group_object.sent_at = None
            self._timers.pop(group_object, None)
            if group_object.payload is not None:
                self.outbox.add_value(group_object)

    def wait_s(self, now_s: float) -> float:
        """Return how long until something may have to be sent [s]."""
        timer_at = min(self._timers.values(), default=float("inf"))
        return max(0.0, min(self.outbox.wait_s(now_s), timer_at - now_s))

    def _run_timers(self, now_s: float) -> None:
        """Queue the values whose time has come."""
        if not self._timers:
            return
        for group_object in [
            group_object for group_object, due_at in self._timers.items() if due_at <= now_s
        ]:
            del self._timers[group_object]
            self.outbox.add_value(group_object)

    def _note_sent(self, group_object: GroupObject, payload: Payload, now_s: float) -> None:
        """Note what an object has sent; its cycle begins again."""
        group_object.sent_payload = payload
        group_object.sent_value = group_object.value
        group_object.sent_at = now_s
        self._set_timer(
            group_object, None if group_object.cycle_s is None else now_s + group_object.cycle_s
        )


def _distance(value: Published, sent: Published) -> int:
    """Return by how much a value moved; something else than a number moved far."""
    if isinstance(value, int) and isinstance(sent, int):
        return abs(value - sent)
    return CYCLE_ONLY
