"""Whether the files that a configuration names can be read, by us alone; their content stays unread.

All of them are secrets: a keyring, and the password of it.
"""

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from knxgw.config.report import Report

LONGEST_PATH_SHOWN = 200  # characters
_OTHERS = stat.S_IROTH | stat.S_IWOTH


def check_files(files: Mapping[str, str], report: Report) -> None:
    """Report every file, by the key that names it, that this user on this machine cannot read."""
    for key, file in files.items():
        shown = file[-LONGEST_PATH_SHOWN:]
        if not os.path.isfile(file):  # noqa: PTH113 - no error for a name the system refuses
            report.error(key, f"there is no file {shown}", "check the path")
        elif not os.access(file, os.R_OK):
            report.error(key, f"{shown} cannot be read", "give this user the right to read it")


def warn_about_readers(files: Mapping[str, str], report: Report) -> None:
    """Warn about a secret that every user of the computer can read or replace.

    What its group may do is the installer's: the gateway's own group reads it.
    """
    for key, file in files.items():
        try:
            mode = Path(file).stat().st_mode
        except (OSError, ValueError):  # reported where it is opened
            continue
        if mode & _OTHERS:
            may = "read" if mode & stat.S_IROTH else "change"
            report.warning(key, f"every user of this computer can {may} {file}", f"chmod o= {file}")
