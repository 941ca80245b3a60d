"""How often someone may try to log in: growing pauses for each account and address. Pure.

Nobody is locked out for good and no thread sleeps: a try that comes too early is refused, with the
time to wait. A try that is let through counts as a failure until it is known to be good, so that
many at once are no way round the pauses.
"""

import hashlib
from collections import OrderedDict, deque
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network

FREE = 3  # failures that cost no time
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
FORGET_S = 900.0  # without a try; longer than the tries gained by that would have taken
MINUTE_S = 60.0
MOST_A_MINUTE = 30  # tries of all together
MOST_OF_A_NETWORK = 20  # of these; one network does not keep the others out
MOST_KEPT = 1000  # pairs of account and network


@dataclass(slots=True)
class _Failures:
    count: int
    last_at: float


class Throttle:
    """The tries of the last time, in memory that is bounded."""

    def __init__(self) -> None:
        self._failures: OrderedDict[tuple[bytes, str], _Failures] = OrderedDict()
        self._minute: deque[tuple[float, str]] = deque()

    def take(self, account: str, address: str, now_s: float) -> float:
        """Count a try and return 0, or refuse it and return how long to wait [s]."""
        network = network_of(address)
        self._forget(now_s)
        wait_s = max(self._pause_s(account, network, now_s), self._minute_s(network, now_s))
        if wait_s > 0:
            return wait_s
        self._minute.append((now_s, network))
        key = _key(account, network)
        failures = self._failures.setdefault(key, _Failures(0, now_s))
        failures.count += 1
        failures.last_at = now_s
        self._failures.move_to_end(key)
        if len(self._failures) > MOST_KEPT:
            self._failures.popitem(last=False)
        return 0.0

    def succeeded(self, account: str, address: str) -> None:
        """Note that the try was good: the pauses begin again."""
        self._failures.pop(_key(account, network_of(address)), None)

    def give_back(self, account: str, address: str) -> None:
        """Note that a try was neither good nor bad: it could not be judged."""
        failures = self._failures.get(_key(account, network_of(address)))
        if failures is not None:
            failures.count -= 1

    def failures(self, account: str, address: str) -> int:
        """Return how many tries in a row failed from there."""
        found = self._failures.get(_key(account, network_of(address)))
        return 0 if found is None else found.count

    def _pause_s(self, account: str, network: str, now_s: float) -> float:
        failures = self._failures.get(_key(account, network))
        if failures is None:
            return 0.0
        return max(0.0, failures.last_at + pause_s(failures.count) - now_s)

    def _minute_s(self, network: str, now_s: float) -> float:
        """Return how long until the last minute has room for one more try."""
        own = [tried_at for tried_at, whose in self._minute if whose == network]
        wait_s = 0.0
        if len(self._minute) >= MOST_A_MINUTE:
            wait_s = self._minute[-MOST_A_MINUTE][0] + MINUTE_S - now_s
        if len(own) >= MOST_OF_A_NETWORK:
            wait_s = max(wait_s, own[-MOST_OF_A_NETWORK] + MINUTE_S - now_s)
        return wait_s

    def _forget(self, now_s: float) -> None:
        while self._minute and now_s - self._minute[0][0] >= MINUTE_S:
            self._minute.popleft()
        while self._failures:
            key, oldest = next(iter(self._failures.items()))
            if now_s - oldest.last_at < FORGET_S:
                break
            del self._failures[key]


def pause_s(failures: int) -> float:
    """Return how long to wait after so many failures in a row [s]."""
    if failures < FREE:
        return 0.0
    return min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(failures - FREE, 10))


def network_of(address: str) -> str:
    """Return the network of an address that counts as one place: /24 of IPv4, /64 of IPv6."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    bits = 64 if parsed.version == 6 else 24
    return str(ip_network((parsed, bits), strict=False))


def _key(account: str, network: str) -> tuple[bytes, str]:
    """Return a short key: a name that was sent may be as long as it likes, or a password."""
    return hashlib.sha256(account.encode("utf-8", "surrogatepass")).digest()[:16], network
