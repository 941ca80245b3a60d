"""Evidence for or against the configured model; pure.

A model file may name identifying points (`identity`). Beyond that, only behaviour counts that no
device of the model shows for long: it refuses all core points, or it reports an unknown state
together with a physically impossible value. In doubt the model is taken to be right.
"""

from collections.abc import Collection, Mapping
from enum import StrEnum

from knxgw.catalogue.conditions import is_met
from knxgw.catalogue.device_model import DeviceModel
from knxgw.catalogue.points import Point, PollClass
from knxgw.errors import DecodeError
from knxgw.modbus.codec import Raw, scaled
from knxgw.modbus.rules import core_points, rule_points, state_of

LEAST_REFUSED = 2  # one refused register may be missing in a firmware
# What no charger on a low voltage mains can report, by the unit of a point.
PLAUSIBLE_RANGES = {
    "A": (-100.0, 1_000.0),
    "V": (-1.0, 1_000.0),
    "W": (-500_000.0, 500_000.0),
    "°C": (-100.0, 200.0),
    "Hz": (0.0, 500.0),
}


class ModelVerdict(StrEnum):
    """What the evidence says about the model."""

    PENDING = "pending"  # more points must be read
    MATCH = "ours"
    IMPLAUSIBLE = "strange"  # not of the model, unless it is just starting up
    OTHER_MODEL = "other"  # an identity rule says that it is another model


class ModelEvidence:
    """Collects the answers since the last start, and judges them."""

    def __init__(self, model: DeviceModel, read: Collection[str]) -> None:
        """Judge by the points `read` and those in the `identity` rules of the model file."""
        self._model = model
        comparisons = [comparison for rule in model.identity for comparison in rule.comparisons]
        self.points = frozenset(comparison.point for comparison in comparisons)
        self._core = _core(model, read)
        self.has_answered = False  # since the last start
        self._raws: dict[str, Raw | None] = {}
        self._refused: set[str] = set()
        self._requested: set[str] = set()

    @property
    def first_points(self) -> tuple[str, ...]:
        """Return the points to read before all others, in their order."""
        rules = self._core & rule_points(self._model)
        names = (*sorted(self.points), "state", *sorted(rules), *sorted(self._core))
        return tuple(dict.fromkeys(names))

    def forget(self) -> None:
        """Start over: another device may answer now."""
        self.has_answered = False
        self._raws.clear()
        self._refused.clear()
        self._requested.clear()

    def add_values(self, raws: Mapping[str, Raw | None]) -> None:
        """Add raw values that were read to the evidence."""
        self._raws.update(raws)
        self._requested.update(raws)

    def mark_missing(self, name: str) -> None:
        """Note that the device refuses a point as nonexistent."""
        self._refused.add(name)
        self._requested.add(name)

    def mark_inconclusive(self, *names: str) -> None:
        """Note points whose answer proves nothing: garbled, busy or empty."""
        self._requested.update(names)

    @property
    def verdict(self) -> ModelVerdict:
        """Return the verdict on everything read so far.

        An identity rule of the model file decides first, then a state that the file knows. Without either,
        the device counts as the model unless its values are impossible.
        """
        if not self.points <= self._requested:
            return ModelVerdict.PENDING
        for rule in self._model.identity:
            if all(
                is_met(comparison, self._raws.get(comparison.point))
                for comparison in rule.comparisons
            ):
                return ModelVerdict.MATCH if rule.is_this_model else ModelVerdict.OTHER_MODEL
        if self._is_state_known():
            return ModelVerdict.MATCH
        if not self._core <= self._requested:
            return ModelVerdict.PENDING
        is_implausible = self._is_without_core() or self._is_reporting_nonsense()
        return ModelVerdict.IMPLAUSIBLE if is_implausible else ModelVerdict.MATCH

    @property
    def reason(self) -> str:
        """Return the evidence against the configured model, for the log."""
        shown_points = self.points & self._raws.keys()
        if self._is_without_core() and not shown_points:
            return f"it has no {', '.join(sorted(self._core))}"
        shown = sorted(shown_points or {"state", *self._implausible_points()} & self._raws.keys())
        return ", ".join(f"{name} is {self._raws[name]!r}" for name in shown)

    def _is_state_known(self) -> bool:
        """Tell whether the device reports a state that the model file knows."""
        point, raw = self._model.points.get("state"), self._raws.get("state")
        if point is not None and point.codes:
            return raw is not None and raw in point.codes
        if not rule_points(self._model) <= self._raws.keys():
            return False
        return state_of(self._model, self._raws) is not None

    def _is_without_core(self) -> bool:
        """Tell whether all core points are missing: refused, or all bits set as in a gap."""
        points = self._model.points
        gaps = {name for name, raw in self._raws.items() if is_all_ones(points[name], raw)}
        many = len(self._core) >= LEAST_REFUSED
        return many and self._core <= self._refused | gaps and bool(self._core & self._refused)

    def _is_reporting_nonsense(self) -> bool:
        """Tell whether values are physically impossible, beside a state that is no placeholder."""
        state = self._raws.get("state")
        if state is None or _is_all_or_none(self._model.points["state"], state):
            return False
        return bool(self._implausible_points())

    def _implausible_points(self) -> list[str]:
        """Return the names of the points whose values are physically impossible."""
        points = self._model.points
        return [
            name
            for name, raw in self._raws.items()
            if name != "state" and raw is not None and not is_plausible(points[name], raw)
        ]


def is_plausible(point: Point, raw: Raw) -> bool:
    """Tell whether a value is physically possible; one without a unit always is."""
    if point.unit not in PLAUSIBLE_RANGES or isinstance(raw, str) or _is_all_or_none(point, raw):
        return True
    low, high = PLAUSIBLE_RANGES[point.unit]
    try:
        return low <= scaled(point, raw) <= high
    except DecodeError:
        return True


def _is_all_or_none(point: Point, raw: Raw) -> bool:
    """Tell whether all bits are set or none: a value that the device does not know yet."""
    return raw in {0, ""} or is_all_ones(point, raw)


def is_all_ones(point: Point, raw: Raw | None) -> bool:
    """Tell whether all bits are set: the value is not available, or there is no register."""
    if raw is None:
        return True  # the model's own "not available"
    if isinstance(raw, str):
        return bool(raw) and not raw.strip("F\xff")
    bits = 16 * point.count
    ones = (1 << bits) - 1
    if point.extract:
        ones = (ones >> point.extract.shift) & point.extract.mask
    return raw in {ones, -1, ones >> 1}


def _core(model: DeviceModel, read: Collection[str]) -> frozenset[str]:
    """Return the core points: without them a charger of the model cannot be interpreted.

    Points of another unit and optional points do not belong to the core.
    """
    points = model.points
    own = {
        name
        for name, point in points.items()
        if name in read and point.unit_id is None and not point.is_optional
    }
    core = own & core_points(model)
    if len(core) < LEAST_REFUSED:
        core |= {name for name in own if points[name].poll is PollClass.FAST}
    return frozenset(core)
