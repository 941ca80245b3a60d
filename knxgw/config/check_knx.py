"""Risks of the KNX connection: secured on paper only, secrets that others can read."""

import stat
from pathlib import Path

from knxgw.config.model import KnxLinkKind, KnxSettings
from knxgw.config.report import Report

_OTHERS = stat.S_IROTH | stat.S_IWOTH


def check_knx(knx: KnxSettings, report: Report) -> None:
    """Warn about what an installer believes to be secured and is not."""
    if knx.keyring is not None and knx.link is KnxLinkKind.TUNNELLING:
        report.warning(
            "knx.link",
            "a tunnel over UDP is not encrypted, with a keyring neither: "
            "it secures the telegrams of Data Secure only",
            "write link: tunnelling_tcp, if the KNX IP interface has secure tunnels",
        )
    if knx.keyring is not None and knx.link is KnxLinkKind.NONE:
        report.warning("knx.keyring", "is not used: there is no KNX connection")
    if knx.keyring is None and knx.keyring_password_file is not None:
        report.warning("knx.keyring_password_file", "is not used: no keyring is named")
    _warn_about_readers("knx.keyring", knx.keyring, report)
    _warn_about_readers("knx.keyring_password_file", knx.keyring_password_file, report)


def _warn_about_readers(key: str, file: str | None, report: Report) -> None:
    """Warn about a secret that every user of the computer can read or replace.

    What its group may do is the installer's: the gateway's own group reads it.
    """
    if file is None:
        return
    try:
        mode = Path(file).stat().st_mode
    except OSError:  # reported where it is opened
        return
    if mode & _OTHERS:
        may = "read" if mode & stat.S_IROTH else "change"
        report.warning(key, f"every user of this computer can {may} {file}", f"chmod o= {file}")
