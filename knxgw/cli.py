"""The commands: their words and options.

Exit status: 0 good, 1 the thing asked about is not good, 2 wrong use.
"""

import signal
import sys
from pathlib import Path

import click
from click.core import ParameterSource

from knxgw import __version__
from knxgw.commands.firmware_group import firmware
from knxgw.commands.group import Commands
from knxgw.commands.host_group import host
from knxgw.commands.log import set_up_log

DEFAULT_CONFIG = Path("/etc/knxgw/knxgw.yaml")
DEFAULT_STATE = Path("/var/lib/knxgw")
_FILE = click.Path(path_type=Path, readable=False)  # whoever opens it says what is wrong with it
_DIRECTORY = click.Path(path_type=Path, file_okay=False)
_LISTS = ("table", "json")  # of group objects
_GROUP_ADDRESSES = ("ets-csv", "ets-xml", "config")


_state = click.option(
    "--state",
    type=_DIRECTORY,
    default=DEFAULT_STATE,
    show_default=True,
    help="Directory for what must survive a restart.",
)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="knxgw")
def main() -> None:
    """Run the open KNX gateway for EV charging.

    Start with `knxgw demo` (no hardware needed), then write a configuration file, test it with
    `knxgw check FILE`, and run it with `knxgw run --config FILE`.
    """


@main.command(short_help="Run the gateway until SIGTERM or Ctrl-C.")
@click.option(
    "--config",
    "path",
    type=_FILE,
    default=DEFAULT_CONFIG,
    show_default=True,
    help="Configuration file of the site.",
)
@_state
@click.option("--verbose", "-v", count=True, help="More log lines: -v values, -vv every telegram.")
@click.pass_context
def run(context: click.Context, path: Path, state: Path, verbose: int) -> None:
    """Run the gateway of a configuration file until SIGTERM or Ctrl-C.

    On SIGHUP it reads the file again; if the file is faulty, it reports that and keeps the running
    configuration. Without --config, and without a file at the default place, the device has a
    configuration of its own in the state directory; until its website has written one, it controls
    no charger.
    """
    # one that comes during the start waits until there is a gateway that it can ask (Stop)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    from knxgw.run import run_gateway  # noqa: PLC0415 - each command loads what it needs

    set_up_log(verbose)
    is_default = context.get_parameter_source("path") is ParameterSource.DEFAULT
    run_gateway(path, state, may_be_missing=is_default)


@main.command(short_help="Show a gateway at work with simulated cars.")
@click.option("--seconds", type=float, help="Stop after this many seconds.")
@click.option("--seed", type=int, default=1, show_default=True, help="Seed of the simulated cars.")
@click.option(
    "--fault",
    type=click.IntRange(1, 5),
    help="The charger of this charging point stops answering after 20 s.",
)
@click.option(
    "--empty", is_flag=True, help="Begin without charging points, to configure them on the website."
)
@click.option("--verbose", "-v", count=True, help="Show the log instead of the table.")
def demo(*, seconds: float | None, seed: int, fault: int | None, empty: bool, verbose: int) -> None:
    """Show a gateway at work: five simulated charging points, cars that come and go.

    KNX runs on multicast of the loopback interface (224.0.23.12:3671, or a group of its own if
    another program on this computer uses that one), and the status page on 127.0.0.1. The first
    lines show both addresses. Ctrl-C ends the demo.

    With --empty the simulated chargers are there, but the device does not know them: configure it on
    its website (Configuration), as you would a new one.
    """
    from knxgw.commands.demo import run_demo  # noqa: PLC0415 - see `run`

    if verbose:
        set_up_log(verbose - 1)
    run_demo(seconds=seconds, seed=seed, show_log=bool(verbose), fault_at=fault, is_empty=empty)


@main.command(short_help="Simulate the chargers and meters of a site.")
@click.option("--site", type=_FILE, help="Configuration with the devices to simulate.")
@click.option(
    "--write",
    "copy",
    type=_FILE,
    help="Write a copy of the configuration with the simulated addresses.",
)
def sim(site: Path | None, copy: Path | None) -> None:
    """Simulate the chargers and meters of a site, whatever its addresses, on this computer.

    \b
        knxgw sim --site garage.yaml --write rehearsal.yaml
        knxgw run --config rehearsal.yaml --state ./rehearsal-state

    Run the second command in another terminal. A host of the file becomes 127.x.x.x, a port below
    1024 becomes one 10000 higher, and a serial adapter becomes a pseudo terminal; the same file
    gives the same addresses each time, and the first lines list them. A smart meter on KNX sends on
    multicast of the loopback interface. Nothing reaches a real device or the real bus.

    Commands on the standard input plug vehicles in and out, change the building's load and break
    devices; `help` lists them. Without a file, the site of the demo is simulated.
    """  # noqa: D301 - click wants the character itself
    from knxgw.commands.simulator import run_simulator  # noqa: PLC0415 - see `run`

    set_up_log(0)
    run_simulator(site, copy)


@main.command(short_help="Run and judge scenarios of load management in virtual time.")
@click.argument("scenarios", nargs=-1, required=True, type=_FILE, metavar="SCENARIO...")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def bench(scenarios: tuple[Path, ...], *, as_json: bool) -> None:
    """Run scenarios of load management in virtual time and check their expectations.

    A SCENARIO is a YAML file: a site (fuse, building, smart meter, charging points, cars), what
    happens when, and what is expected. The gateway's own rules run against simulated cars. The
    command prints the verdict, a timeline of offers and loads, and figures such as the overcurrent
    integral. It connects to nothing and needs no hardware.

    The smallest scenario, a single car on a 35 A line that takes 16 A in the end:

    \b
        base_a: 4
        points: 1
        expect:
          - {by: 36, offers_a: 16}
          - {load_at_most_a: 32}

    docs/bench.md explains every key; tests/scenarios/ has many examples. Exit status: 0 if all
    expectations are met, 1 if one is not, 2 if a file is faulty.
    """  # noqa: D301 - click wants the character itself
    from knxgw.commands.bench import run_bench  # noqa: PLC0415 - see `run`

    sys.exit(run_bench(scenarios, as_json=as_json))


@main.command(short_help="Report mistakes and risks of a configuration file.")
@click.argument("file", type=_FILE)
@click.option("--state", type=_DIRECTORY, help="Check this state directory as well.")
@click.option("--offline", is_flag=True, help="Check only the file, not this machine.")
@click.option("--online", is_flag=True, help="Also ask chargers, meters and the KNX interface.")
@click.option(
    "--timeout-s",
    "limit_s",
    type=click.FloatRange(min=1),
    default=60,
    show_default=True,
    help="With --online: seconds for all of it.",
)
def check(file: Path, state: Path | None, *, offline: bool, online: bool, limit_s: float) -> None:
    """Report every mistake and risk of a configuration FILE, with line, cause and remedy.

    \b
        knxgw check garage.yaml             the file and this machine
        knxgw check --offline garage.yaml   the file only
        knxgw check --online garage.yaml    also what only the network can say

    `run` and SIGHUP accept a file that passes this check: it opens the keyring and tries the
    website's address. An address that a running gateway uses is not a mistake. Run the check as the
    gateway's user. On another machine, or without the keyring's password, use `--offline`, which
    lists what it did not check.

    With `--online` it looks at every charger and meter, the KNX interface and the keyring: does the
    host answer, does the model match, is a tunnel free, do values of the smart meter come? It only
    reads: no charger gets another current, and on KNX it opens a tunnel and reads the smart meter.
    What does not answer is a warning. Before the gateway is started is the right time: the
    connections of a running gateway are left alone. Ctrl-C ends it with what is known.

    Exit status: 1 if there is an error or Ctrl-C ended it, 0 if there are only warnings and notes.
    """  # noqa: D301 - click wants the character itself
    if offline and online:
        raise click.UsageError("give either --offline or --online")
    if online:
        from knxgw.commands.check_online import check_online  # noqa: PLC0415 - see `run`

        _end(is_good=check_online(file, state, DEFAULT_STATE, limit_s=limit_s))
    from knxgw.commands.check import check_file  # noqa: PLC0415 - see `run`

    _end(is_good=check_file(file, state, offline=offline))


@main.command(short_help="Print the group objects: number, function, types, flags.")
@click.argument("words", nargs=-1, metavar="[WORD]...")
@click.option("--config", "path", type=_FILE, help="Only the objects this site has.")
@click.option(
    "--format",
    "shape",
    type=click.Choice([*_LISTS, *_GROUP_ADDRESSES]),
    default="table",
    show_default=True,
    help="A list to read, or group addresses.",
)
@click.option("--main", type=click.IntRange(0, 31), help="Main group of new group addresses.")
@click.option(
    "--middle", type=click.IntRange(0, 7), help="First middle group of new group addresses."
)
@click.option("--language", type=click.Choice(["en", "de"]), help="Language of names.")
@click.option("--output", type=_FILE, help="Write to this new file.")
def objects(  # noqa: PLR0913, PLR0917 - one per option
    words: tuple[str, ...],
    path: Path | None,
    shape: str,
    main: int | None,
    middle: int | None,
    language: str | None,
    output: Path | None,
) -> None:
    """Print the group objects: number, flags, function, datapoint types, addresses.

    \b
        knxgw objects                      the whole map
        knxgw objects --config FILE        those of a site, with their addresses
        knxgw objects 55                   one number
        knxgw objects energy 13.010        every word must match

    M marks objects that exist only if the charger or its meter supplies them.

    Group addresses of a site, for the import of ETS and for the configuration file:

    \b
        knxgw objects --config FILE --format ets-csv --output groups.csv
        knxgw objects --config FILE --format ets-xml --main 4 --language de
        knxgw objects --config FILE --format config

    The first two hold the group addresses with names and datapoint types, by
    charging point; the last one the section group_objects that links them.
    Addresses in FILE are kept. An object that has none gets a free one, always
    the same: in the middle group of its charging point where that has addresses
    already, else in one of its own. The general objects begin at --middle
    (default: 0), and the charging points follow. Without --main it is the main
    group of FILE, else 10. --language is that of FILE unless it is given.

    Exit status: 1 if no object matches, or if the addresses have no room.
    """  # noqa: D301 - click wants the character itself
    from knxgw.commands.listing import list_objects  # noqa: PLC0415 - see `run`
    from knxgw.ets.exported import AddressWishes  # noqa: PLC0415 - see `run`

    wishes = AddressWishes(main=main, middle=middle, language=language)
    if shape in _LISTS and wishes != AddressWishes():
        *first, last = _GROUP_ADDRESSES
        raise click.UsageError(
            f"--main, --middle and --language are for group addresses: add --format {', '.join(first)} or {last}"
        )
    _end(is_good=list_objects(words, path, shape, output, wishes))


@main.command(name="import-ets", short_help="Take links of group objects from an ETS project.")
@click.argument("project", type=_FILE)
@click.option("--device", metavar="IA", help="Individual address of the device whose links count.")
@click.option("--password-file", type=_FILE, help="File with the password of the project.")
@click.option("--output", type=_FILE, help="Write the YAML to this new file.")
@click.option("--config", "path", type=_FILE, help="Compare with this configuration of the site.")
@click.option("--keyring", type=_FILE, help="Look for the keys of secured addresses here.")
@click.option("--keyring-password-file", type=_FILE, help="File with the keyring's password.")
@click.option(
    "--accept-proposals",
    "least",
    type=click.Choice(["high", "medium", "low"]),
    help="Take links that names suggest, from this confidence on.",
)
def import_ets(  # noqa: PLR0913, PLR0917 - one for each option
    project: Path,
    device: str | None,
    password_file: Path | None,
    output: Path | None,
    path: Path | None,
    keyring: Path | None,
    keyring_password_file: Path | None,
    least: str | None,
) -> None:
    """Take the links of group objects from what ETS exported, and print them as YAML.

    \b
        knxgw import-ets house.knxproj --output links.yaml
        knxgw import-ets house.knxproj --password-file password.txt
        knxgw import-ets house.knxproj --device 1.1.20 --config knxgw.yaml
        knxgw import-ets addresses.csv --accept-proposals high
        knxgw import-ets house.knxkeys --config knxgw.yaml

    PROJECT is a project of ETS 4, 5 or 6 (.knxproj), a list of group addresses (CSV or XML), or a
    keyring (.knxkeys). From a project it takes the links of this gateway, or of a device that uses
    its object numbers, and says of each object what was taken, changed or left out. Without such a
    device it proposes links by the names and types of group addresses; they stand in the YAML as
    comments until you accept them.

    A project needs the extra `ets` of the package; docs/ets.md says how to install it. A password
    comes from a file or from the keyboard.

    Exit status: 0 if there are links or proposals, 1 if not.
    """  # noqa: D301 - click wants the character itself
    from knxgw.commands.import_ets import Request  # noqa: PLC0415 - see `run`
    from knxgw.commands.import_ets import import_ets as run_import  # noqa: PLC0415 - see `run`
    from knxgw.ets.propose import Confidence  # noqa: PLC0415 - see `run`

    request = Request(
        project=project,
        device=device,
        password_file=password_file,
        output=output,
        config=path,
        keyring=keyring,
        keyring_password_file=keyring_password_file,
        least=Confidence(least) if least else None,
    )
    run_import(request)


@main.command(short_help="Print the charger and meter models that the gateway knows.")
@click.argument("words", nargs=-1, metavar="[chargers|meters] [WORD]...")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def models(words: tuple[str, ...], *, as_json: bool) -> None:
    """Print the charger and meter models that the gateway knows.

    \b
        knxgw models                 all of them
        knxgw models meters          only meters
        knxgw models keba            manufacturer, product or id with this word
        knxgw models chargers amtron professional

    The first column is what `model` takes in a configuration file.
    Exit status: 1 if no model matches.
    """  # noqa: D301 - click wants the character itself
    from knxgw.commands.listing import list_models  # noqa: PLC0415 - see `run`

    _end(is_good=list_models(words, as_json=as_json))


@main.command(short_help="Find out which known model answers at an address.")
@click.argument("address")
@click.option(
    "--units", help="Units to query, such as 1-10 or 1,2,255; every one of them is queried."
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=1),
    default=180,
    show_default=True,
    help="Maximum duration.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def probe(address: str, units: str | None, seconds: float, *, as_json: bool) -> None:
    """Find out which known charger or meter answers at an ADDRESS, without writing to it.

    \b
        knxgw probe tcp://192.168.1.31         port 502, the usual units
        knxgw probe tcp://192.168.1.31:1502/1  another port, and only unit 1
        knxgw probe rtu_over_tcp://192.168.1.40:4001
                                               behind a serial server
        knxgw probe serial:/dev/ttyUSB0        settings as delivered
        knxgw probe 'serial:/dev/ttyUSB0?baud=9600&parity=N' --units 1-30

    It reads one value at a time, no faster than the device allows. Most devices take a few seconds;
    a KEBA accepts two requests a second and takes 50 s.

    The result lists each candidate with its evidence, and the lines for the configuration file for
    the best one. Models of one family have the same registers: compare with the type plate.

    Stop the gateway first: a serial line has one master, and a device that accepts only one client
    would drop it. Give the unit if you know it: that is quicker and causes less traffic.

    Exit status: 0 if a device was recognised, 1 if not, 2 if the address is faulty.
    """  # noqa: D301 - click wants the character itself
    from knxgw.commands.probe import probe_address  # noqa: PLC0415 - see `run`

    _end(is_good=probe_address(address, units, seconds, as_json=as_json))


@main.command(short_help="Show the initial password of the website, or restore it.")
@click.option("--initial", is_flag=True, help="Show the initial password.")
@click.option("--reset", is_flag=True, help="Let the owner log in with it again.")
@_state
def password(state: Path, *, initial: bool, reset: bool) -> None:
    """Show the initial password of the website, or restore it.

    The gateway makes the initial password at its first start. The first log-in asks for another one,
    and the initial password is refused from then on. With --reset the owner logs in with it once
    more, and has to change it again; the owner's sessions end. A gateway that runs goes on.
    """
    from knxgw.commands.password import ask_for_reset, show_initial  # noqa: PLC0415 - see `run`

    if initial == reset:
        raise click.UsageError("give either --initial or --reset")
    if initial:
        show_initial(state)
    else:
        ask_for_reset(state)


@main.command(name="device-certificate", short_help="Show the device certificate for KNX Secure.")
@_state
def device_certificate(state: Path) -> None:
    """Show the device certificate for KNX Secure: as text, and as a QR code.

    ETS needs it once, to take the device into a project with KNX Secure. It contains the serial number
    and the factory key (FDSK), which the gateway makes at its first start and keeps for good: a factory
    reset goes back to it. It appears in no log and on no page.
    """
    from knxgw.commands.device_certificate import show_device_certificate  # noqa: PLC0415 - see `run`

    show_device_certificate(state)


@main.command(name="factory-reset", short_help="Reset the device to its factory settings.")
@click.option("--yes", "is_sure", is_flag=True, help="Do not ask.")
@_state
def factory_reset(state: Path, *, is_sure: bool) -> None:
    """Reset the device to its factory settings.

    Lost: configuration, parameters and group addresses, accounts, sessions and energy history, faults,
    keyrings, an uploaded certificate, the network settings (then DHCP), the password of the website (then
    the initial one). Kept: the firmware, the initial password, the factory key and the numbers of KNX Secure.

    A gateway that runs as a service does it and starts again; it takes a few seconds. Where none runs,
    it is done at once. A configuration file of the host (/etc/knxgw/knxgw.yaml) is set aside as long as it
    stays as it is.
    """
    from knxgw.commands.factory_reset import reset_device  # noqa: PLC0415 - see `run`

    reset_device(state, DEFAULT_CONFIG, is_sure=is_sure)


@main.command(short_help="Show or make the certificate of the website.")
@click.option("--make", is_flag=True, help="Make one, or renew the one there is with the same key.")
@click.option("--remove", is_flag=True, help="Remove what the device keeps; http is back.")
@click.option(
    "--config",
    "path",
    type=_FILE,
    default=DEFAULT_CONFIG,
    show_default=True,
    help="Configuration file of the site: its host names, and a certificate that it names.",
)
@_state
@click.pass_context
def certificate(
    context: click.Context, path: Path, state: Path, *, make: bool, remove: bool
) -> None:
    """Show or make the certificate of the website.

    Without an option it shows the certificate that is there: its names, its dates, and its SHA-256
    fingerprint, which you compare with the one that the browser shows.

    With --make the device makes a certificate of its own: ECDSA P-256, for localhost, the host names
    and the addresses of this computer, valid for 820 days. It stands in the state directory, only the
    gateway can read it, and the website answers by https from the next start or SIGHUP on; the
    configuration need not name it. Until somebody has logged in by https, http works as well. The
    gateway renews it with the same key when it ends in less than 30 days or an address has changed.

    Where the configuration names website.certificate and website.key, --make writes these files; a
    key that is there is kept.

    Exit status: 0 there is a certificate, 1 there is none or it cannot be used.
    """
    from knxgw.commands.certificate import (  # noqa: PLC0415 - see `run`
        make_certificate,
        place_of,
        remove_certificates,
        show_certificate,
    )

    if make and remove:
        raise click.UsageError("give either --make or --remove")
    is_default = context.get_parameter_source("path") is ParameterSource.DEFAULT
    place = place_of(path, state, may_be_missing=is_default)
    if make:
        make_certificate(place)
    elif remove:
        remove_certificates(place)
    else:
        show_certificate(place)


main.add_command(firmware)
main.add_command(host)


def _end(*, is_good: bool) -> None:
    sys.exit(0 if is_good else 1)
