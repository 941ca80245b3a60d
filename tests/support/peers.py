"""Outside peers as functions: knxtool on the bus, mbpoll on Modbus; and what a test needs of them.

What knxtool (knxd-tools 0.14.54) does, observed:
- Each call takes the next individual address of knxd's `client-addrs`, in turn.
- `groupwrite` sends whole bytes, `groupswrite` a value of up to 6 bits (masked with 0x3F); both
  print "Send request" and end with 0 as soon as knxd has the telegram, not when someone has it.
- `groupread` and `groupsocketread` send the read and end at once: they wait for no response.
- `groupreadresponse` waits for the response, without end if there is none; it prints
  "Response from 1.1.241: 41 A0 00 00". A write to the address ends it too, with "Write from ...".
  `read` does the same and prints the bytes alone, so it cannot tell the two apart.
- `groupsresponse` sends a response of up to 6 bits; `groupresponse` always ends with "Open failed".
"""

import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Literal

import pytest

from tests.support.netns import Namespace

_RESPONSE = re.compile(r"^Response from [\d.]+: ((?:[0-9A-F]{2} ?)+)$", re.MULTILINE)
_MBPOLL_VALUE = re.compile(r"^\[\d+\]:\s+(\S+)", re.MULTILINE)
_MBPOLL_TYPES = {
    ("holding", "int"): "4",
    ("holding", "int32"): "4:int",
    ("holding", "float"): "4:float",
    ("input", "int"): "3",
    ("input", "int32"): "3:int",
    ("input", "float"): "3:float",
}


class PeerToolError(Exception):
    """knxtool or mbpoll ended with an error; carries what it printed."""


def require_peers(*names: str) -> None:
    """Skip the test unless we are root and the tools are there; with KNXGW_REQUIRE_PEERS=1 fail."""
    reasons = [f"{name} is not installed" for name in ("ip", *names) if shutil.which(name) is None]
    if os.geteuid() != 0:
        reasons.append("network namespaces need root")
    if not reasons:
        return
    if os.environ.get("KNXGW_REQUIRE_PEERS") == "1":
        pytest.fail(f"KNXGW_REQUIRE_PEERS=1, but {', '.join(reasons)}", pytrace=False)
    pytest.skip(", ".join(reasons))


def knxtool_groupwrite(
    host: Namespace, socket: Path, group_address: str, *bytes_hex: str, timeout_s: float = 5.0
) -> None:
    """Send a GroupValueWrite of whole bytes ("41", "a0"). Raises: PeerToolError."""
    _knxtool(host, "groupwrite", socket, group_address, *bytes_hex, timeout_s=timeout_s)


def knxtool_groupswrite(
    host: Namespace, socket: Path, group_address: str, value: int, timeout_s: float = 5.0
) -> None:
    """Send a GroupValueWrite of up to 6 bits (DPT 1, 2, 3). Raises: PeerToolError."""
    _knxtool(host, "groupswrite", socket, group_address, f"{value:x}", timeout_s=timeout_s)


def knxtool_groupread(
    host: Namespace, socket: Path, group_address: str, timeout_s: float = 2.0
) -> bytes | None:
    """Send a GroupValueRead, return the response's payload, or None if nobody answers in time.

    A value of up to 6 bits comes as one byte. Reads again when a write of somebody else came
    first. Raises: PeerToolError.
    """
    deadline_s = time.perf_counter() + timeout_s
    while (left_s := deadline_s - time.perf_counter()) > 0:
        try:
            output = _knxtool(host, "groupreadresponse", socket, group_address, timeout_s=left_s)
        except subprocess.TimeoutExpired:
            break
        if answer := _RESPONSE.search(output):
            return bytes.fromhex(answer.group(1))
        if "Write from" not in output:
            raise PeerToolError(f"knxtool groupreadresponse: no response in {output!r}")
    return None


def mbpoll_read(  # noqa: PLR0917  # in the order of a Modbus request
    host: Namespace,
    server: str,
    port: int,
    unit: int,
    address: int,
    count: int,
    table: Literal["holding", "input"] = "holding",
    kind: Literal["int", "int32", "float"] = "int",
    *,
    high_word_first: bool = True,
    timeout_s: float = 5.0,
) -> list[float]:
    """Read `count` values from `address` (first is 0) over Modbus TCP.

    "int" is one register, unsigned; "int32" and "float" are two each. Raises: PeerToolError.
    """
    argv = ["mbpoll", "-m", "tcp", "-p", str(port), "-a", str(unit), "-0", "-r", str(address)]
    argv += ["-c", str(count), "-t", _MBPOLL_TYPES[table, kind], "-1", "-q"]
    if high_word_first:
        argv.append("-B")
    result = host.run(*argv, server, timeout_s=timeout_s)
    values = [float(value) for value in _MBPOLL_VALUE.findall(result.stdout)]
    if result.returncode or len(values) != count:
        raise PeerToolError(f"{' '.join(argv)}: {result.stdout}{result.stderr}")
    return values


def mbpoll_write(
    host: Namespace, server: str, port: int, unit: int, address: int, *values: int
) -> None:
    """Write holding registers from `address` (first is 0) over Modbus TCP. Raises: PeerToolError."""
    argv = ["mbpoll", "-m", "tcp", "-p", str(port), "-a", str(unit), "-0", "-r", str(address)]
    argv += ["-t", "4", "-1", "-q", server, "--", *map(str, values)]
    result = host.run(*argv)
    if result.returncode:
        raise PeerToolError(f"{' '.join(argv)}: {result.stdout}{result.stderr}")


def _knxtool(host: Namespace, applet: str, socket: Path, *argv: str, timeout_s: float) -> str:
    result = host.run("knxtool", applet, f"local:{socket}", *argv, timeout_s=timeout_s)
    if result.returncode:
        raise PeerToolError(f"knxtool {applet} {' '.join(argv)}: {result.stdout}{result.stderr}")
    return result.stdout
