"""`knxgw certificate`: shows the website's certificate, makes one, removes what the device keeps."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import click

from knxgw.catalogue.load import catalogue
from knxgw.config.load import LoadedConfiguration, load_configuration
from knxgw.config.model import Configuration
from knxgw.errors import ConfigError, GatewayError, Severity
from knxgw.host.clock import system_clock
from knxgw.store.certificate_files import CertificateFiles, Source
from knxgw.store.private_files import write_private
from knxgw.website.certificate import Certificate, load_certificate
from knxgw.website.kept_certificate import make_own, refuse_unset_clock, unusable
from knxgw.website.names import certificate_names
from knxgw.website.own_certificate import is_self_signed, new_key, signed

TAKES = "a gateway that runs takes that with SIGHUP (systemctl reload knxgw)"
_WORDS = {
    Source.NAMED: "named by {config}",
    Source.UPLOADED: "uploaded on the website",
    Source.OWN: "made by this device",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a gateway looks for its certificate."""

    config: Path
    loaded: LoadedConfiguration | None  # None: there is no such file
    files: CertificateFiles

    @property
    def configuration(self) -> Configuration | None:
        """Return what the configuration file says, None: there is none."""
        return None if self.loaded is None else self.loaded.configuration

    @property
    def named(self) -> tuple[Path, Path] | None:
        """Return certificate and key that the configuration file names."""
        website = None if self.configuration is None else self.configuration.website
        if website is None or website.certificate is None or website.key is None:
            return None
        return Path(website.certificate), Path(website.key)


def place_of(config: Path, state: Path, *, may_be_missing: bool) -> Place:
    """Read what a configuration file says of the website. Raises: ConfigError."""
    loaded = None
    if not (may_be_missing and not config.exists()):
        loaded = load_configuration(config, catalogue(), is_offline=True)
        if loaded.configuration is None:
            raise ConfigError(loaded.findings)
    return Place(config=config, loaded=loaded, files=CertificateFiles(state))


def show_certificate(place: Place) -> None:
    """Print the certificate that the website uses. Raises: GatewayError, there is none."""
    certificate, file = _in_use(place)
    for line in _lines(place, certificate, file):
        click.echo(line)


def make_certificate(place: Place) -> None:
    """Make or renew a certificate, and print it. Raises: GatewayError."""
    now = system_clock()
    refuse_unset_clock(now)
    if place.named is not None:
        _make_named(place, *place.named, now)
    else:
        directory = place.files.directory
        if not directory.is_dir():
            raise GatewayError(
                f"there is no state directory {directory}; start the gateway once, or name the "
                "directory with --state"
            )
        make_own(place.files, certificate_names(place.configuration), now)
        if place.files.uploaded.exists():
            click.echo(
                "note: the website uses the uploaded certificate below; remove that one in Settings "
                f"or delete {place.files.uploaded} to use the new one"
            )
    show_certificate(place)
    click.echo(TAKES)


def remove_certificates(place: Place) -> None:
    """Remove what the device keeps: the website answers by http again. Raises: GatewayError."""
    if place.named is not None:
        raise GatewayError(
            f"{place.config} names a certificate: leave out website.certificate and website.key there"
        )
    if not place.files.kept():
        raise GatewayError(_none(place))
    try:
        place.files.remove_all()
    except OSError as err:
        raise GatewayError(
            f"{place.files.directory} cannot be written: {err.strerror or err}"
        ) from err
    click.echo(f"removed: the website answers by http and does not encrypt; {TAKES}")


def _make_named(place: Place, certificate: Path, key: Path, now: datetime) -> None:
    """Make or renew the certificate of the file; one that somebody else has issued stays."""
    if certificate == key:
        raise GatewayError(
            f"{place.config} names one file for both; name another one as website.key"
        )
    try:
        if certificate.exists() and not _is_own(certificate):
            raise GatewayError(
                f"somebody else has issued the certificate in {certificate}; renew it there, or name "
                "a file that does not exist yet"
            )
        is_new = not key.exists()
        key_pem = new_key() if is_new else key.read_bytes()
        try:
            content = signed(certificate_names(place.configuration), key_pem, now)
        except (ValueError, TypeError):  # its words may repeat what the file contains
            raise GatewayError(
                f"the key in {key} cannot be used; name a file that does not exist yet as website.key"
            ) from None
        like = place.files.directory if place.files.directory.is_dir() else None
        if is_new:
            write_private(key, key_pem, like=like)
        write_private(certificate, content, like=like)
    except OSError as err:
        raise GatewayError(
            f"{err.filename or certificate} cannot be read or written: {err.strerror or err}; run this "
            "as root or as the gateway's user"
        ) from err


def _is_own(certificate: Path) -> bool:
    try:
        return is_self_signed(certificate)
    except ValueError:
        raise GatewayError(
            f"{certificate} contains no certificate in PEM format; move it away, or name another file"
        ) from None


def _in_use(place: Place) -> tuple[Certificate, Path]:
    loaded = place.loaded
    if place.named is not None and loaded is not None:
        try:
            return load_certificate(*place.named), place.named[0]
        except ConfigError as err:
            raise ConfigError([loaded.located(one) for one in err.findings]) from None
    for file, source in place.files.kept():
        try:
            return load_certificate(file, file, source), file
        except ConfigError as err:
            found = [unusable(file, one) for one in err.findings]
            raise ConfigError([replace(one, severity=Severity.ERROR) for one in found]) from None
    raise GatewayError(_none(place))


def _none(place: Place) -> str:
    return (
        f"there is no certificate in {place.files.directory}: the website answers by http and does "
        "not encrypt; knxgw certificate --make makes one"
    )


def _lines(place: Place, certificate: Certificate, file: Path) -> Iterator[str]:
    yield f"certificate  {_WORDS[certificate.source].format(config=place.config)}"
    yield f"file         {file}"
    yield f"names        {', '.join(certificate.names) or '-'}"
    yield f"valid        {certificate.valid_from:%Y-%m-%d} to {certificate.valid_until:%Y-%m-%d}"
    yield f"SHA-256      {certificate.fingerprint}"
    if not certificate.valid_from <= system_clock() < certificate.valid_until:
        yield "browsers warn of it: it is not valid today; renew it, or check the clock"
