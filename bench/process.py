"""One gateway process on loopback: time to ready, processor share, memory."""

import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, sleep

from knxgw.host.memory import SERVICE_ENVIRONMENT

READY_TIMEOUT_S = 30.0
POLL_S = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a process used over a while."""

    processor_percent: float  # of one core
    rss_mib: float


class GatewayProcess:
    """`knxgw run`, as a service begins it, on a configuration whose website listens on 127.0.0.1."""

    def __init__(self, site: Path, state: Path, port: int) -> None:
        self._health = f"http://127.0.0.1:{port}/health"
        started_s = perf_counter()
        command = [
            sys.executable,
            "-m",
            "knxgw",
            "run",
            "--config",
            str(site),
            "--state",
            str(state),
        ]
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            command,
            env=os.environ | SERVICE_ENVIRONMENT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._wait_ready()
        self.ready_s = perf_counter() - started_s

    def _wait_ready(self) -> None:
        end_s = perf_counter() + READY_TIMEOUT_S
        while perf_counter() < end_s:
            try:
                with urllib.request.urlopen(self._health, timeout=1.0) as answer:  # noqa: S310 - loopback
                    if answer.status == 200:
                        return
            except (urllib.error.URLError, OSError):
                pass
            sleep(POLL_S)
        self.stop()
        raise TimeoutError("the gateway was not ready in time")

    def cost(self, seconds: float) -> Cost:
        """Return what the process uses over some seconds."""
        before_s = self._cpu_s()
        sleep(seconds)
        share = (self._cpu_s() - before_s) / seconds * 100
        return Cost(processor_percent=round(share, 2), rss_mib=round(self.rss_mib(), 1))

    def stop(self) -> None:
        """End the process in order."""
        self._process.terminate()
        self._process.wait(10)

    def _cpu_s(self) -> float:
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss_mib(self) -> float:
        """Return how much memory it has."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024


@contextmanager
def gateway_process(site: Path, state: Path, port: int) -> Iterator[GatewayProcess]:
    """Run a gateway until the block ends; it is ready when the block begins."""
    process = GatewayProcess(site, state, port)
    try:
        yield process
    finally:
        process.stop()
