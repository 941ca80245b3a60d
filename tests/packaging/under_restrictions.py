"""Run as the service would run, by Python alone: says what it may do, a word in each line."""

import ctypes
import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

STATE = Path("/var/lib/knxgw")


def adjtimex() -> None:
    """Ask whether the clock is right. Raises: OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.adjtimex(ctypes.create_string_buffer(512)) < 0:
        raise OSError(ctypes.get_errno(), "adjtimex")


def keep_owner() -> None:
    with (STATE / "probe").open("w") as file:
        os.fchown(file.fileno(), os.getuid(), os.getgid())


def hash_password() -> None:
    from argon2 import PasswordHasher  # noqa: PLC0415 - each line is tried by itself

    PasswordHasher().hash("a password")


def cipher() -> None:
    from cryptography.hazmat.primitives.asymmetric import x25519  # noqa: PLC0415 - as above

    x25519.X25519PrivateKey.generate()


def call_back() -> None:
    ctypes.CFUNCTYPE(ctypes.c_int)(lambda: 1)()


def firmware() -> None:
    slot = STATE / "slot"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", slot], check=True)
    subprocess.run([slot / "bin/python", "-c", "pass"], check=True)


def multicast() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("", 3671))
        group = socket.inet_aton("224.0.23.12") + socket.inet_aton("127.0.0.1")
        one.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)


def addresses() -> None:
    import ifaddr  # noqa: PLC0415 - as above

    if not list(ifaddr.get_adapters()):
        raise OSError("no adapter")


def port_80() -> None:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 80))


TRIED: dict[str, Callable[[], object]] = {
    "ask the clock": adjtimex,
    "set the clock": lambda: time.clock_settime(time.CLOCK_REALTIME, time.time()),
    "name the boot": Path("/proc/sys/kernel/random/boot_id").read_text,
    "keep the owner of a file": keep_owner,
    "hash a password": hash_password,
    "use a cipher": cipher,
    "call back from C": call_back,
    "bound a child": lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)),
    "start firmware from the state directory": firmware,
    "join the multicast of KNX": multicast,
    "ask for adapters": addresses,
    "read /sys/class/net": lambda: list(Path("/sys/class/net").iterdir()),
    "read who listens": Path("/proc/net/igmp").read_text,
    "open a pseudo terminal": os.openpty,
    "write to /etc": lambda: Path("/etc/probe").write_text(""),
    "write to its own configuration": lambda: Path("/etc/knxgw/probe").write_text(""),
    "write to /usr": lambda: Path("/usr/lib/knxgw/probe").write_text(""),
    "look into /root": lambda: list(Path("/root").iterdir()),
    "make a raw socket": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
    "listen on port 80": port_80,
    "become root": lambda: os.setuid(0),
}

for name, action in TRIED.items():
    try:
        action()
    except OSError:
        print(f"no: {name}")  # noqa: T201 - to be read by the test
    else:
        print(f"yes: {name}")  # noqa: T201 - as above
