"""What the gateway's own driver makes of a charger of the bench: what it writes, and when again.

These are the driver's own rules: its commander, which writes what changed, what was refused and what
the charger reports otherwise than it was told, and its judgement of the answers. Only registers are
missing, and reads that show nothing but what is known. Monotonic time is that of the scenario.
Source: load-management 13.3c.
"""

import logging

from knxgw.catalogue.codes import ChargingState
from knxgw.charging.events import (
    ChargerConditionChanged,
    ChargerSeen,
    DeviceEvent,
    LinkCondition,
    OfferAcknowledged,
)
from knxgw.charging.quantities import Quantity
from knxgw.errors import PeerRefusedError
from knxgw.modbus.codec import decode, scaled, unscaled
from knxgw.modbus.commander import Commander
from knxgw.modbus.health import Health
from knxgw.modbus.writing import Write
from knxgw.sim.bench.plant import Charger
from knxgw.sim.bench.site import SETPOINT_POINT, box_of

UNIT_ID = 1
DEVICE_FAILURE = 4  # exception code of a charger that refuses
NEVER_S = float("inf")
# What the driver says of a charger goes to a log that somebody has set up, and nowhere else.
logging.getLogger("knxgw").addHandler(logging.NullHandler())


class Link:
    """The gateway's side of one charger; a gateway that starts has a new one."""

    def __init__(self, charger: Charger) -> None:
        model = charger.model
        self.charger = charger
        self.decided_at = 0.0  # when what is wanted was decided
        self.scheduled_at = NEVER_S  # the next write
        self.wanted_ma: int | None = None
        self._taken_ma: int | None = None
        self._box = box_of(model)
        name = f"cp{charger.number}"
        self._commander = Commander(
            name,
            self._box,
            unit_id=UNIT_ID,
            address_offset=0,
            minimum_ma=model.minimum_ma,
            phases=model.phases,
        )
        self._health = Health(name)
        self._health.condition = _condition(charger)
        self._starts_up = False

    @property
    def condition(self) -> ChargerConditionChanged:
        """Return what the link is."""
        return ChargerConditionChanged(device=self.charger.device, condition=self._health.condition)

    # --- writes

    def want(self, offer_ma: int, decided_at: float) -> None:
        """Take the newest offer [mA]."""
        if offer_ma != self.wanted_ma:
            self.wanted_ma, self._taken_ma, self.decided_at = offer_ma, None, decided_at
        self._commander.want(offer_ma)

    def next_write(self, now_s: float) -> Write | None:
        """Return the write that is due now."""
        return self._commander.next_write(now_s)

    def due_at(self, now_s: float) -> float:
        """Return when the next write may be made; infinity when none is needed."""
        return self._commander.due_at(now_s)

    def done(self, write: Write, now_s: float) -> list[DeviceEvent]:
        """Let the charger take a write and acknowledge it."""
        point = self._box.points[write.point]
        raw = decode(point, write.registers)
        self.charger.write(write.point, 0.0 if raw is None else scaled(point, raw))
        offer_ma = self._commander.note_acknowledged(write, now_s)
        self._health.note_acknowledged_write(write)
        return [*self._answered(), *self._taken(offer_ma)]

    def refused(self, write: Write, now_s: float) -> list[DeviceEvent]:
        """Let the charger refuse a write."""
        self._commander.note_refused(write, now_s)
        error = PeerRefusedError("refused", code=DEVICE_FAILURE)
        many = self._health.note_wrong_answer(write, error, now_s, is_needed=True)
        return self._change(LinkCondition.COMM) if many else []

    # --- reads

    @property
    def shows_news(self) -> bool:
        """Tell whether a reading may say more about the link than the one before."""
        if self.wanted_ma is None:
            return False
        is_calm = self._health.condition is LinkCondition.GOOD and not self._health.wrong_count
        says_start = ChargingState.START_UP in self.charger.reports.values
        return not is_calm or says_start or self.is_doubtful

    @property
    def is_doubtful(self) -> bool:
        """Tell whether the charger announces something else than it has acknowledged."""
        return self.charger.limit_ma != self._taken_ma

    def read(self, seen: ChargerSeen, now_s: float) -> tuple[list[DeviceEvent], float | None]:
        """Take a reading; return what it tells, and after how long [s] to read again."""
        raw = unscaled(self._box.points[SETPOINT_POINT], self.charger.limit_ma / 1000)
        again_s = self._commander.compare_read_back(SETPOINT_POINT, raw, now_s)
        events: list[DeviceEvent] = [*self._answered(), seen]
        self._commander.observe(seen.values, now_s)
        starts_up = seen.values.get(Quantity.STATE) == ChargingState.START_UP
        if starts_up and not self._starts_up:
            self._commander.forget()
        self._starts_up = starts_up
        return [*events, *self._taken(self._commander.acknowledge_offer(now_s))], again_s

    # --- the connection

    def lost(self) -> list[DeviceEvent]:
        """Take that the charger cannot be reached any more."""
        return self._change(LinkCondition.NOT_REACHABLE)

    def back(self) -> list[DeviceEvent]:
        """Take that it answers again: everything is written to it again."""
        self._commander.forget()
        self._health.opened()
        self._taken_ma = None
        return self._change(LinkCondition.GOOD)

    def _answered(self) -> list[DeviceEvent]:
        return self._change(self._health.note_answer(self._commander.is_still_needed))

    def _taken(self, offer_ma: int | None) -> list[DeviceEvent]:
        if offer_ma is None:
            return []
        step_ma = 100  # of its register
        self._taken_ma = offer_ma // step_ma * step_ma
        return [OfferAcknowledged(device=self.charger.device, offer_ma=offer_ma)]

    def _change(self, condition: LinkCondition) -> list[DeviceEvent]:
        if condition is self._health.condition:
            return []
        self._health.condition = condition
        return [self.condition]


def _condition(charger: Charger) -> LinkCondition:
    return LinkCondition.GOOD if charger.is_reachable else LinkCondition.NOT_REACHABLE
