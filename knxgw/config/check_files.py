"""Whether the files that a configuration names are there and can be read; their content stays unread."""

import os

from knxgw.config.model import KnxSettings
from knxgw.config.report import Report

LONGEST_PATH_SHOWN = 200  # characters


def check_files(knx: KnxSettings, report: Report) -> None:
    """Report every named file that this user, on this machine, cannot read."""
    _check_file("knx.keyring", knx.keyring, report)
    _check_file("knx.keyring_password_file", knx.keyring_password_file, report)


def _check_file(key: str, file: str | None, report: Report) -> None:
    if file is None:
        return
    shown = file[-LONGEST_PATH_SHOWN:]
    if not os.path.isfile(file):  # noqa: PTH113 - no error for a name the system refuses
        report.error(key, f"there is no file {shown}", "check the path")
    elif not os.access(file, os.R_OK):
        report.error(key, f"{shown} cannot be read", "give this user the right to read it")
