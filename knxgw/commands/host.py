"""`knxgw host`: the side with the rights that the gateway does not have, and what it says."""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click

from knxgw.errors import GatewayError
from knxgw.host.adapters import ROOT
from knxgw.host.answer import (
    network_answer_bytes,
    read_network_answer,
    read_time_answer,
    time_answer_bytes,
)
from knxgw.host.asking import answer_in
from knxgw.host.clock import boot_id, is_synchronised, system_clock
from knxgw.host.linux_machine import TIME_FILE, LinuxMachine, boot_s
from knxgw.host.network_files import FOLDER as NETWORK_FOLDER
from knxgw.host.network_files import NetworkFiles
from knxgw.host.network_side import NetworkSide
from knxgw.host.networkd_file import read_text
from knxgw.host.root_folder import RootFolder, Side
from knxgw.host.root_side import Clock, HostError, Post
from knxgw.host.time_side import TimePlaces, TimeSide
from knxgw.host.wanted import (
    NetworkWanted,
    TimeWanted,
    WantedError,
    read_network_wanted,
    read_time_wanted,
)


def apply(state: Path, side: Side) -> None:
    """Carry out what the gateway of a state directory wants of one side. Raises: GatewayError."""
    _refuse_without_rights()
    try:
        with _folder(state, side) as folder:
            if side is Side.NETWORK:
                _network_side(folder).run()
            else:
                _time_side(folder).run()
    except (OSError, WantedError, HostError) as err:
        raise GatewayError(f"what the gateway wants cannot be carried out: {err}") from err


@contextmanager
def _folder(state: Path, side: Side) -> Iterator[RootFolder]:
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(RootFolder.opened(state, side))
        except (OSError, WantedError):
            if side is Side.NETWORK:  # the way back needs nobody who asks for it
                _give_back(_network_files(), LinuxMachine().take_network)
            raise
        yield folder


def _network_side(folder: RootFolder) -> NetworkSide:
    def take() -> NetworkWanted | None:
        content = folder.take()
        return None if content is None else read_network_wanted(content)

    post = Post(
        take=take,
        answer=lambda answer: folder.answer(network_answer_bytes(answer)),
        last=lambda: read_network_answer(folder.last_answer()),
    )
    return NetworkSide(LinuxMachine(), post, _clock(), _network_files(), boot_id())


def _time_side(folder: RootFolder) -> TimeSide:
    def take() -> TimeWanted | None:
        content = folder.take()
        return None if content is None else read_time_wanted(content)

    post = Post(
        take=take,
        answer=lambda answer: folder.answer(time_answer_bytes(answer)),
        last=lambda: read_time_answer(folder.last_answer()),
    )
    places = TimePlaces(
        time_servers=ROOT / TIME_FILE, change_waits=lambda: _network_files().is_unconfirmed
    )
    return TimeSide(LinuxMachine(), post, _clock(), places, boot_id())


def _clock() -> Clock:
    return Clock(now_s=boot_s, utc_now=system_clock, sleep=time.sleep)


def return_unconfirmed() -> None:
    """Let the network be as before a change that nobody has confirmed, for networkd to read at its start.

    Raises: GatewayError.
    """
    _refuse_without_rights()
    try:
        _give_back(_network_files(), lambda: None)
    except OSError as err:
        raise GatewayError(f"the last change of the network cannot be taken back: {err}") from err


def _give_back(files: NetworkFiles, take: Callable[[], None]) -> None:
    if files.is_unconfirmed:
        files.give_back(take)
        click.echo("the last change of the network was not confirmed; the settings before it hold")


def show(state: Path, *, as_json: bool) -> None:
    """Print who manages the network and the time of this machine. Raises: GatewayError."""
    machine = LinuxMachine()
    try:
        written = read_text(_network_files().text())
    except OSError as err:
        raise GatewayError(f"the settings of the network cannot be read: {err}") from err
    adapter = machine.adapter("" if written is None else written.adapter)
    network = answer_in(state, Side.NETWORK, read_network_answer, boot_id())
    of_time = answer_in(state, Side.TIME, read_time_answer, boot_id())
    rows = {
        "adapter": "" if adapter is None else adapter.name,
        "network managed by": machine.manager(adapter).value,
        "settings written by": "" if written is None else written.source.value,
        "time service": "systemd-timesyncd" if machine.has_time_service() else "",
        "clock synchronised": "yes" if is_synchronised() else "no",
        "root side, network": _answers(network),
        "root side, time": _answers(of_time),
        "last change": ""
        if network is None or network.network is None
        else network.network.phase.value,
    }
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for name, value in rows.items():
        click.echo(f"{name:20}{value or '-'}")


def _answers(said: object | None) -> str:
    return "does not answer" if said is None else "answers"


def _network_files() -> NetworkFiles:
    return NetworkFiles(ROOT / NETWORK_FOLDER)


def _refuse_without_rights() -> None:
    if os.geteuid() != 0:
        raise GatewayError(
            "this changes the network of the machine: run it as root. The service knxgw-host does "
            "that when the gateway asks for it"
        )
