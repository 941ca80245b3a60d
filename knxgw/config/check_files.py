"""Whether the files that a configuration names can be read, by us alone; their content stays unread.

All of them are secrets, a keyring, the password of it, a key; but for the website's certificate.
"""

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from knxgw.config.report import Report

LONGEST_PATH_SHOWN = 200  # characters
PUBLIC = frozenset({"website.certificate"})  # everybody may read it


def check_files(files: Mapping[str, str], report: Report) -> None:
    """Report every file, by the key that names it, that this user on this machine cannot read."""
    for key, file in files.items():
        shown = file[-LONGEST_PATH_SHOWN:]
        if not os.path.isfile(file):  # noqa: PTH113 - no error for a name the system refuses
            report.error(key, "named_file_missing", file=shown)
        elif not os.access(file, os.R_OK):
            report.error(key, "named_file_unreadable", file=shown)


def warn_about_readers(files: Mapping[str, str], report: Report) -> None:
    """Warn about a secret that every user of the computer can read or replace.

    What its group may do is the installer's: the gateway's own group reads it.
    """
    for key, file in files.items():
        try:
            mode = Path(file).stat().st_mode
        except (OSError, ValueError):  # reported where it is opened
            continue
        if mode & stat.S_IROTH and key not in PUBLIC:
            report.warning(key, "secret_readable", file=file)
        elif mode & stat.S_IWOTH:
            report.warning(key, "secret_changeable", file=file)
