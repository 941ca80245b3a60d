"""Answers that wait for a while, because many devices may be asked the same. Bounded, and shared fairly.

An answer goes to all, so one serves everybody who has asked for the same. Whoever asks for more than others gives
way to them. An answer is not sent from an address that the device no longer has.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from xknx.cemi import CEMILData
from xknx.telegram.address import IndividualAddress

from knxgw.knx.frames import Security
from knxgw.knx.raw_service import apdu_of

MOST_WAITING = 16
MOST_OF_ONE = 4  # who has asked


_Said = tuple[bytes, Security]  # APDU, and how it is secured


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    data: CEMILData
    asker: IndividualAddress
    security: Security
    timer: asyncio.TimerHandle


class DelayedAnswers:
    """The answers of one device; in the event loop only."""

    def __init__(self, send: Callable[[CEMILData, Security], object]) -> None:
        self.dropped = 0  # that were too many
        self._send = send
        self._waiting: dict[_Said, _Waiting] = {}  # by what is said, in the order of the questions

    def add(
        self,
        data: CEMILData,
        asker: IndividualAddress,
        delay_s: float,
        security: Security = Security.PLAIN,
    ) -> None:
        """Send an answer after a while, unless the same one waits already, or too many do."""
        said = (apdu_of(data), security)
        if said in self._waiting:
            return
        if not self._try_to_make_room(asker):
            self.dropped += 1
            return
        timer = asyncio.get_running_loop().call_later(delay_s, self._fire, said)
        self._waiting[said] = _Waiting(data, asker, security, timer)

    def clear(self) -> None:
        """Forget all of them: the link is lost, or the device restarts."""
        for one in self._waiting.values():
            one.timer.cancel()
        self._waiting.clear()

    def keep_only(self, address: IndividualAddress) -> None:
        """Forget those from an address that the device had before."""
        for said in [said for said, one in self._waiting.items() if one.data.src_addr != address]:
            self._waiting.pop(said).timer.cancel()

    def _try_to_make_room(self, asker: IndividualAddress) -> bool:
        """Make room for one more where there is none; whoever has asked for the most gives way.

        Return whether there is room now.
        """
        counts = Counter(one.asker for one in self._waiting.values())
        if counts[asker] >= MOST_OF_ONE:
            return False
        if len(self._waiting) < MOST_WAITING:
            return True
        greediest, most = counts.most_common(1)[0]
        if most <= counts[asker] + 1:
            return False
        newest = next(
            said for said in reversed(self._waiting) if self._waiting[said].asker == greediest
        )
        self._waiting.pop(newest).timer.cancel()
        self.dropped += 1
        return True

    def _fire(self, said: "_Said") -> None:
        one = self._waiting.pop(said)
        self._send(one.data, one.security)
