"""One judgement for `check`, the start and a reload: what the file says, and what the machine says.

Whatever a gateway needs before its first write is taken here: the keyring is opened, the state
directory locked, the website's address bound. What `check` calls good, `run` starts and SIGHUP
takes.
"""

import errno
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TYPE_CHECKING

from knxgw.catalogue.load import catalogue
from knxgw.catalogue.messages import Message, message
from knxgw.config.load import (
    LoadedConfiguration,
    ReadFile,
    load_configuration,
    parse_configuration,
    read_configuration,
)
from knxgw.config.model import Configuration
from knxgw.errors import ConfigError, FileLine, Finding, GatewayError, Severity
from knxgw.host.clock import system_clock
from knxgw.links.knx_factory import link_origin, make_link
from knxgw.links.knx_port import BusAttachment
from knxgw.store.certificate_files import CertificateFiles
from knxgw.store.lock import FILE_NAME as LOCK_NAME
from knxgw.store.lock import StateInUseError, StateLock
from knxgw.store.trouble import unusable
from knxgw.website.commissioning import UNCONFINED, Surroundings
from knxgw.website.listener import Address, Listener
from knxgw.website.names import certificate_names

PROCESS_HEADER, SITE_HEADER = "X-Knxgw-Process", "X-Knxgw-Site"
ASK_S = 2.0  # for an answer from the program that has the website's address
SITE_DIGITS = 16
LISTEN_KEY = "website.listen"
LISTEN_VARIABLE = "KNXGW_LISTEN"  # address of the website of a device without a configuration

if TYPE_CHECKING:
    from knxgw.website.certificate import Certificate


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What a gateway needs before its first write; nothing of it can fail any more."""

    configuration: Configuration | None  # None: the device is not configured
    link: BusAttachment | None
    listener: Listener
    file: Path | None = None
    text: str = ""  # what the file said
    lock: StateLock | None = None
    certificate: "Certificate | None" = None  # the website is encrypted with it
    link_origin: object = None  # what the link was made from; the same makes the same link
    warnings: tuple[Finding, ...] = ()  # risks of the configuration, for as long as it runs

    def release(self, running: "Prepared | None" = None) -> None:
        """Let go what was taken, but for what a running one has, too."""
        if running is None or self.listener is not running.listener:
            self.listener.close()
        if self.lock is not None:
            self.lock.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What was found; `prepared` is None if the gateway cannot run like that."""

    findings: tuple[Finding, ...]  # by line
    prepared: Prepared | None = None
    left_out: tuple[str, ...] = ()  # what was not looked at
    loaded: LoadedConfiguration | None = None  # of `judge_file`

    @property
    def held_by(self) -> Message | None:
        """Return the gateway that runs on this machine, as far as the judgement has met one."""
        for finding in self.findings:
            words = finding.words
            if isinstance(words, Message) and words.id in _OF_A_RUNNING_GATEWAY:
                holder = words.arguments["holder"]
                return holder if isinstance(holder, Message) else None
        return None


_OF_A_RUNNING_GATEWAY = (
    "listen_held_by_itself",
    "listen_held_by_gateway",
    "state_held_by_itself",
)


def judge_start(path: Path, state: Path) -> Judgement:
    """Judge a file for a start on a state directory; what is taken belongs to the caller."""
    text, loaded = read_configuration(path, catalogue())
    if loaded.configuration is None:
        return Judgement(findings=loaded.findings)
    link, findings = _link(loaded, loaded.configuration)
    lock, in_the_way = _locked(state)
    findings += in_the_way
    is_ours = lock is not None
    certificate, risks = _certificate(loaded, loaded.configuration, state, may_renew=is_ours)
    findings += risks
    listener = Listener(_address(loaded.configuration))
    findings += _open(listener, loaded)
    prepared = Prepared(
        configuration=loaded.configuration,
        link=link,
        certificate=certificate,
        listener=listener,
        file=path,
        text=text,
        lock=lock,
        link_origin=link_origin(loaded.configuration.knx),
    )
    return _judgement(loaded, findings, prepared)


def judge_unconfigured(state: Path, address: Address | None = None) -> Judgement:
    """Judge the start of a device without a configuration; what is taken is the caller's.

    It has its website at `address`, else where a file without one would have it, and no KNX link.
    """
    lock, findings = _locked(state)
    certificate, risks = _kept(state, None, may_renew=lock is not None)
    findings += risks
    listener = Listener(address or default_address())
    prepared = Prepared(
        configuration=None, link=None, listener=listener, lock=lock, certificate=certificate
    )
    findings += _open_without_file(listener)
    if any(one.severity is Severity.ERROR for one in findings):
        prepared.release()
        return Judgement(findings=tuple(findings))
    return Judgement(findings=tuple(findings), prepared=prepared)


def _open_without_file(listener: Listener) -> list[Finding]:
    """Take the address of a website that no file names, or say why not."""
    try:
        listener.open()
    except OSError as err:
        words, severity = _why_not(listener.address, err, None)
        place = FileLine("no configuration", 0, LISTEN_KEY)
        return [Finding(place=place, words=words, severity=severity)]
    return []


def _locked(state: Path) -> tuple[StateLock | None, list[Finding]]:
    """Take the state directory, or say why not."""
    try:
        return StateLock(state), []
    except (StateInUseError, OSError) as err:
        return None, [_state_finding(state, err)]


def judge_reload(
    path: Path,
    running: Prepared,
    *,
    state: Path | None = None,
    text: str | None = None,
    surroundings: Surroundings = UNCONFINED,
) -> Judgement:
    """Judge a file for a reload; what the running gateway has is handed over where it fits.

    `state`: where the device keeps certificates of its own. `text`: what the file is about to say; without
    it, what it says now. `surroundings`: of the device, in which its configuration means something else.
    """
    if text is None and running.configuration is None and state is not None and not path.exists():
        return judge_unconfigured_again(running, state)
    text, loaded = _read(path, text)
    loaded = surroundings.meant(loaded)
    if loaded.configuration is None:
        return Judgement(findings=loaded.findings)
    link, findings = _link(loaded, loaded.configuration)
    certificate, risks = _certificate(loaded, loaded.configuration, state, may_renew=True)
    findings += risks
    wanted = _address(loaded.configuration)
    listener = running.listener
    if wanted != listener.address:
        listener = Listener(wanted)
        if not _is_blocked_by(running.listener, wanted):
            findings += _open(listener, loaded, would_lose_website=True)
    origin = link_origin(loaded.configuration.knx)
    prepared = Prepared(
        configuration=loaded.configuration,
        link=running.link if origin == running.link_origin else link,
        listener=listener,
        certificate=certificate,
        file=path,
        text=text,
        link_origin=origin,
    )
    return _judgement(loaded, findings, prepared, running)


def judge_unconfigured_again(
    running: Prepared, state: Path, website_at: Address | None = None
) -> Judgement:
    """Judge going on without a configuration: there is still none, or nobody has confirmed the first one.

    A certificate may have been made meanwhile. `website_at`: where the website answered before the first
    configuration; None: where it answers now.
    """
    certificate, findings = _kept(state, None, may_renew=True)
    listener = running.listener
    if website_at is not None and website_at != listener.address:
        listener = Listener(website_at)
        if not _is_blocked_by(running.listener, website_at):  # else once that one is closed
            findings += _open_without_file(listener)
    prepared = Prepared(
        configuration=None,
        link=None if running.configuration is not None else running.link,
        listener=listener,
        certificate=certificate,
    )
    if any(one.severity is Severity.ERROR for one in findings):
        prepared.release(running)
        return Judgement(findings=tuple(findings))
    return Judgement(findings=tuple(findings), prepared=prepared)


def check_text(
    path: Path, text: str, surroundings: Surroundings = UNCONFINED
) -> LoadedConfiguration:
    """Return what `check` would find in a file if it said `text`; nothing is taken or asked.

    `surroundings`: of the device that would take it.
    """
    return surroundings.meant(_read(path, text).loaded)


def _read(path: Path, text: str | None) -> ReadFile:
    """Return what a file says, or what it is about to say (`text`), and what that means."""
    if text is None:
        return read_configuration(path, catalogue())
    loaded = parse_configuration(text, catalogue(), name=path.name, directory=path.parent)
    return ReadFile(text, loaded)


def judge_file(path: Path, state: Path | None = None, *, offline: bool = False) -> Judgement:
    """Judge a file without taking anything.

    A gateway that runs with this very file has its address and its state directory: that is no
    mistake of the file. `offline`: without what this machine must have or be.
    """
    loaded = load_configuration(path, catalogue(), is_offline=offline)
    if loaded.configuration is None:
        return Judgement(findings=loaded.findings)
    if offline:
        reach = _reach(loaded, loaded.configuration)
        return Judgement(findings=_in_order(loaded, reach), left_out=_MACHINE, loaded=loaded)
    _, findings = _link(loaded, loaded.configuration)
    certificate, risks = _certificate(loaded, loaded.configuration, state)
    findings += risks
    findings += [] if certificate is not None else _reach(loaded, loaded.configuration)
    if state is not None:
        findings += _look_at_state(state)
    listener = Listener(_address(loaded.configuration))
    findings += _open(listener, loaded, asked_for=site_of(path))
    listener.close()
    return Judgement(findings=_in_order(loaded, findings), loaded=loaded)


_MACHINE = (
    "the keyring's file, its password and the tunnel's address in it",
    "the website's certificate and its key",
    "whether the website's address is free",
    "the state directory",
)


def site_of(path: Path) -> str:
    """Return what tells a configuration file from others without naming it."""
    return sha256(os.fsencode(path.resolve())).hexdigest()[:SITE_DIGITS]


def identity(file: Path | None) -> Mapping[str, str]:
    """Return the headers by which a running gateway identifies itself."""
    site = {} if file is None else {SITE_HEADER: site_of(file)}
    return {PROCESS_HEADER: str(os.getpid()), **site}


def _judgement(
    loaded: LoadedConfiguration,
    findings: list[Finding],
    taken: Prepared,
    running: Prepared | None = None,
) -> Judgement:
    """Return what was taken, or let it go again where anything is missing."""
    found = _in_order(loaded, findings)
    if any(one.severity is Severity.ERROR for one in findings):
        taken.release(running)
        return Judgement(findings=found)
    warnings = tuple(one for one in found if one.severity is Severity.WARNING)
    return Judgement(findings=found, prepared=replace(taken, warnings=warnings))


def _in_order(loaded: LoadedConfiguration, findings: list[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted((*loaded.findings, *findings), key=lambda one: one.line))


# --- KNX -----------------------------------------------------------------------------------------


def _link(
    loaded: LoadedConfiguration, configuration: Configuration
) -> tuple[BusAttachment | None, list[Finding]]:
    """Make the link, with what the keyring secures; nothing is connected yet."""
    try:
        link = make_link(configuration.knx)
    except ConfigError as err:
        return None, [loaded.located(finding) for finding in err.findings]
    risks = link.risks if link is not None else ()
    return link, [loaded.located(finding) for finding in risks]


# --- website -------------------------------------------------------------------------------------


def _address(configuration: Configuration) -> Address:
    return Address(configuration.website.host, configuration.website.port)


def _certificate(
    loaded: LoadedConfiguration,
    configuration: Configuration,
    state: Path | None,
    *,
    may_renew: bool = False,
) -> "tuple[Certificate | None, list[Finding]]":
    """Read the website's certificate and its key, if it has any: the file names it, or it is kept."""
    website = configuration.website
    if website.certificate is None or website.key is None:
        return _kept(state, configuration, may_renew=may_renew)
    # what reads it takes a while to load, and most have none
    from knxgw.website.certificate import load_certificate  # noqa: PLC0415

    try:
        found = load_certificate(Path(website.certificate), Path(website.key))
    except ConfigError as err:
        return None, [loaded.located(finding) for finding in err.findings]
    return found, [loaded.located(finding) for finding in found.findings(system_clock())]


def _kept(
    state: Path | None, configuration: Configuration | None, *, may_renew: bool
) -> "tuple[Certificate | None, list[Finding]]":
    """Read the certificate that the device keeps, if there is one; a start renews what it has made."""
    if state is None or not (files := CertificateFiles(state)).kept():
        return None, []
    from knxgw.website.kept_certificate import kept_certificate  # noqa: PLC0415 - as above

    names = partial(certificate_names, configuration) if may_renew else None
    return kept_certificate(files, system_clock(), names)


def _reach(loaded: LoadedConfiguration, configuration: Configuration) -> list[Finding]:
    """Say that more than this machine reaches the website; that is how it is delivered."""
    if configuration.website.is_local or configuration.website.certificate is not None:
        return []
    words = message("website_reached_from_the_network", address=str(_address(configuration)))
    return [loaded.finding(LISTEN_KEY, words, Severity.NOTE)]


def default_address(environment: Mapping[str, str] = os.environ) -> Address:
    """Return where the website answers unless a configuration says something else. Raises: GatewayError.

    The environment variable KNXGW_LISTEN takes the place of the default.
    """
    (listen,) = [one for one in catalogue().parameters if one.key == LISTEN_KEY]
    wanted = environment.get(LISTEN_VARIABLE) or str(listen.default)
    host, _, port = wanted.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise GatewayError(f"{LISTEN_VARIABLE}={wanted} is no address; write it as 0.0.0.0:8080")
    return Address(host, int(port))


def _is_blocked_by(running: Listener, wanted: Address) -> bool:
    """Tell whether an address is free as soon as the running gateway leaves its own."""
    if not running.is_open or running.address.port != wanted.port:
        return False
    try:
        probe = Listener(wanted)
        probe.open()
        probe.close()
    except OSError as err:
        return err.errno == errno.EADDRINUSE
    return False


def _open(
    listener: Listener,
    loaded: LoadedConfiguration,
    *,
    asked_for: str | None = None,
    would_lose_website: bool = False,
) -> list[Finding]:
    """Take the website's address; `asked_for`: only look, for a check of that site.

    Charging does not wait for the website, which tries again, so an address that cannot be had is a
    warning. It is an error if a gateway has it, or if the website that is up would be lost for it
    (`would_lose_website`). Source: operation 71 to 73.
    """
    try:
        listener.open()
    except OSError as err:
        words, severity = _why_not(listener.address, err, asked_for)
        if would_lose_website and err.errno in {errno.EADDRINUSE, errno.EACCES}:
            severity = Severity.ERROR
        return [loaded.finding(LISTEN_KEY, words, severity)]
    return []


def _why_not(address: Address, err: OSError, asked_for: str | None) -> tuple[Message, Severity]:
    """Return what to say about an address that cannot be had, and how bad it is."""
    at = str(address)
    if err.errno == errno.EADDRINUSE:
        return _held_by(at, _who_serves(address), asked_for)
    if isinstance(err, socket.gaierror):
        why = message("listen_name_not_known", address=at)
    elif err.errno == errno.EADDRNOTAVAIL:
        why = message("listen_address_not_ours", address=at)
    elif err.errno == errno.EACCES:
        why = message("listen_not_allowed", address=at)
    else:
        why = message("listen_fails", address=at, reason=err.strerror or str(err))
    return why, Severity.WARNING


def _held_by(at: str, holder: "Holder", asked_for: str | None) -> tuple[Message, Severity]:
    """Return what to say about an address that another process has, and how bad that is."""
    words = holder.words()
    if asked_for is not None and holder.may_be(asked_for):
        return message("listen_held_by_itself", address=at, holder=words), Severity.NOTE
    if holder.is_gateway:  # it may control the same chargers
        return message("listen_held_by_gateway", address=at, holder=words), Severity.ERROR
    return message("listen_address_in_use", address=at, holder=words), Severity.WARNING


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has the website's address, as far as it says."""

    is_gateway: bool = False
    process: str | None = None
    site: str | None = None

    def may_be(self, site: str) -> bool:
        """Tell whether it is the gateway of a site; one of an earlier version does not say."""
        return self.is_gateway and self.site in (site, None)

    def words(self) -> Message:
        """Return which program it is."""
        if not self.is_gateway:
            return message("another_program")
        return running_gateway(self.process)


def running_gateway(process: str | int | None) -> Message:
    """Return what a running gateway is called, by its process if it says so."""
    if process is None:
        return message("running_gateway")
    return message("running_gateway_process", process=process)


def _who_serves(address: Address) -> Holder:
    """Ask which program answers at an address that is taken."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address.host, address.host)  # noqa: S104 - read
    connection = HTTPConnection(host, address.port, timeout=ASK_S)
    try:
        connection.request("GET", "/health")
        answer = connection.getresponse()
        if answer.getheader("Server") != "knxgw":
            return Holder()
        process = answer.getheader(PROCESS_HEADER)
        return Holder(
            is_gateway=True,
            process=process if process and process.isdigit() else None,
            site=answer.getheader(SITE_HEADER),
        )
    except (OSError, HTTPException):
        return Holder()
    finally:
        connection.close()


# --- state ---------------------------------------------------------------------------------------


def gateway_on(directory: Path) -> Message | None:
    """Return the gateway that runs with a state directory, if this user can see that."""
    if not (directory / LOCK_NAME).exists():
        return None
    try:
        StateLock(directory).close()
    except StateInUseError as err:
        return running_gateway(err.process)
    except OSError:
        pass
    return None


def _look_at_state(directory: Path) -> list[Finding]:
    """Look whether a state directory could be used, without making one."""
    if not directory.exists():
        return []
    try:
        StateLock(directory).close()
    except StateInUseError as err:
        words = message("state_held_by_itself", holder=running_gateway(err.process))
        place = FileLine(str(directory), 0, "")
        return [Finding(place=place, words=words, severity=Severity.NOTE)]
    except OSError as err:
        return [_state_finding(directory, err)]
    return []


def _state_finding(directory: Path, error: StateInUseError | OSError) -> Finding:
    words = error.words if isinstance(error, StateInUseError) else unusable(directory, error)
    return Finding(place=FileLine(str(directory), 0, ""), words=words)
