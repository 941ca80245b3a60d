"""A charger of the bench is written to when the gateway's driver writes to a charger of the same kind.

The driver runs here on registers, in virtual time; the bench runs a scenario with the same events.
"""

from dataclasses import dataclass, field

import pytest

from knxgw.catalogue.codes import FaultCode
from knxgw.charging.events import ChargerConditionChanged, DeviceEvent, LinkCondition
from knxgw.charging.scope import PointNumber
from knxgw.errors import PeerRefusedError
from knxgw.modbus.requests import Read
from knxgw.sim.bench.read_scenario import parse_scenario
from knxgw.sim.bench.runner import Run
from knxgw.sim.bench.scenario import PointModel
from knxgw.sim.bench.site import box_of
from tests.support.devices import driver as make_driver

ANSWER_S = 0.05
END_S = 200.0
NEAR_S = 2.5  # a poll period, and the latency of the bench with each of some repetitions
STARTED_S = 20.0  # the gateway of the bench waits for the bus before it gives more than the minimum
Told = tuple[tuple[float, float], ...]  # when, which offer [A]
Limits = list[tuple[float, int]]


@dataclass
class Registers:
    """A charger on registers that ignores, refuses or forgets what it is told."""

    ignores: tuple[float, float] = (0.0, 0.0)
    refuses: tuple[float, float] = (0.0, 0.0)
    reboots: tuple[float, float] = (1e9, 0.0)  # when, to how much [A]
    limit: int = 0  # 0.1 A
    limits: Limits = field(default_factory=list)  # when it changed, to how much [mA]
    comm: Limits = field(default_factory=list)  # when the link was out of order (1), or not (0)

    def set(self, at_s: float, limit: int) -> None:
        if limit != self.limit:
            self.limit = limit
            self.limits.append((at_s, limit * 100))

    def note(self, events: list[DeviceEvent], at_s: float) -> None:
        for event in events:
            if isinstance(event, ChargerConditionChanged):
                is_comm = event.condition is LinkCondition.COMM
                if is_comm or self.comm:
                    self.comm.append((at_s, int(is_comm)))


def driven(charger: Registers, reported: Told) -> Registers:
    """Let the driver tell a charger; there is a car that draws nothing."""
    driver = make_driver(PointNumber(1), box_of(PointModel()), unit_id=1)
    driver.opened()
    now_s, pending, reboot_s = 0.0, list(reported), charger.reboots[0]
    while now_s < END_S:
        due_s = min([driver.due_at(now_s), reboot_s, *(at_s for at_s, _ in pending[:1])])
        now_s = max(now_s, due_s)
        if pending and now_s >= pending[0][0]:
            driver.want(round(pending.pop(0)[1] * 1000))
            continue
        if now_s >= reboot_s:
            reboot_s = 1e9
            charger.set(now_s, round(charger.reboots[1] * 10))
            continue
        request = driver.next_request(now_s)
        assert request is not None
        now_s += ANSWER_S
        if isinstance(request, Read):
            image = {0: 6, 1: 1, 2: charger.limit}
            block = request.block
            registers = [image.get(block.address + n, 0) for n in range(block.count)]
            charger.note(driver.read_done(request, registers, now_s), now_s)
        elif charger.refuses[0] <= now_s < charger.refuses[1]:
            charger.note(driver.failed(request, PeerRefusedError("no", code=4), now_s), now_s)
        else:
            if not charger.ignores[0] <= now_s < charger.ignores[1]:
                charger.set(now_s, request.registers[0])
            charger.note(driver.write_done(request, now_s), now_s)
    return charger


def benched(events: str, reported: Told) -> tuple[Limits, Limits]:
    """Return what the bench makes of it: limits, and when the link was out of order."""
    lines = [f"  - {{at: {at_s}, point: 1, setpoint_a: {offer_a}}}" for at_s, offer_a in reported]
    text = (
        f"duration_s: {END_S:g}\nidle_s: 0\nconnection: {{load_management: off}}\n"
        "points: [{car: {maximum_a: 0}}]\nevents:\n" + "\n".join([*lines, events])
    )
    recording = Run(parse_scenario(text)).run()
    comm = [
        (one.changed_at, int(one.present)) for one in recording.faults if one.code is FaultCode.COMM
    ]
    return recording.points[0].limits.changes(STARTED_S, END_S), comm


def near(one: Limits, two: Limits) -> bool:
    """Tell whether the same happened, at about the same times."""
    same = [value for _, value in one] == [value for _, value in two]
    return same and all(abs(a - b) <= NEAR_S for (a, _), (b, _) in zip(one, two, strict=True))


LOWERED: Told = ((0.0, 14.0), (70.0, 9.0))
CASES = [
    pytest.param("  - {at: 60, until: 100, point: 1, charger: ignores}",
                 Registers(ignores=(60.0, 100.0)), LOWERED, id="ignores-a-lowering"),
    pytest.param("  - {at: 60, until: 160, point: 1, charger: ignores}",
                 Registers(ignores=(60.0, 160.0)), ((0.0, 9.0), (70.0, 14.0)),
                 id="ignores-a-raise"),
    pytest.param("  - {at: 60, until: 100, point: 1, charger: ignores}",
                 Registers(ignores=(60.0, 100.0)), ((0.0, 14.0), (70.0, 0.0)),
                 id="ignores-a-pause"),
    pytest.param("  - {at: 60, until: 103, point: 1, charger: refuses}",
                 Registers(refuses=(60.0, 103.0)), LOWERED, id="refuses"),
    pytest.param("  - {at: 60, until: 74, point: 1, charger: refuses}",
                 Registers(refuses=(60.0, 74.0)), LOWERED, id="refuses-once"),
    pytest.param("  - {at: 60, until: 110, point: 1, charger: refuses}",
                 Registers(refuses=(60.0, 110.0)), ((0.0, 14.0), (70.0, 9.0), (90.0, 14.0)),
                 id="refuses-until-it-is-not-wanted-any-more"),
    pytest.param("  - {at: 100, point: 1, charger: reboots, to_a: 16}",
                 Registers(reboots=(100.0, 16.0)), LOWERED, id="reboots-to-more"),
    pytest.param("  - {at: 71, point: 1, charger: reboots, to_a: 16}",
                 Registers(reboots=(71.0, 16.0)), LOWERED, id="reboots-just-after-a-command"),
    pytest.param("  - {at: 100, point: 1, charger: reboots, to_a: 6}",
                 Registers(reboots=(100.0, 6.0)), LOWERED, id="reboots-to-less"),
    pytest.param("  - {at: 100, point: 1, charger: reboots, to_a: 0}",
                 Registers(reboots=(100.0, 0.0)), LOWERED, id="reboots-to-nothing"),
]  # fmt: skip


@pytest.mark.parametrize(("events", "charger", "reported"), CASES)
def test_the_bench_writes_when_the_driver_writes(
    events: str, charger: Registers, reported: Told
) -> None:
    driven(charger, reported)
    limits, comm = benched(events, reported)
    assert near([one for one in charger.limits if one[0] > STARTED_S], limits), (
        charger.limits,
        limits,
    )
    assert near(charger.comm, comm), (charger.comm, comm)
