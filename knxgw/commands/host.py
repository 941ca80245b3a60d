"""`knxgw host`: the side with the rights that the gateway does not have, and what it says."""

import json
import logging
import os
import time
from pathlib import Path

import click

from knxgw.errors import GatewayError
from knxgw.host.adapters import ROOT
from knxgw.host.answer import LARGEST, Answer, answer_bytes, read_answer
from knxgw.host.clock import boot_id, is_synchronised, system_clock
from knxgw.host.linux_machine import TIME_FILE, LinuxMachine, boot_s
from knxgw.host.network_files import FOLDER as NETWORK_FOLDER
from knxgw.host.network_files import NetworkFiles
from knxgw.host.networkd_file import read_text
from knxgw.host.root_folder import ANSWER, FOLDER, RootFolder
from knxgw.host.root_side import Clock, HostError, Places, Post, RootSide
from knxgw.host.wanted import Wanted, WantedError, read_wanted

log = logging.getLogger(__name__)


def apply(state: Path) -> None:
    """Carry out what the gateway of a state directory wants. Raises: GatewayError."""
    _refuse_without_rights()
    try:
        with RootFolder.opened(state) as folder:
            side = RootSide(
                LinuxMachine(),
                _post(folder),
                Clock(now_s=boot_s, utc_now=system_clock, sleep=time.sleep),
                Places(network=_network_files(), time_servers=ROOT / TIME_FILE),
                boot_id(),
            )
            side.run()
    except (OSError, WantedError, HostError) as err:
        raise GatewayError(f"what the gateway wants cannot be carried out: {err}") from err


def return_unconfirmed() -> None:
    """Let the network be as before a change that nobody has confirmed, for networkd to read at its start.

    Raises: GatewayError.
    """
    _refuse_without_rights()
    files = _network_files()
    try:
        if files.is_unconfirmed:
            files.give_back(lambda: None)
            click.echo(
                "the last change of the network was not confirmed; the settings before it hold"
            )
    except OSError as err:
        raise GatewayError(f"the last change of the network cannot be taken back: {err}") from err


def show(state: Path, *, as_json: bool) -> None:
    """Print who manages the network and the time of this machine. Raises: GatewayError."""
    machine = LinuxMachine()
    try:
        written = read_text(_network_files().text())
    except OSError as err:
        raise GatewayError(f"the settings of the network cannot be read: {err}") from err
    adapter = machine.adapter("" if written is None else written.adapter)
    said = _last_answer(state)
    rows = {
        "adapter": "" if adapter is None else adapter.name,
        "network managed by": machine.manager(adapter).value,
        "settings written by": "" if written is None else written.source.value,
        "time service": "systemd-timesyncd" if machine.has_time_service() else "",
        "clock synchronised": "yes" if is_synchronised() else "no",
        "root side": "answers"
        if said is not None and said.boot == boot_id()
        else "does not answer",
        "last change": "" if said is None or said.network is None else said.network.phase.value,
    }
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for name, value in rows.items():
        click.echo(f"{name:20}{value or '-'}")


def _post(folder: RootFolder) -> Post:
    def take() -> Wanted | None:
        content = folder.take()
        return None if content is None else read_wanted(content)

    return Post(
        take=take,
        answer=lambda answer: folder.answer(answer_bytes(answer)),
        last=lambda: read_answer(folder.last_answer()),
    )


def _last_answer(state: Path) -> Answer | None:
    try:
        with (state / FOLDER / ANSWER).open("rb") as file:
            return read_answer(file.read(LARGEST))
    except OSError:
        return None


def _network_files() -> NetworkFiles:
    return NetworkFiles(ROOT / NETWORK_FOLDER)


def _refuse_without_rights() -> None:
    if os.geteuid() != 0:
        raise GatewayError(
            "this changes the network of the machine: run it as root. The service knxgw-host does "
            "that when the gateway asks for it"
        )
