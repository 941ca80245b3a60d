"""The simulator: the devices of a site on this computer, steered by lines that a person types."""

import asyncio
import codecs
import os
import shlex
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

from knxgw.catalogue.load import catalogue
from knxgw.commands.terminal import Screen
from knxgw.config.load import LoadedConfiguration, parse_configuration, read_configuration
from knxgw.config.model import Configuration
from knxgw.config.objects import smart_meter_on_knx
from knxgw.ending import Stop, run_to_end
from knxgw.errors import ConfigError, GatewayError, RejectedError
from knxgw.sim.console import HELP, obey
from knxgw.sim.demo import DEVICES, FIRST_DEVICE_PORT, FIRST_WEB_PORT, USUAL_GROUP, demo_site
from knxgw.sim.knx_meter import knx_meter
from knxgw.sim.loopback import (
    LOOPBACK_INTERFACE,
    Claim,
    ClaimedError,
    claim_line,
    line_directory,
    listening_interfaces,
    may_listen,
)
from knxgw.sim.rehearsal import Rehearsal, by_place, rehearse
from knxgw.sim.site import SimulatedSite
from knxgw.sim.site_copy import site_copy, write_copy

CHUNK = 4096
DEMO_NAME = "demo_site.yaml"
Take = Callable[[str], None]


def run_simulator(path: Path | None, copy: Path | None) -> None:
    """Simulate the devices of a site until `quit` or a signal; write a copy of its file before.

    Raises: ConfigError, GatewayError.
    """
    text, loaded = _read(path)
    if loaded.configuration is None:
        raise ConfigError(loaded.findings)
    rehearsal = rehearse(
        loaded.configuration,
        name=DEMO_NAME if path is None else str(path.absolute()),
        line_path=_line_path(loaded.configuration, path),
        may_listen=may_listen,
    )
    if copy is not None:
        _write(text, path, copy, rehearsal)
    with ExitStack() as claims:
        _claim(rehearsal.configuration, claims)
        run_to_end(_simulate(rehearsal, path, copy))


def _read(path: Path | None) -> tuple[str, LoadedConfiguration]:
    """Return a site's file as text and as it is understood; without a path the demo's site."""
    if path is not None:
        return read_configuration(path, catalogue())
    ports = range(FIRST_DEVICE_PORT, FIRST_DEVICE_PORT + DEVICES)
    text = demo_site(FIRST_WEB_PORT, USUAL_GROUP, ports)
    return text, parse_configuration(text, catalogue(), name=DEMO_NAME)


def _line_path(configuration: Configuration, path: Path | None) -> Path:
    """Return the name a serial adapter gets here: the same each time, another for each site."""
    if configuration.serial is None:
        return Path()
    site = path.stem if path is not None else "site"
    adapter = Path(configuration.serial.port).name
    return line_directory() / f"{site}-{adapter}"


def _write(text: str, path: Path | None, copy: Path, rehearsal: Rehearsal) -> None:
    named = path.name if path is not None else DEMO_NAME
    if path is not None and copy.exists() and copy.samefile(path):
        raise GatewayError(f"{copy} is the site's own file: name another one for the copy")
    notes = [f"# What is not as in {named}:", *(f"#   {one}" for one in _differences(rehearsal))]
    made = site_copy(
        text, rehearsal.edits, rehearsal.configuration, catalogue(), "\n".join(notes) + "\n"
    )
    write_copy(copy, made)


def _differences(rehearsal: Rehearsal) -> list[str]:
    moved = [
        f"{simulated} in place of {real}"
        for simulated, real in by_place(rehearsal.places)
        if simulated != real
    ]
    return [*moved, *rehearsal.notes] or ["nothing"]


def _claim(configuration: Configuration, claims: ExitStack) -> None:
    """See that nobody else is where this site is simulated. Raises: GatewayError."""
    line = configuration.serial
    if line is not None and "://" not in line.port:
        claims.callback(claim_line(Path(line.port)).release)
    if smart_meter_on_knx(configuration.load_management) is None:
        return
    group = configuration.knx.multicast_group
    try:
        claims.callback(Claim(f"group {group}").release)
    except ClaimedError as err:
        raise GatewayError(
            f"a demo or another simulated site has the multicast group {group} on this computer, "
            "and both would hear each other's smart meter: end it, or give this site another "
            "knx.multicast_group"
        ) from err
    others = [one for one in listening_interfaces(group) if one != LOOPBACK_INTERFACE]
    if others:
        raise GatewayError(
            f"a program on this computer listens to the multicast group {group} at {others[0]} and "
            "would take the simulated smart meter for a real one: give this site another "
            "knx.multicast_group, such as 239.255.23.12"
        )


async def _simulate(rehearsal: Rehearsal, path: Path | None, copy: Path | None) -> None:
    configuration = rehearsal.configuration
    stop = Stop()
    screen = Screen(stop.asked.set)
    site = SimulatedSite(configuration, asyncio.get_running_loop().time)
    await site.start()
    try:
        async with asyncio.TaskGroup() as group:
            running = [group.create_task(site.run_physics())]
            site.knx_meter = knx_meter(configuration, site.house)
            if site.knx_meter is not None:
                running.append(group.create_task(site.knx_meter.run()))
            for line in (*_introduction(rehearsal, site, path, copy), HELP):
                screen.say(line)
            async with _typed_lines(_commands(site, screen, stop)):
                await stop.asked.wait()
            for task in running:
                task.cancel()
    finally:
        await site.stop()


# --- what is said at the start -------------------------------------------------------------------


def _introduction(
    rehearsal: Rehearsal, site: SimulatedSite, path: Path | None, copy: Path | None
) -> list[str]:
    lines = [
        f"listening on {simulated}: {', '.join(devices)}"
        + (f", in place of {real}" if real != simulated else "")
        for (simulated, real), devices in by_place(rehearsal.places).items()
    ]
    if not lines:
        lines.append("no device of this site is on Modbus")
    lines += rehearsal.notes
    if site.knx_meter is not None:
        lines.append(str(site.knx_meter))
    return [*lines, *_next_step(rehearsal, path, copy)]


def _next_step(rehearsal: Rehearsal, path: Path | None, copy: Path | None) -> list[str]:
    """Say how a gateway is run against this."""
    if copy is not None or (path is not None and not rehearsal.edits):
        file = shlex.quote(str(copy or path))
        run = f"knxgw run --config {file} --state ./rehearsal-state"
        return ["the gateway, in another terminal:", f"  {run}"]
    if path is None:
        return ["for a gateway: start again with `--write demo.yaml`"]
    again = f"knxgw sim --site {shlex.quote(str(path))} --write rehearsal.yaml"
    changes = [
        f"  {'.'.join(str(part) for part in edit.key)}: {'null' if edit.value is None else edit.value}"
        for edit in rehearsal.edits
    ]
    return [
        "the gateway needs a copy of the file with other addresses; this writes one:",
        f"  {again}",
        "or change these lines in a copy of your own:",
        *changes,
    ]


# --- what is typed -------------------------------------------------------------------------------


def _commands(site: SimulatedSite, screen: Screen, stop: Stop) -> Take:
    """Return what carries out a typed line."""

    def take(line: str) -> None:
        if stop.asked.is_set() or not line.strip():
            return
        try:
            screen.say(obey(site, line))
        except RejectedError as err:
            screen.say(str(err))
        except EOFError:
            stop.asked.set()

    return take


@asynccontextmanager
async def _typed_lines(take: Take) -> AsyncIterator[None]:
    """Hand over what comes on the standard input, line by line; its end ends nothing."""
    reader = _Lines(take)
    try:
        descriptor = sys.stdin.fileno()
    except (AttributeError, OSError, ValueError):  # closed, or none at all
        yield
        return
    loop = asyncio.get_running_loop()
    try:
        loop.add_reader(descriptor, _read_some, descriptor, reader, loop)
    except OSError:  # a file, which is always ready
        while reader.take(_read_now(descriptor)):
            pass
        yield
        return
    try:
        yield
    finally:
        loop.remove_reader(descriptor)


def _read_some(descriptor: int, reader: "_Lines", loop: asyncio.AbstractEventLoop) -> None:
    if not reader.take(_read_now(descriptor)):  # nobody types any more: go on simulating
        loop.remove_reader(descriptor)


def _read_now(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, CHUNK)
    except OSError:
        return b""  # the terminal is gone


class _Lines:
    """Makes lines of what comes in pieces, several at once where they were pasted."""

    def __init__(self, take: Take) -> None:
        self._take = take
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._rest = ""

    def take(self, data: bytes) -> bool:
        """Take a piece, nothing at the end; tell whether more may come."""
        text = self._rest + self._decoder.decode(data, final=not data)
        *lines, self._rest = text.split("\n")
        if not data:
            lines, self._rest = [*lines, self._rest], ""
        for line in lines:
            self._take(line)
        return bool(data)
