"""Looks at one device as the gateway would, and writes nothing. Sans-IO.

An `Examination` takes the place of a driver on a bus. It lets a driver that only reads go through its
first cycle, with the model check that a gateway makes of a charger. A meter, which no gateway checks,
and a charger that is none of its model are then asked as `knxgw probe` does: which model is it?
"""

import math
from collections.abc import Sequence
from enum import StrEnum

from knxgw.catalogue.device_model import DeviceKind, DeviceModel
from knxgw.charging.events import ChargerSeen, DeviceEvent, LinkCondition, MeterSeen
from knxgw.charging.quantities import Quantity, Value
from knxgw.errors import LinkError, PeerError, PeerRefusedError
from knxgw.modbus.driver import Driver
from knxgw.modbus.probing import Probing
from knxgw.modbus.requests import NO_SUCH_POINT, Read, Request
from knxgw.modbus.writing import Write

WATCH_S = 6.0  # that a charger's limit is watched: does somebody else change it?
LONGEST_S = 40.0  # for one device, from its first request
SETTLES_S = (
    4.0  # after the first cycle of a meter: slow values are read, what failed once is read again
)
CERTAIN = 2  # reads without an answer, or one that says that there is no such register


class Verdict(StrEnum):
    """What came of an examination."""

    PENDING = "pending"
    SILENT = "silent"  # the unit does not answer
    OTHER_MODEL = "other_model"  # it answers, but not as the configured model
    WRONG_ANSWERS = "wrong_answers"
    UNFINISHED = "unfinished"  # it answers, but slowly
    FITS = "fits"


class Examination:
    """Examines one device; `verdict`, `values` and `other` say what was found."""

    def __init__(
        self,
        driver: Driver,
        unit: int,
        models: Sequence[DeviceModel],
        *,
        timeout_s: float,
        watch_s: float = WATCH_S,
    ) -> None:
        """Examine with a `driver` that may not write; `models` are those that may answer instead.

        `watch_s`: how long the limit of a charger is watched after its first cycle.
        """
        self.name = driver.name
        self.verdict = Verdict.PENDING
        self.values: dict[Quantity, Value] = {}
        self.setpoints_ma: set[int] = set()  # the limits that the charger has reported
        self.other: DeviceModel | None = None  # that answers instead
        self._driver = driver
        self._unit = unit
        self._models = models
        self._timeout_s = timeout_s
        self._watch_s = watch_s
        self._probing: Probing | None = None
        self._if_nothing_better = Verdict.FITS  # what holds unless the probe finds another model
        self._ends_at = math.inf
        self._watched_until = math.inf
        self._settles_at = math.inf
        self.answered: set[str] = (
            set()
        )  # the points whose registers have answered, also without a value
        self._failures: dict[str, int] = {}  # of points that have not been read since

    @property
    def unanswered(self) -> frozenset[str]:
        """Return the names of the points whose registers do not answer, whatever others do."""
        return frozenset(name for name, times in self._failures.items() if times >= CERTAIN)

    @property
    def is_done(self) -> bool:
        """Tell whether it asks nothing more."""
        return self.verdict is not Verdict.PENDING

    @property
    def has_asked(self) -> bool:
        """Tell whether there is a connection, over which it was asked."""
        return self._ends_at != math.inf

    @property
    def is_watching(self) -> bool:
        """Tell whether all is read, and only its limit is still watched."""
        return not self.is_done and self._watched_until != math.inf

    # --- as a driver on a bus

    @property
    def _asker(self) -> Driver | Probing:
        return self._driver if self._probing is None else self._probing

    @property
    def model(self) -> DeviceModel:
        """Return the model whose timeout and gaps apply."""
        return self._driver.model

    @property
    def unit_ids(self) -> frozenset[int]:
        """Return the units that it addresses."""
        return self._driver.unit_ids

    def opened(self) -> None:
        """Start over on a new connection."""
        self._asker.opened()

    def was_away(self) -> None:
        """Note that the device was unreachable for some seconds."""
        self._asker.was_away()

    def due_at(self, now_s: float) -> float:
        """Return when the next request is due, or when enough was asked [monotonic s]."""
        if self.is_done:
            return math.inf
        ends_at = min(self._watched_until, self._settles_at, self._ends_at)
        return min(self._asker.due_at(now_s), ends_at)

    def priority(self, _now_s: float) -> int:
        """Return the priority of a read: nothing is ever written."""
        return 2

    def next_request(self, now_s: float) -> Request | None:
        """Return the read that is due now; None: none is due, or there is a verdict.

        The first call starts the time limit (`LONGEST_S`). Before it asks, the examination comes to its verdict
        or to its next step, where what was read is enough for that.
        """
        if self._ends_at == math.inf:
            self._ends_at = now_s + LONGEST_S
        self._conclude(now_s)
        request = None if self.is_done else self._asker.next_request(now_s)
        self._note_probe()  # asked for a request, it may have found that it is done
        if isinstance(request, Write):
            raise TypeError(f"an examination never writes, not {request.point}")
        return request

    def read_done(self, request: Read, registers: Sequence[int], now_s: float) -> list[DeviceEvent]:
        """Take the registers of an answer."""
        for point in request.block.points:
            self._failures.pop(point.name, None)
            self.answered.add(point.name)
        return self._noted(self._asker.read_done(request, registers, now_s), now_s)

    def write_done(self, request: Write, now_s: float) -> list[DeviceEvent]:
        """Refuse: nothing is ever written."""
        raise TypeError(f"an examination never writes, not {request.point} at {now_s}")

    def failed(
        self, request: Request, error: PeerError | LinkError, now_s: float
    ) -> list[DeviceEvent]:
        """Take a failed request."""
        if isinstance(request, Read) and self._probing is None:
            self._note_failure(request, error)
        return self._noted(self._asker.failed(request, error, now_s), now_s)

    def lost(self, now_s: float) -> list[DeviceEvent]:
        """Note that the connection was lost, or could not be made, or that all devices behind it are silent.

        Without a connection the bus ends with an error, and the examination with it. Where all are silent the
        bus goes on asking: then this device is found silent at its next request.
        """
        self._asker.lost(now_s)
        return []

    # --- inside

    def _noted(self, events: Sequence[DeviceEvent], now_s: float) -> list[DeviceEvent]:
        """Keep what was read; nobody else hears of it."""
        for event in events:
            if isinstance(event, ChargerSeen | MeterSeen):
                self.values.update(event.values)
                setpoint_ma = event.values.get(Quantity.SETPOINT)
                if isinstance(setpoint_ma, int):
                    self.setpoints_ma.add(setpoint_ma)
        self._conclude(now_s)
        return []

    def _note_failure(self, request: Read, error: PeerError | LinkError) -> None:
        """Count a read that failed. Of several points that are refused together one may be missing."""
        names = [point.name for point in request.block.points]
        is_refused = isinstance(error, PeerRefusedError) and error.code in NO_SUCH_POINT
        times = CERTAIN if is_refused and len(names) == 1 else 1
        for name in names:
            self._failures[name] = self._failures.get(name, 0) + times

    def _settle(self, now_s: float) -> bool:
        """Wait for what a further read may decide; return True once nothing is open any more."""
        if self._settles_at == math.inf:
            self._settles_at = now_s + SETTLES_S
        is_open = not self._driver.is_all_requested
        is_open |= any(times < CERTAIN for times in self._failures.values())
        if is_open and now_s < self._settles_at:
            return False
        self._settles_at = math.inf  # nobody waits for it any more
        return True

    def _conclude(self, now_s: float) -> None:
        """Come to a verdict, or to the next step, if what is known allows it."""
        if not self.is_done and self._probing is None:
            self._follow_driver(now_s)
        self._note_probe()
        if not self.is_done and now_s >= self._ends_at:
            self._end()

    def _follow_driver(self, now_s: float) -> None:
        """Come to a verdict, or to a probe, by the link to the device and what the driver has read.

        A charger that fits is watched for some seconds more; a meter is compared with its model file.
        """
        driver, condition = self._driver, self._driver.condition
        if condition is LinkCondition.NOT_REACHABLE:
            self.verdict = Verdict.SILENT
        elif driver.is_mismatch or (condition is LinkCondition.COMM and not self.values):
            self._probe(self._models, Verdict.OTHER_MODEL)
        elif condition is LinkCondition.COMM:
            self.verdict = Verdict.WRONG_ANSWERS
        elif condition is LinkCondition.GOOD and driver.is_first_cycle_done:
            if driver.model.kind is DeviceKind.CHARGER:
                self._watch_setpoint(now_s)
            elif not self.values:
                self._probe(self._models, Verdict.OTHER_MODEL)
            elif not self._settle(now_s):
                return
            elif driver.model.chain is not None:  # its chain of models was found
                self.verdict = Verdict.FITS
            else:
                self._probe([driver.model], Verdict.FITS)

    def _watch_setpoint(self, now_s: float) -> None:
        """Note how long the setpoint of a charger that fits is watched still; after that the verdict is FITS."""
        if self._watched_until == math.inf:
            self._watched_until = now_s + self._watch_s
        if now_s >= self._watched_until:
            self.verdict = Verdict.FITS

    def _probe(self, models: Sequence[DeviceModel], if_nothing_better: Verdict) -> None:
        """Ask the device which of these models it is; `if_nothing_better`: the verdict if it is none of them."""
        self._if_nothing_better = if_nothing_better
        self._probing = Probing(models, [self._unit], timeout_s=self._timeout_s)

    def _note_probe(self) -> None:
        """Draw the conclusion of a probe that is done; what fits poorly is compared with all models."""
        probing = self._probing
        if self.is_done or probing is None or not probing.is_done:
            return
        if self._likely or probing.covers(self._models):
            self._end()
        else:
            self._probe(self._models, self._if_nothing_better)

    @property
    def _likely(self) -> list[DeviceModel]:
        """Return the models that the device may be by the last probe, the best first."""
        candidates = () if self._probing is None else self._probing.candidates
        return [one.model for one in candidates if one.is_likely]

    def _end(self) -> None:
        """Come to a verdict with what is known."""
        likely = self._likely
        if self._probing is None:
            self.verdict = Verdict.UNFINISHED
        elif likely and self._driver.model not in likely:
            self.verdict, self.other = Verdict.OTHER_MODEL, likely[0]
        else:
            self.verdict = self._if_nothing_better
