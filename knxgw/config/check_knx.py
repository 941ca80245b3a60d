"""Risks of the KNX connection: what is secured on paper only; pure."""

from knxgw.config.model import KnxLinkKind, KnxSettings
from knxgw.config.report import Report


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
