"""Runs the garage in real time: a gateway process, simulated chargers on Modbus TCP, a meter on KNX.

All of it is on 127.0.0.1. The gateway is `knxgw run` with a configuration file, in a process of its
own; it reaches the chargers over TCP and the KNX line through a tunnel.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.process import GatewayProcess
from bench.realtime import garage
from bench.realtime.comparison import Agreement, Setpoints, compare
from bench.realtime.line_server import interface_on
from bench.realtime.player import Player
from knxgw.config.model import Configuration
from knxgw.links.modbus import quiet_pymodbus
from knxgw.sim.bench.scenario import Scenario
from knxgw.sim.loopback import free_port
from knxgw.sim.site import SimulatedSite
from tests.support.knx_line import MemoryLine

PROGRESS_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RealTimeFigures:
    """What came of it."""

    minutes: float
    points: int
    agreement: Agreement
    late_s: float  # by how much an event happened too late, at worst
    load_average: float  # of the machine, over the last 15 minutes


def measure(directory: Path, *, minutes: float) -> RealTimeFigures:
    """Play the garage for so long; needs loopback only."""
    quiet_pymodbus()
    return asyncio.run(play(garage.events(minutes), directory))


async def play(scenario: Scenario, directory: Path) -> RealTimeFigures:
    """Let the events happen to a gateway process, and compare."""
    line = MemoryLine()
    async with interface_on(line) as tunnel_port:
        website_port = free_port(0)
        text = garage.site_text(
            scenario,
            knx=f'link: tunnelling, gateway: "127.0.0.1:{tunnel_port}", local_ip: 127.0.0.1',
            website=f'listen: "127.0.0.1:{website_port}"',
            ports=[free_port(0) for _ in range(garage.ENDPOINTS)],
        )
        path = directory / "garage.yaml"
        path.write_text(text, encoding="utf-8")
        configuration = garage.configuration_of(text)
        predicted = garage.prediction(scenario, configuration)
        async with (
            _simulated(configuration) as site,
            Player(scenario, site, line, configuration) as player,
            _gateway(path, directory / "realtime", website_port),
        ):
            await player.play(player.next_beginning_s(), _progress(player, predicted))
    return RealTimeFigures(
        minutes=scenario.duration_s / garage.MINUTE_S,
        points=len(scenario.points),
        agreement=compare(scenario, configuration, player.held, predicted),
        late_s=player.late_s,
        load_average=os.getloadavg()[2],
    )


@asynccontextmanager
async def _simulated(configuration: Configuration) -> AsyncGenerator[SimulatedSite, None]:
    """Run the chargers and their cars."""
    site = SimulatedSite(configuration, asyncio.get_running_loop().time)
    await site.start()
    try:
        async with asyncio.TaskGroup() as group:
            physics = group.create_task(site.run_physics())
            try:
                yield site
            finally:
                physics.cancel()
    finally:
        await site.stop()


@asynccontextmanager
async def _gateway(path: Path, state: Path, port: int) -> AsyncGenerator[None, None]:
    """Run the gateway process; threads wait for it, so that the simulators go on meanwhile."""
    process = await asyncio.to_thread(GatewayProcess, path, state, port)
    try:
        yield
    finally:
        await asyncio.to_thread(process.stop)


def _progress(player: Player, predicted: Setpoints) -> Callable[[float], None]:
    """Return what prints a line each minute: setpoints as they are held, and as predicted."""
    next_line_at_s = [0.0]

    def tell(now_s: float) -> None:
        if now_s < next_line_at_s[0]:
            return
        next_line_at_s[0] += PROGRESS_S
        held = " ".join(f"{steps.last / 1000:.1f}" for steps in player.held.values())
        bench = " ".join(f"{steps.at(now_s) / 1000:.1f}" for steps in predicted.values())
        print(f"minute {now_s / PROGRESS_S:.0f}: held {held} A, predicted {bench} A", flush=True)

    return tell
