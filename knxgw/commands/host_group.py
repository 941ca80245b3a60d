"""`knxgw host` and the commands below it: their words and options."""

from pathlib import Path

import click

_state = click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("/var/lib/knxgw"),
    show_default=True,
    help="State directory of the gateway.",
)


@click.group(short_help="Network and time of this machine: the side that runs as root.")
def host() -> None:
    """Change the network and the time of this machine when the gateway asks for it.

    The gateway itself may not change the machine. Its website leaves a file below host/ in the state
    directory, network-wanted.json or time-wanted.json; the service knxgw-host-network or knxgw-host-time
    runs `knxgw host apply` as root, which reads the file, checks every value again, and carries it out.
    Neither of them has the rights of the other. This works where systemd-networkd manages the network
    and systemd-timesyncd the time. Elsewhere the website shows the settings and leaves them to the host.
    """


@host.command(name="apply", short_help="Carry out what the gateway wants (as root).")
@click.argument("side", type=click.Choice(["network", "time"]))
@_state
def apply_command(state: Path, side: str) -> None:
    """Carry out what the gateway wants of the network, or of time and machine.

    The services knxgw-host-network and knxgw-host-time run this as root. "time" sets time servers and
    clock, and restarts the machine. "network" changes the network: a change that may cut
    off the browser is waited for, and unless somebody confirms it on the website within 120 s, the
    settings of before hold again. A change that was not confirmed when this was killed or the machine
    lost power is taken back first. It ends when nothing is left to do.

    Exit status: 0 good, 1 it has to be tried again: start it once more.
    """
    from knxgw.commands.host import apply  # noqa: PLC0415 - each command loads what it needs
    from knxgw.commands.log import set_up_log  # noqa: PLC0415 - as above
    from knxgw.host.root_folder import Side  # noqa: PLC0415 - as above

    set_up_log(0)
    apply(state, Side(side))


@host.command(name="return-unconfirmed", short_help="Take back an unconfirmed change (as root).")
def return_unconfirmed_command() -> None:
    """Take back a change of the network that nobody has confirmed, before the network starts.

    The service knxgw-host-return runs this at each start of the machine, before systemd-networkd reads
    its files. It needs neither the gateway nor room on the disk.
    """
    from knxgw.commands.host import return_unconfirmed  # noqa: PLC0415 - see `apply_command`

    return_unconfirmed()


@host.command(name="show", short_help="Show who manages network and time here.")
@_state
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of lines.")
def show_command(state: Path, *, as_json: bool) -> None:
    """Show who manages network and time of this machine, and whether the root side answers.

    Changes nothing, and needs no rights beyond those to read the state directory.
    """
    from knxgw.commands.host import show  # noqa: PLC0415 - see `apply_command`

    show(state, as_json=as_json)
