"""The chargers' side of a run: commands on their way, polls, and chargers that misbehave."""

from random import Random
from typing import assert_never

from knxgw.catalogue.codes import ChargingState
from knxgw.charging.events import ChargerConditionChanged, DeviceEvent
from knxgw.modbus.driver import READ_AFTER_WRITE_S
from knxgw.sim.bench.agenda import HAPPENING, LIMIT, POLL
from knxgw.sim.bench.link import NEVER_S, Link
from knxgw.sim.bench.parts import Parts
from knxgw.sim.bench.plant import Charger
from knxgw.sim.bench.scenario import (
    ChargerReboots,
    ChargerReports,
    ChargerTroubled,
    Trouble,
)
from knxgw.sim.bench.spells import Spell
from knxgw.sim.bench.vehicle_side import VehicleSide

Command = tuple[Link, int, float]  # to whom, which offer [mA], when it was decided


class ChargerSide:
    """Brings commands to chargers and lets them be polled."""

    def __init__(self, parts: Parts, vehicles: VehicleSide) -> None:
        self._agenda = parts.agenda
        self._plant = parts.plant
        self._recording = parts.recording
        self._watch = parts.watch
        self._gateway = parts.gateway
        self._vehicles = vehicles
        self._links = [Link(charger) for charger in self._plant.chargers]
        disturbance = parts.scenario.disturbance
        self._failing = 0.0 if disturbance is None else disturbance.failed_writes
        self._luck = Random(0 if disturbance is None else disturbance.seed + 1)  # noqa: S311 - repeatable

    def plan(self) -> None:
        """Put the first polls into the queue."""
        for charger in self._plant.chargers:
            offset_s = charger.model.poll_offset_s
            offset_s = charger.number / 10 if offset_s is None else offset_s
            self._agenda.at(self._agenda.now_s + offset_s, POLL, self._poll, charger)

    def connect(self) -> list[ChargerConditionChanged]:
        """Begin with a gateway that knows nothing yet; return what it finds out about its links."""
        self._links = [Link(charger) for charger in self._plant.chargers]
        return [link.condition for link in self._links]

    def _link(self, charger: Charger) -> Link:
        return self._links[charger.number - 1]

    # --- commands

    def command(self, charger: Charger, offer_ma: int) -> None:
        """Take the newest offer of the gateway."""
        charger.wanted_ma = offer_ma
        self._send(self._link(charger), offer_ma, self._agenda.now_s)

    def _send(self, link: Link, offer_ma: int, decided_at: float) -> None:
        arrives_at = self._agenda.now_s + link.charger.model.latency_s
        self._agenda.at(arrives_at, LIMIT, self._arrive, (link, offer_ma, decided_at))

    def _arrive(self, command: Command) -> None:
        """Let a command reach its charger."""
        link, offer_ma, decided_at = command
        link.want(offer_ma, decided_at)
        self._write(link)

    def _write(self, link: Link) -> None:
        """Make every write that is due, if the charger can be reached."""
        charger, now_s = link.charger, self._agenda.now_s
        if not charger.is_reachable:
            return
        while (write := link.next_write(now_s)) is not None:
            if self._is_refused(charger):
                self._recording.failed_writes += 1
                events = link.refused(write, now_s)
            else:
                events = link.done(write, now_s)
                charger.note_strays(now_s)
                self._show(link)
            self._tell(events)
        self._await_write(link, link.due_at(now_s))
        if link.is_doubtful:
            self._agenda.at(now_s + READ_AFTER_WRITE_S, POLL, self._look, charger)

    def _is_refused(self, charger: Charger) -> bool:
        is_unlucky = bool(self._failing) and self._luck.random() < self._failing
        return is_unlucky or Trouble.REFUSES in charger.troubles.values

    def _show(self, link: Link) -> None:
        """Let a charger announce what follows from what was written."""
        charger = link.charger
        limit_ma = charger.effective_ma
        if charger.limit_ma != limit_ma:
            charger.limit_ma = limit_ma
            charger.log.limits.add(self._agenda.now_s, limit_ma)
            self._vehicles.follow(charger, link.decided_at)

    def _await_write(self, link: Link, at_s: float) -> None:
        """Write again later: what was refused, or what the charger does not hold."""
        if at_s < link.scheduled_at:
            link.scheduled_at = at_s
            self._agenda.at(at_s, LIMIT, self._write_again, link)

    def _write_again(self, link: Link) -> None:
        link.scheduled_at = NEVER_S
        charger = link.charger
        if link is self._link(charger) and link.wanted_ma == charger.wanted_ma:
            self._write(
                link
            )  # else something newer is on its way, or the gateway was without power

    # --- polls

    def _poll(self, charger: Charger) -> None:
        self._agenda.at(self._agenda.now_s + charger.model.poll_s, POLL, self._poll, charger)
        self._look(charger)

    def _look(self, charger: Charger) -> None:
        """Let the gateway read a charger."""
        if not charger.is_reachable or not self._gateway.is_up:
            charger.is_in_sight = False
            return
        now_s, link = self._agenda.now_s, self._link(charger)
        if not charger.is_in_sight:
            charger.is_in_sight = True
            self._gateway.tell(charger.seen_first(now_s))
        seen = charger.seen(now_s)
        if not link.shows_news:
            self._gateway.tell(seen)
            return
        events, again_s = link.read(seen, now_s)
        self._tell(events)
        if again_s is not None:
            self._agenda.at(now_s + again_s, POLL, self._look, charger)
        due_at = link.due_at(now_s)
        if due_at < NEVER_S:
            self._await_write(link, max(due_at, now_s + charger.model.latency_s))

    def _tell(self, events: list[DeviceEvent]) -> None:
        for event in events:
            self._gateway.tell(event)

    # --- chargers that misbehave

    def happen(self, happening: ChargerTroubled | ChargerReboots | ChargerReports) -> None:
        """Let a charger misbehave, or work again."""
        charger = self._plant.chargers[happening.point - 1]
        match happening:
            case ChargerTroubled():
                self._trouble(charger, happening)
            case ChargerReboots():
                self._reboot(charger, happening)
            case ChargerReports():
                self._report(charger, happening)
            case _:
                assert_never(happening)

    def _trouble(self, charger: Charger, happening: ChargerTroubled) -> None:
        was_reachable = charger.is_reachable
        if happening.trouble is Trouble.GOOD:
            charger.troubles.clear()
        else:
            until_s = happening.holds_until
            spell = charger.troubles.begin(happening.trouble, is_timed=until_s is not None)
            if until_s is not None:
                self._agenda.at(until_s, HAPPENING, self._trouble_ends, (charger, spell))
        charger.note_strays(self._agenda.now_s)
        self._connection(charger, was_reachable=was_reachable)

    def _trouble_ends(self, ending: tuple[Charger, Spell[Trouble]]) -> None:
        charger, spell = ending
        was_reachable = charger.is_reachable
        charger.troubles.end(spell)
        self._recording.happenings.append(self._agenda.now_s)
        charger.note_strays(self._agenda.now_s)
        self._connection(charger, was_reachable=was_reachable)

    def _connection(self, charger: Charger, *, was_reachable: bool) -> None:
        """Tell the gateway that it has lost a charger, or has it again and tells it what it wants."""
        is_reachable, link = charger.is_reachable, self._link(charger)
        if is_reachable == was_reachable:
            return
        charger.log.reached.add(self._agenda.now_s, is_reachable)
        self._tell(link.back() if is_reachable else link.lost())
        if is_reachable and charger.wanted_ma is not None:
            self._send(link, charger.wanted_ma, link.decided_at)

    def _reboot(self, charger: Charger, happening: ChargerReboots) -> None:
        """Let a charger forget what it was told; one that is off for a while has no power."""
        if not happening.off_s:
            self._start_again((charger, happening.to_ma))
            return
        was_reachable, charger.is_off = charger.is_reachable, True
        self._announce(charger)
        self._connection(charger, was_reachable=was_reachable)
        ends_s = self._agenda.now_s + happening.off_s
        self._agenda.at(ends_s, HAPPENING, self._start_again, (charger, happening.to_ma))

    def _start_again(self, started: tuple[Charger, int]) -> None:
        charger, limit_ma = started
        was_reachable, charger.is_off = charger.is_reachable, False
        charger.start_again(limit_ma)
        self._announce(charger)
        self._connection(charger, was_reachable=was_reachable)

    def _announce(self, charger: Charger) -> None:
        """Let a charger announce something that nobody has told it."""
        charger.note_strays(self._agenda.now_s)
        charger.limit_ma = charger.effective_ma
        charger.log.limits.add(self._agenda.now_s, charger.limit_ma)
        self._vehicles.start_again(charger)

    def _report(self, charger: Charger, happening: ChargerReports) -> None:
        """Let a charger say something else of itself than the truth, or the truth again."""
        until_s = happening.holds_until
        spell = charger.reports.begin(happening.state, is_timed=until_s is not None)
        if until_s is not None:
            self._agenda.at(until_s, HAPPENING, self._report_ends, (charger, spell))

    def _report_ends(self, ending: tuple[Charger, Spell[ChargingState | None]]) -> None:
        charger, spell = ending
        charger.reports.end(spell)
        self._recording.happenings.append(self._agenda.now_s)
