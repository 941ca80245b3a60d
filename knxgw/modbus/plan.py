"""Poll plan of a device: the fewest reads that its model allows, and which one comes next. Pure.

State and currents come first. Where a device cannot be read as often as wanted (KEBA: one value
every 0.5 s), every block is read in proportion to its wanted rate.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from knxgw.catalogue.device_model import DeviceModel, FixedBlock
from knxgw.catalogue.points import Point, PollClass, Table

PERIODS_S = {
    PollClass.FAST: 1.0,
    PollClass.NORMAL: 5.0,
    PollClass.SLOW: 30.0,
    PollClass.ONCE: 3600.0,
}
GOLDEN = 0.618034  # multiples of it lie far apart within a period
SPREAD_S = 0.9
UNREAD = 4.0  # how overdue the first read of a slower block counts [periods]
IN_TURN, EXPEDITED, FIRST_READ = 0, 1, 2  # priorities, the highest first read
UNREAD_AT = float("-inf")  # the turn of a block that was never read
_PRIORITIES = {poll: place for place, poll in enumerate(PERIODS_S)}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Block:
    """One read request: neighbouring points of one unit and table; compared by identity."""

    unit_id: int
    table: Table
    address: int
    count: int
    points: tuple[Point, ...]
    poll: PollClass
    is_fixed: bool = False  # the device returns these registers only together

    @property
    def is_optional(self) -> bool:
        """Tell whether an exception response means "empty" rather than a fault."""
        return all(point.is_optional for point in self.points)

    def registers_of(self, point: Point, offset: int, registers: Sequence[int]) -> Sequence[int]:
        """Return the part of this block's answer that belongs to a point."""
        start = point.address + (offset if point.is_relative else 0) - self.address
        return registers[start : start + point.count]


def plan_blocks(
    model: DeviceModel, *, unit_id: int, address_offset: int, wanted: Iterable[str]
) -> tuple[Block, ...]:
    """Return the blocks that read all `wanted` points, the most urgent first."""
    fixed: dict[tuple[int, FixedBlock], list[Point]] = {}
    groups: dict[tuple[int, Table], list[Block]] = {}
    for name in wanted:
        point = model.points[name]
        unit = unit_id if point.unit_id is None else point.unit_id
        block = _block_of(point, model.points, unit, address_offset, _poll_class(point))
        if whole := model.read.block_of(point.table, block.address, block.count):
            fixed.setdefault((unit, whole), []).extend(block.points)
        else:
            groups.setdefault((unit, point.table), []).append(block)
    blocks = [_fixed_block(unit, whole, points) for (unit, whole), points in fixed.items()]
    for members in groups.values():
        blocks.extend(_merge(model, sorted(members, key=lambda member: member.address)))
    return tuple(sorted(blocks, key=lambda block: _PRIORITIES[block.poll]))


def _block_of(
    point: Point, points: Mapping[str, Point], unit: int, offset: int, poll: PollClass
) -> Block:
    """Return the block that reads a point, and with it the exponent it needs."""
    exponent = points.get(point.scale_from or "")
    members = (point,) if exponent is None else (point, exponent)
    start = min(member.address for member in members)
    return Block(
        unit_id=unit,
        table=point.table,
        address=start + (offset if point.is_relative else 0),
        count=max(member.address + member.count for member in members) - start,
        points=members,
        poll=poll,
    )


def _poll_class(point: Point) -> PollClass:
    """Return how often a wanted point is read; one that its model never reads is read fast."""
    return PollClass.FAST if point.poll is PollClass.NEVER else point.poll


def _fixed_block(unit: int, block: FixedBlock, points: Sequence[Point]) -> Block:
    """Return the block that reads points of registers that the device returns only together."""
    return Block(
        unit_id=unit,
        table=block.table,
        address=block.address,
        count=block.count,
        points=tuple(points),
        poll=min((_poll_class(point) for point in points), key=_PRIORITIES.__getitem__),
        is_fixed=True,
    )


def split(block: Block, offset: int) -> tuple[Block, ...]:
    """Return one block per value, for a device that refuses the block as a whole.

    A value and its exponent stay together: read separately, they may not match.
    """
    points = {point.name: point for point in block.points}
    exponents = {point.scale_from for point in block.points}
    if block.is_fixed:
        return tuple(
            replace(block, points=(point,), poll=_poll_class(point)) for point in block.points
        )
    return tuple(
        _block_of(
            point,
            points,
            block.unit_id,
            offset,
            point.poll if point.poll is not PollClass.NEVER else block.poll,
        )
        for point in block.points
        if point.name not in exponents
    )


def _merge(model: DeviceModel, members: Sequence[Block]) -> Iterable[Block]:
    """Yield fewer, larger blocks where the rules of the model allow to read neighbours together."""
    rules = model.read
    current: Block | None = None
    for fresh in members:
        if current is None:
            current = fresh
            continue
        end = max(current.address + current.count, fresh.address + fresh.count)
        fits = end - current.address <= rules.max_registers
        near = fresh.address - (current.address + current.count) <= rules.gap_registers
        if fits and near and not rules.is_single:
            current = replace(
                current,
                count=end - current.address,
                points=tuple({p.name: p for p in (*current.points, *fresh.points)}.values()),
                poll=min(current.poll, fresh.poll, key=_PRIORITIES.__getitem__),
            )
        else:
            yield current
            current = fresh
    if current is not None:
        yield current


class PollSchedule:
    """Decides which block of a device is read next, and when."""

    def __init__(
        self,
        blocks: Sequence[Block],
        *,
        min_interval_s: float,
        phase: float = 0.0,
        first: Sequence[str] = (),
    ) -> None:
        """Plan `blocks`; `phase` (0…1) spreads devices over the period, so that they are not read all at once.

        The points `first` are read before all others, in their order.
        """
        self.blocks = list(blocks)
        self._first = {name: len(first) - place for place, name in enumerate(first)}
        self._min_interval_s = min_interval_s
        self._phases = {
            block: (phase + place * GOLDEN) % 1.0 for place, block in enumerate(self.blocks)
        }
        # when the turn of a block comes, a period after it was requested; it has none before that
        self._turn_at: dict[Block, float] = {}
        self._expedited_at: dict[Block, float] = {}  # when to read it out of turn
        self._last_request_at = float("-inf")
        self._first_request_at = float("inf")  # of the first request
        self._paused_until = float("-inf")
        self._soonest_at: float | None = None  # of all blocks; None: to be determined again

    @property
    def is_first_cycle_done(self) -> bool:
        """Tell whether every block of state and currents was requested at least once."""
        return all(b in self._turn_at for b in self.blocks if b.poll is PollClass.FAST)

    @property
    def is_each_requested(self) -> bool:
        """Tell whether every block was requested at least once, also those of slow values."""
        return all(block in self._turn_at for block in self.blocks)

    @property
    def last_request_at(self) -> float:
        """Return the time of the last request [monotonic s]."""
        return self._last_request_at

    @property
    def allowed_at(self) -> float:
        """Return when the device may be read again, whatever is due [monotonic s]."""
        return max(self._last_request_at + self._min_interval_s, self._paused_until)

    def note_other_read(self, now_s: float) -> None:
        """Note a read of this device that is not planned here."""
        self._last_request_at = now_s

    def pause_until(self, until: float) -> None:
        """Make no request before `until` [monotonic s]."""
        self._paused_until = until

    def mark_requested(self, block: Block, now_s: float) -> None:
        """Note that a block was requested now: its next turn is a period later."""
        early_s = 0.0
        if block not in self._turn_at:  # from the second time on, spread over the period
            early_s = self._phases.get(block, 0.0) * min(PERIODS_S[block.poll], SPREAD_S)
        self._turn_at[block] = now_s - early_s + PERIODS_S[block.poll]
        self._expedited_at.pop(block, None)
        self._soonest_at = None
        self._last_request_at = now_s
        self._first_request_at = min(self._first_request_at, now_s)

    def retry_in(self, block: Block, now_s: float, delay_s: float) -> None:
        """Read a failed block again after `delay_s`, if that is before its turn."""
        self._turn_at[block] = now_s + min(PERIODS_S[block.poll], delay_s)
        self._soonest_at = None

    def mark_unread(self, names: Iterable[str]) -> None:
        """Treat some points as never read: they come first."""
        wanted = set(names)
        for block in self.blocks:
            if any(point.name in wanted for point in block.points):
                self._turn_at.pop(block, None)
                self._soonest_at = None

    def expedite(self, due_at: float) -> None:
        """Read state and currents by `due_at` [monotonic s]: they will show what was written."""
        for block in self.blocks:
            if block.poll is PollClass.FAST and block in self._turn_at:
                self._turn_at[block] = min(self._turn_at[block], due_at)
                self._soonest_at = None

    def expedite_points(self, names: Iterable[str], due_at: float) -> None:
        """Read some points by `due_at`, before everything but first reads of state and currents."""
        wanted = set(names)
        if not wanted:  # as mostly, after each answer
            return
        for block in self.blocks:
            if any(point.name in wanted for point in block.points):
                self.expedite_block(block, due_at)

    def expedite_block(self, block: Block, due_at: float) -> None:
        """Read a block by `due_at`, before everything but first reads of state and currents."""
        self._expedited_at[block] = min(due_at, self._expedited_at.get(block, due_at))
        self._soonest_at = None

    def replace_block(self, block: Block, parts: Sequence[Block]) -> None:
        """Read `parts` instead of `block` from now on."""
        index = self.blocks.index(block)
        self.blocks[index : index + 1] = parts
        self._soonest_at = None

    def due_at(self) -> float:
        """Return when the next read is due [monotonic s]."""
        if self._soonest_at is None:
            self._soonest_at = min(map(self._block_due_at, self.blocks), default=float("inf"))
        return max(self.allowed_at, self._soonest_at)

    def next_block(self, now_s: float) -> Block | None:
        """Return the block to read now: the most overdue in proportion to its period."""
        if now_s < self.due_at():
            return None
        due = [block for block in self.blocks if self._block_due_at(block) <= now_s]
        if len(due) <= 1:
            return due[0] if due else None
        return max(due, key=lambda block: self._urgency(block, now_s))

    def _block_due_at(self, block: Block) -> float:
        """Return when a block is due [monotonic s]; minus infinity: it was never read."""
        turn_at = self._turn_at.get(block, UNREAD_AT)
        expedited_at = self._expedited_at.get(block)
        return turn_at if expedited_at is None else min(turn_at, expedited_at)

    def _urgency(self, block: Block, now_s: float) -> tuple[int, float]:
        """Return the sort key of a due block: first reads, then expedited ones, then the most overdue.

        A first read that is not of state and currents counts as a few periods overdue, the faster blocks more.
        """
        turn_at = self._turn_at.get(block)
        expedited_at = self._expedited_at.get(block, float("inf"))
        first = max((self._first.get(p.name, 0) for p in block.points), default=0)
        if turn_at is None and (first or block.poll is PollClass.FAST):
            return (FIRST_READ + first, 0.0)
        if expedited_at <= now_s:
            return (EXPEDITED, now_s - expedited_at)
        if turn_at is not None:
            period_s = PERIODS_S[block.poll]
            return (IN_TURN, (now_s - turn_at + period_s) / period_s)
        waited_periods = (now_s - self._first_request_at) / PERIODS_S[PollClass.NORMAL]
        return (IN_TURN, UNREAD - _PRIORITIES[block.poll] + waited_periods)
