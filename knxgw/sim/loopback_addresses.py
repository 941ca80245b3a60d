"""Which loopback address and port stand for one elsewhere; pure."""

import ipaddress
from collections.abc import Callable, Iterable

LOOPBACK = "127.0.0.1"
FIRST_FREE_PORT = 1024  # below it only the administrator may listen
PORT_STEP = 10_000


def is_loopback(host: str) -> bool:
    """Tell whether a host is this computer by its very name."""
    try:
        return ipaddress.IPv4Address(host).is_loopback
    except ValueError:
        return normal(host) == "localhost"


def normal(host: str) -> str:
    """Return a host as it is compared with others."""
    return host.lower().rstrip(".")


def loopback_hosts(hosts: Iterable[str]) -> dict[str, str]:
    """Return the loopback address of each host: the same each time, no two alike."""
    names = list(dict.fromkeys(normal(host) for host in hosts))
    found = {name: name for name in names if is_loopback(name)}
    taken = {*found.values(), LOOPBACK, "127.0.0.0", "127.255.255.255"}
    for name in names:
        if name in found:
            continue
        address = _near(name)
        while str(address) in taken:
            address += 1
        found[name] = str(address)
        taken.add(found[name])
    return found


def _near(host: str) -> ipaddress.IPv4Address:
    """Return the loopback address that reminds of a host; names begin at 127.0.1.1."""
    try:
        own = int(ipaddress.IPv4Address(host))
    except ValueError:
        return ipaddress.IPv4Address("127.0.1.1")
    near = 127 << 24 | own & 0xFF_FFFF
    return ipaddress.IPv4Address(min(near, (128 << 24) - 256))


def may_stay_at(host: str, port: int, may_listen: Callable[[str, int], bool]) -> bool:
    """Tell whether a port need not be moved."""
    return port >= FIRST_FREE_PORT or (is_loopback(host) and may_listen(host, port))


def port_step(ports: set[int], may_stay: Callable[[int], bool]) -> int:
    """Return what is added to the low ports of a host; no two ports become one."""
    if all(may_stay(port) for port in ports):
        return 0
    low = {port for port in ports if port < FIRST_FREE_PORT}
    steps = range(PORT_STEP, 7 * PORT_STEP, PORT_STEP)
    return next((step for step in steps if not {port + step for port in low} & ports), PORT_STEP)
