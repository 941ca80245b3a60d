"""The demo without a configuration: simulated devices wait for somebody to configure the device.

The device is as it is unpacked: without a name, a KNX connection and charging points. Whatever is configured, its
website stays at the address of the demo, and KNX routing in the demo's group on 127.0.0.1. Chargers, meters and KNX
interfaces are on this computer: those of anybody's installation are refused, because the demo would control them.
"""

import asyncio
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from ipaddress import ip_address
from pathlib import Path

import click

from knxgw.catalogue.messages import Message, message
from knxgw.config.devices import devices
from knxgw.config.model import Configuration, KnxLinkKind
from knxgw.errors import GatewayError
from knxgw.judgement import judge_unconfigured
from knxgw.links.knx_discovery import KnxIpDevice, describe
from knxgw.living import open_store
from knxgw.master_file import MasterFile
from knxgw.run import judge_of, serve_configurations
from knxgw.sim.demo import Visits, come_and_go, live_in
from knxgw.sim.knx_interface import HERE, NAME, knx_interface
from knxgw.sim.site import SimulatedSite
from knxgw.store import initial_password
from knxgw.website.commissioning import Network, Surroundings
from knxgw.website.listener import Address

LOOK_S, MOST_LOOKS = 0.1, 600
# long enough for a first charge
VISITS = Visits(shortest_s=900.0, longest_s=1800.0, fullest=0.7)
NO_FILE = "none.yaml"


async def run_empty(configuration: Configuration, *, seconds: float | None, seed: int) -> None:
    """Run a device without charging points beside the simulated devices of a site, until Ctrl-C.

    Raises: GatewayError.
    """
    site = SimulatedSite(configuration, asyncio.get_running_loop().time)
    await site.start()
    try:
        with tempfile.TemporaryDirectory(prefix="knxgw-demo-") as folder:
            await _run(configuration, site, Path(folder), seconds=seconds, seed=seed)
    finally:
        await site.stop()


async def _run(
    configuration: Configuration,
    site: SimulatedSite,
    state: Path,
    *,
    seconds: float | None,
    seed: int,
) -> None:
    where = Address(configuration.website.host, configuration.website.port)
    master = MasterFile(state / NO_FILE, state, may_be_missing=True)
    prepared = judge_unconfigured(state, where).prepared
    if prepared is None:
        raise GatewayError("the demo cannot start: its address or its folder is in use")
    interface = knx_interface()
    await interface.start()
    surroundings = Surroundings(
        networks=lambda: (_network_of(configuration),),
        search_knx=partial(_search_knx, interface.port),
        confined=partial(_confined, demo=configuration),
        refuses=_refused,
    )
    try:
        with open_store(state) as store:
            async with asyncio.TaskGroup() as group:
                actors: list[asyncio.Task[None]] = [group.create_task(site.run_physics())]
                for number, charger in site.chargers.items():
                    actors.append(group.create_task(come_and_go(number, charger, seed, VISITS)))
                actors.append(group.create_task(live_in(site.house, seed)))
                actors.append(
                    group.create_task(_say(configuration, str(where), state, interface.port))
                )
                try:
                    async with asyncio.timeout(seconds):
                        await serve_configurations(
                            prepared,
                            store,
                            judge_of(master, state, surroundings),
                            master,
                            surroundings,
                        )
                except TimeoutError:
                    pass
                for actor in actors:
                    actor.cancel()
    finally:
        await interface.stop()
        prepared.release()


def _confined(configuration: Configuration, *, demo: Configuration) -> Configuration:
    """Return what a configuration means in the demo: nothing of it leaves this computer."""
    website, knx = configuration.website, configuration.knx
    here = replace(website, host=demo.website.host, port=demo.website.port)
    if knx.link is KnxLinkKind.ROUTING:
        group = demo.knx.multicast_group
        knx = replace(knx, local_ip=demo.knx.local_ip, multicast_group=group)
    return replace(configuration, website=here, knx=knx)


def _refused(host: str | None) -> Message | None:
    """Return why something is not reached from the demo; None: it is on this computer, as all simulated devices are."""
    return None if host is not None and _is_here(host) else message("demo_only_simulated")


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


async def _search_knx(port: int, _local_ip: str | None) -> Sequence[KnxIpDevice]:
    """Return the simulated KNX IP interface, asked at its address: nothing is searched for by multicast."""
    found = await describe(HERE, port, HERE)
    return () if found is None else (found,)


def _network_of(configuration: Configuration) -> Network:
    """Return where the simulated devices are: the set-up finds them as it finds real ones."""
    ports = dict.fromkeys(device.connection.port for device in devices(configuration))
    return Network(name="127.0.0.1/32", hosts=("127.0.0.1",), ports=tuple(ports))


async def _say(configuration: Configuration, listen: str, state: Path, knx_port: int) -> None:
    """Say where the website is, its first password, and what waits to be configured."""
    password = None
    for _ in range(MOST_LOOKS):  # it is made while the device starts
        if (password := initial_password.read(state)) is not None:
            break
        await asyncio.sleep(LOOK_S)
    click.echo(
        f"website http://{listen}/, first password {password} · Ctrl-C ends\n"
        "The device is not configured yet: open Status, Set up the device. These devices wait:\n"
        f"  {NAME} at {HERE}, port {knx_port}"
    )
    for line in _waiting(configuration):
        click.echo(f"  {line}")


def _waiting(configuration: Configuration) -> Iterable[str]:
    for device in devices(configuration):
        one = device.connection
        connector = f", connector {one.connector}" if one.connector > 1 else ""
        yield f"{device.model.id} at {one.host}, port {one.port}, unit {one.unit}{connector}"
