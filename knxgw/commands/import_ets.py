"""`knxgw import-ets`: links of group objects from what ETS exported."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click

from knxgw.catalogue.ets_words import ets_words
from knxgw.catalogue.load import catalogue
from knxgw.catalogue.messages import message
from knxgw.config.addresses import parse_individual_address
from knxgw.config.load import load_configuration
from knxgw.config.model import Configuration, GroupAddress
from knxgw.config.not_allowed import NotAllowedError
from knxgw.errors import ConfigError, FileLine, Finding, Worded
from knxgw.ets.address_list import LARGEST_LIST
from knxgw.ets.archive_guard import ZIP, ProjectArchive, check_archive
from knxgw.ets.imported import Imported, Wanted, import_project, secured_links, warn_about_keys
from knxgw.ets.keyring_match import keyring_report
from knxgw.ets.match_objects import Locate, expected_objects
from knxgw.ets.project import EtsFileError, EtsProject
from knxgw.ets.project_process import read_project
from knxgw.ets.propose import Confidence
from knxgw.ets.read_group_addresses import read_group_addresses
from knxgw.links.keyring_contents import NO_KNX, read_contents
from knxgw.links.knx_factory import read_password

KEYRING_SUFFIX = ".knxkeys"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked for on the command line."""

    project: Path
    device: str | None = None
    password_file: Path | None = None
    output: Path | None = None
    config: Path | None = None
    keyring: Path | None = None
    keyring_password_file: Path | None = None
    least: Confidence | None = None  # of proposals that are accepted; None: none is


def import_ets(request: Request) -> None:
    """Print what is taken, changed and left out, and the YAML of it.

    Raises: ConfigError, a file cannot be used; click.UsageError.
    """
    device = _individual_address(request.device)
    if request.output is not None and request.output.exists():
        raise _refused(request.output, message("ets_output_exists"))
    configuration = _configuration(request.config)
    if request.project.suffix.lower() == KEYRING_SUFFIX:
        own = replace(
            request,
            keyring=request.project,
            keyring_password_file=request.keyring_password_file or request.password_file,
        )
        links = configuration.group_objects.values() if configuration else ()
        linked = tuple(dict.fromkeys(one for link in links for one in link.addresses))
        _say(_keyring_findings(own, configuration, device, linked, ()))
        return
    language = configuration.device.language if configuration else "en"
    project = _read(request, language)
    wanted = Wanted(
        file=request.project.name,
        expected=expected_objects(catalogue(), configuration),
        words=ets_words(),
        configuration=configuration,
        device=device,
        least=request.least,
        language=language,
    )
    imported = import_project(project, wanted, _locate(request.project))
    findings = (*imported.findings, *_keys(request, configuration, project, imported))
    if request.output is None:  # what is said of the YAML must not stand in it
        _say(findings, to_stderr=True)
        click.echo(imported.text, nl=False)
    else:
        _say(findings)
        _write(request.output, imported.text)
        click.echo(f"written: {request.output}")


# --- files ------------------------------------------------------------------------------------------


def _configuration(path: Path | None) -> Configuration | None:
    """Return the site of a file. Raises: ConfigError."""
    if path is None:
        return None
    loaded = load_configuration(path, catalogue(), is_offline=True)
    if loaded.configuration is None:
        raise ConfigError(loaded.findings)
    return loaded.configuration


def _read(request: Request, language: str) -> EtsProject:
    """Return what the file says. Raises: ConfigError."""
    try:
        with request.project.open("rb") as file:
            start = file.read(len(ZIP))
            file.seek(0)
            if start != ZIP:
                return read_group_addresses(file.read(LARGEST_LIST + 1))
            archive = check_archive(file)
            password = _project_password(request, archive)
            return read_project(file, password, language, archive=archive)
    except OSError as err:
        words = message("file_unreadable", reason=err.strerror or str(err))
        raise _refused(request.project, words) from err
    except EtsFileError as err:
        raise _refused(request.project, err.words) from err


def _project_password(request: Request, archive: ProjectArchive) -> str | None:
    """Return the password of a protected project: from its file, or from a person."""
    if not archive.is_protected:
        return None
    if request.password_file is not None:
        return _password(request.password_file)
    if not sys.stdin.isatty():
        return None
    text: str = click.prompt(f"Password of {request.project.name}", hide_input=True, err=True)
    return text


def _password(file: Path) -> str:
    """Return the password in a file. Raises: ConfigError."""
    try:
        return read_password(str(file))
    except ConfigError as err:
        raise _refused(file, err.findings[0].words) from None


def _write(path: Path, text: str) -> None:
    """Write a new file. Raises: ConfigError."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as err:
        raise _refused(path, message("ets_output_exists")) from err
    except OSError as err:
        words = message("ets_output_unwritable", reason=err.strerror or str(err))
        raise _refused(path, words) from err


def _individual_address(text: str | None) -> str | None:
    """Return an address as `area.line.device`. Raises: click.UsageError."""
    if text is None:
        return None
    try:
        return parse_individual_address(text)
    except NotAllowedError as err:
        raise click.UsageError(f"--device: {err.words.problem()}") from err


# --- keys -------------------------------------------------------------------------------------------


def _keys(
    request: Request,
    configuration: Configuration | None,
    project: EtsProject,
    imported: Imported,
) -> Iterator[Finding]:
    """Yield what the keyring says about the links, or that one is needed. Raises: ConfigError."""
    linked, secured = secured_links(project, imported.links)
    address = imported.individual_address
    if request.keyring is None and not (configuration and configuration.knx.keyring):
        yield from warn_about_keys(secured, _locate(request.project))
    else:
        yield from _keyring_findings(request, configuration, address, linked, secured)


def _keyring_findings(
    request: Request,
    configuration: Configuration | None,
    address: str | None,
    linked: Sequence[GroupAddress],
    secured: Sequence[GroupAddress],
) -> Iterator[Finding]:
    """Yield what the named keyring, or that of the configuration, holds. Raises: ConfigError."""
    settings = configuration.knx if configuration else NO_KNX
    if request.keyring is not None:
        settings = replace(settings, keyring=str(request.keyring), keyring_password_file=None)
    if request.keyring_password_file is not None:
        settings = replace(settings, keyring_password_file=str(request.keyring_password_file))
    try:
        contents = read_contents(settings)
    except ConfigError as err:
        words = err.findings[0].words
        raise _refused(request.keyring or Path(settings.keyring or ""), words) from None
    if contents is None:
        return
    own = address or settings.individual_address
    place = FileLine(settings.keyring or "", 0, "")
    for severity, words in keyring_report(contents, own, linked, secured):
        yield Finding(place=place, words=words, severity=severity)


# --- what is said -----------------------------------------------------------------------------------


def _refused(file: Path, words: Worded) -> ConfigError:
    return ConfigError([Finding(place=FileLine(str(file), 0, ""), words=words)])


def _locate(file: Path) -> Locate:
    return lambda key: FileLine(str(file), 0, key)


def _say(findings: Iterable[Finding], *, to_stderr: bool = False) -> None:
    for finding in findings:
        click.echo(str(finding), err=to_stderr)
