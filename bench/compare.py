"""Compare the gateway with the bare xknx responder: same namespaces, same client, in turns.

    python -m bench.compare --way tunnel --address 1/2/3,1/2/4 -- COMMAND ...

Needs root, iproute2 and, for tunnels, knxd. In COMMAND, {local_ip}, {knxd_host} and {knxd_port}
are filled in; they are always 10.77.0.2, 10.77.0.1 and 3671, so a file may state them too.
"""

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Literal, get_args

from tests.support.knxd import KNXNETIP_PORT, Knxd
from tests.support.netns import Lab

READY_TIMEOUT_S = 60.0
MEASUREMENT_TIMEOUT_S = 180.0
WARM_UP_READS = {"tunnel": 200, "own tunnel": 200, "own tunnel by TCP": 200, "routing": 40}
WARM_UP_RATE_PER_S = 40.0  # no responder may take a backlog into its measurement
_LATENCY = (sys.executable, "-m", "bench.knx_latency")
Figures = dict[str, float]
Way = Literal["tunnel", "own tunnel", "own tunnel by TCP", "routing"]
# own: the gateway is the tunnelling server, and bare xknx stands behind knxd, which has UDP only


class NotReadyError(Exception):
    """The responder did not answer in time; carries the end of what it printed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What to measure, and how."""

    way: Way
    addresses: tuple[str, ...]  # group addresses that both responders answer
    count: int = 2000
    outstanding: int = 1  # tunnel only
    rate_per_s: float = 40.0  # routing only
    drain_s: float = 1.0  # routing only


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """All runs, the medians over them, and gateway divided by bare for each figure."""

    bare_runs: list[Figures]
    gateway_runs: list[Figures]
    bare: Figures = field(default_factory=dict)
    gateway: Figures = field(default_factory=dict)
    ratios: Figures = field(default_factory=dict)

    @classmethod
    def of(cls, bare_runs: list[Figures], gateway_runs: list[Figures]) -> "Comparison":
        """Return the comparison of the runs; a figure that is 0 for bare has no ratio."""
        bare, gateway = medians(bare_runs), medians(gateway_runs)
        return cls(
            bare_runs=bare_runs,
            gateway_runs=gateway_runs,
            bare=bare,
            gateway=gateway,
            ratios={name: round(gateway[name] / bare[name], 3) for name in bare if bare[name]},
        )


def medians(runs: Sequence[Figures]) -> Figures:
    """Return the median of each figure over the runs; of what was lost, the most."""
    middle = {name: round(statistics.median(run[name] for run in runs), 3) for name in runs[0]}
    return {**middle, "lost": max(run["lost"] for run in runs)}


def compare(
    command: Sequence[str],
    task: Task,
    *,
    companions: Sequence[Sequence[str]] = (),
    env: Mapping[str, str] | None = None,
    runs: int = 5,
) -> Comparison:
    """Measure the bare responder and `command` in turn, `runs` times each.

    `companions` are commands the gateway needs beside it (Modbus simulators); they run throughout,
    for both. Raises: NotReadyError.
    """
    bare_command = _bare_command(task)
    bare_runs: list[Figures] = []
    gateway_runs: list[Figures] = []
    with tempfile.TemporaryDirectory(prefix="knxgw-bench-") as name, Lab() as lab:
        bench = _Bench(lab, Path(name), task, env or {})
        for number, companion in enumerate(companions):
            output = Path(name) / f"companion{number}.log"
            lab.gateway.popen(*_filled(companion), env=env, stdout=output)
        for _ in range(runs):
            bare_runs.append(bench.measured(bare_command, behind_knxd=task.way != "routing"))
            gateway_runs.append(bench.measured(_filled(command), behind_knxd=task.way == "tunnel"))
    return Comparison.of(bare_runs, gateway_runs)


@dataclass(frozen=True, slots=True)
class _Bench:
    lab: Lab
    directory: Path
    task: Task
    env: Mapping[str, str]

    def measured(self, command: Sequence[str], *, behind_knxd: bool) -> Figures:
        """Start the responder, warm it up, measure it, end it."""
        log = self.directory / "responder.log"
        log.unlink(missing_ok=True)
        host = self.lab.address(self.lab.server if behind_knxd else self.lab.gateway)
        with self._bus(behind_knxd=behind_knxd):
            process = self.lab.gateway.popen(*command, env=self.env, stdout=log)
            try:
                self._wait_until_it_answers(process, log, host)
                self._read(host, WARM_UP_READS[self.task.way])
                return self._read(host, self.task.count, self.task.rate_per_s)
            finally:
                self.lab.gateway.stop(process)

    @contextlib.contextmanager
    def _bus(self, *, behind_knxd: bool) -> Iterator[None]:
        if behind_knxd:  # a fresh one, so that no tunnel of the last run is left
            with Knxd(self.lab.server, self.directory, routing=False):
                yield
        else:  # the client reaches the responder from host to host
            yield

    def _wait_until_it_answers(
        self, process: subprocess.Popen[bytes], log: Path, host: str
    ) -> None:
        deadline_s = perf_counter() + READY_TIMEOUT_S
        while not self._answers(host):
            if process.poll() is not None or perf_counter() > deadline_s:
                said = log.read_text(errors="replace")[-2000:]
                raise NotReadyError(f"no answer from {process.args!r}; it said:\n{said}")

    def _answers(self, host: str) -> bool:
        try:
            return not self._read(host, len(self.task.addresses))["lost"]
        except NotReadyError:  # nobody listens yet
            return False

    def _read(self, host: str, count: int, rate_per_s: float = WARM_UP_RATE_PER_S) -> Figures:
        task = self.task
        argv = ["--local-ip", self.lab.address(self.lab.client), "--count", str(count)]
        argv += ["--address", ",".join(task.addresses)]
        if task.way == "routing":
            way = "routing"
            argv += ["--rate", str(rate_per_s), "--drain", str(task.drain_s)]
        else:
            way = "tunnel"
            argv += ["--gateway", f"{host}:{KNXNETIP_PORT}", "--outstanding", str(task.outstanding)]
            is_own = host == self.lab.address(self.lab.gateway)
            argv += ["--tcp"] if is_own and task.way == "own tunnel by TCP" else []
        result = self.lab.client.run(
            *_LATENCY, f"measure-{way}", *argv, timeout_s=MEASUREMENT_TIMEOUT_S
        )
        if result.returncode:
            raise NotReadyError(f"the measuring client failed:\n{result.stderr}")
        figures: Figures = json.loads(result.stdout)
        return figures


def _bare_command(task: Task) -> list[str]:
    way = ["--routing"] if task.way == "routing" else ["--tunnel", "{knxd_host}:{knxd_port}"]
    argv = [*_LATENCY, "responder", *way, "--local-ip", "{local_ip}"]
    return _filled([*argv, "--address", ",".join(task.addresses)])


def _filled(command: Sequence[str]) -> list[str]:
    filled = list(command)
    for name, value in (
        ("{local_ip}", "10.77.0.2"),
        ("{knxd_host}", "10.77.0.1"),
        ("{knxd_port}", str(KNXNETIP_PORT)),
    ):
        filled = [word.replace(name, value) for word in filled]
    return filled


def main(argv: Sequence[str] | None = None) -> None:
    """Compare and print JSON."""
    parser = argparse.ArgumentParser(prog="compare", description="Compare with bare xknx.")
    parser.add_argument("--way", choices=get_args(Way), required=True)
    parser.add_argument("--address", required=True, help="group addresses: GA,GA")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--outstanding", type=int, default=1)
    parser.add_argument("--rate", type=float, default=40.0)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("command", nargs="+", help="the gateway's command line, after --")
    arguments = parser.parse_args(argv)
    task = Task(
        way=arguments.way,
        addresses=tuple(arguments.address.split(",")),
        count=arguments.count,
        outstanding=arguments.outstanding,
        rate_per_s=arguments.rate,
    )
    print(json.dumps(asdict(compare(arguments.command, task, runs=arguments.runs)), indent=2))


if __name__ == "__main__":
    main()
